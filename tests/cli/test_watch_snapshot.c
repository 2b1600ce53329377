/* SPDX-License-Identifier: MIT */
/* test_watch_snapshot.c - what a snapshot makes of two looks that are made here, and what is shown. */
#include "full_text.h"
#include "top_lines.h"
#include "watch_text.h"

#include "watch/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

#define SECOND UINT64_C(1000000000)
#define MS     UINT64_C(1000000)

enum { POOLS = 2, DISPATCHERS = 3, RINGS = 4, HANDLERS = 3, TIMES = 4 };

/* The handler's ids are 11, 12, 13; the first is in pool "in", the others in "slow". */
struct file {
	weir_counters_header header;
	weir_counters_pool pools[POOLS];
	weir_counters_dispatcher dispatchers[DISPATCHERS];
	weir_counters_producer producers[RINGS];
	weir_counters_subscription subscriptions[HANDLERS];
	weir_counters_times times[TIMES];
};

static struct file
begin(void)
{
	static const uint32_t counts[WEIR_COUNTERS_SECTION_COUNT] = {POOLS, DISPATCHERS, RINGS,
								     HANDLERS, TIMES};
	static const char *const names[HANDLERS] = {"count", "notify", "audit"};
	struct file file = {
		.header = {.heartbeat = 100 * SECOND, .started = 90 * SECOND, .sequence = 2}};

	for (int i = 0; i < WEIR_COUNTERS_SECTION_COUNT; i++)
		file.header.section[i].count = counts[i];
	strcpy(file.pools[0].name, "in"), strcpy(file.pools[1].name, "slow");
	file.pools[0].dispatcher_count = 1, file.pools[1].dispatcher_count = 2;
	file.pools[1].after = 1;
	for (uint32_t i = 0; i < DISPATCHERS; i++)
		file.dispatchers[i] = (weir_counters_dispatcher){
			.pool = i > 0, .index = i == 2, .thread = 1000 + i};
	for (uint32_t i = 0; i < RINGS; i++)
		file.producers[i] = (weir_counters_producer){.source = i + 1,
							     .open = 1,
							     .ring_size = 1000,
							     .slowest = UINT32_MAX,
							     .in_pool = UINT32_MAX};
	for (uint32_t i = 0; i < HANDLERS; i++) {
		file.subscriptions[i].id = 11 + i, file.subscriptions[i].pool = i > 0;
		strcpy(file.subscriptions[i].name, names[i]);
		strcpy(file.subscriptions[i].pattern, ">");
	}
	file.times[0] = (weir_counters_times){.kind = WEIR_COUNTERS_WAITING, .pool = 1};
	for (uint32_t i = 0; i < HANDLERS; i++)
		file.times[1 + i] = (weir_counters_times){
			.kind = WEIR_COUNTERS_HANDLING, .pool = i > 0, .subscription = 11 + i};
	return file;
}

/* A second later. */
static void
go_on(struct file *file)
{
	file->header.heartbeat += SECOND;
	file->header.sequence += 2;
}

static void *
copy(const void *from, size_t size)
{
	void *to = malloc(size);

	assert_non_null(to);
	return memcpy(to, from, size);
}

/* The one before is not needed any more: nothing of it may be pointed to. */
static struct wi_snapshot *
look(const struct file *file, struct wi_snapshot *before)
{
	struct wi_look one = {.header = file->header};
	struct wi_snapshot *snapshot;

	one.pools = copy(file->pools, sizeof(file->pools));
	one.dispatchers = copy(file->dispatchers, sizeof(file->dispatchers));
	one.producers = copy(file->producers, sizeof(file->producers));
	one.subscriptions = copy(file->subscriptions, sizeof(file->subscriptions));
	one.times = copy(file->times, sizeof(file->times));
	snapshot = wi_snapshot_make(&one, before, file->header.heartbeat, true);
	assert_non_null(snapshot);
	wi_snapshot_free(before);
	return snapshot;
}

static void
measure(weir_counters_times *times, uint64_t ns, uint64_t count)
{
	times->samples++;
	times->sum_ns += ns * count;
	times->max_ns = ns > times->max_ns ? ns : times->max_ns;
	times->count[weir_counters_bucket(ns)] += count;
}

static void
expect(double is, double wanted)
{
	if (!(fabs(is - wanted) < 1e-9))
		fail_msg("%g, not %g", is, wanted);
}

static bool
shown(const struct wi_snapshot *s, size_t width, enum wi_top_sort sort, const char *text)
{
	const struct wi_top_view view = {width, sort, ""};
	struct wi_top_lines lines;
	bool found = false;

	assert_true(wi_top_lines_make(&lines, s, &view));
	for (size_t i = 0; i < lines.count; i++)
		found = found || strstr(lines.each[i].text, text) != NULL;
	wi_top_lines_fini(&lines);
	return found;
}

/* -- busy -------------------------------------------------------------------- */

static void
test_busy(void **state)
{
	struct file file = begin();
	struct wi_snapshot *s = look(&file, NULL);

	(void)state;
	assert_true(isnan(s->pools[1].busy) && isnan(s->dispatchers[1].busy) && isnan(s->busiest));
	go_on(&file);
	file.dispatchers[1].busy_ns = 250 * MS, file.dispatchers[1].batches = 5;
	s = look(&file, s);
	expect(s->dispatchers[1].busy, 0.25);
	expect(s->dispatchers[2].busy, 0);
	expect(s->pools[1].busy, 0.125);
	expect(s->pools[0].busy, 0);
	expect(s->busiest, 0.125);
	/* Nothing new was written: what was known stays. */
	s = look(&file, s);
	expect(s->pools[1].busy, 0.125);
	expect(s->dispatchers[1].busy, 0.25);
	expect(s->busiest, 0.125);
	/* More than there is: two batches that ended at once. */
	go_on(&file);
	file.dispatchers[1].busy_ns += 5 * SECOND, file.dispatchers[1].batches++;
	file.dispatchers[2].busy_ns += 500 * MS, file.dispatchers[2].batches++;
	s = look(&file, s);
	expect(s->dispatchers[1].busy, 1);
	expect(s->pools[1].busy, 0.75);
	wi_snapshot_free(s);
}

