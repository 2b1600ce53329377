/* SPDX-License-Identifier: MIT */
/* yardstick_main.c - the program weir-yardstick: the yardstick's figures as one JSON object. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

#include "checked.h"
#include "yardstick.h"

static uint64_t events;

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	char *end;

	if (key != 'n')
		return ARGP_ERR_UNKNOWN;
	events = strtoull(argument, &end, 10);
	if (*end || events < 1000)
		argp_error(state, "--events takes a number from 1000 on");
	return 0;
}

static const struct argp_option options[] = {
	{ "events", 'n', "N", 0, "Events in each run (default: as many as take about 25 ms)", 0 },
	{ 0 },
};

static const struct argp argp = {
	options, parse, NULL,
	"Print what this machine can do at this moment: line_ns, the one-way time of a cache line "
	"between two processors, and event_ns, the least time for an event of a bare ring, by "
	"events a commit and payload bytes.",
	NULL, NULL, NULL,
};

static void
print_class(uint32_t per_commit, uint64_t count)
{
	static const uint32_t payloads[] = { 8, 16, 48, 112 };

	printf("\"%u\":{", per_commit);
	for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
		printf("%s\"%u\":%.2f", i ? "," : "", payloads[i],
		       checked_ns(yardstick_event_ns(payloads[i], per_commit, count)));
	printf("}");
}

int
main(int argc, char **argv)
{
	double line_ns;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (!checked_begin())
		return 77;
	line_ns = checked_ns(yardstick_line_ns());
	if (!events)
		events = yardstick_events(line_ns);
	printf("{\"line_ns\":%.1f,\"events\":%llu,\"event_ns\":{", line_ns,
	       (unsigned long long)events);
	print_class(1, events);
	printf(",");
	print_class(16, events);
	printf(",");
	print_class(256, events);
	printf("},\"line_ns_after\":%.1f}\n", checked_ns(yardstick_line_ns()));
	return 0;
}
