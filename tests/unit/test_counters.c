/* SPDX-License-Identifier: MIT */
/* test_counters.c - the counters file: where and what it is, and that nothing depends on it. */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <weir/counters.h>

#include "base/memory.h"
#include "core/counters.h"

static void
nap(uint64_t ns)
{
	nanosleep(&(struct timespec){(time_t)(ns / UNIT_SECOND), (long)(ns % UNIT_SECOND)}, NULL);
}

/* -- reading, as weir top does ---------------------------------------------- */

/* How many counters files of this process; the path of the last. */
static unsigned
find_files(const char *directory, char *path, size_t size)
{
	DIR *entries = opendir(directory);
	struct dirent *entry;
	unsigned count = 0;
	char own[32];

	if (!entries)
		return 0;
	snprintf(own, sizeof own, ".%d.", (int)getpid());
	while ((entry = readdir(entries))) {
		size_t length = strlen(entry->d_name);

		if (length < 5 || strcmp(entry->d_name + length - 5, ".weir") != 0 ||
		    !strstr(entry->d_name, own))
			continue;
		snprintf(path, size, "%s/%s", directory, entry->d_name);
		count++;
	}
	closedir(entries);
	return count;
}

static void
read_all(int file, void *to, size_t size, uint64_t offset)
{
	assert_int_equal(pread(file, to, size, (off_t)offset), size);
}

/* A consistent copy of the file. */
static unsigned char *
snapshot_of(const char *path, weir_counters_header *header)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char *bytes = NULL;
	uint64_t sequence;

	assert_true(file >= 0);
	do {
		free(bytes);
		read_all(file, header, sizeof *header, 0);
		sequence = header->sequence;
		assert_true(header->file_size >= sizeof *header && header->file_size < 1u << 30);
		bytes = malloc(header->file_size);
		assert_non_null(bytes);
		read_all(file, bytes, header->file_size, 0);
		read_all(file, header, sizeof *header, 0);
	} while (sequence % 2 || header->sequence != sequence);
	/* The last reading tells of the sequence alone: a writer may have begun within it. */
	memcpy(header, bytes, sizeof *header);
	close(file);
	return bytes;
}

static const void *
entry_of(const unsigned char *bytes, const weir_counters_header *header, int section,
	 uint32_t index)
{
	assert_true(index < header->section[section].count);
	return bytes + header->section[section].offset +
	       (uint64_t)index * header->section[section].entry_size;
}

/* -- the file of a bus ------------------------------------------------------ */

static weir_bus *
open_in(const char *directory, const char *name)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;

	options.stats_dir = directory;
	options.name = name;
	options.producer_count_max = 8;
	return unit_open(&options, NULL);
}

static void
test_layout(void **state)
{
	const uint64_t magic = WEIR_COUNTERS_MAGIC;

	(void)state;
	assert_memory_equal(&magic, "WEIRCNT1", 8);
	assert_int_equal(sizeof(weir_counters_section), 24);
	assert_int_equal(offsetof(weir_counters_header, sequence), 24);
	assert_int_equal(offsetof(weir_counters_header, section), 72 + 64 + 16);
	assert_int_equal(sizeof(weir_counters_header), 72 + 64 + 16 + 5 * 24);
	assert_int_equal(sizeof(weir_counters_pool), 64 + 10 * 8 + 16 + 8 + 6 * 8);
	assert_int_equal(sizeof(weir_counters_dispatcher), 16 + 10 * 8);
	assert_int_equal(sizeof(weir_counters_blame), 24);
	assert_int_equal(sizeof(weir_counters_producer), 32 + 16 + 10 * 8 + 8 + 3 * 8 + 6 * 24 + 8 + 8 * 8);
	assert_int_equal(sizeof(weir_counters_subscription), 64 + 256 + 24 + 11 * 8 + 8 * 8 + 8 * 4);
	assert_int_equal(sizeof(weir_counters_times), 16 + 3 * 8 + 128 * 8);
}

