/* SPDX-License-Identifier: MIT */
/* test_hash.c - SipHash-1-3 against known values, and how it spreads names. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/hash.h"

/* The key 00 01 .. 0f of the paper's own vectors. */
static const struct wi_hash_key counting_key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

/*
 * Key 0: what CPython 3.11 (hash of bytes with PYTHONHASHSEED=0) and the authors' reference give.
 */
static void
test_zero_key(void **state)
{
	const struct wi_hash_key zero = {0, 0};

	(void)state;
	assert_true(wi_hash_bytes(zero, "", 0) == 0xd1fba762150c532c);
	assert_true(wi_hash_bytes(zero, "\0", 1) == 0x68a914128e01e473);
	assert_true(wi_hash_bytes(zero, "siphash", 7) == 0x8264ceeccb16bcbe);
	assert_true(wi_hash_bytes(zero, (char[30]){0}, 30) == 0xa451bb6d2d0e5453);
}

/* Bytes 0, 1, 2, ...; by a second implementation that gives the published vectors of 2-4. */
static void
test_counting_key(void **state)
{
	static const struct {
		size_t size;
		uint64_t hash;
	} known[] = {
		{0, 0xabac0158050fc4dc},  {1, 0xc9f49bf37d57ca93},   {2, 0x82cb9b024dc7d44d},
		{3, 0x8bf80ab8e7ddf7fb},  {7, 0xd3927d989bb11140},   {8, 0x369095118d299a8e},
		{9, 0x25a48eb36c063de4},  {15, 0xd320d86d2a519956},  {16, 0xcc4fdd1a7d908b66},
		{17, 0x9cf2689063dbd80c}, {31, 0x2370dd1f8c21d1bc},  {32, 0x81157b6c16a7b60d},
		{63, 0x9d199062b7bbb3a8}, {255, 0xf76214e3153c4a15},
	};
	unsigned char bytes[256];

	(void)state;
	for (int i = 0; i < 256; i++)
		bytes[i] = (unsigned char)i;
	for (size_t i = 0; i < WI_COUNT(known); i++)
		assert_true(wi_hash_bytes(counting_key, bytes, known[i].size) == known[i].hash);
}

static void
test_unaligned(void **state)
{
	unsigned char buffer[80];

	(void)state;
	for (size_t at = 0; at < 16; at++) {
		for (int i = 0; i < 63; i++)
			buffer[at + (size_t)i] = (unsigned char)i;
		assert_true(wi_hash_bytes(counting_key, buffer + at, 63) == 0x9d199062b7bbb3a8);
	}
}

static void
test_random_keys(void **state)
{
	struct wi_hash_key a = wi_hash_random_key(), b = wi_hash_random_key();

	(void)state;
	assert_false(a.k0 == b.k0 && a.k1 == b.k1);
	assert_false(a.k0 == 0 && a.k1 == 0);
	assert_true(wi_hash_bytes(a, "x", 1) != wi_hash_bytes(b, "x", 1));
	assert_true(wi_hash_bytes(a, "x", 1) == wi_hash_bytes(a, "x", 1));
}

/* Names that differ in a digit: the low and the high bits are both even. */
static void
test_spread(void **state)
{
	enum { NAMES = 1 << 16, CELLS = 256 };
	unsigned low[CELLS] = {0}, high[CELLS] = {0};
	struct wi_hash_key key = wi_hash_random_key();

	(void)state;
	for (int i = 0; i < NAMES; i++) {
		char name[32];
		int size = snprintf(name, sizeof name, "order.after.n%d", i);
		uint64_t hash = wi_hash_bytes(key, name, (size_t)size);

		low[hash % CELLS]++;
		high[hash >> 56]++;
	}
	/* 256 a cell, standard deviation 16: eight of them. */
	for (int i = 0; i < CELLS; i++) {
		assert_in_range(low[i], 128, 384);
		assert_in_range(high[i], 128, 384);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zero_key),  cmocka_unit_test(test_counting_key),
		cmocka_unit_test(test_unaligned), cmocka_unit_test(test_random_keys),
		cmocka_unit_test(test_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
