/* SPDX-License-Identifier: MIT */
/* doctor_checks.c - the machine, judged. Each check says at most one thing to do. */
#include "doctor.h"

#include "cpu_list.h"
#include "figures.h"

#include <stdarg.h>
#include <string.h>

/* From here on it is worth a word, or wrong. */
#define FENCE_SLOW_NS 100e3
#define CLOCK_SLOW_NS 150.
#define SYSCALL_SLOW_NS 500.
#define WAKE_SLOW_NS 100e3
#define GAP_NOTE_NS 100e3
#define GAP_WARNING_NS 10e6
#define STOLEN_NOTE 0.01
#define STOLEN_WARNING 0.05

void
wi_doctor_add(struct wi_doctor *doctor, const char *name, enum wi_doctor_verdict verdict,
	      const char *advice, const char *found, ...)
{
	struct wi_doctor_check *check = &doctor->checks[doctor->check_count];
	va_list arguments;

	if (doctor->check_count == WI_DOCTOR_CHECKS_MAX)
		return;
	doctor->check_count++;
	*check = (struct wi_doctor_check){.name = name, .verdict = verdict};
	va_start(arguments, found);
	vsnprintf(check->found, sizeof(check->found), found, arguments);
	va_end(arguments);
	if (verdict != WI_DOCTOR_OK)
		snprintf(check->advice, sizeof(check->advice), "%s", advice);
}

size_t
wi_doctor_count(const struct wi_doctor *doctor, enum wi_doctor_verdict verdict)
{
	size_t count = 0;

	for (size_t i = 0; i < doctor->check_count; i++)
		count += doctor->checks[i].verdict == verdict;
	return count;
}

const char *
wi_doctor_verdict_text(enum wi_doctor_verdict verdict)
{
	return verdict == WI_DOCTOR_OK ? "ok" : verdict == WI_DOCTOR_NOTE ? "note" : "warning";
}

static enum wi_doctor_verdict
warn_if(bool wrong)
{
	return wrong ? WI_DOCTOR_WARNING : WI_DOCTOR_OK;
}

static enum wi_doctor_verdict
note_if(bool wrong)
{
	return wrong ? WI_DOCTOR_NOTE : WI_DOCTOR_OK;
}

/* Of two limits. */
static enum wi_doctor_verdict
judge(double value, double note, double warning)
{
	return value >= warning ? WI_DOCTOR_WARNING : note_if(value >= note);
}

/* -- processors ------------------------------------------------------------------ */

static void
check_processors(struct wi_doctor *doctor)
{
	const struct facts *facts = &doctor->facts;

	wi_doctor_add(doctor, "processors", warn_if(facts->allowed < 2),
		      "A producer and a dispatcher take turns on one processor: allow two "
		      "(taskset -c 0-1, AllowedCPUs=0-1 of systemd, docker run --cpuset-cpus 0-1).",
		      "%d of %d allowed", facts->allowed, facts->online);
}

static void
check_quota(struct wi_doctor *doctor)
{
	const struct facts *facts = &doctor->facts;
	bool less = facts->quota > 0 && facts->quota < facts->allowed;

	if (facts->quota <= 0)
		wi_doctor_add(doctor, "quota", WI_DOCTOR_OK, "", "none");
	else
		wi_doctor_add(doctor, "quota", warn_if(less),
			      "All threads stop when it is used up: raise it to the processors "
			      "allowed (CPUQuota= of systemd, docker run --cpus), or allow fewer "
			      "processors instead.",
			      "%.2f processors of the %d allowed", facts->quota, facts->allowed);
}

static void
check_smt(struct wi_doctor *doctor)
{
	const struct topology *topology = &doctor->facts.topology;
	char advice[400], list[256];

	if (topology->cores == 0) {
		wi_doctor_add(doctor, "smt", WI_DOCTOR_OK, "", "the kernel does not tell");
		return;
	}
	cpu_list_format(&topology->one_of_each_core, list, sizeof(list));
	snprintf(advice, sizeof(advice),
		 "Two busy threads of one core slow each other down: keep to one of each core "
		 "(taskset -c %s).",
		 list);
	wi_doctor_add(doctor, "smt", note_if(topology->threads > 1), advice,
		      topology->threads > 1 ? "%d cores, up to %d threads of each allowed"
					    : "%d cores, one thread of each",
		      topology->cores, topology->threads);
}

