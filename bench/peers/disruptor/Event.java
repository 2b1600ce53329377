// SPDX-License-Identifier: MIT
/*
 * Event.java - what lies in the ring: a topic and a payload of 8, 48 or 256 bytes.
 *
 * Fair: events are made before anything is timed and used again, as the Disruptor wants it, and the
 * payload is fields of the event itself, not an array or a buffer behind a reference. A process
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

final class Event256 extends Event {
	private long w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15;
	private long w16, w17, w18, w19, w20, w21, w22, w23, w24, w25, w26, w27, w28, w29, w30, w31;

	@Override
	void write(long first, long number) {
		w0 = first;
		w1 = w2 = w3 = w4 = w5 = w6 = w7 = number;
		w8 = w9 = w10 = w11 = w12 = w13 = w14 = w15 = number;
		w16 = w17 = w18 = w19 = w20 = w21 = w22 = w23 = number;
		w24 = w25 = w26 = w27 = w28 = w29 = w30 = w31 = number;
	}

	@Override
	long first() {
		return w0;
	}

	/* Four sums side by side: the compiler keeps the order of a long chain. */
	@Override
	long sum() {
		return (w0 + w1 + w2 + w3 + w4 + w5 + w6 + w7) +
		       (w8 + w9 + w10 + w11 + w12 + w13 + w14 + w15) +
		       (w16 + w17 + w18 + w19 + w20 + w21 + w22 + w23) +
		       (w24 + w25 + w26 + w27 + w28 + w29 + w30 + w31);
	}
}
