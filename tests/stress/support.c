/* SPDX-License-Identifier: MIT */
/* support.c - see support.h. */
#include "support.h"

#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static const char *program = "?", *phase = "beginning";
static uint64_t seed, duration_ns = SECOND;
static pthread_t canary;

/* -- one program ------------------------------------------------------------ */

static void
out_of_time(int signal)
{
	static const char text[] = ": HANGS while ";

	(void)signal;
	if (write(2, program, strlen(program)) < 0 || write(2, text, sizeof text - 1) < 0 ||
	    write(2, phase, strlen(phase)) < 0 || write(2, "\n", 1) < 0)
		_exit(3);
	abort();
}

static void *
run_nothing(void *argument)
{
	return argument;
}

void
support_begin(const char *name)
{
	const char *given = getenv("WEIR_SEED"), *seconds = getenv("WEIR_STRESS_SECONDS");

	/* One arena: the number of mappings then does not depend on who allocated first. */
	mallopt(M_ARENA_MAX, 1);
	program = name;
	seed = given ? strtoull(given, NULL, 0) : now_ns() ^ (uint64_t)getpid() << 32;
	if (seconds)
		duration_ns = (uint64_t)(strtod(seconds, NULL) * 1e9);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%s: WEIR_SEED=%#llx\n", name, (ull)seed);
	/* A sanitizer starts a thread of its own beside the program's first one. */
	if (pthread_create(&canary, NULL, run_nothing, NULL) == 0)
		pthread_join(canary, NULL);
	signal(SIGALRM, out_of_time);
	alarm((unsigned)(60 + duration_ns * 2 / SECOND));
}

uint64_t
support_duration_ns(void)
{
	return duration_ns;
}

void
support_phase(const char *name)
{
	phase = name;
}

void
support_fail(const char *file, int line, const char *condition, const char *format, ...)
{
	va_list arguments;
	const char *base = strrchr(file, '/');

	flockfile(stderr);
	fprintf(stderr, "%s: FAILED %s:%d while %s: not so: %s: ", program, base ? base + 1 : file,
	        line, phase, condition);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, " (WEIR_SEED=%#llx)\n", (ull)seed);
	abort();
}

/* -- chance ----------------------------------------------------------------- */

uint64_t
mix(uint64_t number)
{
	number += 0x9e3779b97f4a7c15;
	number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
	number = (number ^ number >> 27) * 0x94d049bb133111eb;
	return number ^ number >> 31;
}

struct chance
chance_begin(uint64_t number)
{
	return (struct chance){ mix(seed ^ mix(number)) };
}

uint64_t
chance_next(struct chance *chance)
{
	return mix(chance->state++);
}

uint32_t
chance_below(struct chance *chance, uint32_t limit)
{
	return (uint32_t)((chance_next(chance) >> 32) * limit >> 32);
}

bool
chance_one_in(struct chance *chance, uint32_t times)
{
	return chance_below(chance, times) == 0;
}

/* -- time ------------------------------------------------------------------- */

uint64_t
now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

void
sleep_ns(uint64_t ns)
{
	struct timespec time = { (time_t)(ns / SECOND), (long)(ns % SECOND) };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time) != 0)
		;
}

void
wait_for(const uint64_t *word, uint64_t least, const char *what)
{
	uint64_t end = now_ns() + 20 * SECOND;

	while (get(word) < least) {
		CHECK(now_ns() < end, "waited for %s: %llu of %llu", what, (ull)get(word),
		      (ull)least);
		sleep_ns(50 * MICROSECOND);
	}
}

static uint64_t canary_stop, canary_worst;

static void *
run_canary(void *argument)
{
	(void)argument;
	while (!get(&canary_stop)) {
		uint64_t before = now_ns(), took;

		sleep_ns(MILLISECOND);
		took = now_ns() - before;
		if (took > canary_worst)
			canary_worst = took;
	}
	return NULL;
}

void
canary_begin(void)
{
	canary_stop = canary_worst = 0;
	CHECK(pthread_create(&canary, NULL, run_canary, NULL) == 0, "no thread");
}

uint64_t
canary_end(void)
{
	set(&canary_stop, 1);
	pthread_join(canary, NULL);
	return canary_worst;
}

/* -- the process ------------------------------------------------------------ */

