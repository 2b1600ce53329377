/* SPDX-License-Identifier: MIT */
/*
 * open.pml - a pool that opens while a producer runs finds every record from where it begins.
 *
 * Stands for
 *   producer()      weir_publish(): include/weir/inline.h; publish_inside(), refresh():
 *                   src/core/publish.c; wi_producer_limit(): src/core/producer.c
 *   old_pool()      the dispatcher of a pool that is there already: src/core/dispatch.c
 *   new_pool()      wi_lanes_open_cursors(), read_tail(), start_cursors(): src/core/producer.c, then
 *                   its dispatcher
 * With AFTER the new pool follows the old one (wi_pool_bound()), ahead of which it may begin.
 * With ALONE there is no old pool. With SKIP the producer may move the new pool's cursor
 * (skip.pml), from when it is told so, at the end of opening. A position is here the number of
 * events below it, so a tail and a count of two moments show as two numbers.
 *
 * Proves: no record at or after the place where the pool begins is overwritten before the pool
 * has read it, though the producer has a limit from before; tail and count there are of one
 * moment. cursor_count may be stored before the cursor too: an unused cursor holds nobody, and
 * after the fence both are seen. On x86 the opener could fence for itself only, as long as there
 * is another pool: its cursor, which makes the limit, lies below a tail that everybody sees.
 * Where there is none the limit is made of the producer's own tail, which may still be in its
 * buffer.
 *
 * Mutants: BUG_FIRST_TAIL begins at the tail at which the cursor was shown; BUG_SHOW_LATE the
 * cursor is shown after the fence; BUG_COUNT_LATE cursor_count is; BUG_NO_STATE the tail is
 * taken while a call is inside; BUG_NO_REPEAT it is not looked at again; BUG_NO_HEAVY_FENCE the
 * opener fences for itself only (sets ALONE); BUG_GATE_LAST the producer asks only the pools
 * that nobody follows, as if these were always the last, BUG_GATE_FRONT only those in front
 * (both set AFTER); BUG_SKIP_EARLY the cursor may be moved before it is stored for the second
 * time, which puts it back (sets SKIP).
 *
 * States: 1,544,672; mutants fail within 211,731.
 */
#define PRODUCER 0      /* threads */
#define OPENER   1      /* and the dispatcher of the pool that it opens */
#define THREADS  2
#define TAIL     0      /* words */
#define COUNT    1
#define STATE    2
#define CURSORS  3      /* cursor_count */
#define CURSOR   4      /* two */
#define SKIPS    6      /* the new pool's cursor may be moved */
#define RECORD   7      /* RING of them */
#define WORDS    9
#define BUFFERED 8
#include "tso.pml"
#define OLD      0      /* cursors */
#define NEW      1
#define RING     2
#define EVENTS   6
#define UNUSED   255
#if defined(BUG_GATE_LAST) || defined(BUG_GATE_FRONT)
#define AFTER
#endif
#ifdef BUG_NO_HEAVY_FENCE
#define ALONE
#endif
#ifdef BUG_SKIP_EARLY
#define SKIP
#endif

/* -- producer --------------------------------------------------------------- */

inline ask(cursor)
{
	atomic {
		position = memory[CURSOR + cursor];
		if
		:: position < least -> least = position; slowest = cursor
		:: else
		fi;
		position = 0
	}
}

inline ask_all()
{
#ifdef BUG_GATE_LAST
	if
	:: count == 2 -> least = UNUSED; ask(NEW)
	:: else -> ask(OLD)
	fi
#elif defined(BUG_GATE_FRONT)
	ask(OLD)
#else
	ask(OLD);
	if
	:: count == 2 -> ask(NEW)
	:: else
	fi
#endif
}

/* The new pool's cursor, if it holds the room: to the tail. The rest of this is in skip.pml. */
inline move_cursor()
{
	do
	:: slowest == NEW && tail >= least + RING && memory[SKIPS] ->
		swap(PRODUCER, CURSOR + NEW, least, tail, position);
		atomic {
			if
			:: position == least -> position = tail
			:: else
			fi;
			least = UNUSED;
			slowest = OLD;
			position = 0
		}
		ask_all()
	:: else -> break
	od
}

