/* SPDX-License-Identifier: MIT */
/* doctor_advice.c - a pool for this machine, by rules: nothing is known of the load. */
#include "doctor.h"

#include "figures.h"
#include "pools.h"

#include <inttypes.h>
#include <stdarg.h>

#define SPIN_DEFAULT_NS UINT64_C(20000) /* of the engine */
#define SPIN_MAX_NS UINT64_C(200000)
#define SPIN_STEP_NS UINT64_C(10000)
#define RING_DEFAULT (UINT64_C(256) << 10)
#define RING_MAX (UINT64_C(8) << 20)
#define BYTES_PER_NS 0.08 /* a million events a second, 80 bytes each with their headers */
#define STOLEN_MUCH 0.05

enum { CORES_PER_DISPATCHER = 4, DISPATCHERS_MAX = 4 };

static void __attribute__((format(printf, 2, 3)))
give_reason(struct wi_doctor_pool *pool, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(pool->reasons[pool->reason_count++], sizeof(pool->reasons[0]), format, arguments);
	va_end(arguments);
}

/* Cores where they are told, but no more than the quota gives time for. */
static unsigned
count_processors(const struct facts *facts)
{
	int count = facts->topology.cores > 0 ? facts->topology.cores : facts->allowed;

	if (facts->quota > 0 && facts->quota < count)
		count = (int)facts->quota;
	return count > 1 ? (unsigned)count : 1;
}

static void
choose_dispatchers(struct wi_doctor_pool *pool, unsigned processors)
{
	unsigned count = processors / CORES_PER_DISPATCHER;

	pool->dispatcher_count = count < 1 ? 1 : count > DISPATCHERS_MAX ? DISPATCHERS_MAX : count;
	if (pool->dispatcher_count == 1)
		give_reason(pool, "dispatchers: one reads the rings of many producers faster than "
				  "%s; more are for handlers that take long.",
			    processors > 1 ? "the other processors fill them" : "one fills them");
	else
		give_reason(pool, "dispatchers: one for each %d of %u cores, at most %d; the rest "
				  "is for producers.",
			    CORES_PER_DISPATCHER, processors, DISPATCHERS_MAX);
}

/* Who spins for as long as a sleep costs spends at most twice what would have been best. */
static void
choose_spin(struct wi_doctor_pool *pool, const struct wi_doctor_measured *measured)
{
	double cost = measured->wake.p50_ns + (measured->fence_ns > 0 ? measured->fence_ns : 0);

	pool->spin_ns = SPIN_DEFAULT_NS;
	if (measured->wake.p50_ns < 0) {
		give_reason(pool, "wait: a dispatcher looks for a moment, then sleeps; with 20 us, "
				  "the default, since nothing was measured.");
		return;
	}
	if (cost > (double)pool->spin_ns)
		pool->spin_ns = (uint64_t)(cost / (double)SPIN_STEP_NS + 1) * SPIN_STEP_NS;
	if (pool->spin_ns > SPIN_MAX_NS)
		pool->spin_ns = SPIN_MAX_NS;
	give_reason(pool, "wait: a sleep and its end cost %s here, so a dispatcher looks for about "
			  "that long first; spin instead, if it has a processor of its own.",
		    wi_figures_nanoseconds(cost).text);
}

static void
choose_wait(struct wi_doctor *doctor, unsigned processors)
{
	struct wi_doctor_pool *pool = &doctor->pool;
	const struct facts *facts = &doctor->facts;
	double stolen = doctor->measured.stolen >= 0 ? doctor->measured.stolen : facts->stolen;

	pool->wait = WEIR_WAIT_PARK;
	if (processors < 2)
		give_reason(pool, "wait: who spins takes the time from who would publish.");
	else if (facts->quota > 0 && facts->quota < facts->allowed)
		give_reason(pool, "wait: who spins uses up the quota, and then all threads stop.");
	else if (stolen >= STOLEN_MUCH)
		give_reason(pool, "wait: time is stolen from this guest, and who spins has more of "
				  "it to lose.");
	else {
		pool->wait = WEIR_WAIT_ADAPTIVE;
		choose_spin(pool, &doctor->measured);
	}
}

/* Room for what a producer goes on publishing while its dispatcher is away. */
static void
choose_ring(struct wi_doctor *doctor)
{
	struct wi_doctor_pool *pool = &doctor->pool;
	double gap = wi_doctor_longest_gap(doctor), wanted = gap * BYTES_PER_NS;

	pool->ring_size = RING_DEFAULT;
	while ((double)pool->ring_size < wanted && pool->ring_size < RING_MAX)
		pool->ring_size *= 2;
	if (gap < 0)
		give_reason(pool, "ring_size: the default, since nothing was measured.");
	else if (pool->ring_size < wanted)
		give_reason(pool, "ring_size: not enough for a gap of %s at a million events a "
				  "second; larger ones leave the caches.",
			    wi_figures_nanoseconds(gap).text);
	else
		give_reason(pool, "ring_size: a gap of %s, the longest that was seen, fits at a "
				  "million events of 64 bytes a second.",
			    wi_figures_nanoseconds(gap).text);
}

void
wi_doctor_recommend(struct wi_doctor *doctor)
{
	unsigned processors = count_processors(&doctor->facts);

	doctor->pool = (struct wi_doctor_pool){.reason_count = 0};
	choose_dispatchers(&doctor->pool, processors);
	choose_wait(doctor, processors);
	choose_ring(doctor);
}

void
wi_doctor_write_ini(const struct wi_doctor_pool *pool, FILE *stream)
{
	fprintf(stream, "[bus]\nring_size = %" PRIu64 "k\n\n", pool->ring_size >> 10);
	fprintf(stream, "[pool.default]\ndispatchers = %u\nwait = %s\n", pool->dispatcher_count,
		wi_pool_wait_text(pool->wait));
	if (pool->wait == WEIR_WAIT_ADAPTIVE)
		fprintf(stream, "spin = %" PRIu64 "us\n", pool->spin_ns / 1000);
}

void
wi_doctor_write_c(const struct wi_doctor_pool *pool, FILE *stream)
{
	fputs("weir_bus_options bus_options = WEIR_BUS_OPTIONS_INIT;\n"
	      "weir_pool_options pool_options = WEIR_POOL_OPTIONS_INIT;\n\n",
	      stream);
	fprintf(stream, "bus_options.ring_size = %" PRIu64 ";\n", pool->ring_size);
	fprintf(stream, "pool_options.dispatcher_count = %u;\npool_options.wait = %s;\n",
		pool->dispatcher_count,
		pool->wait == WEIR_WAIT_PARK ? "WEIR_WAIT_PARK" : "WEIR_WAIT_ADAPTIVE");
	if (pool->wait == WEIR_WAIT_ADAPTIVE)
		fprintf(stream, "pool_options.spin_ns = %" PRIu64 ";\n", pool->spin_ns);
	fputs("status = weir_bus_open(&bus_options, &pool_options, &bus);\n", stream);
}
