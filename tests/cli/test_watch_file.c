/* SPDX-License-Identifier: MIT */
/*
 * test_watch_file.c - what the viewers make of a counters file: of a real bus, and of what became of
 * one. Every way from the file to the text is gone for each damaged file; the sanitizers judge.
 */
#include "explain.h"
#include "top_lines.h"
#include "watch_text.h"

#include "watch/clean.h"
#include "watch/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <weir/weir.h>

enum { DAMAGES = 30000, TIMES_ADDED = 6 };

#define SECOND UINT64_C(1000000000)

static unsigned char *original;
static size_t original_size;

/* -- a real file, small ------------------------------------------------------ */

static int let_go; /* atomic */

static int
wait_for_it(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	while (!__atomic_load_n(&let_go, __ATOMIC_ACQUIRE))
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	return 0;
}

static int
fail_always(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	return 7;
}

static weir_bus *
open_bus(const char *directory, weir_producer **ret_producer)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_subscription_options subscription = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription id;
	weir_topic topic;
	weir_bus *bus;

	options.stats_dir = directory;
	options.name = "watched";
	options.producer_count_max = 4;
	assert_int_equal(weir_bus_open(&options, NULL, &bus), WEIR_OK);
	pool.name = "slow";
	assert_int_equal(weir_pool_open(bus, &pool, &subscription.pool), WEIR_OK);
	subscription.name = "hangs";
	assert_int_equal(weir_subscribe(bus, "a.b", wait_for_it, NULL, &subscription, &id), WEIR_OK);
	assert_int_equal(weir_subscribe(bus, "a.>", fail_always, NULL, NULL, &id), WEIR_OK);
	assert_int_equal(weir_producer_open(bus, NULL, ret_producer), WEIR_OK);
	assert_int_equal(weir_topic_open(bus, "a.b", &topic), WEIR_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(weir_publish(*ret_producer, topic, "x", 1), WEIR_OK);
	return bus;
}

static void
find_file(const char *directory, char *path, size_t size)
{
	DIR *stream = opendir(directory);
	struct dirent *entry;

	assert_non_null(stream);
	while ((entry = readdir(stream)) != NULL)
		if (entry->d_name[0] != '.')
			snprintf(path, size, "%s/%s", directory, entry->d_name);
	closedir(stream);
}

static void
expect_shown(const struct wi_snapshot *snapshot, const char *text)
{
	const struct wi_top_view view = {100, WI_TOP_BY_RATE, ""};
	struct wi_top_lines lines;
	bool found = false;

	assert_true(wi_top_lines_make(&lines, snapshot, &view));
	for (size_t i = 0; i < lines.count; i++)
		found = found || strstr(lines.each[i].text, text) != NULL;
	wi_top_lines_fini(&lines);
	if (!found)
		fail_msg("not shown: %s", text);
}

static struct wi_snapshot *
look(int fd, const struct wi_snapshot *before)
{
	char problem[WI_LOOK_PROBLEM_SIZE];
	struct wi_snapshot *snapshot;
	struct timespec now;
	struct wi_look one;

	assert_true(wi_look_take(&one, fd, problem));
	clock_gettime(CLOCK_REALTIME, &now);
	snapshot = wi_snapshot_make(&one, before,
				    (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec, true);
	assert_non_null(snapshot);
	return snapshot;
}

static bool
is_stuck(const struct wi_snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->dispatcher_count; i++)
		if (snapshot->dispatchers[i].stuck)
			return true;
	return false;
}

/* Times of each kind, whether the bus has measured any or not, and rings that were full. */
static void
add_to_copy(const weir_counters_header *header)
{
	const weir_counters_section *times = &header->section[WEIR_COUNTERS_TIMES];
	const weir_counters_section *rings = &header->section[WEIR_COUNTERS_PRODUCERS];

	for (uint32_t i = times->count - TIMES_ADDED; i < times->count; i++) {
		weir_counters_times entry = {.kind = i % 2,
					     .pool = i / 2 % 2,
					     .subscription = i % 3 + 1,
					     .samples = 100,
					     .sum_ns = 12345678,
					     .max_ns = 5000000};

		for (uint64_t ns = 1; ns < 5000000; ns *= 3)
			entry.count[weir_counters_bucket(ns)] = ns % 100 + 1;
		memcpy(original + times->offset + i * times->entry_size, &entry, sizeof(entry));
	}
	for (uint32_t i = 0; i < rings->count; i++) {
		unsigned char *at = original + rings->offset + i * rings->entry_size;
		weir_counters_producer entry;

		memcpy(&entry, at, sizeof(entry));
		entry.high_water = entry.ring_size / 2;
		entry.slowest = entry.in_pool = 1;
		entry.full_count = 3, entry.full_ns = 70000000;
		entry.blame[0] =
			(weir_counters_blame){.subscription = 1, .ns = 50000000, .pool = 1};
		entry.blame[1] =
			(weir_counters_blame){.subscription = 0, .ns = 10000000, .pool = 0};
		entry.in_count = 2, entry.in[0] = 1;
		memcpy(at, &entry, sizeof(entry));
	}
}

