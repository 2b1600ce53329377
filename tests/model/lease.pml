/* SPDX-License-Identifier: MIT */
/*
 * lease.pml - one dispatcher at a time in a ring, and none asleep over events that it could take.
 *
 * Two dispatchers of one pool, one ring. Stands for
 *   publisher()     weir_publish(): include/weir/inline.h; wi_wake_one(): src/core/wake.c
 *   take()          wi_lease_take(): src/core/lease.h; wi_lease_give() is the store of 0 to HOLDER
 *   drain_ring()    drain(), end_batch(): src/core/dispatch.c
 *   dispatcher()    sleep_somehow(), park(), nap(), wake_neighbours(): src/core/wait.c, and
 *                   wi_dispatch_pending(): src/core/dispatch.c
 * A nap while somebody is awake ends by time; one while nobody is, and parking, must be woken: the
 * half second after which they end too is a safety net and is not in the model.
 *
 * Proves: each event is handled once, in order, by one dispatcher at a time; every event is
 * handled although at any time one of the two stays in a handler of another ring for ever.
 *
 * Mutants: BUG_NO_COMPARE a lease is taken by load and store; BUG_GIVE_EARLY given before the
 * cursor is stored; BUG_GIVE_LATE given after the look that should find the ring; BUG_NO_RECHECK
 * no look after announcing; and, needed only because a neighbour may be stuck: BUG_BESIDE_AWAKE parks
 * although a neighbour has become awake (and holds the lease that made the look skip the ring);
 * BUG_RISE_LATE wakes the neighbours before it counts as awake (one that begins to nap meanwhile
 * naps long); BUG_WAKE_NO_PARKED wakes nappers, but not a neighbour that parked as well.
 *
 * States: 978,138; mutants fail within 177,392.
 */
#define PUBLISHER 0     /* threads; the dispatchers are the two of one pool */
#define FIRST     1
#define SECOND    2
#define THREADS   3
#define TAIL      0     /* words */
#define CURSOR    1
#define HOLDER    2     /* of the lease */
#define PARKED    3
#define WORDS     4
#include "tso.pml"
#define EVENTS    2

byte delivered;         /* the newest event that a handler saw */
byte in_ring;
bool parked[THREADS], napping[THREADS], nap_moved[THREADS];
byte awake = 2, sleepers, nappers;
bool stuck;

inline wi_wake_one(me)
{
	word = memory[PARKED];
	if
	:: word & 1 ->
		atomic {
			drain(me);
			if
			:: memory[PARKED] != word
			:: memory[PARKED] == word ->
				memory[PARKED] = word + 1;
				if
				:: parked[FIRST] -> parked[FIRST] = false
				:: parked[SECOND] -> parked[SECOND] = false
				:: else
				fi
			fi
		}
	:: else
	fi
}

inline wake_neighbours(other)
{
#ifndef BUG_WAKE_NO_PARKED
	if :: sleepers -> parked[other] = false :: else fi;
#endif
	if
	:: nappers -> d_step { nap_moved[other] = true; napping[other] = false }
	:: else
	fi
}

proctype publisher()
{
	byte event, word;

	do
	:: event < EVENTS ->
		event++;
		store(PUBLISHER, TAIL, event);
		wi_wake_one(PUBLISHER)
	:: else -> break
	od;
	delivered == EVENTS
}

inline drain_ring()
{
	cursor = memory[CURSOR];
	tail = memory[TAIL];
#ifdef BUG_GIVE_EARLY
	store(me, HOLDER, 0);
#endif
	do
	:: cursor < tail ->
		in_ring++;
		cursor++;
		assert(in_ring == 1 && cursor == delivered + 1);
		delivered = cursor;
		in_ring--
	:: else -> break
	od;
	store(me, CURSOR, tail);
#if !defined(BUG_GIVE_EARLY) && !defined(BUG_GIVE_LATE)
	store(me, HOLDER, 0);
#endif
	tail = 0; cursor = 0
}

inline take()
{
#ifdef BUG_NO_COMPARE
	got = memory[HOLDER] == 0;
	if :: got -> store(me, HOLDER, me) :: else fi
#else
	d_step {
		drain(me);
		got = memory[HOLDER] == 0;
		if :: got -> memory[HOLDER] = me :: else fi
	}
#endif
}

proctype dispatcher(byte me; byte other)
{
	byte cursor, tail, word;
	bool got, last;

again:	skip;
	take();
	if
	:: got ->
		drain_ring();
		if
		:: d_step { !stuck -> stuck = true }; goto end     /* in another ring's handler, for ever */
		:: skip
		fi
	:: else
	fi;
	d_step { drain(me); awake--; last = awake == 0 };
	if
	:: last -> goto park
	:: else ->                                             /* nap() */
		nap_moved[me] = false;                         /* loads the word */
		nappers++;
		if
		:: awake -> skip
		:: else ->
			d_step { napping[me] = !nap_moved[me] };
end_nap:		!napping[me]
		fi;
		nap_moved[me] = false;
		nappers--;
		goto rise
	fi;
park:	skip;                                                  /* park() */
	d_step { drain(me); word = memory[PARKED] | 1; memory[PARKED] = word };
	heavy_fence();
#ifndef BUG_NO_RECHECK
	tail = memory[TAIL];
	cursor = memory[CURSOR];
	if
	:: tail != cursor && memory[HOLDER] == 0 -> tail = 0; cursor = 0; goto rise_from_park
	:: else -> tail = 0; cursor = 0
	fi;
#ifndef BUG_BESIDE_AWAKE
	if :: awake -> goto rise_from_park :: else fi;
#endif
#endif
#ifdef BUG_GIVE_LATE
	if :: got -> store(me, HOLDER, 0) :: else fi;
#endif
	sleepers++;
	atomic { drain(me); parked[me] = memory[PARKED] == word };
end_park:
	!parked[me];
	sleepers--;
rise_from_park:
	word = 0;
#ifdef BUG_RISE_LATE
	wake_neighbours(other);
#else
	awake++;
	wake_neighbours(other);
	goto again;
#endif
rise:	awake++;
	goto again;
end:	false
}

init { atomic { run publisher(); run dispatcher(FIRST, SECOND); run dispatcher(SECOND, FIRST) } }
