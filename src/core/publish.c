/* SPDX-License-Identifier: MIT */
/*
 * publish.c - see publish.h; also the symbols of the inline functions of <weir/inline.h>.
 *
 * Every call that is not the plain fast case ends here with state INSIDE: the
 * limit is used up (full, closed, disabled, forked, or a publisher that must fence),
 * an argument is wrong, or there are attributes.
 */
#define WEIR_DEFINE_SYMBOLS_
#include "core/publish.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/clock.h"
#include "base/probe.h"
#include "core/record.h"

static struct wi_producer *
full(weir_producer *producer)
{
	return (struct wi_producer *)producer;
}

/* -- entering and leaving --------------------------------------------------- */

static struct weir_tail_ *
tail_of(struct wi_producer *producer)
{
	return producer->hot.tail;
}

/* What every slow call does once inside; false in a forked child. */
static bool
inside(struct wi_producer *producer)
{
	if (wi_producer_in_child(producer))
		return false;
	if (producer->fences)
		wi_fence_full();        /* E5: the closer fenced only for itself */
#ifndef NDEBUG
	wi_store_relaxed(&producer->inside_thread, (uint32_t)syscall(SYS_gettid));
#endif
	return true;
}

/* Before the state says so: who is inside next may be another thread, and is not known at once. */
static void
nobody_inside(struct wi_producer *producer)
{
#ifndef NDEBUG
	wi_store_relaxed(&producer->inside_thread, 0u);
#endif
	(void)producer;
}

/* Ends a call; nothing is open. */
static void
idle(struct wi_producer *producer)
{
	nobody_inside(producer);
	wi_store_relaxed(&producer->hot.more.state, 0u);
	wi_store_release(&tail_of(producer)->open.state, 0u);                       /* E5 */
}

/* Ends a call; what was open stays open. */
static weir_status
leave(struct wi_producer *producer, weir_status status)
{
	struct weir_open_ *open = producer->hot.more.state & WEIR_INSIDE_ ? &producer->hot.more
	                                                                  : &tail_of(producer)->open;

	nobody_inside(producer);
	wi_store_release(&open->state, open->state & ~(uint64_t)WEIR_INSIDE_);      /* E5 */
	return status;
}

/* For who looks. Of a topic it knows the name only inside, and before a close: the bus may be gone else. */
static const char *
topic_name(const struct wi_producer *producer, uint32_t topic)
{
	const char *name = NULL;

	if (topic && wi_producer_inside(producer) && !(wi_load_relaxed(&producer->gate) & WI_GATE_CLOSED))
		name = wi_topics_name(producer->lanes->topics, topic);
	return name ? name : "";
}

static WI_COLD void
show_refused(const struct wi_producer *producer, uint32_t topic, uint32_t size, weir_status status)
{
	WI_PROBE_PUBLISH_REFUSED(producer->source, topic, topic_name(producer, topic), size, status);
}

/* A refusal, before it is counted and the call ends. topic 0: it is not known. */
static inline void
trace_refused(const struct wi_producer *producer, uint32_t topic, uint32_t size, weir_status status)
{
	if (WI_PROBE_ON(publish__refused))
		show_refused(producer, topic, size, status);
}

static weir_status
refuse(struct wi_producer *producer, uint64_t *counter, weir_status status)
{
	wi_add_own(counter, 1);
	return leave(producer, status);
}

/* Everything up to `end`, `count` records, is committed. Ends the call. */
static weir_status
show(struct wi_producer *producer, uint64_t end, uint64_t count)
{
	struct weir_tail_ *tail = tail_of(producer);

	wi_store_relaxed(&tail->count, tail->count + count);
	wi_store_release(&tail->position, end);                             /* E1; E3 */
	if (producer->fences)
		wi_fence_full();
	wi_fence_local();
	if (wi_load_relaxed(producer->hot.parked) & 1)
		wi_wake_one(producer->wake);
	idle(producer);
	return WEIR_OK;
}

weir_status
weir_refuse_(weir_producer *handle)
{
	struct wi_producer *producer = full(handle);

	if (!producer)
		return WEIR_EINVAL;
	if (wi_producer_in_child(producer))
		return WEIR_EFORKED;
#ifndef NDEBUG
	/*
	 * A signal handler interrupts its own thread; anybody else is a second thread in one
	 * producer.
	 */
	if (wi_producer_inside(producer)) {
		uint32_t thread = wi_load_relaxed(&producer->inside_thread);

		WI_ASSERT(thread == 0 || thread == (uint32_t)syscall(SYS_gettid));
	}
#endif
	trace_refused(producer, 0, 0, WEIR_EBUSY);
	wi_add(&producer->counts.refused_busy, 1u);     /* outside: a signal handler may do the same in between */
	return WEIR_EBUSY;
}

