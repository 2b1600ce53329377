/* SPDX-License-Identifier: MIT */
/*
 * test_export.c - the series that a counters file becomes: their values, that they are bounded, and
 * that no two have the same labels, whatever the names are.
 */
#include "export_text.h"
#ifdef WEIR_EXPORT_HTTP
#include "export_http.h"
#endif

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

enum { HANDLERS = 40, PRODUCERS = 30, POOLS = 3 };

static struct wi_look look;

static void
set(int section, uint32_t count)
{
	look.header.section[section].count = count;
}

/* Two pools, and one whose name is clean only once it was cleaned. */
static void
make_look(void)
{
	look = (struct wi_look){.torn = false};
	look.pools = calloc(POOLS, sizeof(*look.pools));
	look.dispatchers = calloc(2, sizeof(*look.dispatchers));
	look.producers = calloc(PRODUCERS, sizeof(*look.producers));
	look.subscriptions = calloc(HANDLERS, sizeof(*look.subscriptions));
	look.times = calloc(3, sizeof(*look.times));
	set(WEIR_COUNTERS_POOLS, POOLS), set(WEIR_COUNTERS_DISPATCHERS, 2);
	set(WEIR_COUNTERS_PRODUCERS, PRODUCERS), set(WEIR_COUNTERS_SUBSCRIPTIONS, HANDLERS);
	set(WEIR_COUNTERS_TIMES, 3);
	strcpy(look.pools[0].name, "default");
	strcpy(look.pools[1].name, "a\"b\\c\n");
	strcpy(look.pools[2].name, "a\"b\\c\t");
	for (uint32_t i = 0; i < HANDLERS; i++) {
		snprintf(look.subscriptions[i].name, 64, "h%u", i);
		look.subscriptions[i].id = HANDLERS - i + 100u; /* not in order */
		look.subscriptions[i].ok = 10;
		look.subscriptions[i].failed = 1;
	}
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		look.producers[i].source = i;
		look.producers[i].committed = i;
		look.producers[i].ring_size = 100;
		look.producers[i].in_ring = i;
		look.producers[i].high_water = 2 * i;
	}
	strcpy(look.header.name, "bus");
	look.header.pid = 7;
	look.header.heartbeat = UINT64_C(10000000000);
}

/* -- the text ---------------------------------------------------------------- */

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every line: a comment, or one whole series that no other line has. */
static void
expect_unique(const char *text)
{
	char *copy = strdup(text), **lines = calloc(strlen(text), sizeof(*lines)), *rest = NULL;
	size_t count = 0;

	assert_int_equal(text[strlen(text) - 1], '\n');
	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *space = strrchr(line, ' '), *end = NULL;

		if (line[0] == '#')
			continue;
		assert_non_null(space);
		strtod(space + 1, &end);
		assert_true(end > space + 1 && *end == '\0');
		*space = '\0';
		lines[count++] = line;
	}
	qsort(lines, count, sizeof(*lines), compare_lines);
	for (size_t i = 1; i < count; i++)
		if (strcmp(lines[i - 1], lines[i]) == 0)
			fail_msg("twice: %s", lines[i]);
	free(lines);
	free(copy);
}

/* For promtool, in ./dev check. */
static void
keep(const char *text)
{
	const char *directory = getenv("WEIR_EXPORT_KEEP");
	static int number;
	char path[4096];
	FILE *stream;

	if (directory == NULL)
		return;
	snprintf(path, sizeof(path), "%s/text-%d", directory, ++number);
	stream = fopen(path, "w");
	assert_non_null(stream);
	fputs(text, stream);
	assert_int_equal(fclose(stream), 0);
}

static char *
text_of(uint64_t handlers, uint64_t producers)
{
	const struct wi_export_limits limits = {handlers, producers};
	struct wi_export_bus bus = {.name = "bus", .pid = 7};
	struct wi_export_buses buses = {&bus, 1, 0, 0};
	struct wi_look copy = look;
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_true(wi_export_rows_make(&bus.rows, &look, &limits));
	bus.snapshot = wi_snapshot_make(&copy, NULL, look.header.heartbeat + 500000000, true);
	assert_non_null(bus.snapshot);
	wi_export_text(&buses, stream);
	fclose(stream);
	wi_export_rows_fini(&bus.rows);
	bus.snapshot->look = (struct wi_look){.torn = false};
	wi_snapshot_free(bus.snapshot);
	expect_unique(text);
	keep(text);
	return text;
}

