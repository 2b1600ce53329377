/* SPDX-License-Identifier: MIT */
/*
 * test_ring.c - a tiny ring, driven by every sequence of operations, against a naive model.
 *
 * The ring holds 128 bytes, so that a few records go round it: begin at its last 16 bytes, run on
 * past its end, fill it to the last byte. The sequences, of all operations up to a depth, begin at
 * every place in the ring, near the first position, 2^32 and 2^63. After each operation everything
 * is compared: status, contents of all records that a cursor has not passed, tail, counts; what is
 * refused for want of room must really not fit.
 */
#include "unit.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "core/producer.h"
#include "core/record.h"

enum { RING = 128, RECORDS_MAX = 32, DEPTH_MAX = 16, TOPICS = 2 };

/* Where a new ring begins. Not at 0, which is the limit of a gate that is shut. */
enum { FIRST = WI_LINE };

/* Sanitizers make each step some ten times slower, so the sequences are shorter there. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { LESS = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { LESS = 1 };
#else
enum { LESS = 0 };
#endif
#else
enum { LESS = 0 };
#endif

/* -- operations ------------------------------------------------------------- */

enum op {
	PUBLISH_EMPTY, /* 16 bytes */
	PUBLISH_LARGE, /* 48 bytes: the largest payload */
	RESERVE_EMPTY,
	RESERVE_MIDDLE, /* 48 bytes, not all of them used */
	RESERVE_KEY,    /* 48 bytes with the key */
	COMMIT,
	ABORT,
	TRIM_ONE, /* to a payload of 1 byte: 32 bytes */
	TRIM_EMPTY,
	CURSOR_A, /* one record on */
	CURSOR_B,
	CURSOR_B_ALL, /* to the tail */
	DISABLE,
	ENABLE,
	CLOSE,
	OPS
};

static const char *const op_names[OPS] = {
	"publish(0)", "publish(32)", "reserve(0)", "reserve(17)", "reserve(9, key)",
	"commit",     "abort",       "trim(1)",    "trim(0)",     "A+1",
	"B+1",        "B=tail",      "disable",    "enable",      "close",
};

/* -- the model -------------------------------------------------------------- */

struct record {
	uint64_t position; /* in the ring; of a discarded one, in the scratch */
	uint32_t size, need;
	uint8_t seed;
	bool key, scratch;
};

struct model {
	struct record ring[RECORDS_MAX], scratch[RECORDS_MAX];
	uint32_t written, shown; /* records in the ring; of them, committed */
	uint32_t cursor[2];      /* index of the next record of each */
	uint64_t begin;          /* position of record 0 */
	uint32_t scratch_count;
	bool disabled, closed;
	uint64_t attempts;
	weir_producer_counts counts;
	uint8_t next_seed;
};

static uint64_t
naive_need(uint32_t size, bool key)
{
	uint64_t end = 16 + size;

	if (key) {
		while (end % 8)
			end++;
		end += 8;
	}
	while (end % 16)
		end++;
	return end;
}

static uint64_t
position_of(const struct model *model, uint32_t index)
{
	if (index == 0)
		return model->begin;
	return model->ring[index - 1].position + model->ring[index - 1].need;
}

static uint64_t
slowest(const struct model *model)
{
	uint64_t a = position_of(model, model->cursor[0]), b = position_of(model, model->cursor[1]);

	return a < b ? a : b;
}

static uint32_t
scratch_end(const struct model *model)
{
	const struct record *last;

	if (model->scratch_count == 0)
		return 0;
	last = &model->scratch[model->scratch_count - 1];
	return (uint32_t)last->position + last->need;
}

static uint32_t
open_count(const struct model *model)
{
	return model->written - model->shown + model->scratch_count;
}

/* -- the real thing --------------------------------------------------------- */

static struct wi_lanes lanes;
static struct wi_wake wake;
static struct wi_topics topics;
static struct wi_producer *producer;
static struct wi_ring *ring;
static const weir_topic topic = {WEIR_TOPIC_FIRST_};

static enum op path[DEPTH_MAX];
static unsigned path_size;
static uint64_t node_count, begun_at;

static void
say_path(void)
{
	unit_say("from position %" PRIu64 ":", begun_at);
	for (unsigned i = 0; i < path_size; i++)
		unit_say(" %s", op_names[path[i]]);
	unit_say("\n");
}

static void
fail_path(const char *condition, int line)
{
	say_path();
	_fail(condition, line);
}

