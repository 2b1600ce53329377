/* SPDX-License-Identifier: MIT */
/* pools.c - see pools.h. */
#include "pools.h"

#include <stdlib.h>
#include <string.h>

#include "quantity.h"

#define OPTIONS                                                                                    \
	"it is dispatchers=N, wait=HOW, batch=N, sleep=TIME, spin=TIME, cpus=0+2, "                \
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
parse_after(struct wi_pool_spec *spec, char *text)
{
	char *rest = NULL;

	for (char *name = strtok_r(text, "+", &rest); name; name = strtok_r(NULL, "+", &rest)) {
		if (spec->after_count == WI_POOL_AFTER_MAX)
			return "after: more than 16 pools";
		spec->after[spec->after_count++] = name;
	}
	return spec->after_count ? NULL : "after: it must name a pool";
}

static const char *
parse_word(const char *text, const char *first, const char *second, int *ret_index)
{
	if (strcmp(text, first) != 0 && strcmp(text, second) != 0)
		return OPTIONS;
	*ret_index = strcmp(text, second) == 0;
	return NULL;
}

static const char *
parse_option(struct wi_pool_spec *spec, char **rest)
{
	enum { DISPATCHERS, WAIT, BATCH, SLEEP, SPIN, CPUS, ORDER, BEHIND, AFTER };
	static const char *const names[] = {"dispatchers", "wait",  "batch",  "sleep", "spin",
					    "cpus",	   "order", "behind", "after", NULL};
	const char *problem = NULL;
	char *value;
	int name = getsubopt(rest, (char *const *)names, &value), index;

	if (name < 0 || value == NULL)
		return OPTIONS;
	switch (name) {
	case DISPATCHERS:
		return wi_quantity_count(value, 1, 256, &spec->dispatcher_count)
		               ? NULL : "dispatchers: a whole number from 1 to 256";
	case WAIT:
		spec->wait_given = true;
		return wi_pool_wait_parse(value, &spec->wait)
			       ? "wait: adaptive, spin, yield, poll or park"
			       : NULL;
	case BATCH:
		return wi_quantity_count(value, 1, UINT32_MAX, &spec->batch_count_max)
		               ? NULL : "batch: a whole number from 1";
	case SLEEP:
		return wi_quantity_duration(value, UINT64_MAX / 2, &spec->sleep_ns)
			       ? NULL
			       : "sleep: a time, as 100us";
	case SPIN:
		return wi_quantity_duration(value, UINT64_MAX / 2, &spec->spin_ns)
			       ? NULL
			       : "spin: a time, as 20us";
	case CPUS:
		spec->cpus_given = true;
		spec->cpus = strcmp(value, "any") == 0 ? NULL : value;
		for (char *plus = value; (plus = strchr(plus, '+')); )
			*plus = ',';
		return NULL;
	case ORDER:
		problem = parse_word(value, "producer", "key", &index);
		spec->order = !problem && index ? WEIR_ORDER_KEY : WEIR_ORDER_PRODUCER;
		return problem;
	case BEHIND:
		problem = parse_word(value, "hold", "skip", &index);
		spec->behind = !problem && index ? WEIR_BEHIND_SKIP : WEIR_BEHIND_HOLD;
		return problem;
	default:
		return parse_after(spec, value);
	}
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
	while (*rest != '\0' && problem == NULL)
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

weir_pool *
wi_pools_find(const struct wi_pool_specs *specs, weir_bus *bus, const char *name)
{
	if (strcmp(name, "default") == 0)
		return weir_bus_default_pool(bus);
	for (size_t i = 0; i < specs->count; i++)
		if (strcmp(specs->each[i].name, name) == 0)
			return specs->each[i].pool;
	return NULL;
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
			if ((after[a] = wi_pools_find(specs, bus, spec->after[a])) == NULL)
				return WEIR_ENOENT;
		options.after = after;
		options.after_count = spec->after_count;
		status = weir_pool_open(bus, &options, &spec->pool);
		if (status != WEIR_OK)
			return status;
	}
	return WEIR_OK;
}
