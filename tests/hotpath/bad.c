/* SPDX-License-Identifier: MIT */
/* bad.c - functions that check.sh must refuse, each for the reason that its name says. */
#include <stdint.h>
#include <string.h>

void outside(void);
int bad_loop(const uint32_t *word, uint32_t value);
int bad_lock(uint32_t *word, uint32_t value);
int bad_exchange(uint32_t *word, uint32_t value);
int bad_fence(uint32_t *word, uint32_t value);
int bad_call(uint32_t *word, uint32_t value);
int bad_tail_call(uint32_t *word, uint32_t value);
int bad_long(volatile uint32_t *word, uint32_t value);
int bad_indirect(uint32_t *word, uint32_t value);
int bad_string(char *word, uint32_t value);
uint64_t bad_refresh_none(const uint64_t *cursor, unsigned count);
uint64_t bad_refresh_two(const uint64_t *cursor, unsigned count);
uint64_t bad_refresh_long(const uint64_t *cursor, unsigned count);
uint64_t bad_refresh_lock(uint64_t *cursor, unsigned count);
uint64_t bad_refresh_nested(const uint64_t *cursor, unsigned count);
uint64_t good_refresh(const uint64_t *cursor, unsigned count);
int good_publish(uint32_t *word, uint32_t value);

int
bad_loop(const uint32_t *word, uint32_t value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value)
		;
	return 0;
}

int
bad_lock(uint32_t *word, uint32_t value)
{
	__atomic_fetch_add(word, value, __ATOMIC_RELAXED);
	return 0;
}

int
bad_exchange(uint32_t *word, uint32_t value)
{
	return (int)__atomic_exchange_n(word, value, __ATOMIC_RELAXED);
}

int
bad_fence(uint32_t *word, uint32_t value)
{
	*word = value;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return 0;
}

/* Every way calls. */
int
bad_call(uint32_t *word, uint32_t value)
{
	*word = value;
	outside();
	*word = value + 1;
	return 0;
}

int
bad_tail_call(uint32_t *word, uint32_t value)
{
	int other(uint32_t *word, uint32_t value);

	*word = value;
	return other(word, value);
}

/* More than 80 on the longer of two ways. */
int
bad_long(volatile uint32_t *word, uint32_t value)
{
	if (value)
		return 1;
#define TEN word[0] = 1, word[1] = 1, word[2] = 1, word[3] = 1, word[4] = 1, \
	word[5] = 1, word[6] = 1, word[7] = 1, word[8] = 1, word[9] = 1
	TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN;
	return 0;
}

int
bad_indirect(uint32_t *word, uint32_t value)
{
	static const void *const labels[] = { &&one, &&two, &&three };

	goto *labels[value];
one:
	return (int)word[1];
two:
	return (int)word[2] + 2;
three:
	return (int)word[3] + 3;
}

int
bad_string(char *word, uint32_t value)
{
	uint64_t count = value;

	__asm__ volatile("rep stosb" : "+D"(word), "+c"(count) : "a"(0) : "memory");
	return 0;
}

/* The compiler could not unroll or merge what it may not reorder. */
#define LEAST(cursor, least) \
	do { \
		uint64_t at_ = __atomic_load_n(cursor, __ATOMIC_ACQUIRE); \
		if (at_ < (least)) \
			(least) = at_; \
	} while (0)

uint64_t
bad_refresh_none(const uint64_t *cursor, unsigned count)
{
	return *cursor + count;
}

uint64_t
bad_refresh_two(const uint64_t *cursor, unsigned count)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < count; i++)
		LEAST(cursor + i, least);
	for (unsigned i = 0; i < count; i++)
		LEAST(cursor + i, least);
	return least;
}

uint64_t
bad_refresh_nested(const uint64_t *cursor, unsigned count)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < count; j++)
			LEAST(cursor + i * 16 + j, least);
	return least;
}

uint64_t
bad_refresh_long(const uint64_t *cursor, unsigned count)
{
	uint64_t sum = 0;

#define LOAD(j) sum += __atomic_load_n(cursor + (j), __ATOMIC_ACQUIRE)
	for (unsigned i = 0; i < count; i++, cursor += 10)
		LOAD(0), LOAD(1), LOAD(2), LOAD(3), LOAD(4), LOAD(5), LOAD(6), LOAD(7), LOAD(8),
			LOAD(9);
	return sum;
}

uint64_t
bad_refresh_lock(uint64_t *cursor, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		__atomic_fetch_or(cursor + i, 1, __ATOMIC_RELAXED);
	return 0;
}

uint64_t
good_refresh(const uint64_t *cursor, unsigned count)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < count; i++)
		LEAST(cursor + i, least);
	return least;
}

/* Calls, but not on every way. */
int
good_publish(uint32_t *word, uint32_t value)
{
	if (__builtin_expect(*word > value, 0))
		outside();
	*word = value;
	return 0;
}
