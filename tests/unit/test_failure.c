/* SPDX-License-Identifier: MIT */
/* test_failure.c - handlers that fail: quarantine, trials, who else notices. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/bus.h"

#define MILLISECOND 1000000ull
#define LONG        (3600 * UNIT_SECOND)

static void
nap(uint64_t ns)
{
	nanosleep(&(struct timespec){(time_t)(ns / UNIT_SECOND), (long)(ns % UNIT_SECOND)}, NULL);
}

static int
sum_of(const weir_subscription_counts *counts, uint64_t due)
{
	return counts->due == due && counts->running == 0 &&
	       due == counts->ok + counts->failed + counts->skipped_quarantine +
			       counts->skipped_paused + counts->skipped_unsubscribed;
}

/* -- a handler that does what it is told ------------------------------------ */

struct patient {
	weir_bus *bus;
	weir_producer *producer;
	weir_topic topic;
	weir_subscription subscription;
	uint64_t calls, at_once, most_at_once, batch_ends;
	int code, batch_end_code;
	uint64_t call_ns;
};

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct patient *patient = context;
	uint64_t inside = __atomic_add_fetch(&patient->at_once, 1, __ATOMIC_SEQ_CST);

	(void)event, (void)delivery;
	if (inside > unit_load(&patient->most_at_once))
		__atomic_store_n(&patient->most_at_once, inside, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&patient->calls, 1, __ATOMIC_SEQ_CST);
	if (patient->call_ns)
		nap(patient->call_ns);
	__atomic_fetch_sub(&patient->at_once, 1, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&patient->code, __ATOMIC_SEQ_CST);
}

static int
end_batch(const weir_delivery *delivery, void *context)
{
	struct patient *patient = context;

	(void)delivery;
	patient->batch_ends++;
	return patient->batch_end_code;
}

static void
tell(struct patient *patient, int code)
{
	__atomic_store_n(&patient->code, code, __ATOMIC_SEQ_CST);
}

static void
admit(struct patient *patient, const char *pattern, uint32_t count, uint64_t ns, bool batched)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;

	options.quarantine_failure_count = count;
	options.quarantine_ns = ns;
	options.batch_end = batched ? end_batch : NULL;
	assert_ok(weir_subscribe(patient->bus, pattern, handle, patient, &options,
				 &patient->subscription));
}

static struct patient *
open_patient(struct patient *patient, uint32_t dispatchers, uint32_t count, uint64_t ns,
	     bool batched)
{
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;

	pool.dispatcher_count = dispatchers;
	*patient = (struct patient){.bus = unit_open(NULL, &pool)};
	patient->producer = unit_producer(patient->bus);
	patient->topic = unit_topic(patient->bus, "a.b");
	admit(patient, "a.b", count, ns, batched);
	return patient;
}

static void
close_patient(struct patient *patient)
{
	weir_producer_close(patient->producer);
	unit_close(patient->bus);
}

static void
publish(struct patient *patient, uint32_t count)
{
	while (count--)
		assert_ok(weir_publish_wait(patient->producer, patient->topic, NULL, &count,
					    sizeof count, UNIT_PATIENCE));
}

/* One at a time, each a batch. */
static void
publish_each(struct patient *patient, uint32_t count)
{
	while (count--) {
		publish(patient, 1);
		assert_ok(weir_bus_flush(patient->bus, UNIT_PATIENCE));
	}
}

static weir_subscription_counts
counts_of(struct patient *patient)
{
	return unit_subscription_counts(patient->bus, patient->subscription);
}

/* -- the word, without threads ---------------------------------------------- */

static void
test_word(void **state)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct wi_subscription *subscription = wi_subscription_create(NULL, 7, 1);
	uint32_t before;

	(void)state;
	options.quarantine_failure_count = 2;
	options.quarantine_ns = UINT64_MAX;
	assert_true(wi_subscription_init(subscription, "a", handle, NULL, &options, 1));
	wi_subscription_start(subscription, 0);
	assert_false(wi_subscription_failed(subscription, false));
	assert_int_equal(wi_subscription_state(subscription), WI_SUBSCRIPTION_FAILURE);
	wi_subscription_succeeded(subscription, false);
	assert_int_equal(wi_subscription_state(subscription), 0);
	assert_false(wi_subscription_failed(subscription, false));
	assert_true(wi_subscription_failed(subscription, false));
	/* Calls that were under way decide nothing any more. */
	assert_false(wi_subscription_failed(subscription, false));
	wi_subscription_succeeded(subscription, false);
	assert_true(wi_subscription_state(subscription) & WI_SUBSCRIPTION_QUARANTINED);
	assert_false(wi_subscription_state(subscription) & WI_SUBSCRIPTION_TRIAL);
	assert_int_equal(subscription->quarantine_until, UINT64_MAX);
	assert_false(wi_subscription_try(subscription, UINT64_MAX - 1));
	assert_true(wi_subscription_try(subscription, UINT64_MAX));
	assert_false(wi_subscription_try(subscription, UINT64_MAX));
	assert_true(wi_subscription_failed(subscription, true));
	assert_true(wi_subscription_try(subscription, UINT64_MAX));
	/* What else the word says stays. */
	assert_true(wi_subscription_mark(subscription, subscription->id, WI_SUBSCRIPTION_PAUSED, 0,
					 &before));
	wi_subscription_succeeded(subscription, true);
	assert_int_equal(wi_subscription_state(subscription), WI_SUBSCRIPTION_PAUSED);
	assert_int_equal(subscription->word >> 32, subscription->id >> 32);
	assert_false(wi_subscription_try(subscription, UINT64_MAX));
	wi_subscription_destroy(subscription);
}

