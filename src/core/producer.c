/* SPDX-License-Identifier: MIT */
/* producer.c - see producer.h. */
#include "core/producer.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "core/record.h"

/*
 * Opening and closing producers, and buses that end meanwhile; of the process, since a handle may
 * outlive its bus.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* This thread's own producers, of all buses. */
static __thread struct wi_producer *own_producers;
static pthread_key_t own_key;
static pthread_once_t own_once = PTHREAD_ONCE_INIT;
static bool own_key_made;

/*
 * Not 0: a limit of 0 is below every position where a record may end. A whole line, so that records
 * whose size divides a line never lie in two.
 */
enum { FIRST_POSITION = WI_LINE };

/*
 * How much of the producer lies in the page that is wiped in a child; the rest is in the next one.
 * There nothing of it is in the page's first line, where the tail lies in the ring's: processors
 * compare the low 12 bits of a load's address with those of stores that have not left yet, and a
 * load of the producer would wait for each store to the tail.
 */
enum { WIPED = WI_LINE };

static_assert(offsetof(struct weir_producer, alive) < WIPED, "the front is wiped");
static_assert(offsetof(struct weir_producer, tail) == 2 * WI_LINE, "the pointers are not");

/* Of a dispatcher's ring, for failure events: some of them even in the least ring. */
enum { KEPT_FRACTION = 8 };

weir_status
wi_lanes_init(struct wi_lanes *lanes, uint32_t user_count_max)
{
	lanes->user_count_max = user_count_max;
	lanes->lane = wi_memory_take((user_count_max + (size_t)WI_PRODUCER_INTERNAL_MAX) * sizeof *lanes->lane);
	return lanes->lane ? WEIR_OK : WEIR_ENOMEM;
}

/* -- limit ------------------------------------------------------------------ */

uint64_t
wi_producer_limit(struct wi_producer *producer)
{
	const struct wi_cursor *cursor = producer->lane->ring->cursor;
	uint64_t room = producer->hot.mask + 1;
	uint64_t least = wi_load_acquire(&cursor[producer->slowest].position);      /* E2 */
	uint32_t count = wi_load_relaxed(&producer->lanes->cursor_count);

	/* Who held it last mostly still does: one line, and the others are left alone. */
	if (least != WI_CURSOR_UNUSED && least + room <= wi_load_relaxed(&producer->hot.limit))
		return least + room;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t position = wi_load_acquire(&cursor[i].position);           /* E2 */

		if (position < least) {
			least = position;
			producer->slowest = i;
		}
	}
	return least == WI_CURSOR_UNUSED ? wi_load_relaxed(&producer->hot.tail->position) + room : least + room;
}

/*
 * In the older of the two notes: the other one stays whole as long as the cursor stands where it
 * says (E11).
 */
static void
note_skip(struct wi_cursor *cursor, const struct weir_tail_ *tail)
{
	struct wi_note *note = &cursor->skip[cursor->skip[0].position > cursor->skip[1].position];

	wi_store_relaxed(&note->position, tail->position);
	wi_store_release(&note->sequence, tail->count);
}

/*
 * Moves one to the tail if it is in the way. A try fails only because the dispatcher has moved on,
 * by an event at least; after some, who publishes is to ask again later.
 */
static void
skip_one(struct wi_cursor *cursor, const struct weir_tail_ *tail, uint64_t end, uint64_t room)
{
	enum { TRIES = 4 };

	for (int i = 0; i < TRIES; i++) {
		uint64_t position = wi_load_acquire(&cursor->position);

		if (position == WI_CURSOR_UNUSED || position == tail->position ||
		    (position + room >= end && tail->position - position <= room / 4 * 3))
			return;
		if (i == 0)
			note_skip(cursor, tail);
		if (wi_cas(&cursor->position, &position, tail->position))               /* E11 */
			return;
	}
}

