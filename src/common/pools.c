/* SPDX-License-Identifier: MIT */
/* pools.c - see pools.h. */
#include "pools.h"

#include <stdlib.h>
#include <string.h>

#include "nice.h"
#include "quantity.h"

#define OPTIONS                                                                                    \
	"it is dispatchers=N, wait=HOW, batch=N, sleep=TIME, spin=TIME, cpus=0+2, nice=N, "        \
	"order=producer|key, "                                                                     \
	"behind=hold|skip or after=POOL+POOL"

static const char *const waits[] = {
	[WEIR_WAIT_ADAPTIVE] = "adaptive", [WEIR_WAIT_SPIN] = "spin", [WEIR_WAIT_YIELD] = "yield",
	[WEIR_WAIT_POLL] = "poll", [WEIR_WAIT_PARK] = "park",
};

const char *
wi_pool_wait_text(weir_wait wait)
{
	return waits[wait];
}

const char *
wi_pool_wait_parse(const char *text, weir_wait *ret_wait)
{
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		if (strcmp(waits[i], text) == 0) {
			*ret_wait = (weir_wait)i;
			return NULL;
		}
	return "is not one of adaptive, spin, yield, poll, park";
}

static const char *
set_after(struct wi_pool_spec *spec, char *text)
{
	static const char between[] = "+, \t";
	char *rest = NULL;

	for (char *name = strtok_r(text, between, &rest); name; name = strtok_r(NULL, between, &rest)) {
		if (spec->after_count == WI_POOL_AFTER_MAX)
			return "after: at most 16 pools";
		spec->after[spec->after_count++] = name;
	}
	return spec->after_count ? NULL : "after: the name of a pool, or of several";
}

static bool
is_second(const char *text, const char *first, const char *second, bool *ret_second)
{
	*ret_second = strcmp(text, second) == 0;
	return *ret_second || strcmp(text, first) == 0;
}

static void
set_cpus(struct wi_pool_spec *spec, char *value)
{
	spec->cpus_given = true;
	spec->cpus = strcmp(value, "any") == 0 ? NULL : value;
	for (char *plus = value; (plus = strchr(plus, '+')); )
		*plus = ',';
}

enum name { DISPATCHERS, WAIT, BATCH, SLEEP, SPIN, CPUS, NICE, ORDER, BEHIND, AFTER, NAME_COUNT };

static enum name
find_name(const char *text)
{
	static const char *const names[] = {"dispatchers", "wait",  "batch",  "sleep", "spin",
					    "cpus",	   "nice",  "order",  "behind", "after"};
	int name = 0;

	while (name < NAME_COUNT && strcmp(names[name], text) != 0)
		name++;
	return (enum name)name;
}

const char *
wi_pool_spec_set(struct wi_pool_spec *spec, const char *name, char *value)
{
	bool second = false, good = true;
	const char *wanted = NULL;

	switch (find_name(name)) {
	case DISPATCHERS:
		wanted = "dispatchers: a whole number from 1 to 256";
		good = wi_quantity_count(value, 1, 256, &spec->dispatcher_count);
		break;
	case WAIT:
		wanted = "wait: adaptive, spin, yield, poll or park";
		spec->wait_given = true;
		good = wi_pool_wait_parse(value, &spec->wait) == NULL;
		break;
	case BATCH:
		wanted = "batch: a whole number from 1";
		good = wi_quantity_count(value, 1, UINT32_MAX, &spec->batch_count_max);
		break;
	case SLEEP:
		wanted = "sleep: a time, as 100us";
		good = wi_quantity_duration(value, UINT64_MAX / 2, &spec->sleep_ns);
		break;
	case SPIN:
		wanted = "spin: a time, as 20us";
		good = wi_quantity_duration(value, UINT64_MAX / 2, &spec->spin_ns);
		break;
	case CPUS:
		set_cpus(spec, value);
		break;
	case NICE:
		wanted = "nice: a whole number from 0 to 19";
		good = wi_quantity_count(value, 0, 19, &spec->nice);
		break;
	case ORDER:
		wanted = "order: producer or key";
		good = is_second(value, "producer", "key", &second);
		spec->order = second ? WEIR_ORDER_KEY : WEIR_ORDER_PRODUCER;
		break;
	case BEHIND:
		wanted = "behind: hold or skip";
		good = is_second(value, "hold", "skip", &second);
		spec->behind = second ? WEIR_BEHIND_SKIP : WEIR_BEHIND_HOLD;
		break;
	case AFTER:
		return set_after(spec, value);
	case NAME_COUNT:
		return OPTIONS;
	}
	return good ? NULL : wanted;
}

