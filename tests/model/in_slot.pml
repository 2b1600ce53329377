/* SPDX-License-Identifier: MIT */
/*
 * in_slot.pml - after `released` nothing is called, and nothing is freed that a dispatcher uses.
 *
 * Stands for
 *   control()       weir_subscribe(), weir_unsubscribe(), and publishing between them
 *   dispatcher()    begin_batch(), pin_table(), deliver(), end_batches(), end_batch():
 *                   src/core/dispatch.c
 *   bus_thread()    wi_reclaimer_step(): src/core/reclaim.c
 *
 * Proves: no call and no batch_end after released(); no call for an event committed after
 * weir_unsubscribe() returned; an event committed after weir_subscribe() returned is looked up in
 * a table that has the subscription; no table and no subscription is freed while a dispatcher may
 * read it. RCU is its weakest flavour: no fence in readers, synchronize_rcu() makes a heavy one.
 *
 * Mutants: BUG_NO_HEAVY_FENCE none between the table without it and the look at the slots;
 * BUG_NO_VALIDATE the state is not looked at after `in` is stored; BUG_NO_OWED released before the
 * batch_end that is owed; BUG_OWED_FIRST owed is looked at before `in`; BUG_TABLE_FIRST the table
 * is pinned before the tail is read; BUG_NO_PINS, BUG_NO_GRACE a table freed without looking at
 * the pins, without a grace period; BUG_PINS_FIRST the pins are looked at before the grace period;
 * BUG_FREE_EARLY the subscription's memory is used again before the tables that name it are dead.
 *
 *
 * MANUAL: the dispatcher is unknown to RCU; it pins every version, fences, and then loads the table.
 * Mutants of that: BUG_NO_PIN_ALL it pins only what it has loaded; BUG_NO_PIN_FENCE without a fence.
 *
 * States: 346,608, with MANUAL 218,946; mutants fail within 245,130.
 */
#define CONTROL    0    /* threads */
#define DISPATCHER 1
#define BUS        2
#define THREADS    3
#define TAIL       0    /* words */
#define TABLE      1    /* the current version: 1, then 2 with the subscription, then 3 without */
#define STATE      2    /* of the subscription */
#define IN         3    /* of the dispatcher's slot, as PIN */
#define PIN        4    /* 0: none */
#define READING    5    /* the dispatcher's RCU read side */
#define OWED       6
#define WORDS      7
#include "tso.pml"
#define ACTIVE     1    /* values of STATE */
#define ENDING     2
#define OURS       1    /* values of IN, beside 0 */
#define ANOTHER    2
#define ALL        9    /* a value of PIN: every version */
#define EVENTS     4    /* 2 and 3 are committed while subscribed; 3 is of a topic of another */

bool is_released, is_freed, table_freed[4];

proctype control()
{
	store(CONTROL, TAIL, 1);
	store(CONTROL, STATE, ACTIVE);
	store(CONTROL, TABLE, 2);
	store(CONTROL, TAIL, 2);
	store(CONTROL, TAIL, 3);
	store(CONTROL, STATE, ENDING);
	store(CONTROL, TAIL, 4)
}

inline deliver()
{
	store(DISPATCHER, IN, OURS);
	assert(!is_freed);
	state = memory[STATE];
	if
#ifdef BUG_NO_VALIDATE
	:: true ->
#else
	:: state == ACTIVE ->
#endif
		if
		:: !owed -> owed = true; store(DISPATCHER, OWED, 1)
		:: else
		fi;
		assert(!is_released && event < 4);     /* the handler begins, */
		assert(!is_released && !is_freed)      /*   and is counted */
#ifndef BUG_NO_VALIDATE
	:: else
#endif
	fi
}

inline pin_table()
{
	if
	:: memory[TABLE] == table
	:: else ->
#ifdef MANUAL
#ifndef BUG_NO_PIN_ALL
		store(DISPATCHER, PIN, ALL);
#endif
#ifndef BUG_NO_PIN_FENCE
		local_fence(DISPATCHER);
#endif
		table = memory[TABLE];
		store(DISPATCHER, PIN, table)
#else
		store(DISPATCHER, READING, 1);
		table = memory[TABLE];
		store(DISPATCHER, PIN, table);
		store(DISPATCHER, READING, 0)
#endif
	fi
}

inline end_batch()
{
	if
	:: owed ->
		store(DISPATCHER, IN, OURS);
		assert(!is_released);                  /* batch_end begins, */
		assert(!is_released && !is_freed);     /*   and ends */
		owed = false;
		store(DISPATCHER, OWED, 0)
	:: else
	fi;
	store(DISPATCHER, IN, 0)
}

proctype dispatcher()
{
	byte event, tail, table, state;
	bool owed;

	do
	:: event < EVENTS ->
#ifdef BUG_TABLE_FIRST
		pin_table();
#endif
		tail = memory[TAIL];
#ifndef BUG_TABLE_FIRST
		pin_table();
#endif
		do
		:: event < tail ->
			event++;
			assert(!table_freed[table] && (event == 1 || table >= 2));
			if
			:: event == 3 -> store(DISPATCHER, IN, ANOTHER)
			:: event != 3 && table == 2 -> deliver()
			:: else
			fi;
			assert(!table_freed[table])
		:: else -> break
		od;
		end_batch();
		if
		:: table = 0; store(DISPATCHER, PIN, 0)        /* wi_dispatch_unpin(), */
		:: event < EVENTS                              /*   at the latest when idle */
		fi
	:: else -> break
	od
}

inline free_table(version)
{
#ifdef BUG_PINS_FIRST
	memory[PIN] != version;
#endif
#ifdef MANUAL
	local_fence(BUS);
#elif !defined(BUG_NO_GRACE)
	heavy_fence();
	memory[READING] == 0;
#endif
#if !defined(BUG_NO_PINS) && !defined(BUG_PINS_FIRST)
	memory[PIN] != version && memory[PIN] != ALL;
#endif
	table_freed[version] = true
}

proctype bus_thread()
{
	memory[TABLE] == 2 -> free_table(1);
	memory[STATE] == ENDING;
	store(BUS, TABLE, 3);
#ifdef BUG_NO_HEAVY_FENCE
	local_fence(BUS);
#else
	heavy_fence();
#endif
#ifdef BUG_OWED_FIRST
	memory[OWED] == 0;
#endif
	memory[IN] != OURS;
#if !defined(BUG_NO_OWED) && !defined(BUG_OWED_FIRST)
	memory[OWED] == 0;
#endif
	is_released = true;
#ifdef BUG_FREE_EARLY
	is_freed = true;
#endif
	free_table(2);
	is_freed = true
}

init { atomic { memory[TABLE] = 1; run control(); run dispatcher(); run bus_thread() } }
