/* SPDX-License-Identifier: MIT */
/*
 * bars_pools.c - rows about several pools on one ring: what a slow, a stuck and a third one cost
 * the others, and what a second dispatcher brings.
 *
 * The rig's pool, which spins on the dispatchers' processor, is "the first".
 */
#include <inttypes.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bars.h"
#include "checked.h"
#include "load.h"
#include "paced.h"
#include "stats.h"
#include "yardstick.h"

enum { SIZE = 48, WARM = 10000, EACH_COUNT_MAX = 500000 };
#define SECOND 1000000000ull
#define PATIENCE (10 * SECOND)

/* -- a pool that is slow ---------------------------------------------------- */

enum { SLOW_RING = 64 << 20, SLOW_NS = 1000000, GAP_NS = 1000 };

struct stream {
	struct paced paced;
	_Alignas(MACHINE_LINE) uint64_t slow_handled;   /* the slow pool's */
	_Alignas(MACHINE_LINE) struct rig *rig;
	weir_pool *slow;
};

static int
be_slow(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct stream *stream = context;

	(void)event;
	(void)delivery;
	machine_sleep_ns(SLOW_NS);
	stream->slow_handled++;
	return 0;
}

/* It is told to close at once: what it did and what it did not must be all there was. */
static bool
close_slow(struct stream *stream)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	weir_status status = weir_pool_close(stream->slow, SLOW_NS, &report);

	if (status == WEIR_ETIMEDOUT && stream->slow_handled &&
	    stream->slow_handled + report.undelivered == stream->paced.count)
		return true;
	fprintf(stderr, "slow pool: %s, of %" PRIu64 " handled %" PRIu64 ", undelivered %" PRIu64
	        "\n", weir_status_text(status), stream->paced.count, stream->slow_handled,
	        report.undelivered);
	return false;
}

static bool
run_stream(struct stream *stream, bool with_slow)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	bool ok;

	options.wait = WEIR_WAIT_PARK;
	if (with_slow && !rig_add_pool(stream->rig, &options, "bench.*.update", be_slow, stream,
	                               &stream->slow))
		return false;
	ok = paced_send(stream->rig, stream->paced.count, GAP_NS) &&
	     !rig_failed(weir_pool_flush(weir_bus_default_pool(stream->rig->bus), PATIENCE),
	                 "weir_pool_flush");
	if (with_slow && !close_slow(stream))
		ok = false;
	return ok && stream->paced.handled == stream->paced.count;
}

/* Nanoseconds until the first pool's handler, median; below 0 on failure. */
static double
p50_ns(double *late, uint64_t count, bool with_slow)
{
	struct stream stream = { .paced = { .late = late, .count = count } };
	struct rig_options options = { .handler = paced_handle, .context = &stream.paced,
		                       .ring_size = SLOW_RING };
	bool ok;

	stream.rig = rig_open(&options);
	if (!stream.rig)
		return -1;
	ok = run_stream(&stream, with_slow);
	if (!rig_close(stream.rig) || !ok)
		return -1;
	stats_sort(late, count);
	return stats_quantile(late, count, 0.5) * machine_ns_per_tick();
}

static bool
slow_pool(struct bar_run *run, const struct bar *bar)
{
	const uint64_t count = bar_quick(run) ? EACH_COUNT_MAX / 5 : EACH_COUNT_MAX;
	double *late = calloc(count, sizeof *late);
	struct bar_round round = { 0 };

	(void)bar;
	do {
		if (!late)
			return false;
		round.line_before = checked_ns(yardstick_line_ns());
		round.raw[0] = p50_ns(late, count, false);
		round.raw[1] = p50_ns(late, count, true);
		round.raw[3] = stats_quantile(late, count, 0.99) * machine_ns_per_tick();
		round.raw[2] = p50_ns(late, count, false);
		round.line_after = checked_ns(yardstick_line_ns());
		if (round.raw[0] <= 0 || round.raw[1] <= 0 || round.raw[2] <= 0)
			return false;
		round.value = round.raw[1] / ((round.raw[0] + round.raw[2]) / 2);
	} while (bar_round(run, &round));
	free(late);
	return true;
}

