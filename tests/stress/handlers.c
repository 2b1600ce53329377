/* SPDX-License-Identifier: MIT */
/*
 * handlers.c - the subscriptions that are always there, first of all the audit.
 *
 * What is written here by handlers is plain memory, one word for each dispatcher.
 */
#include "stress.h"

struct audit handlers_audit;

/* By id: the last number that was handled or skipped; with MODE_KEY how many were. */
static uint64_t handled[SOURCE_MAX];

/* Each on a line of its own: a dispatcher's. */
static struct own {
	_Alignas(128) uint64_t failed, batched, owed, batch_ends, batch_failures;
	uint64_t failure_events, told, moody, moody_failed;
	struct source *source;
} own[DISPATCHER_MAX];
static __thread uint32_t dispatcher;

static weir_topic topic_onward;
static weir_subscription audit_id, fail_id, batch_id, moody_id;

/* -- the audit -------------------------------------------------------------- */

static int
audit(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct payload *payload = audit_event(&handlers_audit, event, delivery);

	(void)context;
	if (stress.settings.mode == MODE_KEY)
		add(&handled[payload->id], 1);
	else
		set(&handled[payload->id], payload->number);
	/* So that it falls behind. */
	if (stress.settings.mode == MODE_SKIP && delivery->sequence % 1024 == 0)
		sleep_ns(MILLISECOND);
	return 0;
}

/*
 * The bus's own events take numbers of the dispatchers' sequences: those that are no gap tell of
 * failures.
 */
static int
audit_own(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_failure *failure = weir_event_data(event);
	uint32_t skipped = audit_own_event(&handlers_audit, event, delivery);

	(void)context;
	/*
	 * Of a producer that the test opened each event has the number that it is of its sequence.
	 */
	if (skipped)
		set(&handled[skipped], delivery->sequence);
	if (weir_event_topic(event).id == stress.topic_gap.id)
		return 0;
	CHECK(event->size == failure->size + failure->payload_copied,
	      "a failure of %u bytes, %u copied", event->size, failure->payload_copied);
	CHECK(failure->count > 0 && failure->source < SOURCE_MAX, "%llu failures of source %u",
	      (ull)failure->count, failure->source);
	own[dispatcher].failure_events++;
	own[dispatcher].told += failure->count;
	return 0;
}

/* -- onward ----------------------------------------------------------------- */

static struct source *
own_source(const weir_delivery *delivery)
{
	struct own *mine = &own[dispatcher];

	if (!mine->source)
		mine->source = source_begin(delivery->producer);
	CHECK(mine->source->producer == delivery->producer, "another producer than before");
	return mine->source;
}

/* What waits for handlers refuses to in one. */
static void
try_to_wait(const weir_delivery *delivery)
{
	CHECK_STATUS(WEIR_EDEADLK, weir_bus_flush(delivery->bus, 0));
	CHECK_STATUS(WEIR_EDEADLK, weir_bus_close(delivery->bus, 0, NULL));
	CHECK_STATUS(WEIR_EDEADLK, weir_unsubscribe_wait(delivery->bus, delivery->subscription, 0));
}

static int
onward(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct source *source = own_source(delivery);
	bool looped = weir_event_hops(event) + 1 > HOP_COUNT_MAX;
	weir_status status;

	(void)context;
	source->cause = payload_verify(event);
	if (chance_one_in(&source->chance, 256))
		try_to_wait(delivery);
	if (!looped && chance_one_in(&source->chance, 64)) {
		source_leave_open(source, topic_onward);
		return 0;
	}
	if (weir_event_hops(event) && chance_one_in(&source->chance, 2))
		return 0;
	status = source_publish_one(source, topic_onward);
	CHECK(looped == (status == WEIR_ELOOP), "%u hops: %s", weir_event_hops(event),
	      weir_status_text(status));
	return 0;
}

/* -- failing, and batches --------------------------------------------------- */

static int
fail(const weir_event *event, const weir_delivery *delivery, void *context)
{
	static const int code[8] = { 0, 5, 0, -7, 0, 0, 1, 0 };
	int answer = code[payload_verify(event)->number % 8];

	(void)delivery, (void)context;
	own[dispatcher].failed += answer != 0;
	return answer;
}

/* Now it fails, now it does not: in and out of quarantine, with trials of either end. */
static int
moody(const weir_event *event, const weir_delivery *delivery, void *context)
{
	bool fails = now_ns() / (2 * MILLISECOND) % 2;

	(void)delivery, (void)context;
	payload_verify(event);
	own[dispatcher].moody++;
	own[dispatcher].moody_failed += fails;
	return fails ? 11 : 0;
}

static int
batch(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)delivery, (void)context;
	payload_verify(event);
	own[dispatcher].owed++;
	return 0;
}

static int
batch_end(const weir_delivery *delivery, void *context)
{
	struct own *mine = &own[dispatcher];

	(void)delivery, (void)context;
	CHECK(mine->owed > 0, "a batch_end without a batch");
	mine->batched += mine->owed;
	mine->owed = 0;
	mine->batch_ends++;
	if (mine->batch_ends % 64)
		return 0;
	mine->batch_failures++;
	return 3;
}

/* -- all -------------------------------------------------------------------- */

void
handlers_thread_begin(void *context, uint32_t index)
{
	(void)context;
	dispatcher = index;
	CHECK(index < stress.settings.dispatchers && index < DISPATCHER_MAX, "dispatcher %u",
	      index);
}

