/* SPDX-License-Identifier: MIT */
/* bars_quiet.c - rows about what must not happen: work while idle, system calls while busy. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bars.h"
#include "checked.h"
#include "load.h"

#define SECOND 1000000000ull

/* -- idle ------------------------------------------------------------------- */

static double
cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int
count(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event;
	(void)delivery;
	++*(uint64_t *)context;
	return 0;
}

static bool
load_one_second(weir_bus *bus, uint64_t *handled)
{
	uint64_t end = machine_ns() + SECOND, sent = 0;
	weir_subscription subscription;
	weir_producer *producer;
	weir_topic topic;
	char data[48] = { 0 };

	if (rig_failed(weir_topic_open(bus, "bench.t00.update", &topic), "weir_topic_open") ||
	    rig_failed(weir_subscribe(bus, "bench.*.update", count, handled, NULL, &subscription),
	               "weir_subscribe") ||
	    rig_failed(weir_producer_open(bus, NULL, &producer), "weir_producer_open"))
		return false;
	while (machine_ns() < end)
		for (int i = 0; i < 100; i++)
			sent += weir_publish(producer, topic, data, sizeof data) == WEIR_OK;
	return !rig_failed(weir_bus_flush(bus, 10 * SECOND), "weir_bus_flush") && *handled == sent;
}

/* Percent of a processor. Default options, whatever they are: counters on, waits adaptive. */
static double
idle_percent(const void *argument)
{
	const uint32_t seconds = *(const uint32_t *)argument;
	weir_bus_counts counts = WEIR_BUS_COUNTS_INIT;
	uint64_t handled = 0, begun;
	double before, after;
	weir_bus *bus;

	checked_unpin();
	if (rig_failed(weir_bus_open(NULL, NULL, &bus), "weir_bus_open") ||
	    !load_one_second(bus, &handled))
		return NAN;
	before = cpu_seconds();
	begun = machine_ns();
	machine_sleep_ns(seconds * SECOND);
	after = cpu_seconds();
	begun = machine_ns() - begun;
	if (weir_bus_get_counts(bus, &counts, NULL, NULL, NULL) || counts.lost)
		return NAN;
	weir_bus_close(bus, SECOND, NULL);
	return (after - before) * 1e9 / (double)begun * 100;
}

static bool
idle(struct bar_run *run, const struct bar *bar)
{
	const uint32_t seconds = bar_quick(run) ? 5 : 30;
	struct bar_round round = { .value = bar_in_child(idle_percent, &seconds) };

	(void)bar;
	if (isnan(round.value))
		return false;
	bar_note(run, "idle for %u s after 1 s of load", seconds);
	bar_round(run, &round);
	return true;
}

/* -- system calls ----------------------------------------------------------- */

/*
 * A child publishes while the parent traces its producer's and its dispatcher's
 * thread with PTRACE_SYSCALL: each call of either stops it and is counted. Shared
 * by both; whoever waits for a phase in the child spins, since it must not call.
 */
enum phase { PREPARING, READY, GO, DONE, RELEASED, FAILED };

struct watch {
	uint32_t phase;
	uint32_t open_loop;
	uint64_t window_ns;
	pid_t producer, dispatcher;
	uint64_t events;
	struct rig *rig;
};

static void
set_phase(struct watch *watch, enum phase phase)
{
	__atomic_store_n(&watch->phase, phase, __ATOMIC_RELEASE);
}

static enum phase
phase_of(struct watch *watch)
{
	return (enum phase)__atomic_load_n(&watch->phase, __ATOMIC_ACQUIRE);
}

static void
note_dispatcher(void *context, uint32_t dispatcher)
{
	(void)dispatcher;
	((struct watch *)context)->dispatcher = gettid();
}

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const uint64_t *word = weir_event_data(event);

	(void)delivery;
	((struct watch *)context)->events += *word;
	return 0;
}

/* One event, however full the ring; false after a message. */
static bool
send(struct rig *rig, uint64_t i)
{
	uint64_t words[6] = { 1, i, i, i, i, i };
	weir_status status;

	while ((status = weir_publish(rig->producer, rig->topics[i % 64], words, sizeof words)) ==
	       WEIR_EFULL)
		machine_pause(8);
	return !rig_failed(status, "weir_publish");
}

/* Closed loop: as fast as it goes. Open loop: one in each microsecond by the clock. */
static uint64_t
window(struct watch *watch)
{
	const double ticks_per_ns = 1 / machine_ns_per_tick();
	uint64_t begun = machine_ticks(), i;
	uint64_t end = begun + (uint64_t)((double)watch->window_ns * ticks_per_ns);

	for (i = 0; machine_ticks() < end; i++) {
		uint64_t due = begun + (uint64_t)((double)i * 1000 * ticks_per_ns);

		while (watch->open_loop && machine_ticks() < due)
			machine_pause(1);
		if (!send(watch->rig, i))
			return 0;
	}
	return i;
}

