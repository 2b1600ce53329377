/* SPDX-License-Identifier: MIT */
/*
 * skip.pml - a pool that the producer moves on (WEIR_BEHIND_SKIP) uses no overwritten record,
 * and each event is handled once or lies in one gap.
 *
 * Stands for
 *   producer()      reserve, commit, abort, and what refresh() does to a cursor that is too far
 *                   behind: src/core/publish.c, src/core/producer.c
 *   dispatcher()    a batch of such a pool, under the lease: src/core/dispatch.c
 * A HOLD pool would only make the producer slower, and is left out: the producer never waits.
 *
 * The cursor's words: POSITION, moved by both by compare-and-swap; DONE, the dispatcher's, which
 * flush, close and counts read; two notes (position, sequence), the producer's, of which it
 * writes the older one before each swap. A position is here the number of events below it, and
 * so equal to the sequence: a pair of two moments shows as two numbers.
 *
 * Proves: what is handled was neither overwritten nor torn; what a handler has begun is not
 * skipped; gaps begin where the dispatcher has come to, end at what is committed, and with what
 * is handled they are all events, in order; a pair (position, sequence) is that of the cursor,
 * also when the cursor is moved again while the dispatcher reads it, and a dispatcher never
 * waits for a producer that stands between note and swap; DONE never passes what is handled or
 * told, and reaches the tail; the producer ends although the dispatcher stays in a handler for
 * ever.
 *
 * Mutants: BUG_NO_CONFIRM the cursor is not looked at after the copy; BUG_CONFIRM_FIRST before
 * it; BUG_SWAP_LATE the producer writes, then swaps; BUG_ONE_NOTE one note; BUG_SEQUENCE_FIRST
 * the sequence is written before the position; BUG_POSITION_FIRST and read after it;
 * BUG_NO_COMPARE the newer note is taken without comparing its position; BUG_PLAIN_STORE the
 * dispatcher moves the cursor by load and store; BUG_DONE_FIRST done before the gap is told;
 * BUG_NOT_COMMITTED the cursor is moved to what is reserved; BUG_ONE_TRY a failed swap is not
 * repeated; BUG_LOOK_AT_POSITION the dispatcher sleeps when POSITION is at the tail.
 *
 * States: 4,410,907; mutants fail within 187,225.
 */
#define PRODUCER   0    /* threads */
#define DISPATCHER 1
#define THREADS    2
#define TAIL       0    /* words */
#define POSITION   1
#define DONE       2
#define NOTE       3    /* two of two words: position, sequence */
#define RECORD     7    /* RING of two words */
#define WORDS      11
#include "tso.pml"
#define RING       2    /* records; what does not fit is more than three quarters behind */
#ifndef EVENTS
#define EVENTS     7    /* three moves */
#endif

byte through;           /* events handled, or told in a gap */
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

inline write_older_note()
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

/* A new limit. The cursor is more than a ring behind the end of what is asked for: it is moved. */
inline refresh()
{
	atomic {
		position = memory[POSITION];
		if
		:: end > position + RING ->
#ifdef BUG_NOT_COMMITTED
			target = tail + open;
#else
			target = tail;
#endif
			write_older_note()
		:: else
		fi
	}
	do
	:: end > position + RING ->
		atomic {
			expected = position;
			swap(PRODUCER, POSITION, expected, target, position);
			if
			:: position == expected -> position = target
			:: else
			fi;
			expected = 0
		}
#ifdef BUG_ONE_TRY
		break
#endif
	:: else -> break
	od;
	atomic {
		limit = position + RING;
		assert(end <= limit);                  /* never waits */
		position = 0;
		target = 0
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
	byte tail, open, end, limit = RING, position, expected, target, noted[2];

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
		:: else -> refresh()
		fi;
#ifndef BUG_SWAP_LATE
		write_records();
#endif
		open = end - tail;
		end = 0
	:: atomic { open -> tail = tail + open; open = 0; store(PRODUCER, TAIL, tail) }
	:: open -> open = 0                            /* abort */
	:: open == 0 -> break
	od;
	is_over = true
}

/* -- dispatcher ------------------------------------------------------------- */

inline look_at_cursor()
{
#ifdef BUG_PLAIN_STORE
	load_own(DISPATCHER, POSITION, believed, position)
#else
	position = memory[POSITION]
#endif
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

/* The sequence of `position`, where the cursor was found; or of where it has been moved since. */
inline learn()
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
			look_at_cursor();
			assert(position != sequence)   /* nobody is waited for */
		}
	od;
	found = false
}

inline tell_gap()
{
	atomic {
		assert(sequence == position);          /* the pair is one */
		assert(sequence >= here && sequence <= memory[TAIL] && through == here);
		through = sequence;
		here = sequence;
		believed = position
	}
}

inline copy()
{
	header = memory[RECORD + 2 * ((here + 1) % RING)];
	payload = memory[RECORD + 2 * ((here + 1) % RING) + 1]
}

inline confirm_and_handle()
{
	atomic {
#if !defined(BUG_NO_CONFIRM) && !defined(BUG_CONFIRM_FIRST)
		look_at_cursor();
#endif
		if
		:: position == believed ->
			assert(header == here + 1 && payload == here + 1 && through == here);
			if
			:: here++; through = here
			:: goto stuck                  /* in a handler, for ever */
			fi
		:: else -> break
		fi
	}
}

/* Leaves in `position` what the cursor is. */
inline move_on()
{
#ifdef BUG_PLAIN_STORE
	look_at_cursor();
	if
	:: position == believed -> store(DISPATCHER, POSITION, here)
	:: else
	fi;
#else
	swap(DISPATCHER, POSITION, believed, here, position);
#endif
	if
	:: position == believed -> believed = here; position = here
	:: else
	fi
}

proctype dispatcher()
{
	byte here, believed, bound, header, payload, position, sequence;
	bool found;

	do
	:: is_over && empty(buffer[PRODUCER]) && memory[TAIL] == here -> break
#ifdef BUG_LOOK_AT_POSITION
	:: memory[TAIL] != memory[POSITION] ->
#else
	:: memory[TAIL] != here ->
#endif
		atomic { bound = memory[TAIL]; position = believed }
		do
		:: here < bound ->
#ifdef BUG_CONFIRM_FIRST
			look_at_cursor();
#endif
			copy();
			confirm_and_handle()
		:: break
		od;
		header = 0;
		payload = 0;
		bound = 0;
		if
		:: position == believed && here != believed -> move_on()
		:: else
		fi;
		if
		:: position == believed
		:: else ->
			learn();
#ifdef BUG_DONE_FIRST
			memory[DONE] = sequence;
#endif
			tell_gap()
		fi;
		atomic {
			position = 0;
			sequence = 0;
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

active proctype done_is_through()
{
end:	atomic { memory[DONE] > through -> assert(false) }
}

init { atomic { run producer(); run dispatcher() } }
