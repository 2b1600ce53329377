/* SPDX-License-Identifier: MIT */
/*
 * queue_loops.h - the loops of all scenarios over a queue, compiled in the file that has it.
 *
 * The including file defines before
 *
 *   QUEUE_VARIANTS(X)   X(0) X(1) ...: ways to use its calls; known to the compiler in each loop
 *   QUEUE_VARIANT(load) optional: which of them, if not the wait's own number
 *   QUEUE_MANY(load)    whether three producers share one queue; else they have one each
 *   QUEUE_BATCHES       1: it has calls for several events
 *
 * and after it queue_open(), queue_close(), and, all inline, size, variant and kind being constants
 * there:
 *
 *   queue_put(end, size, variant, source, n)      up to n events of the source; how many went in
 *   queue_take(end, size, variant, kind, stage, n)     up to n events out and into
 *                                                 stage_take(); how many
 *   queue_drop(end, size, variant, n)             up to n events out; how many
 *
 * where n is the constant 1 in the single class. `end` is one thread's hold on a queue. A put that
 * answers 0 is tried again after a pause, a take after what load->wait says.
 *
 *   1p1c       producer -> 0
 *   1p3c       the producer puts each event into three queues
 *   3p1c       three queues, or one, -> 0
 *   pipeline   producer -> 0 -> 1 -> 2, each passes the event on when it has handled it
 *   diamond    the producer puts each event into two queues -> 0, 1; each passes it on -> 2, which
 *              handles an event when it has had it from both
 */
#ifndef PEERS_QUEUE_LOOPS_H
#define PEERS_QUEUE_LOOPS_H

#include <stdlib.h>
#include <string.h>

#include "team.h"
#include "work.h"

enum {
	QUEUES = 4,
	/* In a row from one of several queues, before the next is looked at. */
	QUEUE_IN_A_ROW = 256,
};

/* What a consumer does beside handling: each kind has a loop of its own. */
enum stage_kind {
	STAGE_LAST = 0,         /* handles, and no more */
	STAGE_PASSES = 1,       /* passes on */
	STAGE_JOINS = 2,        /* has each event twice */
	STAGE_TURNS = 3,        /* several queues */
};

#ifndef QUEUE_VARIANT
#define QUEUE_VARIANT(load) ((load)->wait->variant)
#endif

struct queue;

/* One thread's hold on a queue. */
struct queue_end {
	struct queue *queue;
	uint32_t lane;          /* a producer's number among those of the queue */
	uint64_t position;      /* the peer's, from 0 */
};

/* Where events to be put come from: made here, from a number on, or passed on. */
struct source {
	const struct message *passed;   /* NULL: made here */
	uint64_t number;
	uint64_t due;           /* open loop: the first word */
};

struct stage {
	struct queue_end in[PEER_PRODUCERS], join, out;
	uint32_t in_count;
	bool shares;            /* its processor */
	unsigned pauses;
	const struct routes *routes;
};

struct queue_run {
	struct queue *queues[QUEUES];
	uint32_t count;
	struct routes routes[PEER_CONSUMERS];
};

static struct queue *queue_open(const struct peer_load *load);
static void queue_close(struct queue *queue, const struct peer_load *load);

WORK_INLINE uint32_t queue_put(struct queue_end *end, const uint32_t size, const int variant,
                               const struct source *source, const uint32_t n);
WORK_INLINE uint32_t queue_take(struct queue_end *end, const uint32_t size, const int variant,
                                const int kind, struct stage *stage, const uint32_t n);
WORK_INLINE uint32_t queue_drop(struct queue_end *end, const uint32_t size, const int variant,
                                const uint32_t n);

/* -- events that go in ------------------------------------------------------ */

/* Write the source's k-th event in place. */
WORK_INLINE void
source_write(const struct source *source, const uint32_t size, struct message *to, uint32_t k)
{
	if (source->passed) {
		memcpy(to, work_at(source->passed, size, k), work_bytes(size));
		return;
	}
	work_make(to, size, source->number + k);
	if (source->due)
		*(uint64_t *)(to + 1) = source->due;
}

