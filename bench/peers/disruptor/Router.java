// SPDX-License-Identifier: MIT
/* Router.java - a consumer of the Disruptor: finds the handler of the event's topic and calls it. */
import com.lmax.disruptor.EventHandler;
import java.util.Arrays;

final class Router implements EventHandler<Event> {
	static final int TOPICS = 64;

	private final Handler[] routes = new Handler[TOPICS];

	Router(Handler handler) {
		Arrays.fill(routes, handler);
	}

	@Override
	public void onEvent(Event event, long sequence, boolean endOfBatch) {
		routes[event.topic].handle(event);
	}
}