static void
test_file(void **state)
{
	char *directory = unit_make_directory(), path[512], expected[128], other[512];
	weir_bus *bus = open_in(directory, "my bus/1"), *second;
	weir_counters_header header;
	uint64_t end = 0;
	struct stat status;

	(void)state;
	assert_int_equal(find_files(directory, path, sizeof path), 1);
	snprintf(expected, sizeof expected, "%s/my_bus_1.%d.", directory, (int)getpid());
	assert_memory_equal(path, expected, strlen(expected));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_true(S_ISREG(status.st_mode));
	free(snapshot_of(path, &header));
	assert_true(header.magic == WEIR_COUNTERS_MAGIC);
	assert_int_equal(header.layout, WEIR_COUNTERS_LAYOUT);
	assert_int_equal(header.header_size, sizeof header);
	assert_int_equal(header.file_size, status.st_size);
	assert_int_equal(header.pid, getpid());
	assert_string_equal(header.name, "my bus/1");
	assert_string_equal(header.version, weir_version());
	assert_true(header.started / UNIT_SECOND - (uint64_t)time(NULL) + 1 <= 2);
	assert_true(header.heartbeat >= header.started);
	assert_int_equal(header.topic_count, 2);
	for (int s = 0; s < WEIR_COUNTERS_SECTION_COUNT; s++) {
		const weir_counters_section *section = &header.section[s];

		assert_true(section->offset >= (s ? end : sizeof header));
		assert_int_equal(section->offset % 8, 0);
		assert_true(section->count <= section->capacity);
		assert_int_equal(section->left_out, 0);
		end = section->offset + (uint64_t)section->entry_size * section->capacity;
	}
	assert_true(end <= header.file_size);

	second = open_in(directory, "my bus/1");
	assert_int_equal(find_files(directory, other, sizeof other), 2);
	unit_close(second);
	assert_int_equal(find_files(directory, other, sizeof other), 1);
	assert_string_equal(other, path);
	unit_close(bus);
	assert_int_equal(find_files(directory, other, sizeof other), 0);
	unit_remove_directory(directory);
}

static int
fail_always(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	return 42;
}

static void
check_totals(weir_bus *bus, const unsigned char *bytes, const weir_counters_header *header)
{
	const weir_counters_pool *pool = entry_of(bytes, header, WEIR_COUNTERS_POOLS, 0);
	const weir_counters_dispatcher *dispatcher =
		entry_of(bytes, header, WEIR_COUNTERS_DISPATCHERS, 0);
	weir_pool_counts counts = unit_pool_counts(bus);

	assert_int_equal(header->lost, 0);
	assert_int_equal(header->in_flight, 0);
	assert_int_equal(header->topic_count, 4);
	assert_int_equal(header->section[WEIR_COUNTERS_POOLS].count, 1);
	assert_string_equal(pool->name, "default");
	assert_int_equal(pool->seen, counts.seen);
	assert_int_equal(pool->routed, counts.routed);
	assert_int_equal(pool->unrouted, counts.unrouted);
	assert_int_equal(pool->batches, counts.batches);
	assert_int_equal(pool->dispatcher_count, 1);
	assert_int_equal(pool->wait, WEIR_WAIT_ADAPTIVE);
	assert_int_equal(header->section[WEIR_COUNTERS_DISPATCHERS].count, 1);
	assert_int_equal(dispatcher->routed, counts.routed);
	assert_int_equal(dispatcher->batches, counts.batches);
	assert_int_equal(dispatcher->in_batch, 0);
	assert_true(dispatcher->thread != 0 && dispatcher->thread != (uint32_t)getpid());
}

static const weir_counters_producer *
producer_of(const unsigned char *bytes, const weir_counters_header *header, const char *name)
{
	for (uint32_t i = 0; i < header->section[WEIR_COUNTERS_PRODUCERS].count; i++) {
		const weir_counters_producer *producer =
			entry_of(bytes, header, WEIR_COUNTERS_PRODUCERS, i);

		if (strcmp(producer->name, name) == 0)
			return producer;
	}
	fail_msg("no producer \"%s\" in the file", name);
	return NULL;
}

static const weir_counters_subscription *
subscription_of(const unsigned char *bytes, const weir_counters_header *header,
		weir_subscription id)
{
	for (uint32_t i = 0; i < header->section[WEIR_COUNTERS_SUBSCRIPTIONS].count; i++) {
		const weir_counters_subscription *subscription =
			entry_of(bytes, header, WEIR_COUNTERS_SUBSCRIPTIONS, i);

		if (subscription->id == id.id)
			return subscription;
	}
	fail_msg("no subscription %lx in the file", (unsigned long)id.id);
	return NULL;
}