/* An operation that never ends must be named, too. */
static void
hangs(int number)
{
	(void)number;
	say_path();
	_exit(1);
}

#define expect(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_path(#condition, __LINE__);                                           \
	} while (0)

struct state {
	struct wi_producer producer;
	struct weir_tail_ tail;
	uint64_t cursor[2];
	uint32_t gate;
	unsigned char bytes[2 * RING], scratch[2 * RING];
};

static void
save(struct state *state)
{
	state->producer = *producer;
	state->tail = ring->tail;
	state->cursor[0] = ring->cursor[0].position;
	state->cursor[1] = ring->cursor[1].position;
	state->gate = lanes.gate;
	memcpy(state->bytes, wi_ring_bytes(ring), sizeof state->bytes);
	memcpy(state->scratch, producer->scratch, sizeof state->scratch);
}

static void
restore(const struct state *state)
{
	*producer = state->producer;
	ring->tail = state->tail;
	ring->cursor[0].position = state->cursor[0];
	ring->cursor[1].position = state->cursor[1];
	lanes.gate = state->gate;
	memcpy(wi_ring_bytes(ring), state->bytes, sizeof state->bytes);
	memcpy(producer->scratch, state->scratch, sizeof state->scratch);
}

static int
set_up(void **state)
{
	weir_producer_options options = WEIR_PRODUCER_OPTIONS_INIT;
	uint32_t id;

	(void)state;
	memset(&lanes, 0, sizeof lanes);
	memset(&topics, 0, sizeof topics);
	memset(&wake, 0, sizeof wake);
	signal(SIGALRM, hangs);
	wi_wake_init(&wake, WEIR_FENCE_AUTO);
	assert_ok(wi_topics_init(&topics, TOPICS));
	assert_ok(wi_topics_add(&topics, "a", &id));
	wi_topics_show(&topics, id);
	lanes.ring_size = RING;
	lanes.hop_count_max = 16;
	lanes.cursor_count = 2;
	lanes.clock = WEIR_CLOCK_NONE;
	lanes.wake = &wake;
	lanes.topics = &topics;
	assert_ok(wi_lanes_init(&lanes, 4));
	assert_ok(wi_producer_open(&lanes, &options, WI_PRODUCER_USER, &producer));
	ring = producer->lane->ring;
	assert_int_equal(ring->tail.position, FIRST);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	wi_lanes_unshut(&lanes, WI_GATE_CLOSED | WI_GATE_DISABLED);
	wi_producer_close(producer);
	wi_lanes_fini(&lanes);
	wi_topics_fini(&topics);
	alarm(0);
	return 0;
}

/* As if all before had been published, handled and forgotten. */
static void
begin_at(uint64_t position, struct model *model)
{
	memset(model, 0, sizeof *model);
	model->begin = position;
	memset(wi_ring_bytes(ring), 0, 2 * RING);
	ring->tail.position = ring->cursor[0].position = ring->cursor[1].position = position;
	producer->first_position = position;
	producer->hot.limit = producer->room = 0;
	memset(&producer->counts, 0, sizeof producer->counts);
}

/* -- one operation on both -------------------------------------------------- */

