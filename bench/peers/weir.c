/* SPDX-License-Identifier: MIT */
/*
 * weir.c - weir, through its shared library, with default options but for wait, processors and
 * the size of the rings.
 *
 * Single class: weir_publish() of a struct on the stack, or, with "+place", weir_reserve(), fill,
 * weir_commit() for each event. Batched: weir_publish_many(), or, with "+place", several reserves to
 * a commit. Three consumers are three pools; pipeline and diamond are pools `after` others. Handlers
 * are subscribed by a pattern with a wildcard, failures would be counted, the books must balance.
 *
 * To be fair: a ring has room for no more events than the peers' queues have (a power of two in bytes,
 * so for 256 bytes a few less); "+64k" is for 65,536, as the Disruptor may have them. Threads that
 * share a processor with others are not told to spin but by "spin": which wait is best is for each
 * scenario the same question as with the peers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

#include "team.h"
#include "work.h"

enum { COPY, PLACE };
enum { BATCH_MAX = 256 };

#define PATIENCE 20000000000ull

struct bus {
	weir_bus *bus;
	weir_pool *pools[PEER_CONSUMERS];
	weir_producer *producers[PEER_PRODUCERS];
	weir_topic topics[PEER_TOPICS];
};

static bool
failed(struct peer_load *load, weir_status status)
{
	if (status != WEIR_OK && !load->error)
		load->error = weir_status_text(status);
	return status != WEIR_OK;
}

/* -- handlers --------------------------------------------------------------- */

#define HANDLERS(size) \
	static int \
	closed_##size(const weir_event *event, const weir_delivery *delivery, void *context) \
	{ (void)delivery; work_closed(context, weir_event_data(event), size); return 0; } \
	static int \
	open_##size(const weir_event *event, const weir_delivery *delivery, void *context) \
	{ (void)delivery; work_open(context, weir_event_data(event), size); return 0; }

HANDLERS(8)
HANDLERS(48)
HANDLERS(256)

static weir_handler_fn
handler(const struct peer_load *load)
{
	static const weir_handler_fn closed[] = { closed_8, closed_48, closed_256 };
	static const weir_handler_fn open[] = { open_8, open_48, open_256 };
	const unsigned which = load->size == 8 ? 0 : load->size == 48 ? 1 : 2;

	return load->rate ? open[which] : closed[which];
}

/* -- producers -------------------------------------------------------------- */

WORK_INLINE weir_status
publish(weir_producer *producer, weir_topic topic, uint64_t number, uint64_t due,
        const uint32_t size, bool shares)
{
	uint64_t words[256 / 8];
	weir_status status;

	work_fill(words, size, number);
	if (due)
		words[0] = due;
	while ((status = weir_publish(producer, topic, words, size)) == WEIR_EFULL)
		team_pause_full(shares);
	return status;
}

WORK_INLINE weir_status
place(weir_producer *producer, weir_topic topic, uint64_t number, uint64_t due,
      const uint32_t size, bool shares)
{
	weir_status status;
	void *data;

	while ((status = weir_reserve(producer, topic, NULL, size, &data)) == WEIR_EFULL)
		team_pause_full(shares);
	if (status)
		return status;
	work_fill(data, size, number);
	if (due)
		*(uint64_t *)data = due;
	return weir_commit(producer);
}

WORK_INLINE weir_status
produce_single(struct bus *bus, struct member *me, const uint32_t size, const int variant)
{
	const uint64_t end = team_first(me->load, me->index + 1);
	weir_producer *producer = bus->producers[me->index];
	const bool shares = me->load->producers_share;
	const weir_topic *topics = bus->topics;
	weir_status status = WEIR_OK;

	for (uint64_t i = team_first(me->load, me->index); i < end && !status; i++)
		status = variant == COPY
			? publish(producer, topics[i % PEER_TOPICS], i, 0, size, shares)
			: place(producer, topics[i % PEER_TOPICS], i, 0, size, shares);
	return status;
}

/* A full ring with reservations open needs their commit before it can get room. */
static __attribute__((noinline)) weir_status
make_room(weir_producer *producer, weir_status status, bool shares)
{
	if (status != WEIR_EFULL)
		return status;
	status = weir_commit(producer);
	team_pause_full(shares);
	return status;
}

WORK_INLINE weir_status
produce_batched(struct bus *bus, struct member *me, const uint32_t size)
{
	const uint64_t end = team_first(me->load, me->index + 1);
	weir_producer *producer = bus->producers[me->index];
	const bool shares = me->load->producers_share;
	const uint32_t batch = me->load->batch;
	const weir_topic *topics = bus->topics;
	weir_status status;
	uint32_t open = 0;
	void *data;

	for (uint64_t i = team_first(me->load, me->index); i < end; i++) {
		while ((status = weir_reserve(producer, topics[i % PEER_TOPICS], NULL, size,
		                              &data))) {
			open = 0;
			status = make_room(producer, status, shares);
			if (status)
				return status;
		}
		work_fill(data, size, i);
		if (++open == batch) {
			open = 0;
			status = weir_commit(producer);
			if (status)
				return status;
		}
	}
	return weir_commit(producer);
}

