/* SPDX-License-Identifier: MIT */
/* again.c - see again.h. */
#include "again.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <weir/host.h>

#include "check.h"
#include "clock.h"
#include "tool.h"

static int
count(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery;
	++*(uint64_t *)context;
	return 0;
}

static weir_host *
open_host(struct again *again, const struct place *place)
{
	weir_subscription_options replayed = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_host_options options = WEIR_HOST_OPTIONS_INIT;
	char *file = place_configure(place, ORDERS_AGAIN_INI), problem[WEIR_HOST_PROBLEM_SIZE];
	weir_subscription subscription;
	weir_host *host;

	options.config = file;
	if (weir_host_open(&options, &host, problem, sizeof(problem)))
		fail("%s", problem);
	free(file);
	/* The very handler that the live events had. */
	replayed.flags = WEIR_SUBSCRIPTION_REPLAYED;
	check(weir_subscribe(weir_host_bus(host), "order.after.>", projection_on_event,
			     &again->projection, &replayed, &subscription),
	      "order.after.>");
	check(weir_subscribe(weir_host_bus(host), "order.>", count, &again->live, NULL,
			     &subscription),
	      "order.>");
	return host;
}

void
again_replay(struct again *again, const struct place *place, const char *journal)
{
	weir_host *host;
	json_t *answer;

	*again = (struct again){0};
	host = open_host(again, place);
	{
		const char *const arguments[] = {"replay", "--json", "--socket",
						 weir_host_socket(host), journal, NULL};

		if (tool_run(arguments, &answer) != 0)
			fail("weir replay did not work");
	}
	again->replayed = (uint64_t)json_integer_value(json_object_get(answer, "events"));
	json_decref(answer);
	check(weir_host_close(host, 60 * CLOCK_S, NULL), "close");
}

unsigned
again_compare(const struct again *again, const struct projection *projection)
{
	unsigned same = 0;

	for (unsigned i = 0; i < ORDERS_CUSTOMERS; i++) {
		const struct order_change *one = &again->projection.totals[i];
		const struct order_change *other = &projection->totals[i];

		same += one->orders == other->orders && one->open_cents == other->open_cents &&
			one->paid_cents == other->paid_cents;
	}
	return same;
}
