/* SPDX-License-Identifier: MIT */
/* bench_options.c - see bench_options.h. */
#include "bench_options.h"

#include "cpu_list.h"
#include "quantity.h"
#include "stopwatch.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RING_DEFAULT = 256 << 10 };

enum kind { COUNT, RATE, PERCENT, BYTES, TIME, FLAG, CPUS, WORD, SIZES, ON, POOL, OF_DEFAULT_POOL };

#define AT(member) offsetof(struct wi_bench_options, member)

static const struct setting {
	const char *name;
	enum kind kind;
	size_t at;
	uint64_t min, max;
} settings[] = {
	{"producers", COUNT, AT(producer_count), 1, 1000},
	{"commit", COUNT, AT(commit_count), 1, 65536},
	{"topics", COUNT, AT(topic_count), 1, 10000000},
	{"keys", COUNT, AT(key_count), 1, 65536},
	{"burst", COUNT, AT(burst), 1, 1000000},
	{"repeat", COUNT, AT(repeat), 1, 1000},
	{"rate", RATE, AT(rate), 1, 1000000000},
	{"hot", PERCENT, AT(hot_percent), 0, 100},
	{"ring-size", BYTES, AT(ring_size), 4096, UINT64_C(1) << 31},
	{"duration", TIME, AT(duration_ns), WI_STOPWATCH_MS, WI_BENCH_DURATION_MAX_NS},
	{"warmup", TIME, AT(warmup_ns), 0, WI_BENCH_DURATION_MAX_NS},
	{"cost", TIME, AT(cost_ns), 0, WI_BENCH_DURATION_MAX_NS},
	{"in-place", FLAG, AT(in_place), 0, 0},
	{"many", FLAG, AT(many), 0, 0},
	{"no-yardstick", FLAG, AT(no_yardstick), 0, 0},
	{"json", FLAG, AT(json), 0, 0},
	{"producer-cpus", CPUS, AT(producer_cpus), 0, 0},
	{"cpus", CPUS, AT(cpus), 0, 0},
	{"hgrm", WORD, AT(hgrm), 0, 0},
	{"hlog", WORD, AT(hlog), 0, 0},
	{"report", WORD, AT(report), 0, 0},
	{"size", SIZES, 0, 0, 0},
	{"on", ON, 0, 0, 0},
	{"pool", POOL, 0, 0, 0},
	{"dispatchers", OF_DEFAULT_POOL, 0, 0, 0},
	{"wait", OF_DEFAULT_POOL, 0, 0, 0},
	{"order", OF_DEFAULT_POOL, 0, 0, 0},
	{"behind", OF_DEFAULT_POOL, 0, 0, 0},
	{"batch", OF_DEFAULT_POOL, 0, 0, 0},
	{"spin", OF_DEFAULT_POOL, 0, 0, 0},
	{"sleep", OF_DEFAULT_POOL, 0, 0, 0},
};

static const struct setting *
find_setting(const char *name)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	return NULL;
}

bool
wi_bench_options_has(const char *name)
{
	return find_setting(name) != NULL;
}

const char *
wi_bench_problem(struct wi_bench_options *options, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(options->problem, sizeof(options->problem), format, arguments);
	va_end(arguments);
	return options->problem;
}

/* -- values ----------------------------------------------------------------- */

static const char *
set_count(struct wi_bench_options *options, const struct setting *setting, const char *value)
{
	uint64_t *number = (uint64_t *)((char *)options + setting->at);

	if (wi_quantity_count(value, setting->min, setting->max, number))
		return NULL;
	return wi_bench_problem(options, "'%s' is not a whole number from %llu to %llu", value,
		       (unsigned long long)setting->min, (unsigned long long)setting->max);
}

static const char *
set_rate(struct wi_bench_options *options, const char *value)
{
	uint64_t rate;

	if (!wi_quantity_rate(value, 1000000000, &rate) || rate == 0)
		return wi_bench_problem(
			options, "'%s' is not a number of events a second, as 500k, up to 1000M",
			value);
	options->rate = rate;
	return NULL;
}

static const char *
set_percent(struct wi_bench_options *options, const char *value)
{
	char digits[8];
	size_t length = strcspn(value, "%");

	if (length < sizeof(digits) && (value[length] == '\0' || value[length + 1] == '\0')) {
		memcpy(digits, value, length);
		digits[length] = '\0';
		if (wi_quantity_count(digits, 0, 100, &options->hot_percent))
			return NULL;
	}
	return wi_bench_problem(options, "'%s' is not a share, as 90%%", value);
}

