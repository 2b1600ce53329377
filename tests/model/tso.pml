/* SPDX-License-Identifier: MIT */
/*
 * tso.pml - the memory of x86 for the models: store buffers, and what empties them.
 *
 * A thread's stores go into a channel of its own; store_buffers() moves them to memory one at a
 * time, whenever it likes. A load reads memory, or with load_own() the thread's own newest store.
 * The including file defines THREADS (at most 4) and WORDS first, and BUFFERED if a thread may have
 * more than 4 stores under way.
 */
#ifndef BUFFERED
#define BUFFERED 4
#endif
byte memory[WORDS];
chan buffer[THREADS] = [BUFFERED] of { byte, byte }; /* word, value */
byte drained_word, drained_value;                 /* 0 between steps */
byte any_value;                                   /* never set */

inline drain_one(thread)
{
	buffer[thread]?drained_word, drained_value;
	memory[drained_word] = drained_value;
	drained_word = 0;
	drained_value = 0
}

inline drain(thread)                              /* what a locked instruction does first */
{
	do
	:: nempty(buffer[thread]) -> drain_one(thread)
	:: empty(buffer[thread]) -> break
	od
}

inline store(thread, at, value)
{
	buffer[thread]!at, value
}

/* `last` is what this thread stored last into the word `at`. */
inline load_own(thread, at, last, ret)
{
	if
	:: buffer[thread]??[at, any_value] -> ret = last
	:: else -> ret = memory[at]
	fi
}

/* Locked: compare and swap. `was` is what it found. */
inline swap(thread, word, old, new, was)
{
	d_step {
		drain(thread);
		was = memory[word];
		memory[word] = (was == old -> new : was)
	}
}

inline local_fence(thread)                        /* mfence */
{
	d_step { drain(thread) }
}

inline heavy_fence()                              /* membarrier: every thread's buffer at once */
{
	d_step {
		drain(0);
		drain(1)
#if THREADS > 2
		; drain(2)
#endif
#if THREADS > 3
		; drain(3)
#endif
	}
}

active proctype store_buffers()
{
end:	do
	:: d_step { nempty(buffer[0]) -> drain_one(0) }
	:: d_step { nempty(buffer[1]) -> drain_one(1) }
#if THREADS > 2
	:: d_step { nempty(buffer[2]) -> drain_one(2) }
#endif
#if THREADS > 3
	:: d_step { nempty(buffer[3]) -> drain_one(3) }
#endif
	od
}