/* Cuts NAME=VALUE out of the text. NULL, or what is wrong. */
static const char *
parse_option(struct wi_pool_spec *spec, char **rest)
{
	char *name = strsep(rest, ","), *value = strchr(name, '=');

	if (value == NULL)
		return OPTIONS;
	*value++ = '\0';
	return wi_pool_spec_set(spec, name, value);
}

const char *
wi_pools_add(struct wi_pool_specs *specs, const char *text)
{
	struct wi_pool_spec *each = realloc(specs->each, (specs->count + 1) * sizeof(*each)), *spec;
	const char *problem = NULL;
	char *rest;

	if (each == NULL)
		return "out of memory";
	specs->each = each;
	spec = &each[specs->count++];
	*spec = (struct wi_pool_spec){ .text = strdup(text) };
	if (spec->text == NULL)
		return "out of memory";
	spec->name = spec->text;
	rest = spec->text + strcspn(spec->text, ":");
	if (*rest == ':')
		*rest++ = '\0';
	if (*spec->name == '\0')
		return "it must be NAME or NAME:OPTION=VALUE,...";
	while (rest != NULL && *rest != '\0' && problem == NULL)
		problem = parse_option(spec, &rest);
	return problem;
}

void
wi_pools_fini(struct wi_pool_specs *specs)
{
	for (size_t i = 0; i < specs->count; i++)
		free(specs->each[i].text);
	free(specs->each);
	*specs = (struct wi_pool_specs){ .count = 0 };
}

struct search {
	const char *name;
	weir_pool *pool;
};

static int
look(void *context, weir_pool *pool, const char *name)
{
	struct search *search = context;

	if (strcmp(name, search->name) == 0)
		search->pool = pool;
	return search->pool != NULL;
}

weir_pool *
wi_pools_find(weir_bus *bus, const char *name)
{
	struct search search = {.name = name};

	weir_bus_each_pool(bus, look, &search);
	return search.pool;
}

const char *
wi_pools_problem(weir_status status)
{
	switch (status) {
	case WEIR_ENOENT:
		return "it is after a pool that is not given before it";
	case WEIR_EINVAL:
		return "an option is not allowed, or the name is taken";
	case WEIR_ELIMIT:
		return "a ring has 16 places: one for a pool, with order=key one for a dispatcher";
	default:
		return weir_status_text(status);
	}
}

static void
thread_begin(void *context, uint32_t dispatcher)
{
	(void)dispatcher;
	wi_be_nice((int)(uintptr_t)context);
}

weir_pool_options
wi_pool_options(const struct wi_pool_spec *spec)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;

	options.name = spec->name;
	options.dispatcher_count = (uint32_t)spec->dispatcher_count;
	options.batch_count_max = (uint32_t)spec->batch_count_max;
	options.sleep_ns = spec->sleep_ns;
	options.spin_ns = spec->spin_ns;
	options.wait = spec->wait;
	options.order = spec->order;
	options.behind = spec->behind;
	options.cpus = spec->cpus;
	options.thread_begin = spec->thread_begin;
	options.thread_end = spec->thread_end;
	options.thread_context = spec->thread_context;
	if (spec->thread_begin == NULL && spec->nice > 0) {
		options.thread_begin = thread_begin;
		options.thread_context = (void *)(uintptr_t)spec->nice;
	}
	return options;
}

weir_status
wi_pools_open(struct wi_pool_specs *specs, weir_bus *bus, const char **ret_failed)
{
	for (size_t i = 0; i < specs->count; i++) {
		struct wi_pool_spec *spec = &specs->each[i];
		weir_pool_options options = wi_pool_options(spec);
		weir_pool *after[WI_POOL_AFTER_MAX];
		weir_status status;

		*ret_failed = spec->name;
		for (uint32_t a = 0; a < spec->after_count; a++)
			if ((after[a] = wi_pools_find(bus, spec->after[a])) == NULL)
				return WEIR_ENOENT;
		options.after = after;
		options.after_count = spec->after_count;
		status = weir_pool_open(bus, &options, &spec->pool);
		if (status != WEIR_OK)
			return status;
	}
	return WEIR_OK;
}
