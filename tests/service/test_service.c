/* SPDX-License-Identifier: MIT */
/* test_service.c - operations: each way out, what is carried, what is refused, what is counted. */
#include "seen.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct seen_bus bus;

static const weir_trace thread_trace = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
					{21, 22, 23, 24, 25, 26, 27, 28},
					1};
static const weir_trace other_trace = {{99}, {98}, 0};

static int
open_bus(void **state)
{
	(void)state;
	seen_open(&bus);
	return 0;
}

static int
close_bus(void **state)
{
	(void)state;
	weir_trace_set(NULL);
	seen_close(&bus);
	return 0;
}

static void
assert_content(weir_content content, const char *text)
{
	assert_int_equal(content.size, strlen(text));
	assert_memory_equal(content.bytes, text, content.size);
}

static uint64_t
span_of(const weir_trace *trace)
{
	uint64_t span;

	memcpy(&span, trace->span_id, sizeof span);
	return span;
}

/* -- one call --------------------------------------------------------------- */

static void
test_success(void **state)
{
	weir_call_options options = seen_options(WEIR_CREATE);
	weir_call call;
	const struct seen *before = &bus.seen[0], *after = &bus.seen[1];
	char result[] = "42";
	uint64_t id;

	(void)state;
	options.data = weir_json("[1]");
	options.actor = "api";
	options.user_id = "user-4711";
	assert_ok(weir_call_begin(&call, bus.service, &options));
	id = weir_call_id(&call);
	assert_int_not_equal(id, 0);
	assert_ok(weir_call_succeed(&call, weir_text(result)));
	memset(result, 'x', sizeof result);
	assert_int_equal(weir_call_id(&call), 0);
	seen_expect(&bus, 2);
	assert_string_equal(before->topic, "order.before.create");
	assert_string_equal(after->topic, "order.after.create");
	for (int i = 0; i < 2; i++) {
		const weir_envelope *envelope = &bus.seen[i].envelope;

		assert_int_equal(envelope->phase, i ? WEIR_PHASE_AFTER : WEIR_PHASE_BEFORE);
		assert_int_equal(envelope->version, WEIR_ENVELOPE_VERSION);
		assert_int_equal(envelope->id, id);
		assert_int_equal(envelope->parent, 0);
		assert_int_equal(envelope->time, bus.seen[i].time);
		assert_int_equal(envelope->time == 0, seen_clock == WEIR_CLOCK_NONE);
		assert_content(envelope->data, "[1]");
		assert_int_equal(envelope->data.type, WEIR_CONTENT_JSON);
		assert_string_equal(envelope->actor, "api");
		assert_string_equal(envelope->user_id, "user-4711");
		assert_string_equal(envelope->error, "");
		assert_int_equal(envelope->code, 0);
		assert_false(envelope->traced || bus.seen[i].has_trace || bus.seen[i].has_key);
	}
	assert_int_equal(before->envelope.result.size, 0);
	assert_content(after->envelope.result, "42");
	assert_int_equal(after->envelope.result.type, WEIR_CONTENT_TEXT);
}

static void
test_failure(void **state)
{
	weir_call_options options = seen_options(WEIR_DELETE);
	weir_call call;
	char text[] = "no such order";

	(void)state;
	options.data = weir_bytes("abc", 3);
	assert_ok(weir_call_begin(&call, bus.service, &options));
	assert_ok(weir_call_fail(&call, -5, text));
	memset(text, 'x', sizeof text);
	seen_expect(&bus, 2);
	assert_string_equal(bus.seen[1].topic, "order.failed.delete");
	assert_int_equal(bus.seen[1].envelope.phase, WEIR_PHASE_FAILED);
	assert_int_equal(bus.seen[1].envelope.code, -5);
	assert_string_equal(bus.seen[1].envelope.error, "no such order");
	assert_content(bus.seen[1].envelope.data, "abc");
	assert_int_equal(bus.seen[1].envelope.id, bus.seen[0].envelope.id);
}

