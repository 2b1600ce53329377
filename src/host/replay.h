/* SPDX-License-Identifier: MIT */
/*
 * replay.h - events of a journal, published again by a producer of the host's own, as frames say.
 *
 * Frames may be anything: what is wrong is refused with one sentence, and nothing of that frame
 * is done. One thread.
 */
#ifndef WI_HOST_REPLAY_H
#define WI_HOST_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host.h"

struct wi_replay;

/*
 * journal: its id, as 32 hexadecimal digits. timeout_ns: how long a flush may take, 0: 30 s.
 * False: `problem` says why.
 */
bool wi_replay_open(struct weir_host *host, const char *journal, uint64_t timeout_ns,
		    struct wi_replay **ret_replay, char problem[WI_SECTIONS_PROBLEM_SIZE]);
/* What was published is still delivered. NULL is allowed. */
void wi_replay_close(struct wi_replay *replay);

/* What waits for room or for pools ends when this is true; asked at least each 100 ms. */
void wi_replay_stop_by(struct wi_replay *replay, bool (*stop)(void *context), void *context);

enum wi_replay_result {
	WI_REPLAY_MORE,    /* all whole frames are done with */
	WI_REPLAY_THROUGH, /* after a flush: *ret_through; there may be more frames */
	WI_REPLAY_REFUSED  /* `problem` says why; nothing is taken any more */
};

/*
 * Does what the frames at the beginning of `bytes` say. *ret_used: so many bytes of them are done
 * with; *ret_through: the number of the last event, 0 if there is none, with all before it
 * through all pools.
 */
enum wi_replay_result wi_replay_take(struct wi_replay *replay, const void *bytes, size_t size,
				     size_t *ret_used, uint64_t *ret_through,
				     char problem[WI_SECTIONS_PROBLEM_SIZE]);

#endif