static int
publisher(struct watch *watch)
{
	struct rig_options options = { .handler = handle, .context = watch,
		                       .thread_begin = note_dispatcher };
	uint64_t sent;

	watch->producer = gettid();
	watch->rig = rig_open(&options);
	machine_ns_per_tick();
	if (!watch->rig)
		return 1;
	for (sent = 0; sent < 100000; sent++)
		if (!send(watch->rig, sent))
			return 1;
	set_phase(watch, READY);
	while (phase_of(watch) != GO)
		machine_pause(8);
	sent += window(watch);
	set_phase(watch, DONE);
	while (phase_of(watch) != RELEASED)
		machine_pause(8);
	if (!rig_close(watch->rig) || watch->events != sent)
		return 1;
	watch->events = sent - 100000;
	return 0;
}

static bool
trace(pid_t thread)
{
	int status;

	return !ptrace(PTRACE_SEIZE, thread, 0, PTRACE_O_TRACESYSGOOD) &&
	       !ptrace(PTRACE_INTERRUPT, thread, 0, 0) &&
	       waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status) &&
	       !ptrace(PTRACE_SYSCALL, thread, 0, 0);
}

/* A stop of a traced thread: count entries into calls, pass on signals, go on. */
static void
go_on(struct bar_run *run, pid_t thread, int status, uint64_t *calls)
{
	struct __ptrace_syscall_info info;
	int signal = WSTOPSIG(status);

	if (signal == (SIGTRAP | 0x80)) {
		signal = 0;
		if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) > 0 &&
		    info.op == PTRACE_SYSCALL_INFO_ENTRY && !(*calls)++)
			bar_note(run, "the first was number %llu",
			         (unsigned long long)info.entry.nr);
	} else if (status >> 16) {
		signal = 0;
	}
	ptrace(PTRACE_SYSCALL, thread, 0, signal);
}

static void
let_go(pid_t thread)
{
	int status;

	ptrace(PTRACE_INTERRUPT, thread, 0, 0);
	if (waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status))
		ptrace(PTRACE_DETACH, thread, 0, 0);
}

/* How many calls the two threads made in the window, or -1. */
static int64_t
count_calls(struct bar_run *run, struct watch *watch)
{
	uint64_t calls = 0;
	int status;
	pid_t thread;

	if (!trace(watch->producer) || !trace(watch->dispatcher)) {
		bar_note(run, "ptrace: %s", strerror(errno));
		return -1;
	}
	set_phase(watch, GO);
	while (phase_of(watch) != DONE) {
		machine_sleep_ns(5000000);
		while ((thread = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
			if (!WIFSTOPPED(status))
				return -1;
			go_on(run, thread, status, &calls);
		}
	}
	let_go(watch->producer);
	let_go(watch->dispatcher);
	set_phase(watch, RELEASED);
	return (int64_t)calls;
}

static bool
wait_ready(struct watch *watch, pid_t child)
{
	int status;

	while (phase_of(watch) != READY) {
		if (waitpid(child, &status, WNOHANG))
			return false;
		machine_sleep_ns(5000000);
	}
	return true;
}

static bool
watch_child(struct bar_run *run, struct watch *watch, struct bar_round *round)
{
	int64_t calls;
	int status;
	pid_t child = fork();

	if (child < 0)
		return false;
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);       /* it would spin for ever */
		_exit(publisher(watch));
	}
	calls = wait_ready(watch, child) ? count_calls(run, watch) : -1;
	if (calls < 0)
		kill(child, SIGKILL);
	round->value = (double)calls;
	return waitpid(child, &status, 0) == child && !status && calls >= 0;
}

static bool
system_calls(struct bar_run *run, const struct bar *bar)
{
	struct watch *watch = mmap(NULL, sizeof *watch, PROT_READ | PROT_WRITE,
	                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct bar_round round = { .value = 0 };
	bool ok = true;

	if (watch == MAP_FAILED)
		return false;
	watch->open_loop = bar->parameter;
	watch->window_ns = bar_quick(run) ? SECOND / 2 : 2 * SECOND;
	ok = watch_child(run, watch, &round);
	round.raw[0] = (double)watch->events * 1e3 / (double)watch->window_ns;
	/* A rate that was not kept up would make the row easier. */
	if (ok && bar->parameter && round.raw[0] < 0.99) {
		bar_note(run, "only %.3f M events/s of 1 were published", round.raw[0]);
		ok = false;
	}
	if (ok)
		bar_round(run, &round);
	munmap(watch, sizeof *watch);
	return ok;
}

const struct bar bars_quiet[] = {
	{ .name = "idle", .what = "idle process, default bus", .unit = "% of a core",
	  .limit = 0.5, .once = true, .run = idle },
	{ .name = "calls-closed", .what = "system calls in closed loop", .unit = "calls",
	  .limit = 0, .once = true, .run = system_calls, .parameter = 0, .raw = { "M_events/s" } },
	{ .name = "calls-open", .what = "system calls at 1,000,000/s, SPIN", .unit = "calls",
	  .limit = 0, .once = true, .run = system_calls, .parameter = 1, .raw = { "M_events/s" } },
	{ 0 },
};