/* The first word counts, and there is only one end. */
static void
test_ends_once(void **state)
{
	weir_call_options options = seen_options(WEIR_UPDATE);
	weir_call call;

	(void)state;
	assert_ok(weir_call_begin(&call, bus.service, &options));
	assert_ok(weir_call_fail(&call, 1, NULL));
	assert_ok(weir_call_succeed(&call, weir_text("late")));
	assert_ok(weir_call_fail(&call, 2, "late"));
	assert_ok(weir_call_end(&call));
	seen_expect(&bus, 2);
	assert_int_equal(bus.seen[1].envelope.code, 1);
}

/* -- scopes ----------------------------------------------------------------- */

enum way { END, CONTINUE, BREAK, GOTO, RETURN, FAIL_RETURN, SUCCEED_RETURN, SUCCEED_END, FAIL_END, WAYS };

static int
leave(enum way way)
{
	WEIR_OPERATION(call, bus.service, WEIR_UPSERT, .data = weir_text("data"), .actor = "test") {
		char mine[] = "mine";

		if (way == CONTINUE)
			continue;
		if (way == BREAK)
			break;
		if (way == GOTO)
			goto out;
		if (way == RETURN)
			return 7;
		if (way == FAIL_RETURN)
			return weir_call_fail(&call, 5, mine), 7;
		if (way == SUCCEED_RETURN || way == SUCCEED_END)
			weir_call_succeed(&call, weir_text(mine));
		if (way == SUCCEED_RETURN)
			return 7;
		if (way == FAIL_END)
			weir_call_fail(&call, 6, mine);
	}
	return 8;
out:
	return 9;
}

static void
test_ways_out(void **state)
{
	static const struct {
		weir_phase phase;
		int32_t code;
		int returned;
		const char *result, *error;
	} expected[WAYS] = {
		[END] = {WEIR_PHASE_AFTER, 0, 8, "", ""},
		[CONTINUE] = {WEIR_PHASE_AFTER, 0, 8, "", ""},
		[BREAK] = {WEIR_PHASE_FAILED, WEIR_CODE_LEFT, 8, "", NULL},
		[GOTO] = {WEIR_PHASE_FAILED, WEIR_CODE_LEFT, 9, "", NULL},
		[RETURN] = {WEIR_PHASE_FAILED, WEIR_CODE_LEFT, 7, "", NULL},
		[FAIL_RETURN] = {WEIR_PHASE_FAILED, 5, 7, "", "mine"},
		[SUCCEED_RETURN] = {WEIR_PHASE_AFTER, 0, 7, "mine", ""},
		[SUCCEED_END] = {WEIR_PHASE_AFTER, 0, 8, "mine", ""},
		[FAIL_END] = {WEIR_PHASE_FAILED, 6, 8, "", "mine"},
	};

	(void)state;
	for (int way = 0; way < WAYS; way++) {
		const weir_envelope *end = &bus.seen[1].envelope;

		assert_int_equal(leave((enum way)way), expected[way].returned);
		seen_expect(&bus, 2);
		assert_int_equal(bus.seen[0].envelope.phase, WEIR_PHASE_BEFORE);
		assert_int_equal(end->phase, expected[way].phase);
		assert_int_equal(end->code, expected[way].code);
		assert_content(end->result, expected[way].result);
		if (expected[way].error)
			assert_string_equal(end->error, expected[way].error);
		else
			assert_int_not_equal(end->error_size, 0);
		assert_content(end->data, "data");
		assert_string_equal(end->actor, "test");
		/* What begins behind it is no part of it. */
		WEIR_OPERATION(next, bus.service, WEIR_CREATE) {
		}
		seen_expect(&bus, 2);
		assert_int_equal(bus.seen[0].envelope.parent, 0);
	}
}