static const char *
set_bytes(struct wi_bench_options *options, const struct setting *setting, const char *value)
{
	uint64_t bytes;

	if (!wi_quantity_bytes(value, setting->max, &bytes) || bytes < setting->min ||
	    (bytes & (bytes - 1)) != 0)
		return wi_bench_problem(options, "'%s' is not a power of two from 4k to 2g", value);
	options->ring_size = bytes;
	return NULL;
}

static const char *
set_time(struct wi_bench_options *options, const struct setting *setting, const char *value)
{
	uint64_t ns;

	if (!wi_quantity_duration(value, setting->max, &ns) || ns < setting->min)
		return wi_bench_problem(options, "'%s' is not a time, as 500ns or 2s, %sup to 1 h",
					value, setting->min > 0 ? "from 1ms " : "");
	*(uint64_t *)((char *)options + setting->at) = ns;
	return NULL;
}

/* NULL, as an option without an argument has it, is yes. */
static const char *
set_flag(struct wi_bench_options *options, const struct setting *setting, const char *value)
{
	bool yes = value == NULL || strcmp(value, "yes") == 0;

	if (!yes && strcmp(value, "no") != 0)
		return wi_bench_problem(options, "'%s' is neither yes nor no", value);
	*(bool *)((char *)options + setting->at) = yes;
	return NULL;
}

static const char *
set_word(struct wi_bench_options *options, const struct setting *setting, const char *value)
{
	char **word = (char **)((char *)options + setting->at), *copy;
	const char *wrong;
	cpu_set_t set;

	if (setting->kind == CPUS && (wrong = cpu_list_parse(value, &set)) != NULL)
		return wi_bench_problem(options, "'%s' %s", value, wrong);
	if (*value == '\0')
		return "it is empty";
	copy = strdup(value);
	if (copy == NULL)
		return "out of memory";
	free(*word);
	*word = copy;
	return NULL;
}

/* "48", "8..256" or "8,48,256". */
static bool
parse_sizes(struct wi_bench_sizes *sizes, char *text)
{
	char *dots = strstr(text, ".."), *rest = NULL;
	uint64_t size;

	*sizes = (struct wi_bench_sizes){.is_range = dots != NULL};
	if (dots != NULL) {
		dots[0] = ',';
		memmove(dots + 1, dots + 2, strlen(dots + 2) + 1);
	}
	for (char *word = strtok_r(text, ",", &rest); word != NULL;
	     word = strtok_r(NULL, ",", &rest)) {
		if (sizes->count == WI_BENCH_SIZES_MAX || !wi_quantity_bytes(word, 1 << 29, &size))
			return false;
		sizes->each[sizes->count++] = (uint32_t)size;
	}
	return sizes->is_range ? sizes->count == 2 && sizes->each[0] < sizes->each[1]
			       : sizes->count > 0;
}

static const char *
set_sizes(struct wi_bench_options *options, const char *value)
{
	struct wi_bench_sizes sizes;
	char text[512];

	snprintf(text, sizeof(text), "%s", value);
	if (strlen(value) >= sizeof(text) || !parse_sizes(&sizes, text))
		return wi_bench_problem(
			options, "'%s' is not a size, a range as 8..256 or a list as 8,48,256",
			value);
	options->sizes = sizes;
	return NULL;
}

static const char *
set_of_default_pool(struct wi_bench_options *options, const char *name, const char *value)
{
	const char *wrong;
	char *text;

	if (asprintf(&text, "%s=%s", name, value) < 0)
		return "out of memory";
	wrong = wi_bench_options_set_pool(options, "default", text);
	free(text);
	return wrong;
}

/* -- all -------------------------------------------------------------------- */

const char *
wi_bench_options_set(struct wi_bench_options *options, const char *name, const char *value)
{
	const struct setting *setting = find_setting(name);

	switch (setting->kind) {
	case COUNT:
		return set_count(options, setting, value);
	case RATE:
		return set_rate(options, value);
	case PERCENT:
		return set_percent(options, value);
	case BYTES:
		return set_bytes(options, setting, value);
	case TIME:
		return set_time(options, setting, value);
	case FLAG:
		return set_flag(options, setting, value);
	case CPUS:
	case WORD:
		return set_word(options, setting, value);
	case SIZES:
		return set_sizes(options, value);
	case ON:
		return wi_bench_options_add_on(options, value);
	case POOL:
		return wi_bench_options_add_pool(options, value);
	case OF_DEFAULT_POOL:
		return set_of_default_pool(options, name, value);
	}
	return NULL;
}