static void
fill(unsigned char *bytes, uint32_t size, uint8_t seed)
{
	for (uint32_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(seed + i);
}

static weir_status
expected_status(const struct model *model, bool reserving, uint64_t need)
{
	if (!reserving && open_count(model))
		return WEIR_EBUSY;
	if (model->closed)
		return WEIR_ECLOSED;
	if (reserving && (model->disabled || model->scratch_count))
		return scratch_end(model) + need <= producer->scratch_size ? WEIR_OK : WEIR_EFULL;
	if (model->disabled)
		return WEIR_OK;
	return position_of(model, model->written) + need <= slowest(model) + RING ? WEIR_OK
										  : WEIR_EFULL;
}

static void
count_refusal(struct model *model, weir_status status)
{
	model->attempts++;
	model->counts.refused_busy += status == WEIR_EBUSY;
	model->counts.refused_closed += status == WEIR_ECLOSED;
	model->counts.refused_full += status == WEIR_EFULL;
}

static void
publish(struct model *model, uint32_t size)
{
	struct record record = {.size = size,
				.need = (uint32_t)naive_need(size, false),
				.seed = ++model->next_seed};
	weir_status status = expected_status(model, false, record.need);
	unsigned char data[32];

	fill(data, size, record.seed);
	expect(weir_publish(&producer->hot, topic, size ? data : NULL, size) == status);
	if (status != WEIR_OK) {
		count_refusal(model, status);
		return;
	}
	model->attempts++;
	if (model->disabled) {
		model->counts.discarded++;
		return;
	}
	record.position = position_of(model, model->written);
	model->ring[model->written++] = record;
	model->shown++;
	model->counts.committed++;
}

static void
reserve(struct model *model, uint32_t size, bool key)
{
	struct record record = {.size = size,
				.need = (uint32_t)naive_need(size, key),
				.key = key,
				.seed = ++model->next_seed};
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_status status = expected_status(model, true, record.need);
	void *data = NULL;

	attributes.flags = WEIR_ATTRIBUTE_KEY;
	attributes.key = record.seed;
	expect(weir_reserve(&producer->hot, topic, key ? &attributes : NULL, size, &data) ==
	       status);
	expect((data != NULL) == (status == WEIR_OK));
	if (status != WEIR_OK) {
		count_refusal(model, status);
		return;
	}
	expect((uintptr_t)data % 16 == 0);
	fill(data, size, record.seed);
	if (model->disabled || model->scratch_count) {
		record.scratch = true;
		record.position = scratch_end(model);
		model->scratch[model->scratch_count++] = record;
	} else {
		record.position = position_of(model, model->written);
		model->ring[model->written++] = record;
	}
}

static void
drop_open(struct model *model, uint64_t *counter)
{
	*counter += open_count(model);
	model->attempts += open_count(model);
	model->written = model->shown;
	model->scratch_count = 0;
}

static void
commit(struct model *model)
{
	weir_status status = model->closed ? WEIR_ECLOSED : WEIR_OK;

	expect(weir_commit(&producer->hot) == status);
	if (model->closed) {
		drop_open(model, &model->counts.refused_closed);
	} else if (model->disabled || model->scratch_count) {
		drop_open(model, &model->counts.discarded);
	} else {
		model->counts.committed += open_count(model);
		model->attempts += open_count(model);
		model->shown = model->written;
	}
}

static void
trim(struct model *model, uint32_t size)
{
	struct record *last = NULL;

	weir_trim(&producer->hot, size);
	if (model->scratch_count)
		last = &model->scratch[model->scratch_count - 1];
	else if (model->written > model->shown)
		last = &model->ring[model->written - 1];
	if (last && size < last->size) {
		last->size = size;
		last->need = (uint32_t)naive_need(size, last->key);
	}
}

static void
move_cursor(struct model *model, int which, bool all)
{
	if (all)
		model->cursor[which] = model->shown;
	else if (model->cursor[which] < model->shown)
		model->cursor[which]++;
	wi_store_release(&ring->cursor[which].position, position_of(model, model->cursor[which]));
}

static void
shut(struct model *model, uint32_t why)
{
	expect(wi_lanes_shut(&lanes, why, true, UINT64_MAX));
	if (why == WI_GATE_CLOSED)
		model->closed = true;
	else
		model->disabled = true;
}

static void
apply(struct model *model, enum op op)
{
	switch (op) {
	case PUBLISH_EMPTY:
		publish(model, 0);
		break;
	case PUBLISH_LARGE:
		publish(model, 32);
		break;
	case RESERVE_EMPTY:
		reserve(model, 0, false);
		break;
	case RESERVE_MIDDLE:
		reserve(model, 17, false);
		break;
	case RESERVE_KEY:
		reserve(model, 9, true);
		break;
	case COMMIT:
		commit(model);
		break;
	case ABORT:
		weir_abort(&producer->hot);
		drop_open(model, &model->counts.aborted);
		break;
	case TRIM_ONE:
		trim(model, 1);
		break;
	case TRIM_EMPTY:
		trim(model, 0);
		break;
	case CURSOR_A:
		move_cursor(model, 0, false);
		break;
	case CURSOR_B:
		move_cursor(model, 1, false);
		break;
	case CURSOR_B_ALL:
		move_cursor(model, 1, true);
		break;
	case DISABLE:
		shut(model, WI_GATE_DISABLED);
		break;
	case ENABLE:
		wi_lanes_unshut(&lanes, WI_GATE_DISABLED);
		model->disabled = false;
		break;
	case CLOSE:
		shut(model, WI_GATE_CLOSED);
		break;
	case OPS:
		break;
	}
}

/* -- comparing -------------------------------------------------------------- */

static void
check_record(const struct record *record, const unsigned char *bytes)
{
	const weir_event *event = (const weir_event *)bytes;
	unsigned char payload[32];
	uint64_t key = 0;

	fill(payload, record->size, record->seed);
	expect(event->size == record->size);
	expect(weir_event_topic(event).id == topic.id);
	expect(event->time == 0);
	expect(memcmp(weir_event_data(event), payload, record->size) == 0);
	expect(weir_event_key(event, &key) == record->key);
	expect(key == (record->key ? record->seed : 0));
	expect(weir_event_trace(event) == NULL);
	expect(wi_record_length(event) == record->need);
}

static void
check_counts(const struct model *model)
{
	weir_producer_counts counts = {.size = sizeof counts};
	const weir_producer_counts *expected = &model->counts;

	wi_producer_sum(producer, &counts);
	expect(counts.refused_busy == expected->refused_busy);
	expect(counts.refused_closed == expected->refused_closed);
	expect(counts.refused_full == expected->refused_full);
	expect(counts.discarded == expected->discarded);
	expect(counts.aborted == expected->aborted);
	expect(counts.committed == expected->committed);
	expect(counts.attempted == model->attempts);
	expect(counts.bytes == position_of(model, model->shown) - model->begin);
}

static void
check(const struct model *model)
{
	uint32_t first = model->cursor[0] < model->cursor[1] ? model->cursor[0] : model->cursor[1];
	uint64_t limit = producer->slow ? producer->room : producer->hot.limit;

	expect(ring->tail.position == position_of(model, model->shown));
	expect(ring->tail.count == model->counts.committed);
	/* Never leave to overwrite what a cursor has not passed. */
	expect(limit <= slowest(model) + RING);
	expect(!(model->disabled || model->closed) || producer->hot.limit == 0);
	for (uint32_t i = first; i < model->written; i++)
		check_record(&model->ring[i], wi_ring_bytes(ring) + model->ring[i].position % RING);
	for (uint32_t i = 0; i < model->scratch_count; i++)
		check_record(&model->scratch[i], producer->scratch + model->scratch[i].position);
	check_counts(model);
}

static void
move_all_cursors(void)
{
	ring->cursor[0].position = ring->cursor[1].position = ring->tail.position;
}

/* -- every sequence --------------------------------------------------------- */

/* The first `ops` that are in the set, to a depth. What changes nothing is not followed further. */
static void
explore(const struct model *before, uint32_t ops, unsigned depth)
{
	struct state state;

	save(&state);
	for (enum op op = 0; op < OPS; op++) {
		struct model model = *before;

		if (!(ops & 1u << op))
			continue;
		path[path_size++] = op;
		node_count++;
		apply(&model, op);
		check(&model);
		model.next_seed = before->next_seed + 1;
		if (depth > 1 &&
		    (model.written != before->written || model.shown != before->shown ||
		     model.cursor[0] != before->cursor[0] || model.cursor[1] != before->cursor[1] ||
		     model.scratch_count != before->scratch_count ||
		     model.disabled != before->disabled || model.closed != before->closed ||
		     position_of(&model, model.written) != position_of(before, before->written) ||
		     scratch_end(&model) != scratch_end(before)))
			explore(&model, ops, depth - 1);
		path_size--;
		restore(&state);
	}
}

static void
explore_from(uint64_t position, uint32_t ops, unsigned depth)
{
	struct model model;
	struct state state;

	path_size = 0;
	begun_at = position;
	alarm(20);
	save(&state);
	begin_at(position, &model);
	explore(&model, ops, depth);
	restore(&state);
}

/* Positions begin above 0, so that a limit of 0 lies below every end. */
static const uint64_t bases[] = {FIRST, (1ull << 32) - RING / 2, (1ull << 63) - RING / 2};

enum { RING_OPS = (1u << DISABLE) - 1 };

static void
test_ring(void **state)
{
	(void)state;
	for (size_t b = 0; b < WI_COUNT(bases); b++)
		for (uint64_t place = 0; place < RING; place += 16)
			explore_from(bases[b] + place, RING_OPS, 6 - LESS);
	print_message("# %" PRIu64 " nodes\n", node_count);
}

/* Longer, where it matters most: the first record begins 16 bytes before the end. */
static void
test_ring_deep(void **state)
{
	const uint32_t ops = RING_OPS & ~(1u << TRIM_EMPTY | 1u << CURSOR_B | 1u << RESERVE_EMPTY |
					  1u << PUBLISH_EMPTY);

	(void)state;
	node_count = 0;
	explore_from((1ull << 32) - 16, ops, 11 - 3 * LESS);
	print_message("# %" PRIu64 " nodes\n", node_count);
}

/* Disabling, enabling and closing between all others. */
static void
test_gate(void **state)
{
	const uint32_t ops = 1u << PUBLISH_LARGE | 1u << RESERVE_MIDDLE | 1u << RESERVE_KEY |
			     1u << COMMIT | 1u << ABORT | 1u << TRIM_ONE | 1u << DISABLE |
			     1u << ENABLE | 1u << CLOSE;

	(void)state;
	node_count = 0;
	explore_from((1ull << 32) - 16, ops, 6);
	explore_from(FIRST, ops, 6);
	print_message("# %" PRIu64 " nodes\n", node_count);
}

/*
 * While another thread disables the bus: the gate says so, the limit does not yet. Once a slow path
 * has put a reservation beside the ring, everything up to the commit goes there.
 */
static void
test_half_disabled(void **state)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_producer_counts counts = {.size = sizeof counts};
	unsigned char payload[17] = {0};
	uint64_t tail, before;
	void *place = payload;

	(void)state;
	attributes.flags = WEIR_ATTRIBUTE_KEY;
	for (int kind = 0; kind < 8; kind++) {
		bool keyed = kind & 1, trimmed = kind & 2, aborted = kind & 4;

		/* 32 bytes are left: too few for the first reservation, enough for the second. */
		move_all_cursors();
		for (int i = 0; i < 2; i++)
			assert_ok(weir_publish(&producer->hot, topic, place, 17));
		tail = ring->tail.position;
		counts = (weir_producer_counts){.size = sizeof counts};
		wi_producer_sum(producer, &counts);
		before = counts.discarded + counts.aborted;
		wi_or(&producer->gate, WI_GATE_DISABLED);
		assert_ok(weir_reserve(&producer->hot, topic, keyed ? &attributes : NULL,
				       keyed ? 1 : 17, &place));
		memset(place, 1, keyed ? 1 : 17);
		assert_ok(weir_reserve(&producer->hot, topic, NULL, trimmed ? 9 : 0, &place));
		if (trimmed)
			weir_trim(&producer->hot, 1);
		if (aborted)
			weir_abort(&producer->hot);
		else
			assert_ok(weir_commit(&producer->hot));
		assert_int_equal(ring->tail.position, tail);
		assert_int_equal(ring->tail.count, counts.committed);
		counts = (weir_producer_counts){.size = sizeof counts};
		wi_producer_sum(producer, &counts);
		assert_int_equal(counts.discarded + counts.aborted, before + 2);
		wi_and(&producer->gate, ~(uint32_t)WI_GATE_DISABLED);
		place = payload;
	}
}