static void
test_nested(void **state)
{
	weir_trace trace, inside;

	(void)state;
	weir_trace_set(&thread_trace);
	WEIR_OPERATION(outer, bus.service, WEIR_CREATE) {
		WEIR_OPERATION(inner, bus.service, WEIR_UPDATE) {
			weir_trace_get(&inside);
			break;
		}
		WEIR_OPERATION(second, bus.service, WEIR_DELETE) {
		}
	}
	weir_trace_get(&trace);
	assert_memory_equal(&trace, &thread_trace, sizeof trace);
	seen_expect(&bus, 6);
	for (int i = 1; i < 5; i++)
		assert_int_equal(bus.seen[i].envelope.parent, bus.seen[0].envelope.id);
	assert_int_equal(bus.seen[0].envelope.parent, span_of(&thread_trace));
	assert_string_equal(bus.seen[2].topic, "order.failed.update");
	assert_int_equal(span_of(&inside), bus.seen[1].envelope.id);
	assert_string_equal(bus.seen[5].topic, "order.after.create");
	assert_int_equal(bus.seen[5].envelope.id, bus.seen[0].envelope.id);
	assert_int_equal(bus.seen[5].envelope.parent, span_of(&thread_trace));
}

/* -- operations ------------------------------------------------------------- */

static void
test_names(void **state)
{
	static const char *const standard[] = {"create", "update",   "delete",
					       "upsert", "activate", "deactivate"};
	weir_operation refund = 0, again = 0, number = 0;
	weir_service *service;
	char name[300];

	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		assert_ok(weir_service_operation(bus.service, standard[i], &number));
		assert_int_equal(number, WEIR_CREATE + i);
	}
	assert_ok(weir_service_operation(bus.service, "refund", &refund));
	assert_ok(weir_service_operation(bus.service, "refund", &again));
	assert_int_equal(refund, again);
	WEIR_OPERATION(call, bus.service, refund) {
	}
	seen_expect(&bus, 2);
	assert_string_equal(bus.seen[0].topic, "order.before.refund");
	assert_string_equal(bus.seen[1].topic, "order.after.refund");

	assert_status(WEIR_EINVAL, weir_service_operation(bus.service, "a.b", &number));
	assert_status(WEIR_EINVAL, weir_service_operation(bus.service, "", &number));
	assert_status(WEIR_EINVAL, weir_service_operation(bus.service, "a b", &number));
	assert_status(WEIR_EINVAL, weir_service_operation(bus.service, NULL, &number));
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_status(WEIR_EINVAL, weir_service_operation(bus.service, name, &number));
	assert_status(WEIR_EINVAL, weir_service_open(bus.bus, name, NULL, &service));
	assert_status(WEIR_EINVAL, weir_service_open(bus.bus, "a.b", NULL, &service));
	assert_status(WEIR_EINVAL, weir_service_open(bus.bus, "weir", NULL, &service));
	assert_status(WEIR_EINVAL, weir_service_open(bus.bus, "", NULL, &service));
	assert_status(WEIR_EINVAL, weir_service_open(NULL, "a", NULL, &service));

	for (uint32_t i = 1; i < WEIR_OPERATION_COUNT_MAX; i++) {
		snprintf(name, sizeof name, "own-%u", i);
		assert_ok(weir_service_operation(bus.service, name, &number));
	}
	WEIR_OPERATION(call, bus.service, number) {
	}
	seen_expect(&bus, 2);
	assert_string_equal(bus.seen[0].topic, "order.before.own-56");
	assert_status(WEIR_ELIMIT, weir_service_operation(bus.service, "more", &number));
	assert_ok(weir_service_operation(bus.service, "refund", &again));
}

/* What no service could say is refused and counted. */
static void
test_invalid(void **state)
{
	weir_call_options options = seen_options(UINT32_MAX);
	weir_call call;
	weir_service_counts counts;

	(void)state;
	assert_status(WEIR_EINVAL, weir_call_begin(&call, bus.service, &options));
	assert_status(WEIR_EINVAL, weir_call_end(&call));
	options = seen_options(0);
	assert_status(WEIR_EINVAL, weir_call_begin(&call, bus.service, &options));
	assert_status(WEIR_EINVAL, weir_call_fail(&call, 1, "x"));
	options = seen_options(WEIR_CREATE);
	options.flags = 2;
	assert_status(WEIR_EINVAL, weir_call_begin(&call, bus.service, &options));
	assert_status(WEIR_EINVAL, weir_call_end(&call));
	options = seen_options(WEIR_CREATE);
	options.data.size = 4;
	assert_status(WEIR_EINVAL, weir_call_begin(&call, bus.service, &options));
	assert_status(WEIR_EINVAL, weir_call_end(&call));
	options = seen_options(WEIR_CREATE);
	options.size = 8;
	assert_status(WEIR_EINVAL, weir_call_begin(&call, bus.service, &options));
	assert_status(WEIR_EINVAL, weir_call_end(&call));
	options = seen_options(WEIR_CREATE);
	assert_ok(weir_call_begin(&call, bus.service, &options));
	assert_status(WEIR_EINVAL, weir_call_succeed(&call, weir_bytes(NULL, 4)));
	options = seen_options(WEIR_CREATE);
	assert_status(WEIR_EINVAL, weir_call_begin(&call, NULL, &options));
	assert_ok(weir_call_end(&call));
	seen_expect(&bus, 1);
	counts = seen_counts(bus.service);
	assert_int_equal(counts.refused_invalid, 11);
	assert_int_equal(unit_all_producer_counts(bus.bus).refused_invalid, 11);
}

