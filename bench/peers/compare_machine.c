/* SPDX-License-Identifier: MIT */
/* compare_machine.c - see compare_machine.h. */
#include "compare_machine.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

static void
read_cpuinfo(struct machine_facts *facts)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[4096];

	if (!file)
		return;
	while (fgets(line, sizeof line, file)) {
		if (!strncmp(line, "flags", 5) && strstr(line, " hypervisor"))
			facts->is_virtual = 1;
		if (!strncmp(line, "model name", 10))
			sscanf(line, "model name : %127[^\n]", facts->processor);
		if (line[0] == '\n')    /* the others are alike */
			break;
	}
	fclose(file);
}

struct machine_facts
machine_facts(void)
{
	struct machine_facts facts = { .processor = "unknown", .kernel = "unknown" };
	time_t now = time(NULL);
	struct utsname name;
	cpu_set_t allowed;

	read_cpuinfo(&facts);
	if (!sched_getaffinity(0, sizeof allowed, &allowed))
		facts.processors = CPU_COUNT(&allowed);
	if (!uname(&name))
		snprintf(facts.kernel, sizeof facts.kernel, "%.40s %.80s", name.sysname,
		         name.release);
	strftime(facts.date, sizeof facts.date, "%Y-%m-%d %H:%M", gmtime(&now));
	return facts;
}
