/* SPDX-License-Identifier: MIT */
/*
 * fault_journal_full.c - the disk fills and is freed again and again while events flow, through a bus;
 *                        and synchronizations fail.
 *
 * Hold: producers get WEIR_EFULL, and the pool behind handles nothing that is not recorded; drop: it
 * goes on, and rows tell of exactly what is missing. What is given up at the end is counted.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/journal.h>

#include "look.h"
#include "script.h"
#include "shim.h"
#include "support.h"

enum { EVENTS = 8000, PRODUCERS = 2 };

static struct script place;
static weir_bus *bus;
static weir_pool *pool, *behind;
static weir_journal *journal;
static weir_topic topic;
static bool holds;
static uint64_t handled, unrecorded, refused, published;
static int closing;

static void
ignore(void *context, int level, const char *id, const char *text)
{
	(void)context, (void)level, (void)id, (void)text;
}

/* The journal's counts are of what is committed: what is handled here must be among it. */
static int
handle_behind(const weir_event *event, const weir_delivery *delivery, void *context)
{
	weir_journal_counts counts = WEIR_JOURNAL_COUNTS_INIT;

	(void)event, (void)delivery, (void)context;
	set(&handled, handled + 1);
	if (!get(&closing) && (handled % 16 == 0 || holds)) {
		CHECK_OK(weir_journal_get_counts(journal, &counts));
		if (handled > counts.events)
			unrecorded++;
	}
	return 0;
}

static void
open_all(weir_journal_on_error on_error, weir_journal_durability durability, uint32_t dispatchers)
{
	weir_bus_options options = quiet_options();
	weir_pool_options pool_options = WEIR_POOL_OPTIONS_INIT;
	weir_journal_options journal_options = WEIR_JOURNAL_OPTIONS_INIT;
	weir_subscription_options behind_options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;

	shim_reset(0);
	script_begin(&place, WI_DURABILITY_BATCHED);
	options.ring_size = 8 * 1024;
	CHECK_OK(weir_bus_open(&options, NULL, &bus));
	pool_options.dispatcher_count = dispatchers;
	pool_options.stuck_after_ns = 60 * SECOND;
	CHECK_OK(weir_pool_open(bus, &pool_options, &pool));
	pool_options.dispatcher_count = 1;
	pool_options.after = &pool;
	pool_options.after_count = 1;
	CHECK_OK(weir_pool_open(bus, &pool_options, &behind));
	journal_options.path = place.path;
	journal_options.pool = pool;
	journal_options.on_error = on_error;
	journal_options.durability = durability;
	journal_options.rotate_size = 400 * 1024;
	journal_options.checkpoint_pages = 30;
	journal_options.log = ignore;
	CHECK_OK(weir_journal_open(bus, &journal_options, &journal));
	behind_options.pool = behind;
	CHECK_OK(weir_subscribe(bus, ">", handle_behind, NULL, &behind_options, &subscription));
	CHECK_OK(weir_topic_open(bus, "order.after.create", &topic));
	holds = on_error == WEIR_JOURNAL_HOLD;
	handled = unrecorded = refused = published = 0;
}

static weir_journal_counts
counts_of_journal(void)
{
	weir_journal_counts counts = WEIR_JOURNAL_COUNTS_INIT;

	CHECK_OK(weir_journal_get_counts(journal, &counts));
	return counts;
}

static void *
run_producer(void *argument)
{
	weir_producer *producer;

	(void)argument;
	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	for (uint64_t i = 0; i < EVENTS;) {
		uint64_t payload[10] = { i };
		weir_status status = weir_publish(producer, topic, payload, sizeof payload);

		CHECK(status == WEIR_OK || status == WEIR_EFULL, "%s", weir_status_text(status));
		if (status == WEIR_OK) {
			add(&published, 1);
			i++;
		} else {
			add(&refused, 1);
			sleep_ns(20 * MICROSECOND);
		}
	}
	weir_producer_close(producer);
	return NULL;
}

/* -- the rows --------------------------------------------------------------- */

struct sums {
	uint64_t events, missing;
};