/* The streak ends at its greatest and does not run into the other bits. */
static void
test_word_is_full(void **state)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct wi_subscription *subscription = wi_subscription_create(NULL, 7, 1);

	(void)state;
	options.quarantine_failure_count = UINT32_MAX;
	assert_true(wi_subscription_init(subscription, "a", handle, NULL, &options, 1));
	wi_subscription_start(subscription, WEIR_SUBSCRIPTION_REPLAYED);
	subscription->word += (WI_SUBSCRIPTION_STREAK_MAX - 2) * (uint64_t)WI_SUBSCRIPTION_FAILURE;
	assert_false(wi_subscription_failed(subscription, false));
	assert_true(wi_subscription_failed(subscription, false));
	assert_false(wi_subscription_failed(subscription, false));
	assert_int_equal(subscription->word >> 32, subscription->id >> 32);
	assert_int_equal(wi_subscription_state(subscription),
			 WI_SUBSCRIPTION_STREAK | WI_SUBSCRIPTION_QUARANTINED |
				 WI_SUBSCRIPTION_REPLAYED);
	wi_subscription_destroy(subscription);
}

/* -- quarantine ------------------------------------------------------------- */

static void
test_never(void **state)
{
	struct patient p;
	weir_subscription_counts counts;

	(void)state;
	open_patient(&p, 1, 0, 1, false);
	p.code = 5;
	publish_each(&p, 100);
	counts = counts_of(&p);
	assert_int_equal(p.calls, 100);
	assert_int_equal(counts.failed, 100);
	assert_int_equal(counts.quarantines, 0);
	assert_int_equal(counts.state, WEIR_SUBSCRIPTION_ACTIVE);
	close_patient(&p);
}

static void
test_quarantine(void **state)
{
	struct patient p;
	weir_subscription_counts counts;
	uint64_t others = 0;

	(void)state;
	open_patient(&p, 1, 3, LONG, false);
	unit_subscribe(p.bus, "a.b", unit_count, &others);
	p.code = 5;
	publish_each(&p, 2);
	assert_int_equal(counts_of(&p).state, WEIR_SUBSCRIPTION_ACTIVE);
	publish_each(&p, 1);
	counts = counts_of(&p);
	assert_int_equal(counts.state, WEIR_SUBSCRIPTION_QUARANTINED);
	assert_int_equal(counts.quarantines, 1);
	tell(&p, 0);
	publish(&p, 100);
	assert_ok(weir_bus_flush(p.bus, UNIT_PATIENCE));
	counts = counts_of(&p);
	assert_int_equal(p.calls, 3);
	assert_int_equal(others, 103);
	assert_int_equal(counts.failed, 3);
	assert_int_equal(counts.failure_code[0], 5);
	assert_int_equal(counts.failure_count[0], 3);
	assert_int_equal(counts.skipped_quarantine, 100);
	assert_true(sum_of(&counts, 103));
	close_patient(&p);
}

/* The limit is reached in the middle of a batch. */
static void
test_within_a_batch(void **state)
{
	struct patient p;
	weir_subscription_counts counts;
	struct unit_gate gate;

	(void)state;
	open_patient(&p, 1, 3, LONG, false);
	unit_gate_init(&gate);
	unit_subscribe(p.bus, "gate", unit_gate_handler, &gate);
	p.code = -1;
	assert_ok(weir_publish(p.producer, unit_topic(p.bus, "gate"), NULL, 0));
	unit_gate_wait(&gate);
	publish(&p, 50);
	unit_gate_pass(&gate, 1);
	assert_ok(weir_bus_flush(p.bus, UNIT_PATIENCE));
	counts = counts_of(&p);
	assert_int_equal(counts.failed, 3);
	assert_int_equal(counts.skipped_quarantine, 47);
	close_patient(&p);
}

static void
test_success_ends_the_streak(void **state)
{
	struct patient p;
	weir_subscription_counts counts;

	(void)state;
	open_patient(&p, 1, 3, LONG, false);
	for (int i = 0; i < 10; i++) {
		tell(&p, 1);
		publish_each(&p, 2);
		tell(&p, 0);
		publish_each(&p, 1);
	}
	counts = counts_of(&p);
	assert_int_equal(counts.failed, 20);
	assert_int_equal(counts.ok, 10);
	assert_int_equal(counts.quarantines, 0);
	assert_int_equal(counts.state, WEIR_SUBSCRIPTION_ACTIVE);
	close_patient(&p);
}

