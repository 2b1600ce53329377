/* SPDX-License-Identifier: MIT */
/* probe.c - see probe.h. */
#include "probe.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fence.h"
#include "base/futex.h"
#include "line.h"
#include "machine.h"
#include "stats.h"

#define load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

enum {
	FENCES = 201,
	BATCHES = 21,
	CALLS = 1000,
	WAKES = 201,
	REST_NS = 100000,               /* until the other one sleeps */
	PATIENCE_NS = 500000000,        /* for all of them */
};

static double
median(double *values, size_t count)
{
	stats_sort(values, count);
	return stats_quantile(values, count, 0.5);
}

/* -- membarrier ------------------------------------------------------------- */

struct busy {
	uint32_t runs, stop;
};

static void *
be_busy(void *argument)
{
	struct busy *busy = argument;

	store_release(&busy->runs, 1);
	while (!load_acquire(&busy->stop))
		machine_pause(1);
	return NULL;
}

double
probe_fence_ns(int own, int other)
{
	struct busy busy = { 0 };
	double each[FENCES];
	pthread_t thread;
	int done = 0;

	if (!wi_fence_heavy_available() || !line_start(own, other, &thread, be_busy, &busy))
		return -1;
	while (!load_acquire(&busy.runs))
		sched_yield();
	for (; done < FENCES; done++) {
		uint64_t begin = machine_ns();

		if (!wi_fence_heavy())
			break;
		each[done] = (double)(machine_ns() - begin);
	}
	store_release(&busy.stop, 1);
	pthread_join(thread, NULL);
	return done == FENCES ? median(each, FENCES) : -1;
}

double
probe_syscall_ns(void)
{
	double each[BATCHES];

	for (int b = 0; b < BATCHES; b++) {
		uint64_t begin = machine_ns();

		for (int i = 0; i < CALLS; i++)
			syscall(SYS_getppid);
		each[b] = (double)(machine_ns() - begin) / CALLS;
	}
	return median(each, BATCHES);
}

/* -- waking ----------------------------------------------------------------- */

#define STOP UINT32_MAX

struct sleeper {
	_Alignas(MACHINE_LINE) uint32_t word;
	_Alignas(MACHINE_LINE) uint32_t answered;
	uint64_t woken;
};

static void *
sleep_again(void *argument)
{
	struct sleeper *sleeper = argument;
	uint32_t seen = 0, word;

	for (;;) {
		while ((word = load_acquire(&sleeper->word)) == seen)
			wi_futex_wait(&sleeper->word, seen, WI_FUTEX_ALL, PATIENCE_NS);
		sleeper->woken = machine_ns();
		seen = word;
		store_release(&sleeper->answered, word);
		if (word == STOP)
			return NULL;
	}
}

static void
wake(struct sleeper *sleeper, uint32_t word)
{
	store_release(&sleeper->word, word);
	wi_futex_wake(&sleeper->word, 1, WI_FUTEX_ALL);
}

/* Busy, as a producer is: a processor that is left alone takes longer to come back. */
static void
rest(void)
{
	uint64_t begin = machine_ns();

	while (machine_ns() - begin < REST_NS)
		machine_pause(8);
}

static size_t
wake_again(struct sleeper *sleeper, double *calls, double *waits)
{
	uint64_t end = machine_ns() + PATIENCE_NS;
	size_t done = 0;

	for (; done < WAKES && machine_ns() < end; done++) {
		uint64_t begin;

		rest();
		begin = machine_ns();
		wake(sleeper, (uint32_t)done + 1);
		calls[done] = (double)(machine_ns() - begin);
		while (load_acquire(&sleeper->answered) != done + 1)
			sched_yield();
		waits[done] = sleeper->woken > begin ? (double)(sleeper->woken - begin) : 0;
	}
	return done;
}

bool
probe_wake(int own, int other, struct probe_wake *ret_wake)
{
	struct sleeper sleeper = { 0 };
	double calls[WAKES], waits[WAKES];
	pthread_t thread;
	size_t done;

	if (!line_start(own, other, &thread, sleep_again, &sleeper))
		return false;
	done = wake_again(&sleeper, calls, waits);
	wake(&sleeper, STOP);
	pthread_join(thread, NULL);
	errno = ETIMEDOUT;
	if (done == 0)
		return false;
	ret_wake->call_ns = median(calls, done);
	ret_wake->p50_ns = median(waits, done);
	ret_wake->p99_ns = stats_quantile(waits, done, 0.99);
	return true;
}

/* -- stillness -------------------------------------------------------------- */

bool
probe_gaps(int cpu, uint64_t ns, struct histogram *gaps)
{
	uint64_t begin, last, now;

	if (!machine_pin(cpu))
		return false;
	for (begin = last = machine_ns(); last - begin < ns; last = now) {
		now = machine_ns();
		histogram_record(gaps, now - last);
	}
	return true;
}
