/* SPDX-License-Identifier: MIT */
/* ring.c - see ring.h. */
#include "core/ring.h"

#include "base/memory.h"
#include "core/record.h"

static size_t
mapping_size(uint32_t size)
{
	return sizeof(struct wi_ring) + size +
	       (size_t)wi_record_need(wi_ring_payload_max(size), WI_RECORD_LONGEST);
}

struct wi_ring *
wi_ring_create(uint32_t size)
{
	struct wi_ring *ring = wi_memory_map(mapping_size(size), WI_MAP_FAULTED);

	if (!ring)
		return NULL;
	ring->size = size;
	ring->bytes_offset = sizeof *ring;
	for (int i = 0; i < WI_CURSOR_COUNT_MAX; i++)
		ring->cursor[i].position = ring->cursor[i].done = WI_CURSOR_UNUSED;
	return ring;
}

void
wi_ring_destroy(struct wi_ring *ring)
{
	if (ring)
		wi_memory_unmap(ring, mapping_size(ring->size));
}
