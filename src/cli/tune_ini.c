/* SPDX-License-Identifier: MIT */
/* tune_ini.c - see tune_ini.h. */
#include "tune_ini.h"

#include <inttypes.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_-"

bool
wi_tune_is_name(const char *name)
{
	size_t length = strspn(name, LETTERS);

	return length > 0 && length <= 40 && name[length] == '\0';
}

static void
write_time(const char *name, uint64_t ns, FILE *stream)
{
	if (ns % 1000 == 0)
		fprintf(stream, "%s = %" PRIu64 "us\n", name, ns / 1000);
	else
		fprintf(stream, "%s = %" PRIu64 "ns\n", name, ns);
}

static void
write_after(const struct wi_pool_spec *spec, FILE *stream)
{
	for (uint32_t i = 0; i < spec->after_count; i++)
		fprintf(stream, "%s%s", i == 0 ? "after = " : ", ", spec->after[i]);
	if (spec->after_count > 0)
		fputc('\n', stream);
}

static void
write_pool(const struct wi_pool_spec *spec, FILE *stream)
{
	fprintf(stream, "\n[pool.%s]\ndispatchers = %u\nwait = %s\n", spec->name,
		wi_bench_plan_dispatchers(spec), wi_pool_wait_text(spec->wait));
	if (spec->wait == WEIR_WAIT_ADAPTIVE && spec->spin_ns > 0)
		write_time("spin", spec->spin_ns, stream);
	if (spec->wait == WEIR_WAIT_POLL && spec->sleep_ns > 0)
		write_time("sleep", spec->sleep_ns, stream);
	if (spec->batch_count_max > 0)
		fprintf(stream, "batch = %" PRIu64 "\n", spec->batch_count_max);
	if (spec->cpus != NULL)
		fprintf(stream, "cpus = %s\n", spec->cpus);
	if (spec->nice > 0)
		fprintf(stream, "nice = %" PRIu64 "\n", spec->nice);
	if (spec->order == WEIR_ORDER_KEY)
		fputs("order = key\n", stream);
	if (spec->behind == WEIR_BEHIND_SKIP)
		fputs("behind = skip\n", stream);
	write_after(spec, stream);
}

static void
write_pools(const struct wi_bench_plan *plan, FILE *stream)
{
	for (size_t i = 0; i < wi_bench_plan_pool_count(plan); i++)
		write_pool(wi_bench_plan_pool(plan, i), stream);
}

void
wi_tune_write_ini(const struct wi_bench_options *load, const struct wi_bench_plan *plan,
		  FILE *stream)
{
	fprintf(stream, "[bus]\nring_size = %" PRIu64 "k\n", load->ring_size >> 10);
	write_pools(plan, stream);
}

/* -- a load ----------------------------------------------------------------- */

static void
write_sizes(const struct wi_bench_sizes *sizes, FILE *stream)
{
	for (uint32_t i = 0; i < sizes->count; i++)
		fprintf(stream, "%s%" PRIu32, i == 0 ? "size = " : sizes->is_range ? ".." : ",",
			sizes->each[i]);
	fputc('\n', stream);
}

static void
write_on(const struct wi_bench_on *on, size_t number, FILE *stream)
{
	fprintf(stream, "\n[on.%zu]\npattern = %s\npool = %s\n", number, on->pattern, on->pool);
	if (on->cost_ns > 0)
		fprintf(stream, "%s = %" PRIu64 "ns\n", on->sleeps ? "sleep" : "cost", on->cost_ns);
	if (on->times > 1)
		fprintf(stream, "times = %" PRIu64 "\n", on->times);
}

/* What is not said is as without a file. */
static void
write_count(const char *name, uint64_t count, uint64_t otherwise, FILE *stream)
{
	if (count != otherwise)
		fprintf(stream, "%s = %" PRIu64 "\n", name, count);
}

void
wi_tune_write_load(const struct wi_bench_options *load, const struct wi_bench_plan *plan,
		   FILE *stream)
{
	fprintf(stream, "[load]\nproducers = %" PRIu64 "\n", load->producer_count);
	write_count("rate", load->rate, 0, stream);
	write_count("burst", load->burst, 1, stream);
	write_sizes(&load->sizes, stream);
	fprintf(stream, "topics = %" PRIu64 "\n", load->topic_count);
	write_count("hot", load->hot_percent, 0, stream);
	write_count("keys", load->key_count, 0, stream);
	write_count("commit", load->commit_count, 1, stream);
	if (load->in_place)
		fputs("in-place = yes\n", stream);
	if (load->many)
		fputs("many = yes\n", stream);
	if (load->producer_cpus != NULL)
		fprintf(stream, "producer-cpus = %s\n", load->producer_cpus);
	fprintf(stream, "\n[bus]\nring-size = %" PRIu64 "k\n", load->ring_size >> 10);
	write_pools(plan, stream);
	for (size_t i = 0; i < load->on_count; i++)
		write_on(&load->ons[i], i + 1, stream);
}

