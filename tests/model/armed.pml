/* SPDX-License-Identifier: MIT */
/*
 * armed.pml - no event loop waits for a manual pool's descriptor while an event waits for it.
 *
 * Stands for
 *   publisher()     weir_publish() after its tail store: include/weir/inline.h; claim_wake(),
 *                   write_to(): src/core/wake.c. Two of them
 *   keeper()        leave_to_poll(): src/core/reclaim.c; wi_wake_descriptor(): src/core/wake.c.
 *                   With KEEPER, instead of the second publisher: it takes the bit alone
 *   poller()        wi_manual_poll(), rest(): src/core/manual.c; wi_wake_arm(): src/core/wake.c. It
 *                   waits in epoll; it may also poll without having been told, SPARE times.
 *
 * Proves: the poller gets every event, without any timeout; else the model ends with a poller in
 * epoll and pan reports an invalid end state. And when all is over the descriptor
 * is soon not readable any more: else a loop would spin.
 *
 * Mutants: BUG_LOCAL_FENCE the poller fences for itself only; BUG_NO_RECHECK it does not look
 * again; BUG_WORD_FIRST it sets the bit after the word; BUG_READ_LAST it reads the descriptor after
 * the look; BUG_ARMED_FIRST it looks at the bit before it reads the descriptor; BUG_NO_READ it does
 * not read an armed one; BUG_KEEP_BIT it keeps the bit when the look found work; BUG_TAKE_FIRST a
 * waker takes the bits before it moves the word on; with KEEPER and FENCES also BUG_NO_KEEPER_FENCE
 * the keeper looks at the bit without a fence.
 *
 * FENCES: publishers fence, and the poller for itself only (WEIR_FENCE_PUBLISHER).
 * States: 5,368,384; with KEEPER 1,640,425; mutants fail within 346,763.
 */
#define FIRST     0     /* threads */
#define SECOND    1
#define POLLER    2
#define THREADS   3
#define EVENTS    2     /* of each */
#define SPARE     2
#define TAIL      0     /* words; TAIL + 1 of the second */
#define PARKED    2
#define ARMED     3
#define WORDS     4
#include "tso.pml"

byte handled;           /* by the poller, of all rings */
byte readable = 1;      /* writes that nobody has read: an eventfd, as it is made */
byte finished;          /* publishers */

inline write_to(me)
{
	word = memory[ARMED];
	if
	:: word ->
		d_step { drain(me); taken = memory[ARMED]; memory[ARMED] = 0 };
		if
		:: taken -> readable++
		:: else
		fi
	:: else
	fi
}

inline claim_wake(me)
{
	word = memory[PARKED];
	if
	:: word & 1 -> word = memory[PARKED]    /* the fast path's look, then claim_wake()'s */
	:: else
	fi;
	if
	:: word & 1 ->
#ifdef BUG_TAKE_FIRST
		write_to(me);
		word = memory[PARKED];
#endif
		d_step {
			drain(me);
			won = memory[PARKED] == word;
			memory[PARKED] = memory[PARKED] + won
		};
#ifndef BUG_TAKE_FIRST
		if :: won -> write_to(me) :: else fi
#endif
	:: else
	fi
}

proctype publisher(byte me)
{
	byte event, word, taken;
	bool won;

	do
	:: event < EVENTS ->
		event++;
		store(me, TAIL + me, event);
#ifdef FENCES
		local_fence(me);
#endif
		claim_wake(me)
	:: else -> break
	od;
	finished++
}

/* What it stores is not an event, but looked at in the same way. */
proctype keeper(byte me)
{
	byte event, word, taken;

	do
	:: event < EVENTS ->
		event++;
		store(me, TAIL + me, event);
#ifndef BUG_NO_KEEPER_FENCE
		local_fence(me);
#endif
		write_to(me)
	:: else -> break
	od;
	finished++
}

inline look()
{
	work = memory[TAIL] + memory[TAIL + 1] - handled
}

inline read_away()                      /* a system call */
{
	d_step { drain(me); write_count = write_count + readable; readable = 0 }
}

proctype poller(byte me)
{
	byte word, taken, work, spare = SPARE, for_nothing, arm_count, write_count;
	bool armed;

wait:	if
	:: readable ->                          /* epoll */
		if
		:: finished == 2 && handled == 2 * EVENTS -> for_nothing++
		:: else
		fi;
		assert(for_nothing < 3)         /* else it never ends */
	:: spare -> spare--
	:: finished == 2 && !readable && handled == 2 * EVENTS -> goto done
	fi;
	/* The poll: one look at each ring. */
	look();
	if :: work -> handled++; goto wait :: else fi;
	armed = memory[ARMED];
#ifdef BUG_NO_READ
	if :: armed -> goto wait :: else fi;
#elif !defined(BUG_ARMED_FIRST)
	if :: armed && write_count == arm_count -> goto wait :: else fi;
#endif
#ifndef BUG_READ_LAST
	read_away();
#endif
#ifndef BUG_ARMED_FIRST
	armed = memory[ARMED];
#endif
	if :: armed -> goto wait :: else fi;
	arm_count++;
#ifdef BUG_WORD_FIRST
	d_step { drain(me); memory[PARKED] = memory[PARKED] | 1 };
	d_step { drain(me); memory[ARMED] = 1 };
#else
	d_step { drain(me); memory[ARMED] = 1 };
	d_step { drain(me); memory[PARKED] = memory[PARKED] | 1 };
#endif
#if defined(BUG_LOCAL_FENCE) || defined(FENCES)
	local_fence(me);
#else
	heavy_fence();
#endif
#ifndef BUG_NO_RECHECK
	look();
#endif
	if
	:: work ->
#ifdef BUG_KEEP_BIT
		skip
#else
		local_fence(me);
		write_to(me)
#endif
	:: else
	fi;
#ifdef BUG_READ_LAST
	if :: !work -> read_away() :: else fi;
#endif
	goto wait;
done:	skip
}

init {
	atomic {
		run publisher(FIRST);
#ifdef KEEPER
		run keeper(SECOND);
#else
		run publisher(SECOND);
#endif
		run poller(POLLER)
	}
}