bool
wi_producer_skip(struct wi_producer *producer, uint64_t end)
{
	struct wi_cursor *cursor = producer->lane->ring->cursor;
	uint32_t skip = wi_load_acquire(&producer->lanes->cursors_skip);
	uint32_t count = wi_load_relaxed(&producer->lanes->cursor_count);
	uint64_t room = producer->hot.mask + 1;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t position = wi_load_acquire(&cursor[i].position);           /* E2 */

		if (!(skip & 1u << i) && position != WI_CURSOR_UNUSED && position + room < end)
			return false;
	}
	for (uint32_t left = skip; left; left &= left - 1)
		skip_one(&cursor[__builtin_ctz(left)], producer->hot.tail, end, room);
	return skip != 0;
}

/* -- opening ---------------------------------------------------------------- */

static void
show_cursors(struct wi_ring *ring, uint32_t cursors, uint64_t position)
{
	for (; cursors; cursors &= cursors - 1) {
		struct wi_cursor *cursor = &ring->cursor[__builtin_ctz(cursors)];

		wi_store_release(&cursor->done, position);                          /* E2 */
		wi_store_release(&cursor->position, position);                      /* E2 */
	}
}

static bool
drained(const struct wi_lane *lane)
{
	uint64_t tail = wi_load_relaxed(&lane->ring->tail.position);

	for (int i = 0; i < WI_CURSOR_COUNT_MAX; i++) {
		uint64_t done = wi_load_acquire(&lane->ring->cursor[i].done);               /* E2 */

		if (done != WI_CURSOR_UNUSED && done != tail)
			return false;
	}
	return true;
}

static int
size_index(uint32_t ring_size)
{
	return __builtin_ctz(ring_size / WI_RING_SIZE_MIN);
}

static struct wi_lane *
find_free_lane(struct wi_lanes *lanes, uint32_t ring_size, bool onward, bool other_size)
{
	for (uint32_t i = 0; i < lanes->count; i++) {
		struct wi_lane *lane = lanes->lane[i];

		if (lane->state == WI_LANE_CLOSED && lane->onward == onward &&
		    (lane->ring->size != ring_size) == other_size && drained(lane))
			return lane;
	}
	return NULL;
}

/* The same positions in a ring of another size. The old one stays mapped: see wi_lane.old_rings. */
static weir_status
change_ring(struct wi_lane *lane, uint32_t ring_size)
{
	struct wi_ring **place = &lane->old_rings[size_index(ring_size)], *ring = *place;

	if (!ring && !(ring = wi_ring_create(ring_size)))
		return WEIR_ENOMEM;
	*place = NULL;
	/*
	 * Somebody who loaded lane->ring long ago may still look at this one: cursors before the
	 * tail.
	 */
	for (int i = 0; i < WI_CURSOR_COUNT_MAX; i++)
		show_cursors(ring, 1u << i, wi_load_acquire(&lane->ring->cursor[i].done));
	wi_store_relaxed(&ring->tail.open.state, 0u);
	wi_store_relaxed(&ring->tail.count, lane->ring->tail.count);
	wi_store_release(&ring->tail.position, lane->ring->tail.position);          /* E1 */
	lane->old_rings[size_index(lane->ring->size)] = lane->ring;
	wi_store_release(&lane->ring, ring);    /* E8 */
	return WEIR_OK;
}

static struct wi_producer *
map_producer(uint32_t ring_size)
{
	size_t scratch = (size_t)ring_size + wi_ring_payload_max(ring_size);
	size_t page = wi_memory_page(), size = 2 * page + scratch;
	unsigned char *mapping = wi_memory_map(size, WI_MAP_LAZY);
	struct wi_producer *producer;

	static_assert(sizeof *producer - WIPED <= 4096, "the producer fits its pages");
	if (!mapping)
		return NULL;
	if (!wi_memory_wipe_in_child(mapping, page)) {
		wi_memory_unmap(mapping, size);
		return NULL;
	}
	producer = (struct wi_producer *)(mapping + page - WIPED);
	producer->mapping_size = size;
	producer->scratch = mapping + 2 * page;
	producer->scratch_size = scratch;
	return producer;
}

