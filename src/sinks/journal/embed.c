/* SPDX-License-Identifier: MIT */
/* embed.c - a recorder in the program itself: see <weir/journal.h>. */
#include <weir/journal.h>

#include "recorder.h"

#include "common/now.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull
/* What a write that is under way is given to come back, when the time is up. */
#define GRACE_NS (2 * NS_PER_S)

struct weir_journal {
	weir_bus *bus;
	weir_pool *pool;
	struct wi_recorder *recorder;
	weir_subscription *subscriptions;
	uint32_t count;
	int stop;
	pid_t owner;
	void (*log)(void *context, int level, const char *id, const char *text);
	void *log_context;
};

/* -- the recorder's host ---------------------------------------------------- */

static const char *
topic_name(void *context, weir_topic topic)
{
	const struct weir_journal *journal = context;

	return weir_topic_name(journal->bus, topic);
}

static bool
stopping(void *context)
{
	const struct weir_journal *journal = context;

	return __atomic_load_n(&journal->stop, __ATOMIC_RELAXED);
}

static void
say(void *context, int level, const char *id, const char *text)
{
	const struct weir_journal *journal = context;

	if (journal->log)
		journal->log(journal->log_context, level, id, text);
}

/* -- open ------------------------------------------------------------------- */

static weir_status
subscribe(struct weir_journal *journal)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	const char *pattern;
	void *part;

	options.name = "journal";
	options.pool = journal->pool;
	options.batch_end = wi_recorder_batch_end;
	for (uint32_t i = 0; (pattern = wi_recorder_part(journal->recorder, i, &part)); i++) {
		weir_status status = weir_subscribe(journal->bus, pattern, wi_recorder_handle, part,
		                                    &options, &journal->subscriptions[i]);

		if (status != WEIR_OK)
			return status;
		journal->count++;
	}
	return WEIR_OK;
}

static void
release(struct weir_journal *journal)
{
	free(journal->subscriptions);
	free(journal);
}

weir_status
weir_journal_open(weir_bus *bus, const weir_journal_options *options, weir_journal **ret_journal)
{
	char problem[WI_STORE_PROBLEM_SIZE];
	struct weir_journal *journal;
	weir_status status;

	if (!bus || !options || options->size < sizeof *options || !options->path || !ret_journal ||
	    (options->topic_count && !options->topics))
		return WEIR_EINVAL;
	journal = calloc(1, sizeof *journal);
	if (!journal)
		return WEIR_ENOMEM;
	*journal = (struct weir_journal){
		.bus = bus, .owner = getpid(), .log = options->log,
		.pool = options->pool ? options->pool : weir_bus_default_pool(bus),
		.log_context = options->log_context,
		.subscriptions = calloc(options->topic_count + 2, sizeof(weir_subscription)),
	};
	status = journal->subscriptions ? WEIR_OK : WEIR_ENOMEM;
	if (status == WEIR_OK)
		status = wi_recorder_open(options,
		                          &(struct wi_recorder_host){ journal, topic_name, stopping,
		                                                      say },
		                          NULL, &journal->recorder, problem);
	if (status != WEIR_OK) {
		say(journal, 3, "WEIR-JOURNAL-OPEN", problem);
		release(journal);
		return status;
	}
	status = subscribe(journal);
	if (status == WEIR_OK)
		*ret_journal = journal;
	else
		weir_journal_close(journal, WEIR_FOREVER);
	return status;
}

/* -- close ------------------------------------------------------------------ */

static uint64_t
left(uint64_t start, uint64_t timeout_ns)
{
	uint64_t passed = wi_now(CLOCK_MONOTONIC) - start;

	if (timeout_ns == WEIR_FOREVER)
		return WEIR_FOREVER;
	return passed < timeout_ns ? timeout_ns - passed : 0;
}

/* WEIR_ENOENT: ended by an earlier try. */
static weir_status
unsubscribe(struct weir_journal *journal, uint64_t timeout_ns)
{
	uint64_t start = wi_now(CLOCK_MONOTONIC);
	weir_status status;

	for (; journal->count; journal->count--) {
		status = weir_unsubscribe_wait(journal->bus,
		                               journal->subscriptions[journal->count - 1],
		                               left(start, timeout_ns));
		if (status != WEIR_OK && status != WEIR_ENOENT)
			return status;
	}
	return WEIR_OK;
}

weir_status
weir_journal_close(weir_journal *journal, uint64_t timeout_ns)
{
	weir_journal_counts counts;
	struct wi_gaps untold;
	weir_status status;
	char text[128];

	if (!journal)
		return WEIR_EINVAL;
	if (getpid() != journal->owner)
		return WEIR_EFORKED;
	if (journal->count && !journal->stop) {
		status = weir_pool_flush(journal->pool, timeout_ns);
		if (status != WEIR_OK && status != WEIR_ETIMEDOUT)
			return status;
	}
	__atomic_store_n(&journal->stop, 1, __ATOMIC_RELAXED);
	status = unsubscribe(journal, timeout_ns == WEIR_FOREVER ? timeout_ns : GRACE_NS);
	if (status != WEIR_OK)
		return status;
	wi_recorder_look(journal->recorder, &counts, NULL);
	wi_recorder_close(journal->recorder, &untold);
	if (counts.dropped) {
		snprintf(text, sizeof text, "closed; %" PRIu64 " events were not recorded%s",
		         counts.dropped, wi_gaps_any(&untold) ? ", and not all of that is told by rows" :
		                                                "");
		say(journal, 4, "WEIR-JOURNAL-CLOSED", text);
	}
	release(journal);
	return counts.dropped ? WEIR_EIO : WEIR_OK;
}

weir_status
weir_journal_get_counts(weir_journal *journal, weir_journal_counts *ret_counts)
{
	weir_journal_counts counts;

	if (!journal || !ret_counts || ret_counts->size < sizeof *ret_counts)
		return WEIR_EINVAL;
	if (getpid() != journal->owner)
		return WEIR_EFORKED;
	wi_recorder_look(journal->recorder, &counts, NULL);
	*ret_counts = counts;
	return WEIR_OK;
}