/* n events in a row, for calls that copy: made in `buffer`, or where they are. */
WORK_INLINE const struct message *
source_read(const struct source *source, const uint32_t size, void *buffer, uint32_t n)
{
	if (source->passed)
		return source->passed;
	for (uint32_t k = 0; k < n; k++)
		source_write(source, size, work_at(buffer, size, k), k);
	return (const struct message *)buffer;
}

/* All n, however long it takes. */
WORK_INLINE void
put_all(struct queue_end *end, const uint32_t size, const int variant, struct source source,
        const uint32_t n, bool shares)
{
	uint32_t done = 0, now;

	for (;;) {
		now = queue_put(end, size, variant, &source, n - done);
		if (__builtin_expect(!now, 0)) {
			team_pause_full(shares);
			continue;
		}
		done += now;
		if (done == n)
			return;
		source.number += now;
		if (source.passed)
			source.passed = work_at(source.passed, size, now);
	}
}

/* The single class: what put_all() is for one. */
WORK_INLINE void
put_one(struct queue_end *end, const uint32_t size, const int variant, const struct source source,
        bool shares)
{
	while (__builtin_expect(!queue_put(end, size, variant, &source, 1), 0))
		team_pause_full(shares);
}

/* -- events that come out --------------------------------------------------- */

WORK_INLINE void
drop_all(struct queue_end *end, const uint32_t size, const int variant, const uint32_t n,
         unsigned pauses)
{
	uint32_t done = 0, now;

	while (done < n) {
		now = queue_drop(end, size, variant, n - done);
		if (!now)
			team_pause_empty(pauses);
		done += now;
	}
}

/* n messages in a row that came out: handled, and passed on. */
WORK_INLINE void
stage_take(struct stage *stage, const uint32_t size, const int variant, const int kind,
           const struct message *messages, const uint32_t n)
{
	if (kind == STAGE_JOINS)
		drop_all(&stage->join, size, variant, n, stage->pauses);
	for (uint32_t k = 0; k < n; k++)
		work_route(stage->routes, work_at(messages, size, k));
	if (kind == STAGE_PASSES) {
		struct source source = { messages, 0, 0 };

		if (__builtin_constant_p(n) && n == 1)
			put_one(&stage->out, size, variant, source, stage->shares);
		else
			put_all(&stage->out, size, variant, source, n, stage->shares);
	}
}

/* What a call for up to n has copied out, if anything; how many. */
WORK_INLINE uint32_t
stage_take_copies(struct stage *stage, const uint32_t size, const int variant, const int kind,
                  const void *copies, const uint32_t count, const uint32_t n)
{
	if (!count)
		return 0;
	if (__builtin_constant_p(n) && n == 1)
		stage_take(stage, size, variant, kind, (const struct message *)copies, 1);
	else
		stage_take(stage, size, variant, kind, (const struct message *)copies, count);
	return count;
}

/* -- the loops -------------------------------------------------------------- */

WORK_INLINE void
consume(struct stage *stage, const uint32_t size, const int variant, const int kind,
        const uint32_t batch, uint64_t left)
{
	const unsigned pauses = stage->pauses;

	while (left) {
		uint32_t n = queue_take(&stage->in[0], size, variant, kind, stage, batch);

		if (!n)
			team_pause_empty(pauses);
		left -= n;
	}
}

WORK_INLINE void
consume_in_turn(struct stage *stage, const uint32_t size, const int variant, const uint32_t batch,
                uint64_t left)
{
	uint32_t looks = 0;

	while (left) {
		uint32_t n, row = 0;

		do {
			n = queue_take(&stage->in[looks], size, variant, STAGE_LAST, stage, batch);
			row += n;
		} while (n && row < QUEUE_IN_A_ROW);
		left -= row;
		if (++looks < stage->in_count)
			continue;
		looks = 0;
		if (!row)
			team_pause_empty(stage->pauses);
	}
}

struct producing {
	struct queue_end out[PEER_CONSUMERS];
	uint32_t out_count;
	bool shares;
};

