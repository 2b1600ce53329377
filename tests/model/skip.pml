/* SPDX-License-Identifier: MIT */
/*
 * skip.pml - a pool that the producer moves on (WEIR_BEHIND_SKIP) uses no overwritten record,
 * and each event is handled once or lies in one gap.
 *
 * Stands for
 *   producer()      reserve, commit, abort, and fits(), refresh(), limit_for(), which also
 *                   wi_publish_failure() calls, in any case: src/core/publish.c;
 *                   wi_producer_skip(), skip_one(), note_skip(), wi_producer_limit(), and with
 *                   REUSE drained(): src/core/producer.c
 *   dispatcher()    drain() under the lease: walk_copy(), take_copy(), copy_out(), find_note(),
 *                   skip_to_cursor(), tell_gap(), move_cursor(), end_batch(), and waits(), which
 *                   it sleeps by: src/core/dispatch.c
 *   holder()        with HOLD, a pool that is waited for: its cursor
 *
 * The cursor's words: POSITION, moved by both by compare-and-swap; DONE, the dispatcher's, which
 * flush, close and counts read; two notes (position, sequence), the producer's, of which it
 * writes the older one before it swaps. A position is here the number of events below it, and
 * so equal to the sequence: a pair of two moments shows as two numbers. All records are of one
 * length: a length read from a torn header counts as any other torn word.
 *
 * TRIES is 2, where the code has 4: in a ring of 2 the dispatcher takes no more steps than that
 * until the cursor is at the tail, so this is the loop without a bound, and nothing is refused.
 * With -DTRIES=1 publish is refused after the first try that fails.
 *
 * Proves: what is handled was neither overwritten nor torn; gaps begin where the dispatcher has
 * come to, end at what is committed, are not empty, and with what is handled they are all
 * events, in order; a pair (position, sequence) is that of the cursor, also when the cursor is
 * moved again while the dispatcher reads it, and a dispatcher never waits for a producer that
 * stands between note and swap; DONE never passes what is handled or told, and reaches the tail;
 * publish is refused only after so many failed tries, each of which is a step of the
 * dispatcher: not by a dispatcher that stays in a handler for ever. REUSE: what is handled or
 * told belongs to the producer that has the lane. HOLD: nothing is overwritten that the other
 * pool holds, publish is also refused when that one leaves no room, and then nothing is moved.
 *
 * Mutants of the dispatcher: BUG_NO_CONFIRM the copy is used although the swap failed;
 * BUG_PLAIN_STORE a store in place of the swap; BUG_COPY_LATE swap, then copy; BUG_NO_LOOK the
 * swap is from where the cursor is found, wherever the dispatcher is; BUG_POSITION_FIRST a note's
 * position is read before its sequence; BUG_NO_COMPARE the newer note is taken without comparing
 * its position; BUG_DONE_FIRST done before the copies are handled; BUG_DONE_BEFORE_GAP before the
 * gap is told; BUG_LOOK_AT_POSITION it sleeps when POSITION is at the tail.
 * Of the producer: BUG_SWAP_LATE it writes, then swaps; BUG_ONE_NOTE one note;
 * BUG_SEQUENCE_FIRST the sequence is written before the position; BUG_NOTE_ALWAYS a note also
 * where nothing is to be moved; BUG_NOTE_LATE swap, then note; BUG_NOT_COMMITTED the cursor is
 * moved to what is reserved; BUG_ONE_TRY a failed swap is not repeated. With REUSE,
 * BUG_REUSE_EARLY the lane is free when POSITION is at the tail. With HOLD, BUG_MOVE_ANYWAY the
 * other pool's cursor is not looked at before the swap, BUG_ROOM_ONE for the limit.
 *
 * States: 4,861,308; with REUSE 487,836; with TRIES=1 1,606,847; with HOLD 758,813; mutants fail
 * within 409,668.
 */
#define PRODUCER   0    /* threads */
#define DISPATCHER 1
#define THREADS    2
#define TAIL       0    /* words */
#define POSITION   1
#define DONE       2
#define NOTE       3    /* two of two words: position, sequence */
#define RECORD     7    /* RING of two words */
#define HELD       11   /* the other pool's cursor */
#define WORDS      12
#include "tso.pml"
#define RING       2    /* records; what does not fit is more than three quarters behind */
#ifndef TRIES
#define TRIES      2
#endif
#ifndef EVENTS
#if defined(REUSE) || defined(HOLD)
#define EVENTS     4    /* two moves */
#elif TRIES == 1
#define EVENTS     5    /* three */
#else
#define EVENTS     6    /* four */
#endif
#endif

byte through;           /* events handled, or told in a gap */
byte first;             /* REUSE: where the producer begins that has the lane */
bool is_over;           /* the producer has committed its last event */