/* At rest, once it had time to be written, the file says what weir_bus_get_counts() says. */
static void
test_contents(void **state)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_producer_options producer_options = WEIR_PRODUCER_OPTIONS_INIT;
	char *directory = unit_make_directory(), path[512];
	weir_bus *bus = open_in(directory, "contents");
	const weir_counters_subscription *subscription;
	const weir_counters_producer *written;
	weir_subscription counting, failing;
	weir_counters_header header;
	volatile uint32_t huge = 1u << 30;
	weir_producer *producer;
	unsigned char *bytes;
	uint64_t count = 0;

	(void)state;
	producer_options.name = "a producer with a name that is too long for the file";
	assert_ok(weir_producer_open(bus, &producer_options, &producer));
	counting = unit_subscribe(bus, "a.*", unit_count, &count);
	options.name = "failing";
	options.priority = -5;
	assert_ok(weir_subscribe(bus, "a.b", fail_always, NULL, &options, &failing));
	for (int i = 0; i < 1000; i++)
		assert_ok(weir_publish(producer, unit_topic(bus, i % 4 ? "a.b" : "unrouted"),
				       "abcd", 4));
	assert_status(WEIR_EINVAL, weir_publish(producer, (weir_topic){0}, NULL, 0));
	assert_status(WEIR_ETOOBIG, weir_publish(producer, (weir_topic){3}, path, huge));
	assert_ok(weir_subscription_pause(bus, counting, 1));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	nap(1200000000);
	assert_int_equal(find_files(directory, path, sizeof path), 1);
	bytes = snapshot_of(path, &header);
	check_totals(bus, bytes, &header);

	written = producer_of(bytes, &header, "a producer with a name that is ");
	assert_int_equal(written->open, 1);
	assert_int_equal(written->ring_size, 256 * 1024);
	assert_int_equal(written->in_ring, 0);
	assert_int_equal(written->committed, 1000);
	assert_int_equal(written->bytes, 32000);
	assert_int_equal(written->refused_invalid, 1);
	assert_int_equal(written->refused_size, 1);
	assert_int_equal(written->refused_full + written->refused_busy + written->refused_hops +
				 written->refused_closed + written->discarded + written->aborted,
			 0);
	assert_true(written->source != 0);

	assert_int_equal(header.section[WEIR_COUNTERS_SUBSCRIPTIONS].count, 2);
	subscription = subscription_of(bytes, &header, counting);
	assert_string_equal(subscription->name, "a.*");
	assert_string_equal(subscription->pattern, "a.*");
	assert_int_equal(subscription->state, WEIR_SUBSCRIPTION_PAUSED);
	assert_int_equal(subscription->due, 750);
	assert_int_equal(subscription->ok + subscription->skipped_paused, 750);
	assert_int_equal(subscription->running, 0);
	subscription = subscription_of(bytes, &header, failing);
	assert_string_equal(subscription->name, "failing");
	assert_string_equal(subscription->pattern, "a.b");
	assert_int_equal(subscription->state, WEIR_SUBSCRIPTION_ACTIVE);
	assert_int_equal(subscription->priority, -5);
	assert_int_equal(subscription->failed, 750);
	assert_int_equal(subscription->failure_code[0], 42);
	assert_int_equal(subscription->failure_count[0], 750);
	assert_int_equal(subscription->last_code, 42);
	assert_int_equal(subscription_of(bytes, &header, counting)->last_code, 0);
	assert_true(subscription->serial > subscription_of(bytes, &header, counting)->serial);
	assert_int_equal(written->full_count, 0);
	assert_int_equal(written->slowest, UINT32_MAX);
	assert_int_equal(written->in_pool, UINT32_MAX);
	assert_true(written->high_water > 0 && written->high_water <= 32000);
	free(bytes);
	weir_producer_close(producer);
	unit_close(bus);
	unit_remove_directory(directory);
}

/* A pool that skips, with a handler in quarantine. */
static weir_subscription
open_quarantined(weir_bus *bus, weir_producer *producer)
{
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;

	pool.behind = WEIR_BEHIND_SKIP;
	assert_ok(weir_pool_open(bus, &pool, &options.pool));
	options.quarantine_failure_count = 1;
	options.quarantine_ns = 1000 * UNIT_SECOND;
	assert_ok(weir_subscribe(bus, "b", fail_always, NULL, &options, &subscription));
	assert_ok(weir_publish(producer, unit_topic(bus, "b"), NULL, 0));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	return subscription;
}

