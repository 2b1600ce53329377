/* SPDX-License-Identifier: MIT */
/*
 * fault_fence.c - a sandbox refuses membarrier, or futexes: from the beginning, or while the bus
 * runs.
 *
 * The heavy fence is what parking, closing, disabling and unsubscribing rely on. Without it,
 * events still arrive in time, unsubscribe_wait still means what it says, a disabled bus takes
 * nothing, and close loses nothing. Each case runs in a child of its own, since a filter cannot be
 * taken off. Of futexes only the calls that weir makes are refused: glibc ends a process that
 * is refused its own.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

enum { PUBLISHERS = 2, NO_FILTERS = 77 };
#define LATENCY_MAX (100 * MILLISECOND)

static weir_bus *bus;
static weir_topic topic;
static uint64_t stop, slowest, handled, accepted, guests, released;

/* membarrier answers `error` from now on, in all threads. */
static void
refuse_membarrier(unsigned error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
		_exit(NO_FILTERS);
	CHECK(syscall(SYS_membarrier, 0, 0, 0) == -1, "membarrier still works");
}

/*
 * FUTEX_WAIT_BITSET and FUTEX_WAKE_BITSET, both private, answer `error` from now on, in all
 * threads.
 */
static void
refuse_futex(unsigned error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
	uint32_t word = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
		_exit(NO_FILTERS);
	CHECK(syscall(SYS_futex, &word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 1) == -1,
	      "futex still works");
}

/* -- load ------------------------------------------------------------------- */

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const uint64_t *published = weir_event_data(event);
	uint64_t took = now_ns() - *published;

	(void)delivery, (void)context;
	if (took > get(&slowest))
		set(&slowest, took);
	add(&handled, 1);
	return 0;
}

static void *
run_publisher(void *argument)
{
	struct chance chance = chance_begin((uint64_t)(uintptr_t)argument);
	weir_producer *producer;
	uint64_t now;

	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	while (!get(&stop)) {
		uint32_t burst = chance_one_in(&chance, 20) ? 200 : 1;

		for (; burst; burst--) {
			weir_status status;

			now = now_ns();
			status = weir_publish(producer, topic, &now, sizeof now);
			CHECK(status == WEIR_OK || status == WEIR_EFULL, "%s",
			      weir_status_text(status));
			add(&accepted, status == WEIR_OK);
		}
		sleep_ns(chance_below(&chance, 300) * MICROSECOND);
	}
	weir_producer_close(producer);
	return NULL;
}

struct guest { uint64_t living; };

static int
visit(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	CHECK(get(&((struct guest *)context)->living) == 1, "a call after `released`");
	return 0;
}

static void
release(void *context)
{
	CHECK(get(&((struct guest *)context)->living) == 1, "released twice");
	set(&((struct guest *)context)->living, 2);
	free(context);
	add(&released, 1);
}

static void
churn(void)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct guest *guest = malloc(sizeof *guest);
	weir_subscription subscription;
	uint64_t before;

	CHECK(guest, "no memory");
	guest->living = 1;
	options.released = release;
	guests++;
	CHECK_OK(weir_subscribe(bus, "fence.>", visit, guest, &options, &subscription));
	sleep_ns(500 * MICROSECOND);
	before = get(&released);
	CHECK_OK(weir_unsubscribe_wait(bus, subscription, 5 * SECOND));
	CHECK(get(&released) == before + 1, "unsubscribe_wait returned before `released`");
}

/* A disabled bus commits nothing, from the return on. */
static void
toggle(void)
{
	weir_producer_counts before = WEIR_PRODUCER_COUNTS_INIT, after = WEIR_PRODUCER_COUNTS_INIT;

	weir_bus_enable(bus, 0);
	CHECK_OK(weir_bus_get_counts(bus, NULL, &before, NULL, NULL));
	sleep_ns(MILLISECOND);
	CHECK_OK(weir_bus_get_counts(bus, NULL, &after, NULL, NULL));
	CHECK(before.committed == after.committed, "%llu events of a disabled bus",
	      (ull)(after.committed - before.committed));
	weir_bus_enable(bus, 1);
}

static void
run_for(uint64_t duration, unsigned refuse_amid, void (*refuse)(unsigned error))
{
	uint64_t end = now_ns() + duration, amid = now_ns() + duration / 4;

	while (now_ns() < end) {
		churn();
		toggle();
		sleep_ns(MILLISECOND);
		if (refuse_amid && now_ns() > amid) {
			refuse(refuse_amid);
			refuse_amid = 0;
		}
	}
}

/* -- cases ------------------------------------------------------------------ */

struct fault_case {
	const char *name;
	unsigned refuse_at_first, refuse_amid;
	weir_wait wait;
	uint32_t dispatchers;
	void (*refuse)(unsigned error);
};

