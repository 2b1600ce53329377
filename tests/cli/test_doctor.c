/* SPDX-License-Identifier: MIT */
/* test_doctor.c - facts from made-up file trees, and what is thought of made-up machines. */
#include "doctor.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text_file.h"
#include "topology.h"

#include <cmocka.h>

/* -- a tree of files -------------------------------------------------------- */

static char root[64];

static int
make_root(void **state)
{
	(void)state;
	strcpy(root, "/tmp/weir-doctor-XXXXXX");
	return mkdtemp(root) == NULL;
}

static int
remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static int
remove_root(void **state)
{
	(void)state;
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
put(const char *path, const char *text)
{
	char whole[256];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		if (mkdir(whole, 0700) != 0)
			assert_int_equal(errno, EEXIST);
		*slash = '/';
	}
	file = fopen(whole, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
put_cpu(int cpu, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/%s", cpu, name);
	put(path, text);
}

static cpu_set_t
set_of(int first, int last)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu = first; cpu <= last; cpu++)
		CPU_SET((size_t)cpu, &set);
	return set;
}

/* -- topology ----------------------------------------------------------------- */

/* Two packages of two cores with two threads each: 0 and 4 are one core, and so on. */
static void
put_eight(void)
{
	for (int cpu = 0; cpu < 8; cpu++) {
		char pair[16];

		snprintf(pair, sizeof(pair), "%d,%d\n", cpu % 4, cpu % 4 + 4);
		put_cpu(cpu, "topology/core_cpus_list", pair);
		put_cpu(cpu, "topology/package_cpus_list", cpu % 4 < 2 ? "0-1,4-5\n" : "2-3,6-7\n");
		put_cpu(cpu, "cache/index3/shared_cpu_list", cpu % 4 < 2 ? "0-1,4-5\n" : "2-3,6-7\n");
	}
	put("/sys/devices/system/node/online", "0-2\n");
	put("/sys/devices/system/node/node0/cpulist", "0-1,4-5\n");
	put("/sys/devices/system/node/node1/cpulist", "2-3,6-7\n");
	put("/sys/devices/system/node/node2/cpulist", "\n"); /* memory alone */
}

static void
test_topology(void **state)
{
	cpu_set_t all = set_of(0, 7), half = set_of(0, 3), few = set_of(4, 5);
	struct topology topology;

	(void)state;
	put_eight();
	topology = topology_read(root, &all);
	assert_int_equal(topology.cores, 4);
	assert_int_equal(topology.threads, 2);
	assert_int_equal(topology.packages, 2);
	assert_int_equal(topology.caches, 2);
	assert_int_equal(topology.nodes, 2);
	assert_true(CPU_EQUAL(&topology.one_of_each_core, &half));
	assert_int_equal(CPU_COUNT(&topology.first_cache), 4);
	assert_true(CPU_ISSET(4, &topology.first_node) && !CPU_ISSET(2, &topology.first_node));

	/* Of each core one thread is allowed: nobody shares. */
	topology = topology_read(root, &half);
	assert_int_equal(topology.cores, 4);
	assert_int_equal(topology.threads, 1);
	topology = topology_read(root, &few);
	assert_int_equal(topology.cores, 2);
	assert_int_equal(topology.packages, 1);
	assert_int_equal(topology.nodes, 1);
	assert_true(CPU_EQUAL(&topology.one_of_each_core, &few));
}

static void
test_topology_older_names(void **state)
{
	cpu_set_t two = set_of(0, 1);
	struct topology topology;

	(void)state;
	for (int cpu = 0; cpu < 2; cpu++) {
		put_cpu(cpu, "topology/thread_siblings_list", "0-1\n");
		put_cpu(cpu, "topology/core_siblings_list", "0-1\n");
	}
	topology = topology_read(root, &two);
	assert_int_equal(topology.cores, 1);
	assert_int_equal(topology.threads, 2);
	assert_int_equal(topology.packages, 1);
	assert_int_equal(topology.caches, 0);
}

static void
test_topology_hostile(void **state)
{
	static const char *const bad[] = {"", "\n", "x\n", "0-\n", "0-99999999999\n", "-1\n", "1\n"};
	cpu_set_t two = set_of(0, 1);

	(void)state;
	assert_int_equal(topology_read(root, &two).cores, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_cpu(0, "topology/core_cpus_list", bad[i]);
		put_cpu(1, "topology/core_cpus_list", "1\n");
		assert_int_equal(topology_read(root, &two).cores, 0);
	}
	put_cpu(0, "topology/core_cpus_list", "0\n");
	assert_int_equal(topology_read(root, &two).cores, 2);
}

