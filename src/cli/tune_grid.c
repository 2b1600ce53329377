/* SPDX-License-Identifier: MIT */
/* tune_grid.c - see tune_grid.h. */
#include "tune_grid.h"

#include "cpu_list.h"
#include "quantity.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BATCH_DEFAULT = 1024, KEYS_DEFAULT = 1024, RING_PLACES = 16, HEADER = 16 };

#define SPIN_DEFAULT_NS  UINT64_C(20000)
#define SLEEP_DEFAULT_NS UINT64_C(100000)

static const char *const names[WI_TUNE_KIND_COUNT] = {
	[WI_TUNE_WAIT] = "wait",	[WI_TUNE_DISPATCHERS] = "dispatchers",
	[WI_TUNE_CPUS] = "cpus",	[WI_TUNE_ORDER] = "order",
	[WI_TUNE_COMMIT] = "commit",	[WI_TUNE_BATCH] = "batch",
	[WI_TUNE_RING_SIZE] = "ring-size", [WI_TUNE_SPIN] = "spin",
	[WI_TUNE_SLEEP] = "sleep"};

/* What is tried if nobody says anything; others are made of the load and the machine. */
static const char *const defaults[WI_TUNE_KIND_COUNT] = {
	[WI_TUNE_WAIT] = "adaptive,spin,yield,poll,park",
	[WI_TUNE_BATCH] = "64,256,1024,4096",
	[WI_TUNE_RING_SIZE] = "64k,256k,1m,4m",
	[WI_TUNE_SPIN] = "5us,20us,100us",
	[WI_TUNE_SLEEP] = "20us,100us,500us"};

const char *
wi_tune_kind_name(enum wi_tune_kind kind)
{
	return names[kind];
}

static bool
is_of_pool(enum wi_tune_kind kind)
{
	return kind != WI_TUNE_COMMIT && kind != WI_TUNE_RING_SIZE;
}

static const char * __attribute__((format(printf, 2, 3)))
fail(struct wi_tune_grid *grid, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(grid->problem, sizeof(grid->problem), format, arguments);
	va_end(arguments);
	return grid->problem;
}

/* -- values ----------------------------------------------------------------- */

static void
format_time(uint64_t ns, char *text)
{
	if (ns % 1000 == 0)
		snprintf(text, WI_TUNE_VALUE_SIZE, "%" PRIu64 "us", ns / 1000);
	else
		snprintf(text, WI_TUNE_VALUE_SIZE, "%" PRIu64 "ns", ns);
}

static void
format_bytes(uint64_t bytes, char *text)
{
	if (bytes >= 1 << 20 && bytes % (1 << 20) == 0)
		snprintf(text, WI_TUNE_VALUE_SIZE, "%" PRIu64 "m", bytes >> 20);
	else
		snprintf(text, WI_TUNE_VALUE_SIZE, "%" PRIu64 "k", bytes >> 10);
}

static void
format_count(uint64_t count, char *text)
{
	snprintf(text, WI_TUNE_VALUE_SIZE, "%" PRIu64, count);
}

/* What the load has, or the engine if the load says nothing. */
static void
value_now(const struct wi_tune_grid *grid, enum wi_tune_kind kind, size_t pool, char *text)
{
	const struct wi_pool_spec *spec = wi_bench_plan_pool(grid->plan, pool);

	switch (kind) {
	case WI_TUNE_WAIT:
		snprintf(text, WI_TUNE_VALUE_SIZE, "%s", wi_pool_wait_text(spec->wait));
		break;
	case WI_TUNE_DISPATCHERS:
		format_count(wi_bench_plan_dispatchers(spec), text);
		break;
	case WI_TUNE_CPUS:
		snprintf(text, WI_TUNE_VALUE_SIZE, "%s", spec->cpus != NULL ? spec->cpus : "any");
		break;
	case WI_TUNE_ORDER:
		snprintf(text, WI_TUNE_VALUE_SIZE, "%s",
			 spec->order == WEIR_ORDER_KEY ? "key" : "producer");
		break;
	case WI_TUNE_COMMIT:
		format_count(grid->load->commit_count, text);
		break;
	case WI_TUNE_BATCH:
		format_count(spec->batch_count_max > 0 ? spec->batch_count_max : BATCH_DEFAULT, text);
		break;
	case WI_TUNE_RING_SIZE:
		format_bytes(grid->load->ring_size, text);
		break;
	case WI_TUNE_SPIN:
		format_time(spec->spin_ns > 0 ? spec->spin_ns : SPIN_DEFAULT_NS, text);
		break;
	default:
		format_time(spec->sleep_ns > 0 ? spec->sleep_ns : SLEEP_DEFAULT_NS, text);
	}
}