/* A batch that is not over has no time yet, but its dispatcher is busy. It is not counted twice. */
static void
test_busy_batch(void **state)
{
	struct file file = begin();
	struct wi_snapshot *s;

	(void)state;
	file.dispatchers[1].in_batch = 1, file.dispatchers[1].batches = 3;
	file.dispatchers[1].subscription = 12;
	s = look(&file, NULL);
	for (int i = 0; i < 2; i++) {
		go_on(&file);
		s = look(&file, s);
		expect(s->dispatchers[1].busy, 1);
		expect(s->pools[1].busy, 0.5);
	}
	/* Nothing new was written: what is known of the batch stays. */
	s = look(&file, s);
	/* It began 100 ms before the first look, and ended 300 ms after the third. */
	go_on(&file);
	file.dispatchers[1].in_batch = 0, file.dispatchers[1].batches = 4;
	file.dispatchers[1].busy_ns = 2400 * MS;
	s = look(&file, s);
	expect(s->dispatchers[1].busy, 0.4);
	go_on(&file);
	s = look(&file, s);
	expect(s->dispatchers[1].busy, 0);
	/* Some of a round's batches were over, and their time is not counted before the round is. */
	file.dispatchers[1].in_batch = 1;
	go_on(&file);
	s = look(&file, s);
	go_on(&file);
	file.dispatchers[1].batches = 9;
	s = look(&file, s);
	expect(s->dispatchers[1].busy, 1);
	/* Another batch at each look: only what was counted. */
	go_on(&file);
	file.dispatchers[1].batches = 10, file.dispatchers[1].busy_ns += 1200 * MS;
	s = look(&file, s);
	expect(s->dispatchers[1].busy, 0.2);
	wi_snapshot_free(s);
}

/* What the bus has seen of a call counts, from the first look on. */
static void
test_call(void **state)
{
	struct file file = begin();
	struct wi_snapshot *s;

	(void)state;
	s = look(&file, NULL);
	go_on(&file);
	file.dispatchers[2].in_batch = 1, file.dispatchers[2].batches = 1;
	file.dispatchers[2].subscription = 12, file.dispatchers[2].lasted_ns = 300 * MS;
	s = look(&file, s);
	expect(s->dispatchers[2].busy, 0.3);
	assert_int_equal(s->dispatchers[2].held_ns, 300 * MS);
	assert_string_equal(s->dispatchers[2].in, "notify");
	assert_false(s->dispatchers[2].stuck);
	wi_snapshot_free(s);
	file.dispatchers[2].lasted_ns = 2 * SECOND;
	s = look(&file, NULL);
	assert_true(s->dispatchers[2].stuck && !s->dispatchers[1].stuck);
	assert_int_equal(s->stuck, 1);
	/* The end of a call that was half seen. */
	go_on(&file);
	file.dispatchers[2] = (weir_counters_dispatcher){.pool = 1,
							 .index = 1,
							 .thread = 1002,
							 .batches = 2,
							 .busy_ns = 2100 * MS,
							 .lasted_ns = 7};
	s = look(&file, s);
	expect(s->dispatchers[2].busy, 0.1);
	/* In no batch: in no call. */
	assert_int_equal(s->dispatchers[2].held_ns, 0);
	assert_null(s->dispatchers[2].in);
	wi_snapshot_free(s);
}

/* Found again by pool and number: of another thread, in a pool that has another place in the file. */
static void
test_same_dispatcher(void **state)
{
	struct file file = begin();
	struct wi_snapshot *s;
	weir_counters_pool pool;

	(void)state;
	file.dispatchers[0].busy_ns = 50 * SECOND, file.dispatchers[0].routed = 1000;
	file.pools[0].seen = 1000;
	s = look(&file, NULL);
	go_on(&file);
	pool = file.pools[0], file.pools[0] = file.pools[1], file.pools[1] = pool;
	for (int i = 0; i < DISPATCHERS; i++)
		file.dispatchers[i].pool = !file.dispatchers[i].pool;
	file.dispatchers[0].thread = 7;
	file.dispatchers[0].busy_ns += 100 * MS, file.dispatchers[0].routed += 10;
	file.pools[1].seen += 10;
	s = look(&file, s);
	expect(s->dispatchers[0].busy, 0.1);
	expect(s->dispatchers[0].routed, 10);
	expect(s->pools[1].seen, 10);
	expect(s->pools[1].busy, 0.1);
	assert_string_equal(s->dispatchers[0].name, "in/0");
	/* A counter that is less than before began again from 0. */
	go_on(&file);
	file.dispatchers[0].busy_ns = 300 * MS;
	s = look(&file, s);
	expect(s->dispatchers[0].busy, 0.3);
	wi_snapshot_free(s);
}

/* -- times ------------------------------------------------------------------- */