/* Nothing was ever written behind what the longest record can reach. */
static void
test_nothing_behind(void **state)
{
	const unsigned char *bytes = wi_ring_bytes(ring);
	uint64_t end = RING + wi_record_need(wi_ring_payload_max(RING), WEIR_KEY_ | WEIR_TRACE_);

	(void)state;
	for (uint64_t i = end; (uintptr_t)(bytes + i) % 4096; i++)
		assert_int_equal(bytes[i], 0);
}

/* The limit at every distance of two cursors, and with none. */
static void
test_limit(void **state)
{
	struct state before;

	(void)state;
	save(&before);
	for (uint64_t a = 0; a <= RING; a += 16)
		for (uint64_t b = 0; b <= RING; b += 16)
			for (uint32_t slowest_before = 0; slowest_before < 2; slowest_before++) {
				uint64_t base = (1ull << 32) - 64, least = a < b ? a : b;

				ring->tail.position = base + RING;
				ring->cursor[0].position = base + a;
				ring->cursor[1].position = base + b;
				producer->slowest = slowest_before;
				producer->hot.limit = base + RING;
				assert_true(wi_producer_limit(producer) == base + least + RING);
			}
	ring->cursor[0].position = ring->cursor[1].position = WI_CURSOR_UNUSED;
	assert_true(wi_producer_limit(producer) == ring->tail.position + RING);
	restore(&before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ring, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ring_deep, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_gate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_half_disabled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_behind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limit, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