inline refresh()
{
	least = memory[CURSOR + slowest];
	count = memory[CURSORS];
	if
	:: least != UNUSED && least + RING <= limit
	:: else -> ask_all()
	fi;
#ifdef SKIP
	move_cursor();
#endif
	limit = (least == UNUSED -> tail : least) + RING;
	least = 0;
	count = 0
}

proctype producer()
{
	byte tail, limit = RING, slowest, least, position, count;

	do
	:: tail < EVENTS ->
		store(PRODUCER, STATE, 1);
		if
		:: tail < limit
		:: else -> refresh()
		fi;
		atomic {
			if
			:: tail < limit ->
				tail++;
				store(PRODUCER, RECORD + tail % RING, tail);
				store(PRODUCER, COUNT, tail);
				store(PRODUCER, TAIL, tail)
			:: else
			fi;
			store(PRODUCER, STATE, 0)
		}
	:: else -> break
	od
}

/* -- pools ------------------------------------------------------------------ */

inline handle()
{
	assert(memory[RECORD + (here + 1) % RING] == here + 1);        /* the handler begins, */
	assert(memory[RECORD + (here + 1) % RING] == here + 1)         /*   and ends */
}

proctype old_pool()
{
	byte here;

	do
	:: here == EVENTS -> break
	:: here < memory[TAIL] ->
		handle();
		atomic { here++; memory[CURSOR + OLD] = here } /* in a buffer it would only be later */
	od
}

inline show_cursor()
{
	here = memory[TAIL];
	store(OPENER, CURSOR + NEW, here)
}

inline read_tail()
{
	do
	:: count = memory[COUNT];
		here = memory[TAIL];
#ifndef BUG_NO_STATE
		if
		:: memory[STATE] -> goto again
		:: else
		fi;
#endif
#ifndef BUG_NO_REPEAT
		if
		:: memory[COUNT] != count -> goto again
		:: else
		fi;
		if
		:: memory[TAIL] != here -> goto again
		:: else
		fi;
#endif
		break;
again:		skip
	od
}

/* As in skip.pml, but for the sequence of the place where the cursor is found. */
inline handle_copy()
{
	found = memory[CURSOR + NEW];
	if
	:: found == here ->
		copied = memory[RECORD + (here + 1) % RING];
		atomic {
			swap(OPENER, CURSOR + NEW, here, here + 1, found);
			assert(found != here || copied == here + 1);
			copied = 0
		}
	:: else
	fi;
	atomic {
		here = (found == here -> here + 1 : found);
		found = 0
	}
}

proctype new_pool()
{
	byte here, count, copied, found;

#ifndef BUG_SHOW_LATE
	show_cursor();
#endif
#ifndef BUG_COUNT_LATE
	store(OPENER, CURSORS, 2);
#endif
#ifdef BUG_SKIP_EARLY
	store(OPENER, SKIPS, 1);
#endif
#ifdef BUG_NO_HEAVY_FENCE
	local_fence(OPENER);
#else
	heavy_fence();
#endif
#ifdef BUG_SHOW_LATE
	show_cursor();
#endif
#ifdef BUG_COUNT_LATE
	store(OPENER, CURSORS, 2);
#endif
#ifndef BUG_FIRST_TAIL
	read_tail();
	assert(count == here);
#endif
	store(OPENER, CURSOR + NEW, here);
#if defined(SKIP) && !defined(BUG_SKIP_EARLY)
	store(OPENER, SKIPS, 1);
#endif
	local_fence(OPENER);                           /* the thread begins */
	count = 0;
	do
	:: here == EVENTS -> break
#ifdef AFTER
	:: here < memory[CURSOR + OLD] ->
#else
	:: here < memory[TAIL] ->
#endif
#ifdef SKIP
		handle_copy()
#else
		handle();
		atomic { here++; store(OPENER, CURSOR + NEW, here) }
#endif
	od
}

init {
	atomic {
		memory[CURSORS] = 1;
		memory[CURSOR + NEW] = UNUSED;
#ifdef ALONE
		memory[CURSOR + OLD] = UNUSED;
#else
		run old_pool();
#endif
		run producer();
		run new_pool()
	}
}