static void
test_waiting(void **state)
{
	struct file file = begin();
	struct wi_snapshot *s;

	(void)state;
	measure(&file.times[0], 5 * MS, 100);
	file.pools[1].seen = 100;
	file.times[1] = (weir_counters_times){.kind = WEIR_COUNTERS_WAITING, .pool = 0};
	measure(&file.times[1], 1 * MS, 1);
	s = look(&file, NULL);
	assert_ptr_equal(s->slowest, &s->pools[1]);
	wi_snapshot_free(s);
	file.times[1].pool = 7;
	s = look(&file, NULL);
	assert_true(s->pools[1].waiting.of.known && s->pools[1].waiting.ever);
	assert_int_equal(s->pools[1].waiting.of.max_ns, 5 * MS);
	assert_false(s->pools[0].waiting.of.known);
	assert_ptr_equal(s->slowest, &s->pools[1]);
	/* What came since, and nothing else. */
	go_on(&file);
	measure(&file.times[0], 1000, 100);
	file.pools[1].seen += 100;
	s = look(&file, s);
	assert_false(s->pools[1].waiting.ever);
	assert_int_equal(s->pools[1].waiting.of.p99_ns, 960);
	assert_int_equal(s->pools[1].waiting.of.samples, 1);
	s = look(&file, s);
	assert_int_equal(s->pools[1].waiting.of.p99_ns, 960);
	/* Events, but none was measured: all there is. */
	go_on(&file);
	file.pools[1].seen++;
	s = look(&file, s);
	assert_true(s->pools[1].waiting.of.known && s->pools[1].waiting.ever);
	assert_int_equal(s->pools[1].waiting.of.max_ns, 5 * MS);
	/* No events. */
	go_on(&file);
	s = look(&file, s);
	assert_false(s->pools[1].waiting.of.known);
	assert_null(s->slowest);
	wi_snapshot_free(s);
}

static void
test_handling(void **state)
{
	struct file file = begin();
	struct wi_snapshot *s;

	(void)state;
	measure(&file.times[2], 10 * MS, 60);
	measure(&file.times[3], 2000, 10);
	file.dispatchers[1].busy_ns = 800 * MS, file.dispatchers[1].batches = 1;
	s = look(&file, NULL);
	assert_true(s->handlers[1].handling.ever);
	expect(s->handlers[1].share, 0.75);
	assert_true(isnan(s->handlers[0].share));
	/* A tenth of the pool's time was notify's, the rest audit's; more than all there is, none. */
	go_on(&file);
	measure(&file.times[2], 1 * MS, 50);
	measure(&file.times[3], 9 * MS, 50);
	file.dispatchers[1].busy_ns += 500 * MS, file.dispatchers[1].batches++;
	s = look(&file, s);
	assert_false(s->handlers[1].handling.ever);
	expect(s->handlers[1].share, 0.1);
	expect(s->handlers[2].share, 0.9);
	assert_int_equal(s->handlers[1].handling.of.p50_ns, 983040);
	s = look(&file, s);
	expect(s->handlers[1].share, 0.1);
	assert_int_equal(s->handlers[1].handling.of.p50_ns, 983040);
	/* None was measured: all that were, and no part of this time. */
	go_on(&file);
	file.dispatchers[1].busy_ns += 500 * MS, file.dispatchers[1].batches++;
	s = look(&file, s);
	expect(s->handlers[1].share, 0);
	assert_true(s->handlers[1].handling.ever);
	assert_int_equal(s->handlers[1].handling.of.max_ns, 10 * MS);
	/* A call that does not return has all of its dispatcher's time. */
	go_on(&file);
	file.dispatchers[2].in_batch = 1, file.dispatchers[2].subscription = 12;
	file.dispatchers[2].lasted_ns = 600 * MS;
	file.dispatchers[1].busy_ns += 200 * MS, file.dispatchers[1].batches++;
	s = look(&file, s);
	expect(s->handlers[1].share, 0.75);
	go_on(&file);
	file.dispatchers[2].lasted_ns += SECOND;
	file.dispatchers[1].busy_ns += SECOND, file.dispatchers[1].batches++;
	s = look(&file, s);
	expect(s->handlers[1].share, 0.5);
	/* It began again. */
	go_on(&file);
	file.times[2] = (weir_counters_times){
		.kind = WEIR_COUNTERS_HANDLING, .pool = 1, .subscription = 12};
	measure(&file.times[2], 50 * MS, 1);
	file.dispatchers[2].in_batch = 0, file.dispatchers[2].batches++;
	file.dispatchers[2].busy_ns = 1700 * MS;
	s = look(&file, s);
	expect(s->handlers[1].share, 0.5);
	assert_int_equal(s->handlers[1].handling.of.max_ns, 50 * MS);
	wi_snapshot_free(s);
}

/* -- handlers ---------------------------------------------------------------- */

static void
test_handler(void **state)
{
	struct file file = begin();
	weir_counters_subscription *handler = &file.subscriptions[0];
	struct wi_snapshot *s;
	json_t *object;

	(void)state;
	handler->skipped_quarantine = 1, handler->skipped_paused = 10,
	handler->skipped_unsubscribed = 100;
	handler->pool = 7;
	for (int i = 0; i < 8; i++)
		handler->failure_code[i] = i, handler->failure_count[i] = 1;
	handler->failure_count[3] = 5;
	file.subscriptions[1].failure_count[7] = 2;
	s = look(&file, NULL);
	assert_int_equal(s->handlers[0].skipped_sum, 111);
	assert_string_equal(s->handlers[0].pool, "?");
	assert_true(s->handlers[0].code == 3 && s->handlers[0].code_count == 5 &&
		    !s->handlers[0].code_other);
	assert_true(s->handlers[1].code_other && s->handlers[1].code_count == 2);
	assert_int_equal(s->handlers[2].code_count, 0);
	object = wi_watch_json(s);
	assert_int_equal(json_integer_value(json_object_get(
				 json_array_get(json_object_get(object, "handlers"), 0), "code")),
			 3);
	assert_true(json_is_null(
		json_object_get(json_array_get(json_object_get(object, "handlers"), 1), "code")));
	json_decref(object);
	wi_snapshot_free(s);
}

/* -- the bus ----------------------------------------------------------------- */

