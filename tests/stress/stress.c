/* SPDX-License-Identifier: MIT */
/*
 * stress.c - producers, dispatchers and everybody who comes and goes, and the books at the end.
 *
 * The oracle. Every event carries who published it, the publisher's own number (1, 2, 3, ...
 * of what was accepted), its topic, its attributes, and a checksum over a payload of random
 * size. A subscription to ">" is always there, and for each event it requires
 *   the checksum, topic, key, trace and time        else torn, or misrouted
 * and what the pool's MODE promises, else an event is lost, comes twice or out of order:
 *   hold   delivery->sequence and the publisher's number each exactly one more than the last of that source
 *   key    no two events of a key at once; of a key and a source each sequence more than the last; at rest
 *          each sequence once
 *   skip   each sequence in an event or in one gap, in order; the gaps are skipped_behind; a publisher is not
 *          refused while no other pool holds
 * Pools that come and go, of all modes, some behind this one or each other (`after`), require the
 * same from their first event on, and that the pool in front is through with what they get. Guests
 * (churn.c) are called exactly for what was published while they were subscribed, in order, never
 * after `released`, which comes once. Publishers keep books of every call by its outcome, which
 * must be the engine's to the last one. At quiet moments all publishers rest, the bus is flushed,
 * and every identity must hold exactly; then dispatchers may park. At the end the bus closes with
 * nothing undelivered and leaves no thread, file or mapping.
 *
 * Near misses (parks, lanes taken over, refusals, waits that had to wait) are printed, and those
 * that an instance is bound to reach must not be 0: else it tests less than it says.
 *
 * stress WAIT DISPATCHERS MODE PRODUCERS STYLE FENCE RING [toggle]
 */
#include "stress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct stress stress;

static struct source *source[8];

/* -- publishing ------------------------------------------------------------- */

bool
stress_go_on(void)
{
	if (get(&stress.quiet) && !get(&stress.stop)) {
		add(&stress.resting, 1);
		while (get(&stress.quiet) && !get(&stress.stop))
			sleep_ns(50 * MICROSECOND);
		add(&stress.resting, -1);
	}
	return !get(&stress.stop);
}

static void *
run_producer(void *argument)
{
	static const char *const name[] = { "work.a.onward", "work.a.create", "work.b.update",
	                                    "work.c.create", "nobody.but.audit" };
	struct source *own = argument;
	weir_topic topic[5];

	for (int i = 0; i < 5; i++)
		CHECK_OK(weir_topic_open(stress.bus, name[i], &topic[i]));
	while (stress_go_on()) {
		for (uint32_t burst = chance_below(&own->chance, 2000); burst; burst--)
			source_publish(own, topic[chance_below(&own->chance, 5)]);
		sleep_ns(chance_below(&own->chance, 100) * MICROSECOND);
	}
	source_check(own);
	return NULL;
}

/* -- looking ---------------------------------------------------------------- */

/* While events flow: nothing is ever seen that was not committed. */
static void
check_flow(void)
{
	weir_bus_counts all = WEIR_BUS_COUNTS_INIT;
	weir_producer_counts producers = WEIR_PRODUCER_COUNTS_INIT;
	weir_pool_counts pools = WEIR_POOL_COUNTS_INIT;
	weir_subscription_counts subscriptions = WEIR_SUBSCRIPTION_COUNTS_INIT;

	CHECK_OK(weir_pool_get_counts(weir_bus_default_pool(stress.bus), &pools));
	CHECK_OK(weir_bus_get_counts(stress.bus, &all, &producers, NULL, &subscriptions));
	CHECK(pools.seen <= producers.committed, "seen %llu of %llu", (ull)pools.seen,
	      (ull)producers.committed);
	CHECK(subscriptions.ok + subscriptions.failed <= subscriptions.due,
	      "done %llu + %llu of %llu", (ull)subscriptions.ok, (ull)subscriptions.failed,
	      (ull)subscriptions.due);
}

static void
check_flush(void)
{
	uint64_t shown[8];

	for (uint32_t i = 0; i < stress.settings.producers; i++)
		shown[i] = get(&source[i]->shown);
	CHECK_OK(weir_bus_flush(stress.bus, WEIR_FOREVER));
	/* What was accepted by a disabled bus is never handled. */
	for (uint32_t i = 0; i < stress.settings.producers && !stress.settings.toggle; i++)
		handlers_check_flushed(source[i], shown[i]);
}

static weir_producer_counts
producer_counts(void)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;

	CHECK_OK(weir_bus_get_counts(stress.bus, NULL, &counts, NULL, NULL));
	return counts;
}