static void
unmap_producer(struct wi_producer *producer)
{
	if (producer)
		wi_memory_unmap((unsigned char *)producer + WIPED - wi_memory_page(), producer->mapping_size);
}

static struct wi_lane *
create_lane(struct wi_lanes *lanes, uint32_t ring_size, bool onward)
{
	struct wi_lane *lane = wi_memory_lines(sizeof *lane);

	if (!lane)
		return NULL;
	lane->ring = wi_ring_create(ring_size);
	if (!lane->ring) {
		wi_memory_give(lane);
		return NULL;
	}
	lane->index = lanes->count;
	lane->onward = onward;
	lane->ring->tail.position = FIRST_POSITION;
	show_cursors(lane->ring, lanes->cursors_used, FIRST_POSITION);
	for (uint32_t used = lanes->cursors_used; used; used &= used - 1)
		lane->lease[__builtin_ctz(used)].position = FIRST_POSITION;
	return lane;
}

static void
destroy_lane(struct wi_lane *lane)
{
	wi_ring_destroy(lane->ring);
	for (size_t i = 0; i < WI_COUNT(lane->old_rings); i++)
		wi_ring_destroy(lane->old_rings[i]);
	wi_memory_give(lane);
}

/* A lane without a producer: a used one, or a new one (not yet in the list). */
static weir_status
get_lane(struct wi_lanes *lanes, uint32_t ring_size, enum wi_producer_kind kind, struct wi_lane **ret_lane)
{
	bool onward = kind == WI_PRODUCER_DISPATCHER;
	struct wi_lane *lane = find_free_lane(lanes, ring_size, onward, false);
	bool room = onward ? lanes->internal_count < WI_PRODUCER_INTERNAL_MAX
	                                           : lanes->user_count < lanes->user_count_max;

	if (!lane && room)
		lane = create_lane(lanes, ring_size, onward);
	else if (!lane && (lane = find_free_lane(lanes, ring_size, onward, true))) {
		weir_status status = change_ring(lane, ring_size);

		if (status != WEIR_OK)
			return status;
	} else if (!lane) {
		return WEIR_ELIMIT;
	}
	*ret_lane = lane;
	return lane ? WEIR_OK : WEIR_ENOMEM;
}

static const uint64_t *
clock_of(const struct wi_lanes *lanes)
{
	return lanes->clock == WEIR_CLOCK_NONE      ? &wi_wake_no_clock
	       : lanes->clock == WEIR_CLOCK_PRECISE ? &wi_wake_precise_clock
	                                            : &lanes->wake->tick;
}

static void
init_producer(struct wi_producer *producer, struct wi_lanes *lanes, struct wi_lane *lane,
              enum wi_producer_kind kind)
{
	uint64_t count = wi_load_relaxed(&lane->ring->tail.count);

	*producer = (struct wi_producer){
		.hot = {
			.bytes = wi_ring_bytes(lane->ring),
			.mask = lane->ring->size - 1,
			.tail = &lane->ring->tail,
			.clock = clock_of(lanes),
			.parked = &lanes->wake->parked,
			.size_max = wi_ring_payload_max(lane->ring->size),
			.alive = WI_PRODUCER_MAGIC,
		},
		.lanes = lanes,
		.lane = lane,
		.wake = lanes->wake,
		.kept = kind == WI_PRODUCER_DISPATCHER ? lane->ring->size / KEPT_FRACTION : 0,
		.gate = kind == WI_PRODUCER_DISPATCHER ? lanes->gate & ~(uint32_t)WI_GATE_CLOSED : lanes->gate,
		.fences = lanes->wake->publisher_fences,
		.slow = lanes->wake->publisher_fences,
		.first_sequence = count,
		.first_position = wi_load_relaxed(&lane->ring->tail.position),
		.scratch = producer->scratch,
		.scratch_size = producer->scratch_size,
		.mapping_size = producer->mapping_size,
		.kind = kind,
	};
#ifndef NDEBUG
	producer->slow = true;  /* publish_slow_() sees every call and can check it */
#endif
}