/* -- switched off ----------------------------------------------------------- */

static void
test_disabled(void **state)
{
	weir_service_options quiet = WEIR_SERVICE_OPTIONS_INIT;
	weir_call_options options = seen_options(WEIR_CREATE);
	weir_call call;
	weir_service *service;
	weir_trace trace;

	(void)state;
	quiet.disabled = 1;
	assert_ok(weir_service_open(bus.bus, "quiet", &quiet, &service));
	WEIR_OPERATION(scope, service, WEIR_CREATE) {
		assert_int_equal(weir_call_id(&scope), 0);
		weir_trace_get(&trace);
		assert_int_equal(span_of(&trace), 0);
		break;
	}
	/* As it began, so it ends. */
	assert_ok(weir_call_begin(&call, service, &options));
	weir_service_enable(service, 1);
	assert_ok(weir_call_succeed(&call, weir_text("unheard")));
	seen_expect(&bus, 0);
	assert_ok(weir_call_begin(&call, service, &options));
	weir_service_enable(service, 0);
	assert_ok(weir_call_end(&call));
	WEIR_OPERATION(scope, service, WEIR_CREATE) {
	}
	seen_expect(&bus, 2);
	assert_string_equal(bus.seen[1].topic, "quiet.after.create");
	assert_int_equal(seen_counts(service).before, 1);
	assert_int_equal(seen_counts(service).after, 1);
	weir_service_close(service);
}

static void
test_disabled_bus(void **state)
{
	(void)state;
	weir_bus_enable(bus.bus, 0);
	WEIR_OPERATION(call, bus.service, WEIR_CREATE, .data = weir_text("x")) {
	}
	weir_bus_enable(bus.bus, 1);
	seen_expect(&bus, 0);
	assert_int_equal(seen_counts(bus.service).after, 1);
	assert_int_equal(unit_all_producer_counts(bus.bus).discarded, 2);
	WEIR_OPERATION(call, bus.service, WEIR_CREATE) {
	}
	seen_expect(&bus, 2);
}

/* -- refused ---------------------------------------------------------------- */

static void
test_full_ring(void **state)
{
	unsigned char data[300] = {0};
	weir_service_counts counts;
	uint64_t refused = 0, done = 0;
	weir_producer *producer;

	(void)state;
	while (!refused) {
		weir_call_options options = seen_options(WEIR_UPDATE);
		weir_call call;

		options.data = weir_bytes(data, sizeof data);
		refused += weir_call_begin(&call, bus.service, &options) == WEIR_EFULL;
		done++;
		refused += weir_call_succeed(&call, weir_text("done")) == WEIR_EFULL;
		assert_in_range(done, 1, 100);
	}
	counts = seen_counts(bus.service);
	assert_int_equal(counts.refused_full, refused);
	assert_int_equal(counts.before + counts.before_refused, done);
	assert_int_equal(counts.after + counts.after_refused, done);
	assert_ok(weir_thread_get_producer(bus.bus, &producer));
	assert_int_equal(unit_producer_counts(producer).refused_full, refused);
	seen_expect(&bus, (uint32_t)(counts.before + counts.after));
	/* There is room again. */
	WEIR_OPERATION(call, bus.service, WEIR_UPDATE) {
	}
	seen_expect(&bus, 2);
}

