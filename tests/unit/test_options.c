/* SPDX-License-Identifier: MIT */
/* test_options.c - structs that are smaller or larger than those that we know. */
#include "unit.h"

#include <string.h>

#include "core/options.h"

struct known {
	size_t size;
	uint32_t a, b;
	uint64_t c;
};
struct larger {
	struct known known;
	uint64_t d;
	unsigned char e[3];
};

static void
test_none_given(void **state)
{
	struct known known;

	(void)state;
	memset(&known, 0xff, sizeof known);
	assert_true(wi_options_take(&known, sizeof known, NULL));
	assert_int_equal(known.size, sizeof known);
	assert_int_equal(known.a, 0);
	assert_int_equal(known.b, 0);
	assert_int_equal(known.c, 0);
}

static void
test_same_size(void **state)
{
	struct known given = {sizeof given, 1, 2, 3}, known;

	(void)state;
	assert_true(wi_options_take(&known, sizeof known, &given));
	assert_memory_equal(&known, &given, sizeof known);
}

/* Every size below ours: what it does not reach is zero, and nothing beyond it is read. */
static void
test_smaller(void **state)
{
	(void)state;
	for (size_t size = 0; size <= sizeof(struct known); size++) {
		struct known given = {size, 0x01010101, 0x02020202, 0x0303030303030303}, known;
		unsigned char expected[sizeof known] = {0};

		memset(&known, 0xff, sizeof known);
		if (size < sizeof size) {
			assert_false(wi_options_take(&known, sizeof known, &given));
			continue;
		}
		assert_true(wi_options_take(&known, sizeof known, &given));
		memcpy(expected, &given, size);
		memcpy(expected, &(size_t){sizeof known}, sizeof(size_t));
		assert_memory_equal(&known, expected, sizeof known);
	}
}

/* What we do not know must be zero, each byte of it. */
static void
test_larger(void **state)
{
	struct larger given;
	struct known known;

	(void)state;
	memset(&given, 0, sizeof given);
	given.known = (struct known){sizeof given, 1, 2, 3};
	assert_true(wi_options_take(&known, sizeof known, &given));
	assert_int_equal(known.size, sizeof known);
	assert_int_equal(known.c, 3);
	for (size_t at = sizeof known; at < sizeof given; at++) {
		((unsigned char *)&given)[at] = 1;
		assert_false(wi_options_take(&known, sizeof known, &given));
		((unsigned char *)&given)[at] = 0;
	}
}

static void
test_give(void **state)
{
	const struct known known = {sizeof known, 1, 2, 3};

	(void)state;
	for (size_t size = 0; size <= sizeof(struct larger); size++) {
		unsigned char ret[sizeof(struct larger)], before[sizeof ret];
		size_t filled = size < sizeof known ? size : sizeof known;

		memset(ret, 0xee, sizeof ret);
		memcpy(ret, &size, sizeof size);
		memcpy(before, ret, sizeof ret);
		assert_int_equal(wi_options_give(ret, &known, sizeof known), size >= sizeof size);
		if (size >= sizeof size)
			memcpy(before + sizeof size, (const char *)&known + sizeof size,
			       filled - sizeof size);
		assert_memory_equal(ret, before, sizeof ret);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none_given), cmocka_unit_test(test_same_size),
		cmocka_unit_test(test_smaller),    cmocka_unit_test(test_larger),
		cmocka_unit_test(test_give),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
