/* SPDX-License-Identifier: MIT */
/* thread.c - see thread.h. */
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__thread struct wi_thread wi_thread = { .number = WI_THREAD_NONE };

/* -- numbers ---------------------------------------------------------------- */

/* Taken ones, as bits. No lock: a fork may come at any time. */
static uint64_t taken[WI_THREAD_COUNT_MAX / 64];
static pthread_key_t key;
static int key_made;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t last_serial;

static uint32_t
take_number(void)
{
	for (uint32_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		uint64_t word = __atomic_load_n(&taken[i], __ATOMIC_RELAXED);

		while (~word) {
			uint32_t bit = (uint32_t)__builtin_ctzll(~word);

			/* Acquire: what the last one with this number has counted. */
			if (__atomic_compare_exchange_n(&taken[i], &word, word | 1ull << bit, 0,
			                                __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				return i * 64 + bit;
		}
	}
	return WI_THREAD_NONE;
}

static void
give_number(uint32_t number)
{
	__atomic_fetch_and(&taken[number / 64], ~(1ull << number % 64), __ATOMIC_RELEASE);
}

/* A later destructor may count again: then the thread takes a number again, and this is called again. */
static void
end_thread(void *value)
{
	uint32_t number = wi_thread.number;

	(void)value;
	wi_thread.number = WI_THREAD_NONE;
	wi_thread.last_id = wi_thread.serial = 0;
	if (number != WI_THREAD_NONE)
		give_number(number);
}

/* The child goes on with ids of its own. */
static void
begin_child(void)
{
	wi_thread.last_id = wi_thread.serial = 0;
}

static void
make_key(void)
{
	key_made = pthread_key_create(&key, end_thread) == 0;
	pthread_atfork(NULL, NULL, begin_child);
}

/* -- ids -------------------------------------------------------------------- */

/* Not getrandom(), which is a cancellation point. */
static uint64_t
random_seed(void)
{
	struct timespec now;
	uint64_t seed;

	if (syscall(SYS_getrandom, &seed, sizeof seed, 0) == sizeof seed)
		return seed;
	clock_gettime(CLOCK_REALTIME, &now);
	seed = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	seed ^= (uint64_t)syscall(SYS_gettid) << 40 ^ (uint64_t)(uintptr_t)&wi_thread << 16;
	return seed * 0xff51afd7ed558ccdu;
}

void
wi_thread_begin(void)
{
	int saved = errno;

	pthread_once(&once, make_key);
	if (wi_thread.number == WI_THREAD_NONE && key_made) {
		wi_thread.number = take_number();
		if (wi_thread.number != WI_THREAD_NONE && pthread_setspecific(key, &wi_thread) != 0) {
			give_number(wi_thread.number);
			wi_thread.number = WI_THREAD_NONE;
		}
	}
	do
		wi_thread.last_id = random_seed();
	while (!wi_thread.last_id || !(wi_thread.last_id + 0x9e3779b97f4a7c15u));
	wi_thread.serial = __atomic_add_fetch(&last_serial, 1, __ATOMIC_RELAXED);
	errno = saved;
}
