/* SPDX-License-Identifier: MIT */
/*
 * replay_position.h - how far a replay is, in a file of its own.
 *
 * The file is replaced as a whole: after a crash it is as it was before or after a save.
 * FILE.lock is locked by who uses it.
 */
#ifndef WI_CLI_REPLAY_POSITION_H
#define WI_CLI_REPLAY_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "chain.h"
#include "replay_options.h"

struct wi_replay_position {
	const struct wi_replay_options *options; /* its path, and what else must be the same */
	uint8_t id[WI_JOURNAL_ID_SIZE];
	uint64_t row; /* everything up to it is done with; 0: nothing is */
	uint8_t hash[WI_HASH_SIZE];
	int lock_fd;
};

/*
 * For the journal with this id, whose last row is given. The exit status, 65 where the position
 * is not for this; then why was written. Without options->position: the beginning.
 */
int wi_replay_position_open(struct wi_replay_position *position,
			    const struct wi_replay_options *options,
			    const uint8_t id[WI_JOURNAL_ID_SIZE], uint64_t last);
void wi_replay_position_close(struct wi_replay_position *position);

/* From here on everything up to this row is done with, also if the machine fails. False: errno. */
bool wi_replay_position_save(struct wi_replay_position *position, uint64_t row,
			     const uint8_t hash[WI_HASH_SIZE]);

#endif