static void
write_seed(const char *directory, const char *name, const unsigned char *later)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(original, 1, original_size, file), original_size);
	if (later != NULL)
		assert_int_equal(fwrite(later, 1, original_size, file), original_size);
	fclose(file);
}

/* What a fuzzer begins with: the file, and the file with itself a second later (tests/fuzz). */
static void
write_seeds(const char *directory)
{
	unsigned char *later = malloc(original_size);
	weir_counters_header header;

	assert_non_null(later);
	memcpy(later, original, original_size);
	memcpy(&header, original, sizeof(header));
	header.heartbeat += SECOND, header.sequence += 2;
	memcpy(later, &header, sizeof(header));
	write_seed(directory, "one", NULL);
	write_seed(directory, "two", later);
	free(later);
}

/* Without the room for 4096 subscriptions, which would be copied for each damage. */
static void
keep(int fd)
{
	weir_counters_header header;

	assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
	original_size = sizeof(header);
	for (int i = 0; i < WEIR_COUNTERS_SECTION_COUNT; i++)
		original_size += (size_t)header.section[i].count * header.section[i].entry_size;
	original_size += TIMES_ADDED * header.section[WEIR_COUNTERS_TIMES].entry_size;
	original = calloc(1, original_size);
	assert_non_null(original);
	header.file_size = original_size;
	for (size_t i = 0, at = sizeof(header); i < WEIR_COUNTERS_SECTION_COUNT; i++) {
		weir_counters_section *section = &header.section[i];
		size_t size = (size_t)section->count * section->entry_size;

		assert_true(size > 0 || i == WEIR_COUNTERS_TIMES);
		assert_int_equal(pread(fd, original + at, size, (off_t)section->offset), size);
		section->offset = at;
		at += size;
	}
	header.section[WEIR_COUNTERS_TIMES].count += TIMES_ADDED;
	memcpy(original, &header, sizeof(header));
	add_to_copy(&header);
	if (getenv("WEIR_FUZZ_SEEDS") != NULL)
		write_seeds(getenv("WEIR_FUZZ_SEEDS"));
}

/* A handler that hangs is named, with its dispatcher, while it hangs. */
static void
test_hangs(void **state)
{
	char directory[] = "/tmp/weir-watch-XXXXXX", path[512] = "";
	struct wi_snapshot *snapshot = NULL, *next;
	weir_producer *producer;
	const char *problem;
	weir_bus *bus;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(directory));
	bus = open_bus(directory, &producer);
	find_file(directory, path, sizeof(path));
	fd = wi_look_open(path, &problem);
	assert_true(fd >= 0);
	snapshot = look(fd, NULL);
	assert_true(isnan(snapshot->published));
	for (int i = 0; i < 600 && !is_stuck(snapshot); i++) {
		nanosleep(&(struct timespec){0, 20000000}, NULL);
		next = look(fd, snapshot);
		wi_snapshot_free(snapshot);
		snapshot = next;
	}
	assert_int_equal(snapshot->stuck, 1);
	expect_shown(snapshot, "stuck: slow/0, thread ");
	expect_shown(snapshot, ", in hangs for at least ");
	assert_int_equal(snapshot->look.header.pid, getpid());
	assert_int_equal(snapshot->handler_count, 2);
	keep(fd);
	__atomic_store_n(&let_go, 1, __ATOMIC_RELEASE);
	weir_producer_close(producer);
	assert_int_equal(weir_bus_close(bus, WEIR_FOREVER, NULL), WEIR_OK);
	next = look(fd, snapshot);
	assert_int_equal(next->state, WI_SNAPSHOT_CLOSED);
	wi_snapshot_free(next);
	wi_snapshot_free(snapshot);
	close(fd);
	rmdir(directory);
}

/* -- rates ------------------------------------------------------------------- */