/* -- facts ---------------------------------------------------------------------- */

static void
test_facts(void **state)
{
	struct facts facts;

	(void)state;
	put("/proc/self/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
	put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
	put("/proc/cpuinfo",
	    "processor\t: 0\nmodel name\t: A\033Processor\nflags\t\t: fpu hypervisor\n\n");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
	put("/proc/meminfo", "MemTotal:  2048 kB\nSwapTotal:  1000 kB\nSwapFree:  600 kB\n");
	put("/proc/stat", "cpu  10 0 10 70 0 0 0 10 0 0\ncpu0 1 2 3\n");
	put("/proc/loadavg", "3.50 1.00 0.50 1/100 4242\n");
	put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
	put("/sys/devices/system/clocksource/clocksource0/available_clocksource", "hpet tsc \n");
	put("/sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI\n");
	facts = facts_read(root);
	assert_true(facts.quota > 1.49 && facts.quota < 1.51);
	assert_string_equal(facts.processor, "A");
	assert_true(facts.is_virtual && facts.isolates_tables);
	assert_string_equal(facts.huge_pages, "always");
	assert_int_equal(facts.memory, 2048 * 1024);
	assert_int_equal(facts.swap, 1000 * 1024);
	assert_int_equal(facts.swap_used, 400 * 1024);
	assert_true(facts.stolen > 0.099 && facts.stolen < 0.101);
	assert_true(facts.load > 3.4 && facts.load < 3.6);
	assert_string_equal(facts.clock_source, "hpet");
	assert_string_equal(facts.clock_sources, "hpet tsc");
	assert_true(facts.clock_ns > 0 && facts.allowed > 0);
}

static void
test_facts_v1_quota(void **state)
{
	(void)state;
	put("/proc/self/cgroup", "2:cpuacct,cpu:/x\n1:name=systemd:/\n");
	put("/sys/fs/cgroup/cpuacct,cpu/x/cpu.cfs_quota_us", "50000\n");
	put("/sys/fs/cgroup/cpuacct,cpu/x/cpu.cfs_period_us", "100000\n");
	assert_true(facts_read(root).quota == 0.5);
}

/* Nothing there, and then nothing that makes sense. */
static void
test_facts_hostile(void **state)
{
	char line[16];
	struct facts facts = facts_read(root);

	(void)state;
	assert_true(facts.quota == 0 && facts.stolen < 0 && facts.load < 0);
	assert_string_equal(facts.clock_source, "");
	put("/proc/stat", "cpu 1 2 -\n");
	put("/proc/loadavg", "nan\n");
	put("/proc/meminfo", "SwapTotal: 1 kB\nSwapFree: 99999999999999999999999 kB\nMemTotal\n");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "[\033[2J always\n");
	facts = facts_read(root);
	assert_true(facts.stolen < 0 && facts.load < 0);
	assert_int_equal(facts.swap_used, 0);
	assert_string_equal(facts.huge_pages, "");
	put("/x", "\033[2J\xff" "0123456789012345678901234567890\n");
	assert_true(text_file_line(line, sizeof(line), root, "/x"));
	assert_string_equal(line, "?[2J?0123456789");
	assert_false(text_file_line(line, sizeof(line), root, "/none"));
	assert_string_equal(line, "");
}

/* -- checks ------------------------------------------------------------------------ */

static struct wi_doctor doctor;

/* A quiet machine of four processors. */
static void
make_good(void)
{
	wi_doctor_init(&doctor);
	doctor.facts = (struct facts){
		.clock_source = "tsc",
		.clock_sources = "tsc hpet",
		.huge_pages = "madvise",
		.governor = "performance",
		.has_membarrier = true,
		.online = 4,
		.allowed = 4,
		.allowed_cpus = set_of(0, 3),
		.topology = {.cores = 4, .threads = 1, .packages = 1, .caches = 1, .nodes = 1},
		.clock_ns = 20,
		.lockable = UINT64_MAX,
		.memory = UINT64_C(1) << 30,
	};
}

static const struct wi_doctor_check *
find(const char *name)
{
	for (size_t i = 0; i < doctor.check_count; i++)
		if (strcmp(doctor.checks[i].name, name) == 0)
			return &doctor.checks[i];
	return NULL;
}

