/* SPDX-License-Identifier: MIT */
/* bench_loop.c - see bench_loop.h. */
#include "bench_loop.h"

#include "stopwatch.h"

#include <sched.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))

enum way { COPY, IN_PLACE, BATCH, MANY };
enum { WORDS_MAX = 256 / 8, PAUSES = 8, PATIENT_TRIES = 1000, SLEEP_NS = 50000 };

bool
wi_bench_loop_has(uint32_t size)
{
	return size == 8 || size == 48 || size == 112 || size == 256;
}

/* -- a full ring ------------------------------------------------------------ */

/* Politely: others may need this processor to make the room. False: stopped. */
static bool
pause_for_room(const struct wi_bench_loop *loop, unsigned tries)
{
	struct timespec time = {.tv_nsec = SLEEP_NS};

	machine_pause(PAUSES);
	if (tries > PATIENT_TRIES)
		nanosleep(&time, NULL);
	else if (loop->shares)
		sched_yield();
	return !atomic_load_explicit(loop->stop, memory_order_relaxed);
}

static weir_attributes
attributes_of(const struct wi_bench_loop *loop)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;

	attributes.flags = WEIR_ATTRIBUTE_KEY;
	attributes.key = loop->number % (loop->key_count > 0 ? loop->key_count : 1);
	return attributes;
}

/* Until it is published; WEIR_EFULL: stopped before. */
NOINLINE weir_status
publish_full(struct wi_bench_loop *loop, weir_topic topic, const void *data, uint32_t size)
{
	weir_attributes attributes = attributes_of(loop);
	uint64_t begin_ns = wi_stopwatch_now();
	weir_status status = WEIR_EFULL;

	for (unsigned tries = 0; status == WEIR_EFULL && pause_for_room(loop, tries); tries++)
		status = loop->key_count > 0
				 ? weir_publish_with(loop->producer, topic, &attributes, data, size)
				 : weir_publish(loop->producer, topic, data, size);
	loop->full_count++;
	loop->full_ns += wi_stopwatch_now() - begin_ns;
	return status;
}

/* The same for many at once. */
NOINLINE weir_status
publish_many_full(struct wi_bench_loop *loop, uint32_t count)
{
	uint64_t begin_ns = wi_stopwatch_now();
	weir_status status = WEIR_EFULL;

	for (unsigned tries = 0; status == WEIR_EFULL && pause_for_room(loop, tries); tries++)
		status = weir_publish_many(loop->producer, loop->items, count);
	loop->full_count++;
	loop->full_ns += wi_stopwatch_now() - begin_ns;
	return status;
}

/* The same for a reservation. What is open must be committed first, or there never is room. */
NOINLINE weir_status
reserve_full(struct wi_bench_loop *loop, weir_topic topic, uint32_t size, void **ret_data)
{
	weir_attributes attributes = attributes_of(loop);
	uint64_t begin_ns = wi_stopwatch_now();
	weir_status status = weir_commit(loop->producer);

	if (status != WEIR_OK)
		return status;
	status = WEIR_EFULL;
	for (unsigned tries = 0; status == WEIR_EFULL && pause_for_room(loop, tries); tries++)
		status = weir_reserve(loop->producer, topic,
				      loop->key_count > 0 ? &attributes : NULL, size, ret_data);
	loop->full_count++;
	loop->full_ns += wi_stopwatch_now() - begin_ns;
	return status;
}

/* -- one event -------------------------------------------------------------- */

INLINE void
fill(void *data, uint32_t size, uint64_t number)
{
	uint64_t *words = data;

	for (uint32_t w = 0; w < size / 8; w++)
		words[w] = number;
	for (uint32_t b = size & ~7u; b < size; b++)
		((uint8_t *)data)[b] = (uint8_t)number;
}

INLINE weir_status
publish(struct wi_bench_loop *loop, weir_topic topic, const void *data, uint32_t size, bool keyed)
{
	weir_status status;

	if (keyed) {
		weir_attributes attributes = attributes_of(loop);

		status = weir_publish_with(loop->producer, topic, &attributes, data, size);
	} else {
		status = weir_publish(loop->producer, topic, data, size);
	}
	return __builtin_expect(status == WEIR_EFULL, 0) ? publish_full(loop, topic, data, size)
							 : status;
}

INLINE weir_status
reserve(struct wi_bench_loop *loop, weir_topic topic, uint32_t size, bool keyed, bool *ret_was_full,
	void **ret_data)
{
	weir_status status;

	if (keyed) {
		weir_attributes attributes = attributes_of(loop);

		status = weir_reserve(loop->producer, topic, &attributes, size, ret_data);
	} else {
		status = weir_reserve(loop->producer, topic, NULL, size, ret_data);
	}
	*ret_was_full = __builtin_expect(status == WEIR_EFULL, 0);
	return *ret_was_full ? reserve_full(loop, topic, size, ret_data) : status;
}

INLINE weir_topic
next_topic(struct wi_bench_loop *loop)
{
	weir_topic topic = loop->topics[loop->topic_at];

	if (++loop->topic_at == loop->topic_count)
		loop->topic_at = 0;
	return topic;
}

INLINE uint32_t
next_size(struct wi_bench_loop *loop)
{
	uint32_t size = loop->sizes[loop->size_at];

	if (++loop->size_at == loop->size_count)
		loop->size_at = 0;
	return size;
}

static bool
ended(struct wi_bench_loop *loop, weir_status status)
{
	loop->status = status == WEIR_EFULL ? WEIR_OK : status;
	return false;
}

/* -- a closed loop ---------------------------------------------------------- */

