/* SPDX-License-Identifier: MIT */
/*
 * gather.h - messages of a batch until its batch_end puts them into the spool.
 *
 * Each dispatcher has a batch of its own, named by its producer; it alone touches it. A batch may hold
 * what several subscriptions (parts) made: the first one that ends puts all of it; where that fails
 * only its own is lost, and counted as failed, and the next one tries the rest.
 */
#ifndef WI_NOTIFY_GATHER_H
#define WI_NOTIFY_GATHER_H

#include "spool.h"

struct wi_gather;

/* bytes_max: over all batches. NULL: no memory. */
struct wi_gather *wi_gather_open(uint64_t bytes_max);
/* What was not put is forgotten. */
void wi_gather_close(struct wi_gather *gather);

/* Copied. False: no memory, or no room. */
bool wi_gather_add(struct wi_gather *gather, const void *batch, const void *part,
                   const struct wi_message *message, uint64_t digest_ns);

/* False: the part's messages are gone, and the spool says why. ret_count: how many were put, or are gone. */
bool wi_gather_end(struct wi_gather *gather, const void *batch, const void *part,
                   struct wi_spool *spool, uint64_t now, size_t *ret_count);

#endif
