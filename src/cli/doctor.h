/* SPDX-License-Identifier: MIT */
/*
 * doctor.h - what `weir doctor` finds out, thinks of it and recommends.
 *
 * doctor_measure.c measures, doctor_checks.c and doctor_places.c judge, doctor_advice.c
 * recommends, doctor_text.c and doctor_json.c show. What judges and recommends looks at nothing
 * but this struct, so that tests can make one up.
 */
#ifndef WI_CLI_DOCTOR_H
#define WI_CLI_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <weir/weir.h>

#include "facts.h"
#include "probe.h"
#include "progress.h"

enum {
	WI_DOCTOR_CPUS_MAX = 12, /* that are measured: as many columns fit a line */
	WI_DOCTOR_CHECKS_MAX = 24,
	WI_DOCTOR_REASONS_MAX = 4
};

enum wi_doctor_verdict { WI_DOCTOR_OK, WI_DOCTOR_NOTE, WI_DOCTOR_WARNING };

struct wi_doctor_check {
	const char *name;
	enum wi_doctor_verdict verdict;
	char found[256];
	char advice[400]; /* what to do, one sentence; "" if nothing */
};

/* Times in ns; below 0: not measured. */
struct wi_doctor_gaps {
	int cpu;
	double p50, p99, p999, max;
};

struct wi_doctor_measured {
	int cpus[WI_DOCTOR_CPUS_MAX];
	int cpu_count;
	double line[WI_DOCTOR_CPUS_MAX][WI_DOCTOR_CPUS_MAX];
	struct wi_doctor_gaps gaps[WI_DOCTOR_CPUS_MAX];
	double fence_ns, syscall_ns;
	bool fence_refused;
	struct probe_wake wake;
	double stolen; /* share of the time meanwhile, 0 to 1 */
};

struct wi_doctor_pool {
	unsigned dispatcher_count;
	weir_wait wait;
	uint64_t spin_ns;
	uint64_t ring_size;
	char reasons[WI_DOCTOR_REASONS_MAX][256];
	size_t reason_count;
};

struct wi_doctor {
	bool quick; /* nothing is measured */
	struct facts facts;
	struct wi_doctor_measured measured;
	struct wi_doctor_check checks[WI_DOCTOR_CHECKS_MAX];
	size_t check_count;
	struct wi_doctor_pool pool;
};

/* Nothing is measured. */
void wi_doctor_init(struct wi_doctor *doctor);

/* Some seconds. False: a thread or a processor was refused; errno. */
bool wi_doctor_measure(struct wi_doctor *doctor, struct wi_progress *progress);

void wi_doctor_add(struct wi_doctor *doctor, const char *name, enum wi_doctor_verdict verdict,
		   const char *advice, const char *found, ...)
	__attribute__((format(printf, 5, 6)));

/* By the facts and what was measured. */
void wi_doctor_check_machine(struct wi_doctor *doctor);

/*
 * Where counters and control sockets are: runtime is XDG_RUNTIME_DIR, or NULL; owner is this
 * user. Nothing is made.
 */
void wi_doctor_check_directory(struct wi_doctor *doctor, const char *runtime, const char *shm,
			       uid_t owner);

/* version: as sqlite3_libversion_number(). */
void wi_doctor_check_sqlite(struct wi_doctor *doctor, int version);

void wi_doctor_recommend(struct wi_doctor *doctor);
void wi_doctor_write_ini(const struct wi_doctor_pool *pool, FILE *stream);
void wi_doctor_write_c(const struct wi_doctor_pool *pool, FILE *stream);

size_t wi_doctor_count(const struct wi_doctor *doctor, enum wi_doctor_verdict verdict);
const char *wi_doctor_verdict_text(enum wi_doctor_verdict verdict);

/* The longest gap of all processors that were measured; below 0: none was. */
double wi_doctor_longest_gap(const struct wi_doctor *doctor);

void wi_doctor_write_text(const struct wi_doctor *doctor, FILE *stream);
bool wi_doctor_write_json(const struct wi_doctor *doctor, FILE *stream);

#endif