static void
open_bus(const struct fault_case *one)
{
	weir_bus_options options = quiet_options();
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_subscription subscription;

	pool.wait = one->wait;
	pool.dispatcher_count = one->dispatchers;
	CHECK_OK(weir_bus_open(&options, &pool, &bus));
	CHECK_OK(weir_topic_open(bus, "fence.after.create", &topic));
	CHECK_OK(weir_subscribe(bus, ">", handle, NULL, NULL, &subscription));
}

/* Where nobody can wait for a word, the threads of an idle bus still sleep. */
static void
check_idle(void)
{
	struct timespec before, after, used;
	uint64_t ns;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	sleep_ns(100 * MILLISECOND);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	used.tv_sec = after.tv_sec - before.tv_sec;
	used.tv_nsec = after.tv_nsec - before.tv_nsec;
	ns = (uint64_t)used.tv_sec * SECOND + (uint64_t)used.tv_nsec;
	CHECK(ns < 30 * MILLISECOND, "100 ms of nothing take %.1f ms of processors", (double)ns / 1e6);
}

static void
run_child(const struct fault_case *one, uint64_t duration)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;
	pthread_t thread[PUBLISHERS];
	uint64_t away;

	if (one->refuse_at_first)
		one->refuse(one->refuse_at_first);
	open_bus(one);
	canary_begin();
	for (uintptr_t i = 0; i < PUBLISHERS; i++)
		CHECK(pthread_create(&thread[i], NULL, run_publisher, (void *)i) == 0, "no thread");
	run_for(duration, one->refuse_amid, one->refuse);
	set(&stop, 1);
	for (int i = 0; i < PUBLISHERS; i++)
		pthread_join(thread[i], NULL);
	CHECK_OK(weir_bus_flush(bus, WEIR_FOREVER));
	away = canary_end();
	books_check(bus);
	if (one->refuse == refuse_futex && one->wait != WEIR_WAIT_POLL)
		check_idle();
	CHECK_OK(weir_bus_get_counts(bus, NULL, &counts, NULL, NULL));
	CHECK(counts.committed + counts.discarded == accepted && handled == counts.committed,
	      "accepted %llu, committed %llu, discarded %llu, handled %llu", (ull)accepted,
	      (ull)counts.committed, (ull)counts.discarded,
	      (ull)handled);
	CHECK_OK(weir_bus_close(bus, WEIR_FOREVER, NULL));
	CHECK(released == guests, "released %llu of %llu", (ull)released,
	      (ull)guests);
	printf("%s: %llu events, %llu guests, slowest %.2f ms (machine away %.2f)\n", one->name,
	       (ull)handled, (ull)guests, (double)slowest / 1e6,
	       (double)away / 1e6);
	CHECK(slowest < LATENCY_MAX + 10 * away, "an event took too long");
}

static bool
run(const struct fault_case *one, uint64_t duration)
{
	int status;
	pid_t child = fork();

	CHECK(child >= 0, "fork");
	if (child == 0) {
		alarm(60);
		run_child(one, duration);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status), "%s: status %#x", one->name,
	      (unsigned)status);
	if (WEXITSTATUS(status) == NO_FILTERS)
		return false;
	CHECK(WEXITSTATUS(status) == 0, "%s: exit status %d", one->name, WEXITSTATUS(status));
	return true;
}

int
main(void)
{
	static const struct fault_case all[] = {
		{ "refused at first, park", ENOSYS, 0, WEIR_WAIT_PARK, 1, refuse_membarrier },
		{ "refused at first, adaptive, 2 dispatchers", EPERM, 0, WEIR_WAIT_ADAPTIVE, 2,
		  refuse_membarrier },
		{ "refused amid, park", 0, ENOSYS, WEIR_WAIT_PARK, 1, refuse_membarrier },
		{ "refused amid, park, 2 dispatchers", 0, EPERM, WEIR_WAIT_PARK, 2, refuse_membarrier },
		{ "refused amid, adaptive, 2 dispatchers", 0, ENOSYS, WEIR_WAIT_ADAPTIVE, 2,
		  refuse_membarrier },
		{ "refused amid, spin", 0, ENOSYS, WEIR_WAIT_SPIN, 1, refuse_membarrier },
		{ "futex refused at first, park", EPERM, 0, WEIR_WAIT_PARK, 1, refuse_futex },
		{ "futex refused at first, adaptive, 2 dispatchers", ENOSYS, 0, WEIR_WAIT_ADAPTIVE, 2,
		  refuse_futex },
		/* Who sleeps when it begins is woken by nobody, so not with PARK. */
		{ "futex refused amid, poll", 0, EPERM, WEIR_WAIT_POLL, 2, refuse_futex },
	};
	size_t count = sizeof all / sizeof *all;

	support_begin("fault_fence");
	for (size_t i = 0; i < count; i++)
		if (!run(&all[i], support_duration_ns() * 2 / count))
			return NO_FILTERS;      /* skipped: this kernel has no filters */
	return 0;
}
