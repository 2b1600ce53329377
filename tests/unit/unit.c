/* SPDX-License-Identifier: MIT */
/* unit.c - see unit.h. */
#include "unit.h"

#include <dirent.h>
#include <ftw.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"

#if defined(__SANITIZE_THREAD__)
const char *__tsan_default_options(void);

/* A handler that never returns is a thread never joined: some tests have one, in a child. */
const char *
__tsan_default_options(void)
{
	return "report_thread_leaks=0";
}
#endif

/* -- a bus ------------------------------------------------------------------ */

static void
say_nothing(void *context, int level, const char *id, const char *text)
{
	(void)context, (void)level, (void)id, (void)text;
}

weir_bus *
unit_open(const weir_bus_options *given, const weir_pool_options *pool)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_bus *bus = NULL;

	if (given)
		options = *given;
	if (!options.stats_dir)
		options.stats_dir = "";
	if (!options.log)
		options.log = say_nothing;
	assert_ok(weir_bus_open(&options, pool, &bus));
	assert_non_null(bus);
	return bus;
}

weir_bus *
unit_open_ring(uint32_t ring_size)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;

	options.ring_size = ring_size;
	return unit_open(&options, NULL);
}

weir_topic
unit_topic(weir_bus *bus, const char *name)
{
	weir_topic topic = {0};

	assert_ok(weir_topic_open(bus, name, &topic));
	return topic;
}

weir_producer *
unit_producer(weir_bus *bus)
{
	weir_producer *producer = NULL;

	assert_ok(weir_producer_open(bus, NULL, &producer));
	return producer;
}

weir_subscription
unit_subscribe(weir_bus *bus, const char *pattern, weir_handler_fn handler, void *context)
{
	return unit_subscribe_in(bus, NULL, pattern, handler, context);
}

weir_subscription
unit_subscribe_in(weir_bus *bus, weir_pool *pool, const char *pattern, weir_handler_fn handler,
		  void *context)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;

	options.pool = pool;
	assert_ok(weir_subscribe(bus, pattern, handler, context, &options, &subscription));
	return subscription;
}

void
unit_assert_balanced(weir_bus *bus)
{
	weir_bus_counts counts = WEIR_BUS_COUNTS_INIT;
	weir_producer_counts producers = WEIR_PRODUCER_COUNTS_INIT;
	weir_pool_counts pools = WEIR_POOL_COUNTS_INIT;
	weir_subscription_counts subscriptions = WEIR_SUBSCRIPTION_COUNTS_INIT;

	assert_ok(weir_bus_get_counts(bus, &counts, &producers, &pools, &subscriptions));
	assert_int_equal(producers.attempted,
			 producers.committed + producers.refused_full + producers.refused_size +
				 producers.refused_busy + producers.refused_hops +
				 producers.refused_closed + producers.refused_invalid +
				 producers.discarded + producers.aborted);
	assert_int_equal(pools.seen, pools.routed + pools.unrouted + pools.skipped_behind);
	assert_int_equal(subscriptions.due,
			 subscriptions.ok + subscriptions.failed +
				 subscriptions.skipped_quarantine + subscriptions.skipped_paused +
				 subscriptions.skipped_unsubscribed + subscriptions.running);
	assert_int_equal(subscriptions.running, 0);
	assert_int_equal(producers.committed, unit_pool_counts(bus).seen);
	assert_int_equal(counts.in_flight, 0);
	assert_int_equal(counts.lost, 0);
	assert_int_equal(pools.late_wakes, 0);
}

void
unit_close(weir_bus *bus)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;

	assert_ok(weir_bus_flush(bus, UNIT_PATIENCE));
	unit_assert_balanced(bus);
	assert_ok(weir_bus_close(bus, UNIT_PATIENCE, &report));
	assert_int_equal(report.undelivered, 0);
}

weir_producer_counts
unit_producer_counts(const weir_producer *producer)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;

	assert_ok(weir_producer_get_counts(producer, &counts));
	return counts;
}

weir_producer_counts
unit_all_producer_counts(weir_bus *bus)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;

	assert_ok(weir_bus_get_counts(bus, NULL, &counts, NULL, NULL));
	return counts;
}

