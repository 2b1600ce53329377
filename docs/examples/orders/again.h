/* SPDX-License-Identifier: MIT */
/*
 * again.h - the projection once more, of the journal alone: a bus of its own, into which `weir replay`
 *           publishes what was recorded. Mail and notifier are not told again: replayed events reach
 *           only who asks for them.
 */
#ifndef ORDERS_AGAIN_H
#define ORDERS_AGAIN_H

#include <stdint.h>

#include "place.h"
#include "projection.h"

struct again {
	struct projection projection;
	uint64_t replayed;              /* as `weir replay` says */
	uint64_t live;                  /* seen by a handler that did not ask for replayed events */
};

/* journal: as the plugin's setting has it, "DIR/audit.db". */
void again_replay(struct again *again, const struct place *place, const char *journal);

/* How many customers have the same sums in both. */
unsigned again_compare(const struct again *again, const struct projection *projection);

#endif