static size_t
count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		count++;
	return count;
}

#define B "{bus=\"bus\",pid=\"7\""

static void
expect(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	if (at == NULL || at[strlen(line)] != '\n')
		fail_msg("not there: %s, but: %.200s", line, at ? at : "nothing like it");
}

static void
test_values(void **state)
{
	char *text;

	(void)state;
	make_look();
	look.pools[0].busy_ns = 1500000001;
	look.pools[0].dispatcher_count = 2;
	look.dispatchers[0] = (weir_counters_dispatcher){.in_batch = 1, .lasted_ns = 1000000000};
	look.dispatchers[1] = (weir_counters_dispatcher){.in_batch = 1, .lasted_ns = 999999999};
	look.subscriptions[2].name[0] = '\0';
	strcpy(look.subscriptions[2].pattern, "a.>");
	look.subscriptions[3].state = WEIR_SUBSCRIPTION_QUARANTINED;
	look.producers[3].refused_full = 4, look.producers[3].refused_invalid = 5;
	look.producers[3].full_since = 1, look.producers[3].full_ns = 2000000;
	text = text_of(200, 200);
	expect(text, "weir_bus_up" B "} 1");
	expect(text, "weir_bus_heartbeat_age_seconds" B "} 0.500000000");
	expect(text, "weir_bus_lost_events" B "} 0");
	expect(text, "weir_pool_busy_seconds_total" B ",pool=\"default\"} 1.500000001");
	expect(text, "weir_pool_dispatchers_busy" B ",pool=\"default\"} 2");
	expect(text, "weir_pool_dispatchers_stuck" B ",pool=\"default\"} 1");
	expect(text, "weir_handler_invocations_total" B ",pool=\"default\",handler=\"a.>\"} 11");
	expect(text, "weir_handler_failures_total" B ",pool=\"default\",handler=\"h1\"} 1");
	expect(text, "weir_handler_quarantined" B ",pool=\"default\",handler=\"h3\"} 1");
	expect(text, "weir_events_refused_total" B ",producer=\"#3\",reason=\"full\"} 4");
	expect(text, "weir_events_refused_total" B ",producer=\"#3\",reason=\"invalid\"} 5");
	expect(text, "weir_ring_full" B ",producer=\"#3\"} 1");
	expect(text, "weir_ring_full_seconds_total" B ",producer=\"#3\"} 0.002000000");
	expect(text, "weir_ring_fill_ratio" B ",producer=\"#29\"} 0.290000");
	/* Both are a"b\c? once they are clean. */
	assert_int_equal(count_of(text, "weir_pool_seen_events_total" B ",pool=\"a\\\"b\\\\c?\"} 0\n"), 1);
	assert_int_equal(count_of(text, "weir_pool_seen_events_total{"), 2);
	free(text);
	look.header.in_flight = 1;
	text = text_of(200, 200);
	assert_int_equal(count_of(text, "weir_bus_lost_events{"), 0);
	free(text);
	wi_look_fini(&look);
}

