/* SPDX-License-Identifier: MIT */
/*
 * step.c - count what publishing executes, one instruction at a time, while every other thread of
 *          the process is stopped: nobody can help, so it waits for nobody.
 *
 * A child opens a bus and publishes with the processor's trap flag set, so that
 * its own handler of SIGTRAP sees each instruction. Before that the parent stops
 * the child's other threads with ptrace. Exits 77 where tracing is refused or the
 * machine is another.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "publish.h"

#if !defined(__x86_64__)

int
main(void)
{
	puts("this machine is not x86-64");
	return 77;
}

#else

#include <dirent.h>
#include <link.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

enum {
	FAST_MOST = 80,         /* instructions, of a function that makes no call */
	ANY_MOST = 500,         /* for any: a refresh over all cursors, a refusal, a wake */
	CALLS_PART = 10,        /* of what is accepted, at most one in ten may make a call */
};

struct trial {
	const char *name;
	hot_fn *publish;
	unsigned functions;             /* of weir, that it calls inline */
	weir_wait wait;
	uint32_t ring_size;
	unsigned count;
	bool fills;                     /* publishes more than the ring holds */
	unsigned system_calls_most;     /* in one publish */
};

/* A record of 48 bytes takes 64 of the ring. In place is two calls: reserve and commit. */
static const struct trial trials[] = {
	{ "publish_48", hot_publish_48, 1, WEIR_WAIT_SPIN, 1 << 20, 10000, false, 0 },
	{ "publish_48, full ring", hot_publish_48, 1, WEIR_WAIT_SPIN, 1 << 16, 1200, true, 0 },
	{ "in_place_48, full ring", hot_in_place_48, 2, WEIR_WAIT_SPIN, 1 << 16, 1200, true, 0 },
	{ "publish_8", hot_publish_8, 1, WEIR_WAIT_SPIN, 1 << 18, 300, false, 0 },
	{ "publish_64", hot_publish_64, 1, WEIR_WAIT_SPIN, 1 << 18, 300, false, 0 },
	{ "publish_48, parked", hot_publish_48, 1, WEIR_WAIT_PARK, 1 << 18, 100, false, 1 },
};

/* -- one instruction -------------------------------------------------------- */

enum kind { PLAIN, CALL, LOCKED, SYSTEM_CALL };

static enum kind
kind_of(const unsigned char *code)
{
	while (*code == 0x66 || *code == 0x2e || *code == 0x3e || *code == 0xf2 || *code == 0xf3)
		code++;
	if (*code == 0xf0)
		return LOCKED;
	if ((*code & 0xf0) == 0x40)
		code++;
	if (*code == 0xe8 || (*code == 0xff && (code[1] & 0x30) == 0x10))
		return CALL;
	if ((*code & 0xfe) == 0x86 && code[1] < 0xc0)
		return LOCKED;                                  /* xchg with memory */
	if (code[0] == 0x0f && code[1] == 0xae && code[2] >= 0xe8)
		return LOCKED;                                  /* fences */
	return code[0] == 0x0f && code[1] == 0x05 ? SYSTEM_CALL : PLAIN;
}

/*
 * The kernel's code that reads the clock for the process. It begins anew whenever the kernel has
 * moved the clock meanwhile, which a trap for each instruction makes likely: not counted.
 */
static struct {
	greg_t begin, end;
} vdso;

static void
find_vdso(void)
{
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)getauxval(AT_SYSINFO_EHDR);
	const ElfW(Phdr) *segment;

	if (!header)
		return;
	segment = (const ElfW(Phdr) *)((const char *)header + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++)
		if (segment[i].p_type == PT_LOAD && segment[i].p_flags & PF_X) {
			vdso.begin = (greg_t)header;
			vdso.end = vdso.begin + (greg_t)segment[i].p_memsz;
		}
}

/* One publish. Written by the handler of SIGTRAP, which runs on the publishing thread. */
static struct {
	greg_t entry, stack;            /* stack: at the entry; 0: not yet there */
	unsigned instructions, calls, locked, system_calls;
} one;

/* Before each instruction. When the publish has returned, no more traps. */
static void
on_trap(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	enum kind kind;

	(void)signal;
	(void)info;
	if (!one.stack && registers[REG_RIP] == one.entry)
		one.stack = registers[REG_RSP];
	if (!one.stack)
		return;
	if (registers[REG_RSP] > one.stack) {
		registers[REG_EFL] &= ~0x100ll;
		return;
	}
	kind = kind_of((const unsigned char *)registers[REG_RIP]);
	one.instructions += registers[REG_RIP] < vdso.begin || registers[REG_RIP] >= vdso.end;
	one.calls += kind == CALL;
	one.locked += kind == LOCKED;
	one.system_calls += kind == SYSTEM_CALL;
}

static inline void
trap_each_instruction(void)
{
	/* Past the red zone, which the compiler may use. */
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
	                 "pushfq\n\t"
	                 "orq $0x100, (%%rsp)\n\t"
	                 "popfq\n\t"
	                 "lea 128(%%rsp), %%rsp" ::: "memory", "cc");
}

/* -- the child -------------------------------------------------------------- */

struct tally {
	unsigned accepted, refused, with_calls, other;
	unsigned fast_most, any_most, locked, system_calls_most;
};

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event;
	(void)delivery;
	(void)context;
	return 0;
}

static void
require(weir_status status, const char *what)
{
	if (status == WEIR_OK)
		return;
	printf("%s: %s\n", what, weir_status_text(status));
	exit(1);
}