/* Whether the load says it: then it is not ours to vary. */
static bool
is_given(const struct wi_tune_grid *grid, const struct wi_tune_options *options,
	 enum wi_tune_kind kind, size_t pool)
{
	const struct wi_pool_spec *spec = wi_bench_plan_pool(grid->plan, pool);

	switch (kind) {
	case WI_TUNE_WAIT:
		return spec->wait_given;
	case WI_TUNE_DISPATCHERS:
		return spec->dispatcher_count > 0;
	case WI_TUNE_CPUS:
		return spec->cpus_given;
	case WI_TUNE_BATCH:
		return spec->batch_count_max > 0;
	case WI_TUNE_RING_SIZE:
		return options->ring_given;
	case WI_TUNE_SPIN:
		return spec->spin_ns > 0;
	case WI_TUNE_SLEEP:
		return spec->sleep_ns > 0;
	case WI_TUNE_COMMIT:
		return options->commit_max == 0;
	default:
		return true;    /* the order is promised to somebody */
	}
}

/* The same judge as for an option. NULL, or what is wrong. */
static const char *
judge(struct wi_tune_grid *grid, enum wi_tune_kind kind, const char *value)
{
	uint64_t kept_ring = grid->load->ring_size, kept_commit = grid->load->commit_count;
	const char *wrong;
	char text[WI_TUNE_VALUE_SIZE + 32];
	cpu_set_t set;

	if (is_of_pool(kind)) {
		struct wi_pool_specs specs = {.count = 0};

		snprintf(text, sizeof(text), "x:%s=%s", names[kind], value);
		wrong = wi_pools_add(&specs, text);
		if (wrong == NULL && kind == WI_TUNE_CPUS && specs.each[0].cpus != NULL &&
		    (wrong = cpu_list_parse(specs.each[0].cpus, &set)) != NULL)
			wrong = fail(grid, "'%s' %s", value, wrong);
		wi_pools_fini(&specs);
		if (wrong == NULL && kind == WI_TUNE_ORDER && grid->load->many && strcmp(value, "key") == 0)
			wrong = WI_BENCH_MANY_BY_KEY;
		return wrong;
	}
	wrong = wi_bench_options_set(grid->load, names[kind], value);
	if (wrong == NULL && kind == WI_TUNE_COMMIT && grid->load->rate > 0)
		wrong = "with --rate each event is committed at its moment";
	grid->load->ring_size = kept_ring;
	grid->load->commit_count = kept_commit;
	return wrong;
}

/* -- dimensions ------------------------------------------------------------- */

static bool
add_value(struct wi_tune_grid *grid, unsigned d, const char *value)
{
	struct wi_tune_dimension *dimension = &grid->dimensions[d];
	unsigned *count = &grid->space.level_count[d];

	for (unsigned i = 0; i < *count; i++)
		if (strcmp(dimension->values[i], value) == 0)
			return true;
	if (*count == WI_TUNE_LEVELS_MAX)
		return false;
	snprintf(dimension->values[(*count)++], WI_TUNE_VALUE_SIZE, "%s", value);
	return true;
}

/* In units of the option, so that 1000us is 1ms. */
static void
make_canonical(const struct wi_tune_grid *grid, enum wi_tune_kind kind, char *value)
{
	uint64_t number;

	(void)grid;
	switch (kind) {
	case WI_TUNE_SPIN:
	case WI_TUNE_SLEEP:
		wi_quantity_duration(value, UINT64_MAX / 2, &number);
		format_time(number, value);
		break;
	case WI_TUNE_RING_SIZE:
		wi_quantity_bytes(value, UINT64_C(1) << 31, &number);
		format_bytes(number, value);
		break;
	case WI_TUNE_CPUS:
		for (char *plus = value; (plus = strchr(plus, '+')) != NULL;)
			*plus = ',';
		break;
	case WI_TUNE_DISPATCHERS:
	case WI_TUNE_BATCH:
	case WI_TUNE_COMMIT:
		wi_quantity_count(value, 0, UINT64_MAX, &number);
		format_count(number, value);
		break;
	default:
		break;
	}
}