/* The pools' modes, what is in quarantine, and calls that were told as stuck. */
static bool
says_so(const unsigned char *bytes, const weir_counters_header *header, weir_subscription quarantined)
{
	const weir_counters_pool *first = entry_of(bytes, header, WEIR_COUNTERS_POOLS, 0);
	const weir_counters_pool *second = entry_of(bytes, header, WEIR_COUNTERS_POOLS, 1);
	const weir_counters_dispatcher *dispatcher =
		entry_of(bytes, header, WEIR_COUNTERS_DISPATCHERS, 1);
	const weir_counters_subscription *subscription = subscription_of(bytes, header, quarantined);

	return first->behind == WEIR_BEHIND_HOLD && second->behind == WEIR_BEHIND_SKIP &&
	       first->stuck == 1 && second->stuck == 0 && subscription->quarantines == 1 &&
	       subscription->state == WEIR_SUBSCRIPTION_QUARANTINED && subscription->pool == 1 &&
	       dispatcher->pool == 1;
}

/* Who hangs, and in which handler, can be read while it hangs. */
static void
test_stuck_is_seen(void **state)
{
	char *directory = unit_make_directory(), path[512];
	weir_bus *bus = open_in(directory, "stuck");
	const weir_counters_dispatcher *dispatcher;
	weir_producer *producer = unit_producer(bus);
	uint64_t end = unit_now() + UNIT_PATIENCE;
	weir_counters_header header;
	weir_subscription stuck, quarantined;
	struct unit_gate gate;
	unsigned char *bytes;
	bool seen = false;

	(void)state;
	unit_gate_init(&gate);
	quarantined = open_quarantined(bus, producer);
	stuck = unit_subscribe(bus, "a", unit_gate_handler, &gate);
	assert_ok(weir_publish(producer, unit_topic(bus, "a"), NULL, 0));
	unit_gate_wait(&gate);
	assert_int_equal(find_files(directory, path, sizeof path), 1);
	while (!seen && unit_now() < end) {
		nap(20000000);
		bytes = snapshot_of(path, &header);
		dispatcher = entry_of(bytes, &header, WEIR_COUNTERS_DISPATCHERS, 0);
		seen = dispatcher->in_batch == 1 && dispatcher->subscription == stuck.id &&
		       subscription_of(bytes, &header, stuck)->running == 1 &&
		       header.in_flight == 1 && says_so(bytes, &header, quarantined);
		free(bytes);
	}
	assert_true(seen);
	unit_gate_pass(&gate, 1);
	weir_producer_close(producer);
	unit_close(bus);
	unit_remove_directory(directory);
}

/* -- what is full, and why --------------------------------------------------- */

/* The entry for what has been sampled of it. */
static const weir_counters_times *
times_of(const unsigned char *bytes, const weir_counters_header *header, uint32_t kind, uint32_t pool,
	 uint64_t subscription)
{
	for (uint32_t i = 0; i < header->section[WEIR_COUNTERS_TIMES].count; i++) {
		const weir_counters_times *times = entry_of(bytes, header, WEIR_COUNTERS_TIMES, i);

		if (times->kind == kind && times->pool == pool && times->subscription == subscription)
			return times;
	}
	return NULL;
}

static bool
tells_why(const unsigned char *bytes, const weir_counters_header *header, weir_subscription slow)
{
	const weir_counters_producer *producer = producer_of(bytes, header, "pressing");
	const weir_counters_pool *pools = entry_of(bytes, header, WEIR_COUNTERS_POOLS, 0);
	const weir_counters_dispatcher *dispatcher = entry_of(bytes, header, WEIR_COUNTERS_DISPATCHERS, 1);
	const weir_counters_blame *blame = producer->blame;

	while (blame < producer->blame + WEIR_COUNTERS_BLAME_COUNT - 1 && blame->subscription != slow.id)
		blame++;
	return producer->full_count == 1 && producer->full_ns > 100000000 && producer->full_since > 0 &&
	       producer->full_since <= header->heartbeat && blame->subscription == slow.id &&
	       blame->pool == 1 && blame->ns > producer->full_ns / 2 && blame->ns <= producer->full_ns &&
	       producer->in_pool == 1 && producer->in_count == 1 && producer->in[0] == slow.id &&
	       producer->slowest == 1 && producer->in_ring > 3072 && producer->high_water > 2048 &&
	       pools[1].after == 1 && pools[0].after == 0 && pools[1].waiting >= 20 &&
	       pools[1].waiting_bytes == producer->in_ring && pools[0].waiting == 0 &&
	       pools[1].batch_count_max == 5 && pools[1].spin_ns == 1000 &&
	       dispatcher->lasted_ns > 50000000 && pools[0].busy_ns > 0;
}

