/* SPDX-License-Identifier: MIT */
/*
 * ring.h - one producer writes variable-length records, each pool follows with a cursor of its own.
 *
 *     slowest cursor        other cursors         tail       slowest cursor + size
 *          v                   v                   v                 v
 *   -------+===================+===================+- - - - - - - - -+
 *          |<------- still held for a pool ------->|      free       |
 *
 * Positions count bytes since the ring was made: 64 bits, never wrapping, so
 * "full" and "empty" need no flag. The byte at `position` is bytes[position & mask].
 * The buffer is longer than `size` by the largest record, so that a record that
 * begins near the end runs on past it: no wrap case, no padding record. (The
 * usual alternative, a padding record before the wrap, has a case in which the
 * writer must reserve twice; see docs/decisions/0003-record-layout.md.)
 *
 * Written by (each on lines of its own):
 *   tail           the producer
 *   cursor[pool]   who holds the pool's lease of this ring
 *
 * Edges (docs/ordering.md):
 *   E1  publish: tail release      ->  dispatch: tail acquire        the records below it
 *   E2  dispatch: cursor release   ->  producer: cursor acquire      leave to overwrite what is below it
 *   E11 producer and dispatcher both move the cursor of a WEIR_BEHIND_SKIP pool
 *
 * The mapping holds no pointer: another process could read it.
 */
#ifndef WI_CORE_RING_H
#define WI_CORE_RING_H

#include <stdint.h>
#include <weir/weir.h>

#include "base/atomic.h"
#include "base/compiler.h"

enum {
	WI_CURSOR_COUNT_MAX = 16,
	WI_RING_SIZE_MIN = 4096,
	WI_RING_SIZE_DEFAULT = 256 * 1024,
	WI_RING_SIZES = 19,             /* powers of two from the least to the most */
};
#define WI_RING_SIZE_MAX (1u << 30)

/* A cursor that no pool uses: never the slowest. */
#define WI_CURSOR_UNUSED UINT64_MAX

/* A place in the ring and the number of events below it. */
struct wi_note {
	uint64_t position, sequence;
};

/*
 * Of a pool with WEIR_BEHIND_SKIP a producer may move the position on, after it has noted
 * where to; what its holder has come to is `done`, which is at most the position. Elsewhere they
 * are the same.
 */
struct wi_cursor {
	WI_ALIGNED uint64_t position;   /* leave to overwrite what is below it */
	uint64_t done;                  /* what is below it was handled, with its batch_end, or told as a gap */
	struct wi_note skip[2];         /* the producer's: the last places that it moved the position to */
};

struct wi_ring {
	WI_ALIGNED struct weir_tail_ tail;
	struct wi_cursor cursor[WI_CURSOR_COUNT_MAX];
	WI_ALIGNED uint32_t size;       /* a power of two; constant from here on */
	uint32_t bytes_offset;          /* from the beginning of the mapping */
};

/* All cursors unused, tail 0, every page faulted in. NULL: no memory. size: a power of two. */
struct wi_ring *wi_ring_create(uint32_t size);
void wi_ring_destroy(struct wi_ring *ring);

static inline unsigned char *
wi_ring_bytes(struct wi_ring *ring)
{
	return (unsigned char *)ring + ring->bytes_offset;
}

/* The largest payload: a quarter of the ring. */
static inline uint32_t
wi_ring_payload_max(uint32_t size)
{
	return size / 4;
}

#endif