/* list: with commas. */
static const char *
add_values(struct wi_tune_grid *grid, unsigned d, const char *list)
{
	enum wi_tune_kind kind = grid->dimensions[d].kind;

	for (const char *at = list;; at++) {
		size_t length = strcspn(at, ",");
		char value[WI_TUNE_VALUE_SIZE];
		const char *wrong;

		if (length == 0 || length >= sizeof(value))
			return "a list of values, as wait=spin,park";
		memcpy(value, at, length);
		value[length] = '\0';
		wrong = judge(grid, kind, value);
		if (wrong != NULL)
			return wrong;
		make_canonical(grid, kind, value);
		if (!add_value(grid, d, value))
			return fail(grid, "at most %d values", WI_TUNE_LEVELS_MAX);
		at += length;
		if (*at == '\0')
			return NULL;
	}
}

/* Of dispatchers one, two, four and so on, as many as have a processor and something to read. */
static void
add_doubling(struct wi_tune_grid *grid, unsigned d, uint64_t most, uint64_t factor)
{
	char value[WI_TUNE_VALUE_SIZE];

	for (uint64_t count = 1; count < most; count *= factor) {
		format_count(count, value);
		add_value(grid, d, value);
	}
	format_count(most, value);
	add_value(grid, d, value);
}

static uint64_t
most_dispatchers(const struct wi_tune_grid *grid, size_t pool)
{
	uint64_t most = (uint64_t)grid->processors;

	if (wi_bench_plan_pool(grid->plan, pool)->order == WEIR_ORDER_PRODUCER &&
	    grid->load->producer_count < most)
		most = grid->load->producer_count;
	return most < RING_PLACES ? most : RING_PLACES;
}

static void
add_default_values(struct wi_tune_grid *grid, const struct wi_tune_options *options, unsigned d)
{
	const struct wi_tune_dimension *dimension = &grid->dimensions[d];

	switch (dimension->kind) {
	case WI_TUNE_DISPATCHERS:
		add_doubling(grid, d, most_dispatchers(grid, dimension->pool), 2);
		break;
	case WI_TUNE_CPUS:
		if (grid->plan->dispatcher_list[0] != '\0' &&
		    strlen(grid->plan->dispatcher_list) < WI_TUNE_VALUE_SIZE)
			add_value(grid, d, grid->plan->dispatcher_list);
		break;
	case WI_TUNE_COMMIT:
		add_doubling(grid, d, options->commit_max, 4);
		break;
	default:
		add_values(grid, d, defaults[dimension->kind]);
	}
}

/* "wait" or "POOL.wait", then the end or "=". */
static bool
is_meant(const struct wi_tune_dimension *dimension, const char *pool, const char *text)
{
	size_t length = strcspn(text, "="), name = strlen(names[dimension->kind]), prefix;

	if (length == name)
		return strncmp(text, names[dimension->kind], length) == 0;
	prefix = strlen(pool);
	return is_of_pool(dimension->kind) && length == prefix + 1 + name &&
	       strncmp(text, pool, prefix) == 0 && text[prefix] == '.' &&
	       strncmp(text + prefix + 1, names[dimension->kind], name) == 0;
}

/* The last one counts; NULL: nobody said anything. */
static const struct wi_tune_vary *
find_vary(const struct wi_tune_options *options, const struct wi_tune_dimension *dimension,
	  const char *pool, bool used[WI_TUNE_VARY_MAX])
{
	const struct wi_tune_vary *found = NULL;

	for (size_t i = 0; i < options->vary_count; i++)
		if (is_meant(dimension, pool, options->vary[i].text)) {
			found = &options->vary[i];
			used[i] = true;
		}
	return found;
}