static enum wi_snapshot_state
state_of(uint64_t age_ns, bool torn, bool unlinked, bool lives)
{
	struct file file = begin();
	struct wi_look one = {.header = file.header, .torn = torn, .unlinked = unlinked};
	struct wi_snapshot *s;
	enum wi_snapshot_state state;

	memset(one.header.section, 0, sizeof(one.header.section));
	s = wi_snapshot_make(&one, NULL, file.header.heartbeat + age_ns, lives);
	assert_non_null(s);
	state = s->state;
	wi_snapshot_free(s);
	return state;
}

static void
test_state(void **state)
{
	(void)state;
	assert_int_equal(state_of(2 * SECOND, false, false, true), WI_SNAPSHOT_ALIVE);
	assert_int_equal(state_of(2 * SECOND + 1, false, false, true), WI_SNAPSHOT_STALE);
	assert_int_equal(state_of(0, true, false, true), WI_SNAPSHOT_STALE);
	assert_int_equal(state_of(0, true, false, false), WI_SNAPSHOT_GONE);
	assert_int_equal(state_of(0, false, false, false), WI_SNAPSHOT_GONE);
	assert_int_equal(state_of(3 * SECOND, false, false, false), WI_SNAPSHOT_GONE);
	assert_int_equal(state_of(0, false, true, true), WI_SNAPSHOT_CLOSED);
}

/* `lost` means something only where nothing is under way. */
static void
test_rest(void **state)
{
	struct file file = begin();
	struct wi_snapshot *s;

	(void)state;
	s = look(&file, NULL);
	assert_true(s->at_rest);
	assert_true(shown(s, 80, WI_TOP_BY_PLACE, "lost 0"));
	wi_snapshot_free(s);
	file.header.in_flight = 1;
	s = look(&file, NULL);
	assert_false(s->at_rest);
	assert_true(shown(s, 80, WI_TOP_BY_PLACE, "lost -"));
	file.header.in_flight = 0;
	file.producers[2].committed++;
	go_on(&file);
	s = look(&file, s);
	assert_false(s->at_rest);
	go_on(&file);
	file.subscriptions[2].running = 1;
	s = look(&file, s);
	assert_false(s->at_rest);
	wi_snapshot_free(s);
}

/* -- rings ------------------------------------------------------------------- */

static void
blame(weir_counters_producer *ring, uint64_t ns, uint64_t notify, uint64_t none, uint64_t gone)
{
	ring->full_ns = ns;
	ring->blame[0] = (weir_counters_blame){.subscription = 0, .ns = none, .pool = 0};
	ring->blame[1] = (weir_counters_blame){.subscription = 12, .ns = notify, .pool = 1};
	ring->blame[2] = (weir_counters_blame){.subscription = 99, .ns = gone, .pool = UINT32_MAX};
}

static void
test_full(void **state)
{
	struct file file = begin();
	weir_counters_producer *ring = &file.producers[0];
	struct wi_snapshot *s;
	char text[400];

	(void)state;
	strcpy(ring->name, "feed");
	ring->full_count = 2;
	blame(ring, 1000 * MS, 100 * MS, 800 * MS, 50 * MS);
	ring->in_pool = 1, ring->in_count = 2, ring->in[0] = 12, ring->in[1] = 0;
	ring->high_water = 750, ring->in_ring = 250, ring->slowest = 1;
	s = look(&file, NULL);
	assert_true(isnan(s->rings[0].full) && isnan(s->full));
	assert_null(s->rings[1].why);
	assert_int_equal(s->rings[0].why->interval.ns, 0);
	expect(s->rings[0].high, 0.75);
	assert_string_equal(s->rings[0].slowest, "slow");
	assert_null(s->rings[1].slowest);
	wi_full_text_ever(text, sizeof(text), &s->rings[0]);
	assert_string_equal(
		text, "ring feed was full for 1.00 s, 2 times, 80 % of it in no handler (pool in), "
		      "10 % in notify (pool slow), 5 % in a handler that is gone (a pool that was "
		      "closed)");
	assert_true(wi_full_text_last(text, sizeof(text), &s->rings[0]));
	assert_string_equal(text,
			    "  when it became full last: slow/0 in notify, slow/1 in no handler");
	assert_false(shown(s, 200, WI_TOP_BY_PLACE, " of the last "));
	assert_true(shown(s, 200, WI_TOP_BY_PLACE, "ring feed was full for 1.00 s"));
	/* In the interval it was another's making. */
	go_on(&file);
	blame(ring, 1400 * MS, 480 * MS, 808 * MS, 50 * MS);
	ring->full_count = 1;
	for (int again = 0; again < 2; again++) {
		s = look(&file, s);
		expect(s->rings[0].full, 0.4);
		expect(s->full, 0.4);
		assert_int_equal(s->rings[0].why->interval.blame_count, 2);
		wi_full_text_now(text, sizeof(text), s, &s->rings[0]);
		assert_string_equal(
			text, "ring feed full for 400 ms (40 % of the last 1.0 s), 95 % of it in "
			      "notify (pool slow), 2 % in no handler (pool in)");
		assert_true(shown(s, 200, WI_TOP_BY_PLACE, text));
	}
	wi_full_text_ever(text, sizeof(text), &s->rings[0]);
	assert_non_null(strstr(text, "was full for 1.40 s, 1 time, 57 % of it in no handler"));
	/* Not in this one. */
	go_on(&file);
	s = look(&file, s);
	expect(s->rings[0].full, 0);
	assert_false(shown(s, 200, WI_TOP_BY_PLACE, " of the last "));
	/* It began again, and was full all the time. */
	go_on(&file);
	blame(ring, 1100 * MS, 1050 * MS, 0, 0);
	ring->blame[1].ns = 400 * MS;
	s = look(&file, s);
	expect(s->rings[0].full, 1);
	assert_int_equal(s->rings[0].why->interval.ns, 1100 * MS);
	wi_snapshot_free(s);
}