static void
sum(void *context, const struct wi_row *row)
{
	struct sums *sums = context;
	char text[400], *count;

	sums->events += row->kind == WI_ROW_EVENT;
	if (row->kind != WI_ROW_GAP)
		return;
	snprintf(text, sizeof text, "%.*s", (int)row->size, (const char *)row->payload);
	count = strstr(text, "\"count\":");
	CHECK(count && (strstr(text, "full") || strstr(text, "I/O")), "%s", text);
	sums->missing += strtoull(count + 8, NULL, 10);
}

static struct sums
sum_up(void)
{
	struct sums sums = { 0 };
	struct look look = look_at_journal(place.path, sum, &sums);

	CHECK(look_is_good(&look), "broken %llu, holes %llu, loose %llu, unreadable %llu of %llu, linked %d",
	      (ull)look.broken, (ull)look.holes, (ull)look.loose, (ull)look.unreadable, (ull)look.files,
	      look.linked);
	return sums;
}

/* -- fill and free ---------------------------------------------------------- */

/* Until both producers are through; each time until the journal has noticed. */
static uint64_t
fill_and_free(void)
{
	struct chance chance = chance_begin(3);
	uint64_t times = 0;

	while (get(&published) < PRODUCERS * EVENTS) {
		uint64_t failures = counts_of_journal().failures, before = get(&refused);

		set(&shim->full, 1);
		while (counts_of_journal().failures == failures &&
		       get(&published) < PRODUCERS * EVENTS)
			sleep_ns(100 * MICROSECOND);
		if (holds && counts_of_journal().failures > failures) {
			CHECK(counts_of_journal().code, "holds, and says that it is well");
			if (get(&published) < PRODUCERS * EVENTS - 2000)
				wait_for(&refused, before + 10, "WEIR_EFULL");
		}
		sleep_ns(chance_below(&chance, 3000) * MICROSECOND);
		set(&shim->full, 0);
		times++;
		while (counts_of_journal().code && get(&published) < PRODUCERS * EVENTS)
			sleep_ns(MILLISECOND);
		sleep_ns(chance_below(&chance, 6000) * MICROSECOND);
	}
	return times;
}

/*
 * One synchronization fails, again and again: the commit has failed, and its rows are in the log. They
 * are found when it is opened anew, and are neither missing nor there twice.
 */
static uint64_t
fail_syncs(void)
{
	struct chance chance = chance_begin(4);
	uint64_t times = 0;

	set(&shim->kinds, SHIM_SYNC);
	while (get(&published) < PRODUCERS * EVENTS) {
		uint64_t failed = get(&shim->failed), next = get(&shim->calls) + 2;

		set(&shim->fail_until, next);
		set(&shim->fail_at, next);
		while (get(&shim->failed) == failed && get(&shim->calls) < next &&
		       get(&published) < PRODUCERS * EVENTS)
			sleep_ns(50 * MICROSECOND);
		times++;
		while (counts_of_journal().code && get(&published) < PRODUCERS * EVENTS)
			sleep_ns(MILLISECOND);
		sleep_ns(chance_below(&chance, 4000) * MICROSECOND);
	}
	shim_reset(0);
	return times;
}

/* The next rows after a gap are those that tell of it. */
static void
check_told(void)
{
	weir_producer *producer;

	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	CHECK_OK(weir_publish(producer, topic, "last", 5));
	CHECK_OK(weir_bus_flush(bus, 20 * SECOND));
	weir_producer_close(producer);
	CHECK(sum_up().missing == counts_of_journal().dropped, "%llu dropped, rows tell of %llu",
	      (ull)counts_of_journal().dropped, (ull)sum_up().missing);
}

