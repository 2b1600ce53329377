/* SPDX-License-Identifier: MIT */
/*
 * recorder.h - a handler that gathers events, and a batch_end that commits them as rows.
 *
 * Calls nothing of weir's library: who embeds it, or the plugin, subscribes its parts.
 */
#ifndef WI_JOURNAL_RECORDER_H
#define WI_JOURNAL_RECORDER_H

#include <stdbool.h>

#include <weir/journal.h>

#include "gaps.h"
#include "store.h"

struct wi_recorder;

/* What a recorder asks of whoever runs it; any thread, in a handler. */
struct wi_recorder_host {
	void *context;
	const char *(*topic_name)(void *context, weir_topic topic);
	/* To end: what cannot be written is to be given up. */
	bool (*stopping)(void *context);
	void (*log)(void *context, int level, const char *id, const char *text);
};

/*
 * Opens the journal and records that. untold, or NULL: what an earlier one left. WEIR_EINVAL, WEIR_EBUSY,
 * WEIR_EIO, WEIR_ENOMEM, and ret_problem.
 */
weir_status wi_recorder_open(const weir_journal_options *options, const struct wi_recorder_host *host,
                             const struct wi_gaps *untold, struct wi_recorder **ret_recorder,
                             char ret_problem[WI_STORE_PROBLEM_SIZE]);

/* The i-th pattern and what its subscription is to have as context; NULL: there are no more. */
const char *wi_recorder_part(struct wi_recorder *recorder, uint32_t i, void **ret_context);

/* Of every part's subscription. Dispatchers take turns. */
int wi_recorder_handle(const weir_event *event, const weir_delivery *delivery, void *part);
int wi_recorder_batch_end(const weir_delivery *delivery, void *part);

/*
 * No part is subscribed any more. Records that the journal is closed, if that can be. ret_untold: what
 * was dropped and no row tells of.
 */
void wi_recorder_close(struct wi_recorder *recorder, struct wi_gaps *ret_untold);

/* Any thread, also while a write hangs. ret_problem: why it holds or drops, "" if it does not. */
void wi_recorder_look(struct wi_recorder *recorder, weir_journal_counts *ret_counts,
                      char ret_problem[WI_STORE_PROBLEM_SIZE]);

#endif
