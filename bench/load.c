/* SPDX-License-Identifier: MIT */
/* load.c - see load.h. */
#include "load.h"

#include <sched.h>

enum { TOPICS = 64, WORDS_MAX = 112 / 8 };

#define INLINE static inline __attribute__((always_inline))

INLINE void
fill(uint64_t *words, uint32_t size, uint64_t value)
{
	for (uint32_t w = 0; w < size / 8; w++)
		words[w] = value;
}

INLINE weir_status
copy(struct rig *rig, uint32_t size, uint64_t n)
{
	weir_producer *producer = rig->producer;
	const weir_topic *topics = rig->topics;
	uint64_t words[WORDS_MAX];
	weir_status status;

	for (uint64_t i = 0; i < n; i++) {
		fill(words, size, i);
		while ((status = weir_publish(producer, topics[i % TOPICS], words, size)) ==
		       WEIR_EFULL)
			machine_pause(8);
		if (status)
			return status;
	}
	return WEIR_OK;
}

INLINE weir_status
in_place(struct rig *rig, uint32_t size, uint64_t n)
{
	weir_producer *producer = rig->producer;
	const weir_topic *topics = rig->topics;
	weir_status status;
	void *data;

	for (uint64_t i = 0; i < n; i++) {
		while ((status = weir_reserve(producer, topics[i % TOPICS], NULL, size, &data)) ==
		       WEIR_EFULL)
			machine_pause(8);
		if (status)
			return status;
		fill(data, size, i);
		status = weir_commit(producer);
		if (status)
			return status;
	}
	return WEIR_OK;
}

/* A full ring with reservations open needs their commit before it can get room. */
static __attribute__((noinline)) weir_status
make_room(weir_producer *producer, weir_status status)
{
	if (status != WEIR_EFULL)
		return status;
	status = weir_commit(producer);
	machine_pause(8);
	return status;
}

INLINE weir_status
batched(struct rig *rig, uint32_t size, uint32_t per_commit, uint64_t n)
{
	weir_producer *producer = rig->producer;
	const weir_topic *topics = rig->topics;
	weir_status status;
	uint32_t open = 0;
	void *data;

	for (uint64_t i = 0; i < n; i++) {
		while ((status = weir_reserve(producer, topics[i % TOPICS], NULL, size, &data))) {
			open = 0;
			status = make_room(producer, status);
			if (status)
				return status;
		}
		fill(data, size, i);
		if (++open == per_commit) {
			open = 0;
			status = weir_commit(producer);
			if (status)
				return status;
		}
	}
	return weir_commit(producer);
}

INLINE weir_status
many(struct rig *rig, const uint32_t size, uint64_t n)
{
	enum { MANY = 256, WORDS = 112 / 8 };
	weir_producer *producer = rig->producer;
	const weir_topic *topics = rig->topics;
	uint64_t words[MANY * WORDS];
	weir_item items[MANY];
	weir_status status = WEIR_OK;

	for (uint64_t i = 0; i < n && !status;) {
		uint32_t count = 0;

		for (; count < MANY && i < n; count++, i++) {
			uint64_t *data = &words[count * (size / 8)];

			fill(data, size, i);
			items[count] = (weir_item){ topics[i % TOPICS], size, data };
		}
		while ((status = weir_publish_many(producer, items, count)) == WEIR_EFULL)
			machine_pause(8);
	}
	return status;
}

/* One function for each way and size, so that each has a register allocation of its own. */
#define SIZED(name, call) \
	static __attribute__((noinline)) weir_status name##_8(struct rig *rig, uint64_t n) \
	{ const uint32_t size = 8; return call; } \
	static __attribute__((noinline)) weir_status name##_48(struct rig *rig, uint64_t n) \
	{ const uint32_t size = 48; return call; } \
	static __attribute__((noinline)) weir_status name##_112(struct rig *rig, uint64_t n) \
	{ const uint32_t size = 112; return call; }

SIZED(copy, copy(rig, size, n))
SIZED(in_place, in_place(rig, size, n))
SIZED(batch_16, batched(rig, size, 16, n))
SIZED(batch_256, batched(rig, size, 256, n))
SIZED(many_256, many(rig, size, n))

bool
load_run(struct rig *rig, enum load_way way, uint32_t size, uint64_t n)
{
	static weir_status (*const ways[][3])(struct rig *rig, uint64_t n) = {
		[LOAD_COPY] = { copy_8, copy_48, copy_112 },
		[LOAD_IN_PLACE] = { in_place_8, in_place_48, in_place_112 },
		[LOAD_BATCH_16] = { batch_16_8, batch_16_48, batch_16_112 },
		[LOAD_BATCH_256] = { batch_256_8, batch_256_48, batch_256_112 },
		[LOAD_MANY_256] = { many_256_8, many_256_48, many_256_112 },
	};

	rig_expect(rig, n);
	return !rig_failed(ways[way][size == 8 ? 0 : size == 48 ? 1 : 2](rig, n), "publishing");
}

double
load_timed(struct rig *rig, enum load_way way, uint32_t size, uint64_t n)
{
	uint64_t begin = machine_ns();

	if (!load_run(rig, way, size, n) || !rig_settle(rig))
		return -1;
	return (double)(machine_ns() - begin) / 1e9;
}

double
load_event_ns(const struct rig_options *options, enum load_way way, uint64_t n)
{
	enum { SIZE = 48, WARM = 10000 };
	struct rig *rig = rig_open(options);
	double seconds;

	if (!rig)
		return -1;
	seconds = load_timed(rig, LOAD_COPY, SIZE, WARM);
	if (seconds > 0)
		seconds = load_timed(rig, way, SIZE, n);
	return rig_close(rig) && seconds > 0 ? seconds * 1e9 / (double)n : -1;
}

double
load_ordered(struct rig *rig, const uint32_t *order, uint32_t order_count, uint64_t n)
{
	enum { SIZE = 48 };
	const weir_topic *topics = rig->topics;
	weir_status status = WEIR_OK;
	uint64_t begin;
	void *data;

	rig_expect(rig, n);
	begin = machine_ns();
	for (uint64_t i = 0; i < n && !status; i++) {
		weir_topic topic = topics[order[i & (order_count - 1)]];

		while ((status = weir_reserve(rig->producer, topic, NULL, SIZE, &data)) == WEIR_EFULL)
			machine_pause(8);
		if (status)
			break;
		fill(data, SIZE, i);
		status = weir_commit(rig->producer);
	}
	if (rig_failed(status, "publishing") || !rig_settle(rig))
		return -1;
	return (double)(machine_ns() - begin) / 1e9;
}

bool
load_shared(weir_producer *producer, const struct rig *rig, uint64_t n)
{
	const weir_topic *topics = rig->topics;
	uint64_t words[48 / 8];
	weir_status status;

	for (uint64_t i = 0; i < n; i++) {
		fill(words, 48, i);
		while ((status = weir_publish(producer, topics[i % TOPICS], words, 48)) ==
		       WEIR_EFULL) {
			machine_pause(50);
			sched_yield();
		}
		if (rig_failed(status, "publishing"))
			return false;
	}
	return true;
}
