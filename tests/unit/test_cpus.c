/* SPDX-License-Identifier: MIT */
/* test_cpus.c - lists of processors, and what a cgroup allows, from made-up file trees. */
#include "unit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/compiler.h"
#include "base/cpus.h"

/* -- lists ------------------------------------------------------------------ */

static void
expect_cpus(const char *text, const int *cpus, int count)
{
	cpu_set_t set;

	assert_true(wi_cpus_parse(text, &set));
	assert_int_equal(CPU_COUNT(&set), count);
	for (int i = 0; i < count; i++)
		assert_true(CPU_ISSET((size_t)cpus[i], &set));
}

static void
test_lists(void **state)
{
	cpu_set_t set;

	(void)state;
	expect_cpus("0", (const int[]){0}, 1);
	expect_cpus("2,4-7", (const int[]){2, 4, 5, 6, 7}, 5);
	expect_cpus("7,0-1,7,1", (const int[]){0, 1, 7}, 3);
	expect_cpus("3-3", (const int[]){3}, 1);
	expect_cpus("007", (const int[]){7}, 1);
	expect_cpus("1023", (const int[]){1023}, 1);
	assert_true(wi_cpus_parse("0-1023", &set));
	assert_int_equal(CPU_COUNT(&set), 1024);
}

static void
expect_share(const char *text, unsigned index, unsigned count, const char *expected)
{
	cpu_set_t set, share, wanted;

	assert_true(wi_cpus_parse(text, &set) && wi_cpus_parse(expected, &wanted));
	wi_cpus_share(&set, index, count, &share);
	assert_true(CPU_EQUAL(&share, &wanted));
}

/* Each its own where there are enough, else all for all. */
static void
test_shares(void **state)
{
	(void)state;
	expect_share("3", 0, 1, "3");
	expect_share("2,4-7", 0, 1, "2,4-7");
	expect_share("2,4-7", 0, 2, "2,5,7");
	expect_share("2,4-7", 1, 2, "4,6");
	expect_share("2,4-7", 4, 5, "7");
	expect_share("2,4-7", 5, 6, "2,4-7");
	expect_share("0,1023", 1, 2, "1023");
}

static void
test_lists_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"a",
		"-",
		",",
		"-1",
		"+1",
		"1,",
		",1",
		"1,,2",
		"1-",
		"1-a",
		"-1-2",
		"1--2",
		"2-1",
		"1 ",
		" 1",
		"1, 2",
		"1-2-3",
		"0x1",
		"1;2",
		"1024",
		"0-1024",
		"1.5",
		"all",
		"18446744073709551616",
		"0-18446744073709551616",
		"99999999999999999999999999",
	};
	cpu_set_t set, before;

	(void)state;
	memset(&set, 0x5a, sizeof set);
	before = set;
	for (size_t i = 0; i < WI_COUNT(bad); i++) {
		if (wi_cpus_parse(bad[i], &set))
			fail_msg("accepted: \"%s\"", bad[i]);
		assert_memory_equal(&set, &before, sizeof set);
	}
}

/* -- quotas ----------------------------------------------------------------- */

static void
make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
}

