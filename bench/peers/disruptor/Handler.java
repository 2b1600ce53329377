// SPDX-License-Identifier: MIT
/*
 * Handler.java - what is called for an event: it sums the payload, counts, looks at the order and
 * stamps the end. Each consumer has one; a process uses one of the classes at the end.
 */
import java.util.concurrent.CountDownLatch;

/* A consumer's words have lines of their own, by the means that the Disruptor itself uses. */
abstract class HandlerPad {
	protected long p1, p2, p3, p4, p5, p6, p7;
}

abstract class HandlerState extends HandlerPad {
	long count, sum, end;
	boolean disordered;
	long expected;
	CountDownLatch ended;
}

abstract class Handler extends HandlerState {
	protected long p9, p10, p11, p12, p13, p14, p15;

	abstract void handle(Event event);

	final void count() {
		if (++count == expected) {
			end = System.nanoTime();
			ended.countDown();
		}
	}

	/** Of one producer, as fast as it goes: the first word is the event's number. */
	static final class Ordered extends Handler {
		@Override
		void handle(Event event) {
			if (event.first() != count)
				disordered = true;
			sum += event.sum();
			count();
		}
	}

	/** Of several producers: each one's events are in order, but mixed with the others'. */
	static final class Mixed extends Handler {
		@Override
		void handle(Event event) {
			sum += event.sum();
			count();
		}
	}

	/** Of one producer at a rate: the first word is the moment when the event was due. */
	static final class Timing extends Handler {
		final long[] latencies;
		private long previous;

		Timing(int events) {
			latencies = new long[events];
		}

		@Override
		void handle(Event event) {
			long now = System.nanoTime(), due = event.first();

			if (count < latencies.length)
				latencies[(int)count] = now - due;
			if (due <= previous)
				disordered = true;
			previous = due;
			sum += event.sum();
			count();
		}
	}
}