static unsigned
count_entries(const char *path)
{
	DIR *directory = opendir(path);
	unsigned count = 0;

	CHECK(directory, "%s", path);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static unsigned
count_lines(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned count = 0;
	int c;

	CHECK(file, "%s", path);
	while ((c = getc(file)) != EOF)
		count += c == '\n';
	fclose(file);
	return count;
}

struct holdings
holdings_take(void)
{
	/* A joined thread leaves /proc a moment after the join. */
	sleep_ns(5 * MILLISECOND);
	return (struct holdings){
		.threads = count_entries("/proc/self/task"),
		.files = count_entries("/proc/self/fd"),
		.mappings = count_lines("/proc/self/maps"),
	};
}

/* Fields of /proc/PID/stat behind the name's bracket: the 17th is how nice. */
static bool
read_nice(const char *task, const char *name, int *ret_nice)
{
	char path[300], text[512], wanted[32];
	FILE *file;
	char *at = NULL;

	snprintf(path, sizeof path, "/proc/self/task/%.200s/stat", task);
	snprintf(wanted, sizeof wanted, "(%.15s) ", name);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fgets(text, sizeof text, file) && (at = strstr(text, wanted)))
		for (int field = 3; at && field <= 19; field++)
			at = strchr(at + 1, ' ');
	fclose(file);
	if (at)
		*ret_nice = atoi(at);
	return at != NULL;
}

int
thread_nice(const char *name)
{
	DIR *directory = opendir("/proc/self/task");
	struct dirent *entry;
	int found = -100;

	CHECK(directory, "/proc/self/task");
	while (found == -100 && (entry = readdir(directory)))
		read_nice(entry->d_name, name, &found);
	closedir(directory);
	return found;
}

void
holdings_check(struct holdings before, unsigned slack)
{
	uint64_t end = now_ns() + SECOND;
	struct holdings after = holdings_take();

	while (after.threads != before.threads && now_ns() < end)
		after = holdings_take();
	CHECK(after.threads == before.threads, "threads: %u before, %u after", before.threads,
	      after.threads);
	CHECK(after.files == before.files, "files: %u before, %u after", before.files, after.files);
	CHECK(SANITIZED || after.mappings <= before.mappings + slack,
	      "mappings: %u before, %u after", before.mappings, after.mappings);
}

uint64_t
resident_kb(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	ull size = 0, resident = 0;

	CHECK(file && fscanf(file, "%llu %llu", &size, &resident) == 2, "/proc/self/statm");
	fclose(file);
	return resident * (ull)sysconf(_SC_PAGESIZE) / 1024;
}

/* -- the books -------------------------------------------------------------- */

static void
ignore(void *context, int level, const char *id, const char *text)
{
	(void)context, (void)level, (void)id, (void)text;
}

weir_bus_options
quiet_options(void)
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;

	options.stats_dir = "";
	options.log = ignore;
	return options;
}

void
books_check(weir_bus *bus)
{
	weir_bus_counts all = WEIR_BUS_COUNTS_INIT;
	weir_producer_counts p = WEIR_PRODUCER_COUNTS_INIT;
	weir_pool_counts d = WEIR_POOL_COUNTS_INIT, first = WEIR_POOL_COUNTS_INIT;
	weir_subscription_counts s = WEIR_SUBSCRIPTION_COUNTS_INIT;

	CHECK_OK(weir_bus_get_counts(bus, &all, &p, &d, &s));
	CHECK(p.attempted == p.committed + p.refused_full + p.refused_size + p.refused_busy +
	                     p.refused_hops + p.refused_closed + p.refused_invalid + p.discarded +
	                     p.aborted, "attempted %llu", (ull)p.attempted);
	CHECK_OK(weir_pool_get_counts(weir_bus_default_pool(bus), &first));
	CHECK(first.seen == p.committed, "seen %llu, committed %llu", (ull)first.seen,
	      (ull)p.committed);
	CHECK(d.seen == d.routed + d.unrouted + d.skipped_behind,
	      "seen %llu, routed %llu, unrouted %llu", (ull)d.seen, (ull)d.routed, (ull)d.unrouted);
	CHECK(s.running == 0, "running %llu", (ull)s.running);
	CHECK(s.due == s.ok + s.failed + s.skipped_quarantine + s.skipped_paused +
	                       s.skipped_unsubscribed,
	      "due %llu, ok %llu, failed %llu, paused %llu, unsubscribed %llu", (ull)s.due,
	      (ull)s.ok, (ull)s.failed, (ull)s.skipped_paused, (ull)s.skipped_unsubscribed);
	CHECK(all.lost == 0, "lost %lld", (long long)all.lost);
	CHECK(all.in_flight == 0, "in flight %llu", (ull)all.in_flight);
	CHECK(d.late_wakes == 0, "late wakes %llu", (ull)d.late_wakes);
}