/* Time in no handler is a pool's: of the same pool where it has another place in the file. */
static void
test_full_moved(void **state)
{
	struct file file = begin();
	struct wi_snapshot *s;
	weir_counters_pool pool;

	(void)state;
	file.producers[0].full_count = 1, file.producers[0].full_ns = 300 * MS;
	file.producers[0].blame[3] =
		(weir_counters_blame){.subscription = 0, .ns = 300 * MS, .pool = 1};
	file.producers[0].blame[1] =
		(weir_counters_blame){.subscription = 0, .ns = 40 * MS, .pool = 0};
	s = look(&file, NULL);
	go_on(&file);
	pool = file.pools[0], file.pools[0] = file.pools[1], file.pools[1] = pool;
	file.producers[0].full_ns = 500 * MS;
	file.producers[0].blame[3].ns = 500 * MS, file.producers[0].blame[3].pool = 0;
	file.producers[0].blame[1].pool = 1;
	s = look(&file, s);
	assert_int_equal(s->rings[0].why->interval.blame_count, 1);
	assert_int_equal(s->rings[0].why->interval.blame[0].ns, 200 * MS);
	assert_string_equal(s->rings[0].why->interval.blame[0].pool, "slow");
	/* A place behind the last pool is none. */
	file.producers[0].in_pool = file.producers[0].slowest = POOLS;
	file.producers[0].in_count = 1, file.producers[0].blame[3].pool = POOLS;
	s = look(&file, s);
	assert_null(s->rings[0].why->pool);
	assert_null(s->rings[0].slowest);
	assert_null(s->rings[0].why->ever.blame[0].pool);
	wi_snapshot_free(s);
}

/* The head has three, those that were full longest, as they stand in the file. */
static void
test_full_many(void **state)
{
	static const uint64_t ms[RINGS] = {100, 50, 300, 200};
	const struct wi_top_view view = {80, WI_TOP_BY_RATE, ""};
	struct file file = begin();
	struct wi_snapshot *s = look(&file, NULL);
	struct wi_top_lines lines;
	size_t at = 0;

	(void)state;
	go_on(&file);
	for (int i = 0; i < RINGS; i++)
		file.producers[i].full_ns = ms[i] * MS, file.producers[i].full_count = 1;
	s = look(&file, s);
	assert_true(wi_top_lines_make(&lines, s, &view));
	while (at < lines.count && lines.each[at].kind != WI_TOP_ALERT)
		at++;
	assert_true(at + 4 < lines.count);
	assert_string_equal(lines.each[at].text,
			    "ring #1 full for 100 ms (10 % of the last 1.0 s)");
	assert_string_equal(lines.each[at + 1].text,
			    "ring #3 full for 300 ms (30 % of the last 1.0 s)");
	assert_string_equal(lines.each[at + 2].text,
			    "ring #4 full for 200 ms (20 % of the last 1.0 s)");
	assert_string_equal(lines.each[at + 3].text, "1 more was full");
	assert_int_equal(lines.each[at + 4].kind, WI_TOP_EMPTY);
	wi_top_lines_fini(&lines);
	wi_snapshot_free(s);
}

/* What does not fit goes on in the next line. */
static void
test_wrapped(void **state)
{
	const struct wi_top_view view = {60, WI_TOP_BY_PLACE, ""},
				 narrow = {7, WI_TOP_BY_PLACE, ""};
	struct file file = begin();
	weir_counters_producer *ring = &file.producers[0];
	struct wi_snapshot *s;
	struct wi_top_lines lines;
	size_t at = 0;

	(void)state;
	ring->full_count = 1;
	blame(ring, 1000 * MS, 900 * MS, 80 * MS, 0);
	ring->in_pool = 1, ring->in_count = 1, ring->in[0] = 12;
	s = look(&file, NULL);
	assert_true(wi_top_lines_make(&lines, s, &view));
	while (at < lines.count && strncmp(lines.each[at].text, "ring #1 was", 11) != 0)
		at++;
	assert_true(at + 3 < lines.count);
	assert_string_equal(lines.each[at].text,
			    "ring #1 was full for 1.00 s, 1 time, 90 % of it in notify");
	assert_string_equal(lines.each[at + 1].text,
			    "    (pool slow), 8 % in no handler (pool in)");
	assert_string_equal(lines.each[at + 2].text,
			    "  when it became full last: slow/0 in notify");
	wi_top_lines_fini(&lines);
	assert_true(wi_top_lines_make(&lines, s, &narrow));
	for (size_t i = 0; i < lines.count; i++)
		assert_true(strlen(lines.each[i].text) <= 7);
	wi_top_lines_fini(&lines);
	wi_snapshot_free(s);
}

/* -- what is shown ----------------------------------------------------------- */