/* Waits until a trial has been made. */
static void
publish_until_called(struct patient *patient, uint64_t calls)
{
	uint64_t end = unit_now() + UNIT_PATIENCE;

	while (unit_load(&patient->calls) < calls) {
		assert_true(unit_now() < end);
		publish_each(patient, 1);
		nap(MILLISECOND / 2);
	}
}

static void
test_trial(void **state)
{
	uint64_t period = 30 * MILLISECOND, began;
	struct patient p;
	weir_subscription_counts counts;

	(void)state;
	open_patient(&p, 1, 2, period, false);
	p.code = 1;
	publish_each(&p, 2);
	for (uint64_t trial = 1; trial <= 3; trial++) {
		began = unit_now();
		publish_until_called(&p, 2 + trial);
		/* The period began before `began`, by what publish_each() took. */
		assert_true(unit_now() - began > period / 2);
		publish_each(&p, 3);
		assert_int_equal(unit_load(&p.calls), 2 + trial);
		assert_int_equal(counts_of(&p).quarantines, 1 + trial);
	}
	tell(&p, 0);
	publish_until_called(&p, 6);
	counts = counts_of(&p);
	assert_int_equal(counts.state, WEIR_SUBSCRIPTION_ACTIVE);
	assert_int_equal(counts.ok, 1);
	publish_each(&p, 10);
	assert_int_equal(unit_load(&p.calls), 16);
	/* A new streak begins with nothing. */
	tell(&p, 1);
	publish_each(&p, 1);
	assert_int_equal(counts_of(&p).state, WEIR_SUBSCRIPTION_ACTIVE);
	publish_each(&p, 1);
	counts = counts_of(&p);
	assert_int_equal(counts.state, WEIR_SUBSCRIPTION_QUARANTINED);
	assert_int_equal(counts.quarantines, 5);
	assert_true(sum_of(&counts, counts.ok + counts.failed + counts.skipped_quarantine));
	close_patient(&p);
}

static void
test_pause_and_end(void **state)
{
	struct patient p;
	weir_subscription_counts counts;

	(void)state;
	open_patient(&p, 1, 1, LONG, false);
	p.code = 1;
	publish_each(&p, 2);
	assert_ok(weir_subscription_pause(p.bus, p.subscription, 1));
	assert_int_equal(counts_of(&p).state, WEIR_SUBSCRIPTION_PAUSED);
	publish_each(&p, 4);
	assert_ok(weir_subscription_pause(p.bus, p.subscription, 0));
	assert_int_equal(counts_of(&p).state, WEIR_SUBSCRIPTION_QUARANTINED);
	publish_each(&p, 1);
	counts = counts_of(&p);
	assert_int_equal(counts.skipped_quarantine, 2);
	assert_int_equal(counts.skipped_paused, 4);
	assert_ok(weir_unsubscribe_wait(p.bus, p.subscription, UNIT_PATIENCE));
	/* Its place is used again: nothing of the quarantine is left. */
	admit(&p, "a.b", 2, LONG, false);
	publish_each(&p, 1);
	counts = counts_of(&p);
	assert_int_equal(counts.failed, 1);
	assert_int_equal(counts.quarantines, 0);
	assert_int_equal(counts.state, WEIR_SUBSCRIPTION_ACTIVE);
	close_patient(&p);
}

/* -- with a batch_end ------------------------------------------------------- */

/* What it says decides: a handler that is content does not end the streak. */
static void
test_failed_batches(void **state)
{
	struct patient p;
	weir_subscription_counts counts;

	(void)state;
	open_patient(&p, 1, 3, 20 * MILLISECOND, true);
	p.batch_end_code = 9;
	publish_each(&p, 3);
	counts = counts_of(&p);
	assert_int_equal(counts.ok, 3);
	assert_int_equal(counts.failed_batches, 3);
	assert_int_equal(counts.state, WEIR_SUBSCRIPTION_QUARANTINED);
	/* The trial is a batch of its own, and fails as one. */
	publish_until_called(&p, 4);
	counts = counts_of(&p);
	assert_int_equal(p.batch_ends, 4);
	assert_int_equal(counts.failed_batches, 4);
	assert_int_equal(counts.quarantines, 2);
	p.batch_end_code = 0;
	publish_until_called(&p, 5);
	assert_int_equal(counts_of(&p).state, WEIR_SUBSCRIPTION_ACTIVE);
	publish_each(&p, 5);
	assert_int_equal(p.batch_ends, 10);
	assert_int_equal(counts_of(&p).failed_batches, 4);
	close_patient(&p);
}