static struct wi_snapshot *
make(uint64_t heartbeat_s, uint64_t sequence, uint64_t committed, uint32_t source,
     const struct wi_snapshot *before)
{
	struct wi_look one = {.torn = false};
	struct wi_snapshot *snapshot;

	one.header.heartbeat = heartbeat_s * SECOND;
	one.header.sequence = sequence;
	one.header.section[WEIR_COUNTERS_PRODUCERS].count = 1;
	one.pools = malloc(1), one.dispatchers = malloc(1), one.subscriptions = malloc(1);
	one.producers = calloc(1, sizeof(*one.producers));
	one.producers[0] = (weir_counters_producer){
		.source = source, .committed = committed, .ring_size = 100, .in_ring = 25};
	snapshot = wi_snapshot_make(&one, before, heartbeat_s * SECOND, true);
	assert_non_null(snapshot);
	return snapshot;
}

static void
test_rates(void **state)
{
	struct wi_snapshot *first = make(100, 2, 1000, 1, NULL), *second = make(102, 4, 1500, 1, first);
	struct wi_snapshot *same = make(102, 4, 1500, 1, second), *back = make(103, 6, 40, 1, same);
	struct wi_snapshot *other = make(104, 8, 60, 2, back);

	(void)state;
	assert_true(isnan(first->published) && isnan(first->rings[0].committed));
	assert_true(second->published == 250 && second->interval_ns == 2 * SECOND);
	assert_true(second->fullest == 0.25);
	/* Nothing new was written: what was known is kept. */
	assert_true(same->published == 250 && same->interval_ns == 2 * SECOND);
	/* A counter that went back, and another producer in the same place, began from 0. */
	assert_true(back->published == 40);
	assert_true(other->published == 60);
	wi_snapshot_free(first), wi_snapshot_free(second), wi_snapshot_free(same);
	wi_snapshot_free(back), wi_snapshot_free(other);
}