static void
check_distance(struct wi_doctor *doctor)
{
	const struct topology *topology = &doctor->facts.topology;
	char advice[400], list[256];

	cpu_list_format(topology->caches > 1 ? &topology->first_cache : &topology->first_node, list,
			sizeof(list));
	snprintf(advice, sizeof(advice),
		 "Lines cross from one to the other: keep producers and their dispatchers within "
		 "one (taskset -c %s, cpus of the pool).",
		 list);
	if (topology->caches == 0 && topology->nodes == 0)
		wi_doctor_add(doctor, "distance", WI_DOCTOR_OK, "", "the kernel does not tell");
	else if (topology->caches == 0)
		wi_doctor_add(doctor, "distance", note_if(topology->nodes > 1), advice,
			      "%d NUMA node%s; caches are not told", topology->nodes,
			      topology->nodes == 1 ? "" : "s");
	else
		wi_doctor_add(doctor, "distance",
			      note_if(topology->caches > 1 || topology->nodes > 1), advice,
			      "%d last level cache%s, %d NUMA node%s", topology->caches,
			      topology->caches == 1 ? "" : "s", topology->nodes,
			      topology->nodes == 1 ? "" : "s");
}

/* With the newer drivers powersave is the usual one, and only a hint. */
static void
check_governor(struct wi_doctor *doctor)
{
	const struct facts *facts = &doctor->facts;
	bool slow = strcmp(facts->governor, "performance") != 0;
	bool hint = strstr(facts->driver, "pstate") != NULL;

	if (facts->governor[0] == '\0') {
		wi_doctor_add(doctor, "governor", WI_DOCTOR_OK, "",
			      "none; the frequency is not this system's to choose");
		return;
	}
	wi_doctor_add(doctor, "governor",
		      slow && !hint && strcmp(facts->governor, "powersave") == 0
			      ? WI_DOCTOR_WARNING
			      : note_if(slow),
		      "A processor that was idle begins slowly: cpupower frequency-set -g "
		      "performance.",
		      "%s%s%s", facts->governor, facts->driver[0] ? ", driver " : "",
		      facts->driver);
}

/* -- what calls cost --------------------------------------------------------------- */

static void
check_clock(struct wi_doctor *doctor)
{
	const struct facts *facts = &doctor->facts;
	bool has_tsc = strstr(facts->clock_sources, "tsc") != NULL;

	wi_doctor_add(doctor, "clock", warn_if(facts->clock_ns > CLOCK_SLOW_NS),
		      has_tsc ? "Each reading is a system call: echo tsc > /sys/devices/system/"
				"clocksource/clocksource0/current_clocksource."
			      : "Each reading is a system call: keep the bus's clock at tick "
				"(WEIR_CLOCK_TICK, the default), which reads it seldom.",
		      "%s, %.1f ns a reading",
		      facts->clock_source[0] ? facts->clock_source : "unknown", facts->clock_ns);
}

static void
check_fence(struct wi_doctor *doctor)
{
	const struct wi_doctor_measured *measured = &doctor->measured;
	bool refused = !doctor->facts.has_membarrier || measured->fence_refused;

	if (refused)
		wi_doctor_add(doctor, "membarrier", WI_DOCTOR_WARNING,
			      "Each publish has a full fence instead: allow the system call "
			      "membarrier (SystemCallFilter= of systemd, the container's seccomp "
			      "profile).",
			      "refused");
	else if (measured->fence_ns < 0)
		wi_doctor_add(doctor, "membarrier", WI_DOCTOR_OK, "", "there; not measured");
	else
		wi_doctor_add(doctor, "membarrier", note_if(measured->fence_ns > FENCE_SLOW_NS),
			      "A dispatcher that goes to sleep pays that: let pools that seldom "
			      "rest have wait = spin or poll, or give the bus fence = publisher.",
			      "%s a call", wi_figures_nanoseconds(measured->fence_ns).text);
}

static void
check_wake(struct wi_doctor *doctor)
{
	const struct probe_wake *wake = &doctor->measured.wake;

	if (wake->call_ns < 0)
		return;
	wi_doctor_add(doctor, "futex wake", note_if(wake->p50_ns > WAKE_SLOW_NS),
		      "Who was asleep comes late: a pool that must be quick needs wait = spin and "
		      "a processor of its own.",
		      "%s a call; the other runs after %s (p50), %s (p99)",
		      wi_figures_nanoseconds(wake->call_ns).text,
		      wi_figures_nanoseconds(wake->p50_ns).text,
		      wi_figures_nanoseconds(wake->p99_ns).text);
}