void
weir_wake_(weir_producer *producer)
{
	wi_wake_one(full(producer)->wake);
}

/* -- room ------------------------------------------------------------------- */

/* Where a record may end, of which one wants to end at `end`. Inside. */
static uint64_t
limit_for(struct wi_producer *producer, uint64_t end)
{
	uint64_t limit = wi_producer_limit(producer);

	if (WI_LIKELY(!wi_load_relaxed(&producer->lanes->cursors_skip)) || !wi_producer_skip(producer, end))
		return limit;
	return wi_producer_limit(producer);
}

/* Takes a new limit from the cursors. Inside, and after check() saw the gate open (E5). */
static uint64_t
refresh(struct wi_producer *producer, uint64_t end)
{
	uint64_t limit = limit_for(producer, end + producer->kept) - producer->kept;

	if (!producer->slow)
		wi_store_relaxed(&producer->hot.limit, limit);
	/* A signal handler may have forked in this call: the child's limit stays 0. */
	wi_fence_local();
	if (WI_UNLIKELY(wi_producer_in_child(producer)))
		wi_store_relaxed(&producer->hot.limit, 0u);
	producer->room = limit;
	return limit;
}

/* One event to be written, checked. */
struct entry {
	uint32_t topic_flags;
	uint32_t size;
	uint64_t need;
	uint64_t time;
	uint64_t key;
	weir_origin origin;
	const weir_trace *trace;
};

static bool
topic_exists(struct wi_producer *producer, weir_topic topic)
{
	uint32_t count;

	if (topic.id - WEIR_TOPIC_FIRST_ < producer->hot.topic_count)
		return true;
	count = wi_load_acquire(&producer->lanes->topics->count) - (WEIR_TOPIC_FIRST_ - 1);     /* E8 */
	if (!producer->hops_exceeded && !producer->inherited_trace && !producer->in_replayed)
		producer->hot.topic_count = count;
	return topic.id - WEIR_TOPIC_FIRST_ < count;
}

static uint32_t
hops_of(const struct wi_producer *producer, const weir_attributes *attributes)
{
	uint32_t own = producer->hot.inherit & WEIR_HOPS_MASK_;
	uint32_t given = attributes ? attributes->hops << WEIR_HOPS_SHIFT_ : 0;

	return WI_MAX(own, given);
}

uint64_t
wi_publish_time(const struct wi_producer *producer)
{
	uint64_t time = wi_load_relaxed(producer->hot.clock);

	return time == WEIR_CLOCK_READ_ ? wi_clock_realtime() : time;
}

/* An older program's attributes end before it. */
static WI_COLD void
take_origin(const weir_attributes *attributes, weir_origin *ret_origin)
{
	if (attributes && attributes->size >= sizeof *attributes && attributes->origin)
		*ret_origin = *attributes->origin;
}

/* WEIR_OK and the entry, or the status and the counter of a refusal. */
static inline __attribute__((always_inline)) weir_status
judge(struct wi_producer *producer, weir_topic topic, const weir_attributes *attributes,
      const void *data, bool with_data, uint32_t size, struct entry *entry, uint64_t **ret_counter)
{
	weir_producer_counts *counts = &producer->counts;
	uint32_t known = WEIR_ATTRIBUTE_KEY | WEIR_ATTRIBUTE_TIME | WEIR_ATTRIBUTE_REPLAYED;

	*ret_counter = &counts->refused_closed;
	if (wi_load_relaxed(&producer->gate) & WI_GATE_CLOSED)
		return WEIR_ECLOSED;
	*ret_counter = &counts->refused_invalid;
	if (attributes && (attributes->size < offsetof(weir_attributes, origin) ||
	                   attributes->flags & ~known ||
	                   attributes->hops > WEIR_HOPS_MASK_ >> WEIR_HOPS_SHIFT_))
		return WEIR_EINVAL;
	if (!topic_exists(producer, topic) || (with_data && !data && size))
		return WEIR_EINVAL;
	*ret_counter = &counts->refused_size;
	if (size > producer->hot.size_max)
		return WEIR_ETOOBIG;
	*ret_counter = &counts->refused_hops;
	if (producer->hops_exceeded ||
	    hops_of(producer, attributes) >> WEIR_HOPS_SHIFT_ > producer->lanes->hop_count_max)
		return WEIR_ELOOP;
	*entry = (struct entry){ .size = size, .topic_flags = topic.id | hops_of(producer, attributes) };
	if (attributes) {
		entry->topic_flags |= attributes->flags & WEIR_ATTRIBUTE_KEY ? WEIR_KEY_ : 0;
		entry->topic_flags |= attributes->flags & WEIR_ATTRIBUTE_REPLAYED ? WEIR_REPLAYED_ : 0;
		entry->key = attributes->key;
	}
	entry->topic_flags |= producer->in_replayed ? WEIR_REPLAYED_ : 0;
	if (entry->topic_flags & WEIR_REPLAYED_)
		take_origin(attributes, &entry->origin);
	entry->trace = attributes && attributes->trace ? attributes->trace : producer->inherited_trace;
	entry->topic_flags |= entry->trace ? WEIR_TRACE_ : 0;
	entry->time = attributes && attributes->flags & WEIR_ATTRIBUTE_TIME ? attributes->time
	                                                                    : wi_publish_time(producer);
	entry->need = wi_record_need(size, entry->topic_flags);
	return WEIR_OK;
}