/* -- options that this library may not have --------------------------------- */

static void
say_nothing(void *context, int level, const char *id, const char *text)
{
	(void)context;
	(void)level;
	(void)id;
	(void)text;
}

/* False after a note: the row cannot be measured. */
static bool
can_open(struct bar_run *run, const weir_pool_options *options)
{
	weir_bus_options quiet = WEIR_BUS_OPTIONS_INIT;
	weir_status status;
	weir_pool *pool;
	weir_bus *bus;

	quiet.log = say_nothing;
	if (rig_failed(weir_bus_open(&quiet, NULL, &bus), "weir_bus_open"))
		return false;
	status = weir_pool_open(bus, options, &pool);
	weir_bus_close(bus, PATIENCE, NULL);
	if (status)
		bar_note(run, "could not be measured: weir_pool_open: %s",
		         weir_status_text(status));
	return status == WEIR_OK;
}

/* -- a pool that may fall behind, and is stuck ------------------------------ */

/* What the stuck pool saw once it was let go: every event of the one producer, or a gap there. */
struct skipper {
	sem_t entered, gate;
	uint64_t handled, skipped, next, wrong;
	weir_pool *pool;
};

static int
be_stuck(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct skipper *skipper = context;

	(void)event;
	if (!skipper->handled++) {
		sem_post(&skipper->entered);
		while (sem_wait(&skipper->gate))
			;
		skipper->next = delivery->sequence;
	}
	skipper->wrong += delivery->sequence != skipper->next++;
	return 0;
}

static int
note_gap(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_gap *gap = weir_event_data(event);
	struct skipper *skipper = context;

	skipper->wrong += gap->sequence_first != skipper->next ||
	                  gap->sequence_last < gap->sequence_first ||
	                  gap->sequence_last != delivery->sequence;
	skipper->skipped += gap->sequence_last - gap->sequence_first + 1;
	skipper->next = gap->sequence_last + 1;
	return 0;
}

static bool
begin_stuck(struct skipper *skipper, struct rig *rig, const weir_pool_options *options)
{
	weir_subscription_options gaps = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription id;

	sem_init(&skipper->entered, 0, 0);
	sem_init(&skipper->gate, 0, 0);
	if (!rig_add_pool(rig, options, "bench.*.update", be_stuck, skipper, &skipper->pool))
		return false;
	gaps.pool = skipper->pool;
	if (rig_failed(weir_subscribe(rig->bus, "weir.gap", note_gap, skipper, &gaps, &id),
	               "weir_subscribe") ||
	    !load_run(rig, LOAD_COPY, SIZE, 1))
		return false;
	while (sem_wait(&skipper->entered))
		;
	return true;
}

/* Let it go: the gaps that it is told of add up to what it skipped. */
static bool
end_stuck(struct skipper *skipper)
{
	weir_pool_counts counts = WEIR_POOL_COUNTS_INIT;

	sem_post(&skipper->gate);
	if (rig_failed(weir_pool_flush(skipper->pool, PATIENCE), "weir_pool_flush") ||
	    rig_failed(weir_pool_get_counts(skipper->pool, &counts), "the counts"))
		return false;
	if (counts.skipped_behind && counts.skipped_behind == skipper->skipped &&
	    counts.seen == skipper->handled + skipper->skipped && !skipper->wrong)
		return true;
	fprintf(stderr, "seen %" PRIu64 ", handled %" PRIu64 ", skipped %" PRIu64
	        ", in gaps %" PRIu64 ", out of order %" PRIu64 "\n", counts.seen,
	        skipper->handled, counts.skipped_behind, skipper->skipped, skipper->wrong);
	return false;
}

