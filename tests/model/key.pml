/* SPDX-License-Identifier: MIT */
/*
 * key.pml - events of one key one at a time, each event once, by a pool of several dispatchers
 * (WEIR_ORDER_KEY).
 *
 * Stands for
 *   producer()      publish, and the limit that all cursors leave: wi_producer_limit(),
 *                   src/core/producer.c
 *   dispatcher()    a batch of such a pool: src/core/dispatch.c. Each dispatcher has a cursor in
 *                   every ring, looks at every event and handles what is its own: hash(key) mod
 *                   n, or the sequence mod n where there is no key
 *   follower()      a pool that is `after` it: wi_pool_bound(), src/core/pool.h
 * Two producers with keys in common, two dispatchers; which event has which key is any. Every
 * word has one writer and is released and acquired (E1, E2, E10): store buffers would only make
 * things later, and are left out.
 *
 * Proves: no two calls for one key at once; of one producer and key in order; each event is
 * handled once, and all are; the pool behind sees an event when it is handled; no record is
 * overwritten before both dispatchers, and the pool behind, are past it.
 *
 * Mutants: BUG_SHARED_CURSOR the two store one cursor; BUG_FOLLOW_ONE the pool behind looks at
 * one of the two; BUG_ROOM_ONE so does the producer; BUG_OWN_COUNT what has no key goes by the
 * number of such events that the dispatcher has seen; BUG_NO_KEY all go by their sequence;
 * BUG_RING_KEY by the key and the ring; BUG_CURSOR_FIRST the cursor moves before the handler has
 * returned. BUG_ROOM_ONE needs ALONE, which it sets: else the pool behind holds the room.
 *
 * States: 2,510,561; mutants fail within 44,614.
 */
#define PRODUCERS   2
#define DISPATCHERS 2
#define RING        2
#define EVENTS      3
#define KEYS        3   /* 0: none */
#ifdef BUG_ROOM_ONE
#define ALONE
#endif

byte tail[PRODUCERS];
byte number_at[4], key_at[4];           /* of each producer, RING */
byte cursor[4];                         /* of each producer, DISPATCHERS */
byte behind[PRODUCERS];                 /* cursors of the pool behind */
bool running[KEYS];
byte newest[6];                         /* of each producer, KEYS: the event handled last */
bool begun[6], handled[6];              /* of each producer, EVENTS */

#define LESS(a, b)      (a < b -> a : b)
#define THROUGH(p)      LESS(cursor[2 * (p)], cursor[2 * (p) + 1])
#ifdef BUG_SHARED_CURSOR
#define CURSOR(p, d)    cursor[2 * (p)]
#else
#define CURSOR(p, d)    cursor[2 * (p) + (d)]
#endif
#if defined(BUG_FOLLOW_ONE) || defined(BUG_SHARED_CURSOR)
#define BOUND(p)        cursor[2 * (p)]
#else
#define BOUND(p)        THROUGH(p)
#endif
#if defined(BUG_ROOM_ONE) || defined(BUG_SHARED_CURSOR)
#define ROOM(p)         cursor[2 * (p)] + RING
#else
#define ROOM(p)         THROUGH(p) + RING
#endif
#ifdef ALONE
#define HAS_ROOM(p)     (tail[p] < ROOM(p))
#else
#define HAS_ROOM(p)     (tail[p] < ROOM(p) && tail[p] < behind[p] + RING)
#endif

proctype producer(byte p)
{
	do
	:: atomic {
		tail[p] < EVENTS && HAS_ROOM(p) ->
		number_at[2 * p + tail[p] % RING] = tail[p];
		if
		:: key_at[2 * p + tail[p] % RING] = 0
		:: key_at[2 * p + tail[p] % RING] = 1
		:: key_at[2 * p + tail[p] % RING] = 2
		fi;
		tail[p]++
	   }
	:: tail[p] == EVENTS -> break
	od
}

inline is_mine()
{
#ifdef BUG_NO_KEY
	mine = (here[p] % DISPATCHERS == d);
#elif defined(BUG_RING_KEY)
	mine = ((key + p) % DISPATCHERS == d);
#else
	if
#ifdef BUG_OWN_COUNT
	:: key == 0 -> mine = (keyless % DISPATCHERS == d); keyless = 1 - keyless
#else
	:: key == 0 -> mine = (here[p] % DISPATCHERS == d)
#endif
	:: else -> mine = (key % DISPATCHERS == d)
	fi;
#endif
}

inline begin()
{
	assert(number_at[2 * p + here[p] % RING] == here[p]);
	assert(!begun[EVENTS * p + here[p]]);
	begun[EVENTS * p + here[p]] = true;
	if
	:: key ->
		assert(!running[key] && newest[KEYS * p + key] <= here[p]);
		running[key] = true;
		newest[KEYS * p + key] = here[p] + 1
	:: else
	fi
}

inline end_call()
{
	assert(number_at[2 * p + here[p] % RING] == here[p]);
	handled[EVENTS * p + here[p]] = true;
	running[key] = false
}

proctype dispatcher(byte d)
{
	byte here[PRODUCERS], p, key, keyless;
	bool mine;

	do
	:: atomic {
		if
		:: here[0] < tail[0] -> p = 0
		:: here[1] < tail[1] -> p = 1
		fi;
		key = key_at[2 * p + here[p] % RING];
		is_mine();
		if
		:: mine -> begin()
		:: else
		fi
	   }
#ifdef BUG_CURSOR_FIRST
		CURSOR(p, d) = here[p] + 1;
#endif
		atomic {
			if
			:: mine -> end_call()
			:: else
			fi;
			here[p]++;
#ifndef BUG_CURSOR_FIRST
			CURSOR(p, d) = here[p];
#endif
			p = 0;
			key = 0;
			mine = false
		}
	:: here[0] == EVENTS && here[1] == EVENTS -> break
	od
}

proctype follower()
{
	byte p;

	do
	:: atomic {
		if
		:: behind[0] < BOUND(0) -> p = 0
		:: behind[1] < BOUND(1) -> p = 1
		fi;
		assert(handled[EVENTS * p + behind[p]]);
		assert(number_at[2 * p + behind[p] % RING] == behind[p]);
		behind[p]++;
		p = 0
	   }
	:: behind[0] == EVENTS && behind[1] == EVENTS -> break
	od
}

init {
	atomic {
		run producer(0);
		run producer(1);
		run dispatcher(0);
		run dispatcher(1);
#ifndef ALONE
		run follower()
#endif
	}
}