static void
test_full_is_seen(void **state)
{
	char *directory = unit_make_directory(), path[512], payload[100] = {0};
	weir_producer_options producer_options = WEIR_PRODUCER_OPTIONS_INIT;
	weir_pool_options pool_options = WEIR_POOL_OPTIONS_INIT;
	uint64_t end = unit_now() + UNIT_PATIENCE, count = 0;
	weir_bus *bus = open_in(directory, "full");
	weir_pool *first = weir_bus_default_pool(bus), *second;
	const weir_counters_times *waited, *handled;
	weir_counters_header header;
	weir_producer *producer;
	weir_subscription slow;
	struct unit_gate gate;
	unsigned char *bytes;
	bool seen = false;
	weir_topic topic;

	(void)state;
	unit_gate_init(&gate);
	pool_options.after = &first;
	pool_options.after_count = 1;
	pool_options.batch_count_max = 5;
	pool_options.spin_ns = 1000;
	assert_ok(weir_pool_open(bus, &pool_options, &second));
	unit_subscribe(bus, "a", unit_count, &count);
	slow = unit_subscribe_in(bus, second, "a", unit_gate_handler, &gate);
	producer_options.name = "pressing";
	producer_options.ring_size = 4096;
	assert_ok(weir_producer_open(bus, &producer_options, &producer));
	topic = unit_topic(bus, "a");
	while (!seen && unit_now() < end) {
		(void)weir_publish(producer, topic, payload, sizeof payload);
		nap(1000000);
		assert_int_equal(find_files(directory, path, sizeof path), 1);
		bytes = snapshot_of(path, &header);
		seen = header.section[WEIR_COUNTERS_PRODUCERS].count == 3 && tells_why(bytes, &header, slow);
		free(bytes);
	}
	assert_true(seen);
	unit_gate_pass(&gate, 1000);
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	for (seen = false; !seen && unit_now() < end; nap(20000000)) {
		assert_ok(weir_publish(producer, topic, payload, sizeof payload));
		bytes = snapshot_of(path, &header);
		waited = times_of(bytes, &header, WEIR_COUNTERS_WAITING, 1, 0);
		handled = times_of(bytes, &header, WEIR_COUNTERS_HANDLING, 1, slow.id);
		seen = producer_of(bytes, &header, "pressing")->full_since == 0 && waited && handled &&
		       handled->samples > 0 && handled->max_ns > 100000000 && waited->samples > 0 &&
		       times_of(bytes, &header, WEIR_COUNTERS_WAITING, 0, 0) != NULL;
		free(bytes);
	}
	assert_true(seen);
	unit_gate_pass(&gate, 1000);
	weir_producer_close(producer);
	unit_close(bus);
	unit_remove_directory(directory);
}

/* -- where it is ------------------------------------------------------------ */

static void
test_default_directory(void **state)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	char *directory = unit_make_directory(), path[512], own[512],
	     *saved = getenv("XDG_RUNTIME_DIR");
	struct stat status;
	unsigned before;
	weir_bus *bus;

	(void)state;
	if (saved)
		saved = strdup(saved);
	options.name = "default";
	options.log = NULL;
	setenv("XDG_RUNTIME_DIR", directory, 1);
	assert_ok(weir_bus_open(&options, NULL, &bus));
	snprintf(own, sizeof own, "%s/weir", directory);
	assert_int_equal(find_files(own, path, sizeof path), 1);
	assert_int_equal(stat(own, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	unit_close(bus);
	assert_int_equal(find_files(own, path, sizeof path), 0);

	unsetenv("XDG_RUNTIME_DIR");
	if (access("/dev/shm", W_OK) == 0) {
		snprintf(own, sizeof own, "/dev/shm/weir-%u", (unsigned)geteuid());
		before = find_files(own, path, sizeof path);
		assert_ok(weir_bus_open(&options, NULL, &bus));
		assert_int_equal(find_files(own, path, sizeof path), before + 1);
		unit_close(bus);
	}
	/* "" is nowhere, even where the default would do. */
	setenv("XDG_RUNTIME_DIR", directory, 1);
	unit_close(unit_open(NULL, NULL));
	bus = unit_open(NULL, NULL);
	snprintf(own, sizeof own, "%s/weir", directory);
	assert_int_equal(find_files(own, path, sizeof path), 0);
	unit_close(bus);
	if (saved)
		setenv("XDG_RUNTIME_DIR", saved, 1);
	else
		unsetenv("XDG_RUNTIME_DIR");
	free(saved);
	unit_remove_directory(directory);
}

struct told {
	int level;
	char id[32];
	unsigned count;
};

static void
listen(void *context, int level, const char *id, const char *text)
{
	struct told *told = context;

	told->level = level;
	told->count += text[0] != '\0';
	snprintf(told->id, sizeof told->id, "%s", id);
}

/* A bus without its file is a bus. */
static void
expect_without(const char *directory)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	struct told told = {.count = 0};
	weir_producer *producer;
	uint64_t count = 0;
	weir_bus *bus;

	options.stats_dir = directory;
	options.log = listen;
	options.log_context = &told;
	bus = unit_open(&options, NULL);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.level, 4);
	assert_string_equal(told.id, "WEIR-COUNTERS");
	producer = unit_producer(bus);
	unit_subscribe(bus, "a", unit_count, &count);
	assert_ok(weir_publish(producer, unit_topic(bus, "a"), NULL, 0));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(count, 1);
	weir_producer_close(producer);
	unit_close(bus);
	assert_int_equal(told.count, 1);
}