/* Only one of the two fits: the other is counted, and each is tried for itself. */
static void
test_too_big(void **state)
{
	static unsigned char data[2000];
	weir_call_options options = seen_options(WEIR_UPDATE);
	weir_call call;
	weir_service_counts counts;

	(void)state;
	assert_ok(weir_call_begin(&call, bus.service, &options));
	assert_status(WEIR_ETOOBIG, weir_call_succeed(&call, weir_bytes(data, sizeof data)));
	options.data = weir_bytes(data, UINT32_MAX);
	assert_status(WEIR_ETOOBIG, weir_call_begin(&call, bus.service, &options));
	options.data.size = 8;
	assert_ok(weir_call_end(&call));
	seen_expect(&bus, 2);
	assert_string_equal(bus.seen[0].topic, "order.before.update");
	assert_string_equal(bus.seen[1].topic, "order.after.update");
	counts = seen_counts(bus.service);
	assert_int_equal(counts.refused_size, 2);
	assert_int_equal(counts.before_refused, 1);
	assert_int_equal(counts.after_refused, 1);
}

/* A reservation of the thread's is not committed behind its back. */
static void
test_open_reservation(void **state)
{
	weir_topic topic = unit_topic(bus.bus, "plain");
	weir_producer *producer;
	void *room;

	(void)state;
	assert_ok(weir_thread_get_producer(bus.bus, &producer));
	assert_ok(weir_reserve(producer, topic, NULL, 8, &room));
	WEIR_OPERATION(call, bus.service, WEIR_CREATE) {
	}
	assert_int_equal(weir_pool_poll(bus.pool, 100), 0);
	assert_int_equal(seen_counts(bus.service).refused_busy, 2);
	weir_abort(producer);
	assert_int_equal(unit_producer_counts(producer).aborted, 1);
	assert_int_equal(unit_producer_counts(producer).refused_busy, 2);
	WEIR_OPERATION(call, bus.service, WEIR_CREATE) {
	}
	seen_expect(&bus, 2);
}

/* -- traces and keys -------------------------------------------------------- */

static void
test_trace(void **state)
{
	weir_call_options options = seen_options(WEIR_CREATE);
	weir_call call;
	weir_trace trace;

	(void)state;
	weir_trace_set(&thread_trace);
	weir_trace_get(&trace);
	assert_memory_equal(&trace, &thread_trace, sizeof trace);
	options.key = 77;
	options.actor = "a";
	assert_ok(weir_call_begin(&call, bus.service, &options));
	weir_trace_set(&other_trace);
	assert_ok(weir_call_end(&call));
	options.key = 0;
	options.flags = WEIR_ATTRIBUTE_KEY;
	options.actor = NULL;   /* a payload whose record has no byte to spare for the key */
	weir_trace_set(NULL);
	assert_ok(weir_call_begin(&call, bus.service, &options));
	assert_ok(weir_call_end(&call));
	seen_expect(&bus, 4);
	for (int i = 0; i < 4; i++) {
		const struct seen *it = &bus.seen[i];

		assert_true(it->has_key);
		assert_int_equal(it->key, i < 2 ? 77 : 0);
		assert_int_equal(it->has_trace, i < 2);
		assert_int_equal(it->envelope.traced, i < 2);
		assert_string_equal(it->envelope.actor, i < 2 ? "a" : "");
		if (!it->has_trace)
			continue;
		assert_memory_equal(&it->trace, &it->envelope.trace, sizeof it->trace);
		assert_memory_equal(it->trace.trace_id, thread_trace.trace_id, 16);
		assert_int_equal(it->trace.flags, 1);
		assert_int_equal(span_of(&it->trace), it->envelope.id);
		assert_int_equal(it->envelope.parent, span_of(&thread_trace));
	}
	weir_trace_get(&trace);
	assert_int_equal(span_of(&trace) | trace.trace_id[0] | trace.flags, 0);
}