WORK_INLINE void
produce(struct producing *to, const uint32_t size, const int variant, const bool fans,
        const uint32_t batch, uint64_t from, uint64_t end)
{
	const uint32_t count = fans ? to->out_count : 1;
	struct source source = { NULL, from, 0 };

	while (source.number < end) {
		const uint32_t n = batch == 1 || end - source.number > batch
			? batch : (uint32_t)(end - source.number);

		for (uint32_t o = 0; o < count; o++) {
			if (batch == 1)
				put_one(&to->out[o], size, variant, source, to->shares);
			else
				put_all(&to->out[o], size, variant, source, n, to->shares);
		}
		source.number += n;
	}
}

WORK_INLINE void
produce_by_the_clock(struct producing *to, const uint32_t size, const int variant,
                     struct member *me)
{
	struct pacer pacer = work_pacer(me->load, me->begin_ns);
	struct source source = { NULL, 0, 0 };

	for (; source.number < me->load->events; source.number++) {
		source.due = work_wait_until_due(&pacer, source.number);
		put_one(&to->out[0], size, variant, source, to->shares);
	}
	work_end_pacer(&pacer, me->load);
}

/*
 * One function for each variant, size and class, so that each has a register allocation of its own.
 * A batch is a number known only when it runs; the single class knows its 1.
 */
#define QUEUE_LOOPS(size, variant) \
	static __attribute__((noinline)) void \
	produce_##size##_##variant(struct producing *to, struct member *me, uint32_t batch) \
	{ \
		const uint64_t from = team_first(me->load, me->index); \
		const uint64_t end = team_first(me->load, me->index + 1); \
		if (me->load->rate) \
			produce_by_the_clock(to, size, variant, me); \
		else if (QUEUE_BATCHES && batch > 1) \
			produce(to, size, variant, true, batch, from, end); \
		else if (to->out_count > 1) \
			produce(to, size, variant, true, 1, from, end); \
		else \
			produce(to, size, variant, false, 1, from, end); \
	} \
	static __attribute__((noinline)) void \
	consume_##size##_##variant##_1(struct stage *stage, int kind, uint64_t n) \
	{ \
		if (kind == STAGE_LAST) \
			consume(stage, size, variant, STAGE_LAST, 1, n); \
		else if (kind == STAGE_PASSES) \
			consume(stage, size, variant, STAGE_PASSES, 1, n); \
		else if (kind == STAGE_JOINS) \
			consume(stage, size, variant, STAGE_JOINS, 1, n); \
		else \
			consume_in_turn(stage, size, variant, 1, n); \
	} \
	static __attribute__((noinline)) void \
	consume_##size##_##variant(struct stage *stage, int kind, uint32_t batch, uint64_t n) \
	{ \
		if (!QUEUE_BATCHES || batch == 1) \
			consume_##size##_##variant##_1(stage, kind, n); \
		else if (kind == STAGE_LAST) \
			consume(stage, size, variant, STAGE_LAST, batch, n); \
		else if (kind == STAGE_PASSES) \
			consume(stage, size, variant, STAGE_PASSES, batch, n); \
		else if (kind == STAGE_JOINS) \
			consume(stage, size, variant, STAGE_JOINS, batch, n); \
		else \
			consume_in_turn(stage, size, variant, batch, n); \
	}

#define QUEUE_LOOPS_SIZES(variant) \
	QUEUE_LOOPS(8, variant) QUEUE_LOOPS(48, variant) QUEUE_LOOPS(256, variant)

QUEUE_VARIANTS(QUEUE_LOOPS_SIZES)

/* -- who has which queue ---------------------------------------------------- */