static void
add_lane(struct wi_lanes *lanes, struct wi_lane *lane, enum wi_producer_kind kind)
{
	if (lane->index < lanes->count)
		return;
	lanes->lane[lane->index] = lane;
	wi_store_release(&lanes->count, lanes->count + 1);      /* E8 */
	if (kind == WI_PRODUCER_DISPATCHER)
		lanes->internal_count++;
	else
		lanes->user_count++;
}

static weir_status
open_locked(struct wi_lanes *lanes, const weir_producer_options *options, enum wi_producer_kind kind,
            struct wi_producer **ret_producer)
{
	uint32_t ring_size = options->ring_size ? options->ring_size : lanes->ring_size;
	struct wi_producer *producer;
	struct wi_lane *lane;
	weir_status status;

	if (lanes->gate & WI_GATE_CLOSED)
		return WEIR_ECLOSED;
	status = get_lane(lanes, ring_size, kind, &lane);
	if (status != WEIR_OK)
		return status;
	producer = lane->producer ? lane->producer : map_producer(ring_size);
	if (producer && producer->scratch_size < ring_size) {
		unmap_producer(producer);
		producer = lane->producer = map_producer(ring_size);
	}
	if (!producer) {
		if (lane->index == lanes->count)
			destroy_lane(lane);
		return WEIR_ENOMEM;
	}
	init_producer(producer, lanes, lane, kind);
	lane->producer = producer;
	wi_store_relaxed(&lane->source, ++lanes->last_source);
	producer->source = lane->source;
	wi_store_relaxed(&lane->first_sequence, producer->first_sequence);
	lane->state = WI_LANE_OPEN;
	memset(&lane->full, 0, sizeof lane->full);
	for (uint32_t i = 0; i < WI_CURSOR_COUNT_MAX; i++)
		wi_store_relaxed(&lane->lease[i].most, 0u);
	snprintf(lane->name, sizeof lane->name, "%s", options->name ? options->name : "");
	add_lane(lanes, lane, kind);
	if (kind != WI_PRODUCER_DISPATCHER)
		wi_add(&lanes->open_count, 1u);
	*ret_producer = producer;
	return WEIR_OK;
}

weir_status
wi_producer_open(struct wi_lanes *lanes, const weir_producer_options *options,
                 enum wi_producer_kind kind, struct wi_producer **ret_producer)
{
	weir_status status;

	pthread_mutex_lock(&lock);
	status = open_locked(lanes, options, kind, ret_producer);
	pthread_mutex_unlock(&lock);
	return status;
}

/* -- closing ---------------------------------------------------------------- */

static void
counts_add(weir_producer_counts *sum, const weir_producer_counts *more)
{
	sum->attempted += more->attempted;
	sum->committed += more->committed;
	sum->bytes += more->bytes;
	sum->refused_full += more->refused_full;
	sum->refused_size += more->refused_size;
	sum->refused_busy += more->refused_busy;
	sum->refused_hops += more->refused_hops;
	sum->refused_closed += more->refused_closed;
	sum->refused_invalid += more->refused_invalid;
	sum->discarded += more->discarded;
	sum->aborted += more->aborted;
}

void
wi_producer_sum(const struct wi_producer *producer, weir_producer_counts *sum)
{
	const weir_producer_counts *own = &producer->counts;
	weir_producer_counts one = {
		.committed = wi_load_relaxed(&producer->hot.tail->count) - producer->first_sequence,
		.bytes = wi_load_relaxed(&producer->hot.tail->position) - producer->first_position,
		.refused_full = wi_load_relaxed(&own->refused_full),
		.refused_size = wi_load_relaxed(&own->refused_size),
		.refused_busy = wi_load_relaxed(&own->refused_busy),
		.refused_hops = wi_load_relaxed(&own->refused_hops),
		.refused_closed = wi_load_relaxed(&own->refused_closed),
		.refused_invalid = wi_load_relaxed(&own->refused_invalid),
		.discarded = wi_load_relaxed(&own->discarded),
		.aborted = wi_load_relaxed(&own->aborted),
	};

	one.attempted = one.committed + one.refused_full + one.refused_size + one.refused_busy +
	                one.refused_hops + one.refused_closed + one.refused_invalid + one.discarded +
	                one.aborted;
	counts_add(sum, &one);
}