static weir_status
check(struct wi_producer *producer, weir_topic topic, const weir_attributes *attributes,
      const void *data, bool with_data, uint32_t size, struct entry *entry, uint64_t **ret_counter)
{
	weir_status status = judge(producer, topic, attributes, data, with_data, size, entry, ret_counter);

	if (status != WEIR_OK)
		trace_refused(producer, topic.id, size, status);
	return status;
}

/* What was checked is refused nevertheless. */
static inline void
trace_entry_refused(const struct wi_producer *producer, const struct entry *entry, weir_status status)
{
	trace_refused(producer, entry->topic_flags & WEIR_TOPIC_MASK_, entry->size, status);
}

static weir_event *
write_at(unsigned char *memory, const struct entry *entry)
{
	weir_event *event = (weir_event *)memory;
	unsigned char *extension = (unsigned char *)(event + 1) + WI_ROUND_UP((uint64_t)entry->size, 8ull);

	event->size = entry->size;
	event->topic_flags = entry->topic_flags;
	event->time = entry->time;
	if (entry->topic_flags & WEIR_KEY_) {
		memcpy(extension, &entry->key, sizeof entry->key);
		extension += sizeof entry->key;
	}
	if (entry->topic_flags & WEIR_REPLAYED_) {
		memcpy(extension, &entry->origin, sizeof entry->origin);
		extension += sizeof entry->origin;
	}
	if (entry->topic_flags & WEIR_TRACE_)
		memcpy(extension, entry->trace, sizeof *entry->trace);
	return event;
}

/* Where a record may end. In a slow producer hot.limit is 0 for good and `room` takes its place. */
static uint64_t
limit_of(const struct wi_producer *producer)
{
	return producer->slow ? producer->room : wi_load_relaxed(&producer->hot.limit);
}

/* Room in the ring up to `end`, by a new limit if need be. */
static bool
fits(struct wi_producer *producer, uint64_t end)
{
	return end <= limit_of(producer) || end <= refresh(producer, end);
}

static weir_event *
write_in_ring(struct wi_producer *producer, uint64_t position, const struct entry *entry)
{
	uint64_t *record = weir_record_(&producer->hot, position);

	weir_ask_ahead_(record, position + entry->need, WI_MAX(producer->room, position + entry->need));
	return write_at((unsigned char *)record, entry);
}

static bool
disabled(const struct wi_producer *producer)
{
	return wi_load_relaxed(&producer->gate) & WI_GATE_DISABLED;
}

/* The ring is full. counted: it is one more refusal, and not one more try of a publish that waits. */
static WI_COLD weir_status
refuse_full(struct wi_producer *producer, const struct entry *entry, bool counted)
{
	struct wi_lane *lane = producer->lane;
	struct wi_lanes *lanes = producer->lanes;

	if (wi_full_refused(&lane->full, tail_of(producer)->count) && lanes->blame)
		lanes->blame(lanes, lane, producer->slowest);
	if (counted)
		trace_entry_refused(producer, entry, WEIR_EFULL);
	wi_add_own(&producer->counts.refused_full, counted);
	return leave(producer, WEIR_EFULL);
}

/* -- publish ---------------------------------------------------------------- */