/* Filled beside the ring, and copied there all at once. */
WORK_INLINE weir_status
produce_many(struct bus *bus, struct member *me, const uint32_t size)
{
	const uint64_t end = team_first(me->load, me->index + 1);
	weir_producer *producer = bus->producers[me->index];
	const bool shares = me->load->producers_share;
	const uint32_t batch = me->load->batch < BATCH_MAX ? me->load->batch : BATCH_MAX;
	uint64_t all[BATCH_MAX * 256 / 8];
	weir_item items[BATCH_MAX];
	weir_status status = WEIR_OK;
	uint32_t count;

	for (uint64_t i = team_first(me->load, me->index); i < end && !status; i += count) {
		count = end - i < batch ? (uint32_t)(end - i) : batch;
		for (uint32_t n = 0; n < count; n++) {
			uint64_t *words = &all[n * (size / 8)];

			work_fill(words, size, i + n);
			items[n] = (weir_item){ bus->topics[(i + n) % PEER_TOPICS], size, words };
		}
		while ((status = weir_publish_many(producer, items, count)) == WEIR_EFULL)
			team_pause_full(shares);
	}
	return status;
}

WORK_INLINE weir_status
produce_by_the_clock(struct bus *bus, struct member *me, const uint32_t size, const int variant)
{
	struct pacer pacer = work_pacer(me->load, me->begin_ns);
	weir_producer *producer = bus->producers[0];
	const weir_topic *topics = bus->topics;
	weir_status status = WEIR_OK;

	for (uint64_t i = 0; i < me->load->events && !status; i++) {
		const uint64_t due = work_wait_until_due(&pacer, i);

		status = variant == COPY
			? publish(producer, topics[i % PEER_TOPICS], i, due, size, false)
			: place(producer, topics[i % PEER_TOPICS], i, due, size, false);
	}
	work_end_pacer(&pacer, me->load);
	return status;
}

/* One function for each size and way, so that each has a register allocation of its own. */
#define PRODUCERS(size) \
	static __attribute__((noinline)) weir_status \
	copy_##size(struct bus *bus, struct member *me) \
	{ return produce_single(bus, me, size, COPY); } \
	static __attribute__((noinline)) weir_status \
	place_##size(struct bus *bus, struct member *me) \
	{ return produce_single(bus, me, size, PLACE); } \
	static __attribute__((noinline)) weir_status \
	batched_##size(struct bus *bus, struct member *me) \
	{ return produce_batched(bus, me, size); } \
	static __attribute__((noinline)) weir_status \
	many_##size(struct bus *bus, struct member *me) \
	{ return produce_many(bus, me, size); } \
	static __attribute__((noinline)) weir_status \
	timed_copy_##size(struct bus *bus, struct member *me) \
	{ return produce_by_the_clock(bus, me, size, COPY); } \
	static __attribute__((noinline)) weir_status \
	timed_place_##size(struct bus *bus, struct member *me) \
	{ return produce_by_the_clock(bus, me, size, PLACE); }

PRODUCERS(8)
PRODUCERS(48)
PRODUCERS(256)

static void
produce(struct member *me)
{
	static weir_status (*const ways[][6])(struct bus *bus, struct member *me) = {
		{ copy_8, place_8, timed_copy_8, timed_place_8, batched_8, many_8 },
		{ copy_48, place_48, timed_copy_48, timed_place_48, batched_48, many_48 },
		{ copy_256, place_256, timed_copy_256, timed_place_256, batched_256, many_256 },
	};
	const struct peer_load *load = me->load;
	const unsigned size = load->size == 8 ? 0 : load->size == 48 ? 1 : 2;
	const unsigned single = load->wait->variant + (load->rate ? 2 : 0);
	const unsigned way = load->batch > 1 ? 4u + (load->wait->variant == COPY) : single;

	failed(me->load, ways[size][way](me->context, me));
}

/* -- setting up ------------------------------------------------------------- */

static void
log_errors(void *context, int level, const char *id, const char *text)
{
	(void)context;
	if (level <= 3)
		fprintf(stderr, "weir: %s: %s\n", id, text);
}

