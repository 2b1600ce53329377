/* SPDX-License-Identifier: MIT */
/* test_bench_handler.c - the handlers of `weir bench` see each event that is not as it was sent. */
#include "bench_handler.h"

#include "stopwatch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 27, KEYS = 3, SOURCES = 8 };

/* An event as it lies in a ring; a key follows the payload's last 16 bytes. */
struct record {
	_Alignas(16) weir_event event;
	uint8_t payload[64];
};

struct fixture {
	struct wi_bench_dispatcher *dispatcher;
	struct wi_bench_on on;
	struct wi_bench_handler handler;
	atomic_bool over;
	struct record record;
	weir_delivery delivery;
};

static struct fixture fixture;

static void
fill(uint64_t number)
{
	for (int i = 0; i < 3; i++)
		memcpy(fixture.record.payload + 8 * i, &number, sizeof(number));
	memset(fixture.record.payload + 24, (int)(number & 0xff), 3);
	fixture.record.event.size = SIZE;
	fixture.delivery.source = 5;
	fixture.delivery.sequence = number + 1;
}

static int
set_up(void **state)
{
	(void)state;
	memset(&fixture, 0, sizeof(fixture));
	fixture.dispatcher = aligned_alloc(MACHINE_LINE, sizeof(*fixture.dispatcher));
	assert_non_null(fixture.dispatcher);
	memset(fixture.dispatcher, 0, sizeof(*fixture.dispatcher));
	fixture.dispatcher->latency = calloc(1, sizeof(*fixture.dispatcher->latency));
	wi_bench_dispatcher_begin(fixture.dispatcher);
	fixture.on = (struct wi_bench_on){.pattern = ">", .pool = "default"};
	fixture.handler = (struct wi_bench_handler){.on = &fixture.on,
						    .source_count = SOURCES,
						    .gets_all = true,
						    .over = &fixture.over};
	assert_true(wi_bench_handler_init(&fixture.handler));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	wi_bench_handler_fini(&fixture.handler);
	free(fixture.dispatcher->latency);
	free(fixture.dispatcher);
	return 0;
}

/* How many complaints there are afterwards. */
static uint64_t
handle(void)
{
	assert_int_equal(
		wi_bench_handle(&fixture.record.event, &fixture.delivery, &fixture.handler), 0);
	return fixture.dispatcher->wrong_count;
}

static void
test_right(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		fill(i);
		assert_int_equal(handle(), 0);
	}
	assert_int_equal(fixture.dispatcher->call_count, 1000);
}

/* A bit anywhere in the payload. */
static void
test_payload(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < SIZE * 8; i++) {
		fill(i);
		fixture.record.payload[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(handle(), i + 1);
	}
	assert_non_null(strstr(fixture.dispatcher->wrong, "payload"));
	assert_non_null(strstr(fixture.dispatcher->wrong, "sequence 1:"));
}

static void
test_order(void **state)
{
	(void)state;
	fill(0);
	assert_int_equal(handle(), 0);
	assert_int_equal(handle(), 1);          /* twice */
	fill(2);
	assert_int_equal(handle(), 2);          /* a gap */
	fill(1);
	assert_int_equal(handle(), 3);          /* late */
	fill(2);
	fixture.delivery.source = 6;
	assert_int_equal(handle(), 4);          /* another producer's begin anew */
	fixture.delivery.source = SOURCES;
	assert_int_equal(handle(), 5);          /* there is no such producer */
}

/* Where events may be missing they still must not come late or twice. */
static void
test_gaps(void **state)
{
	(void)state;
	fixture.handler.gets_all = false;
	fill(7);
	assert_int_equal(handle(), 0);
	fill(9);
	assert_int_equal(handle(), 0);
	assert_int_equal(handle(), 1);
	fill(8);
	assert_int_equal(handle(), 2);
}

/* Where a key lies is not known here: there is none, and it is missed. */
static void
test_key(void **state)
{
	(void)state;
	wi_bench_handler_fini(&fixture.handler);
	fixture.handler.key_count = KEYS;
	assert_true(wi_bench_handler_init(&fixture.handler));
	fill(0);
	assert_int_equal(handle(), 1);
	assert_non_null(strstr(fixture.dispatcher->wrong, "key"));
}

static void
test_times(void **state)
{
	struct wi_bench_latency *latency = fixture.dispatcher->latency;
	uint64_t meant_ns = wi_stopwatch_now() - 5000000;

	(void)state;
	fixture.on.cost_ns = 2000000;
	fixture.handler.takes_time = true;
	fill(0);
	memcpy(fixture.record.payload, &meant_ns, sizeof(meant_ns));
	wi_bench_handle_timed(&fixture.record.event, &fixture.delivery, &fixture.handler);
	assert_int_equal(fixture.dispatcher->wrong_count, 0);
	assert_int_equal(latency->total.total, 1);
	assert_true(latency->waiting.max >= 5000000);
	assert_true(latency->handling.max >= 2000000);
	assert_true(latency->total.max == latency->waiting.max + latency->handling.max);

	/* Before it was sent: not a time, but told. */
	meant_ns = wi_stopwatch_now() + 1000000000;
	fill(1);
	memcpy(fixture.record.payload, &meant_ns, sizeof(meant_ns));
	wi_bench_handle_timed(&fixture.record.event, &fixture.delivery, &fixture.handler);
	assert_int_equal(fixture.dispatcher->backwards_count, 1);
	assert_int_equal(histogram_percentile(&latency->waiting, 1), 0);

	/* What is caught up on after the load is checked, and neither takes time nor counts. */
	atomic_store(&fixture.over, true);
	fill(2);
	wi_bench_handle_timed(&fixture.record.event, &fixture.delivery, &fixture.handler);
	assert_int_equal(latency->total.total, 2);
	assert_int_equal(fixture.dispatcher->call_count, 3);
	assert_int_equal(fixture.dispatcher->wrong_count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_right, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_payload, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_gaps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_times, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