/*
 * Two children, one with a stuck pool and one without, take turns: who waits is stopped, so the
 * dispatcher that spins in it takes no processor, and the stuck one stays stuck.
 */
struct turns {
	uint64_t turn_ns;
	double rate;            /* of the last turn, in M events/s; below 0 after a failure */
	uint32_t over;
	pid_t child;
};

static double
load_for(struct rig *rig, uint64_t ns)
{
	uint64_t begun = machine_ns(), events = 0;

	do {
		if (!load_run(rig, LOAD_COPY, SIZE, WARM))
			return -1;
		events += WARM;
	} while (machine_ns() - begun < ns);
	if (!rig_settle(rig))
		return -1;
	return (double)events * 1e3 / (double)(machine_ns() - begun);
}

static bool
take_turns(struct turns *turns, const weir_pool_options *stuck)
{
	struct skipper skipper = { 0 };
	struct rig *rig = rig_open(NULL);
	bool ok;

	if (!rig)
		return false;
	ok = !stuck || begin_stuck(&skipper, rig, stuck);
	while (ok && !raise(SIGSTOP) && !turns->over) {
		turns->rate = load_for(rig, turns->turn_ns);
		ok = turns->rate > 0;
	}
	if (ok && stuck)
		ok = end_stuck(&skipper);
	return rig_close(rig) && ok;
}

/* Returns when the child has had its turn, or has set itself up. */
static bool
wait_for_turn(const struct turns *turns)
{
	int status;

	return waitpid(turns->child, &status, WUNTRACED) == turns->child && WIFSTOPPED(status);
}

static struct turns *
begin_turns(uint64_t turn_ns, const weir_pool_options *stuck)
{
	struct turns *turns = mmap(NULL, sizeof *turns, PROT_READ | PROT_WRITE,
	                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	if (turns == MAP_FAILED)
		return NULL;
	turns->turn_ns = turn_ns;
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(!take_turns(turns, stuck));
	}
	turns->child = child;
	return child > 0 && wait_for_turn(turns) ? turns : NULL;
}

static double
one_turn(struct turns *turns)
{
	kill(turns->child, SIGCONT);
	return wait_for_turn(turns) ? turns->rate : -1;
}

static bool
end_turns(struct turns *turns)
{
	int status;

	turns->over = 1;
	kill(turns->child, SIGCONT);
	return waitpid(turns->child, &status, 0) == turns->child && !status;
}

static bool
skip(struct bar_run *run, const struct bar *bar)
{
	const uint64_t turn_ns = bar_quick(run) ? SECOND / 10 : 2 * SECOND / 3;
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	struct bar_round round = { 0 };
	struct turns *with, *without;

	(void)bar;
	options.behind = WEIR_BEHIND_SKIP;
	options.wait = WEIR_WAIT_PARK;
	if (!can_open(run, &options))
		return false;
	with = begin_turns(turn_ns, &options);
	without = begin_turns(turn_ns, NULL);
	if (!with || !without)
		return false;
	do {
		round.line_before = checked_ns(yardstick_line_ns());
		round.raw[0] = one_turn(without);
		round.raw[1] = one_turn(with);
		round.raw[2] = one_turn(without);
		round.line_after = checked_ns(yardstick_line_ns());
		if (round.raw[0] <= 0 || round.raw[1] <= 0 || round.raw[2] <= 0)
			return false;
		round.value = round.raw[1] / ((round.raw[0] + round.raw[2]) / 2);
	} while (bar_round(run, &round));
	return end_turns(with) && end_turns(without);
}

/* -- three pools ------------------------------------------------------------ */

enum { POOLS = 3 };

struct more_pools {
	struct {
		_Alignas(MACHINE_LINE) uint64_t sum;
	} of[POOLS - 1];
};