static void
test_clean(void **state)
{
	static const struct {
		const char *name, *clean;
	} cases[] = {{"plain", "plain"},
		     {"\x1b[31mred\x07", "?[31mred?"},
		     {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
		     {"\xc2\x9b"
		      "31m",
		      "?31m"},
		     {"\xff\xc3", "??"},
		     {"\xe2\x80\xae"
		      "abc",
		      "?abc"},
		     {"\xed\xa0\x80", "???"},
		     {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
		     {"\xc0\xaf", "??"},
		     {"\xd8\x9c", "?"},
		     {"\xc2\xad", "?"},
		     {"\xe2\x80\x8b", "?"},
		     {"\xf4\x90\x80\x80", "????"},
		     {"a\nb\tc\x7f", "a?b?c?"}};
	char clean[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		wi_clean_name(cases[i].name, strlen(cases[i].name), clean);
		assert_string_equal(clean, cases[i].clean);
	}
	wi_clean_name("abcdef", 3, clean);
	assert_string_equal(clean, "abc");
}

static void
test_text(void **state)
{
	static const struct wi_times_summary none, some = {.known = true};

	(void)state;
	assert_string_equal(wi_watch_text_rate(NAN).text, "-");
	assert_string_equal(wi_watch_text_rate(0).text, "0");
	assert_string_equal(wi_watch_text_rate(0.25).text, "0.25");
	assert_string_equal(wi_watch_text_rate(12345).text, "12.3 k");
	assert_string_equal(wi_watch_text_share(0).text, "0 %");
	assert_string_equal(wi_watch_text_share(0.001).text, "<1 %");
	assert_string_equal(wi_watch_text_share(0.999).text, "99 %");
	assert_string_equal(wi_watch_text_share(NAN).text, "-");
	assert_string_equal(wi_watch_text_share(1).text, "100 %");
	assert_string_equal(wi_watch_text_number(999).text, "999");
	assert_string_equal(wi_watch_text_number(12345).text, "12.3 k");
	assert_string_equal(wi_watch_text_time(&none, 5).text, "-");
	assert_string_equal(wi_watch_text_time(&some, 1230).text, "1.23 us");
	assert_string_equal(wi_watch_text_time(&some, 999 * SECOND).text, "999 s");
	assert_string_equal(wi_watch_text_time(&some, 1000 * SECOND).text, "16 min");
	assert_string_equal(wi_watch_text_time(&some, 35999 * SECOND).text, "599 min");
	assert_string_equal(wi_watch_text_time(&some, 36000 * SECOND).text, "10 h");
	assert_string_equal(wi_watch_text_time(&some, UINT64_MAX).text, "213503 d");
	assert_string_equal(wi_watch_text_age(SECOND / 4).text, "0.2 s");
	assert_string_equal(wi_watch_text_age(61 * SECOND).text, "1 min 1 s");
	assert_string_equal(wi_watch_text_age(3700 * SECOND).text, "1 h 1 min");
	assert_string_equal(wi_watch_text_age(200000 * SECOND).text, "2 d 7 h");
}

/* -- damage ------------------------------------------------------------------ */

static uint64_t seed;

static uint64_t
next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Numbers that overflow when something is added, or that nearly fit. */
static uint64_t
nasty(void)
{
	static const uint64_t numbers[] = {0, 1, UINT64_MAX, INT64_MAX, UINT32_MAX, 1u << 31, 255, 4096};
	uint64_t number = numbers[next_random() % 8];

	return next_random() % 2 ? number : number - next_random() % 64 + original_size;
}

/* In the header most of the time, or where there are entries; and now and then all of a place. */
static void
damage(unsigned char *bytes)
{
	weir_counters_header header;
	uint64_t count = 1 + next_random() % 4;

	memcpy(&header, original, sizeof(header));
	for (uint64_t i = 0; i < count; i++) {
		const weir_counters_section *section =
			&header.section[next_random() % WEIR_COUNTERS_SECTION_COUNT];
		size_t room = (size_t)section->count * section->entry_size;
		size_t at = next_random() % 2 || room == 0 ? 8 + next_random() % (sizeof(header) - 16)
							   : section->offset + next_random() % (room - 8);
		uint64_t number = nasty();

		if (next_random() % 3 == 0)
			bytes[at] ^= (unsigned char)(1u << next_random() % 8);
		else
			memcpy(bytes + (next_random() % 2 ? at & ~(size_t)7 : at), &number,
			       next_random() % 2 ? 8 : 4);
	}
}

static void
show_all(const struct wi_snapshot *snapshot)
{
	const struct wi_top_view view = {next_random() % 200, next_random() % WI_TOP_SORTS,
					 next_random() % 8 ? "" : "a"};
	struct wi_top_lines lines;
	json_t *object;
	char *text;

	assert_true(wi_top_lines_make(&lines, snapshot, &view));
	for (size_t i = 0; i < lines.count; i++)
		for (const char *at = lines.each[i].text; *at != '\0'; at++)
			assert_true((unsigned char)*at >= ' ' && *at != 127);
	wi_top_lines_fini(&lines);
	object = wi_watch_json(snapshot);
	text = json_dumps(object, JSON_COMPACT);
	assert_non_null(text);
	free(text);
	json_decref(object);
}

/* Both ways; a terminal gets nothing that could disturb it. */
static void
explain_all(const struct wi_snapshot *snapshot)
{
	static const char *const topics[] = {"a.b", "a", "weir.gap", "weir.failed.deliver"};
	struct wi_explain explain;
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	assert_true(wi_explain_make(&explain, topics[next_random() % 4], snapshot));
	assert_int_equal(explain.pool_count, snapshot->pool_count);
	assert_true(explain.getting <= explain.matching &&
		    explain.matching <= snapshot->handler_count);
	wi_explain_text(&explain, stream);
	wi_explain_json(&explain, stream);
	wi_explain_fini(&explain);
	fclose(stream);
	for (const char *at = text; *at != '\0'; at++)
		assert_true((unsigned char)*at >= ' ' || *at == '\n');
	assert_null(strchr(text, 127));
	assert_int_equal(strlen(text), size);
	free(text);
}

/* The file with one number other than it is; the problem, or NULL: it is taken. */
static const char *
take_with(struct wi_look *one, int fd, size_t at, uint64_t number, size_t size)
{
	static char problem[WI_LOOK_PROBLEM_SIZE];

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, original, original_size, 0), original_size);
	assert_int_equal(pwrite(fd, &number, size, (off_t)at), size);
	return wi_look_take(one, fd, problem) ? NULL : problem;
}