void
wi_bench_options_layer(struct wi_bench_options *options)
{
	options->ons_are_old = true;
}

bool
wi_bench_options_init(struct wi_bench_options *options)
{
	*options = (struct wi_bench_options){
		.producer_count = 1,
		.commit_count = 1,
		.topic_count = 64,
		.ring_size = RING_DEFAULT,
		.burst = 1,
		.duration_ns = WI_STOPWATCH_S,
		.warmup_ns = 200 * WI_STOPWATCH_MS,
		.repeat = 5,
		.sizes = {.each = {48}, .count = 1},
	};
	return wi_bench_options_set_pool(options, "default", "") == NULL &&
	       wi_bench_options_add_on(options, WI_BENCH_PATTERN) == NULL;
}

void
wi_bench_options_fini(struct wi_bench_options *options)
{
	for (size_t i = 0; i < options->on_count; i++)
		free(options->ons[i].text);
	for (size_t i = 0; i < options->pool_count; i++) {
		free(options->pools[i].name);
		free(options->pools[i].options);
	}
	free(options->ons);
	free(options->pools);
	free(options->producer_cpus);
	free(options->cpus);
	free(options->hgrm);
	free(options->hlog);
	free(options->report);
}

uint32_t
wi_bench_sizes_max(const struct wi_bench_sizes *sizes)
{
	uint32_t max = 0;

	for (uint32_t i = 0; i < sizes->count; i++)
		if (sizes->each[i] > max)
			max = sizes->each[i];
	return max;
}

uint32_t
wi_bench_sizes_min(const struct wi_bench_sizes *sizes)
{
	uint32_t min = UINT32_MAX;

	for (uint32_t i = 0; i < sizes->count; i++)
		if (sizes->each[i] < min)
			min = sizes->each[i];
	return min;
}

uint32_t
wi_bench_sizes_constant(const struct wi_bench_sizes *sizes)
{
	return sizes->count == 1 ? sizes->each[0] : 0;
}

static bool
has_pool(const struct wi_bench_options *options, const char *name)
{
	for (size_t i = 0; i < options->pool_count; i++)
		if (strcmp(options->pools[i].name, name) == 0)
			return true;
	return false;
}

static const char *
check_loop(struct wi_bench_options *options)
{
	if (options->rate == 0)
		return options->burst > 1 ? "--burst needs --rate: so many events at once, as "
					    "often as the rate says"
					  : NULL;
	if (options->commit_count > 1)
		return "--commit with --rate: in an open loop each event is committed at its "
		       "moment";
	if (wi_bench_sizes_min(&options->sizes) < 8)
		return "--size with --rate: 8 bytes at least, since the payload carries the moment "
		       "of sending";
	return NULL;
}

static const char *
check_many(struct wi_bench_options *options)
{
	uint64_t each = ((uint64_t)wi_bench_sizes_max(&options->sizes) + 31) & ~UINT64_C(15);

	if (!options->many)
		return NULL;
	if (options->in_place)
		return "--many with --in-place: weir_publish_many() copies";
	if (options->rate > 0)
		return "--many with --rate: in an open loop each event is published at its moment";
	if (options->key_count > 0)
		return "--many with --keys: weir_publish_many() gives none";
	if (options->commit_count * each > options->ring_size)
		return wi_bench_problem(options,
					"--many: --commit %" PRIu64 " events of --size %u do not fit "
					"into --ring-size", options->commit_count,
					wi_bench_sizes_max(&options->sizes));
	return NULL;
}

const char *
wi_bench_options_check(struct wi_bench_options *options)
{
	const char *wrong = check_loop(options);

	if (wrong == NULL)
		wrong = check_many(options);
	if (wrong != NULL)
		return wrong;
	if (wi_bench_sizes_max(&options->sizes) > options->ring_size / 4)
		return wi_bench_problem(options,
					"--size: %u bytes are more than a quarter of --ring-size",
					wi_bench_sizes_max(&options->sizes));
	for (size_t i = 0; i < options->on_count; i++) {
		struct wi_bench_on *on = &options->ons[i];

		if (!has_pool(options, on->pool))
			return wi_bench_problem(options, "--on: there is no --pool '%s'", on->pool);
		if (!on->has_cost)
			on->cost_ns = options->cost_ns;
	}
	if (options->hgrm != NULL && options->rate == 0)
		return "--hgrm needs --rate: there is no latency to write in a closed loop";
	if (options->hlog != NULL && options->rate == 0)
		return "--hlog needs --rate: there is no latency to write in a closed loop";
	return NULL;
}