/* The same by every way that an event can go: where publishers take the slow path, and with none. */
static void
test_trace_while_disabled(void **state)
{
	(void)state;
	weir_bus_enable(bus.bus, 0);
	weir_trace_set(&thread_trace);
	WEIR_OPERATION(call, bus.service, WEIR_CREATE, .key = 3) {
		weir_bus_enable(bus.bus, 1);
	}
	seen_expect(&bus, 1);
	assert_memory_equal(bus.seen[0].trace.trace_id, thread_trace.trace_id, 16);
	assert_int_equal(span_of(&bus.seen[0].trace), bus.seen[0].envelope.id);
	assert_int_equal(bus.seen[0].key, 3);
}

/* -- in handlers ------------------------------------------------------------ */

struct caller {
	weir_service *service;
	weir_trace trace;       /* the thread's, in the handler */
	uint64_t calls, batches, releases;
	weir_call *open;        /* one that is begun with these, and not ended */
	const weir_call_options *options;
};

static int
call_one(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct caller *caller = context;

	(void)event, (void)delivery;
	caller->calls++;
	weir_trace_get(&caller->trace);
	if (caller->open)
		return weir_call_begin(caller->open, caller->service, caller->options);
	WEIR_OPERATION(call, caller->service, WEIR_UPDATE) {
	}
	return 0;
}

static int
end_batch(const weir_delivery *delivery, void *context)
{
	(void)delivery;
	((struct caller *)context)->batches++;
	return 0;
}

static void
release(void *context)
{
	((struct caller *)context)->releases++;
}

static void
publish_plain(const weir_trace *trace)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_producer *producer;

	attributes.trace = trace;
	assert_ok(weir_thread_get_producer(bus.bus, &producer));
	assert_ok(weir_publish_with(producer, unit_topic(bus.bus, "plain"), &attributes,
				    bus.seen[0].bytes, 80));
}

/* Of one operation, published because of an event with the trace, or with none. */
static void
assert_caused(const weir_trace *trace)
{
	uint32_t own = bus.seen[0].source;

	for (int i = 1; i < 3; i++) {
		const struct seen *it = &bus.seen[i];

		assert_int_equal(it->hops, 1);
		assert_int_not_equal(it->source, own);
		assert_int_equal(it->envelope.id, bus.seen[1].envelope.id);
		assert_int_equal(it->has_trace, trace != NULL);
		assert_int_equal(it->envelope.traced, trace != NULL);
		assert_int_equal(it->envelope.parent, trace ? span_of(trace) : 0);
		if (!trace)
			continue;
		assert_memory_equal(it->trace.trace_id, trace->trace_id, 16);
		assert_memory_equal(&it->envelope.trace, &it->trace, sizeof *trace);
		assert_int_equal(span_of(&it->trace), it->envelope.id);
	}
}

/* Something that can be opened, for who sees all. */
static void
learn(void)
{
	WEIR_OPERATION(call, bus.service, WEIR_CREATE) {
	}
	seen_expect(&bus, 2);
}

static void
test_in_handler(void **state)
{
	struct caller caller = {.service = bus.service};

	(void)state;
	learn();
	unit_subscribe(bus.bus, "plain", call_one, &caller);
	publish_plain(&other_trace);
	seen_expect(&bus, 3);
	assert_caused(&other_trace);
	publish_plain(NULL);
	seen_expect(&bus, 3);
	assert_caused(NULL);
	/* Back on the thread's own. */
	WEIR_OPERATION(call, bus.service, WEIR_CREATE) {
	}
	publish_plain(NULL);
	seen_expect(&bus, 5);
	assert_int_equal(bus.seen[0].source, bus.seen[2].source);
	assert_int_equal(bus.seen[0].hops, 0);
}

