/* SPDX-License-Identifier: MIT */
/* team.c - see team.h. */
#include "team.h"

#include <string.h>
#include <time.h>

/* Far longer than any load: then something is lost. */
enum { PATIENCE_S = 20 };

void
team_begin(struct team *team, struct peer_load *load)
{
	memset(team, 0, sizeof *team);
	team->load = load;
}

static void
add(struct team *team, const struct member *member)
{
	team->members[team->count] = *member;
	team->members[team->count].load = team->load;
	team->members[team->count++].team = team;
}

void
team_add_producers(struct team *team, void (*body)(struct member *me), void *context)
{
	for (uint32_t i = 0; i < team->load->producer_count; i++)
		add(team, &(struct member){ .body = body, .context = context, .index = i });
}

void
team_add_consumer(struct team *team, void (*body)(struct member *me), void *context)
{
	uint32_t index = 0;

	for (uint32_t i = 0; i < team->count; i++)
		index += team->members[i].consumes;
	add(team, &(struct member){ .body = body, .context = context, .index = index,
	                            .consumes = true });
}

static void *
start(void *argument)
{
	struct member *me = (struct member *)argument;
	struct team *team = me->team;

	if (me->load->split)
		machine_pin(me->consumes ? machine_dispatcher_cpu() : machine_producer_cpu());
	__atomic_add_fetch(&team->arrived, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&team->arrived, __ATOMIC_ACQUIRE) < team->count)
		sched_yield();
	me->begin_ns = machine_ns();
	me->body(me);
	return NULL;
}

static struct timespec
patience(void)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += PATIENCE_S;
	return end;
}

/* The rest would wait for ever at the barrier: nothing can be given back. */
static bool
failed(struct peer_load *load, const char *error)
{
	if (!load->error)
		load->error = error;
	return false;
}

bool
team_run(struct team *team)
{
	struct peer_load *load = team->load;
	struct timespec end;

	load->begin_ns = UINT64_MAX;
	for (uint32_t i = 0; i < team->count; i++)
		if (pthread_create(&team->members[i].thread, NULL, start, &team->members[i]))
			return failed(load, "no thread");
	end = patience();
	for (uint32_t i = 0; i < team->count; i++) {
		struct member *member = &team->members[i];

		if (pthread_clockjoin_np(member->thread, NULL, CLOCK_MONOTONIC, &end))
			return failed(load, "events were lost: a thread waits for ever");
		if (!member->consumes && member->begin_ns < load->begin_ns)
			load->begin_ns = member->begin_ns;
	}
	return !load->error;
}

bool
team_wait_for_handlers(struct peer_load *load)
{
	uint64_t end = machine_ns() + PATIENCE_S * 1000000000ull;

	for (uint32_t i = 0; i < load->consumer_count; i++)
		while (!__atomic_load_n(&load->consumers[i].end_ns, __ATOMIC_ACQUIRE)) {
			if (machine_ns() > end)
				return failed(load, "events were lost: a handler waits for ever");
			machine_sleep_ns(200000);
		}
	return true;
}
