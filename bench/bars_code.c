/* SPDX-License-Identifier: MIT */
/* bars_code.c - rows that are counted on the compiled code, by tests/hotpath/check.sh. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bars.h"

/*
 * The script prints a line for each function and compiler,
 *   COMPILER FUNCTION INSTRUCTIONS ok|REASON
 * and the bar holds for the largest.
 */
static bool
largest(struct bar_run *run, const char *what)
{
	char command[1024], line[512], compiler[64], function[128], verdict[256];
	struct bar_round round = { .value = -1 };
	bool ok = true;
	FILE *script;
	int count;

	snprintf(command, sizeof command, "sh '%s' %s '%s' '%s'", WEIR_HOTPATH_CHECK, what,
	         WEIR_INCLUDE, WEIR_LIBRARY);
	script = popen(command, "r");
	while (script && fgets(line, sizeof line, script)) {
		if (sscanf(line, "%63s %127s %d %255[^\n]", compiler, function, &count,
		           verdict) != 4)
			continue;
		if (strcmp(verdict, "ok")) {
			bar_note(run, "%s in %s: %s", function, compiler, verdict);
			ok = false;
		}
		if (count > round.value) {
			round.value = count;
			if (ok)
				bar_note(run, "the most in %s by %s", function, compiler);
		}
	}
	if (!script || (pclose(script) && ok) || round.value < 0) {
		bar_note(run, "%s could not be counted", what);
		return false;
	}
	bar_round(run, &round);
	return ok;
}

static bool
publish(struct bar_run *run, const struct bar *bar)
{
	(void)bar;
	return largest(run, "publish");
}

static bool
refresh(struct bar_run *run, const struct bar *bar)
{
	(void)bar;
	return largest(run, "refresh");
}

const struct bar bars_code[] = {
	{ .name = "instructions", .what = "publish up to 64 bytes, fast path",
	  .unit = "instructions", .limit = 80, .once = true, .run = publish },
	{ .name = "refresh", .what = "refresh of the limit, for each cursor",
	  .unit = "instructions", .limit = 10, .once = true, .run = refresh },
	{ 0 },
};