/* -- producer --------------------------------------------------------------- */

inline write_note(place)
{
	noted[place] = target;
#ifdef BUG_SEQUENCE_FIRST
	store(PRODUCER, NOTE + 2 * place + 1, target);
	store(PRODUCER, NOTE + 2 * place, target)
#else
	store(PRODUCER, NOTE + 2 * place, target);
	store(PRODUCER, NOTE + 2 * place + 1, target)
#endif
}

inline note_skip()
{
#ifdef BUG_ONE_NOTE
	write_note(0)
#else
	if
	:: noted[0] > noted[1] -> write_note(1)
	:: else -> write_note(0)
	fi
#endif
}

#ifdef BUG_NOT_COMMITTED
#define NEW_PLACE (tail + open)
#else
#define NEW_PLACE tail
#endif

/* Once in a call. */
inline note_before()
{
	if
	:: failed == 0 ->
		target = NEW_PLACE;
#ifndef BUG_NOTE_LATE
		note_skip()
#endif
	:: else
	fi
}

inline skip_one()
{
	do
	:: atomic {
		position = memory[POSITION];
#ifdef BUG_NOTE_ALWAYS
		note_before();
#endif
		if
		:: position == tail || position + RING >= end -> break
		:: else
		fi;
#ifndef BUG_NOTE_ALWAYS
		note_before()
#endif
	   }
		atomic {
			expected = position;
			swap(PRODUCER, POSITION, expected, target, position);
			if
			:: position == expected -> break
			:: else ->
				assert(position > expected);   /* the dispatcher's step */
				failed++;
#ifdef BUG_ONE_TRY
				break
#else
				if
				:: failed == TRIES -> break
				:: else
				fi
#endif
			fi
		}
	od
#ifdef BUG_NOTE_LATE
	;
	atomic {
		if
		:: target && failed < TRIES -> note_skip()
		:: else
		fi
	}
#endif
}

/* A new limit; publish is refused if `end` is still beyond it. */
inline refresh()
{
#ifdef HOLD
	held_up = (memory[HELD] + RING < end);
	if
#ifdef BUG_MOVE_ANYWAY
	:: true -> skip_one()
#else
	:: held_up
	:: else -> skip_one()
#endif
	fi;
#else
	skip_one();
#endif
	atomic { expected = 0; position = 0; limit = memory[POSITION] + RING }
#if defined(HOLD) && !defined(BUG_ROOM_ONE)
	limit = (memory[HELD] + RING < limit -> memory[HELD] + RING : limit);
#endif
	atomic {
		/* Never waits; nor is a cursor moved for nothing. */
		assert(end <= limit || failed == TRIES || (held_up && !target));
		target = 0;
		failed = 0;
		held_up = false
	}
}

inline write_record(number)
{
	store(PRODUCER, RECORD + 2 * ((number) % RING), number);
	store(PRODUCER, RECORD + 2 * ((number) % RING) + 1, number)
}

inline write_records()
{
	atomic {
		if
		:: end - tail - open == 2 -> write_record(end - 1)
		:: else
		fi;
		write_record(end)
	}
}

proctype producer()
{
	byte tail, open, end, limit, position, expected, target, failed, noted[2];
	bool held_up;

	do
	:: atomic {
		tail + open < EVENTS && open < RING -> /* reserve, for one or two */
		if
		:: end = tail + open + 1
		:: open == 0 && tail + 1 < EVENTS -> end = tail + 2
		fi
	   }
#ifdef BUG_SWAP_LATE
		write_records();
#endif
		if
		:: end <= limit
		:: refresh()
		fi;
		if
		:: end <= limit ->
#ifndef BUG_SWAP_LATE
			write_records();
#endif
			open = end - tail
		:: else                                /* refused */
		fi;
		end = 0
	:: atomic { open -> tail = tail + open; open = 0; store(PRODUCER, TAIL, tail) }
	:: open -> open = 0                            /* abort */
#ifdef REUSE
	:: atomic {                                    /* closed, and another one gets the lane */
		first == 0 && tail && open == 0 && empty(buffer[PRODUCER]) &&
#ifdef BUG_REUSE_EARLY
		memory[POSITION] == tail ->
#else
		memory[DONE] == tail ->
#endif
		first = tail;
		limit = 0
	   }
#endif
	:: open == 0 -> break
	od;
	is_over = true
}

/* -- dispatcher ------------------------------------------------------------- */

/* Of the record `number`, whose words should have that value. */
inline copy_word(number, word)
{
	torn = torn || memory[RECORD + 2 * ((number) % RING) + word] != number
}

inline copy_out()
{
	copy_word(here + 1, 0);
	copy_word(here + 1, 1);
	if
	:: end == here + 2 -> copy_word(here + 2, 0); copy_word(here + 2, 1)
	:: else
	fi
}