static void
test_no_file(void **state)
{
	char *directory = unit_make_directory(), path[5000];
	FILE *file;

	(void)state;
	expect_without("/nowhere/at/all");
	snprintf(path, sizeof path, "%s/file", directory);
	file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
	expect_without(path);
	memset(path, 'x', sizeof path);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	expect_without(path);
	if (geteuid() != 0) {
		assert_int_equal(chmod(directory, 0500), 0);
		expect_without(directory);
		assert_int_equal(chmod(directory, 0700), 0);
	}
	unit_remove_directory(directory);
}

/* What others do to the file is their affair. */
static void
test_damaged_file(void **state)
{
	char *directory = unit_make_directory(), path[512];
	weir_bus *bus = open_in(directory, "damaged");
	weir_producer *producer = unit_producer(bus);
	uint64_t count = 0;

	(void)state;
	unit_subscribe(bus, "a", unit_count, &count);
	assert_int_equal(find_files(directory, path, sizeof path), 1);
	assert_int_equal(truncate(path, 0), 0);
	for (int i = 0; i < 30; i++) {
		assert_ok(weir_publish(producer, unit_topic(bus, "a"), NULL, 0));
		nap(10000000);
	}
	assert_int_equal(unlink(path), 0);
	assert_ok(weir_publish(producer, unit_topic(bus, "a"), NULL, 0));
	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	assert_int_equal(count, 31);
	weir_producer_close(producer);
	unit_close(bus);
	unit_remove_directory(directory);
}

/* -- below the bus ---------------------------------------------------------- */

static const uint32_t capacity[WEIR_COUNTERS_SECTION_COUNT] = {1, 2, 300, 3, 4};

static void
test_sections(void **state)
{
	char *directory = unit_make_directory(), path[512];
	struct wi_counters counters;
	weir_counters_header header;
	const char *reason = NULL;
	unsigned char *bytes;

	(void)state;
	assert_true(
		wi_counters_open(&counters, directory, ".hidden/../name", 7, capacity, &reason));
	assert_null(reason);
	assert_int_equal(find_files(directory, path, sizeof path), 1);
	for (int round = 1; round <= 2; round++) {
		wi_counters_begin(&counters);
		for (int s = 0; s < WEIR_COUNTERS_SECTION_COUNT; s++)
			for (uint32_t i = 0; i < capacity[s] + 2; i++) {
				unsigned char *entry = wi_counters_entry(&counters, s);

				assert_int_equal(entry != NULL, i < capacity[s]);
				for (uint32_t b = 0;
				     entry &&
				     b < wi_counters_header(&counters)->section[s].entry_size;
				     b++) {
					assert_int_equal(entry[b], 0);
					entry[b] = (unsigned char)(i + (uint32_t)round);
				}
			}
		assert_true(wi_counters_write(&counters));
		bytes = snapshot_of(path, &header);
		assert_int_equal(header.sequence, 2 * round);
		for (int s = 0; s < WEIR_COUNTERS_SECTION_COUNT; s++) {
			assert_int_equal(header.section[s].count, capacity[s]);
			assert_int_equal(header.section[s].left_out, 2);
			for (uint32_t i = 0; i < capacity[s]; i++) {
				const unsigned char *entry = entry_of(bytes, &header, s, i);

				assert_int_equal(entry[0], (unsigned char)(i + (uint32_t)round));
				assert_int_equal(entry[header.section[s].entry_size - 1],
						 (unsigned char)(i + (uint32_t)round));
			}
		}
		free(bytes);
	}
	wi_counters_close(&counters);
	assert_int_equal(find_files(directory, path, sizeof path), 0);
	wi_counters_close(&counters);
	unit_remove_directory(directory);
}