/* All publishers rest: everything must be exact, and dispatchers have time to fall asleep. */
static void
quiet_moment(void)
{
	weir_producer_counts counts;

	support_phase("coming to rest");
	set(&stress.quiet, 1);
	while (get(&stress.resting) < stress.publishers)
		sleep_ns(20 * MICROSECOND);
	support_phase("flushing at rest");
	CHECK_OK(weir_bus_flush(stress.bus, WEIR_FOREVER));
	books_check(stress.bus);
	counts = producer_counts();
	handlers_check(counts.committed);
	source_check_all(&counts);
	sleep_ns(2 * MILLISECOND);
	set(&stress.quiet, 0);
	support_phase("running");
}

/* Of the producers that stay: those of dispatchers also commit failures, whatever is disabled. */
static uint64_t
committed(void)
{
	weir_producer_counts counts = WEIR_PRODUCER_COUNTS_INIT;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < stress.settings.producers; i++) {
		CHECK_OK(weir_producer_get_counts(source[i]->producer, &counts));
		sum += counts.committed;
	}
	return sum;
}

/* From the return on, a disabled bus commits nothing. */
static void
toggle(void)
{
	uint64_t end = now_ns() + 200 * MILLISECOND, before, after, discarded;

	weir_bus_enable(stress.bus, 0);
	before = committed();
	discarded = producer_counts().discarded;
	do {
		sleep_ns(MILLISECOND);
		after = committed();
		CHECK(after == before, "%llu events of a disabled bus", (ull)(after - before));
	} while (producer_counts().discarded == discarded && now_ns() < end);
	weir_bus_enable(stress.bus, 1);
}

static void
run_for(uint64_t duration)
{
	struct chance chance = chance_begin(3ull << 32);
	uint64_t end = now_ns() + duration;

	support_phase("running");
	for (uint32_t round = 1; now_ns() < end; round++) {
		check_flow();
		if (round % 8 == 0)
			quiet_moment();
		else if (round % 2 && stress.settings.toggle)
			toggle();
		else
			check_flush();
		sleep_ns(chance_below(&chance, 5000) * MICROSECOND);
	}
}

/* -- near misses ------------------------------------------------------------ */

static void
report(uint64_t began)
{
	weir_pool_counts pools = WEIR_POOL_COUNTS_INIT;
	weir_producer_counts producers = producer_counts();

	CHECK_OK(weir_bus_get_counts(stress.bus, NULL, NULL, &pools, NULL));
	printf("%llu events in %.2f s; parks %llu, wakes %llu, steals %llu; refused: full %llu, "
	       "hops %llu, busy %llu; discarded %llu, aborted %llu; guests %llu, waits %llu, that "
	       "waited %llu; sources %llu; quarantines %llu; gaps %llu, skipped %llu, refused %llu; pools %llu, "
	       "behind %llu; late wakes 0, lost 0\n",
	       (ull)pools.seen, (double)(now_ns() - began) / 1e9, (ull)pools.parks,
	       (ull)pools.wakes, (ull)pools.steals, (ull)producers.refused_full,
	       (ull)producers.refused_hops, (ull)producers.refused_busy, (ull)producers.discarded,
	       (ull)producers.aborted, (ull)stress.subscribed, (ull)stress.waits,
	       (ull)stress.waited, (ull)stress.sources, (ull)handlers_quarantines(),
	       (ull)handlers_audit.gaps, (ull)handlers_audit.skipped,
	       (ull)stress.refusals, (ull)stress.pools, (ull)stress.behind);
}

static void
check_reached(void)
{
	const struct settings *s = &stress.settings;
	bool parks = s->wait == WEIR_WAIT_PARK || s->wait == WEIR_WAIT_ADAPTIVE;
	weir_pool_counts first = WEIR_POOL_COUNTS_INIT;
	weir_producer_counts producers = producer_counts();

	CHECK_OK(weir_pool_get_counts(weir_bus_default_pool(stress.bus), &first));
	CHECK(!parks || (first.parks && first.wakes), "never parked or woken");
	CHECK(parks || !first.parks, "parked");
	CHECK(stress.pools, "no pool came and went");
	CHECK(s->ring_size != 4096 || s->mode == MODE_SKIP || producers.refused_full,
	      "a small ring was never full");
	CHECK(s->mode != MODE_SKIP || s->ring_size != 4096 || handlers_audit.gaps, "no gap");
	/* Now and then, when the pool has moved on itself in the very moment. */
	CHECK(stress.refusals <= 2 + handlers_audit.gaps / 64, "refused %llu times, %llu gaps",
	      (ull)stress.refusals, (ull)handlers_audit.gaps);
	CHECK(first.routed < 20000 || producers.refused_hops, "no event went round");
	CHECK(producers.committed < 20000 || (producers.refused_invalid && producers.aborted),
	      "no refusal");
	CHECK(s->style != STYLE_IN_PLACE || producers.refused_busy, "never busy");
	CHECK(!s->toggle || producers.discarded, "nothing discarded");
	CHECK(first.routed < 20000 || handlers_quarantines(), "never quarantined");
	CHECK(stress.waited, "no unsubscribe_wait had to wait");
	CHECK(stress.pools < 64 || s->mode == MODE_SKIP || stress.behind, "no pool was behind");
}