void
wi_lanes_sum(struct wi_lanes *lanes, weir_producer_counts *sum)
{
	pthread_mutex_lock(&lock);
	counts_add(sum, &lanes->closed);
	for (uint32_t i = 0; i < lanes->count; i++)
		if (lanes->lane[i]->state == WI_LANE_OPEN)
			wi_producer_sum(lanes->lane[i]->producer, sum);
	pthread_mutex_unlock(&lock);
}

void
wi_lanes_each(struct wi_lanes *lanes, void (*visit)(void *context, const struct wi_lane *lane),
              void *context)
{
	pthread_mutex_lock(&lock);
	for (uint32_t i = 0; i < lanes->count; i++)
		visit(context, lanes->lane[i]);
	pthread_mutex_unlock(&lock);
}

static void
close_locked(struct wi_producer *producer)
{
	struct wi_lanes *lanes = producer->lanes;
	struct wi_lane *lane = producer->lane;

	if (!lanes) {
		wi_ring_destroy(producer->orphan_ring);
		unmap_producer(producer);
		return;
	}
	if (lane->state != WI_LANE_OPEN)
		return;
	weir_abort(&producer->hot);
	producer->gate |= WI_GATE_CLOSED;
	wi_store_relaxed(&producer->hot.limit, 0u);
	wi_producer_sum(producer, &lanes->closed);
	lane->state = WI_LANE_CLOSED;
	if (producer->kind != WI_PRODUCER_DISPATCHER)
		wi_sub(&lanes->open_count, 1u);
}

void
wi_producer_close(struct wi_producer *producer)
{
	if (wi_producer_in_child(producer))
		return;
	pthread_mutex_lock(&lock);
	close_locked(producer);
	pthread_mutex_unlock(&lock);
}

void
wi_lanes_orphan(struct wi_lanes *lanes, bool with_rings)
{
	pthread_mutex_lock(&lock);
	for (uint32_t i = 0; i < lanes->count; i++) {
		struct wi_lane *lane = lanes->lane[i];

		if (lane->state != WI_LANE_OPEN || lane->producer->kind == WI_PRODUCER_DISPATCHER)
			continue;
		lane->producer->lanes = NULL;
		if (with_rings) {
			lane->producer->orphan_ring = lane->ring;
			lane->ring = NULL;
			lane->producer = NULL;
		}
	}
	pthread_mutex_unlock(&lock);
}

void
wi_lanes_fini(struct wi_lanes *lanes)
{
	wi_lanes_orphan(lanes, true);
	for (uint32_t i = 0; i < lanes->count; i++) {
		unmap_producer(lanes->lane[i]->producer);
		destroy_lane(lanes->lane[i]);
	}
	wi_memory_give(lanes->lane);
	lanes->lane = NULL;
	lanes->count = 0;
}

/* -- cursors ---------------------------------------------------------------- */

/* The tail and the number of events below it, of a moment in which no call is inside. */
static void
read_tail(const struct weir_tail_ *tail, uint64_t *ret_position, uint64_t *ret_count)
{
	enum { TRIES = 1000 };
	struct wi_backoff backoff = wi_backoff_until(UINT64_MAX);
	uint32_t tries = 0;
	uint64_t state;

	for (;;) {
		*ret_count = wi_load_acquire(&tail->count);
		*ret_position = wi_load_acquire(&tail->position);                   /* E1 */
		state = wi_load_acquire(&tail->open.state);
		if (!(state & WEIR_INSIDE_) && wi_load_acquire(&tail->count) == *ret_count &&
		    wi_load_acquire(&tail->position) == *ret_position)
			return;
		/* A producer that publishes without rest is outside for a nanosecond at a time. */
		if (++tries % TRIES == 0)
			wi_backoff_wait(&backoff);
		else
			wi_pause(1);
	}
}