/* The machine is checked anew; that check, and no other, is not ok. */
static void
expect(const char *name, enum wi_doctor_verdict verdict, const char *advice)
{
	doctor.check_count = 0;
	wi_doctor_check_machine(&doctor);
	assert_non_null(find(name));
	assert_int_equal(find(name)->verdict, verdict);
	assert_non_null(strstr(find(name)->advice, advice));
	assert_int_equal(wi_doctor_count(&doctor, WI_DOCTOR_OK), doctor.check_count - 1);
	make_good();
}

static void
test_good(void **state)
{
	(void)state;
	make_good();
	wi_doctor_check_machine(&doctor);
	assert_int_equal(wi_doctor_count(&doctor, WI_DOCTOR_OK), doctor.check_count);
	assert_true(doctor.check_count >= 9);
	assert_null(find("gaps")); /* not measured, not judged */
}

static void
test_wrong(void **state)
{
	(void)state;
	make_good();
	doctor.facts.allowed = 1;
	expect("processors", WI_DOCTOR_WARNING, "allow two");
	doctor.facts.quota = 3.5;
	expect("quota", WI_DOCTOR_WARNING, "--cpus");
	doctor.facts.topology.threads = 2;
	doctor.facts.topology.one_of_each_core = set_of(0, 1);
	expect("smt", WI_DOCTOR_NOTE, "taskset -c 0-1");
	doctor.facts.topology.nodes = 2;
	doctor.facts.topology.first_node = set_of(2, 3);
	expect("distance", WI_DOCTOR_NOTE, "one");
	strcpy(doctor.facts.governor, "powersave");
	expect("governor", WI_DOCTOR_WARNING, "cpupower");
	strcpy(doctor.facts.governor, "powersave");
	strcpy(doctor.facts.driver, "intel_pstate");
	expect("governor", WI_DOCTOR_NOTE, "cpupower");
	doctor.facts.clock_ns = 800;
	expect("clock", WI_DOCTOR_WARNING, "echo tsc >");
	doctor.facts.has_membarrier = false;
	expect("membarrier", WI_DOCTOR_WARNING, "seccomp");
	doctor.measured.fence_ns = 180e3;
	expect("membarrier", WI_DOCTOR_NOTE, "publisher");
	doctor.measured.wake = (struct probe_wake){9e3, 200e3, 900e3};
	expect("futex wake", WI_DOCTOR_NOTE, "spin");
	doctor.measured.syscall_ns = 900;
	doctor.facts.isolates_tables = true;
	expect("system call", WI_DOCTOR_NOTE, "pti=off");
	doctor.measured.cpu_count = 2;
	doctor.measured.gaps[1].max = 200e3;
	expect("gaps", WI_DOCTOR_NOTE, "top");
	doctor.measured.cpu_count = 2;
	doctor.measured.gaps[1].max = 20e6;
	expect("gaps", WI_DOCTOR_WARNING, "top");
	doctor.facts.stolen = 0.2;
	expect("steal", WI_DOCTOR_WARNING, "dedicated");
	doctor.facts.load = 9;
	expect("load", WI_DOCTOR_NOTE, "top");
	strcpy(doctor.facts.huge_pages, "always");
	expect("huge pages", WI_DOCTOR_NOTE, "echo madvise");
	doctor.facts.swap = 2;
	doctor.facts.swap_used = 1;
	doctor.facts.lockable = 8 << 20;
	expect("swap", WI_DOCTOR_NOTE, "LimitMEMLOCK");
}