/* -- an instance ------------------------------------------------------------ */

static void
open_bus(void)
{
	struct chance chance = chance_begin(4ull << 32);
	static const uint32_t batch_count[] = { 0, 1, 16 };
	weir_bus_options options = quiet_options();
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;

	/* Few, so that lanes of closed producers are used again, with rings of other sizes. */
	options.producer_count_max = stress.settings.producers + 4;
	options.ring_size = stress.settings.ring_size;
	/* In the build directory: somebody who looks at all counters ten times a second. */
	options.stats_dir = ".";
	options.hop_count_max = HOP_COUNT_MAX;
	options.fence = stress.settings.fence;
	options.clock = (weir_clock)chance_below(&chance, 3);
	pool.wait = stress.settings.wait;
	pool.dispatcher_count = stress.settings.dispatchers;
	pool.batch_count_max = batch_count[chance_below(&chance, 3)];
	pool.order = stress.settings.mode == MODE_KEY ? WEIR_ORDER_KEY : WEIR_ORDER_PRODUCER;
	pool.behind = stress.settings.mode == MODE_SKIP ? WEIR_BEHIND_SKIP : WEIR_BEHIND_HOLD;
	pool.sample_ns = chance_one_in(&chance, 2) ? 1 : 0;
	pool.thread_begin = handlers_thread_begin;
	printf("clock %d, batches of %u, samples after %d ns\n", (int)options.clock, pool.batch_count_max,
	       (int)pool.sample_ns);
	CHECK_OK(weir_bus_open(&options, &pool, &stress.bus));
}

static void
close_bus(void)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;

	support_phase("closing");
	CHECK_OK(weir_bus_close(stress.bus, WEIR_FOREVER, &report));
	CHECK(report.undelivered == 0 && report.delivered == 0, "delivered %llu, undelivered %llu",
	      (ull)report.delivered, (ull)report.undelivered);
	CHECK(get(&stress.released) == stress.subscribed, "released %llu of %llu",
	      (ull)stress.released, (ull)stress.subscribed);
}

static void
run(void)
{
	pthread_t thread[8], churn[CHURN_THREADS];
	uint64_t began = now_ns();
	weir_producer *producer;

	open_bus();
	handlers_begin();
	stress.publishers = stress.settings.producers;
	for (uint32_t i = 0; i < stress.settings.producers; i++) {
		CHECK_OK(weir_producer_open(stress.bus, NULL, &producer));
		source[i] = source_begin(producer);
	}
	for (uint32_t i = 0; i < stress.settings.producers; i++)
		CHECK(pthread_create(&thread[i], NULL, run_producer, source[i]) == 0, "no thread");
	churn_begin(churn);
	run_for(support_duration_ns() * 2 / 5);         /* there are many instances */
	quiet_moment();
	support_phase("stopping");
	set(&stress.stop, 1);
	for (uint32_t i = 0; i < stress.settings.producers; i++) {
		pthread_join(thread[i], NULL);
		weir_producer_close(source[i]->producer);
		source_end(source[i]);
	}
	for (int i = 0; i < CHURN_THREADS; i++)
		pthread_join(churn[i], NULL);
	stress.publishers = 0;
	quiet_moment();
	report(began);
	check_reached();
	close_bus();
}

/* -- settings --------------------------------------------------------------- */

static int
choose(const char *word, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	fprintf(stderr, "stress: what is \"%s\"?\n", word);
	exit(64);
}

static void
take_settings(char **word)
{
	static const char *const waits[] = { "adaptive", "spin", "yield", "poll", "park", NULL };
	static const char *const modes[] = { "hold", "key", "skip", NULL };
	static const char *const styles[] = { "copy", "place", "with", NULL };
	static const char *const fences[] = { "auto", "publisher", NULL };
	static const char *const rings[] = { "default", "small", NULL };

	stress.settings = (struct settings){
		.wait = (weir_wait)choose(word[0], waits),
		.dispatchers = (uint32_t)atoi(word[1]),
		.mode = (enum mode)choose(word[2], modes),
		.producers = (uint32_t)atoi(word[3]),
		.style = (enum style)choose(word[4], styles),
		.fence = (weir_fence)choose(word[5], fences),
		/*
		 * Handlers are slow under a sanitizer, and who flushes waits for some rings full.
		 */
		.ring_size = choose(word[6], rings) ? 4096 : SANITIZED ? 65536 : 0,
		.toggle = word[7] && strcmp(word[7], "toggle") == 0,
	};
}

int
main(int argc, char **argv)
{
	struct holdings before;

	if (argc < 8) {
		fputs("usage: stress WAIT DISPATCHERS MODE PRODUCERS STYLE FENCE RING [toggle]\n",
		      stderr);
		return 64;
	}
	take_settings(argv + 1);
	support_begin("stress");
	before = holdings_take();
	run();
	holdings_check(before, 16);
	return 0;
}
