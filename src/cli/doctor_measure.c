/* SPDX-License-Identifier: MIT */
/* doctor_measure.c - at most a few seconds, also where there are many processors. */
#include "doctor.h"

#include "cpu_list.h"
#include "line.h"
#include "machine.h"
#include "stopwatch.h"

#include <errno.h>
#include <stdlib.h>

#define GAPS_NS (2 * WI_STOPWATCH_S) /* of all processors, */
#define GAPS_EACH_NS (WI_STOPWATCH_S / 2) /* and at most of one */
#define LINES_NS (2 * WI_STOPWATCH_S)

enum { TRIPS = 5000 };

void
wi_doctor_init(struct wi_doctor *doctor)
{
	struct wi_doctor_measured *measured = &doctor->measured;

	*doctor = (struct wi_doctor){.quick = true};
	measured->fence_ns = measured->syscall_ns = measured->stolen = -1;
	measured->wake = (struct probe_wake){-1, -1, -1};
	for (int i = 0; i < WI_DOCTOR_CPUS_MAX; i++) {
		measured->gaps[i] = (struct wi_doctor_gaps){-1, -1, -1, -1, -1};
		for (int j = 0; j < WI_DOCTOR_CPUS_MAX; j++)
			measured->line[i][j] = -1;
	}
}

double
wi_doctor_longest_gap(const struct wi_doctor *doctor)
{
	double longest = -1;

	for (int i = 0; i < doctor->measured.cpu_count; i++)
		if (doctor->measured.gaps[i].max > longest)
			longest = doctor->measured.gaps[i].max;
	return longest;
}

/* Spread over all, so that distant ones are among them. */
static void
choose(struct wi_doctor *doctor)
{
	struct wi_doctor_measured *measured = &doctor->measured;
	int allowed = doctor->facts.allowed;
	int count = allowed < WI_DOCTOR_CPUS_MAX ? allowed : WI_DOCTOR_CPUS_MAX;

	for (int i = 0; i < count; i++)
		measured->cpus[i] = cpu_list_get(&doctor->facts.allowed_cpus,
						 (unsigned)(i * allowed / count));
	measured->cpu_count = count;
}

/* -- gaps --------------------------------------------------------------------- */

static bool
measure_gaps(struct wi_doctor *doctor, struct wi_progress *progress)
{
	struct wi_doctor_measured *measured = &doctor->measured;
	uint64_t ns = GAPS_NS / (unsigned)measured->cpu_count;

	for (int i = 0; i < measured->cpu_count; i++) {
		struct histogram *gaps = calloc(1, sizeof(*gaps));

		if (wi_progress_due(progress))
			wi_progress_draw(progress, "gaps of processor %d", measured->cpus[i]);
		if (gaps == NULL ||
		    !probe_gaps(measured->cpus[i], ns < GAPS_EACH_NS ? ns : GAPS_EACH_NS, gaps)) {
			free(gaps);
			return false;
		}
		measured->gaps[i] = (struct wi_doctor_gaps){
			.cpu = measured->cpus[i],
			.p50 = (double)histogram_percentile(gaps, 50),
			.p99 = (double)histogram_percentile(gaps, 99),
			.p999 = (double)histogram_percentile(gaps, 99.9),
			.max = (double)gaps->max,
		};
		free(gaps);
	}
	return true;
}

/* -- lines --------------------------------------------------------------------- */

/* The least of three: what else runs in between only makes it longer. */
static bool
measure_line(struct wi_doctor_measured *measured, int i, int j, uint64_t deadline)
{
	double least = -1;

	for (int time = 0; time < 3 && machine_ns() < deadline; time++) {
		double ns = line_ns(measured->cpus[i], measured->cpus[j], TRIPS, deadline);

		if (ns < 0 && errno != ETIMEDOUT)
			return false;
		if (ns >= 0 && (least < 0 || ns < least))
			least = ns;
	}
	measured->line[i][j] = measured->line[j][i] = least;
	return true;
}

static bool
measure_lines(struct wi_doctor *doctor, struct wi_progress *progress)
{
	struct wi_doctor_measured *measured = &doctor->measured;
	uint64_t deadline = machine_ns() + LINES_NS;

	for (int i = 0; i < measured->cpu_count; i++)
		for (int j = i + 1; j < measured->cpu_count; j++) {
			if (wi_progress_due(progress))
				wi_progress_draw(progress, "line from processor %d to %d",
						 measured->cpus[i], measured->cpus[j]);
			if (!measure_line(measured, i, j, deadline))
				return false;
		}
	return true;
}

/* -- all ------------------------------------------------------------------------ */

static void
measure_calls(struct wi_doctor_measured *measured)
{
	int own = measured->cpus[0], other = measured->cpus[measured->cpu_count > 1];

	measured->syscall_ns = probe_syscall_ns();
	measured->fence_ns = probe_fence_ns(own, other);
	measured->fence_refused = measured->fence_ns < 0;
	if (!probe_wake(own, other, &measured->wake))
		measured->wake = (struct probe_wake){-1, -1, -1};
}

bool
wi_doctor_measure(struct wi_doctor *doctor, struct wi_progress *progress)
{
	struct machine_used before = machine_used(), after;
	uint64_t begin = machine_ns();
	bool done;

	machine_begin();
	doctor->quick = false;
	choose(doctor);
	if (doctor->measured.cpu_count == 0) {
		errno = ENODEV;
		return false;
	}
	measure_calls(&doctor->measured);
	done = measure_gaps(doctor, progress) && measure_lines(doctor, progress);
	machine_unpin();
	after = machine_used();
	doctor->measured.stolen = (after.stolen - before.stolen) /
				  ((double)(machine_ns() - begin) / 1e9) / doctor->facts.online;
	wi_progress_clear(progress);
	return done;
}
