// SPDX-License-Identifier: MIT
/* Affinity.java - the calling thread on one of the processors that the process may use, by JNA. */
import com.sun.jna.Native;

final class Affinity {
	private static final int BYTES = 128;
	private static final int[] CPUS;        // allowed when the process began

	static {
		byte[] set = new byte[BYTES];

		Native.register(Affinity.class, "c");
		if (sched_getaffinity(0, BYTES, set) < 0)
			throw new IllegalStateException("the processors allowed cannot be asked");
		CPUS = java.util.BitSet.valueOf(set).stream().toArray();
	}

	private Affinity() {
	}

	private static native int sched_getaffinity(int thread, long size, byte[] set);

	private static native int sched_setaffinity(int thread, long size, byte[] set);

	static int count() {
		return CPUS.length;
	}

	/** To the n-th processor allowed, from 0. */
	static void pin(int n) {
		byte[] set = new byte[BYTES];

		set[CPUS[n] / 8] = (byte)(1 << CPUS[n] % 8);
		if (sched_setaffinity(0, BYTES, set) != 0)
			throw new IllegalStateException("cannot pin a thread to processor " + CPUS[n]);
	}
}