/* -- C ---------------------------------------------------------------------- */

static const char *
wait_in_c(weir_wait wait)
{
	static const char *const names[] = {
		[WEIR_WAIT_ADAPTIVE] = "WEIR_WAIT_ADAPTIVE", [WEIR_WAIT_SPIN] = "WEIR_WAIT_SPIN",
		[WEIR_WAIT_YIELD] = "WEIR_WAIT_YIELD", [WEIR_WAIT_POLL] = "WEIR_WAIT_POLL",
		[WEIR_WAIT_PARK] = "WEIR_WAIT_PARK"};

	return names[wait];
}

/* The variable of a pool's options, or of the pool itself. */
static void
write_name(size_t index, const char *what, FILE *stream)
{
	if (index == 0)
		fprintf(stream, "pool_%s", what);
	else
		fprintf(stream, "pool_%zu%s%s", index + 1, *what != '\0' ? "_" : "", what);
}

static void
set(size_t index, const char *member, FILE *stream)
{
	write_name(index, "options", stream);
	fprintf(stream, ".%s = ", member);
}

static void
set_number(size_t index, const char *member, uint64_t number, FILE *stream)
{
	if (number == 0)
		return;
	set(index, member, stream);
	fprintf(stream, "%" PRIu64 ";\n", number);
}

static void
set_word(size_t index, const char *member, const char *word, FILE *stream)
{
	set(index, member, stream);
	fprintf(stream, "%s;\n", word);
}

static size_t
find(const struct wi_bench_plan *plan, const char *name)
{
	size_t index = wi_bench_plan_pool_count(plan);

	while (index > 0 && strcmp(wi_bench_plan_pool(plan, --index)->name, name) != 0)
		;
	return index;
}

static void
set_after(const struct wi_bench_plan *plan, size_t index, FILE *stream)
{
	const struct wi_pool_spec *spec = wi_bench_plan_pool(plan, index);

	set(index, "after", stream);
	fputs("(weir_pool *const[]){", stream);
	for (uint32_t i = 0; i < spec->after_count; i++) {
		size_t after = find(plan, spec->after[i]);

		fputs(i > 0 ? ", " : "", stream);
		if (after == 0)
			fputs("weir_bus_default_pool(bus)", stream);
		else
			write_name(after, "", stream);
	}
	fputs("};\n", stream);
	set_number(index, "after_count", spec->after_count, stream);
}

static void
set_options(const struct wi_bench_plan *plan, size_t index, FILE *stream)
{
	const struct wi_pool_spec *spec = wi_bench_plan_pool(plan, index);

	if (index > 0) {
		set(index, "name", stream);
		fprintf(stream, "\"%s\";\n", spec->name);
	}
	set_number(index, "dispatcher_count", wi_bench_plan_dispatchers(spec), stream);
	set_word(index, "wait", wait_in_c(spec->wait), stream);
	if (spec->wait == WEIR_WAIT_ADAPTIVE)
		set_number(index, "spin_ns", spec->spin_ns, stream);
	if (spec->wait == WEIR_WAIT_POLL)
		set_number(index, "sleep_ns", spec->sleep_ns, stream);
	set_number(index, "batch_count_max", spec->batch_count_max, stream);
	if (spec->cpus != NULL) {
		set(index, "cpus", stream);
		fprintf(stream, "\"%s\";\n", spec->cpus);
	}
	if (spec->nice > 0)
		fprintf(stream, "/* nice %" PRIu64 ": in this pool's thread_begin, nice(%" PRIu64 ") */\n",
			spec->nice, spec->nice);
	if (spec->order == WEIR_ORDER_KEY)
		set_word(index, "order", "WEIR_ORDER_KEY", stream);
	if (spec->behind == WEIR_BEHIND_SKIP)
		set_word(index, "behind", "WEIR_BEHIND_SKIP", stream);
	if (spec->after_count > 0)
		set_after(plan, index, stream);
}

void
wi_tune_write_c(const struct wi_bench_options *load, const struct wi_bench_plan *plan, FILE *stream)
{
	size_t count = wi_bench_plan_pool_count(plan);

	fputs("weir_bus_options bus_options = WEIR_BUS_OPTIONS_INIT;\n", stream);
	for (size_t i = 0; i < count; i++) {
		fputs("weir_pool_options ", stream);
		write_name(i, "options", stream);
		fputs(" = WEIR_POOL_OPTIONS_INIT;\n", stream);
	}
	fprintf(stream, "\nbus_options.ring_size = %" PRIu64 ";\n", load->ring_size);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			fputc('\n', stream);
		set_options(plan, i, stream);
		if (i == 0) {
			fputs("status = weir_bus_open(&bus_options, &pool_options, &bus);\n", stream);
			continue;
		}
		fputs("status = weir_pool_open(bus, &", stream);
		write_name(i, "options", stream);
		fputs(", &", stream);
		write_name(i, "", stream);
		fputs(");\n", stream);
	}
}
