// SPDX-License-Identifier: MIT
/* Options.java - the options that all peers take. */
import java.util.List;

final class Options {
	static final List<String> SCENARIOS = List.of("1p1c", "1p3c", "3p1c", "pipeline", "diamond");
	static final List<String> SIZES = List.of("8", "48", "256");
	static final List<String> BATCHES = List.of("1", "16", "256");

	String scenario = SCENARIOS.get(0);
	int size = 48, batch = 1;
	double rate;            // events a second; 0: as fast as it goes
	Wait wait = new Wait(Wait.NAMES.get(0));
	boolean split = true, list;
	double seconds = 0.25;
	double warmup = 2;      // at least; at most three times that

	/** IllegalArgumentException: wrong usage. */
	static Options parse(String[] words) {
		Options options = new Options();

		for (int i = 0; i < words.length; i++) {
			if (words[i].equals("--list"))
				options.list = true;
			else if (i + 1 == words.length)
				throw new IllegalArgumentException(words[i] + ": unknown, or without a value");
			else
				options.set(words[i], words[++i]);
		}
		if (options.rate > 0 && !options.scenario.equals("1p1c"))
			throw new IllegalArgumentException("--rate is for 1p1c");
		return options;
	}

	private void set(String option, String value) {
		switch (option) {
		case "--scenario" -> scenario = oneOf(SCENARIOS, option, value);
		case "--size" -> size = Integer.parseInt(oneOf(SIZES, option, value));
		case "--batch" -> batch = Integer.parseInt(oneOf(BATCHES, option, value));
		case "--wait" -> wait = new Wait(oneOf(Wait.NAMES, option, value));
		case "--place" -> split = oneOf(List.of("split", "free"), option, value).equals("split");
		case "--rate" -> rate = positive(option, value);
		case "--seconds" -> seconds = positive(option, value);
		case "--warmup" -> warmup = positive(option, value);
		default -> throw new IllegalArgumentException(option + ": unknown");
		}
	}

	private static String oneOf(List<String> names, String option, String value) {
		if (!names.contains(value))
			throw new IllegalArgumentException(option + ": one of " + String.join(", ", names));
		return value;
	}

	private static double positive(String option, String value) {
		try {
			double number = Double.parseDouble(value);

			if (number > 0 && number < 1e12)
				return number;
		} catch (NumberFormatException wrong) {
			// told below
		}
		throw new IllegalArgumentException(option + ": a number above 0");
	}
}