/* And a batch_end that is content does not make up for a handler that never was. */
static void
test_content_batch_end(void **state)
{
	struct patient p;

	(void)state;
	open_patient(&p, 1, 3, LONG, true);
	p.code = 1;
	publish_each(&p, 2);
	tell(&p, 0);
	publish_each(&p, 1);
	tell(&p, 1);
	publish_each(&p, 2);
	assert_int_equal(counts_of(&p).state, WEIR_SUBSCRIPTION_ACTIVE);
	publish_each(&p, 1);
	assert_int_equal(counts_of(&p).state, WEIR_SUBSCRIPTION_QUARANTINED);
	assert_int_equal(p.batch_ends, 6);
	close_patient(&p);
}

/* -- two dispatchers -------------------------------------------------------- */

/* Failures on either thread count, and there is one trial at a time. */
static void
test_two_dispatchers(void **state)
{
	enum { ROUNDS = 400 };
	struct patient p;
	weir_subscription_counts counts;
	weir_producer *other;
	uint64_t due = 0;

	(void)state;
	open_patient(&p, 2, 4, 2 * MILLISECOND, false);
	other = unit_producer(p.bus);
	p.code = 3;
	while (counts_of(&p).state != WEIR_SUBSCRIPTION_QUARANTINED) {
		publish(&p, 1);
		assert_ok(weir_publish_wait(other, p.topic, NULL, &due, sizeof due, UNIT_PATIENCE));
		due += 2;
		assert_ok(weir_bus_flush(p.bus, UNIT_PATIENCE));
		assert_true(due <= 4);
	}
	__atomic_store_n(&p.most_at_once, 0, __ATOMIC_SEQ_CST);
	p.call_ns = MILLISECOND / 5;
	for (int round = 0; round < ROUNDS; round++) {
		publish(&p, 5);
		for (int i = 0; i < 5; i++)
			assert_ok(weir_publish_wait(other, p.topic, NULL, &due, sizeof due,
						    UNIT_PATIENCE));
		due += 10;
		nap(MILLISECOND / 5);
	}
	assert_ok(weir_bus_flush(p.bus, UNIT_PATIENCE));
	counts = counts_of(&p);
	assert_true(sum_of(&counts, due));
	assert_int_equal(p.most_at_once, 1);
	assert_true(counts.quarantines > 2);
	assert_int_equal(counts.failed, p.calls);
	/* 4 that began it, perhaps one more that was under way; then each trial began one. */
	assert_in_range(counts.failed - counts.quarantines, 3, 4);
	tell(&p, 0);
	publish_until_called(&p, p.calls + 1);
	assert_int_equal(counts_of(&p).state, WEIR_SUBSCRIPTION_ACTIVE);
	weir_producer_close(other);
	close_patient(&p);
}

/* -- weir.failed.deliver ---------------------------------------------------- */

enum { HEARD_MAX = 64, PAYLOAD_MAX = 8192 };

/* What a handler of failure events heard; read after a flush. */
struct heard {
	uint64_t count, stands_for, calls;
	struct {
		weir_failure failure;
		uint32_t hops;
		int has_trace, has_key;
		weir_trace trace;
		uint64_t time;
		unsigned char payload[PAYLOAD_MAX];
	} event[HEARD_MAX];
	int code;
};

static int
hear(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct heard *heard = context;
	const weir_failure *failure = weir_event_data(event);
	uint64_t key;

	(void)delivery;
	heard->calls++;
	heard->stands_for += failure->count;
	if (heard->count == HEARD_MAX || event->size != failure->size + failure->payload_copied)
		return 99;
	heard->event[heard->count].failure = *failure;
	heard->event[heard->count].hops = weir_event_hops(event);
	heard->event[heard->count].has_trace = weir_event_trace(event) != NULL;
	heard->event[heard->count].has_key = weir_event_key(event, &key);
	if (weir_event_trace(event))
		heard->event[heard->count].trace = *weir_event_trace(event);
	heard->event[heard->count].time = event->time;
	memcpy(heard->event[heard->count].payload, (const char *)failure + failure->size,
	       failure->payload_copied);
	heard->count++;
	return heard->code;
}

static struct heard heard;

static weir_subscription
listen(struct patient *patient)
{
	memset(&heard, 0, sizeof heard);
	return unit_subscribe(patient->bus, "weir.failed.deliver", hear, &heard);
}