static void
test_sqlite(void **state)
{
	static const struct {
		int version;
		enum wi_doctor_verdict verdict;
	} each[] = {
		{3006999, WI_DOCTOR_OK},   {3007000, WI_DOCTOR_NOTE}, {3040001, WI_DOCTOR_NOTE},
		{3044005, WI_DOCTOR_NOTE}, {3044006, WI_DOCTOR_OK},   {3045000, WI_DOCTOR_NOTE},
		{3050006, WI_DOCTOR_NOTE}, {3050007, WI_DOCTOR_OK},   {3051000, WI_DOCTOR_NOTE},
		{3051002, WI_DOCTOR_NOTE}, {3051003, WI_DOCTOR_OK},   {3052000, WI_DOCTOR_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		doctor.check_count = 0;
		wi_doctor_check_sqlite(&doctor, each[i].version);
		assert_int_equal(find("sqlite")->verdict, each[i].verdict);
	}
}

static void
expect_directory(const char *runtime, enum wi_doctor_verdict verdict, const char *words)
{
	doctor.check_count = 0;
	wi_doctor_check_directory(&doctor, runtime, root, geteuid());
	assert_int_equal(find("directory")->verdict, verdict);
	assert_non_null(strstr(find("directory")->found, words));
}

static void
test_directory(void **state)
{
	char runtime[128], own[160], shared[160];

	(void)state;
	snprintf(runtime, sizeof(runtime), "%s/run", root);
	snprintf(own, sizeof(own), "%s/weir", runtime);
	snprintf(shared, sizeof(shared), "%s/weir-%u", root, (unsigned)geteuid());
	expect_directory(NULL, WI_DOCTOR_OK, "is made when it is needed");
	expect_directory(runtime, WI_DOCTOR_NOTE, shared); /* there is no such runtime directory */
	assert_int_equal(mkdir(runtime, 0700), 0);
	expect_directory(runtime, WI_DOCTOR_OK, own);
	assert_int_not_equal(access(own, F_OK), 0); /* nothing was made */
	put("/run/weir", "a file");
	expect_directory(runtime, WI_DOCTOR_NOTE, shared);
	assert_int_equal(unlink(own), 0);
	assert_int_equal(mkdir(own, 0700), 0);
	expect_directory(runtime, WI_DOCTOR_OK, "mode 0700");
	assert_int_equal(chmod(own, 0770), 0);
	expect_directory(runtime, WI_DOCTOR_WARNING, "mode 0770");
	assert_non_null(strstr(find("directory")->advice, "chmod 700"));
	assert_int_equal(rmdir(own), 0);
	assert_int_equal(symlink("/tmp", own), 0);
	assert_int_equal(symlink("/tmp", shared), 0);
	expect_directory(runtime, WI_DOCTOR_WARNING, "is no directory");
	assert_int_equal(unlink(shared), 0);
	assert_int_equal(mkdir(shared, 0700), 0);
	doctor.check_count = 0;
	wi_doctor_check_directory(&doctor, NULL, root, geteuid());
	assert_int_equal(find("directory")->verdict, WI_DOCTOR_OK);
}

/* -- recommendations ------------------------------------------------------------------ */

static void
test_recommend(void **state)
{
	(void)state;
	make_good();
	wi_doctor_recommend(&doctor);
	assert_int_equal(doctor.pool.dispatcher_count, 1);
	assert_int_equal(doctor.pool.wait, WEIR_WAIT_ADAPTIVE);
	assert_int_equal(doctor.pool.spin_ns, 20000);
	assert_int_equal(doctor.pool.ring_size, 256 << 10);
	assert_int_equal(doctor.pool.reason_count, 3);

	doctor.facts.topology.cores = doctor.facts.allowed = 12;
	doctor.measured.wake.p50_ns = 51e3;
	doctor.measured.fence_ns = 4e3;
	doctor.measured.cpu_count = 1;
	doctor.measured.gaps[0].max = 4e6; /* 320,000 bytes at a million events a second */
	wi_doctor_recommend(&doctor);
	assert_int_equal(doctor.pool.dispatcher_count, 3);
	assert_int_equal(doctor.pool.spin_ns, 60000);
	assert_int_equal(doctor.pool.ring_size, 512 << 10);
	doctor.measured.gaps[0].max = 1e9;
	wi_doctor_recommend(&doctor);
	assert_int_equal(doctor.pool.ring_size, 8 << 20);

	doctor.facts.quota = 8.5;
	wi_doctor_recommend(&doctor);
	assert_int_equal(doctor.pool.dispatcher_count, 2);
	assert_int_equal(doctor.pool.wait, WEIR_WAIT_PARK);
	make_good();
	doctor.facts.topology.cores = doctor.facts.allowed = 1;
	wi_doctor_recommend(&doctor);
	assert_int_equal(doctor.pool.wait, WEIR_WAIT_PARK);
	make_good();
	doctor.facts.stolen = 0.1;
	wi_doctor_recommend(&doctor);
	assert_int_equal(doctor.pool.wait, WEIR_WAIT_PARK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_topology),
		TEST(test_topology_older_names),
		TEST(test_topology_hostile),
		TEST(test_facts),
		TEST(test_facts_v1_quota),
		TEST(test_facts_hostile),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_sqlite),
		TEST(test_directory),
		cmocka_unit_test(test_recommend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