weir_pool_counts
unit_counts_of_pool(const weir_pool *pool)
{
	weir_pool_counts counts = WEIR_POOL_COUNTS_INIT;

	assert_ok(weir_pool_get_counts(pool, &counts));
	return counts;
}

weir_pool_counts
unit_pool_counts(weir_bus *bus)
{
	weir_pool_counts counts = WEIR_POOL_COUNTS_INIT;

	assert_ok(weir_pool_get_counts(weir_bus_default_pool(bus), &counts));
	return counts;
}

weir_subscription_counts
unit_subscription_counts(weir_bus *bus, weir_subscription subscription)
{
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;

	assert_ok(weir_subscription_get_counts(bus, subscription, &counts));
	return counts;
}

weir_subscription_counts
unit_all_subscription_counts(weir_bus *bus)
{
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;

	assert_ok(weir_bus_get_counts(bus, NULL, NULL, NULL, &counts));
	return counts;
}

/* -- handlers --------------------------------------------------------------- */

int
unit_count(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	__atomic_fetch_add((uint64_t *)context, 1, __ATOMIC_SEQ_CST);
	return 0;
}

void
unit_gate_init(struct unit_gate *gate)
{
	sem_init(&gate->entered, 0, 0);
	sem_init(&gate->go, 0, 0);
}

static bool
wait_semaphore(sem_t *semaphore)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)(UNIT_PATIENCE / UNIT_SECOND);
	return sem_timedwait(semaphore, &until) == 0;
}

int
unit_gate_handler(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct unit_gate *gate = context;

	(void)event, (void)delivery;
	sem_post(&gate->entered);
	return wait_semaphore(&gate->go) ? 0 : 1;
}

void
unit_gate_wait(struct unit_gate *gate)
{
	assert_true(wait_semaphore(&gate->entered));
}

void
unit_gate_pass(struct unit_gate *gate, unsigned count)
{
	while (count--)
		sem_post(&gate->go);
}

uint64_t
unit_load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void
nap(void)
{
	nanosleep(&(struct timespec){0, 100 * 1000}, NULL);
}

void
unit_wait_for(const uint64_t *word, uint64_t least)
{
	uint64_t end = unit_now() + UNIT_PATIENCE;

	while (unit_load(word) < least) {
		assert_true(unit_now() < end);
		nap();
	}
}

/* -- the process ------------------------------------------------------------ */

uint64_t
unit_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UNIT_SECOND + (uint64_t)now.tv_nsec;
}

void
unit_say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
}

int
unit_in_child(int (*run)(void *), void *context)
{
	pid_t child;
	int status = 0;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		alarm(10);
		signal(SIGALRM, SIG_DFL);
		status = run(context);
		_exit(status);
	}
	assert_true(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static unsigned
count_entries(const char *path)
{
	DIR *directory = opendir(path);
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

unsigned
unit_count_files(void)
{
	return count_entries("/proc/self/fd");
}

unsigned
unit_count_threads(void)
{
	return count_entries("/proc/self/task") - 2;
}

void
unit_assert_threads(unsigned expected)
{
	uint64_t end = unit_now() + UNIT_SECOND;

	while (unit_count_threads() != expected && unit_now() < end)
		sched_yield();
	assert_int_equal(unit_count_threads(), expected);
}

unsigned
unit_count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned count = 0;
	int c;

	assert_non_null(maps);
	while ((c = fgetc(maps)) != EOF)
		count += c == '\n';
	fclose(maps);
	return count;
}

size_t
unit_memory_in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

char *
unit_make_directory(void)
{
	char *path = strdup("/tmp/weir-unit-XXXXXX");

	assert_non_null(path);
	assert_non_null(mkdtemp(path));
	return path;
}

static int
remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status, (void)type, (void)walk;
	return remove(path);
}

void
unit_remove_directory(char *path)
{
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(path);
}

/* -- chance ----------------------------------------------------------------- */

struct unit_random
unit_random_init(void)
{
	const char *given = getenv("WEIR_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : unit_now();

	printf("# WEIR_TEST_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	return (struct unit_random){seed};
}

/* Vigna's splitmix64. */
uint64_t
unit_random(struct unit_random *random)
{
	uint64_t x = random->state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

uint32_t
unit_random_below(struct unit_random *random, uint32_t limit)
{
	return (uint32_t)(unit_random(random) % limit);
}