static weir_wait
pool_wait(const struct peer_load *load)
{
	if (!strncmp(load->wait->name, "spin", 4))
		return WEIR_WAIT_SPIN;
	return !strncmp(load->wait->name, "yield", 5) ? WEIR_WAIT_YIELD : WEIR_WAIT_ADAPTIVE;
}

/* The power of two of bytes that holds no more than the peers' events. */
static uint32_t
ring_size(const struct peer_load *load)
{
	const uint32_t each = ((uint32_t)sizeof(weir_event) + load->size + 15) & ~15u;
	const uint32_t all = (strstr(load->wait->name, "+64k") ? 65536 : PEER_CAPACITY) * each;
	uint32_t size = 4096;

	while (size * 2 <= all)
		size *= 2;
	return size;
}

static weir_pool_options
pool_options(const struct peer_load *load, char cpu[16])
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;

	snprintf(cpu, 16, "%d", machine_dispatcher_cpu());
	options.wait = pool_wait(load);
	options.cpus = load->split ? cpu : NULL;
	return options;
}

static bool
open_pools(struct bus *bus, struct peer_load *load)
{
	weir_bus_options bus_options = WEIR_BUS_OPTIONS_INIT;
	char cpu[16];
	weir_pool_options options = pool_options(load, cpu);

	bus_options.log = log_errors;
	bus_options.ring_size = ring_size(load);
	if (failed(load, weir_bus_open(&bus_options, &options, &bus->bus)))
		return false;
	bus->pools[0] = weir_bus_default_pool(bus->bus);
	for (uint32_t i = 1; i < load->consumer_count; i++) {
		const bool diamond = load->scenario == PEER_DIAMOND;

		options.after = diamond ? bus->pools : &bus->pools[i - 1];
		options.after_count = load->scenario == PEER_PIPELINE ? 1
		                      : diamond && i == 2 ? 2 : 0;
		if (failed(load, weir_pool_open(bus->bus, &options, &bus->pools[i])))
			return false;
	}
	return true;
}

static bool
open_topics(struct bus *bus, struct peer_load *load)
{
	char name[64];

	for (uint32_t i = 0; i < PEER_TOPICS; i++) {
		snprintf(name, sizeof name, "bench.t%02" PRIu32 ".update", i);
		if (failed(load, weir_topic_open(bus->bus, name, &bus->topics[i])))
			return false;
	}
	return true;
}

static bool
subscribe(struct bus *bus, struct peer_load *load)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;

	for (uint32_t i = 0; i < load->consumer_count; i++) {
		options.pool = bus->pools[i];
		if (failed(load, weir_subscribe(bus->bus, "bench.*.update", handler(load),
		                                &load->consumers[i], &options, &subscription)))
			return false;
	}
	return true;
}

static void *
open_bus(struct peer_load *load)
{
	struct bus *bus = calloc(1, sizeof *bus);

	if (!bus) {
		load->error = "no memory";
		return NULL;
	}
	if (!open_pools(bus, load) || !open_topics(bus, load) || !subscribe(bus, load))
		return NULL;
	for (uint32_t i = 0; i < load->producer_count; i++)
		if (failed(load, weir_producer_open(bus->bus, NULL, &bus->producers[i])))
			return NULL;
	return bus;
}

static bool
run(void *state, struct peer_load *load)
{
	struct team team;

	team_begin(&team, load);
	team_add_producers(&team, produce, state);
	return team_run(&team) && team_wait_for_handlers(load);
}

static void
close_bus(void *state, struct peer_load *load)
{
	weir_bus_counts counts = WEIR_BUS_COUNTS_INIT;
	struct bus *bus = state;

	if (!failed(load, weir_bus_flush(bus->bus, PATIENCE)) &&
	    !failed(load, weir_bus_get_counts(bus->bus, &counts, NULL, NULL, NULL)) && counts.lost)
		load->error = "the books do not balance: lost is not 0";
	for (uint32_t i = 0; i < load->producer_count; i++)
		weir_producer_close(bus->producers[i]);
	failed(load, weir_bus_close(bus->bus, PATIENCE, NULL));
	free(bus);
}

const struct peer peer = {
	.name = "weir",
	.what = "weir: weir_publish, weir_publish_many, or weir_reserve and weir_commit (+place); pools, after",
	.package = "",
	.version = PEER_VERSION,
	.kind = "weir",
	.scenarios = PEER_ALL_SCENARIOS,
	.batches = true,
	.waits = { { "spin", 0, COPY }, { "spin+place", 0, PLACE },
	           { "yield", 0, COPY }, { "yield+place", 0, PLACE },
	           { "yield+64k", 0, COPY }, { "yield+place+64k", 0, PLACE },
	           { "adaptive", 0, COPY }, { "adaptive+place", 0, PLACE } },
	.open = open_bus,
	.run = run,
	.close = close_bus,
};