static void
test_failure_event(void **state)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_trace trace = {.trace_id = {1, 2, 3}, .span_id = {4}, .flags = 1};
	struct patient p;
	const weir_failure *failure = &heard.event[1].failure;

	(void)state;
	open_patient(&p, 1, 0, 0, false);
	listen(&p);
	publish_each(&p, 1);
	tell(&p, 42);
	publish_each(&p, 1);
	attributes.flags = WEIR_ATTRIBUTE_KEY;
	attributes.key = 7;
	attributes.trace = &trace;
	attributes.hops = 5;
	assert_ok(weir_publish_with(p.producer, p.topic, &attributes, "a payload", 9));
	assert_ok(weir_bus_flush(p.bus, UNIT_PATIENCE));
	assert_int_equal(heard.count, 2);
	assert_int_equal(heard.event[0].failure.payload_size, 4);
	assert_int_equal(heard.event[0].hops, 1);
	assert_false(heard.event[0].has_trace);
	assert_int_equal(failure->size, sizeof *failure);
	assert_int_equal(failure->code, 42);
	assert_int_equal(failure->subscription, p.subscription.id);
	assert_int_equal(failure->sequence, 3);
	assert_int_equal(failure->count, 1);
	assert_int_equal(failure->topic, p.topic.id);
	assert_true(failure->source > 0);
	assert_int_equal(failure->payload_size, 9);
	assert_int_equal(failure->payload_copied, 9);
	assert_memory_equal(heard.event[1].payload, "a payload", 9);
	assert_int_equal(heard.event[1].hops, 6);
	assert_true(heard.event[1].has_trace);
	assert_false(heard.event[1].has_key);
	assert_memory_equal(&heard.event[1].trace, &trace, sizeof trace);
	assert_true(heard.event[1].time > 0);
	close_patient(&p);
}

/* A payload that is too long for a failure is cut, one of the greatest allowed too. */
static void
test_payload_is_cut(void **state)
{
	static unsigned char payload[65536];
	struct patient p;
	uint32_t most;

	(void)state;
	for (size_t i = 0; i < sizeof payload; i++)
		payload[i] = (unsigned char)(i * 7);
	open_patient(&p, 1, 0, 0, false);
	listen(&p);
	p.code = -3;
	most = weir_producer_payload_size_max(p.producer);
	assert_true(most <= sizeof payload);
	assert_ok(weir_publish(p.producer, p.topic, payload, most));
	assert_ok(weir_bus_flush(p.bus, UNIT_PATIENCE));
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.event[0].failure.payload_size, most);
	assert_int_equal(heard.event[0].failure.payload_copied, 4096);
	assert_memory_equal(heard.event[0].payload, payload, 4096);
	close_patient(&p);
}

/* Many in one batch are one event, with the latest code, number and payload. */
static void
test_gathered(void **state)
{
	struct patient p;
	struct unit_gate gate;
	uint32_t payload;

	(void)state;
	open_patient(&p, 1, 0, 0, false);
	listen(&p);
	unit_gate_init(&gate);
	unit_subscribe(p.bus, "gate", unit_gate_handler, &gate);
	p.code = 4;
	assert_ok(weir_publish(p.producer, unit_topic(p.bus, "gate"), NULL, 0));
	unit_gate_wait(&gate);
	publish(&p, 500);
	unit_gate_pass(&gate, 1);
	assert_ok(weir_bus_flush(p.bus, UNIT_PATIENCE));
	assert_int_equal(heard.stands_for, 500);
	assert_true(heard.count < 50);
	assert_int_equal(heard.event[heard.count - 1].failure.sequence, 501);
	memcpy(&payload, heard.event[heard.count - 1].payload, sizeof payload);
	assert_int_equal(payload, 0);
	assert_int_equal(counts_of(&p).failed, 500);
	close_patient(&p);
}

/* The code is what the event carries. */
static int
fail_as_told(const weir_event *event, const weir_delivery *delivery, void *context)
{
	int code;

	(void)delivery, (void)context;
	memcpy(&code, weir_event_data(event), sizeof code);
	return code;
}

/* Codes change within a batch: each is counted as itself, the last one is told. */
static void
test_gathered_codes(void **state)
{
	static const int codes[] = { 5, 5, 9, 5, 0, 9, 9, 5, 9 };
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription_counts counts;
	struct patient p;
	struct unit_gate gate;
	const weir_failure *last;

	(void)state;
	open_patient(&p, 1, 0, 0, false);
	assert_ok(weir_unsubscribe_wait(p.bus, p.subscription, UNIT_PATIENCE));
	assert_ok(weir_subscribe(p.bus, "a.b", fail_as_told, NULL, &options, &p.subscription));
	listen(&p);
	unit_gate_init(&gate);
	unit_subscribe(p.bus, "gate", unit_gate_handler, &gate);
	for (int batch = 0; batch < 2; batch++) {
		assert_ok(weir_publish(p.producer, unit_topic(p.bus, "gate"), NULL, 0));
		unit_gate_wait(&gate);
		for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
			assert_ok(weir_publish(p.producer, p.topic, &codes[i], sizeof codes[i]));
		unit_gate_pass(&gate, 1);
		assert_ok(weir_bus_flush(p.bus, UNIT_PATIENCE));
	}
	counts = counts_of(&p);
	assert_int_equal(counts.failed, 16);
	assert_int_equal(counts.failure_code[0], 5);
	assert_int_equal(counts.failure_count[0], 8);
	assert_int_equal(counts.failure_code[1], 9);
	assert_int_equal(counts.failure_count[1], 8);
	assert_true(sum_of(&counts, 18));
	assert_int_equal(heard.stands_for, 16);
	last = &heard.event[heard.count - 1].failure;
	assert_int_equal(last->code, 9);
	assert_int_equal(last->sequence, 20);
	close_patient(&p);
}

