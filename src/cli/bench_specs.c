/* SPDX-License-Identifier: MIT */
/* bench_specs.c - the two settings that are lists: subscriptions and pools. */
#include "bench_options.h"

#include "cpu_list.h"
#include "pools.h"
#include "quantity.h"
#include "stopwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- subscriptions ---------------------------------------------------------- */

static const char *
add_on(struct wi_bench_options *options, const char *pattern)
{
	struct wi_bench_on *ons;
	char *text = strdup(pattern);

	if (options->ons_are_old) {
		while (options->on_count > 0)
			free(options->ons[--options->on_count].text);
		options->ons_are_old = false;
	}
	ons = realloc(options->ons, (options->on_count + 1) * sizeof(*ons));
	if (ons != NULL)
		options->ons = ons;
	if (ons == NULL || text == NULL) {
		free(text);
		return "out of memory";
	}
	ons[options->on_count++] = (struct wi_bench_on){
		.text = text, .pattern = text, .pool = "default", .times = 1};
	return NULL;
}

static const char *
set_of_on(struct wi_bench_options *options, struct wi_bench_on *on, const char *name,
	  const char *value)
{
	if (strcmp(name, "times") == 0)
		return wi_quantity_count(value, 1, 1000, &on->times)
			       ? NULL
			       : wi_bench_problem(
					 options,
					 "times: '%s' is not a whole number from 1 to 1000", value);
	on->sleeps = strcmp(name, "sleep") == 0;
	if (!on->sleeps && strcmp(name, "cost") != 0)
		return wi_bench_problem(options,
					"'%s' is not one of cost=TIME, sleep=TIME, times=N", name);
	on->has_cost = true;
	return wi_quantity_duration(value, WI_BENCH_DURATION_MAX_NS, &on->cost_ns)
		       ? NULL
		       : wi_bench_problem(options, "%s: '%s' is not a time, as 500ns or 1ms", name,
					  value);
}

/* Where the file's sections have a name and a value each. */
const char *
wi_bench_options_set_on(struct wi_bench_options *options, const char *name, const char *value)
{
	struct wi_bench_on *on = &options->ons[options->on_count - 1];
	size_t pattern_size = strlen(on->pattern) + 1;
	char *text;

	if (strcmp(name, "pool") != 0)
		return set_of_on(options, on, name, value);
	text = malloc(pattern_size + strlen(value) + 1);
	if (text == NULL)
		return "out of memory";
	memcpy(text, on->pattern, pattern_size);
	strcpy(text + pattern_size, value);
	free(on->text);
	on->text = text;
	on->pattern = text;
	on->pool = text + pattern_size;
	return NULL;
}

/* "PATTERN[@POOL][:cost=500ns,times=3]". */
const char *
wi_bench_options_add_on(struct wi_bench_options *options, const char *spec)
{
	const char *wrong = add_on(options, spec);
	struct wi_bench_on *on;
	char *rest, *at, *word;

	if (wrong != NULL)
		return wrong;
	on = &options->ons[options->on_count - 1];
	rest = strchr(on->text, ':');
	if (rest != NULL)
		*rest++ = '\0';
	at = strchr(on->text, '@');
	if (at != NULL) {
		*at = '\0';
		on->pool = at + 1;
	}
	if (*on->pattern == '\0' || *on->pool == '\0')
		return wi_bench_problem(options, "'%s' is not PATTERN[@POOL][:cost=TIME,times=N]",
					spec);
	while (wrong == NULL && (word = strsep(&rest, ",")) != NULL) {
		char *value = strchr(word, '=');

		if (value != NULL)
			*value++ = '\0';
		wrong = set_of_on(options, on, word, value != NULL ? value : "");
	}
	return wrong;
}

/* -- pools ------------------------------------------------------------------ */

static struct wi_bench_pool_text *
find_pool(struct wi_bench_options *options, const char *name)
{
	struct wi_bench_pool_text *pools;

	for (size_t i = 0; i < options->pool_count; i++)
		if (strcmp(options->pools[i].name, name) == 0)
			return &options->pools[i];
	pools = realloc(options->pools, (options->pool_count + 1) * sizeof(*pools));
	if (pools == NULL)
		return NULL;
	options->pools = pools;
	pools[options->pool_count] = (struct wi_bench_pool_text){.name = strdup(name),
								 .options = strdup("")};
	return &pools[options->pool_count++];
}

/* The same words as in weir run, and the same judge. */
static const char *
judge_pool(struct wi_bench_options *options, const char *name, const char *pool_options)
{
	struct wi_pool_specs specs = {.count = 0};
	const char *wrong;
	cpu_set_t set;
	char *text;

	if (asprintf(&text, "%s:%s", name, pool_options) < 0)
		return "out of memory";
	wrong = wi_pools_add(&specs, text);
	if (wrong == NULL && specs.each[0].cpus != NULL &&
	    (wrong = cpu_list_parse(specs.each[0].cpus, &set)) != NULL)
		wrong = wi_bench_problem(options, "cpus: '%s' %s", specs.each[0].cpus, wrong);
	else if (wrong != NULL)
		wrong = wi_bench_problem(options, "'%s': %s", pool_options, wrong);
	free(text);
	wi_pools_fini(&specs);
	return wrong;
}

const char *
wi_bench_options_set_pool(struct wi_bench_options *options, const char *name,
			  const char *pool_options)
{
	const char *wrong = judge_pool(options, name, pool_options);
	struct wi_bench_pool_text *pool;
	char *text;

	if (wrong != NULL)
		return wrong;
	pool = find_pool(options, name);
	if (pool == NULL || pool->name == NULL || pool->options == NULL ||
	    asprintf(&text, "%s%s%s", pool->options, *pool->options && *pool_options ? "," : "",
		     pool_options) < 0)
		return "out of memory";
	free(pool->options);
	pool->options = text;
	return NULL;
}

const char *
wi_bench_options_add_pool(struct wi_bench_options *options, const char *value)
{
	size_t length = strcspn(value, ":");
	char name[128];

	if (length == 0 || length >= sizeof(name))
		return wi_bench_problem(options, "'%s' is not NAME or NAME:OPTION=VALUE,...",
					value);
	memcpy(name, value, length);
	name[length] = '\0';
	return wi_bench_options_set_pool(options, name,
					 value[length] != '\0' ? value + length + 1 : "");
}