static void
check_syscall(struct wi_doctor *doctor)
{
	double ns = doctor->measured.syscall_ns;

	if (ns < 0)
		return;
	wi_doctor_add(doctor, "system call", note_if(ns > SYSCALL_SLOW_NS),
		      doctor->facts.isolates_tables
			      ? "Page table isolation makes it so: pti=off on the kernel's command "
				"line, only where all programs of the machine are trusted."
			      : "A sandbox or a tracer looks at each: run outside of it where "
				"latency matters.",
		      "%s%s", wi_figures_nanoseconds(ns).text,
		      doctor->facts.isolates_tables ? ", with page table isolation" : "");
}

/* -- stillness ----------------------------------------------------------------------- */

static void
check_gaps(struct wi_doctor *doctor)
{
	double longest = wi_doctor_longest_gap(doctor);

	if (longest < 0)
		return;
	wi_doctor_add(doctor, "gaps", judge(longest, GAP_NOTE_NS, GAP_WARNING_NS),
		      "Something else takes the processor, and no setting of weir gives it back: "
		      "look for other processes (top), interrupts (/proc/interrupts), other "
		      "guests (steal).",
		      "longest %s on %d processor%s",
		      wi_figures_nanoseconds(longest).text, doctor->measured.cpu_count,
		      doctor->measured.cpu_count == 1 ? "" : "s");
}

static void
check_steal(struct wi_doctor *doctor)
{
	double since = doctor->facts.stolen, now = doctor->measured.stolen;
	double worst = now > since ? now : since;

	if (worst < 0)
		wi_doctor_add(doctor, "steal", WI_DOCTOR_OK, "", "the kernel does not tell");
	else if (now < 0)
		wi_doctor_add(doctor, "steal", judge(worst, STOLEN_NOTE, STOLEN_WARNING),
			      "The hypervisor gives the time to other guests: ask for dedicated "
			      "processors.",
			      "%.1f %% since the start", since * 100);
	else
		wi_doctor_add(doctor, "steal", judge(worst, STOLEN_NOTE, STOLEN_WARNING),
			      "The hypervisor gives the time to other guests: ask for dedicated "
			      "processors.",
			      "%.1f %% just now, %.1f %% since the start", now * 100,
			      (since > 0 ? since : 0) * 100);
}

static void
check_load(struct wi_doctor *doctor)
{
	const struct facts *facts = &doctor->facts;

	if (facts->load < 0)
		return;
	wi_doctor_add(doctor, "load", note_if(facts->load > facts->online),
		      "More threads want to run than there are processors, so what is measured "
		      "here is too: look who they are (top).",
		      "%.2f on %d processors", facts->load, facts->online);
}

/* -- memory ---------------------------------------------------------------------------- */

static void
check_huge_pages(struct wi_doctor *doctor)
{
	const char *huge = doctor->facts.huge_pages;

	wi_doctor_add(doctor, "huge pages", note_if(strcmp(huge, "always") == 0),
		      "The kernel may stop a thread to gather one: echo madvise > "
		      "/sys/kernel/mm/transparent_hugepage/enabled.",
		      "%s", huge[0] != '\0' ? huge : "the kernel has none");
}

static void
check_swap(struct wi_doctor *doctor)
{
	const struct facts *facts = &doctor->facts;
	bool locks = facts->lockable >= facts->memory;
	char limit[64] = "unlimited";

	if (facts->lockable != UINT64_MAX)
		snprintf(limit, sizeof(limit), "%s",
			 wi_figures_bytes((double)facts->lockable).text);
	if (facts->swap == 0)
		wi_doctor_add(doctor, "swap", WI_DOCTOR_OK, "", "none; lockable memory %s", limit);
	else
		wi_doctor_add(doctor, "swap", note_if(facts->swap_used > 0),
			      locks ? "Memory that was swapped out makes a thread wait for a disk: "
				      "call mlockall(MCL_CURRENT | MCL_FUTURE) in the program."
				    : "Memory that was swapped out makes a thread wait for a disk: "
				      "swapoff -a, or mlockall() in the program, with "
				      "LimitMEMLOCK=infinity of systemd (ulimit -l unlimited).",
			      "%s of %s used; lockable memory %s",
			      wi_figures_bytes((double)facts->swap_used).text,
			      wi_figures_bytes((double)facts->swap).text, limit);
}

void
wi_doctor_check_machine(struct wi_doctor *doctor)
{
	check_processors(doctor);
	check_quota(doctor);
	check_smt(doctor);
	check_distance(doctor);
	check_governor(doctor);
	check_clock(doctor);
	check_syscall(doctor);
	check_fence(doctor);
	check_wake(doctor);
	check_gaps(doctor);
	check_steal(doctor);
	check_load(doctor);
	check_huge_pages(doctor);
	check_swap(doctor);
}
