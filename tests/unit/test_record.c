/* SPDX-License-Identifier: MIT */
/* test_record.c - what a record takes of a ring, and where its parts lie. */
#include "unit.h"

#include <string.h>

#include "base/compiler.h"
#include "core/record.h"
#include "core/ring.h"

static uint64_t
naive_need(uint64_t size, int kind)
{
	uint64_t end = 16 + size;

	if (kind)
		while (end % 8)
			end++;
	end += (kind & 1 ? 8 : 0) + (kind & 2 ? 25 : 0) + (kind & 4 ? 24 : 0);
	while (end % 16)
		end++;
	return end;
}

static uint32_t
flags_of(int kind)
{
	return (kind & 1 ? WEIR_KEY_ : 0) | (kind & 2 ? WEIR_TRACE_ : 0) |
	       (kind & 4 ? WEIR_REPLAYED_ : 0);
}

static void
test_need(void **state)
{
	static const uint64_t far[] = {UINT32_MAX,      UINT32_MAX - 1, UINT32_MAX - 15,
				       UINT32_MAX - 16, 1u << 31,       1u << 30};

	(void)state;
	for (int kind = 0; kind < 8; kind++) {
		for (uint64_t size = 0; size < 5000; size++)
			assert_true(wi_record_need(size, flags_of(kind)) ==
				    naive_need(size, kind));
		for (size_t i = 0; i < WI_COUNT(far); i++)
			assert_true(wi_record_need(far[i], flags_of(kind)) ==
				    naive_need(far[i], kind));
	}
	/* Other flags take no room. */
	assert_int_equal(wi_record_need(1, WEIR_HOPS_MASK_ | WEIR_TOPIC_MASK_), 32);
}

static void
test_length(void **state)
{
	(void)state;
	for (int kind = 0; kind < 8; kind++)
		for (uint32_t size = 0; size < 100; size++) {
			weir_event event = {.size = size, .topic_flags = 77 | flags_of(kind)};

			assert_int_equal(wi_record_length(&event),
					 naive_need(size, kind));
		}
}

/* The accessors read what the layout says, whatever the flags beside. */
static void
test_accessors(void **state)
{
	(void)state;
	for (int kind = 0; kind < 8; kind++)
		for (uint32_t size = 0; size < 64; size++) {
			_Alignas(16) unsigned char record[256] = {0};
			weir_event *event = (weir_event *)record;
			uint32_t at = 16 + (size + 7) / 8 * 8, hops = size % 32;
			uint64_t key = 0;

			memset(record + 16, 0xaa, sizeof record - 16);
			event->size = size;
			event->topic_flags = 0x00abcdef | flags_of(kind) |
					     hops << WEIR_HOPS_SHIFT_;
			if (kind & 1)
				memcpy(record + at, &(uint64_t){0x1122334455667788}, 8), at += 8;
			assert_ptr_equal(weir_event_origin(event), kind & 4 ? record + at : NULL);
			at += kind & 4 ? 24 : 0;
			if (kind & 2)
				memset(record + at, 0xbb, 25);
			assert_ptr_equal(weir_event_data(event), record + 16);
			assert_int_equal(weir_event_topic(event).id, 0x00abcdef);
			assert_int_equal(weir_event_hops(event), hops);
			assert_int_equal(weir_event_replayed(event), (kind & 4) != 0);
			assert_int_equal(weir_event_key(event, &key), kind & 1);
			assert_true(key == (kind & 1 ? 0x1122334455667788 : 0));
			if (kind & 2) {
				assert_ptr_equal(weir_event_trace(event), record + at);
				assert_int_equal(weir_event_trace(event)->flags, 0xbb);
			} else {
				assert_null(weir_event_trace(event));
			}
		}
}

/* The longest record that begins in the last 16 bytes of the ring ends within the mapping. */
static void
test_ring_holds_the_longest(void **state)
{
	(void)state;
	for (uint32_t size = WI_RING_SIZE_MIN; size <= 1u << 20; size *= 2) {
		struct wi_ring *ring = wi_ring_create(size);
		uint64_t longest =
			wi_record_need(wi_ring_payload_max(size), WEIR_KEY_ | WEIR_TRACE_);

		assert_non_null(ring);
		assert_int_equal(ring->size, size);
		assert_int_equal(ring->tail.position, 0);
		assert_int_equal((uintptr_t)wi_ring_bytes(ring) % WI_LINE, 0);
		for (int i = 0; i < WI_CURSOR_COUNT_MAX; i++)
			assert_true(ring->cursor[i].position == WI_CURSOR_UNUSED);
		memset(wi_ring_bytes(ring) + size - 16, 0xff, longest);
		wi_ring_destroy(ring);
	}
	wi_ring_destroy(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_need),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_accessors),
		cmocka_unit_test(test_ring_holds_the_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