static void
test_bounded(void **state)
{
	char *text;

	(void)state;
	make_look();
	strcpy(look.subscriptions[1].name, "h0");
	look.subscriptions[HANDLERS - 1].ok = UINT64_MAX;
	text = text_of(5, 4);
	assert_int_equal(count_of(text, "weir_handler_running{"), 6);
	assert_int_equal(count_of(text, "weir_events_published_total{"), 5);
	expect(text, "weir_handler_subscriptions" B ",pool=\"default\",handler=\"h0\"} 2");
	expect(text, "weir_handler_subscriptions" B ",pool=\"(others)\",handler=\"(others)\"} 34");
	expect(text, "weir_handler_failures_total" B ",pool=\"(others)\",handler=\"(others)\"} 34");
	/* A sum does not go round. */
	expect(text, "weir_handler_invocations_total" B
		     ",pool=\"(others)\",handler=\"(others)\"} 18446744073709551615");
	expect(text, "weir_events_published_total" B ",producer=\"(others)\"} 429");
	expect(text, "weir_ring_fill_ratio" B ",producer=\"(others)\"} 0.290000");
	expect(text, "weir_ring_high_water_bytes" B ",producer=\"(others)\"} 58");
	expect(text, "weir_rings" B ",producer=\"(others)\"} 26");
	free(text);
	/* One that has that very name. */
	strcpy(look.producers[0].name, WI_EXPORT_OTHERS);
	text = text_of(0, 1);
	assert_int_equal(count_of(text, "weir_events_published_total{"), 1);
	assert_int_equal(count_of(text, "weir_handler_running{"), 1);
	free(text);
	wi_look_fini(&look);
}

static void
test_blame(void **state)
{
	weir_counters_blame *blame;
	char *text;

	(void)state;
	make_look();
	blame = look.producers[0].blame;
	blame[0] = (weir_counters_blame){.subscription = HANDLERS + 100, .ns = 1000000000};
	blame[1] = (weir_counters_blame){.subscription = 0, .ns = 2, .pool = 0};
	blame[2] = (weir_counters_blame){.subscription = 9999, .ns = 3, .pool = UINT32_MAX};
	blame[3] = (weir_counters_blame){.subscription = HANDLERS + 99, .ns = 0};
	text = text_of(200, 200);
	expect(text, "weir_ring_full_blame_seconds_total" B
		     ",producer=\"#0\",pool=\"default\",handler=\"h0\"} 1.000000000");
	expect(text, "weir_ring_full_blame_seconds_total" B
		     ",producer=\"#0\",pool=\"default\",handler=\"(none)\"} 0.000000002");
	expect(text, "weir_ring_full_blame_seconds_total" B
		     ",producer=\"#0\",pool=\"(closed)\",handler=\"(gone)\"} 0.000000003");
	assert_int_equal(count_of(text, "weir_ring_full_blame_seconds_total{"), 3);
	free(text);
	/* One name, and more to blame than a ring can hold: of all together. */
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		strcpy(look.producers[i].name, i < 29 ? "same" : "other");
		look.producers[i].blame[0] =
			(weir_counters_blame){.subscription = 101 + i, .ns = 1000000000};
	}
	text = text_of(200, 2);
	expect(text, "weir_ring_full_blame_seconds_total" B
		     ",producer=\"(all)\",pool=\"default\",handler=\"h39\"} 1.000000000");
	assert_int_equal(count_of(text, "weir_ring_full_blame_seconds_total{"), PRODUCERS + 2);
	assert_int_equal(count_of(text, "total" B ",producer=\"same\",pool"), 0);
	free(text);
	wi_look_fini(&look);
}

static void
test_times(void **state)
{
	char *text;

	(void)state;
	make_look();
	look.times[0] = (weir_counters_times){.kind = WEIR_COUNTERS_WAITING, .pool = 0,
					      .sum_ns = 1234, .samples = 1};
	look.times[0].count[weir_counters_bucket(63)] = 1;
	look.times[0].count[weir_counters_bucket(64)] = 2;
	look.times[0].count[weir_counters_bucket(UINT64_MAX)] = 4;
	look.times[1] = (weir_counters_times){.kind = WEIR_COUNTERS_HANDLING,
					      .subscription = HANDLERS + 100, .sum_ns = 5};
	look.times[1].count[weir_counters_bucket(1000)] = 8;
	look.times[2] = look.times[1];
	look.times[2].subscription = HANDLERS + 99;
	strcpy(look.subscriptions[1].name, "h0");
	text = text_of(200, 200);
	expect(text, "weir_queue_wait_seconds_bucket" B ",pool=\"default\",le=\"6.4e-08\"} 1");
	expect(text, "weir_queue_wait_seconds_bucket" B ",pool=\"default\",le=\"1.28e-07\"} 3");
	expect(text, "weir_queue_wait_seconds_bucket" B ",pool=\"default\",le=\"4.294967296\"} 3");
	expect(text, "weir_queue_wait_seconds_bucket" B ",pool=\"default\",le=\"+Inf\"} 7");
	expect(text, "weir_queue_wait_seconds_sum" B ",pool=\"default\"} 0.000001234");
	expect(text, "weir_queue_wait_seconds_count" B ",pool=\"default\"} 7");
	/* Two of a name. */
	expect(text, "weir_handler_duration_seconds_bucket" B
		     ",pool=\"default\",handler=\"h0\",le=\"5.12e-07\"} 0");
	expect(text, "weir_handler_duration_seconds_bucket" B
		     ",pool=\"default\",handler=\"h0\",le=\"1.024e-06\"} 16");
	expect(text, "weir_handler_duration_seconds_sum" B ",pool=\"default\",handler=\"h0\"} 0.000000010");
	assert_int_equal(count_of(text, "weir_handler_duration_seconds_count{"), 1);
	free(text);
	wi_look_fini(&look);
}