/* Where the load's own is not among the values the first one is where the search begins. */
static void
find_base(struct wi_tune_grid *grid, unsigned d, const char *now)
{
	for (unsigned i = 0; i < grid->space.level_count[d]; i++)
		if (strcmp(grid->dimensions[d].values[i], now) == 0) {
			grid->space.base.level[d] = (uint8_t)i;
			return;
		}
	grid->space.base.level[d] = 0;
	grid->base_is_new = true;
}

/* How long it spins or sleeps, where it never waits in that way, is nothing to vary. */
static bool
can_mean(const struct wi_tune_grid *grid, enum wi_tune_kind kind, size_t pool)
{
	const char *wait = kind == WI_TUNE_SPIN ? "adaptive" : "poll";

	if (kind != WI_TUNE_SPIN && kind != WI_TUNE_SLEEP)
		return true;
	for (unsigned d = 0; d < grid->space.count; d++)
		if (grid->dimensions[d].kind == WI_TUNE_WAIT && grid->dimensions[d].pool == pool) {
			for (unsigned l = 0; l < grid->space.level_count[d]; l++)
				if (strcmp(grid->dimensions[d].values[l], wait) == 0)
					return true;
			return false;
		}
	return strcmp(wi_pool_wait_text(wi_bench_plan_pool(grid->plan, pool)->wait), wait) == 0;
}

/* Its values, if it is varied at all; the level of the default is the load's value. */
static const char *
add_dimension(struct wi_tune_grid *grid, const struct wi_tune_options *options,
	      enum wi_tune_kind kind, size_t pool, bool used[WI_TUNE_VARY_MAX])
{
	const char *pool_name = wi_bench_plan_pool(grid->plan, pool)->name, *wrong = NULL;
	bool alone = wi_bench_plan_pool_count(grid->plan) == 1 || !is_of_pool(kind);
	unsigned d = grid->space.count;
	struct wi_tune_dimension *dimension = &grid->dimensions[d];
	const struct wi_tune_vary *vary;
	char now[WI_TUNE_VALUE_SIZE];

	if (d == WI_TUNE_DIMENSIONS_MAX)
		return "there are too many settings to vary: --fix some of them";
	*dimension = (struct wi_tune_dimension){.kind = kind, .pool = pool};
	snprintf(dimension->name, sizeof(dimension->name), "%s%s%s", alone ? "" : pool_name,
		 alone ? "" : ".", names[kind]);
	grid->space.level_count[d] = 0;
	vary = find_vary(options, dimension, pool_name, used);
	if ((vary != NULL ? vary->fixed : is_given(grid, options, kind, pool)) ||
	    !can_mean(grid, kind, pool))
		return NULL;
	value_now(grid, kind, pool, now);
	if (vary == NULL) {
		add_value(grid, d, now);
		add_default_values(grid, options, d);
	} else if (vary->text[strcspn(vary->text, "=")] == '\0') {
		return fail(grid, "--vary %s: which values? as %s=A,B", vary->text, vary->text);
	} else {
		wrong = add_values(grid, d, strchr(vary->text, '=') + 1);
	}
	if (wrong != NULL)
		return wrong == grid->problem && strncmp(wrong, "--", 2) == 0
			       ? wrong
			       : fail(grid, "--vary %s: %s", vary->text,
				      strdupa(wrong));
	find_base(grid, d, now);
	grid->space.count += vary != NULL || grid->space.level_count[d] > 1;
	return NULL;
}

static const char *
add_dimensions(struct wi_tune_grid *grid, const struct wi_tune_options *options,
	       bool used[WI_TUNE_VARY_MAX])
{
	const char *wrong = NULL;

	for (int kind = 0; kind < WI_TUNE_KIND_COUNT; kind++) {
		size_t pools = is_of_pool((enum wi_tune_kind)kind)
				       ? wi_bench_plan_pool_count(grid->plan)
				       : 1;

		for (size_t pool = 0; pool < pools && wrong == NULL; pool++)
			wrong = add_dimension(grid, options, (enum wi_tune_kind)kind, pool, used);
	}
	return wrong;
}

/* -- what goes together ----------------------------------------------------- */

