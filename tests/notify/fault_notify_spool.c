/* SPDX-License-Identifier: MIT */
/*
 * fault_notify_spool.c - whoever writes a spool is ended before each call that changes a file, power is
 *                        lost, calls fail: what was acknowledged is there, and all counts hold.
 *
 * $WEIR_NOTIFY_KILLS: how many losses of power (20); from 1,000 on it is killed before, and fails at, each
 * third call, below that fewer.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "message_copy.h"
#include "power.h"
#include "shim.h"
#include "spool.h"
#include "support.h"

enum { STEPS = 40, TOGETHER = 3 };

#define BEGIN (1700000000 * SECOND)

/* What the child was told is so. */
struct known {
	struct wi_spool_counts counts;
	uint64_t count;                 /* the last that went into an id */
	uint32_t steps;
};

static struct known *known;
static char directory[32], path[64];
static bool tolerant;                   /* calls may fail */
static bool exact;                      /* what was not acknowledged is not there */
static uint64_t total_calls, total_syncs;       /* of a script that is not ended */

static void
acknowledge(struct wi_spool *spool)
{
	wi_spool_get_counts(spool, &known->counts);
	known->steps++;
}

static bool
did(struct wi_spool *spool, bool good)
{
	char problem[WI_NOTIFY_PROBLEM_SIZE];

	wi_spool_problem(spool, problem);
	CHECK(good || tolerant, "%s", problem);
	if (good)
		acknowledge(spool);
	return good;
}

static void
put(struct wi_spool *spool, uint32_t count, const char *group, uint64_t now)
{
	struct wi_message messages[TOGETHER];
	struct wi_spool_item items[TOGETHER];
	uint64_t last = 0;

	for (uint32_t i = 0; i < count; i++) {
		messages[i] = (struct wi_message){
			.channel = "a", .topic = "order.after.create", .time = now, .group = group,
			.brief = "", .headers = "", .body = "body", .body_size = 4, .due = now,
			.expires = now + 5 * SECOND,
		};
		last = wi_spool_count(spool);
		snprintf(messages[i].id, sizeof messages[i].id, "%s-%llu", wi_spool_instance(spool),
		         (ull)last);
		items[i] = (struct wi_spool_item){ &messages[i], SECOND };
	}
	if (did(spool, wi_spool_put(spool, items, count, now)))
		known->count = last;
}

static void
digest(struct wi_spool *spool, const struct wi_message *message, uint64_t now)
{
	struct wi_message one = *message;

	strcat(one.id, "-d");
	one.due = now;
	did(spool, wi_spool_digest(spool, message->group, &one, now + SECOND));
}

static void
take(struct wi_spool *spool, uint32_t step, uint64_t now)
{
	struct wi_spool_channel channel = { .streak = step, .until = now };
	struct wi_message *message = NULL;
	uint64_t due;

	if (!wi_spool_next(spool, "a", now + SECOND, &message, &due) || !message)
		return;
	if (*message->group)
		digest(spool, message, now);
	else if (step % 4 == 1)
		did(spool, wi_spool_again(spool, message, now + SECOND, 503, "503", &channel));
	else if (step % 4 == 2)
		did(spool, wi_spool_give_up(spool, message->number, now, 400, "400"));
	else
		did(spool, wi_spool_sent(spool, message->number));
	wi_message_free(message);
}

static struct wi_spool *
open_spool(void)
{
	struct wi_spool_options options = { path, 20, 1 << 20, 5, false };
	char problem[WI_NOTIFY_PROBLEM_SIZE];
	struct wi_spool *spool = NULL;

	CHECK(wi_spool_open(&options, &spool, problem) || tolerant, "%s", problem);
	return spool;
}

static void
run_script(void)
{
	struct wi_spool *spool = open_spool();

	if (!spool)
		return;
	acknowledge(spool);
	for (uint32_t i = 0; i < STEPS; i++) {
		uint64_t now = BEGIN + i * SECOND / 4;

		put(spool, 1 + i % TOGETHER, i % 5 == 4 ? "group" : "", now);
		if (i % 2)
			take(spool, i / 2, now);
		if (i % 16 == 15)
			did(spool, wi_spool_expire(spool, now));
	}
	wi_spool_close(spool);
}

/* True: it was killed. */
static bool
in_child(uint64_t seed)
{
	pid_t child = fork();
	int status;

	CHECK(child >= 0, "fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (seed)
			power_begin(seed);
		run_script();
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child, "waitpid");
	CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0,
	      "the child's status is %#x", (unsigned)status);
	return WIFSIGNALED(status);
}

static void
begin(void)
{
	char command[100];

	snprintf(command, sizeof command, "rm -f '%s'*", path);
	CHECK(system(command) == 0, "rm");
	memset(known, 0, sizeof *known);
}

