/* SPDX-License-Identifier: MIT */
/*
 * park.pml - nobody sleeps while an event waits, though publish has no fence.
 *
 * Stands for
 *   publisher()     weir_publish() after its tail store: include/weir/inline.h; wi_wake_one():
 *                   src/core/wake.c; at its end it stops the bus
 *   dispatcher()    park(): src/core/wait.c; wi_wake_announce(), wi_wake_sleep(),
 *                   wi_wake_others(): src/core/wake.c. Two of them, each of a pool of its own.
 *
 * Proves: each pool gets every event, and each dispatcher learns of the stop, without any
 * timeout; else the model ends with a sleeper and pan reports an invalid end state. A futex_wait()
 * that returns for nothing (a signal) is in the model, once.
 *
 * Mutants: BUG_LOCAL_FENCE the sleeper fences for itself only; BUG_NO_RECHECK it does not look at
 * the rings again; BUG_NO_STOP_RECHECK nor at the stop; BUG_WAKE_ONE who was woken wakes no other;
 * BUG_PLAIN_WORD parked is 0 or 1 (a sleeper that was overtaken between look and sleep falls asleep
 * when another has set it again); BUG_PLAIN_STORE the bit is set by load and store;
 * BUG_UNPARK_OTHERS a sleeper that found work takes the bit back, also from under others;
 * BUG_PASS_LATE who wakes says that it is to be passed on only after that.
 *
 * States: 1,617,029; with TWO_PUBLISHERS 11,264,728; mutants fail within 15,732.
 */
#define PUBLISHER 0     /* threads */
#define FIRST     1
#define SECOND    2
#define OTHER     3     /* a second publisher */
#ifdef TWO_PUBLISHERS
#define THREADS   4
#define EVENTS    1     /* of each publisher */
#define INTERRUPTS 0    /* futex_wait() that return for nothing */
#else
#define THREADS   3
#define EVENTS    2
#define INTERRUPTS 1
#endif
#define ALL       2     /* events */
#define TAIL      0     /* words */
#define OTHER_TAIL 1
#define PARKED    2     /* odd: somebody sleeps or is about to */
#define STOP      3
#define PASS_ON   4
#define WORDS     5
#include "tso.pml"

byte cursor[THREADS];   /* of a dispatcher's pool, over all rings */
bool asleep[THREADS];   /* in the futex */
bool sleepers[THREADS];
byte interrupts = INTERRUPTS;

inline wi_wake_one(me)
{
	word = memory[PARKED];
	if
	:: word & 1 -> word = memory[PARKED]           /* the fast path's look, then claim_wake()'s */
	:: else
	fi;
	if
	:: word & 1 ->
		d_step {
			drain(me);
			won = memory[PARKED] == word;
#ifdef BUG_PLAIN_WORD
			memory[PARKED] = 0
#else
			memory[PARKED] = memory[PARKED] + won
#endif
		};
#ifndef BUG_PASS_LATE
		if :: won -> store(me, PASS_ON, 1) :: else fi;
#endif
		atomic {
			drain(me);                     /* a system call */
			if
			:: won && asleep[FIRST] -> asleep[FIRST] = false
			:: won && asleep[SECOND] -> asleep[SECOND] = false
			:: else
			fi
		}
#ifdef BUG_PASS_LATE
		if :: won -> store(me, PASS_ON, 1) :: else fi
#endif
	:: else
	fi
}

proctype publisher(byte me; byte tail)
{
	byte event, word;
	bool won;

	do
	:: event < EVENTS ->
		event++;
		store(me, tail, event);
		wi_wake_one(me)
	:: else -> break
	od;
	if
	:: me == PUBLISHER ->
		cursor[FIRST] == ALL && cursor[SECOND] == ALL;
		store(me, STOP, 1);
		wi_wake_one(me)
	:: else
	fi
}

inline look()
{
	work = memory[TAIL];
#ifdef TWO_PUBLISHERS
	work = work + memory[OTHER_TAIL];
#endif
	work = work - cursor[me]
}

proctype dispatcher(byte me; byte other)
{
	byte word, work, pass_on;
	bool stop;

again:	look();
	if :: work -> cursor[me]++; goto again :: else fi;
	stop = memory[STOP];
	if :: stop -> goto done :: else fi;
#ifdef BUG_PLAIN_STORE
	word = memory[PARKED] | 1;
	store(me, PARKED, word);
#else
	d_step { drain(me); word = memory[PARKED] | 1; memory[PARKED] = word };
#endif
#ifdef BUG_LOCAL_FENCE
	local_fence(me);
#else
	heavy_fence();
#endif
#ifndef BUG_NO_RECHECK
	look();
#endif
#ifndef BUG_NO_STOP_RECHECK
	stop = memory[STOP];
#endif
	if
	:: work || stop ->
#ifdef BUG_UNPARK_OTHERS
		store(me, PARKED, word - 1);
#endif
		goto again
	:: else
	fi;
	d_step { drain(me); sleepers[me] = true };
	atomic { asleep[me] = memory[PARKED] == word };
	if
	:: atomic { asleep[me] && interrupts -> interrupts--; asleep[me] = false }
	:: !asleep[me]
	fi;
	sleepers[me] = false;
#ifndef BUG_WAKE_ONE
	d_step { drain(me); pass_on = memory[PASS_ON]; memory[PASS_ON] = 0 };
	if
	:: pass_on -> pass_on = 0; if :: sleepers[other] -> asleep[other] = false :: else fi
	:: else
	fi;
#endif
	goto again;
done:	skip
}

init {
	atomic {
		run publisher(PUBLISHER, TAIL);
#ifdef TWO_PUBLISHERS
		run publisher(OTHER, OTHER_TAIL);
#endif
		run dispatcher(FIRST, SECOND);
		run dispatcher(SECOND, FIRST)
	}
}
