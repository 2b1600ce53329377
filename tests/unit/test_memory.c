/* SPDX-License-Identifier: MIT */
/* test_memory.c - zeroed, aligned, wiped in a child; and every request can be made to fail. */
#include "unit.h"

#include <string.h>

#include "base/compiler.h"
#include "base/memory.h"

static bool
all_zero(const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

static void
test_take(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		unsigned char *plain = wi_memory_take(1000), *lines = wi_memory_lines(1000);

		assert_true(all_zero(plain, 1000));
		assert_true(all_zero(lines, WI_ROUND_UP((size_t)1000, (size_t)WI_LINE)));
		assert_int_equal((uintptr_t)lines % WI_LINE, 0);
		memset(plain, 0xff, 1000);
		memset(lines, 0xff, WI_ROUND_UP((size_t)1000, (size_t)WI_LINE));
		wi_memory_give(plain);
		wi_memory_give(lines);
	}
	wi_memory_give(NULL);
}

static void
test_map(void **state)
{
	(void)state;
	for (int kind = WI_MAP_FAULTED; kind <= WI_MAP_WIPED_IN_CHILD; kind++) {
		unsigned char *memory = wi_memory_map(20000, (enum wi_map_kind)kind);

		assert_non_null(memory);
		assert_int_equal((uintptr_t)memory % 4096, 0);
		assert_true(all_zero(memory, 20000));
		memset(memory, 0xff, 20000);
		wi_memory_unmap(memory, 20000);
	}
	assert_null(wi_memory_map(SIZE_MAX / 2, WI_MAP_LAZY));
	wi_memory_unmap(NULL, 4096);
}

static int
is_wiped(void *context)
{
	return all_zero(context, 4096) ? 2 : 3;
}

static void
test_wiped_in_child(void **state)
{
	unsigned char *wiped = wi_memory_map(4096, WI_MAP_WIPED_IN_CHILD);
	unsigned char *plain = wi_memory_map(4096, WI_MAP_LAZY);

	(void)state;
	memset(wiped, 1, 4096);
	memset(plain, 1, 4096);
	assert_int_equal(unit_in_child(is_wiped, wiped), 2);
	assert_int_equal(unit_in_child(is_wiped, plain), 3);
	assert_int_equal(wiped[0], 1);
	wi_memory_unmap(wiped, 4096);
	wi_memory_unmap(plain, 4096);
}

static void
test_fail_once(void **state)
{
	void *memory;

	(void)state;
	wi_memory_fail_at(3, false);
	memory = wi_memory_take(8);
	assert_non_null(memory);
	wi_memory_give(memory);
	assert_false(wi_memory_fails());
	assert_null(wi_memory_lines(8));
	memory = wi_memory_map(4096, WI_MAP_LAZY);
	assert_non_null(memory);
	wi_memory_unmap(memory, 4096);
}

static void
test_fail_forever(void **state)
{
	(void)state;
	wi_memory_fail_at(2, true);
	assert_false(wi_memory_fails());
	for (int i = 0; i < 3; i++) {
		assert_null(wi_memory_take(8));
		assert_null(wi_memory_lines(8));
		assert_null(wi_memory_map(4096, WI_MAP_FAULTED));
		assert_true(wi_memory_fails());
	}
	wi_memory_fail_at(0, false);
	assert_false(wi_memory_fails());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take),           cmocka_unit_test(test_map),
		cmocka_unit_test(test_wiped_in_child), cmocka_unit_test(test_fail_once),
		cmocka_unit_test(test_fail_forever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