/* The largest that anything is: the columns stay. */
static void
fill_up(struct file *file)
{
	for (int i = 0; i < POOLS; i++) {
		weir_counters_pool *pool = &file->pools[i];

		pool->seen += 999999999, pool->routed += 123456789, pool->parks += 9999999;
		pool->waiting = 1234567, pool->waiting_bytes = UINT64_C(99999999999);
		pool->skipped_behind = UINT64_MAX, pool->late_wakes = UINT64_MAX,
		pool->stuck = UINT64_MAX;
		pool->batches++;
	}
	for (int i = 0; i < DISPATCHERS; i++) {
		file->dispatchers[i].routed += 999999, file->dispatchers[i].busy_ns += SECOND;
		file->dispatchers[i].batches += 9999999, file->dispatchers[i].parks += 9999999;
		file->dispatchers[i].in_batch = 1, file->dispatchers[i].subscription = 12;
		file->dispatchers[i].lasted_ns = UINT64_C(86399) * 47 * SECOND;
		file->dispatchers[i].thread = UINT32_MAX;
	}
	for (int i = 0; i < RINGS; i++) {
		weir_counters_producer *ring = &file->producers[i];

		ring->committed += 99999999, ring->bytes += UINT64_MAX / 2,
			ring->refused_full += 99999999;
		ring->ring_size = ring->in_ring = ring->high_water = UINT32_MAX;
		ring->full_ns += SECOND, ring->slowest = 1;
	}
	for (int i = 0; i < HANDLERS; i++) {
		weir_counters_subscription *handler = &file->subscriptions[i];

		handler->ok += 99999999, handler->failed += UINT64_MAX / 2;
		handler->last_code = handler->failure_code[0] = INT32_MIN;
		handler->failure_count[0] = 1;
		handler->state = WEIR_SUBSCRIPTION_QUARANTINED;
	}
	for (int i = 0; i < TIMES; i++)
		measure(&file->times[i], UINT64_C(999500000000) - 1, 1);
	measure(&file->times[0], UINT64_MAX, 1);
}

static size_t
find_title(const struct wi_top_lines *lines, const char *title)
{
	for (size_t i = 0; i < lines->count; i++)
		if (lines->each[i].kind == WI_TOP_TITLE &&
		    strncmp(lines->each[i].text, title, strlen(title)) == 0)
			return i;
	fail_msg("no table %s", title);
	return 0;
}

/* Each number ends where its title ends, with a blank before and after. */
static void
check_columns(const struct wi_top_lines *lines, const char *table, const char *const *columns)
{
	size_t first = find_title(lines, table);
	const char *title = lines->each[first].text;

	for (; *columns != NULL; columns++) {
		const char *at = strstr(title, *columns);
		size_t end;

		if (at == NULL)
			continue;
		end = (size_t)(at - title) + strlen(*columns) - (strcmp(*columns, " failed ") == 0);
		for (size_t i = first + 1; i < lines->count && lines->each[i].kind == WI_TOP_ROW;
		     i++) {
			const char *row = lines->each[i].text;

			if (strncmp(row, "ring ", 5) == 0 || row[0] == ' ')
				continue;
			if (strlen(row) < end || row[end - 1] == ' ' ||
			    (row[end] != ' ' && row[end] != '\0'))
				fail_msg("%s does not end where it is to:\n%s\n%s", *columns, title,
					 row);
		}
	}
}

static void
check_shape(const struct wi_snapshot *s, const struct wi_snapshot *other, size_t width)
{
	static const char *const tables[] = {"POOL", "DISPATCHER", "RING", "HANDLER"};
	static const char *const columns[][14] = {
		{" seen/s", " routed/s", " a batch", " busy", " waiting", " bytes", " wait p50",
		 " p99", " max", " skipped", " parks/s", " late", " stuck", NULL},
		{" thread", " routed/s", " batches/s", " parks/s", " busy", NULL},
		{" events/s", " bytes/s", " refused/s", " size", " fill", " high", " full",
		 " in all", NULL},
		{" ok/s", " failed/s", " failed ", " p50", " p99", " max", " share", " code",
		 " mostly", NULL}};
	const struct wi_top_view view = {width, WI_TOP_BY_PLACE, ""};
	struct wi_top_lines lines, others;

	assert_true(wi_top_lines_make(&lines, s, &view) &&
		    wi_top_lines_make(&others, other, &view));
	for (size_t i = 0; i < 4; i++) {
		const char *title = lines.each[find_title(&lines, tables[i])].text;

		assert_string_equal(title, others.each[find_title(&others, tables[i])].text);
		check_columns(&lines, tables[i], columns[i]);
	}
	for (size_t i = 0; i < lines.count; i++)
		assert_true(strlen(lines.each[i].text) <= width);
	wi_top_lines_fini(&lines), wi_top_lines_fini(&others);
}

static void
test_shape(void **state)
{
	struct file file = begin();
	struct wi_snapshot *first = look(&file, NULL), *second, *none = look(&file, NULL);

	(void)state;
	go_on(&file);
	fill_up(&file);
	second = look(&file, first);
	for (size_t width = 80; width < 200; width++) {
		check_shape(second, none, width);
		check_shape(none, second, width);
	}
	wi_snapshot_free(second), wi_snapshot_free(none);
}

static void
expect_row(const struct wi_snapshot *s, size_t width, const char *row)
{
	if (!shown(s, width, WI_TOP_BY_PLACE, row))
		fail_msg("not shown in %zu columns: %s", width, row);
}

