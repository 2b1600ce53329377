// SPDX-License-Identifier: MIT
/*
 * Event.java - what lies in the ring: a topic and a payload of 8, 48 or 256 bytes.
 *
 * Fair: events are made before anything is timed and used again, as the Disruptor wants it. A
 * payload is fields of the event itself, or an array where that was measured to be faster. A process
 * loads only the class of its size, so the virtual calls below are direct ones and are inlined.
 */
import com.lmax.disruptor.EventFactory;

abstract class Event {
	int topic;

	/** All words of the payload; first is the event's number or its intended moment. */
	abstract void write(long first, long number);

	abstract long first();

	abstract long sum();

	static EventFactory<Event> factory(int size) {
		return size == 8 ? Event8::new : size == 48 ? Event48::new : Event256::new;
	}
}

final class Event8 extends Event {
	private long w0;

	@Override
	void write(long first, long number) {
		w0 = first;
	}

	@Override
	long first() {
		return w0;
	}

	@Override
	long sum() {
		return w0;
	}
}

final class Event48 extends Event {
	private long w0, w1, w2, w3, w4, w5;

	@Override
	void write(long first, long number) {
		w0 = first;
		w1 = w2 = w3 = w4 = w5 = number;
	}

	@Override
	long first() {
		return w0;
	}

	@Override
	long sum() {
		return (w0 + w1) + (w2 + w3) + (w4 + w5);
	}
}

/* An array: 32 fields took a fifth longer, since the compiler turns only loops into vectors. */
final class Event256 extends Event {
	private final long[] words = new long[32];

	@Override
	void write(long first, long number) {
		long[] w = words;

		for (int i = 0; i < w.length; i++)
			w[i] = number;
		w[0] = first;
	}

	@Override
	long first() {
		return words[0];
	}

	/* Four sums side by side: the compiler keeps the order of a long chain. */
	@Override
	long sum() {
		long[] w = words;
		long a = 0, b = 0, c = 0, d = 0;

		for (int i = 0; i < w.length; i += 4) {
			a += w[i];
			b += w[i + 1];
			c += w[i + 2];
			d += w[i + 3];
		}
		return a + b + c + d;
	}
}
