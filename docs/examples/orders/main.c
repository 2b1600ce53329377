/* SPDX-License-Identifier: MIT */
/* main.c - ten seconds of an order service on weir, and whether everything was as it must be. */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "scene.h"

struct options {
	double seconds;
	const char *keep;
	bool json;
};

static double total_seconds;

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;
	char *end;

	switch (key) {
	case 's':
		options->seconds = strtod(argument, &end);
		if (*end != '\0' || end == argument ||
		    !(options->seconds >= 2 && options->seconds <= 3600))
			argp_error(state, "--seconds: '%s' is no number from 2 to 3600", argument);
		return 0;
	case 'k':
		options->keep = argument;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option help[] = {
	{"seconds", 's', "N", 0, "How long orders come in (10)", 0},
	{"keep", 'k', "DIR", 0, "Where the databases stay: a new or an empty directory", 0},
	{"json", 'j', NULL, 0, "The table for programs", 0},
	{0}};

static const struct argp parser = {
	.options = help,
	.parser = parse_option,
	.doc = "An order service on weir, and a table that proves what became of its events.\v"
	       "Exit status: 0 all of it holds; 1 something does not; 64 wrong usage; "
	       "130 interrupted."};

/* One line that moves, on a terminal alone. */
static void
say(double second, const char *what)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K  %2.0f of %.0f s: %s", second, total_seconds, what);
}

static void
interrupt(int number)
{
	(void)number;
	scene_interrupt();
}

int
main(int argc, char **argv)
{
	struct options options = {.seconds = 10};
	struct verdict verdict = {0};
	static struct scene scene;
	bool complete;

	argp_parse(&parser, argc, argv, 0, NULL, &options);
	total_seconds = verdict.seconds = options.seconds;
	signal(SIGINT, interrupt);
	signal(SIGTERM, interrupt);
	scene_open(&scene, options.keep);
	complete = scene_play(&scene, options.seconds, say);
	scene_close(&scene, &verdict);
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	if (!complete)
		return 130;
	if (options.json)
		verdict_print_json(&verdict, stdout);
	else
		verdict_print(&verdict, options.keep ? scene.place.data : NULL, stdout);
	return verdict_holds(&verdict) ? EXIT_SUCCESS : EXIT_FAILURE;
}