static weir_status
publish_inside(struct wi_producer *producer, weir_topic topic, const weir_attributes *attributes,
               const void *data, uint32_t size, bool count_full)
{
	uint64_t *counter, position;
	struct entry entry;
	weir_event *event;
	weir_status status;

	if (!inside(producer))
		return WEIR_EFORKED;
	status = check(producer, topic, attributes, data, true, size, &entry, &counter);
	if (status != WEIR_OK)
		return refuse(producer, counter, status);
	if (disabled(producer))
		return refuse(producer, &producer->counts.discarded, WEIR_OK);
	position = tail_of(producer)->position;
	if (!fits(producer, position + entry.need))
		return refuse_full(producer, &entry, count_full);
	event = write_in_ring(producer, position, &entry);
	if (size)
		memcpy(event + 1, data, size);
	return show(producer, position + entry.need, 1);
}

weir_status
weir_publish_slow_(weir_producer *producer, weir_topic topic, const void *data, uint32_t size)
{
	return publish_inside(full(producer), topic, NULL, data, size, true);
}

/* As weir_publish() begins: false if it is refused. */
static bool
enter(struct wi_producer *producer)
{
	if (!producer || wi_load_relaxed(&tail_of(producer)->open.state))
		return false;
	wi_store_relaxed(&tail_of(producer)->open.state, (uint64_t)WEIR_INSIDE_);
	wi_fence_local();
	return true;
}

weir_status
weir_publish_with(weir_producer *producer, weir_topic topic, const weir_attributes *attributes,
                  const void *data, uint32_t size)
{
	if (!enter(full(producer)))
		return weir_refuse_(producer);
	return publish_inside(full(producer), topic, attributes, data, size, true);
}

weir_status
wi_publish_try(struct wi_producer *producer, weir_topic topic, const weir_attributes *attributes,
               const void *data, uint32_t size)
{
	if (!enter(producer))
		return weir_refuse_(&producer->hot);
	return publish_inside(producer, topic, attributes, data, size, false);
}

void
wi_publish_count_full(struct wi_producer *producer, weir_topic topic, uint32_t size)
{
	trace_refused(producer, topic.id, size, WEIR_EFULL);
	wi_add(&producer->counts.refused_full, 1u);     /* outside, as above */
}

weir_status
wi_publish_failure(struct wi_producer *producer, uint32_t hops, const weir_trace *trace,
                   const weir_failure *failure, const void *data)
{
	uint32_t most = WEIR_HOPS_MASK_ >> WEIR_HOPS_SHIFT_;
	struct entry entry = {
		.topic_flags = WI_TOPIC_FAILED | WI_MIN(hops, most) << WEIR_HOPS_SHIFT_ |
		               (trace ? WEIR_TRACE_ : 0),
		.size = failure->size + failure->payload_copied,
		.trace = trace,
	};
	uint64_t position;
	unsigned char *payload;

	if (!enter(producer))
		return weir_refuse_(&producer->hot);
	if (!inside(producer))
		return WEIR_EFORKED;
	entry.time = wi_publish_time(producer);
	entry.need = wi_record_need(entry.size, entry.topic_flags);
	position = tail_of(producer)->position;
	/* Up to the cursors themselves, and past the gates: what is shut is the way for others. */
	if (position + entry.need > limit_for(producer, position + entry.need))
		return refuse_full(producer, &entry, true);
	payload = (unsigned char *)(write_in_ring(producer, position, &entry) + 1);
	memcpy(payload, failure, failure->size);
	if (failure->payload_copied)
		memcpy(payload + failure->size, data, failure->payload_copied);
	return show(producer, position + entry.need, 1);
}

/* -- several at once -------------------------------------------------------- */

/*
 * From here on they are written past the caches: with stores of whole lines that nobody fetches
 * first. What is gained for each line is spent once, on waiting until they have left.
 */
enum { PAST_CACHES_MIN = 4096 };

/* With a key, a trace or an origin: record by record. Others: 16 bytes at a time. */
enum way { EXTENDED, PLAIN, PAST_CACHES };

/* What they have in common. */
struct many {
	const weir_item *items;
	uint32_t count;
	uint32_t flags;
	uint32_t topic_count;
	uint64_t overhead, time;
	const weir_trace *trace;        /* inherited */
};

static void
write_extended(const struct many *many, const weir_item *item, void *record)
{
	struct entry entry = {
		.topic_flags = item->topic.id | many->flags, .size = item->size, .time = many->time,
		.trace = many->trace,
	};
	weir_event *event = write_at(record, &entry);

	if (item->size)
		memcpy(event + 1, item->data, item->size);
}