static void
run(weir_journal_on_error on_error, uint32_t dispatchers, uint64_t (*fail)(void))
{
	weir_journal_durability durability = fail == fail_syncs ? WEIR_JOURNAL_COMMIT :
	                                                          WEIR_JOURNAL_BATCHED;
	pthread_t threads[PRODUCERS];
	weir_journal_counts counts;
	struct sums sums;
	uint64_t times;
	weir_status status;

	support_phase(on_error == WEIR_JOURNAL_HOLD ? "holding" : "dropping");
	open_all(on_error, durability, dispatchers);
	for (int i = 0; i < PRODUCERS; i++)
		CHECK(pthread_create(&threads[i], NULL, run_producer, NULL) == 0, "no thread");
	times = fail();
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	CHECK_OK(weir_bus_flush(bus, 20 * SECOND));
	check_told();
	counts = counts_of_journal();
	CHECK(handled == PRODUCERS * EVENTS + 1, "%llu handled behind", (ull)handled);
	CHECK(counts.events + counts.dropped == PRODUCERS * EVENTS + 1, "recorded %llu, dropped %llu",
	      (ull)counts.events, (ull)counts.dropped);
	if (on_error == WEIR_JOURNAL_HOLD)
		CHECK(!unrecorded && !counts.dropped, "%llu handled unrecorded, %llu dropped",
		      (ull)unrecorded, (ull)counts.dropped);
	else if (fail == fill_and_free)
		CHECK(counts.dropped, "nothing was dropped");
	books_check(bus);
	status = weir_journal_close(journal, 10 * SECOND);
	CHECK(status == (counts.dropped ? WEIR_EIO : WEIR_OK), "%s", weir_status_text(status));
	CHECK_OK(weir_bus_close(bus, 10 * SECOND, NULL));
	sums = sum_up();
	CHECK(sums.events == counts.events && sums.missing == counts.dropped,
	      "rows say %llu recorded and %llu missing; counted %llu and %llu", (ull)sums.events,
	      (ull)sums.missing, (ull)counts.events, (ull)counts.dropped);
	printf("%s, %u dispatchers: failed %llu times, %llu writes failed, %llu x WEIR_EFULL, %llu recorded, "
	       "%llu dropped\n", holds ? "hold" : "drop", dispatchers, (ull)times,
	       (ull)counts.failures, (ull)refused, (ull)counts.events, (ull)counts.dropped);
	script_end(&place);
}

/* Closing ends the hold: what is not recorded is given up, and everything else ends as it should. */
static void
run_closed(void)
{
	weir_journal_counts counts;
	weir_producer *producer;
	uint64_t start, payload[10] = { 0 };
	uint64_t accepted = 0;

	support_phase("closing while it holds");
	open_all(WEIR_JOURNAL_HOLD, WEIR_JOURNAL_BATCHED, 1);
	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	CHECK_OK(weir_publish(producer, topic, payload, sizeof payload));
	CHECK_OK(weir_bus_flush(bus, 10 * SECOND));
	set(&shim->full, 1);
	while (weir_publish(producer, topic, payload, sizeof payload) == WEIR_OK)
		accepted++;
	while (!counts_of_journal().holding_since)
		sleep_ns(MILLISECOND);
	counts = counts_of_journal();
	CHECK(get(&handled) == 1 && counts.events == 1, "handled %llu", (ull)get(&handled));
	start = now_ns();
	/* What it gives up comes to those behind it, who must not ask it any more. */
	set(&closing, 1);
	CHECK_STATUS(WEIR_EIO, weir_journal_close(journal, 100 * MILLISECOND));
	CHECK(now_ns() - start < 5 * SECOND, "closing took %llu ms", (ull)(now_ns() - start) / 1000000);
	CHECK_OK(weir_bus_flush(bus, 10 * SECOND));
	books_check(bus);
	weir_producer_close(producer);
	CHECK_OK(weir_bus_close(bus, 10 * SECOND, NULL));
	CHECK(sum_up().events == 1, "rows");
	printf("closed while it held: %llu events were given up\n", (ull)accepted);
	script_end(&place);
}

int
main(void)
{
	support_begin("fault_journal_full");
	shim_begin();
	run(WEIR_JOURNAL_HOLD, 1, fill_and_free);
	run(WEIR_JOURNAL_HOLD, 2, fill_and_free);
	run(WEIR_JOURNAL_DROP, 1, fill_and_free);
	run(WEIR_JOURNAL_DROP, 2, fill_and_free);
	run(WEIR_JOURNAL_HOLD, 1, fail_syncs);
	run(WEIR_JOURNAL_DROP, 1, fail_syncs);
	run_closed();
	return 0;
}