/* Of a pool at a point; what is not varied is the plan's. */
static const char *
value_at(const struct wi_tune_grid *grid, const struct wi_tune_point *point, enum wi_tune_kind kind,
	 size_t pool)
{
	for (unsigned d = 0; d < grid->space.count; d++)
		if (grid->dimensions[d].kind == kind &&
		    (!is_of_pool(kind) || grid->dimensions[d].pool == pool))
			return grid->dimensions[d].values[point->level[d]];
	return NULL;
}

static void
read_pool(const struct wi_tune_grid *grid, const struct wi_tune_point *point, size_t pool,
	  struct wi_pool_spec *ret_spec)
{
	static const enum wi_tune_kind kinds[] = {WI_TUNE_WAIT, WI_TUNE_DISPATCHERS, WI_TUNE_CPUS,
						  WI_TUNE_ORDER};

	*ret_spec = *wi_bench_plan_pool(grid->plan, pool);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *value = value_at(grid, point, kinds[i], pool);

		if (value != NULL)
			wi_pool_spec_set(ret_spec, names[kinds[i]], (char *)(uintptr_t)value);
	}
}

static bool
pool_can_be(const struct wi_tune_grid *grid, const struct wi_pool_spec *spec)
{
	uint64_t count = wi_bench_plan_dispatchers(spec);
	cpu_set_t set;

	if (spec->order == WEIR_ORDER_KEY)
		return spec->behind == WEIR_BEHIND_HOLD && count <= RING_PLACES;
	/* Each takes whole rings. */
	if (count > grid->load->producer_count)
		return false;
	return spec->cpus == NULL || cpu_list_parse(spec->cpus, &set) != NULL ||
	       count <= (uint64_t)CPU_COUNT(&set);
}

/* Those that spin leave a processor to who publishes. */
static bool
pools_can_be(const struct wi_tune_grid *grid, const struct wi_tune_point *point)
{
	uint64_t spinning = 0, places = 0;

	for (size_t pool = 0; pool < wi_bench_plan_pool_count(grid->plan); pool++) {
		struct wi_pool_spec spec;
		uint64_t count;

		read_pool(grid, point, pool, &spec);
		if (!pool_can_be(grid, &spec))
			return false;
		count = wi_bench_plan_dispatchers(&spec);
		spinning += spec.wait == WEIR_WAIT_SPIN ? count : 0;
		places += spec.order == WEIR_ORDER_KEY ? count : 1;
	}
	return (spinning == 0 || spinning < (uint64_t)grid->processors) && places <= RING_PLACES;
}

static uint64_t
bytes_at(const struct wi_tune_grid *grid, const struct wi_tune_point *point)
{
	const char *value = value_at(grid, point, WI_TUNE_RING_SIZE, 0);
	uint64_t bytes = grid->load->ring_size;

	if (value != NULL)
		wi_quantity_bytes(value, UINT64_C(1) << 31, &bytes);
	return bytes;
}

/* An event at most a quarter of a ring, and what is committed at once half of one. */
static bool
ring_can_be(const struct wi_tune_grid *grid, const struct wi_tune_point *point)
{
	uint64_t size = wi_bench_sizes_max(&grid->load->sizes), ring = bytes_at(grid, point);
	const char *value = value_at(grid, point, WI_TUNE_COMMIT, 0);
	uint64_t commit = grid->load->commit_count;

	if (value != NULL)
		wi_quantity_count(value, 1, UINT64_MAX, &commit);
	return size <= ring / 4 && (commit == 1 || commit * (size + 2 * HEADER) <= ring / 2);
}

bool
wi_tune_grid_means(const struct wi_tune_grid *grid, const struct wi_tune_point *point,
		   unsigned dimension)
{
	enum wi_tune_kind kind = grid->dimensions[dimension].kind;
	struct wi_pool_spec spec;

	if (kind != WI_TUNE_SPIN && kind != WI_TUNE_SLEEP)
		return true;
	read_pool(grid, point, grid->dimensions[dimension].pool, &spec);
	return spec.wait == (kind == WI_TUNE_SPIN ? WEIR_WAIT_ADAPTIVE : WEIR_WAIT_POLL);
}