#if defined(__SSE2__)
static inline __attribute__((always_inline)) void
store(__m128i *to, __m128i value, bool past)
{
	if (past)
		_mm_stream_si128(to, value);
	else
		_mm_store_si128(to, value);
}

/* The last bytes are filled up with zeros. */
static inline __attribute__((always_inline)) void
write_item(uint64_t time, uint32_t flags, const weir_item *item, uint32_t size, void *record, bool past)
{
	const unsigned char *from = item->data;
	__m128i *to = record, last;
	uint32_t left = size;

	store(to++, _mm_set_epi64x((long long)time, (long long)weir_header_(left, item->topic.id | flags)), past);
	for (; left >= 2 * sizeof *to; left -= (uint32_t)(2 * sizeof *to), from += 2 * sizeof *to) {
		store(to++, _mm_loadu_si128((const __m128i *)from), past);
		store(to++, _mm_loadu_si128((const __m128i *)from + 1), past);
	}
	if (left & sizeof *to) {
		store(to++, _mm_loadu_si128((const __m128i *)from), past);
		from += sizeof *to;
	}
	left %= sizeof *to;
	if (left) {
		last = _mm_setzero_si128();
		memcpy(&last, from, left);
		store(to, last, past);
	}
}

/* Such stores are ordered with nothing, not even by a release: E1 begins here. */
static void
end_past_caches(void)
{
	_mm_sfence();
}
#else
static void
write_item(uint64_t time, uint32_t flags, const weir_item *item, uint32_t size, void *record, bool past)
{
	weir_event *event = record;

	(void)past;
	event->size = size;
	event->topic_flags = item->topic.id | flags;
	event->time = time;
	if (size)
		memcpy(event + 1, item->data, size);
}

static void
end_past_caches(void)
{
}
#endif

/*
 * Checked where it is written: nobody sees it before the tail says so. False: it is wrong.
 * need: what it takes; room: from its record to the limit.
 */
static inline __attribute__((always_inline)) bool
write_one(const struct many *many, const weir_item *item, uint32_t size, uint64_t need, uint64_t room,
          unsigned char *record, enum way way)
{
	enum { LINE = 64 };

	if (WI_UNLIKELY(item->topic.id - WEIR_TOPIC_FIRST_ >= many->topic_count || (!item->data && size)))
		return false;
	for (uint64_t at = 0; way != PAST_CACHES && at < need; at += LINE)
		weir_ask_ahead_((uint64_t *)(record + at), need, room);
	if (way == EXTENDED)
		write_extended(many, item, record);
	else
		write_item(many->time, many->flags, item, size, record, way == PAST_CACHES);
	return true;
}

/*
 * Those of one size that follow each other, up to where the buffer starts over: the compiler makes a
 * loop in which all that follows from the size is known. Returns the first that is not written.
 */
static inline __attribute__((always_inline)) const weir_item *
write_alike(const struct many *many, const weir_item *item, uint64_t need, uint64_t room,
            unsigned char *record, const unsigned char *over, enum way way)
{
	const weir_item *const last = many->items + many->count;
	const unsigned char *end = record + room, *furthest = WI_MIN(end - need, over - 1);
	const uint32_t size = item->size;

	do {
		if (!write_one(many, item, size, need, (uint64_t)(end - record), record, way))
			break;
		record += need;
		item++;
	} while (item < last && item->size == size && record <= furthest);
	return item;
}

/* All are forgotten if one of them is wrong or does not fit. Where they end, or 0. */
static inline __attribute__((always_inline)) uint64_t
write_all(const struct wi_producer *producer, const struct many *many, uint64_t position, enum way way)
{
	const struct many copy = *many;         /* which the stores do not alias */
	const weir_item *item = copy.items, *const last = item + copy.count;
	const uint64_t limit = limit_of(producer), mask = producer->hot.mask;
	const uint32_t size_max = producer->hot.size_max;
	unsigned char *const bytes = producer->hot.bytes;

	while (item < last) {
		const weir_item *first = item;
		uint64_t need = wi_record_round(item->size, copy.overhead);
		unsigned char *record = bytes + (position & mask);

		if (WI_UNLIKELY(item->size > size_max || position + need > limit))
			break;
		if (last - item > 1 && item[1].size == item->size)
			item = write_alike(&copy, item, need, limit - position, record, bytes + mask + 1, way);
		else
			item += write_one(&copy, item, item->size, need, limit - position, record, way);
		if (WI_UNLIKELY(item == first))
			break;
		position += (uint64_t)(item - first) * need;
	}
	/* Also behind those that are forgotten: the next ones will lie in their place. */
	if (way == PAST_CACHES)
		end_past_caches();
	return item == last ? position : 0;
}