/* Handlers of failures that fail are counted; neither that nor their batch_end makes an event. */
static void
test_no_recursion(void **state)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct patient p;
	weir_subscription deaf, batched;
	uint64_t all = 0;

	(void)state;
	open_patient(&p, 1, 0, 0, false);
	deaf = listen(&p);
	heard.code = 77;
	options.batch_end = end_batch;
	options.quarantine_failure_count = 3;
	assert_ok(weir_subscribe(p.bus, "weir.>", handle, &p, &options, &batched));
	unit_subscribe(p.bus, ">", unit_count, &all);
	p.code = p.batch_end_code = 1;
	publish_each(&p, 5);
	assert_int_equal(heard.calls, 5);
	assert_int_equal(heard.stands_for, 5);
	assert_int_equal(unit_subscription_counts(p.bus, deaf).failed, 5);
	/* They can be quarantined as any other. */
	assert_int_equal(unit_subscription_counts(p.bus, batched).state,
			 WEIR_SUBSCRIPTION_QUARANTINED);
	assert_int_equal(all, 5);
	assert_int_equal(unit_pool_counts(p.bus).seen, 10);
	close_patient(&p);
}

static void
test_failed_batch_event(void **state)
{
	struct patient p;

	(void)state;
	open_patient(&p, 1, 0, 0, true);
	listen(&p);
	p.batch_end_code = 8;
	publish_each(&p, 3);
	assert_int_equal(heard.count, 3);
	assert_int_equal(heard.event[2].failure.code, 8);
	assert_int_equal(heard.event[2].failure.count, 1);
	assert_int_equal(heard.event[2].failure.subscription, p.subscription.id);
	assert_int_equal(heard.event[2].failure.sequence, 3);
	assert_int_equal(heard.event[2].failure.topic, 0);
	assert_int_equal(heard.event[2].failure.payload_size, 0);
	/* Both fail: two failures, one event, that of the handler's event. */
	tell(&p, 6);
	publish_each(&p, 1);
	assert_int_equal(heard.count, 4);
	assert_int_equal(heard.event[3].failure.code, 8);
	assert_int_equal(heard.event[3].failure.count, 2);
	assert_int_equal(heard.event[3].failure.topic, p.topic.id);
	close_patient(&p);
}

/* At the hop limit; on a disabled bus, and while the bus closes. */
static int
fail_last(const weir_event *event, const weir_delivery *delivery, void *context)
{
	uint64_t *last = context;

	*last = weir_event_hops(event);
	return weir_publish(delivery->producer, weir_event_topic(event), NULL, 0) != WEIR_OK;
}

static void
test_hop_limit(void **state)
{
	struct patient p;
	uint64_t last = 0;

	(void)state;
	open_patient(&p, 1, 0, 0, false);
	listen(&p);
	unit_subscribe(p.bus, "loop", fail_last, &last);
	assert_ok(weir_publish(p.producer, unit_topic(p.bus, "loop"), NULL, 0));
	assert_ok(weir_bus_flush(p.bus, UNIT_PATIENCE));
	assert_int_equal(last, 16);
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.event[0].hops, 17);
	close_patient(&p);
}

static void
test_disabled(void **state)
{
	struct patient p;
	struct unit_gate gate;

	(void)state;
	open_patient(&p, 1, 0, 0, false);
	listen(&p);
	unit_gate_init(&gate);
	unit_subscribe(p.bus, "a.b", unit_gate_handler, &gate);
	p.code = 1;
	publish(&p, 1);
	unit_gate_wait(&gate);
	weir_bus_enable(p.bus, 0);
	unit_gate_pass(&gate, 1);
	assert_ok(weir_bus_flush(p.bus, UNIT_PATIENCE));
	assert_int_equal(heard.count, 1);
	weir_bus_enable(p.bus, 1);
	publish(&p, 2);
	unit_gate_pass(&gate, 2);
	weir_producer_close(p.producer);
	assert_ok(weir_bus_close(p.bus, UNIT_PATIENCE, NULL));
	assert_int_equal(heard.stands_for, 3);
}

/* A handler fills its ring as far as it can, and fails: the event of that still has room. */
static int
fill_and_fail(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event;
	while (weir_publish(delivery->producer, *(weir_topic *)context, NULL, 0) == WEIR_OK)
		;
	return 1;
}