static void
put(const char *root, const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *file;

	snprintf(full, sizeof full, "%s%s", root, path);
	make_directories(full);
	file = fopen(full, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* path, text, path, text, ..., NULL below a fresh root; what is allowed, in hundredths. */
static unsigned
quota(const char *const *files)
{
	char *root = unit_make_directory();
	unsigned result;

	for (; *files; files += 2)
		put(root, files[0], files[1]);
	result = wi_cpus_quota(root);
	unit_remove_directory(root);
	return result;
}

#define QUOTA(...) quota((const char *const[]){__VA_ARGS__, NULL})
#define V2         "/sys/fs/cgroup"
#define V1         "/sys/fs/cgroup/cpu,cpuacct"

static void
test_quota_v2(void **state)
{
	(void)state;
	assert_int_equal(QUOTA("/proc/self/cgroup", "0::/\n", V2 "/cpu.max", "150000 100000\n"),
			 150);
	assert_int_equal(
		QUOTA("/proc/self/cgroup", "0::/a/b\n", V2 "/a/b/cpu.max", "400000 100000\n"), 400);
	assert_int_equal(QUOTA("/proc/self/cgroup", "0::/a/b\n", V2 "/a/b/cpu.max", "max 100000\n"),
			 UINT_MAX);
	assert_int_equal(QUOTA("/proc/self/cgroup", "0::/a/b\n", V2 "/a/b/cpu.max", "5000 100000"),
			 5);
	assert_int_equal(QUOTA("/proc/self/cgroup", "0::/x\n", V2 "/x/cpu.max", "700000 100000\n"),
			 700);
}

static void
test_quota_v2_of_parents(void **state)
{
	(void)state;
	assert_int_equal(QUOTA("/proc/self/cgroup", "0::/a/b/c\n", V2 "/a/b/c/cpu.max",
			       "max 100000\n", V2 "/a/b/cpu.max", "300000 100000\n",
			       V2 "/a/cpu.max", "200000 100000\n"),
			 200);
	assert_int_equal(QUOTA("/proc/self/cgroup", "0::/a/b/c\n", V2 "/a/b/c/cpu.max",
			       "100000 100000\n", V2 "/a/cpu.max", "200000 100000\n"),
			 100);
	/* The root itself, and nothing above it. */
	assert_int_equal(QUOTA("/proc/self/cgroup", "0::/a\n", V2 "/cpu.max", "200000 100000\n"),
			 200);
	assert_int_equal(
		QUOTA("/proc/self/cgroup", "0::/a\n", "/sys/fs/cpu.max", "200000 100000\n"),
		UINT_MAX);
	/* A sibling is nobody's limit. */
	assert_int_equal(QUOTA("/proc/self/cgroup", "0::/a\n", V2 "/b/cpu.max", "200000 100000\n"),
			 UINT_MAX);
}

static void
test_quota_v1(void **state)
{
	(void)state;
	assert_int_equal(
		QUOTA("/proc/self/cgroup", "5:memory:/m\n4:cpu,cpuacct:/g\n1:name=systemd:/s\n",
		      V1 "/g/cpu.cfs_quota_us", "250000\n", V1 "/g/cpu.cfs_period_us", "100000\n"),
		250);
	assert_int_equal(QUOTA("/proc/self/cgroup", "4:cpu:/g/h\n",
			       "/sys/fs/cgroup/cpu/g/h/cpu.cfs_quota_us", "-1\n",
			       "/sys/fs/cgroup/cpu/g/h/cpu.cfs_period_us", "100000\n",
			       "/sys/fs/cgroup/cpu/g/cpu.cfs_quota_us", "50000\n",
			       "/sys/fs/cgroup/cpu/g/cpu.cfs_period_us", "50000\n"),
			 100);
	assert_int_equal(QUOTA("/proc/self/cgroup", "4:cpu:/\n",
			       "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n",
			       "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
			 UINT_MAX);
	/* A set of processors has no quota; the affinity knows about it. */
	assert_int_equal(QUOTA("/proc/self/cgroup", "4:cpuset:/g\n",
			       "/sys/fs/cgroup/cpuset/g/cpuset.cpus", "0-1\n"),
			 UINT_MAX);
}

static void
test_quota_of_both(void **state)
{
	(void)state;
	assert_int_equal(QUOTA("/proc/self/cgroup", "4:cpu:/g\n0::/h\n",
			       "/sys/fs/cgroup/cpu/g/cpu.cfs_quota_us", "300000\n",
			       "/sys/fs/cgroup/cpu/g/cpu.cfs_period_us", "100000\n",
			       V2 "/h/cpu.max", "200000 100000\n"),
			 200);
}

/* What cannot be read is no limit. */
static void
test_quota_of_rubbish(void **state)
{
	static const char *const v2[] = {"",
					 "\n",
					 "max",
					 "a b",
					 "100000",
					 "100000 0\n",
					 "-5 100000\n",
					 "max max\n",
					 "99999999999999999999999 100000\n"};
	static const char *const v1[] = {"", "\n", "a", "0\n", "-1\n", "max\n"};

	(void)state;
	assert_int_equal(wi_cpus_quota("/nowhere/at/all"), UINT_MAX);
	assert_int_equal(QUOTA("/proc/self/cgroup", ""), UINT_MAX);
	assert_int_equal(QUOTA("/proc/self/cgroup", "\n\nno colon\none:colon\n"), UINT_MAX);
	assert_int_equal(QUOTA("/proc/self/cgroup", "0::/a\n"), UINT_MAX);
	for (size_t i = 0; i < WI_COUNT(v2); i++)
		if (QUOTA("/proc/self/cgroup", "0::/a\n", V2 "/a/cpu.max", v2[i]) / 100 <
		    CPU_SETSIZE)
			fail_msg("\"%s\" is a limit", v2[i]);
	for (size_t i = 0; i < WI_COUNT(v1); i++) {
		assert_int_equal(QUOTA("/proc/self/cgroup", "1:cpu:/a\n",
				       "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", v1[i],
				       "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"),
				 UINT_MAX);
		assert_int_equal(QUOTA("/proc/self/cgroup", "1:cpu:/a\n",
				       "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n",
				       "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", v1[i]),
				 UINT_MAX);
	}
}

static void
test_allowed(void **state)
{
	cpu_set_t all, one;
	unsigned before = wi_cpus_allowed();

	(void)state;
	assert_true(before >= 1);
	assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
	assert_true(before <= (unsigned)CPU_COUNT(&all));
	CPU_ZERO(&one);
	for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
	assert_int_equal(wi_cpus_allowed(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
	assert_int_equal(wi_cpus_allowed(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_lists_refused),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_quota_v2),
		cmocka_unit_test(test_quota_v2_of_parents),
		cmocka_unit_test(test_quota_v1),
		cmocka_unit_test(test_quota_of_both),
		cmocka_unit_test(test_quota_of_rubbish),
		cmocka_unit_test(test_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