/* What they take if all are as long as the first. */
static uint64_t
about(const struct many *many)
{
	return many->count * wi_record_round(many->items->size, many->overhead);
}

static uint64_t
write_many(const struct wi_producer *producer, const struct many *many, uint64_t position)
{
	if (many->flags & WI_RECORD_LONGEST)
		return write_all(producer, many, position, EXTENDED);
	if (about(many) < PAST_CACHES_MIN)
		return write_all(producer, many, position, PLAIN);
	return write_all(producer, many, position, PAST_CACHES);
}

/* The first tells what holds for all: the gate, hops, a trace, the time. */
static weir_status
judge_first(struct wi_producer *producer, struct many *many, uint64_t **ret_counter)
{
	struct entry entry;
	weir_status status;

	*ret_counter = &producer->counts.refused_invalid;
	if (!many->items)
		return WEIR_EINVAL;
	status = judge(producer, many->items->topic, NULL, many->items->data, true, many->items->size, &entry,
	               ret_counter);
	if (status != WEIR_OK)
		return status;
	many->flags = entry.topic_flags & ~WEIR_TOPIC_MASK_;
	many->overhead = wi_record_overhead(many->flags);
	many->time = entry.time;
	many->trace = entry.trace;
	many->topic_count = wi_load_acquire(&producer->lanes->topics->count) - (WEIR_TOPIC_FIRST_ - 1);   /* E8 */
	return WEIR_OK;
}

/* WEIR_OK and what they need together, or the status and the counter of a refusal of them all. */
static WI_COLD weir_status
judge_each(struct wi_producer *producer, const struct many *many, uint64_t *ret_need, uint64_t **ret_counter)
{
	weir_producer_counts *counts = &producer->counts;

	*ret_need = 0;
	for (uint32_t i = 0; i < many->count; i++) {
		const weir_item *item = &many->items[i];

		*ret_counter = &counts->refused_invalid;
		if (item->topic.id - WEIR_TOPIC_FIRST_ >= many->topic_count || (!item->data && item->size))
			return WEIR_EINVAL;
		*ret_counter = &counts->refused_size;
		if (item->size > producer->hot.size_max)
			return WEIR_ETOOBIG;
		*ret_need += wi_record_round(item->size, many->overhead);
	}
	return *ret_need <= producer->hot.mask + 1 - producer->kept ? WEIR_OK : WEIR_ETOOBIG;
}

/* Each of them. Ends the call. */
static weir_status
refuse_many(struct wi_producer *producer, const struct many *many, uint64_t *counter, weir_status status)
{
	trace_refused(producer, 0, 0, status);
	wi_add_own(counter, many->count);
	return leave(producer, status);
}

/* They were not written as they came: because of one of them, or for want of room, or they are not to be. */
static WI_COLD weir_status
publish_many_slowly(struct wi_producer *producer, const struct many *many)
{
	uint64_t *counter, position = tail_of(producer)->position, need;
	struct entry first = { .topic_flags = many->items->topic.id, .size = many->items->size };
	weir_status status = judge_each(producer, many, &need, &counter);

	if (status != WEIR_OK)
		return refuse_many(producer, many, counter, status);
	if (disabled(producer))
		return refuse_many(producer, many, &producer->counts.discarded, WEIR_OK);
	if (fits(producer, position + need) && write_many(producer, many, position))
		return show(producer, position + need, many->count);
	wi_add_own(&producer->counts.refused_full, many->count - 1);
	return refuse_full(producer, &first, true);
}

static weir_status
publish_many_inside(struct wi_producer *producer, struct many *many)
{
	weir_status status;
	uint64_t *counter, position, end = 0;

	if (!inside(producer))
		return WEIR_EFORKED;
	position = tail_of(producer)->position;
	status = judge_first(producer, many, &counter);
	if (status != WEIR_OK)
		return refuse_many(producer, many, counter, status);
	/* Not begun where they are likely not to fit: in a full ring that would be done again and again. */
	if (!disabled(producer) && position + about(many) <= limit_of(producer))
		end = write_many(producer, many, position);
	if (WI_UNLIKELY(!end))
		return publish_many_slowly(producer, many);
	return show(producer, end, many->count);
}

