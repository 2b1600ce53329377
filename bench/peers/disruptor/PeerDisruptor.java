// SPDX-License-Identifier: MIT
/*
 * PeerDisruptor.java - the peer "disruptor": LMAX Disruptor 3.4, one load, one line of JSON.
 *
 * What was done to be fair: Load.java says which calls and how the graph is built, Event.java how
 * payloads lie in the ring, Wait.java how is waited. The Disruptor knows no topics: Router.java
 * gives it the table that all peers have. One process runs one scenario, size and wait, so that the
 * compiler sees one class behind each call and inlines them all, and it is warm when it is timed:
 * loads are repeated for two seconds, and on until two in a row agree within 5 %, for six at most.
 * Producers' and consumers' threads are pinned (Affinity.java), the virtual machine's own are not:
 * it has one collector thread and nothing for it to do during a load, has compiled what runs, and
 * makes no safepoints by the clock (the flags are in the script peer-disruptor).
 */
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

public final class PeerDisruptor {
	private static final int USAGE = 64, UNAVAILABLE = 69;
	private static final int FIRST_EVENTS = 64;
	private static final double WARM_SECONDS = 0.05, AGREE = 0.05, AT_MOST = 3, FAST_RATE = 1e6;

	private PeerDisruptor() {
	}

	public static void main(String[] words) throws Exception {
		Options options = null;
		int status = 0;

		try {
			options = Options.parse(words);
		} catch (IllegalArgumentException wrong) {
			System.err.println("peer-disruptor: " + wrong.getMessage());
			System.exit(USAGE);
		}
		if (options.list) {
			System.out.println(list());
		} else if (options.split && Affinity.count() < 2) {
			System.err.println("peer-disruptor: split needs two processors");
			status = UNAVAILABLE;
		} else {
			status = measure(options) ? 0 : 1;
		}
		System.exit(status);
	}

	private static boolean measure(Options options) throws InterruptedException {
		String line = String.format(Locale.ROOT,
			"{\"peer\":\"disruptor\",\"scenario\":\"%s\",\"size\":%d,\"batch\":%d," +
			"\"wait\":\"%s\",\"place\":\"%s\"", options.scenario, options.size,
			options.batch, options.wait.name, options.split ? "split" : "free");
		boolean ok = true;

		try {
			line += run(options);
		} catch (IllegalStateException failed) {
			line += ",\"ok\":false,\"error\":\"" + failed.getMessage() + "\"}";
			ok = false;
		}
		System.out.println(line);
		return ok;
	}

	private static String run(Options options) throws InterruptedException {
		OperatingSystemMXBean system =
			(OperatingSystemMXBean)ManagementFactory.getOperatingSystemMXBean();
		Load load = new Load(options, options.rate > 0 ? warmUpAtRate(options) : warmUp(options));
		long cpu = system.getProcessCpuTime();
		String line;

		load.run();
		cpu = system.getProcessCpuTime() - cpu;
		line = String.format(Locale.ROOT, ",\"events\":%d,\"seconds\":%.6f," +
		                     "\"ns_per_event\":%.2f,\"cpu_seconds\":%.4f", load.events,
		                     load.seconds, load.seconds * 1e9 / load.events, cpu / 1e9);
		if (options.rate > 0)
			line += latencies(options, load);
		return line + ",\"ok\":true}";
	}

	/* How many events the timed load is to have. */
	private static long warmUp(Options options) throws InterruptedException {
		double wanted = Math.min(WARM_SECONDS, options.seconds), before = 0;
		long begin = System.nanoTime(), events = FIRST_EVENTS;

		for (;;) {
			Load load = new Load(options, events);
			double each, passed;

			load.run();
			each = load.seconds / load.events;
			passed = (System.nanoTime() - begin) / 1e9;
			if (passed > AT_MOST * options.warmup || passed > options.warmup &&
			    load.seconds > wanted / 2 && Math.abs(each / before - 1) < AGREE)
				return (long)(options.seconds / each);
			before = each;
			events = Math.min(2 * load.events, (long)(1.5 * wanted / each) + 1);
		}
	}

	/* First faster than measured, since the compiler counts rounds and not seconds. */
	private static long warmUpAtRate(Options options) throws InterruptedException {
		double rate = options.rate;
		long begin = System.nanoTime();

		for (double passed = 0; passed < options.warmup; ) {
			options.rate = passed < options.warmup / 2 ? Math.max(FAST_RATE, rate) : rate;
			new Load(options, (long)(options.rate * WARM_SECONDS)).run();
			passed = (System.nanoTime() - begin) / 1e9;
		}
		options.rate = rate;
		return (long)(rate * options.seconds);
	}

	private static String latencies(Options options, Load load) {
		long[] sorted = load.latencies();

		return String.format(Locale.ROOT, ",\"rate\":%.0f,\"p50\":%d,\"p90\":%d,\"p99\":%d," +
		                     "\"p999\":%d,\"max\":%d,\"behind\":%.6f", options.rate,
		                     at(sorted, 0.5), at(sorted, 0.9), at(sorted, 0.99),
		                     at(sorted, 0.999), at(sorted, 1), (double)load.late / load.events);
	}

	private static long at(long[] sorted, double part) {
		return sorted[(int)Math.round(part * (sorted.length - 1))];
	}

	private static String list() {
		return "{\"peer\":\"disruptor\",\"what\":\"LMAX Disruptor: next, get, publish; " +
		       "handlers by its DSL\",\"package\":\"libdisruptor-java\",\"version\":\"" +
		       System.getProperty("peer.version") + "\",\"kind\":\"routed\",\"scenarios\":" + texts(Options.SCENARIOS) +
		       ",\"sizes\":[" + String.join(",", Options.SIZES) + "],\"batches\":[" +
		       String.join(",", Options.BATCHES) + "],\"waits\":" + texts(Wait.NAMES) + "}";
	}

	private static String texts(List<String> names) {
		return names.stream().collect(Collectors.joining("\",\"", "[\"", "\"]"));
	}
}
