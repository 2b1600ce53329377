/* SPDX-License-Identifier: MIT */
/* line.c - see line.h. */
#include "line.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "machine.h"

#define load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

bool
line_start(int from, int to, pthread_t *ret_thread, void *(*body)(void *), void *argument)
{
	pthread_attr_t attributes;
	cpu_set_t set;
	int error;

	if (!machine_pin(from))
		return false;
	CPU_ZERO(&set);
	CPU_SET(to, &set);
	pthread_attr_init(&attributes);
	error = pthread_attr_setaffinity_np(&attributes, sizeof set, &set);
	if (!error)
		error = pthread_create(ret_thread, &attributes, body, argument);
	pthread_attr_destroy(&attributes);
	errno = error;
	return !error;
}

/*
 * A line's time depends on where it lies, by a tenth and more: its home in the last level cache is nearer to
 * one processor than another's. What is compared with it lies anywhere, so many pairs of lines in
 * many pages take turns.
 */
enum { PAIRS = 50, PAIR_PAGES = 2, LOOK_EVERY = 64 };

#define STOP UINT64_MAX

struct pair {
	_Alignas(MACHINE_LINE) uint64_t ping;
	_Alignas(MACHINE_LINE) uint64_t pong;
	uint8_t apart[PAIR_PAGES * 4096 - 2 * MACHINE_LINE];
};

static struct pair pairs[PAIRS];

static struct pair *
pair_of(uint64_t trip, uint32_t trips_of_pair)
{
	return &pairs[trip / trips_of_pair % PAIRS];
}

static void *
answer(void *argument)
{
	uint32_t trips = *(uint32_t *)argument, of_pair = trips / PAIRS;

	for (uint64_t i = 0; i <= trips; i++) {
		struct pair *pair = pair_of(i, of_pair);
		uint64_t seen;

		while ((seen = load_acquire(&pair->ping)) != i + 1)
			if (seen == STOP)
				return NULL;
		store_release(&pair->pong, i + 1);
	}
	return NULL;
}

/* How many, the first not counted: with it the thread runs. *ret_begin: when that was. */
static uint64_t
ping(uint32_t trips, uint64_t deadline, uint64_t *ret_begin)
{
	uint32_t of_pair = trips / PAIRS;

	for (uint64_t i = 0; i <= trips; i++) {
		struct pair *pair = pair_of(i, of_pair);

		if (deadline && i % LOOK_EVERY == 1 && machine_ns() > deadline) {
			store_release(&pair->ping, STOP);
			return i - 1;
		}
		store_release(&pair->ping, i + 1);
		while (load_acquire(&pair->pong) != i + 1)
			;
		if (!i)
			*ret_begin = machine_ns();
	}
	return trips;
}

double
line_ns(int from, int to, uint32_t trips, uint64_t deadline)
{
	uint64_t begin = 0, made, took;
	pthread_t thread;

	trips = trips < PAIRS ? PAIRS : trips;
	memset(pairs, 0, sizeof pairs);
	if (!line_start(from, to, &thread, answer, &trips))
		return -1;
	made = ping(trips, deadline, &begin);
	took = machine_ns() - begin;
	pthread_join(thread, NULL);
	errno = ETIMEDOUT;
	return made > 0 ? (double)took / (double)made / 2 : -1;
}