/* Of one record or two. Leaves in `position` where the cursor was: `here`, if it worked. */
inline take_copy()
{
	position = memory[POSITION];
	if
#ifndef BUG_NO_LOOK
	:: position == here ->
#else
	:: true ->
		expected = position;
#endif
		if
		:: end = here + 1
		:: here + 2 <= bound -> end = here + 2
		fi;
#ifndef BUG_COPY_LATE
		copy_out();
#endif
#ifdef BUG_PLAIN_STORE
		memory[POSITION] = end
#elif defined(BUG_NO_LOOK)
		swap(DISPATCHER, POSITION, expected, end, position);
		position = (position == expected -> here : position)
#else
		swap(DISPATCHER, POSITION, here, end, position)
#endif
#ifdef BUG_COPY_LATE
		; copy_out()
#endif
#ifdef BUG_NO_CONFIRM
		; position = here
#endif
#ifndef BUG_NO_LOOK
	:: else
#endif
	fi
}

inline handle()
{
	atomic {
#ifdef REUSE
		assert(source == first);
#endif
		assert(!torn && through == here);
		if
		:: here = end; through = here; end = 0
		:: goto stuck                          /* in a handler, for ever */
		fi
	}
}

inline read_note(place)
{
#ifdef BUG_POSITION_FIRST
	found = (memory[NOTE + 2 * place] == position);
	sequence = memory[NOTE + 2 * place + 1]
#else
	sequence = memory[NOTE + 2 * place + 1];
	found = (memory[NOTE + 2 * place] == position)
#endif
}

/* The sequence of where the cursor is, or of where it has been moved since. */
inline find_note()
{
	do
#ifdef BUG_NO_COMPARE
	:: if
	   :: memory[NOTE] > memory[NOTE + 2] -> read_note(0)
	   :: else -> read_note(1)
	   fi;
	   break
#endif
	:: read_note(0);
		if
		:: found -> break
		:: else
		fi;
#ifndef BUG_ONE_NOTE
		read_note(1);
		if
		:: found -> break
		:: else
		fi;
#endif
		atomic {
			sequence = position;
			position = memory[POSITION];
			assert(position != sequence)   /* nobody is waited for */
		}
	od
}

inline tell_gap()
{
	atomic {
#ifdef REUSE
		assert(source == first);
#endif
		assert(sequence == position);          /* the pair is one */
		assert(sequence > here && sequence <= memory[TAIL] && through == here);
		through = sequence;
		here = sequence;
		found = false;
		sequence = 0
	}
}

inline skip_to_cursor()
{
	atomic { torn = false; end = 0; position = memory[POSITION] }
	find_note();
#ifdef BUG_DONE_BEFORE_GAP
	memory[DONE] = sequence;
#endif
	tell_gap()
}

inline walk_copy()
{
	take_copy();
	if
	:: position == here ->
#ifdef BUG_DONE_FIRST
		memory[DONE] = end;
#endif
		handle()
	:: else -> skip_to_cursor()
	fi;
	position = 0
}

proctype dispatcher()
{
	byte here, end, bound, position, sequence;
	bool torn, found;
#ifdef BUG_NO_LOOK
	byte expected;
#endif
#ifdef REUSE
	byte source;
#endif

	do
	:: is_over && empty(buffer[PRODUCER]) && memory[TAIL] == here -> break
#ifdef BUG_LOOK_AT_POSITION
	:: atomic { memory[TAIL] != memory[POSITION] -> bound = memory[TAIL] }
#else
	:: atomic { memory[TAIL] != here -> bound = memory[TAIL] }
#endif
#ifdef REUSE
		source = first;
#endif
		do
		:: walk_copy();
			if
			:: here < bound                /* a batch_end is owed */
			:: here < bound -> memory[DONE] = here
			:: break
			fi
		od;
		atomic {
			bound = 0;
#ifdef REUSE
			source = 0;
#endif
			memory[DONE] = here            /* in a buffer it would only be later */
		}
	od;
	assert(memory[DONE] == here && through == here);
	goto out;
stuck:
end_stuck:
	false;
out:
	skip
}

#ifdef HOLD
active proctype holder()
{
end:	do
	:: atomic {
		memory[HELD] < memory[TAIL] ->
		assert(memory[RECORD + 2 * ((memory[HELD] + 1) % RING)] == memory[HELD] + 1);
		assert(memory[RECORD + 2 * ((memory[HELD] + 1) % RING) + 1] == memory[HELD] + 1);
		memory[HELD] = memory[HELD] + 1
	   }
	od
}
#endif

active proctype done_is_through()
{
end:	atomic { memory[DONE] > through -> assert(false) }
}

init { atomic { run producer(); run dispatcher() } }