/* Indices and ids that lead nowhere, times of an unknown kind, sums that are too great. */
static void
test_nonsense(void **state)
{
	char *text;

	(void)state;
	make_look();
	for (uint32_t i = 0; i < HANDLERS; i++) {
		look.subscriptions[i].pool = i % 2 ? UINT32_MAX : i;
		look.subscriptions[i].id = 1;
		memset(look.subscriptions[i].name, 0x80 + (int)i, 64);
		memset(look.subscriptions[i].pattern, '"', 256);
	}
	for (uint32_t i = 0; i < PRODUCERS; i++)
		memset(&look.producers[i], (int)(0xff - i), sizeof(look.producers[i]));
	memset(look.dispatchers, 0xff, 2 * sizeof(*look.dispatchers));
	memset(look.times, 0xff, 3 * sizeof(*look.times));
	look.times[1].kind = WEIR_COUNTERS_HANDLING, look.times[1].subscription = 1;
	look.times[2].kind = WEIR_COUNTERS_WAITING, look.times[2].pool = 1;
	text = text_of(3, 3);
	expect(text, "weir_queue_wait_seconds_count" B
		     ",pool=\"a\\\"b\\\\c?\"} 18446744073709551615");
	free(text);
	wi_look_fini(&look);
	look = (struct wi_look){.torn = false};
	look.pools = calloc(1, 1), look.dispatchers = calloc(1, 1), look.producers = calloc(1, 1);
	look.subscriptions = calloc(1, 1), look.times = calloc(1, 1);
	free(text_of(200, 200));
	wi_look_fini(&look);
}

#ifdef WEIR_EXPORT_HTTP
static void
test_address(void **state)
{
	static const struct {
		const char *text;
		bool good, loopback;
	} cases[] = {{"127.0.0.1:9464", true, true}, {"127.9.9.9:0", true, true},
		     {"localhost:80", true, true}, {"[::1]:9464", true, true},
		     {"0.0.0.0:9464", true, false}, {"[::]:1", true, false},
		     {"[::ffff:127.0.0.1]:1", true, false}, {"10.127.0.1:1", true, false},
		     {"9464", false, false}, {":9464", false, false}, {"127.0.0.1:", false, false},
		     {"127.0.0.1:65536", false, false}, {"127.0.0.1:-1", false, false},
		     {"::1:80", false, false}, {"[]:80", false, false}, {"[:80", false, false},
		     {"example.org:80", false, false}, {"", false, false}};
	union wi_export_address address;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (wi_export_address_parse(cases[i].text, &address) != cases[i].good)
			fail_msg("%s", cases[i].text);
		if (cases[i].good && wi_export_address_is_loopback(&address) != cases[i].loopback)
			fail_msg("loopback: %s", cases[i].text);
	}
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_blame), cmocka_unit_test(test_times),
		cmocka_unit_test(test_nonsense),
#ifdef WEIR_EXPORT_HTTP
		cmocka_unit_test(test_address),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