static void
test_rows(void **state)
{
	struct file file = begin();
	struct wi_snapshot *s = look(&file, NULL);
	size_t wide = 160;

	(void)state;
	go_on(&file);
	file.pools[1].seen = 3000, file.pools[1].routed = 2000, file.pools[1].batches = 30;
	file.pools[1].waiting = 1234, file.pools[1].waiting_bytes = 56789, file.pools[1].stuck = 4;
	file.pools[1].skipped_behind = 5, file.pools[1].parks = 6, file.pools[1].wakes = 7;
	file.pools[1].late_wakes = 8;
	measure(&file.times[0], 3 * MS, 1);
	file.dispatchers[2].busy_ns = 500 * MS, file.dispatchers[2].routed = 9;
	file.producers[0].committed = 11, file.producers[0].bytes = 2200,
	file.producers[0].refused_busy = 1;
	file.producers[0].in_ring = 500, file.producers[0].high_water = 900;
	file.producers[0].full_ns = 120 * MS, file.producers[0].full_count = 1,
	file.producers[0].slowest = 1;
	file.producers[1].open = 0, file.producers[2].open = 0, file.producers[2].in_ring = 10;
	file.subscriptions[1].ok = 40, file.subscriptions[1].failed = 2,
	file.subscriptions[1].last_code = -5;
	file.subscriptions[1].failure_code[1] = 17, file.subscriptions[1].failure_count[1] = 2;
	measure(&file.times[2], 50 * MS, 5);
	s = look(&file, s);
	expect_row(
		s, 80,
		"slow                 3.00 k  25 %  1.23 k  2.88 ms 2.88 ms 3.00 ms       5     4");
	expect_row(s, wide,
		   " 3.00 k   2.00 k     100  25 %  1.23 k 56.8 kB  2.88 ms 2.88 ms 3.00 ms       "
		   "5    "
		   "6.00    7.00      8     4  in");
	expect_row(s, 80, "slow/1                 1002     9.00         0  50 %");
	expect_row(s, 80, "#1                 11.0      1.00 1.00 kB  50 %  90 %  12 %  slow");
	expect_row(
		s, wide,
		" 11.0  2.20 k      1.00 1.00 kB  50 %  90 %  12 %  120 ms  slow        #######");
	expect_row(s, 80, "   0 %   0 %  -           closed");
	expect_row(s, wide, "   0 %       -  -                          closed");
	assert_false(shown(s, wide, WI_TOP_BY_PLACE, "#2 "));
	expect_row(s, 80,
		   "notify                slow        40.0      2 46.1 ms  50 %     -5  active");
	expect_row(s, wide,
		   " 40.0     2.00      2 46.1 ms 46.1 ms 50.0 ms  50 %     -5      17  active     "
		   " >");
	expect_row(s, 80,
		   "count                 in             0      0       -     -      -  active");
	wi_snapshot_free(s);
}

/* The first name of a table in that order. */
static void
expect_first(const struct wi_snapshot *s, enum wi_top_sort sort, const char *table,
	     const char *name)
{
	const struct wi_top_view view = {80, sort, ""};
	struct wi_top_lines lines;
	const char *row;

	assert_true(wi_top_lines_make(&lines, s, &view));
	row = lines.each[find_title(&lines, table) + 1].text;
	if (strncmp(row, name, strlen(name)) != 0)
		fail_msg("%s by %s: first is %s", table, wi_top_sort_text(sort), row);
	wi_top_lines_fini(&lines);
}

static void
test_order(void **state)
{
	struct file file = begin();
	struct wi_snapshot *s = look(&file, NULL);

	(void)state;
	go_on(&file);
	file.pools[0].seen = 10, file.pools[0].stuck = 1;
	file.dispatchers[1].busy_ns = 10, file.dispatchers[2].busy_ns = 20;
	file.producers[2].in_ring = 7, file.producers[3].committed = 1,
	file.producers[1].refused_full = 1;
	file.subscriptions[1].ok = 5, file.subscriptions[2].failed = 3;
	measure(&file.times[3], 15, 1);
	s = look(&file, s);
	expect_first(s, WI_TOP_BY_PLACE, "POOL", "in ");
	expect_first(s, WI_TOP_BY_RATE, "POOL", "in ");
	expect_first(s, WI_TOP_BY_BUSY, "POOL", "slow ");
	expect_first(s, WI_TOP_BY_FAILURES, "POOL", "in ");
	expect_first(s, WI_TOP_BY_BUSY, "DISPATCHER", "slow/1 ");
	expect_first(s, WI_TOP_BY_NAME, "DISPATCHER", "in/0 ");
	expect_first(s, WI_TOP_BY_RATE, "RING", "#4 ");
	expect_first(s, WI_TOP_BY_BUSY, "RING", "#3 ");
	expect_first(s, WI_TOP_BY_FAILURES, "RING", "#2 ");
	expect_first(s, WI_TOP_BY_PLACE, "HANDLER", "count ");
	expect_first(s, WI_TOP_BY_NAME, "HANDLER", "audit ");
	expect_first(s, WI_TOP_BY_RATE, "HANDLER", "notify ");
	expect_first(s, WI_TOP_BY_BUSY, "HANDLER", "audit ");
	expect_first(s, WI_TOP_BY_FAILURES, "HANDLER", "audit ");
	wi_snapshot_free(s);
}

static size_t
count_rows(const struct wi_snapshot *s, const char *filter)
{
	const struct wi_top_view view = {100, WI_TOP_BY_PLACE, filter};
	struct wi_top_lines lines;
	size_t count = 0;

	assert_true(wi_top_lines_make(&lines, s, &view));
	for (size_t i = 0; i < lines.count; i++)
		count += lines.each[i].kind == WI_TOP_ROW;
	wi_top_lines_fini(&lines);
	return count;
}

static void
test_filter(void **state)
{
	struct file file = begin();
	struct wi_snapshot *s;

	(void)state;
	strcpy(file.subscriptions[2].pattern, "order.>");
	file.dispatchers[2].in_batch = 1, file.dispatchers[2].subscription = 12;
	s = look(&file, NULL);
	assert_int_equal(count_rows(s, ""), POOLS + DISPATCHERS + RINGS + HANDLERS);
	/* A part of a name, a pattern, a handler that somebody is in; small and large letters alike. */
	assert_int_equal(count_rows(s, "SLO"), 3);
	assert_int_equal(count_rows(s, "Order"), 1);
	assert_int_equal(count_rows(s, "otif"), 2);
	assert_int_equal(count_rows(s, "nobody"), 0);
	wi_snapshot_free(s);
}