/* Compiled for each size and way of its own, as a program's publish of a struct is. */
INLINE bool
run(struct wi_bench_loop *loop, uint32_t count, const uint32_t constant, const enum way way,
    const bool keyed)
{
	uint64_t words[WORDS_MAX];
	weir_status status = WEIR_OK;
	uint32_t open = 0;
	bool was_full;
	void *data = constant ? words : loop->buffer;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t size = constant ? constant : next_size(loop);
		weir_topic topic = next_topic(loop);

		if (way == COPY) {
			fill(data, size, loop->number);
			status = publish(loop, topic, data, size, keyed);
		} else {
			status = reserve(loop, topic, size, keyed, &was_full, &data);
			if (__builtin_expect(status != WEIR_OK, 0))
				break;
			fill(data, size, loop->number);
			open = was_full ? 1 : open + 1;
			if (way == IN_PLACE || open == loop->commit_count) {
				open = 0;
				status = weir_commit(loop->producer);
			}
		}
		if (__builtin_expect(status != WEIR_OK, 0))
			break;
		loop->number++;
		loop->byte_count += size;
	}
	if (way == BATCH && status != WEIR_ECLOSED) {
		weir_status committed = weir_commit(loop->producer);

		status = status == WEIR_OK ? committed : status;
	}
	return status == WEIR_OK ? true : ended(loop, status);
}

INLINE weir_status
publish_many(struct wi_bench_loop *loop, uint32_t count)
{
	weir_status status = weir_publish_many(loop->producer, loop->items, count);

	return __builtin_expect(status == WEIR_EFULL, 0) ? publish_many_full(loop, count) : status;
}

/* Filled beside the ring, and all published at once. */
INLINE bool
run_many(struct wi_bench_loop *loop, uint32_t count, const uint32_t constant)
{
	uint8_t *data = loop->buffer;
	uint32_t open = 0, byte_count = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t size = constant ? constant : next_size(loop);
		weir_status status;

		fill(data, size, loop->number + open);
		loop->items[open++] = (weir_item){next_topic(loop), size, data};
		data += (size + 15) & ~15u;
		byte_count += size;
		if (open < loop->commit_count && i + 1 < count)
			continue;
		status = publish_many(loop, open);
		if (__builtin_expect(status != WEIR_OK, 0))
			return ended(loop, status);
		loop->number += open;
		loop->byte_count += byte_count;
		data = loop->buffer;
		open = byte_count = 0;
	}
	return true;
}

#define SIZED(size) \
	NOINLINE bool copy_##size(struct wi_bench_loop *loop, uint32_t count) \
	{ return run(loop, count, size, COPY, false); } \
	NOINLINE bool in_place_##size(struct wi_bench_loop *loop, uint32_t count) \
	{ return run(loop, count, size, IN_PLACE, false); } \
	NOINLINE bool batch_##size(struct wi_bench_loop *loop, uint32_t count) \
	{ return run(loop, count, size, BATCH, false); } \
	NOINLINE bool many_##size(struct wi_bench_loop *loop, uint32_t count) \
	{ return run_many(loop, count, size); }

SIZED(8)
SIZED(48)
SIZED(112)
SIZED(256)
SIZED(0)

NOINLINE bool
keyed(struct wi_bench_loop *loop, uint32_t count, enum way way)
{
	return way == COPY       ? run(loop, count, 0, COPY, true)
	       : way == IN_PLACE ? run(loop, count, 0, IN_PLACE, true)
				 : run(loop, count, 0, BATCH, true);
}

bool
wi_bench_loop_run(struct wi_bench_loop *loop, uint32_t count)
{
	static bool (*const ways[][4])(struct wi_bench_loop *loop, uint32_t count) = {
		{copy_8, in_place_8, batch_8, many_8},
		{copy_48, in_place_48, batch_48, many_48},
		{copy_112, in_place_112, batch_112, many_112},
		{copy_256, in_place_256, batch_256, many_256},
		{copy_0, in_place_0, batch_0, many_0},
	};
	enum way way = loop->many               ? MANY
		       : loop->commit_count > 1 ? BATCH
		       : loop->in_place         ? IN_PLACE
						: COPY;
	int index = loop->size == 8	? 0
		    : loop->size == 48	? 1
		    : loop->size == 112 ? 2
		    : loop->size == 256 ? 3
					: 4;

	if (loop->key_count > 0)        /* never with MANY */
		return keyed(loop, count, way);
	return ways[index][way](loop, count);
}

/* -- an open loop ----------------------------------------------------------- */

NOINLINE weir_status
send_in_place(struct wi_bench_loop *loop, weir_topic topic, uint32_t size, uint64_t meant_ns)
{
	weir_status status;
	bool was_full;
	void *data;

	status = reserve(loop, topic, size, loop->key_count > 0, &was_full, &data);
	if (status != WEIR_OK)
		return status;
	fill(data, size, loop->number);
	memcpy(data, &meant_ns, sizeof(meant_ns));
	return weir_commit(loop->producer);
}

bool
wi_bench_loop_send(struct wi_bench_loop *loop, uint64_t meant_ns)
{
	weir_topic topic = next_topic(loop);
	uint32_t size = next_size(loop);
	weir_status status;

	if (loop->in_place) {
		status = send_in_place(loop, topic, size, meant_ns);
	} else {
		fill(loop->buffer, size, loop->number);
		memcpy(loop->buffer, &meant_ns, sizeof(meant_ns));
		status = publish(loop, topic, loop->buffer, size, loop->key_count > 0);
	}
	if (status != WEIR_OK)
		return ended(loop, status);
	loop->number++;
	loop->byte_count += size;
	return true;
}
