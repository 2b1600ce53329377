/* SPDX-License-Identifier: MIT */
/* bars_routes.c - rows about what a million topics cost an event, when one subscription has them all. */
#include <stdlib.h>

#include "bars.h"
#include "checked.h"
#include "load.h"
#include "yardstick.h"

enum { TOPICS = 1000000, HOT = 1000, ORDER = 1 << 20 };

/* Which topic comes when: one, a thousand of the million, any of them. */
enum choice { ONE, HOT_THOUSAND, UNIFORM };

/* Made once for each choice; NULL: no memory. */
static const uint32_t *
order_of(enum choice choice)
{
	static uint32_t *orders[UNIFORM + 1];
	uint32_t hot[HOT], seed = 1, *order = orders[choice];

	if (order || !(order = malloc(ORDER * sizeof *order)))
		return order;
	for (int i = 0; i < HOT; i++) {
		seed = seed * 1664525 + 1013904223;
		hot[i] = (uint32_t)((uint64_t)seed * TOPICS >> 32);
	}
	for (int i = 0; i < ORDER; i++) {
		seed = seed * 1664525 + 1013904223;
		order[i] = choice == ONE ? hot[0]
		         : choice == HOT_THOUSAND ? hot[(uint64_t)seed * HOT >> 32]
		         : (uint32_t)((uint64_t)seed * TOPICS >> 32);
	}
	return orders[choice] = order;
}

/* The time for an event of 48 bytes in place, a commit for each, through a bus of its own. */
static double
weir_ns(enum choice choice, uint64_t events)
{
	struct rig_options options = { .pattern = ">", .topic_count = TOPICS };
	const uint32_t *order = order_of(choice);
	struct rig *rig = order ? rig_open(&options) : NULL;
	double seconds;

	if (!rig)
		return -1;
	seconds = load_ordered(rig, order, ORDER, ORDER);
	if (seconds > 0)
		seconds = load_ordered(rig, order, ORDER, events);
	return rig_close(rig) && seconds > 0 ? seconds * 1e9 / (double)events : -1;
}

static double
one_topic(uint64_t events)
{
	return weir_ns(ONE, events);
}

static double
hot_thousand(uint64_t events)
{
	return weir_ns(HOT_THOUSAND, events);
}

static bool
hot(struct bar_run *run, const struct bar *bar)
{
	(void)bar;
	return bar_between(run, one_topic, hot_thousand);
}

static double
uniform_weir(uint64_t events)
{
	return weir_ns(UNIFORM, events);
}

static double
uniform_yardstick(uint64_t events)
{
	const uint32_t *order = order_of(UNIFORM);

	return order ? checked_ns(yardstick_topics_ns(order, ORDER, TOPICS, events)) : -1;
}

static bool
uniform(struct bar_run *run, const struct bar *bar)
{
	(void)bar;
	return bar_between(run, uniform_yardstick, uniform_weir);
}

const struct bar bars_routes[] = {
	{ .name = "topics-hot", .what = "`>`, 1,000,000 topics, a thousand hot", .unit = "x one topic",
	  .limit = 1.2, .run = hot, .raw = { "one_topic_ns_before", "hot_ns", "one_topic_ns_after", NULL } },
	{ .name = "topics-uniform", .what = "`>`, 1,000,000 topics, all alike",
	  .unit = "x yardstick's 1,000,000", .limit = 1.5, .run = uniform,
	  .raw = { "yardstick_ns_before", "weir_ns", "yardstick_ns_after", NULL } },
	{ 0 },
};
