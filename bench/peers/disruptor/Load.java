// SPDX-License-Identifier: MIT
/*
 * Load.java - one load through a Disruptor of its own: open, publish, wait for the last handler,
 * close, check.
 *
 * The calls of the timed part are RingBuffer.next(), get() and publish() for each event, or next(n)
 * and publish(first, last) for a batch. Nothing is allocated in it. The handlers' graph is made by
 * the Disruptor's own DSL and run by its BatchEventProcessors; the sequencer is that for a single
 * producer wherever there is one. Each load's ring is new, and garbage is collected before it is
 * made, so that there is nothing to collect while it runs.
 */
import com.lmax.disruptor.InsufficientCapacityException;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.dsl.Disruptor;
import com.lmax.disruptor.dsl.ProducerType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;

final class Load {
	private static final int PATIENCE_SECONDS = 5, PAUSES = 8, SHARED_PAUSES = 50;

	final long events;
	double seconds;
	long late;                      // at a rate: sent after they were due

	private final Options options;
	private final int producers;
	private final long each;        // events of a producer
	private final Disruptor<Event> disruptor;
	private final RingBuffer<Event> ring;
	private final List<Handler> handlers = new ArrayList<>();
	private final List<Thread> consumers = new ArrayList<>();
	private final CountDownLatch running, ended;
	private volatile long begin;
	private long dueSum;

	/** atLeast: events; rounded up to whole batches of all producers. */
	Load(Options options, long atLeast) {
		this.options = options;
		producers = options.scenario.equals("3p1c") ? 3 : 1;
		each = (Math.max(atLeast / producers, 1) + options.batch - 1) / options.batch * options.batch;
		events = producers * each;
		System.gc();
		disruptor = new Disruptor<>(Event.factory(options.size), options.wait.ringSize(),
		                            this::consumer,
		                            producers == 1 ? ProducerType.SINGLE : ProducerType.MULTI,
		                            options.wait.strategy());
		connect();
		ring = disruptor.getRingBuffer();
		running = new CountDownLatch(handlers.size());
		ended = new CountDownLatch(handlers.size());
		for (Handler handler : handlers) {
			handler.expected = events;
			handler.ended = ended;
		}
	}

	private void connect() {
		switch (options.scenario) {
		case "1p3c" -> disruptor.handleEventsWith(router(), router(), router());
		case "pipeline" -> disruptor.handleEventsWith(router()).then(router()).then(router());
		case "diamond" -> disruptor.handleEventsWith(router(), router()).then(router());
		default -> disruptor.handleEventsWith(router());
		}
	}

	private Router router() {
		Handler handler = options.rate > 0 ? new Handler.Timing((int)events) :
		                  producers > 1 ? new Handler.Mixed() : new Handler.Ordered();

		handlers.add(handler);
		return new Router(handler);
	}

	private Thread consumer(Runnable processor) {
		Thread thread = new Thread(() -> {
			if (options.split)
				Affinity.pin(1);
			running.countDown();
			processor.run();
		});

		thread.setDaemon(true);
		consumers.add(thread);
		return thread;
	}

	/** IllegalStateException: a check failed. */
	void run() throws InterruptedException {
		CyclicBarrier start = new CyclicBarrier(producers, () -> begin = System.nanoTime());
		List<Thread> threads = new ArrayList<>();
		boolean allEnded;

		disruptor.start();
		running.await();
		for (int i = 0; i < producers; i++) {
			threads.add(new Thread(() -> produce(start)));
			threads.get(i).start();
		}
		for (Thread thread : threads)
			thread.join();
		allEnded = ended.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
		disruptor.halt();
		for (Thread thread : consumers)
			thread.join();
		check(allEnded);
		for (Handler handler : handlers)
			seconds = Math.max(seconds, (handler.end - begin) / 1e9);
	}

	private void produce(CyclicBarrier start) {
		if (options.split)
			Affinity.pin(0);
		try {
			start.await();
		} catch (InterruptedException | BrokenBarrierException never) {
			throw new IllegalStateException(never);
		}
		if (options.rate > 0)
			atRate();
		else if (options.batch > 1)
			batched();
		else
			single();
	}

	private void single() {
		RingBuffer<Event> ring = this.ring;
		boolean again = options.wait.asksAgain();

		for (long i = 0; i < each; i++) {
			long sequence = again ? claim(ring, 1) : ring.next();

			fill(ring.get(sequence), i, i);
			ring.publish(sequence);
		}
	}

	private void batched() {
		RingBuffer<Event> ring = this.ring;
		boolean again = options.wait.asksAgain();
		int batch = options.batch;

		for (long i = 0; i < each; ) {
			long last = again ? claim(ring, batch) : ring.next(batch);
			long first = last - batch + 1;

			for (long sequence = first; sequence <= last; sequence++, i++)
				fill(ring.get(sequence), i, i);
			ring.publish(first, last);
		}
	}

	private void atRate() {
		RingBuffer<Event> ring = this.ring;
		double interval = 1e9 / options.rate;
		long start = begin + 1000;

		for (long i = 0; i < each; i++) {
			long due = start + (long)(i * interval), sequence;

			if (System.nanoTime() > due)
				late++;
			else
				while (System.nanoTime() < due)
					Thread.onSpinWait();
			sequence = ring.next();
			fill(ring.get(sequence), due, i);
			ring.publish(sequence);
			dueSum += due;
		}
	}

	private static void fill(Event event, long first, long number) {
		event.topic = (int)(number % Router.TOPICS);
		event.write(first, number);
	}

	/* What next() does, but that a full ring is asked again instead of sleeping. */
	private long claim(RingBuffer<Event> ring, int n) {
		for (;;) {
			try {
				return ring.tryNext(n);
			} catch (InsufficientCapacityException full) {
				pause();
			}
		}
	}

	private void pause() {
		int pauses = producers > 1 ? SHARED_PAUSES : PAUSES;

		for (int i = 0; i < pauses; i++)
			Thread.onSpinWait();
		if (producers > 1)
			Thread.yield();
	}

	private void check(boolean allEnded) {
		for (int i = 0; i < handlers.size(); i++) {
			Handler handler = handlers.get(i);

			fail(handler.count != events, i, "handled " + handler.count + " of " + events + " events");
			fail(handler.sum != expectedSum(), i, "has a wrong sum");
			fail(handler.disordered, i, "saw events out of order");
			fail(i > 0 && isBehind(i) && handler.end < handlers.get(i - 1).end, i,
			     "was done before those in front");
		}
		fail(!allEnded, 0, "did not tell its end");
	}

	private boolean isBehind(int consumer) {
		return options.scenario.equals("pipeline") ||
		       options.scenario.equals("diamond") && consumer == 2;
	}

	private static void fail(boolean failed, int consumer, String what) {
		if (failed)
			throw new IllegalStateException("consumer " + consumer + " " + what);
	}

	/* Modulo 2^64, as the handlers' sums are. */
	private long expectedSum() {
		long words = options.size / 8, numbers = producers * (each * (each - 1) / 2);

		return options.rate > 0 ? dueSum + (words - 1) * numbers : words * numbers;
	}

	/** Of a load at a rate: from when an event was due to its handler, in nanoseconds, sorted. */
	long[] latencies() {
		long[] latencies = ((Handler.Timing)handlers.get(0)).latencies;

		Arrays.sort(latencies);
		return latencies;
	}
}