static void
test_kept_room(void **state)
{
	static const uint32_t sizes[] = {4096, 8192, 262144};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct patient p = {.bus = unit_open_ring(sizes[i])};
		weir_topic nobody = unit_topic(p.bus, "nobody");
		static char payload[300];

		p.producer = unit_producer(p.bus);
		p.topic = unit_topic(p.bus, "a.b");
		listen(&p);
		for (int s = 0; s < 3; s++)
			unit_subscribe(p.bus, "a.b", fill_and_fail, &nobody);
		assert_ok(weir_publish(p.producer, p.topic, payload, sizeof payload));
		assert_ok(weir_bus_flush(p.bus, UNIT_PATIENCE));
		assert_int_equal(heard.count, 3);
		assert_int_equal(heard.event[0].failure.payload_copied,
				 sizes[i] / 64 < 300 ? sizes[i] / 64 : 300);
		close_patient(&p);
	}
}

/* More handlers fail at once than there is room for: refused, counted, and told by the next. */
static void
test_no_room_at_all(void **state)
{
	enum { HANDLERS = 80 };
	struct patient p = {.bus = unit_open_ring(4096)};
	weir_producer_counts counts;

	(void)state;
	p.producer = unit_producer(p.bus);
	p.topic = unit_topic(p.bus, "a.b");
	listen(&p);
	p.code = 2;
	for (int s = 0; s < HANDLERS; s++)
		unit_subscribe(p.bus, "a.b", handle, &p);
	publish_each(&p, 1);
	counts = unit_all_producer_counts(p.bus);
	assert_true(counts.refused_full > 0);
	assert_int_equal(heard.stands_for, HANDLERS - counts.refused_full);
	assert_int_equal(unit_all_subscription_counts(p.bus).failed, HANDLERS);
	unit_assert_balanced(p.bus);
	close_patient(&p);
}

static void
test_carried_on(void **state)
{
	struct patient p;

	(void)state;
	open_patient(&p, 1, 0, 0, false);
	listen(&p);
	p.code = 2;
	publish_each(&p, 1);
	assert_int_equal(heard.stands_for, 1);
	/* As if there had been no room four times. */
	wi_registry_get(&p.bus->registry, (uint32_t)p.subscription.id)->tally[0].untold = 4;
	publish_each(&p, 1);
	assert_int_equal(heard.stands_for, 6);
	assert_int_equal(heard.event[1].failure.count, 5);
	close_patient(&p);
}

static int
sum_told(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_failure *failure = weir_event_data(event);

	(void)delivery;
	__atomic_fetch_add((uint64_t *)context, failure->count, __ATOMIC_SEQ_CST);
	return 0;
}

/* Every failure is told exactly once, whoever handled it. */
static void
test_all_are_told(void **state)
{
	struct patient p;
	weir_producer *other;
	weir_subscription_counts counts;
	uint64_t told = 0;

	(void)state;
	open_patient(&p, 2, 0, 0, false);
	other = unit_producer(p.bus);
	unit_subscribe(p.bus, "weir.>", sum_told, &told);
	p.code = 1;
	for (uint32_t i = 0; i < 20000; i++) {
		publish(&p, 1);
		assert_ok(weir_publish_wait(other, p.topic, NULL, &i, sizeof i, UNIT_PATIENCE));
		if (i % 1000 == 0)
			nap(MILLISECOND);
	}
	assert_ok(weir_bus_flush(p.bus, UNIT_PATIENCE));
	counts = counts_of(&p);
	assert_int_equal(counts.failed, 40000);
	assert_int_equal(told, 40000);
	weir_producer_close(other);
	close_patient(&p);
}

/* -- stuck ------------------------------------------------------------------ */

struct log {
	uint64_t count;
	int level;
	char id[32], text[512];
};

static void
take_log(void *context, int level, const char *id, const char *text)
{
	struct log *log = context;

	log->level = level;
	snprintf(log->id, sizeof log->id, "%s", id);
	snprintf(log->text, sizeof log->text, "%s", text);
	__atomic_fetch_add(&log->count, 1, __ATOMIC_SEQ_CST);
}

static struct unit_gate stuck_gate;
static uint64_t stuck_thread;

static int
get_stuck(const weir_event *event, const weir_delivery *delivery, void *context)
{
	__atomic_store_n(&stuck_thread, (uint64_t)gettid(), __ATOMIC_SEQ_CST);
	return unit_gate_handler(event, delivery, context);
}

static void
open_watched(struct patient *patient, struct log *log, uint32_t dispatchers, uint64_t stuck_after)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;

	memset(log, 0, sizeof *log);
	options.log = take_log;
	options.log_context = log;
	pool.name = "watched";
	pool.dispatcher_count = dispatchers;
	pool.stuck_after_ns = stuck_after;
	*patient = (struct patient){.bus = unit_open(&options, &pool)};
	patient->producer = unit_producer(patient->bus);
	patient->topic = unit_topic(patient->bus, "a.b");
	unit_gate_init(&stuck_gate);
}