static weir_producer *
open_producer(const struct trial *trial, weir_topic *ret_topic)
{
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	static const unsigned char data[64];
	weir_subscription subscription;
	weir_producer *producer;
	weir_bus *bus;

	find_vdso();
	pool.wait = trial->wait;
	options.ring_size = trial->ring_size;
	require(weir_bus_open(&options, &pool, &bus), "weir_bus_open");
	require(weir_topic_open(bus, "step.after.create", ret_topic), "weir_topic_open");
	require(weir_subscribe(bus, ">", handle, NULL, NULL, &subscription), "weir_subscribe");
	require(weir_producer_open(bus, NULL, &producer), "weir_producer_open");
	require(trial->publish(producer, *ret_topic, data), "the first publish");
	require(weir_bus_flush(bus, 1000000000), "weir_bus_flush");
	/* Time for a dispatcher that parks to do so. */
	nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
	return producer;
}

static void
add(struct tally *tally, weir_status status)
{
	bool fast = status == WEIR_OK && !one.calls;

	tally->accepted += status == WEIR_OK;
	tally->refused += status == WEIR_EFULL;
	tally->other += status != WEIR_OK && status != WEIR_EFULL;
	tally->with_calls += status == WEIR_OK && one.calls;
	tally->locked += fast && one.locked;
	if (fast && one.instructions > tally->fast_most)
		tally->fast_most = one.instructions;
	if (one.instructions > tally->any_most)
		tally->any_most = one.instructions;
	if (one.system_calls > tally->system_calls_most)
		tally->system_calls_most = one.system_calls;
}

static bool
judge(const struct trial *trial, const struct tally *tally)
{
	unsigned fast_bar = FAST_MOST * trial->functions;
	bool ok = !tally->other && !tally->locked && tally->accepted &&
	          tally->any_most <= ANY_MOST && tally->fast_most <= fast_bar &&
	          tally->system_calls_most <= trial->system_calls_most &&
	          (tally->refused > 0) == trial->fills;

	if (trial->wait == WEIR_WAIT_SPIN)
		ok = ok && tally->fast_most && tally->with_calls * CALLS_PART <= tally->accepted;
	printf("%s: %u accepted (%u with a call), %u refused, %u other\n", trial->name,
	       tally->accepted, tally->with_calls, tally->refused, tally->other);
	printf("  instructions: at most %u without a call (bar %u), %u in any (bar %d)\n",
	       tally->fast_most, fast_bar, tally->any_most, ANY_MOST);
	printf("  locked instructions without a call: %u; system calls in one: %u (bar %u)\n",
	       tally->locked, tally->system_calls_most, trial->system_calls_most);
	printf("  %s\n", ok ? "ok" : "NOT OK");
	return ok;
}

/* Says on `ready` when its threads may be stopped, goes on when `go` can be read. */
static int
child(const struct trial *trial, int ready, int go)
{
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	hot_fn *volatile publish = trial->publish;      /* a call, not an inlined body */
	static const unsigned char data[64];
	struct tally tally = { 0 };
	weir_topic topic;
	weir_producer *producer = open_producer(trial, &topic);
	char byte = 0;

	sigaction(SIGTRAP, &action, NULL);
	if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1)
		return 77;
	for (unsigned i = 0; i < trial->count; i++) {
		weir_status status;

		memset(&one, 0, sizeof one);
		one.entry = (greg_t)publish;
		trap_each_instruction();
		status = publish(producer, topic, data);
		add(&tally, status);
	}
	return !judge(trial, &tally);
}

/* -- the parent ------------------------------------------------------------- */

/* Every thread of the process but its first. */
static bool
stop_others(pid_t process)
{
	char path[64];
	struct dirent *entry;
	bool ok = true;
	DIR *tasks;

	snprintf(path, sizeof path, "/proc/%d/task", (int)process);
	tasks = opendir(path);
	while (tasks && ok && (entry = readdir(tasks))) {
		pid_t thread = (pid_t)atoi(entry->d_name);
		int status;

		if (thread <= 0 || thread == process)
			continue;
		ok = !ptrace(PTRACE_SEIZE, thread, NULL, NULL) &&
		     !ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) &&
		     waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status);
	}
	if (tasks)
		closedir(tasks);
	return tasks && ok;
}

/* 0, 1 or 77. */
static int
run(const struct trial *trial)
{
	int ready[2], go[2], status = 0, result = 1;
	char byte = 0;
	pid_t process, gone;

	if (pipe(ready) || pipe(go))
		return 1;
	process = fork();
	if (!process) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(go[1]);
		result = child(trial, ready[1], go[0]);
		fflush(stdout);
		_exit(result);
	}
	close(ready[1]);
	close(go[0]);
	if (process > 0 && read(ready[0], &byte, 1) == 1) {
		if (!stop_others(process))
			perror("tracing the other threads");
		else if (write(go[1], &byte, 1) != 1)
			perror("write");
	}
	close(ready[0]);
	close(go[1]);
	/* A traced process is gone only when each of its threads was waited for. */
	while ((gone = waitpid(-1, &status, __WALL)) > 0)
		if (gone == process)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	return result;
}

int
main(void)
{
	int worst = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
		int result = run(&trials[i]);

		if (result == 77)
			puts("tracing is refused here");
		if (result && worst != 1)
			worst = result;
	}
	return worst;
}

#endif
