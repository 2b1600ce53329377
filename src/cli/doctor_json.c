/* SPDX-License-Identifier: MIT */
/* doctor_json.c - all of it, unrounded, in one object; null is what is not known. */
#include "doctor.h"

#include "json_line.h"
#include "pools.h"

#include <jansson.h>
#include <stdlib.h>

static json_t *
real(double value)
{
	return value >= 0 ? json_real(value) : json_null();
}

/* A path may be anything: what is no UTF-8 is not shown. */
static json_t *
text(const char *value)
{
	json_t *string = value[0] != '\0' ? json_string(value) : NULL;

	return string != NULL ? string : json_null();
}

static json_t *
make_checks(const struct wi_doctor *doctor)
{
	json_t *list = json_array();

	for (size_t i = 0; i < doctor->check_count; i++) {
		const struct wi_doctor_check *check = &doctor->checks[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:o, s:o}", "name", check->name, "verdict",
					wi_doctor_verdict_text(check->verdict), "found",
					text(check->found), "advice", text(check->advice)));
	}
	return list;
}

/* -- what was measured ------------------------------------------------------------------ */

static json_t *
make_lines(const struct wi_doctor *doctor)
{
	const struct wi_doctor_measured *measured = &doctor->measured;
	json_t *cpus = json_array(), *rows = json_array();

	for (int i = 0; i < measured->cpu_count; i++) {
		json_t *row = json_array();

		json_array_append_new(cpus, json_integer(measured->cpus[i]));
		for (int j = 0; j < measured->cpu_count; j++)
			json_array_append_new(row, real(measured->line[i][j]));
		json_array_append_new(rows, row);
	}
	return json_pack("{s:o, s:b, s:o}", "processors", cpus, "all",
			 measured->cpu_count == doctor->facts.allowed, "ns", rows);
}

static json_t *
make_gaps(const struct wi_doctor_measured *measured)
{
	json_t *list = json_array();

	for (int i = 0; i < measured->cpu_count; i++) {
		const struct wi_doctor_gaps *gaps = &measured->gaps[i];

		json_array_append_new(list, json_pack("{s:i, s:o, s:o, s:o, s:o}", "processor",
						      measured->cpus[i], "p50", real(gaps->p50),
						      "p99", real(gaps->p99), "p99.9",
						      real(gaps->p999), "max", real(gaps->max)));
	}
	return list;
}

static json_t *
make_measured(const struct wi_doctor *doctor)
{
	const struct wi_doctor_measured *measured = &doctor->measured;

	if (doctor->quick)
		return json_null();
	return json_pack("{s:o, s:o, s:{s:o, s:o, s:o}, s:o, s:o, s:o}", "system_call_ns",
			 real(measured->syscall_ns), "membarrier_ns", real(measured->fence_ns),
			 "futex_wake_ns", "call", real(measured->wake.call_ns), "p50",
			 real(measured->wake.p50_ns), "p99", real(measured->wake.p99_ns),
			 "stolen_share", real(measured->stolen), "lines", make_lines(doctor),
			 "gaps_ns", make_gaps(measured));
}

/* -- what is recommended ------------------------------------------------------------------- */

static json_t *
make_written(void (*write)(const struct wi_doctor_pool *pool, FILE *stream),
	     const struct wi_doctor_pool *pool)
{
	char *written = NULL;
	size_t size;
	FILE *memory = open_memstream(&written, &size);
	json_t *string;

	if (memory == NULL)
		return json_null();
	write(pool, memory);
	fclose(memory);
	string = text(written);
	free(written);
	return string;
}

static json_t *
make_pool(const struct wi_doctor_pool *pool)
{
	json_t *reasons = json_array();

	for (size_t i = 0; i < pool->reason_count; i++)
		json_array_append_new(reasons, json_string(pool->reasons[i]));
	return json_pack("{s:i, s:s, s:o, s:I, s:o, s:o, s:o}", "dispatchers",
			 (int)pool->dispatcher_count, "wait", wi_pool_wait_text(pool->wait),
			 "spin_ns",
			 pool->wait == WEIR_WAIT_ADAPTIVE
				 ? json_integer((json_int_t)pool->spin_ns)
				 : json_null(),
			 "ring_size", (json_int_t)pool->ring_size, "reasons", reasons, "ini",
			 make_written(wi_doctor_write_ini, pool), "c",
			 make_written(wi_doctor_write_c, pool));
}

bool
wi_doctor_write_json(const struct wi_doctor *doctor, FILE *stream)
{
	json_t *root = json_pack(
		"{s:o, s:o, s:o, s:o, s:I, s:I}", "machine",
		facts_json(&doctor->facts, weir_version()), "checks", make_checks(doctor),
		"measured", make_measured(doctor), "recommended", make_pool(&doctor->pool),
		"warnings", (json_int_t)wi_doctor_count(doctor, WI_DOCTOR_WARNING), "notes",
		(json_int_t)wi_doctor_count(doctor, WI_DOCTOR_NOTE));

	return wi_json_line(root, stream);
}