static void
test_trace_subscribe(void **state)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct caller caller = {.service = bus.service};
	weir_subscription subscription;
	weir_trace trace;

	(void)state;
	learn();
	options.batch_end = end_batch;
	options.released = release;
	assert_ok(weir_trace_subscribe(bus.bus, "plain", call_one, &caller, &options, &subscription));
	weir_trace_set(&thread_trace);
	publish_plain(&other_trace);
	seen_expect(&bus, 3);
	assert_memory_equal(&caller.trace, &other_trace, sizeof caller.trace);
	assert_caused(&other_trace);
	publish_plain(NULL);
	seen_expect(&bus, 3);
	assert_int_equal(caller.trace.trace_id[0], 0);
	assert_caused(NULL);
	weir_trace_get(&trace);
	assert_memory_equal(&trace, &thread_trace, sizeof trace);
	assert_int_equal(caller.calls, 2);
	assert_in_range(caller.batches, 1, 2);
	assert_ok(weir_unsubscribe_wait(bus.bus, subscription, UNIT_PATIENCE));
	assert_int_equal(caller.releases, 1);
	assert_status(WEIR_EINVAL, weir_trace_subscribe(bus.bus, "..", call_one, &caller, NULL,
							&subscription));
	assert_status(WEIR_EINVAL, weir_trace_subscribe(bus.bus, "a", NULL, &caller, NULL,
							&subscription));
}

static void *
end_it(void *call)
{
	return weir_call_succeed(call, weir_text("elsewhere")) == WEIR_OK ? call : NULL;
}

static void
end_on_another_thread(weir_call *call)
{
	pthread_t thread;
	void *ok;

	assert_int_equal(pthread_create(&thread, NULL, end_it, call), 0);
	pthread_join(thread, &ok);
	assert_non_null(ok);
}

/* Begun in a handler of a pool that anybody may poll, and ended outside: not through its producer. */
static void
test_ends_outside_its_handler(void **state)
{
	weir_call_options options = seen_options(WEIR_UPDATE);
	weir_call call;
	struct caller caller = {.service = bus.service, .open = &call, .options = &options};

	(void)state;
	learn();
	unit_subscribe(bus.bus, "plain", call_one, &caller);
	publish_plain(NULL);
	seen_expect(&bus, 2);
	assert_int_not_equal(bus.seen[0].source, bus.seen[1].source);
	assert_ok(weir_call_end(&call));
	publish_plain(NULL);
	caller.open = NULL;
	seen_expect(&bus, 4);
	assert_string_equal(bus.seen[0].topic, "order.after.update");
	assert_int_equal(bus.seen[0].source, bus.seen[1].source);
	/* Nor where nothing has ever begun. */
	caller.open = &call;
	options = seen_options(WEIR_DELETE);
	publish_plain(NULL);
	seen_expect(&bus, 2);
	end_on_another_thread(&call);
	seen_expect(&bus, 1);
	assert_string_equal(bus.seen[0].topic, "order.after.delete");
}

static int
go_on(const weir_event *event, const weir_delivery *delivery, void *context)
{
	weir_call_options options = seen_options(WEIR_UPDATE);
	weir_call call;

	(void)event, (void)delivery;
	weir_call_begin(&call, context, &options);
	weir_call_fail(&call, 1, "and so on");
	return 0;
}

/* An operation that causes itself comes to an end, counted. */
static void
test_storm(void **state)
{
	(void)state;
	unit_subscribe(bus.bus, "order.failed.update", go_on, bus.service);
	WEIR_OPERATION(call, bus.service, WEIR_UPDATE) {
		break;
	}
	assert_in_range(seen_poll(&bus), 16, 40);
	assert_int_equal(seen_counts(bus.service).refused_hops, 2);
}

/* -- threads and processes -------------------------------------------------- */

static void
test_ends_on_another_thread(void **state)
{
	weir_call_options options = seen_options(WEIR_CREATE);
	weir_call call;

	(void)state;
	assert_ok(weir_call_begin(&call, bus.service, &options));
	end_on_another_thread(&call);
	seen_expect(&bus, 2);
	assert_int_not_equal(bus.seen[0].source, bus.seen[1].source);
	assert_int_equal(bus.seen[0].envelope.id, bus.seen[1].envelope.id);
	assert_int_equal(seen_counts(bus.service).after, 1);
}

static int
in_child(void *context)
{
	weir_call_options options = seen_options(WEIR_CREATE);
	weir_call *open = context, call;

	child_expect(weir_call_end(open) == WEIR_EFORKED);
	child_expect(weir_call_begin(&call, bus.service, &options) == WEIR_EFORKED);
	child_expect(weir_call_fail(&call, 1, "x") == WEIR_EFORKED);
	child_expect(seen_counts(bus.service).before == 1);
	child_expect(seen_counts(bus.service).before_refused == 0);
	return 0;
}