struct reader {
	pthread_t thread;
	char path[512];
	uint64_t stop, read, torn;
};

/* A copy between two equal even sequences is of one moment. */
static void *
read_on(void *argument)
{
	struct reader *reader = argument;

	while (!unit_load(&reader->stop)) {
		weir_counters_header header;
		unsigned char *bytes = snapshot_of(reader->path, &header);

		for (uint32_t i = 0; i < header.section[WEIR_COUNTERS_PRODUCERS].count; i++) {
			const weir_counters_producer *entry =
				entry_of(bytes, &header, WEIR_COUNTERS_PRODUCERS, i);

			reader->torn += entry->committed != header.in_flight ||
					entry->aborted != header.in_flight;
		}
		free(bytes);
		__atomic_store_n(&reader->read, reader->read + 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void
test_consistent(void **state)
{
	char *directory = unit_make_directory();
	struct reader reader = {.torn = 0};
	struct wi_counters counters;
	const char *reason;

	(void)state;
	assert_true(wi_counters_open(&counters, directory, "consistent", 1, capacity, &reason));
	assert_true(wi_counters_write(&counters));
	assert_int_equal(find_files(directory, reader.path, sizeof reader.path), 1);
	assert_int_equal(pthread_create(&reader.thread, NULL, read_on, &reader), 0);
	for (uint64_t n = 1; unit_load(&reader.read) < 300 && n < 100000; n++) {
		wi_counters_begin(&counters);
		wi_counters_header(&counters)->in_flight = n;
		for (int i = 0; i < 300; i++) {
			weir_counters_producer *entry =
				wi_counters_entry(&counters, WEIR_COUNTERS_PRODUCERS);

			entry->committed = entry->aborted = n;
		}
		assert_true(wi_counters_write(&counters));
	}
	__atomic_store_n(&reader.stop, 1, __ATOMIC_SEQ_CST);
	pthread_join(reader.thread, NULL);
	assert_int_equal(reader.torn, 0);
	assert_true(reader.read > 0);
	wi_counters_close(&counters);
	unit_remove_directory(directory);
}

/* Told once. */
static void
test_write_fails(void **state)
{
	char *directory = unit_make_directory();
	struct wi_counters counters;
	const char *reason;
	int file;

	(void)state;
	assert_true(wi_counters_open(&counters, directory, "fails", 1, capacity, &reason));
	file = counters.file;
	counters.file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_false(wi_counters_write(&counters));
	assert_true(wi_counters_write(&counters));
	close(counters.file);
	counters.file = file;
	assert_true(wi_counters_write(&counters));
	assert_int_equal(wi_counters_header(&counters)->sequence % 2, 0);
	wi_counters_close(&counters);
	unit_remove_directory(directory);
}

static void
test_without_memory(void **state)
{
	char *directory = unit_make_directory(), path[512];
	struct wi_counters counters;
	const char *reason;

	(void)state;
	for (uint64_t number = 1; number <= 2; number++) {
		reason = NULL;
		wi_memory_fail_at(number, false);
		assert_false(wi_counters_open(&counters, directory, "x", 1, capacity, &reason));
		assert_non_null(reason);
		assert_int_equal(counters.file, -1);
		assert_int_equal(find_files(directory, path, sizeof path), 0);
		wi_counters_close(&counters);
	}
	wi_memory_fail_at(0, false);
	assert_false(wi_counters_open(&counters, "", "x", 1, capacity, &reason));
	assert_null(reason);
	wi_counters_close(&counters);
	unit_remove_directory(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_stuck_is_seen),
		cmocka_unit_test(test_full_is_seen),
		cmocka_unit_test(test_default_directory),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_damaged_file),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_consistent),
		cmocka_unit_test(test_write_fails),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