weir_status
weir_publish_many(weir_producer *producer, const weir_item *items, uint32_t count)
{
	struct many many = { .items = items, .count = count };
	weir_status status;

	if (producer && count == 0)
		return WEIR_OK;
	if (enter(full(producer)))
		return publish_many_inside(full(producer), &many);
	status = weir_refuse_(producer);
	if (status == WEIR_EBUSY)
		wi_add(&full(producer)->counts.refused_busy, count - 1ull);
	return status;
}

/* -- reserve, trim, commit, abort ------------------------------------------- */

static uint64_t
header_of(const weir_event *event)
{
	return weir_header_(event->size, event->topic_flags);
}

/* Where open reservations end. */
static uint64_t
open_end(const struct wi_producer *producer)
{
	const struct weir_tail_ *tail = producer->hot.tail;

	return tail->position + WEIR_TAKEN_(tail->open.state) + WEIR_TAKEN_(producer->hot.more.state);
}

/* One reservation more, which takes so much of the ring. Ends the call. */
static weir_status
open_one(struct wi_producer *producer, const weir_event *event, uint64_t taken)
{
	struct weir_tail_ *tail = tail_of(producer);
	struct weir_open_ *open = WEIR_COUNT_(tail->open.state) ? &producer->hot.more : &tail->open;
	uint64_t before = open->state & ~(uint64_t)WEIR_INSIDE_;

	wi_store_relaxed(&open->header, header_of(event));
	if (open == &producer->hot.more)
		wi_store_relaxed(&producer->hot.more_start, open_end(producer));
	nobody_inside(producer);
	wi_store_release(&open->state, before + WEIR_ONE_ + taken);  /* E5 */
	return WEIR_OK;
}

static uint64_t
open_count(const struct wi_producer *producer)
{
	return WEIR_COUNT_(producer->hot.tail->open.state) + WEIR_COUNT_(producer->hot.more.state);
}

/* The reservation made last, and those with it. */
static struct weir_open_ *
last_open(struct wi_producer *producer)
{
	return WEIR_COUNT_(producer->hot.more.state) ? &producer->hot.more : &tail_of(producer)->open;
}

/* What is noted of the record reserved last. */
static weir_event
last_reserved(struct wi_producer *producer)
{
	weir_event event;

	memcpy(&event, &last_open(producer)->header, sizeof(uint64_t));
	event.time = 0;
	return event;
}

static bool
is_written(struct wi_producer *producer)
{
	return producer->scratch_count || weir_is_written_(&producer->hot, WEIR_COUNT_(producer->hot.more.state));
}

/* While the bus is disabled, what would be accepted lies beside the ring and is thrown away. */
static weir_status
reserve_scratch(struct wi_producer *producer, const struct entry *entry, void **ret_data)
{
	weir_event *event;

	if (entry->need > producer->scratch_size - producer->scratch_used) {
		trace_entry_refused(producer, entry, WEIR_EFULL);
		return refuse(producer, &producer->counts.refused_full, WEIR_EFULL);
	}
	event = write_at(producer->scratch + producer->scratch_used, entry);
	*ret_data = event + 1;
	producer->scratch_last = producer->scratch_used;
	producer->scratch_used += entry->need;
	producer->scratch_count++;
	/*
	 * Who disables may not have come to it yet: until these are committed nothing goes into the
	 * ring.
	 */
	wi_store_relaxed(&producer->hot.limit, 0u);
	return open_one(producer, event, 0);
}

weir_status
weir_reserve_slow_(weir_producer *handle, weir_topic topic, const weir_attributes *attributes,
                   uint32_t size, void **ret_data)
{
	struct wi_producer *producer = full(handle);
	weir_event *event;
	uint64_t *counter;
	struct entry entry;
	weir_status status;

	if (!inside(producer))
		return WEIR_EFORKED;
	status = check(producer, topic, attributes, NULL, false, size, &entry, &counter);
	if (status == WEIR_OK && !ret_data) {
		counter = &producer->counts.refused_invalid;
		status = WEIR_EINVAL;
		trace_entry_refused(producer, &entry, status);
	}
	if (status == WEIR_OK && WEIR_COUNT_(handle->tail->open.state) && !is_written(producer)) {
		counter = &producer->counts.refused_busy;
		status = WEIR_EBUSY;
		trace_entry_refused(producer, &entry, status);
	}
	if (status != WEIR_OK)
		return refuse(producer, counter, status);
	if (disabled(producer) || producer->scratch_count)
		return reserve_scratch(producer, &entry, ret_data);
	if (!fits(producer, open_end(producer) + entry.need))
		return refuse_full(producer, &entry, true);
	event = write_in_ring(producer, open_end(producer), &entry);
	*ret_data = event + 1;
	return open_one(producer, event, entry.need);
}

