/* SPDX-License-Identifier: MIT */
/* test_cpu_list.c - processors by name; which of them there are, the machine says. */
#include "cpu_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
test_parse(void **state)
{
	cpu_set_t allowed, set;
	char first[16], text[64];

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	assert_null(cpu_list_parse("any", &set));
	assert_true(CPU_EQUAL(&set, &allowed));
	cpu_list_format(&allowed, text, sizeof(text));
	assert_null(cpu_list_parse(text, &set));
	assert_true(CPU_EQUAL(&set, &allowed));

	snprintf(first, sizeof(first), "%d", cpu_list_get(&allowed, 0));
	assert_null(cpu_list_parse(first, &set));
	assert_int_equal(CPU_COUNT(&set), 1);
	snprintf(text, sizeof(text), "%s+%s-%s", first, first, first);
	assert_null(cpu_list_parse(text, &set));
	assert_int_equal(CPU_COUNT(&set), 1);
	assert_non_null(strstr(cpu_list_parse("1023", &set), "may not use"));
	assert_non_null(strstr(cpu_list_parse("", &set), "not a list"));
	assert_non_null(strstr(cpu_list_parse("1-", &set), "not a list"));
	assert_non_null(strstr(cpu_list_parse("0 1", &set), "not a list"));
}

static void
test_format(void **state)
{
	cpu_set_t set;
	char text[64], few[4];

	(void)state;
	CPU_ZERO(&set);
	cpu_list_format(&set, text, sizeof(text));
	assert_string_equal(text, "");
	assert_int_equal(cpu_list_get(&set, 0), -1);
	for (int cpu = 3; cpu < 6; cpu++)
		CPU_SET(cpu, &set);
	CPU_SET(9, &set);
	cpu_list_format(&set, text, sizeof(text));
	assert_string_equal(text, "3-5,9");
	cpu_list_format(&set, few, sizeof(few));
	assert_string_equal(few, "3-5");
	assert_int_equal(cpu_list_get(&set, 0), 3);
	assert_int_equal(cpu_list_get(&set, 3), 9);
	assert_int_equal(cpu_list_get(&set, 4), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
