// SPDX-License-Identifier: MIT
/*
 * Wait.java - how consumers wait for events and producers for room.
 *
 * The strategies are the Disruptor's own, as they come. A name's suffixes: "+64k" is a ring of
 * 65,536 events in place of 4096, "+try" a producer that asks a full ring again by tryNext(), with
 * pauses, where next() sleeps. The sleep is 50 us or more, in which 4096 events are soon handled:
 * the larger ring took a third off pipelines and half off three producers.
 */
import com.lmax.disruptor.BlockingWaitStrategy;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.LiteBlockingWaitStrategy;
import com.lmax.disruptor.SleepingWaitStrategy;
import com.lmax.disruptor.WaitStrategy;
import com.lmax.disruptor.YieldingWaitStrategy;
import java.util.List;

final class Wait {
	/* The first is the default. */
	static final List<String> NAMES = List.of("yielding+64k", "yielding", "yielding+64k+try",
		"sleeping+64k", "busy-spin", "blocking");

	final String name;

	Wait(String name) {
		this.name = name;
	}

	int ringSize() {
		return name.contains("+64k") ? 65536 : 4096;
	}

	boolean asksAgain() {
		return name.endsWith("+try");
	}

	WaitStrategy strategy() {
		return switch (name.replaceFirst("\\+.*", "")) {
		case "yielding" -> new YieldingWaitStrategy();
		case "sleeping" -> new SleepingWaitStrategy();
		case "busy-spin" -> new BusySpinWaitStrategy();
		case "lite-blocking" -> new LiteBlockingWaitStrategy();
		default -> new BlockingWaitStrategy();
		};
	}
}