static void
queue_produce(struct member *me)
{
	struct queue_run *run = (struct queue_run *)me->context;
	struct peer_load *load = me->load;
	const uint32_t first = load->producer_count == 1 || QUEUE_MANY(load) ? 0 : me->index;
	const uint32_t size = load->size;
	struct producing to;

	memset(&to, 0, sizeof to);
	to.out_count = load->scenario == PEER_1P3C ? 3 : load->scenario == PEER_DIAMOND ? 2 : 1;
	to.shares = load->producers_share;
	for (uint32_t o = 0; o < to.out_count; o++) {
		to.out[o].queue = run->queues[first + o];
		to.out[o].lane = QUEUE_MANY(load) ? me->index : 0;
	}
	switch (QUEUE_VARIANT(load)) {
#define QUEUE_CASE(v) \
	case v: \
		(size == 8 ? produce_8_##v : size == 48 ? produce_48_##v : produce_256_##v) \
			(&to, me, load->batch); \
		break;
	QUEUE_VARIANTS(QUEUE_CASE)
#undef QUEUE_CASE
	}
}

/* The kind of the index-th consumer; its queues: in, the other one that it joins, out. */
static int
queue_place(const struct peer_load *load, uint32_t index, uint32_t queues[3])
{
	const bool last = index == 2;

	queues[0] = load->scenario == PEER_DIAMOND || load->scenario == PEER_1P3C ||
	            load->scenario == PEER_PIPELINE ? index : 0;
	queues[1] = 3;
	queues[2] = load->scenario == PEER_DIAMOND ? index + 2 : index + 1;
	if (load->scenario == PEER_DIAMOND)
		return last ? STAGE_JOINS : STAGE_PASSES;
	if (load->scenario == PEER_PIPELINE)
		return last ? STAGE_LAST : STAGE_PASSES;
	return load->scenario == PEER_3P1C && !QUEUE_MANY(load) ? STAGE_TURNS : STAGE_LAST;
}

static void
queue_consume(struct member *me)
{
	struct queue_run *run = (struct queue_run *)me->context;
	struct peer_load *load = me->load;
	const uint32_t size = load->size;
	uint32_t queues[3];
	const int kind = queue_place(load, me->index, queues);
	struct stage stage;

	memset(&stage, 0, sizeof stage);
	stage.in_count = kind == STAGE_TURNS ? PEER_PRODUCERS : 1;
	stage.shares = load->consumers_share;
	stage.pauses = load->wait->pauses;
	stage.routes = &run->routes[me->index];
	for (uint32_t i = 0; i < stage.in_count; i++)
		stage.in[i].queue = run->queues[queues[0] + i];
	if (kind == STAGE_JOINS)
		stage.join.queue = run->queues[queues[1]];
	if (kind == STAGE_PASSES)
		stage.out.queue = run->queues[queues[2]];
	switch (QUEUE_VARIANT(load)) {
#define QUEUE_CASE(v) \
	case v: \
		(size == 8 ? consume_8_##v : size == 48 ? consume_48_##v : consume_256_##v) \
			(&stage, kind, load->batch, load->events); \
		break;
	QUEUE_VARIANTS(QUEUE_CASE)
#undef QUEUE_CASE
	}
}

/* -- the face --------------------------------------------------------------- */

static void *
queue_run_open(struct peer_load *load)
{
	static const uint32_t counts[] = { 1, 3, 3, 3, 4 };
	struct queue_run *run = (struct queue_run *)calloc(1, sizeof *run);

	if (!run)
		abort();
	run->count = load->producer_count > 1 && QUEUE_MANY(load) ? 1 : counts[load->scenario];
	for (uint32_t i = 0; i < run->count; i++) {
		run->queues[i] = queue_open(load);
		if (!run->queues[i]) {
			load->error = "the queue could not be opened";
			return NULL;
		}
	}
	for (uint32_t i = 0; i < load->consumer_count; i++)
		work_set_routes(&run->routes[i], load, &load->consumers[i]);
	return run;
}

static bool
queue_run_run(void *state, struct peer_load *load)
{
	struct team team;

	team_begin(&team, load);
	team_add_producers(&team, queue_produce, state);
	for (uint32_t i = 0; i < load->consumer_count; i++)
		team_add_consumer(&team, queue_consume, state);
	return team_run(&team);
}

static void
queue_run_close(void *state, struct peer_load *load)
{
	struct queue_run *run = (struct queue_run *)state;

	for (uint32_t i = 0; i < run->count; i++)
		queue_close(run->queues[i], load);
	free(run);
}

#endif