static void
start_cursors(struct wi_lane *lane, uint32_t cursors)
{
	uint64_t position, count;

	read_tail(&lane->ring->tail, &position, &count);
	for (uint32_t left = cursors; left; left &= left - 1)
		lane->lease[__builtin_ctz(left)] =
			(struct wi_lease){ .position = position, .sequence = count, .first = count };
	show_cursors(lane->ring, cursors, position);
}

/* So many that are not taken, as bits; 0: there are not. */
static uint32_t
free_cursors(const struct wi_lanes *lanes, uint32_t count)
{
	uint32_t cursors = 0;

	for (uint32_t i = 0; i < WI_CURSOR_COUNT_MAX && count; i++)
		if (!(lanes->cursors_taken & 1u << i)) {
			cursors |= 1u << i;
			count--;
		}
	return count ? 0 : cursors;
}

/* cursors: not 0. */
static uint32_t
one_past_last(uint32_t cursors)
{
	return 32 - (uint32_t)__builtin_clz(cursors);
}

static void
open_cursors_locked(struct wi_lanes *lanes, uint32_t cursors)
{
	for (uint32_t i = 0; i < lanes->count; i++) {
		struct wi_ring *ring = lanes->lane[i]->ring;

		show_cursors(ring, cursors, wi_load_acquire(&ring->tail.position));
	}
	lanes->cursors_taken |= cursors;
	lanes->cursors_used |= cursors;
	wi_store_release(&lanes->cursor_count, WI_MAX(lanes->cursor_count, one_past_last(cursors)));
	if (!wi_wake_fence(lanes->wake))                                                    /* E4 */
		wi_clock_sleep(WI_MILLISECOND);
	for (uint32_t i = 0; i < lanes->count; i++)
		start_cursors(lanes->lane[i], cursors);
}

bool
wi_lanes_open_cursors(struct wi_lanes *lanes, uint32_t count, bool skip, uint32_t *ret_cursors)
{
	uint32_t cursors;

	pthread_mutex_lock(&lock);
	cursors = free_cursors(lanes, count);
	if (cursors) {
		open_cursors_locked(lanes, cursors);
		/* Not before they stand where they begin: that store would put them back. */
		if (skip)
			wi_store_release(&lanes->cursors_skip, lanes->cursors_skip | cursors);
		*ret_cursors = cursors;
	}
	pthread_mutex_unlock(&lock);
	return cursors != 0;
}

void
wi_lanes_close_cursors(struct wi_lanes *lanes, uint32_t cursors, bool again)
{
	pthread_mutex_lock(&lock);
	lanes->cursors_used &= ~cursors;
	wi_store_relaxed(&lanes->cursors_skip, lanes->cursors_skip & ~cursors);
	for (uint32_t left = cursors; left; left &= left - 1)
		wi_store_relaxed(&lanes->pool[__builtin_ctz(left)], NULL);
	if (again) {
		lanes->cursors_taken &= ~cursors;
		for (uint32_t i = 0; i < lanes->count; i++)
			show_cursors(lanes->lane[i]->ring, cursors, WI_CURSOR_UNUSED);
	}
	pthread_mutex_unlock(&lock);
}

/* -- a thread's own --------------------------------------------------------- */

static void
close_own_producers(void *first)
{
	struct wi_producer *producer = first, *next;

	own_producers = NULL;
	if (wi_producer_in_child(producer))
		return;
	for (; producer; producer = next) {
		next = producer->thread_next;
		wi_producer_close(producer);
	}
}

static void
make_own_key(void)
{
	own_key_made = pthread_key_create(&own_key, close_own_producers) == 0;
}

struct wi_producer *
wi_producer_of_thread(const struct wi_lanes *lanes)
{
	struct wi_producer *producer = own_producers;

	while (producer && producer->thread_bus != lanes->serial)
		producer = producer->thread_next;
	return producer;
}

