/* SPDX-License-Identifier: MIT */
/* compare_machine.c - see compare_machine.h. */
#include "compare_machine.h"

#include <stdio.h>
#include <time.h>

struct machine_facts
machine_facts(void)
{
	struct machine_facts machine = { .facts = facts_read("") };
	time_t now = time(NULL);

	if (!machine.facts.processor[0])
		snprintf(machine.facts.processor, sizeof machine.facts.processor, "unknown");
	strftime(machine.date, sizeof machine.date, "%Y-%m-%d %H:%M", gmtime(&now));
	return machine;
}