static void
wait_for_stuck(struct patient *patient, const struct log *log, uint64_t count)
{
	char thread[32];

	unit_wait_for(&log->count, count);
	assert_int_equal(unit_pool_counts(patient->bus).stuck, count);
	assert_int_equal(log->level, 4);
	assert_string_equal(log->id, "WEIR-STUCK");
	snprintf(thread, sizeof thread, "thread %u:", (unsigned)unit_load(&stuck_thread));
	assert_non_null(strstr(log->text, "pool watched, dispatcher "));
	assert_non_null(strstr(log->text, thread));
	assert_non_null(strstr(log->text, "\"sleepy\" (pattern \"a.*\")"));
}

static int
wait_at_end(const weir_delivery *delivery, void *context)
{
	(void)context;
	return get_stuck(NULL, delivery, &stuck_gate);
}

static void
subscribe_sleepy(struct patient *patient, bool at_end)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;

	options.name = "sleepy";
	options.batch_end = at_end ? wait_at_end : NULL;
	assert_ok(weir_subscribe(patient->bus, "a.*", at_end ? unit_count : get_stuck,
				 at_end ? (void *)&patient->calls : &stuck_gate, &options,
				 &patient->subscription));
}

static void
test_stuck(void **state)
{
	struct patient p;
	struct log log;

	(void)state;
	open_watched(&p, &log, 1, 20 * MILLISECOND);
	subscribe_sleepy(&p, false);
	publish(&p, 2);
	unit_gate_wait(&stuck_gate);
	wait_for_stuck(&p, &log, 1);
	/* Told once. */
	nap(100 * MILLISECOND);
	assert_int_equal(unit_load(&log.count), 1);
	unit_gate_pass(&stuck_gate, 1);
	unit_gate_wait(&stuck_gate);
	wait_for_stuck(&p, &log, 2);
	unit_gate_pass(&stuck_gate, 1);
	close_patient(&p);
	assert_int_equal(log.count, 2);
}

static void
test_stuck_batch_end(void **state)
{
	struct patient p;
	struct log log;

	(void)state;
	open_watched(&p, &log, 1, 20 * MILLISECOND);
	subscribe_sleepy(&p, true);
	publish(&p, 1);
	unit_gate_wait(&stuck_gate);
	wait_for_stuck(&p, &log, 1);
	unit_gate_pass(&stuck_gate, 1);
	close_patient(&p);
}

/* The neighbour goes on; the one that is stuck is named. */
static void
test_stuck_beside_another(void **state)
{
	struct patient p;
	struct log log;
	weir_producer *other;
	weir_topic free_topic;
	uint64_t count = 0;

	(void)state;
	open_watched(&p, &log, 2, 50 * MILLISECOND);
	subscribe_sleepy(&p, false);
	free_topic = unit_topic(p.bus, "free");
	unit_subscribe(p.bus, "free", unit_count, &count);
	other = unit_producer(p.bus);
	publish(&p, 1);
	unit_gate_wait(&stuck_gate);
	for (uint64_t i = 0; unit_load(&log.count) == 0; i++) {
		assert_ok(weir_publish_wait(other, free_topic, NULL, &i, sizeof i, UNIT_PATIENCE));
		nap(MILLISECOND);
	}
	wait_for_stuck(&p, &log, 1);
	unit_wait_for(&count, 10);
	unit_gate_pass(&stuck_gate, 1);
	weir_producer_close(other);
	close_patient(&p);
}

/* Many calls that are short, each, in one batch that is long. */
static void
test_busy_is_not_stuck(void **state)
{
	struct patient p;
	struct log log;

	(void)state;
	open_watched(&p, &log, 1, 300 * MILLISECOND);
	p.call_ns = 5 * MILLISECOND;
	admit(&p, "a.b", 0, 0, false);
	publish(&p, 120);
	assert_ok(weir_bus_flush(p.bus, UNIT_PATIENCE));
	assert_int_equal(unit_pool_counts(p.bus).stuck, 0);
	assert_int_equal(log.count, 0);
	close_patient(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_word),
		cmocka_unit_test(test_word_is_full),
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_quarantine),
		cmocka_unit_test(test_within_a_batch),
		cmocka_unit_test(test_success_ends_the_streak),
		cmocka_unit_test(test_trial),
		cmocka_unit_test(test_pause_and_end),
		cmocka_unit_test(test_failed_batches),
		cmocka_unit_test(test_content_batch_end),
		cmocka_unit_test(test_two_dispatchers),
		cmocka_unit_test(test_failure_event),
		cmocka_unit_test(test_payload_is_cut),
		cmocka_unit_test(test_gathered),
		cmocka_unit_test(test_gathered_codes),
		cmocka_unit_test(test_no_recursion),
		cmocka_unit_test(test_failed_batch_event),
		cmocka_unit_test(test_hop_limit),
		cmocka_unit_test(test_disabled),
		cmocka_unit_test(test_kept_room),
		cmocka_unit_test(test_no_room_at_all),
		cmocka_unit_test(test_carried_on),
		cmocka_unit_test(test_all_are_told),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_stuck_batch_end),
		cmocka_unit_test(test_stuck_beside_another),
		cmocka_unit_test(test_busy_is_not_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