static void
expect_json(const json_t *object, const char *path, const char *wanted)
{
	char word[64], *text;
	const json_t *at = object;

	while (*path != '\0') {
		size_t length = strcspn(path, "/");

		snprintf(word, sizeof(word), "%.*s", (int)length, path);
		at = json_is_array(at) ? json_array_get(at, (size_t)atoi(word))
				       : json_object_get(at, word);
		path += length + (path[length] == '/');
	}
	text = at != NULL ? json_dumps(at, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6))
			  : strdup("");
	if (strcmp(text, wanted) != 0)
		fail_msg("%s is %s, not %s", word, text, wanted);
	free(text);
}

static void
test_json(void **state)
{
	struct file file = begin();
	struct wi_snapshot *s = look(&file, NULL);
	json_t *object;

	(void)state;
	go_on(&file);
	file.pools[1].seen = 3, file.pools[1].waiting = 12, file.pools[1].waiting_bytes = 345;
	file.pools[1].order = WEIR_ORDER_KEY, file.pools[1].wait = 77,
	file.pools[1].batch_count_max = 64;
	measure(&file.times[0], 3 * MS, 1);
	file.dispatchers[1].busy_ns = 500 * MS;
	file.producers[0].high_water = 900, file.producers[0].slowest = 1,
	file.producers[0].in_pool = 1;
	file.producers[0].in_count = 1, file.producers[0].full_count = 3;
	blame(&file.producers[0], 500 * MS, 400 * MS, 0, 0);
	file.subscriptions[1].failed = 1, file.subscriptions[1].last_code = -7;
	measure(&file.times[2], 50 * MS, 5);
	s = look(&file, s);
	object = wi_watch_json(s);
	expect_json(object, "busiest", "0.25");
	expect_json(object, "full", "0.5");
	expect_json(object, "waiting_p99_ns", "2883584");
	expect_json(object, "pools/0/waiting_times", "null");
	expect_json(object, "pools/0/after", "[]");
	expect_json(object, "pools/0/order", "\"producer\"");
	expect_json(object, "pools/0/wait", "\"adaptive\"");
	expect_json(object, "pools/1/after", "[\"in\"]");
	expect_json(object, "pools/1/order", "\"key\"");
	expect_json(object, "pools/1/wait", "\"unknown\"");
	expect_json(object, "pools/1/behind", "\"hold\"");
	expect_json(object, "pools/1/batch_count_max", "64");
	expect_json(object, "pools/1/busy", "0.25");
	expect_json(object, "pools/1/waiting", "12");
	expect_json(object, "pools/1/waiting_bytes", "345");
	expect_json(object, "pools/1/waiting_times",
		    "{\"since\":\"interval\",\"samples\":1,\"sum_ns\":3000000,\"p50_ns\":2883584,"
		    "\"p99_ns\":2883584,\"max_ns\":3000000}");
	expect_json(object, "dispatchers/1/busy", "0.5");
	expect_json(object, "dispatchers/1/busy_ns", "500000000");
	expect_json(object, "rings/0/high", "0.9");
	expect_json(object, "rings/0/high_water", "900");
	expect_json(object, "rings/0/slowest", "\"slow\"");
	expect_json(object, "rings/1/slowest", "null");
	expect_json(object, "rings/0/full", "0.5");
	expect_json(object, "rings/0/full_count", "3");
	expect_json(object, "rings/0/full_interval",
		    "{\"ns\":500000000,\"of_it\":[{\"in\":\"notify\",\"pool\":\"slow\",\"ns\":"
		    "400000000}]}");
	expect_json(object, "rings/0/full_ever/ns", "500000000");
	expect_json(object, "rings/0/full_last", "{\"pool\":\"slow\",\"in\":[null]}");
	expect_json(object, "handlers/0/last_code", "null");
	expect_json(object, "handlers/1/last_code", "-7");
	expect_json(object, "handlers/1/share", "0.5");
	expect_json(object, "handlers/1/handling_times/p50_ns", "46137344");
	json_decref(object);
	wi_snapshot_free(s);
}

/* Everything out of range: nothing is looked for where it cannot be. The sanitizers judge. */
static void
test_hostile(void **state)
{
	struct file file = begin();
	struct wi_snapshot *s = look(&file, NULL);
	json_t *object;

	(void)state;
	for (int round = 0; round < 3; round++) {
		go_on(&file);
		memset(file.pools, 0xff, sizeof(file.pools));
		memset(file.dispatchers, 0xff, sizeof(file.dispatchers));
		memset(file.producers, 0xff, sizeof(file.producers));
		memset(file.subscriptions, 0xff, sizeof(file.subscriptions));
		memset(file.times, 0xff, sizeof(file.times));
		if (round == 1) {
			file.producers[0].in_pool = file.dispatchers[0].pool = 0;
			file.times[0].kind = WEIR_COUNTERS_WAITING, file.times[0].pool = POOLS;
			file.times[1].kind = WEIR_COUNTERS_WAITING, file.times[1].pool = POOLS - 1;
			file.times[2].kind = WEIR_COUNTERS_HANDLING;
		}
		s = look(&file, s);
		for (size_t width = 0; width < 300; width += 37)
			assert_false(shown(s, width, width % WI_TOP_SORTS, "\xff"));
		object = wi_watch_json(s);
		json_decref(object);
	}
	wi_snapshot_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_busy),      cmocka_unit_test(test_busy_batch),
		cmocka_unit_test(test_call),      cmocka_unit_test(test_same_dispatcher),
		cmocka_unit_test(test_waiting),   cmocka_unit_test(test_handling),
		cmocka_unit_test(test_full),      cmocka_unit_test(test_full_moved),
		cmocka_unit_test(test_full_many), cmocka_unit_test(test_wrapped),
		cmocka_unit_test(test_handler),   cmocka_unit_test(test_state),
		cmocka_unit_test(test_rest),      cmocka_unit_test(test_filter),
		cmocka_unit_test(test_shape),     cmocka_unit_test(test_rows),
		cmocka_unit_test(test_order),     cmocka_unit_test(test_json),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