static bool
add_pools(struct rig *rig, struct more_pools *more, weir_wait wait)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	weir_pool *pool;
	char cpu[16];

	snprintf(cpu, sizeof cpu, "%d", machine_dispatcher_cpu());
	options.cpus = cpu;
	options.wait = wait;
	for (int i = 0; i < POOLS - 1; i++)
		if (!rig_add_pool(rig, &options, "bench.*.update", rig_sum, &more->of[i].sum,
		                  &pool))
			return false;
	return true;
}

/* Seconds until the last event has reached every pool; below 0 on failure. */
static double
multicast_timed(struct rig *rig, const struct more_pools *more, uint64_t events)
{
	uint64_t begun = machine_ns();

	if (load_timed(rig, LOAD_COPY, SIZE, events) <= 0)
		return -1;
	for (int i = 0; i < POOLS - 1; i++)
		while (__atomic_load_n(&more->of[i].sum, __ATOMIC_RELAXED) != rig->expected) {
			machine_pause(64);
			if (machine_ns() - begun > PATIENCE)
				return -1;
		}
	return (double)(machine_ns() - begun) / 1e9;
}

static double
multicast_ns(weir_wait wait, uint64_t events)
{
	struct rig_options options = { .wait = wait };
	struct rig *rig = rig_open(&options);
	struct more_pools more = { 0 };
	double seconds = -1;

	if (!rig)
		return -1;
	if (add_pools(rig, &more, wait) && multicast_timed(rig, &more, WARM) > 0)
		seconds = multicast_timed(rig, &more, events);
	return rig_close(rig) && seconds > 0 ? seconds * 1e9 / (double)events : -1;
}

static double
three_pools_ns(uint64_t events)
{
	return multicast_ns(WEIR_WAIT_YIELD, events);
}

static double
one_pool_ns(uint64_t events)
{
	return load_event_ns(NULL, LOAD_COPY, events);
}

static bool
multicast(struct bar_run *run, const struct bar *bar)
{
	(void)bar;
	return bar_between(run, one_pool_ns, three_pools_ns);
}

/* -- keys over two dispatchers ---------------------------------------------- */

enum { KEY_RING = 16 << 20, KEYS = 4096, WORK_NS = 500, DISPATCHERS = 2 };

/*
 * The dispatchers have both processors, one each, so all is published first, while the gate is shut. Left
 * to the kernel, in half of the rounds both begin on one of them, for 11 to 25 ms of the 28.
 */
struct drain {
	_Alignas(MACHINE_LINE) uint32_t open;
	uint64_t work_ticks;
	struct {
		_Alignas(MACHINE_LINE) uint64_t handled, sum, first, last;
	} by[DISPATCHERS];
};

static __thread uint32_t dispatcher_index;

static void
settle(void *context, uint32_t dispatcher)
{
	(void)context;
	dispatcher_index = dispatcher;
	machine_pin(dispatcher ? machine_producer_cpu() : machine_dispatcher_cpu());
}

static int
work(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const uint64_t *number = weir_event_data(event);
	struct drain *drain = context;
	uint64_t begun, now;

	(void)delivery;
	while (!__atomic_load_n(&drain->open, __ATOMIC_ACQUIRE))
		machine_sleep_ns(100000);
	begun = machine_ticks();
	do
		now = machine_ticks();
	while (now - begun < drain->work_ticks);
	if (!drain->by[dispatcher_index].handled++)
		drain->by[dispatcher_index].first = begun;
	drain->by[dispatcher_index].sum += *number;
	drain->by[dispatcher_index].last = now;
	return 0;
}

static bool
fill_with_keys(struct rig *rig, uint64_t events)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	uint64_t words[SIZE / 8] = { 0 };

	attributes.flags = WEIR_ATTRIBUTE_KEY;
	for (uint64_t i = 0; i < events; i++) {
		words[0] = i;
		attributes.key = i % KEYS;
		if (rig_failed(weir_publish_with(rig->producer, rig->topics[i % 64], &attributes,
		                                 words, sizeof words),
		               "weir_publish_with"))
			return false;
	}
	return true;
}