static void
test_fork(void **state)
{
	weir_call_options options = seen_options(WEIR_CREATE);
	weir_call call;

	(void)state;
	assert_ok(weir_call_begin(&call, bus.service, &options));
	assert_int_equal(unit_in_child(in_child, &call), 0);
	assert_ok(weir_call_end(&call));
	seen_expect(&bus, 2);
}

enum { THREADS = 8, ROUNDS = 40, OPERATIONS = 50 };

/* By id: what was seen of it. */
struct pairs {
	weir_service *service;
	uint64_t count, id[THREADS * ROUNDS * OPERATIONS * 2];
	uint8_t phase[THREADS * ROUNDS * OPERATIONS * 2];
};

static int
keep_pair(const weir_event *event, const weir_delivery *delivery, void *context)
{
	weir_envelope envelope = WEIR_ENVELOPE_INIT;
	struct pairs *pairs = context;

	(void)delivery;
	if (weir_envelope_open(weir_event_data(event), event->size, &envelope))
		return 1;
	pairs->id[pairs->count] = envelope.id;
	pairs->phase[pairs->count++] = (uint8_t)envelope.phase;
	return 0;
}

static void *
operate(void *context)
{
	struct pairs *pairs = context;

	for (int i = 0; i < OPERATIONS; i++)
		WEIR_OPERATION(call, pairs->service, WEIR_CREATE, .data = weir_text("some data")) {
			if (i % 2)
				break;
		}
	return NULL;
}

static int
compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Threads come and go: each id is there for one before and one end, and the sums are right. */
static void
test_threads(void **state)
{
	struct pairs *pairs = calloc(1, sizeof *pairs);
	weir_bus *own = unit_open(NULL, NULL);
	pthread_t thread[THREADS];
	weir_service_counts counts;
	uint64_t phases[4] = {0};

	(void)state;
	assert_non_null(pairs);
	assert_ok(weir_service_open(own, "crowd", NULL, &pairs->service));
	unit_subscribe(own, "crowd.>", keep_pair, pairs);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&thread[i], NULL, operate, pairs), 0);
		for (int i = 0; i < THREADS; i++)
			pthread_join(thread[i], NULL);
	}
	assert_ok(weir_bus_flush(own, UNIT_PATIENCE));
	counts = seen_counts(pairs->service);
	assert_int_equal(counts.before, THREADS * ROUNDS * OPERATIONS);
	assert_int_equal(counts.after, counts.before / 2);
	assert_int_equal(counts.failed, counts.before / 2);
	assert_int_equal(pairs->count, 2 * counts.before);
	for (uint64_t i = 0; i < pairs->count; i++)
		phases[pairs->phase[i]]++;
	assert_int_equal(phases[WEIR_PHASE_BEFORE], counts.before);
	assert_int_equal(phases[WEIR_PHASE_AFTER], counts.after);
	assert_int_equal(phases[WEIR_PHASE_FAILED], counts.failed);
	qsort(pairs->id, pairs->count, sizeof *pairs->id, compare_ids);
	for (uint64_t i = 0; i < pairs->count; i += 2) {
		assert_int_equal(pairs->id[i], pairs->id[i + 1]);
		assert_true(i == 0 || pairs->id[i] != pairs->id[i - 1]);
	}
	weir_service_close(pairs->service);
	unit_close(own);
	free(pairs);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, open_bus, close_bus)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_success),
		EACH(test_failure),
		EACH(test_ends_once),
		EACH(test_ways_out),
		EACH(test_nested),
		EACH(test_names),
		EACH(test_invalid),
		EACH(test_disabled),
		EACH(test_disabled_bus),
		EACH(test_full_ring),
		EACH(test_too_big),
		EACH(test_open_reservation),
		EACH(test_trace),
		EACH(test_trace_while_disabled),
		EACH(test_in_handler),
		EACH(test_trace_subscribe),
		EACH(test_ends_outside_its_handler),
		EACH(test_storm),
		EACH(test_ends_on_another_thread),
		EACH(test_fork),
		cmocka_unit_test(test_threads),
	};

	return seen_run(tests);
}
