/* SPDX-License-Identifier: MIT */
/*
 * host_memory.c - the n-th allocation fails, once or from then on, while a host is opened, read
 * again, asked: an error that says so, nothing changed, nothing left, and the host works.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host_rig.h"
#include "module.h"

/* -- malloc of this program and the libraries that it links ------------------------- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

/* Of this thread: how many allocations still succeed; -1: all. for_ever: no later one does
 * either. */
static _Thread_local long left = -1;
static _Thread_local bool for_ever, has_failed;

static bool
fails(void)
{
	if (left < 0)
		return false;
	if (left > 0) {
		left--;
		return false;
	}
	has_failed = true;
	if (!for_ever)
		left = -1;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *memory, size_t size)
{
	return fails() ? NULL : __libc_realloc(memory, size);
}

/* -- what is tried ------------------------------------------------------------------ */

static const char *const modules[] = { "good.so", NULL };

static struct control first, second;
static weir_host *host;

#define HEAD "[bus]\nstats_dir = none\n[control]\nsocket = %%D/c.sock\n[plugins]\npath = %%D\n[pool.p]\n"

static void
write_small(void)
{
	rig_write("host.ini", HEAD "[plugin.a]\nfile = good\ncontrol = %p\n", (void *)&first);
}

static void
write_large(void)
{
	rig_write("host.ini", HEAD "[pool.q]\nafter = p\n[plugin.a]\nfile = good\ncontrol = %p\nseen = %01000d\n"
	          "[plugin.b]\nfile = good\npool = q\ncontrol = %p\n", (void *)&first, 7, (void *)&second);
}

static void
arm(long count, bool ever)
{
	left = count;
	for_ever = ever;
	has_failed = false;
}

static bool
disarm(void)
{
	bool failed = has_failed;

	left = -1;
	has_failed = false;
	return failed;
}

static bool
try_open(long count, bool ever)
{
	weir_status status;
	bool failed;

	write_small();
	arm(count, ever);
	status = rig_open(rig_path("host.ini"), NULL, &host);
	failed = disarm();
	CHECK(status == WEIR_OK || failed, "%s", rig_problem);
	CHECK(status == WEIR_OK || rig_problem[0], "no problem is told");
	if (status == WEIR_OK) {
		rig_publish(host, 3);
		rig_close(host);
	}
	return failed;
}

static bool
try_reload(long count, bool ever)
{
	uint64_t events;
	weir_status status;
	bool failed;

	rig_forget();
	write_small();
	CHECK(rig_open(rig_path("host.ini"), NULL, &host) == WEIR_OK, "%s", rig_problem);
	write_large();
	arm(count, ever);
	status = weir_host_reload(host, rig_problem, sizeof rig_problem);
	failed = disarm();
	CHECK(status == WEIR_OK || (failed && rig_problem[0]), "%s", weir_status_text(status));
	CHECK((status == WEIR_OK) == (weir_host_pool(host, "q") != NULL), "the pool");
	/* Where nothing at all can be had, not even the way back: then that is told. */
	CHECK((status == WEIR_OK) == (first.seen[0] != '\0') ||
	      (ever && rig_logged("cannot be as it was before")), "the settings");
	events = first.events;
	rig_publish(host, 3);
	CHECK(first.events == events + 3, "events");
	/* What could not be done can be done now. */
	CHECK(weir_host_reload(host, rig_problem, sizeof rig_problem) == WEIR_OK, "%s", rig_problem);
	events = second.events;
	rig_publish(host, 3);
	CHECK(second.events == events + 3, "events");
	rig_close(host);
	first.seen[0] = '\0';
	return failed;
}

static bool
try_requests(long count, bool ever)
{
	static const char *const requests[] = { "{\"verb\":\"status\"}", "{\"verb\":\"plugin.list\"}",
		                                "{\"verb\":\"pool.list\"}", "{\"verb\":\"drain\"}", "{\"verb\":7}",
		                                "x" };
	bool failed = false;

	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
		char *answer;

		arm(count, ever);
		answer = weir_host_control(host, requests[i], strlen(requests[i]));
		failed |= disarm();
		CHECK(!answer || answer[0] == '{', "%s", answer);
		free(answer);
	}
	return failed;
}

static void
try_all(const char *phase, bool (*try)(long count, bool ever))
{
	unsigned sites[2] = { 0, 0 };

	support_phase(phase);
	for (int ever = 0; ever < 2; ever++)
		while (try(sites[ever], ever))
			sites[ever]++;
	printf("host_memory: %s: %u allocations, each failed once and for ever\n", phase, sites[0]);
	CHECK(sites[0] > 5, "%u", sites[0]);
}

int
main(void)
{
	struct holdings before;

	support_begin("host_memory");
	rig_begin(modules);
	first = second = (struct control){ .subscriptions = 1 };
	try_open(1 << 20, false);
	before = holdings_take();
	try_all("open", try_open);
	try_all("reload", try_reload);
	holdings_check(before, 400);
	write_small();
	CHECK(rig_open(rig_path("host.ini"), NULL, &host) == WEIR_OK, "%s", rig_problem);
	try_all("requests", try_requests);
	rig_publish(host, 3);
	rig_close(host);
	CHECK(first.late == 0 && second.late == 0 && first.loads == first.unloads, "plugins");
	rig_end();
	return 0;
}