/* Nanoseconds for an event, from the first call to the last; below 0 if one was lost. */
static double
drained_ns(const struct drain *drain, uint64_t events)
{
	uint64_t handled = 0, sum = 0, first = UINT64_MAX, last = 0;

	for (int i = 0; i < DISPATCHERS; i++) {
		handled += drain->by[i].handled;
		sum += drain->by[i].sum;
		if (drain->by[i].handled && drain->by[i].first < first)
			first = drain->by[i].first;
		if (drain->by[i].last > last)
			last = drain->by[i].last;
	}
	if (handled != events || sum != events * (events - 1) / 2)
		return -1;
	return (double)(last - first) * machine_ns_per_tick() / (double)events;
}

static double
key_ns(weir_order order, uint32_t dispatchers, uint64_t events)
{
	struct drain drain = {
		.work_ticks = (uint64_t)(WORK_NS / machine_ns_per_tick())
	};
	struct rig_options options = {
		.handler = work, .context = &drain, .thread_begin = settle, .unpinned = true,
		.wait = WEIR_WAIT_PARK, .order = order, .dispatcher_count = dispatchers,
		.ring_size = KEY_RING
	};
	struct rig *rig = rig_open(&options);
	bool ok;

	if (!rig)
		return -1;
	ok = fill_with_keys(rig, events);
	__atomic_store_n(&drain.open, 1, __ATOMIC_RELEASE);
	machine_sleep_ns(events * WORK_NS / dispatchers);       /* asking takes processor time */
	if (!rig_close(rig) || !ok)
		return -1;
	return drained_ns(&drain, events);
}

static bool
keys(struct bar_run *run, const struct bar *bar)
{
	const uint64_t events = bar_quick(run) ? 20000 : 100000;
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	struct bar_round round = { 0 };

	(void)bar;
	options.order = WEIR_ORDER_KEY;
	options.dispatcher_count = DISPATCHERS;
	options.wait = WEIR_WAIT_PARK;
	if (!can_open(run, &options))
		return false;
	do {
		round.raw[0] = key_ns(WEIR_ORDER_PRODUCER, 1, events);
		round.raw[1] = key_ns(WEIR_ORDER_KEY, 1, events);
		round.raw[2] = key_ns(WEIR_ORDER_KEY, DISPATCHERS, events);
		if (round.raw[0] <= 0 || round.raw[1] <= 0 || round.raw[2] <= 0)
			return false;
		round.value = (round.raw[0] < round.raw[1] ? round.raw[0] : round.raw[1]) /
		              round.raw[2];
	} while (bar_round(run, &round));
	return true;
}

const struct bar bars_pools[] = {
	{ .name = "slow-pool", .what = "p50 at 1,000,000/s beside a pool of 1 ms a call",
	  .unit = "x without it", .limit = 1.1, .run = slow_pool,
	  .raw = { "p50_ns_before", "p50_ns_with", "p50_ns_after", "p99_ns_with" } },
	{ .name = "skip", .what = "throughput beside a stuck pool that may skip",
	  .unit = "x without it", .limit = 0.9, .at_least = true, .run = skip,
	  .raw = { "M/s_before", "M/s_with", "M/s_after", NULL } },
	{ .name = "multicast-3", .what = "three pools get each event, two processors",
	  .unit = "x one pool", .limit = 3.5, .run = multicast,
	  .raw = { "1_pool_ns_before", "3_pools_ns", "1_pool_ns_after", NULL } },
	{ .name = "key-2", .what = "order by key, 500 ns a call, 2 dispatchers",
	  .unit = "x one dispatcher", .limit = 1.7, .at_least = true, .run = keys,
	  .raw = { "by_producer_1_ns", "by_key_1_ns", "by_key_2_ns", NULL } },
	{ 0 },
};