uint32_t
handlers_dispatcher(void)
{
	return dispatcher;
}

void
handlers_begin(void)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription ignored;

	audit_begin(&handlers_audit, stress.settings.mode, SOURCE_MAX, NULL);
	CHECK_OK(weir_topic_find(stress.bus, "weir.gap", &stress.topic_gap));
	CHECK_OK(weir_topic_open(stress.bus, "onward.after.create", &topic_onward));
	CHECK_OK(weir_subscribe(stress.bus, "weir.>", audit_own, NULL, NULL, &ignored));
	CHECK_OK(weir_subscribe(stress.bus, ">", audit, NULL, NULL, &audit_id));
	options.priority = 1;
	CHECK_OK(weir_subscribe(stress.bus, "work.*.onward", onward, NULL, &options, &ignored));
	CHECK_OK(weir_subscribe(stress.bus, "onward.>", onward, NULL, NULL, &ignored));
	options.priority = -1;
	CHECK_OK(weir_subscribe(stress.bus, "work.b.*", fail, NULL, &options, &fail_id));
	options.quarantine_failure_count = 3;
	options.quarantine_ns = 200 * MICROSECOND;
	CHECK_OK(weir_subscribe(stress.bus, "work.c.*", moody, NULL, &options, &moody_id));
	options.quarantine_failure_count = 0;
	options.batch_end = batch_end;
	CHECK_OK(weir_subscribe(stress.bus, "work.a.*", batch, NULL, &options, &batch_id));
}

struct failures
handlers_failures(void)
{
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;
	struct failures sum = { 0 };

	CHECK_OK(weir_bus_get_counts(stress.bus, NULL, NULL, NULL, &counts));
	sum.all = counts.failed + counts.failed_batches;
	for (int i = 0; i < DISPATCHER_MAX; i++) {
		sum.told += own[i].told;
		sum.events += own[i].failure_events;
	}
	return sum;
}

uint64_t
handlers_quarantines(void)
{
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;

	CHECK_OK(weir_subscription_get_counts(stress.bus, moody_id, &counts));
	return counts.quarantines;
}

static void
check_audit(uint64_t committed)
{
	weir_pool_counts counts = WEIR_POOL_COUNTS_INIT;
	uint64_t audited = audit_check(&handlers_audit);

	CHECK(audited == committed, "audited %llu, committed %llu", (ull)audited, (ull)committed);
	CHECK_OK(weir_pool_get_counts(weir_bus_default_pool(stress.bus), &counts));
	CHECK(counts.skipped_behind == get(&handlers_audit.skipped),
	      "skipped %llu, gaps of %llu events", (ull)counts.skipped_behind,
	      (ull)get(&handlers_audit.skipped));
}

void
handlers_check(uint64_t committed)
{
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;
	struct own sum = { 0 };

	check_audit(committed);
	for (int i = 0; i < DISPATCHER_MAX; i++) {
		sum.moody += own[i].moody, sum.moody_failed += own[i].moody_failed;
		sum.failed += own[i].failed, sum.batched += own[i].batched, sum.owed += own[i].owed;
		sum.batch_failures += own[i].batch_failures;
	}
	CHECK_OK(weir_subscription_get_counts(stress.bus, audit_id, &counts));
	CHECK(counts.due == counts.ok, "audit: due %llu, ok %llu", (ull)counts.due,
	      (ull)counts.ok);
	CHECK_OK(weir_subscription_get_counts(stress.bus, fail_id, &counts));
	CHECK(counts.failed == sum.failed && counts.due == counts.ok + counts.failed,
	      "failed %llu, ours %llu", (ull)counts.failed,
	      (ull)sum.failed);
	CHECK_OK(weir_subscription_get_counts(stress.bus, moody_id, &counts));
	CHECK(counts.failed == sum.moody_failed && counts.ok == sum.moody - sum.moody_failed,
	      "moody: ok %llu, failed %llu, ours %llu of %llu", (ull)counts.ok, (ull)counts.failed,
	      (ull)sum.moody_failed, (ull)sum.moody);
	CHECK(counts.due == sum.moody + counts.skipped_quarantine, "moody: due %llu, skipped %llu",
	      (ull)counts.due, (ull)counts.skipped_quarantine);
	CHECK(counts.quarantines <= counts.failed, "moody: %llu quarantines, %llu failures",
	      (ull)counts.quarantines, (ull)counts.failed);
	CHECK_OK(weir_subscription_get_counts(stress.bus, batch_id, &counts));
	CHECK(sum.owed == 0, "%llu events whose batch_end has not run", (ull)sum.owed);
	CHECK(counts.due == sum.batched, "batched %llu, ours %llu", (ull)counts.due,
	      (ull)sum.batched);
	CHECK(counts.failed_batches == sum.batch_failures, "failed batches %llu, ours %llu",
	      (ull)counts.failed_batches, (ull)sum.batch_failures);
}

void
handlers_check_flushed(const struct source *source, uint64_t shown)
{
	uint64_t through = get(&handled[source->id]);

	/* Until one is handled, a gap does not say whose it is. */
	CHECK(through >= shown || (stress.settings.mode == MODE_SKIP && !through),
	      "flushed at %llu, handled %llu", (ull)shown, (ull)through);
}
