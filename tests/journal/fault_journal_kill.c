/* SPDX-License-Identifier: MIT */
/*
 * fault_journal_kill.c - the process that writes a journal is ended by SIGKILL: before each call that
 * changes a file, for all of a scripted run; and at random, through a bus. And power is lost.
 *
 * What was acknowledged is there, nothing is damaged, and the journal goes on.
 * $WEIR_JOURNAL_KILLS: how many at random, and how many losses of power; from 1,000 on the script is
 * killed before every call, below that before some.
 *
 * usage: fault_journal_kill [batched|commit|power|random]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/journal.h>

#include "look.h"
#include "power.h"
#include "script.h"
#include "shim.h"
#include "support.h"

static uint64_t *shared;        /* [0]: acknowledged */

/* True: it was killed. */
static bool
in_child(void (*run)(void *context), void *context)
{
	pid_t child = fork();
	int status;

	CHECK(child >= 0, "fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(context);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child, "waitpid");
	if (WIFEXITED(status)) {
		CHECK(WEXITSTATUS(status) == 0, "the child's status is %d", WEXITSTATUS(status));
		return false;
	}
	CHECK(WTERMSIG(status) == SIGKILL, "the child ended by signal %d", WTERMSIG(status));
	return true;
}

static void
run_script(void *context)
{
	struct script *script = context;
	int code = script_run(script);

	CHECK(code == 0, "code %d: %s", code, script->problem);
}

/* It goes on where it was: without a step by hand, and whole. */
static void
go_on(struct script *script, const char *what, uint64_t number)
{
	uint64_t recorded = script_check(script, what, number);

	*shared = recorded;
	script->batches = 3;
	CHECK(!in_child(run_script, script), "killed");
	CHECK(script_check(script, what, number) > recorded, "%s %llu", what, (ull)number);
}

/* Before each call, or each stride-th, and at last none. */
static void
kill_before_each(enum wi_durability durability, uint64_t stride)
{
	struct chance chance = chance_begin(9 + (uint64_t)durability);
	uint64_t n = chance_below(&chance, (uint32_t)stride), kills = 0;
	struct script script;
	bool killed;

	support_phase("killing before each call");
	do {
		script_begin(&script, durability);
		script.recorded = shared;
		*shared = 0;
		shim_reset(SHIM_CHANGES);
		shim->kill_at = n + 1;
		killed = in_child(run_script, &script);
		shim_reset(0);
		script_check(&script, "call", n);
		if (stride == 1 || kills % 4 == 0)
			go_on(&script, "call", n);
		script_end(&script);
		kills += killed;
		n += stride;
	} while (killed);
	printf("killed before %llu of %llu calls, durability %d\n", (ull)kills, (ull)(n - stride),
	       durability);
}

/* -- loss of power ---------------------------------------------------------- */

static uint64_t power_seed;

static void
run_powered(void *context)
{
	power_begin(power_seed);
	run_script(context);
}

static void
run_failing(void *context)
{
	struct script *script = context;
	int code;

	power_begin(power_seed);
	code = script_run_stubborn(script, 20);
	CHECK(code == 0, "code %d: %s", code, script->problem);
}

/* Of commit nothing is lost; of batched what is left is a whole beginning. */
static void
lose_power(enum wi_durability durability, uint64_t times)
{
	struct chance chance = chance_begin(77 + (uint64_t)durability);
	struct script script;
	uint64_t calls = 400, lost = 0, rows = 0;

	support_phase("losing power");
	for (uint64_t i = 0; i < times; i++) {
		uint64_t acknowledged, recorded;
		bool cut;

		script_begin(&script, durability);
		script.recorded = shared;
		*shared = 0;
		shim_reset(SHIM_CHANGES);
		shim->power = 1;
		shim->kill_at = 1 + chance_below(&chance, (uint32_t)calls);
		power_seed = chance_next(&chance);
		cut = in_child(run_powered, &script);
		if (!cut)
			calls = shim->calls;
		acknowledged = *shared;
		if (durability != WI_DURABILITY_COMMIT)
			*shared = 0;
		shim_reset(0);
		recorded = script_check(&script, "power", i);
		lost += acknowledged > recorded;
		rows += acknowledged;
		go_on(&script, "power", i);
		script_end(&script);
	}
	printf("lost power %llu times after %llu acknowledged rows, durability %d: acknowledged rows "
	       "were lost %llu times\n", (ull)times, (ull)rows, durability, (ull)lost);
}

/*
 * A synchronization fails, and power is lost later: the system holds what the disk did not get for
 * written, and what is acknowledged behind it must not build on that.
 */
static void
lose_power_after_failure(uint64_t times)
{
	struct chance chance = chance_begin(79);
	uint64_t syncs = 40, rows = 0;
	struct script script;

	support_phase("losing power after a failure");
	for (uint64_t i = 0; i < times; i++) {
		script_begin(&script, WI_DURABILITY_COMMIT);
		script.recorded = shared;
		*shared = 0;
		shim_reset(SHIM_SYNC);
		shim->power = 1;
		shim->kill_at = 2 + chance_below(&chance, (uint32_t)syncs);
		shim->fail_at = 1 + chance_below(&chance, (uint32_t)shim->kill_at - 1);
		shim->fail_until = shim->fail_at;
		power_seed = chance_next(&chance);
		if (!in_child(run_failing, &script))
			syncs = shim->calls;
		shim_reset(0);
		rows += *shared;
		script_check(&script, "power after a failure", i);
		go_on(&script, "power after a failure", i);
		script_end(&script);
	}
	printf("lost power %llu times after a failure and %llu acknowledged rows: none was lost\n",
	       (ull)times, (ull)rows);
}

/* -- at random, through a bus ----------------------------------------------- */

enum { SOURCES = 3, NUMBERS = 64 };

struct random_run {
	char path[300];
	uint32_t durability;
	uint64_t *handled;      /* for each source, by the pool behind the journal */
};

static int
handle_behind(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const uint64_t *number = weir_event_data(event);
	struct random_run *run = context;

	(void)delivery;
	__atomic_store_n(&run->handled[number[0]], number[1], __ATOMIC_RELEASE);
	return 0;
}

static void
run_bus(void *context)
{
	struct random_run *run = context;
	weir_journal_options options = WEIR_JOURNAL_OPTIONS_INIT;
	weir_pool_options pool_options = WEIR_POOL_OPTIONS_INIT;
	weir_bus_options bus_options = quiet_options();
	weir_producer *producers[SOURCES];
	weir_pool *pool, *behind;
	weir_subscription_options behind_options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;
	weir_journal *journal;
	weir_topic topic;
	weir_bus *bus;

	bus_options.ring_size = 16 * 1024;
	CHECK_OK(weir_bus_open(&bus_options, NULL, &bus));
	CHECK_OK(weir_pool_open(bus, &pool_options, &pool));
	pool_options.after = &pool;
	pool_options.after_count = 1;
	CHECK_OK(weir_pool_open(bus, &pool_options, &behind));
	behind_options.pool = behind;
	options.path = run->path;
	options.pool = pool;
	options.durability = (weir_journal_durability)run->durability;
	options.rotate_size = 256 * 1024;
	options.checkpoint_pages = 20;
	CHECK_OK(weir_journal_open(bus, &options, &journal));
	CHECK_OK(weir_subscribe(bus, ">", handle_behind, run, &behind_options, &subscription));
	CHECK_OK(weir_topic_open(bus, "order.after.create", &topic));
	for (uint64_t i = 0; i < SOURCES; i++)
		CHECK_OK(weir_producer_open(bus, NULL, &producers[i]));
	for (uint64_t n = run->handled[SOURCES] + 1;; n++)
		for (uint64_t i = 0; i < SOURCES; i++) {
			uint64_t number[8] = { i, n };

			CHECK_OK(weir_publish_wait(producers[i], topic, NULL, number, sizeof number,
			                           WEIR_FOREVER));
		}
}

/* Each source's numbers are there in order, from the first of each run, without a gap. */
struct seen {
	uint64_t last[SOURCES];
	bool begun[SOURCES];
};

static void
see(void *context, const struct wi_row *row)
{
	struct seen *seen = context;
	uint64_t number[2];

	if (row->kind == WI_ROW_OPENED)
		memset(seen->begun, 0, sizeof seen->begun);
	if (row->kind != WI_ROW_EVENT)
		return;
	memcpy(number, row->payload, sizeof number);
	CHECK(number[0] < SOURCES, "source %llu", (ull)number[0]);
	CHECK(seen->begun[number[0]] ? number[1] == seen->last[number[0]] + 1 :
	                               number[1] > seen->last[number[0]],
	      "source %llu: %llu after %llu", (ull)number[0], (ull)number[1],
	      (ull)seen->last[number[0]]);
	seen->last[number[0]] = number[1];
	seen->begun[number[0]] = true;
}

static uint64_t
check_random(struct random_run *run)
{
	struct look look;
	struct seen seen = { 0 };

	look = look_at_journal(run->path, see, &seen);
	CHECK(look.files == 0 || look_is_good(&look) || (look.unreadable == 1 && look.linked),
	      "broken %llu, holes %llu, unreadable %llu, linked %d", (ull)look.broken, (ull)look.holes,
	      (ull)look.unreadable, look.linked);
	for (int i = 0; i < SOURCES; i++) {
		CHECK(seen.last[i] >= run->handled[i], "source %d: %llu handled behind, %llu recorded",
		      i, (ull)run->handled[i], (ull)seen.last[i]);
		/* The next run's numbers begin above all of these. */
		if (seen.last[i] > run->handled[SOURCES])
			run->handled[SOURCES] = seen.last[i];
	}
	return look.events;
}

static void
kill_at_random(uint64_t times)
{
	struct chance chance = chance_begin(5);
	struct random_run run;
	struct script script;
	uint64_t events = 0;
	int status;

	support_phase("killing at random");
	shim_reset(0);
	for (uint64_t i = 0; i < times; i++) {
		pid_t child;

		if (i % 10 == 0) {
			script_begin(&script, WI_DURABILITY_BATCHED);
			snprintf(run.path, sizeof run.path, "%s", script.path);
			run.handled = shared;
			memset(shared, 0, NUMBERS * sizeof *shared);
		}
		run.durability = chance_below(&chance, 3);
		child = fork();
		CHECK(child >= 0, "fork");
		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			run_bus(&run);
		}
		sleep_ns(chance_below(&chance, 50000) * MICROSECOND);
		kill(child, SIGKILL);
		CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
		      WTERMSIG(status) == SIGKILL, "the child's status is %#x", (unsigned)status);
		if (i % 10 == 9 || i == times - 1) {
			events += check_random(&run);
			script_end(&script);
		} else {
			check_random(&run);
		}
	}
	printf("killed at random %llu times, %llu events recorded\n", (ull)times, (ull)events);
}

/* Without an argument all parts are run. */
static bool
chosen(int argc, char **argv, const char *part)
{
	return argc < 2 || strcmp(argv[1], part) == 0;
}

int
main(int argc, char **argv)
{
	const char *given = getenv("WEIR_JOURNAL_KILLS");
	uint64_t times = given ? strtoull(given, NULL, 10) : 20;
	uint64_t stride = times >= 1000 ? 1 : times >= 100 ? 3 : 10;

	support_begin("fault_journal_kill");
	alarm((unsigned)(80 + times * 2 / 5));
	shim_begin();
	shared = mmap(NULL, NUMBERS * sizeof *shared, PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED, "mmap");
	if (chosen(argc, argv, "batched"))
		kill_before_each(WI_DURABILITY_BATCHED, stride);
	if (chosen(argc, argv, "commit"))
		kill_before_each(WI_DURABILITY_COMMIT, stride);
	if (chosen(argc, argv, "power")) {
		lose_power(WI_DURABILITY_COMMIT, times);
		lose_power(WI_DURABILITY_BATCHED, times);
		lose_power_after_failure(times);
	}
	if (chosen(argc, argv, "random"))
		kill_at_random(times);
	return 0;
}