/* As weir_commit() begins: false if nothing is open, or somebody is inside. */
static bool
enter_open(struct wi_producer *producer)
{
	struct weir_tail_ *tail = producer ? tail_of(producer) : NULL;
	uint64_t state = tail ? wi_load_relaxed(&tail->open.state) : 0;

	if (!state || wi_producer_inside(producer))
		return false;
	wi_store_relaxed(&tail->open.state, state | WEIR_INSIDE_);
	wi_fence_local();
	return true;
}

/* Makes the event smaller and moves what follows its payload. What it takes then. */
static uint64_t
trim_event(weir_event *event, uint32_t size)
{
	struct entry entry = { .size = size, .topic_flags = event->topic_flags, .time = event->time };
	weir_trace trace;

	weir_event_key(event, &entry.key);
	if (weir_event_trace(event))
		entry.trace = memcpy(&trace, weir_event_trace(event), sizeof trace);
	if (weir_event_origin(event))
		entry.origin = *weir_event_origin(event);
	write_at((unsigned char *)event, &entry);
	return wi_record_length(event);
}

void
weir_trim(weir_producer *handle, uint32_t size)
{
	struct wi_producer *producer = full(handle);
	weir_event last, *event;
	struct weir_open_ *open;
	uint64_t taken;

	if (!enter_open(producer))
		return;
	last = last_reserved(producer);
	taken = wi_record_length(&last);
	event = (weir_event *)(producer->scratch_count ? producer->scratch + producer->scratch_last
	                       : (unsigned char *)weir_record_(handle, open_end(producer) - taken));
	if (size < last.size && is_written(producer)) {
		taken -= trim_event(event, size);
		open = last_open(producer);
		open->header = header_of(event);
		if (producer->scratch_count)
			producer->scratch_used -= taken;
		else
			wi_store_relaxed(&open->state, open->state - taken);
	}
	leave(producer, WEIR_OK);
}

/* Takes back all open reservations and counts each of them. */
static weir_status
drop_reservations(struct wi_producer *producer, uint64_t *counter, weir_status status)
{
	wi_add_own(counter, open_count(producer));
	producer->scratch_used = producer->scratch_count = 0;
	idle(producer);
	return status;
}

weir_status
weir_commit_slow_(weir_producer *handle)
{
	struct wi_producer *producer = full(handle);

	if (!inside(producer))
		return WEIR_EFORKED;
	if (wi_load_relaxed(&producer->gate) & WI_GATE_CLOSED) {
		trace_refused(producer, 0, 0, WEIR_ECLOSED);
		return drop_reservations(producer, &producer->counts.refused_closed, WEIR_ECLOSED);
	}
	if (disabled(producer) || producer->scratch_count)
		return drop_reservations(producer, &producer->counts.discarded, WEIR_OK);
	if (!is_written(producer))
		return leave(producer, WEIR_EBUSY);
	return show(producer, open_end(producer), open_count(producer));
}

weir_status
weir_commit_other_(weir_producer *handle)
{
	struct wi_producer *producer = full(handle);

	if (!producer)
		return WEIR_EINVAL;
	if (wi_producer_in_child(producer))
		return WEIR_EFORKED;
	if (wi_producer_inside(producer))
		return WEIR_EBUSY;
	return wi_load_relaxed(&producer->gate) & WI_GATE_CLOSED ? WEIR_ECLOSED : WEIR_OK;
}

void
weir_abort(weir_producer *handle)
{
	struct wi_producer *producer = full(handle);

	if (enter_open(producer))
		drop_reservations(producer, &producer->counts.aborted, WEIR_OK);
}

/* -- what is inherited ------------------------------------------------------ */

void
wi_publish_inherit(struct wi_producer *producer, uint32_t hops, const weir_trace *trace, bool replayed)
{
	producer->hops_exceeded = hops > producer->lanes->hop_count_max;
	producer->inherited_trace = trace;
	producer->in_replayed = replayed;
	producer->hot.inherit = WI_MIN(hops, WEIR_HOPS_MASK_ >> WEIR_HOPS_SHIFT_) << WEIR_HOPS_SHIFT_;
	/* The fast path then knows no topic, and the slow one does the rest. */
	if (producer->hops_exceeded || trace || replayed)
		producer->hot.topic_count = 0;
}