static bool
fit(const void *context, struct wi_tune_point *point)
{
	const struct wi_tune_grid *grid = context;

	for (unsigned d = 0; d < grid->space.count; d++)
		if (!wi_tune_grid_means(grid, point, d))
			point->level[d] = grid->space.base.level[d];
	/* What the load has is there, however wise it is. */
	if (!grid->base_is_new &&
	    memcmp(point->level, grid->space.base.level, grid->space.count) == 0)
		return true;
	return pools_can_be(grid, point) && ring_can_be(grid, point);
}

/* -- all -------------------------------------------------------------------- */

/* The load is measured with what weir does by itself, and not as weir bench fits it. */
static void
unfit(struct wi_tune_grid *grid)
{
	for (size_t pool = 0; pool < wi_bench_plan_pool_count(grid->plan); pool++) {
		struct wi_pool_spec *spec = wi_bench_plan_pool(grid->plan, pool);

		if (!spec->wait_given)
			spec->wait = WEIR_WAIT_ADAPTIVE;
		if (!spec->cpus_given)
			spec->cpus = NULL;
	}
	grid->plan->waits_fitted = false;
}

/* The first values that were given need not go together. */
static bool
move_base(struct wi_tune_grid *grid)
{
	struct wi_tune_point point = grid->space.base;

	if (fit(grid, &point))
		return true;
	for (unsigned d = 0; d < grid->space.count; d++)
		for (unsigned l = 0; l < grid->space.level_count[d]; l++) {
			point = grid->space.base;
			point.level[d] = (uint8_t)l;
			if (fit(grid, &point)) {
				grid->space.base = point;
				return true;
			}
		}
	return false;
}

const char *
wi_tune_grid_make(struct wi_tune_grid *grid, struct wi_tune_options *options,
		  struct wi_bench_plan *plan)
{
	bool used[WI_TUNE_VARY_MAX] = {false};
	const char *wrong;
	cpu_set_t all;

	*grid = (struct wi_tune_grid){
		.load = &options->load, .plan = plan, .space = {.fit = fit, .context = grid}};
	grid->processors = cpu_list_parse("any", &all) == NULL ? CPU_COUNT(&all) : 1;
	unfit(grid);
	wrong = add_dimensions(grid, options, used);
	for (size_t i = 0; i < options->vary_count && wrong == NULL; i++)
		if (!used[i])
			wrong = fail(grid, "--%s %s: there is no such setting; they are wait, "
				     "dispatchers, cpus, order, batch, spin, sleep, also as "
				     "POOL.NAME, and ring-size, commit",
				     options->vary[i].fixed ? "fix" : "vary", options->vary[i].text);
	if (wrong != NULL)
		return wrong;
	if (!move_base(grid))
		return "--vary: the first values do not go together, and no other one mends it";
	/* The same events for all, whatever they are ordered by. */
	for (unsigned d = 0; d < grid->space.count; d++)
		if (grid->dimensions[d].kind == WI_TUNE_ORDER && grid->load->key_count == 0)
			grid->load->key_count = KEYS_DEFAULT;
	return NULL;
}

void
wi_tune_grid_apply(struct wi_tune_grid *grid, const struct wi_tune_point *point)
{
	for (unsigned d = 0; d < grid->space.count; d++) {
		struct wi_tune_dimension *dimension = &grid->dimensions[d];
		char *value = dimension->values[point->level[d]];

		if (is_of_pool(dimension->kind))
			wi_pool_spec_set(wi_bench_plan_pool(grid->plan, dimension->pool),
					 names[dimension->kind], value);
		else if (dimension->kind == WI_TUNE_COMMIT)
			wi_quantity_count(value, 1, UINT64_MAX, &grid->load->commit_count);
		else
			wi_quantity_bytes(value, UINT64_C(1) << 31, &grid->load->ring_size);
	}
}

void
wi_tune_grid_text(const struct wi_tune_grid *grid, const struct wi_tune_point *point, char *text,
		  size_t size)
{
	size_t used = 0;

	snprintf(text, size, "the default");
	for (unsigned d = 0; d < grid->space.count && used < size; d++)
		if (point->level[d] != grid->space.base.level[d])
			used += (size_t)snprintf(text + used, size - used, "%s%s %s",
						 used > 0 ? ", " : "", grid->dimensions[d].name,
						 grid->dimensions[d].values[point->level[d]]);
}