/* Opening it looks at every row and count; one step may be there that nobody was told of. */
static void
check(const char *what, uint64_t n)
{
	const struct wi_spool_counts *before = &known->counts;
	bool was_tolerant = tolerant;
	struct wi_spool_counts now;
	struct wi_spool *spool;

	tolerant = false;
	spool = open_spool();
	wi_spool_get_counts(spool, &now);
	CHECK(now.accepted >= before->accepted && (was_tolerant || now.accepted <= before->accepted + TOGETHER),
	      "%s %llu: accepted %llu, known %llu", what, (ull)n, (ull)now.accepted, (ull)before->accepted);
	CHECK(!exact || now.accepted == before->accepted, "%s %llu: accepted %llu, acknowledged %llu", what,
	      (ull)n, (ull)now.accepted, (ull)before->accepted);
	CHECK(now.sent >= before->sent && now.given_up >= before->given_up &&
	      now.suppressed >= before->suppressed && now.digested >= before->digested,
	      "%s %llu: sent %llu, known %llu", what, (ull)n, (ull)now.sent, (ull)before->sent);
	CHECK(wi_spool_count(spool) > known->count, "%s %llu: a count is given twice", what, (ull)n);
	put(spool, 1, "", BEGIN);
	wi_spool_close(spool);
	tolerant = was_tolerant;
}

/* Before each call, or each stride-th, and at last none. */
static void
kill_before_each(uint64_t stride)
{
	uint64_t n = 0, kills = 0;
	bool killed;

	support_phase("killing before each call");
	do {
		begin();
		shim_reset(SHIM_CHANGES);
		shim->kill_at = n + 1;
		killed = in_child(0);
		total_calls = shim->calls;
		shim_reset(0);
		check("call", n);
		kills += killed;
		n += stride;
	} while (killed);
	printf("killed before %llu of %llu calls\n", (ull)kills, (ull)n);
}

static void
lose_power(uint64_t times)
{
	struct chance chance = chance_begin(7);
	uint64_t steps = 0;

	support_phase("losing power");
	for (uint64_t i = 0; i < times; i++) {
		begin();
		shim_reset(SHIM_CHANGES);
		shim->power = 1;
		shim->kill_at = 1 + chance_below(&chance, (uint32_t)total_calls);
		in_child(chance_next(&chance) | 1);
		shim_reset(0);
		steps += known->steps;
		check("power", i);
	}
	printf("lost power %llu times after %llu acknowledged steps: 0 were lost\n", (ull)times, (ull)steps);
}

/*
 * A synchronization fails, and power is lost later: the system holds what the disk did not get for
 * written, and what is acknowledged behind it must not build on that.
 */
static void
lose_power_after_failure(uint64_t times)
{
	struct chance chance = chance_begin(8);
	uint64_t steps = 0;

	support_phase("losing power after a failure");
	tolerant = true;
	for (uint64_t i = 0; i < times; i++) {
		begin();
		shim_reset(SHIM_SYNC);
		shim->power = 1;
		shim->kill_at = 2 + chance_below(&chance, (uint32_t)total_syncs);
		shim->fail_at = 1 + chance_below(&chance, (uint32_t)shim->kill_at - 1);
		shim->fail_until = shim->fail_at;
		in_child(chance_next(&chance) | 1);
		shim_reset(0);
		steps += known->steps;
		check("power", i);
	}
	tolerant = false;
	printf("lost power %llu times after a failure and %llu acknowledged steps: 0 were lost\n", (ull)times,
	       (ull)steps);
}

/* The n-th call of these kinds fails, once, or it and 24 more. */
static void
fail_at_each(const char *what, uint32_t kinds, uint64_t stride)
{
	uint64_t n = 0, runs = 0, failed;

	support_phase(what);
	tolerant = true;
	do {
		begin();
		shim_reset(kinds);
		shim->fail_at = n + 1;
		shim->fail_until = n + (runs % 2 ? 25 : 1);
		CHECK(!in_child(0), "killed");
		failed = shim->failed;
		if (kinds == SHIM_SYNC)
			total_syncs = shim->calls;
		shim_reset(0);
		/* After one failure alone the file can be opened again, and says what is in it. */
		exact = known->steps > 0 && runs % 2 == 0;
		check("failure", n);
		runs++;
		n += stride;
	} while (failed);
	tolerant = exact = false;
	printf("%s: in %llu runs\n", what, (ull)runs);
}

int
main(void)
{
	const char *given = getenv("WEIR_NOTIFY_KILLS");
	uint64_t times = given ? strtoull(given, NULL, 10) : 20;
	uint64_t stride = times >= 1000 ? 3 : times >= 100 ? 31 : 97;

	support_begin("fault_notify_spool");
	alarm((unsigned)(80 + times * 2 / 5));
	shim_begin();
	known = mmap(NULL, sizeof *known, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(known != MAP_FAILED, "mmap");
	/* What a loss of power leaves is the shim's to say, not the disk's. */
	strcpy(directory, access("/dev/shm", W_OK) == 0 ? "/dev/shm/weir-spool-XXXXXX" :
	                                                  "/tmp/weir-spool-XXXXXX");
	CHECK(mkdtemp(directory), "mkdtemp");
	snprintf(path, sizeof path, "%s/spool.db", directory);
	kill_before_each(stride);
	lose_power(times);
	fail_at_each("calls that fail", SHIM_CHANGES | SHIM_READ, stride);
	fail_at_each("synchronizations that fail", SHIM_SYNC, stride > 3 ? 3 : 1);
	lose_power_after_failure(times);
	begin();
	rmdir(directory);
	return 0;
}
