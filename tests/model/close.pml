/* SPDX-License-Identifier: MIT */
/*
 * close.pml - what publish accepted lies below the tail that close drains to.
 *
 * Stands for
 *   producer()      weir_publish(), weir_reserve(), weir_commit(): include/weir/inline.h
 *   find_room()     their slow paths, check() and refresh(): src/core/publish.c
 *   shut()          wi_lanes_shut(): src/core/producer.c
 * A publisher has a compiler barrier where the model has two steps in a row.
 *
 * Proves: no tail moves once close has read it; close ends though a reservation stays open.
 * The closer goes round twice. The limit that a refresh stores after it saw the gate open may
 * reach memory behind the closer's first 0, at the heavy fence, and let one more publish pass
 * after that call has ended; the first round waits for the call that refreshed, so after it every
 * refresh sees the gate and the second 0 stays. (One round is right if refresh() fences
 * between the limit and a second look at the gate; that would be paid by publishers.)
 *
 * Mutants: BUG_NO_HEAVY_FENCE closer fences for itself only; BUG_NO_WAIT closer does not wait for
 * INSIDE; BUG_WAIT_FOR_OPEN waits for reservations too; BUG_ONE_ROUND one round, limit 0 stored
 * again after it; BUG_LIMIT_ONCE the second round leaves the limit; BUG_COMMIT_BLIND commit does
 * not ask the limit again.
 *
 * States: 17,960; mutants fail within 4,954.
 */
#define PRODUCER 0      /* threads */
#define CLOSER   1
#define THREADS  2
#define GATE     0      /* words */
#define LIMIT    1
#define STATE    2
#define TAIL     3
#define WORDS    4
#include "tso.pml"
#define CALLS    4
#define INSIDE   1      /* values of STATE, beside 0 for idle */
#define OPEN     2

byte taken;             /* the tail that close drains to */
bool is_taken;

inline find_room()
{
	load_own(PRODUCER, LIMIT, limit, seen);
	refused = false;
	if
	:: next < seen
	:: else ->
		refused = memory[GATE];
		if
		:: refused
		:: else ->
			limit = next + 2;              /* the slowest cursor and the ring's size */
			store(PRODUCER, LIMIT, limit);
		fi
	fi
}

inline write_and_leave()
{
	if
	:: refused
	:: else -> next++; store(PRODUCER, TAIL, next)
	fi;
	store(PRODUCER, STATE, 0)
}

proctype producer()
{
	byte calls, next, seen, limit;
	bool refused;

	do
	:: calls < CALLS ->                            /* weir_publish() */
		calls++;
		store(PRODUCER, STATE, INSIDE);
		find_room();
		write_and_leave()
	:: calls < CALLS ->                            /* weir_reserve() */
		calls++;
		store(PRODUCER, STATE, INSIDE);
		find_room();
		if
		:: refused -> store(PRODUCER, STATE, 0)
		:: else ->
			store(PRODUCER, STATE, OPEN);
			if
			:: skip                        /* weir_commit() */
			:: break                       /* or never */
			fi;
			store(PRODUCER, STATE, INSIDE);
#ifndef BUG_COMMIT_BLIND
			find_room();
#endif
			write_and_leave()
		fi
	:: calls == CALLS -> break
	od
}

inline heavy_fence_and_wait()
{
#ifdef BUG_NO_HEAVY_FENCE
	local_fence(CLOSER);
#else
	heavy_fence();
#endif
#ifdef BUG_WAIT_FOR_OPEN
	memory[STATE] == 0
#elif defined(BUG_NO_WAIT)
	skip
#else
	memory[STATE] != INSIDE
#endif
}

proctype closer()
{
	store(CLOSER, GATE, 1);
	store(CLOSER, LIMIT, 0);
	heavy_fence_and_wait();
#ifndef BUG_LIMIT_ONCE
	store(CLOSER, LIMIT, 0);
#endif
#ifndef BUG_ONE_ROUND
	heavy_fence_and_wait();
#endif
	atomic { taken = memory[TAIL]; is_taken = true }
}

active proctype no_tail_moves_after_close()
{
end:	atomic { is_taken && memory[TAIL] != taken -> assert(false) }
}

init { atomic { run producer(); run closer() } }