/* This thread's own of buses that are gone: nobody else can close them. */
static void
close_own_orphans(void)
{
	struct wi_producer **at = &own_producers;

	while (*at) {
		struct wi_producer *producer = *at;
		bool orphan;

		pthread_mutex_lock(&lock);
		orphan = !wi_producer_in_child(producer) && !producer->lanes;
		pthread_mutex_unlock(&lock);
		if (!orphan) {
			at = &producer->thread_next;
			continue;
		}
		*at = producer->thread_next;
		wi_producer_close(producer);
	}
}

weir_status
wi_producer_open_for_thread(struct wi_lanes *lanes, struct wi_producer **ret_producer)
{
	weir_producer_options options = WEIR_PRODUCER_OPTIONS_INIT;
	struct wi_producer *producer;
	weir_status status;

	pthread_once(&own_once, make_own_key);
	if (!own_key_made)
		return WEIR_ENOMEM;
	close_own_orphans();
	pthread_setspecific(own_key, own_producers);
	status = wi_producer_open(lanes, &options, WI_PRODUCER_THREAD, &producer);
	if (status != WEIR_OK)
		return status;
	producer->thread_bus = lanes->serial;
	producer->thread_next = own_producers;
	if (pthread_setspecific(own_key, producer) != 0) {
		wi_producer_close(producer);
		return WEIR_ENOMEM;
	}
	own_producers = producer;
	*ret_producer = producer;
	return WEIR_OK;
}

/* -- the gate --------------------------------------------------------------- */

static bool
gated(const struct wi_lane *lane, bool all)
{
	return lane->state == WI_LANE_OPEN && (all || lane->producer->kind != WI_PRODUCER_DISPATCHER);
}

static bool
wait_until_outside(const struct wi_producer *producer, uint64_t deadline)
{
	struct wi_backoff backoff = wi_backoff_until(deadline);

	while (wi_producer_inside(producer))                                /* E5 */
		if (!wi_backoff_wait(&backoff))
			return false;
	return true;
}

/* Stores 0 over the limits, fences everybody, and waits until nobody is inside. */
static bool
shut_round(struct wi_lanes *lanes, bool all, uint64_t deadline)
{
	bool done = true;

	for (uint32_t i = 0; i < lanes->count; i++)
		if (gated(lanes->lane[i], all))
			wi_store_relaxed(&lanes->lane[i]->producer->hot.limit, 0u);
	if (!wi_wake_fence(lanes->wake))                                    /* E5 */
		wi_clock_sleep(WI_MILLISECOND);
	for (uint32_t i = 0; i < lanes->count; i++)
		if (gated(lanes->lane[i], all))
			done = wait_until_outside(lanes->lane[i]->producer, deadline) && done;
	return done;
}

/*
 * Two rounds: a publisher that saw the gate open may store a limit that reaches memory after
 * our first 0, at the fence, and lets one more publish pass when that call has
 * ended. The first round waits for the call, so after it every refresh sees the gate, and
 * the second 0 stays (tests/model/close.pml).
 */
static bool
shut_locked(struct wi_lanes *lanes, uint32_t why, bool all, uint64_t deadline)
{
	lanes->gate |= why;
	for (uint32_t i = 0; i < lanes->count; i++)
		if (gated(lanes->lane[i], all))
			wi_or(&lanes->lane[i]->producer->gate, why);
	return shut_round(lanes, all, deadline) && shut_round(lanes, all, deadline);
}

bool
wi_lanes_shut(struct wi_lanes *lanes, uint32_t why, bool all, uint64_t deadline)
{
	bool done;

	pthread_mutex_lock(&lock);
	done = shut_locked(lanes, why, all, deadline);
	pthread_mutex_unlock(&lock);
	return done;
}

void
wi_lanes_unshut(struct wi_lanes *lanes, uint32_t why)
{
	pthread_mutex_lock(&lock);
	lanes->gate &= ~why;
	for (uint32_t i = 0; i < lanes->count; i++)
		if (gated(lanes->lane[i], true))
			wi_and(&lanes->lane[i]->producer->gate, ~why);
	pthread_mutex_unlock(&lock);
}