/* What is just right is taken, and one more is not. */
static void
test_limits(void **state)
{
	static const size_t sections = offsetof(weir_counters_header, section);
	int fd = memfd_create("limits", MFD_CLOEXEC);
	weir_counters_header header;
	struct wi_look one;

	(void)state;
	memcpy(&header, original, sizeof(header));
	for (size_t i = 0; i < WEIR_COUNTERS_SECTION_COUNT; i++) {
		const weir_counters_section *section = &header.section[i];
		size_t at = sections + i * sizeof(*section);
		uint64_t last = original_size - (uint64_t)section->count * section->entry_size;
		const char *problem;

		assert_null(take_with(&one, fd, at, last, 8));
		wi_look_fini(&one);
		problem = take_with(&one, fd, at, last + 1, 8);
		assert_non_null(problem);
		assert_non_null(strstr(problem, "cannot lie where it says"));
		assert_non_null(take_with(&one, fd, at, sizeof(header) - 1, 8));
		assert_non_null(take_with(&one, fd, at + 8, section->entry_size - 1, 4));
		assert_non_null(take_with(&one, fd, at + 8, (64 << 10) + 1, 4));
		assert_null(take_with(&one, fd, at + 16, section->count, 4));
		wi_look_fini(&one);
		assert_non_null(take_with(&one, fd, at + 16, section->count - 1, 4));
	}
	assert_non_null(take_with(&one, fd, offsetof(weir_counters_header, file_size),
				  original_size + 1, 8));
	assert_non_null(take_with(&one, fd, offsetof(weir_counters_header, layout), 1, 4));
	assert_non_null(take_with(&one, fd, offsetof(weir_counters_header, magic), 1, 8));
	/* Its writer died in the midst of it. */
	assert_null(take_with(&one, fd, offsetof(weir_counters_header, sequence), 7, 8));
	assert_true(one.torn);
	assert_false(wi_look_is_old(&one, fd));
	wi_look_fini(&one);
	assert_null(take_with(&one, fd, offsetof(weir_counters_header, sequence), 8, 8));
	assert_false(one.torn);
	assert_false(wi_look_is_old(&one, fd));
	header.sequence = 10;
	assert_int_equal(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
	assert_true(wi_look_is_old(&one, fd));
	wi_look_fini(&one);
	close(fd);
}

/* A later version has longer entries: their beginnings are known. */
static void
test_longer(void **state)
{
	const uint32_t more = 24, count = 2;
	int fd = memfd_create("longer", MFD_CLOEXEC);
	weir_counters_header header;
	weir_counters_section *pools = &header.section[WEIR_COUNTERS_POOLS];
	char problem[WI_LOOK_PROBLEM_SIZE];
	struct wi_look one;
	uint64_t from;

	(void)state;
	memcpy(&header, original, sizeof(header));
	assert_true(pools->count == count);
	from = pools->offset;
	pools->offset = original_size;
	pools->entry_size += more;
	header.file_size = original_size + (uint64_t)count * pools->entry_size;
	assert_int_equal(pwrite(fd, original, original_size, 0), original_size);
	assert_int_equal(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(pwrite(fd, original + from + i * sizeof(weir_counters_pool),
					sizeof(weir_counters_pool),
					(off_t)(pools->offset + (uint64_t)i * pools->entry_size)),
				 sizeof(weir_counters_pool));
	assert_int_equal(ftruncate(fd, (off_t)header.file_size), 0);
	assert_true(wi_look_take(&one, fd, problem));
	assert_string_equal(one.pools[0].name, "default");
	assert_string_equal(one.pools[1].name, "slow");
	assert_int_equal(one.pools[1].dispatcher_count, 1);
	wi_look_fini(&one);
	close(fd);
}

/* A file for each damage would be slow: one that is written anew. */
static void
test_damage(void **state)
{
	int fd = memfd_create("damaged", MFD_CLOEXEC);
	unsigned char *bytes = malloc(original_size);
	const char *given = getenv("WEIR_SEED");
	struct wi_snapshot *before = NULL, *snapshot;
	char problem[WI_LOOK_PROBLEM_SIZE];
	uint64_t taken = 0;
	struct wi_look one;

	(void)state;
	seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2 + 1;
	print_message("WEIR_SEED=%llu\n", (unsigned long long)seed);
	for (int i = 0; i < DAMAGES; i++) {
		size_t size = next_random() % 4 ? original_size : next_random() % original_size;

		memcpy(bytes, original, original_size);
		damage(bytes);
		/* One that stays odd costs 100 ms: few of them. */
		if (i % 2000 != 0)
			bytes[24] &= 0xfe;
		assert_int_equal(ftruncate(fd, (off_t)size), 0);
		assert_int_equal(pwrite(fd, bytes, size, 0), size);
		if (!wi_look_take(&one, fd, problem)) {
			assert_true(problem[0] != '\0' && one.pools == NULL);
			continue;
		}
		taken++;
		snapshot = wi_snapshot_make(&one, before, next_random(), next_random() % 4 != 0);
		assert_non_null(snapshot);
		wi_snapshot_free(before);
		before = snapshot;
		show_all(snapshot);
		explain_all(snapshot);
	}
	print_message("%d damaged files, %llu of them shown\n", DAMAGES, (unsigned long long)taken);
	assert_true(taken > DAMAGES / 20);
	wi_snapshot_free(before);
	free(bytes);
	free(original);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),  cmocka_unit_test(test_text),
		cmocka_unit_test(test_rates),  cmocka_unit_test(test_hangs),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_longer),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
