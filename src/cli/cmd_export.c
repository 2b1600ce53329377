/* SPDX-License-Identifier: MIT */
/* cmd_export.c - `weir export`: counters of buses for Prometheus, printed or served. */
#include "command.h"
#include "export_buses.h"
#include "export_http.h"
#include "quantity.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_REMOTE = 300, OPTION_HANDLERS, OPTION_PRODUCERS, SERIES = 200, SERIES_MAX = 4096 };

struct export_options {
	struct wi_export_source source;
	union wi_export_address address;
	bool listens, remote;
};

static const struct argp_option options_help[] = {
	{"listen", 'l', "ADDRESS:PORT", 0, "Serve http://ADDRESS:PORT/metrics until a signal; port 0: any, which is printed", 0},
	{"allow-remote", OPTION_REMOTE, NULL, 0, "ADDRESS may be one that others reach", 0},
	{"handlers", OPTION_HANDLERS, "N", 0, "Series of so many handlers a bus, the rest summed (200)", 0},
	{"producers", OPTION_PRODUCERS, "N", 0, "The same of producers (200)", 0},
	{0}};

static void
parse_limit(struct argp_state *state, const char *option, const char *argument, uint64_t *ret_limit)
{
	if (!wi_quantity_count(argument, 0, SERIES_MAX, ret_limit))
		argp_error(state, "--%s: '%s' is not a number from 0 to %d", option, argument, SERIES_MAX);
}

static void
parse_target(struct argp_state *state, char *argument)
{
	struct export_options *options = state->input;
	struct wi_export_source *source = &options->source;
	struct wi_export_target *target = &source->targets[source->target_count++];

	if (argument[strspn(argument, "0123456789")] != '\0')
		target->file = argument;
	else if (!wi_quantity_count(argument, 1, INT32_MAX, &target->pid))
		argp_error(state, "'%s' is not a process id", argument);
}

static void
check(struct argp_state *state, const struct export_options *options)
{
	if (!options->listens && options->remote)
		argp_error(state, "--allow-remote is for --listen");
#ifdef WEIR_EXPORT_HTTP
	if (options->listens && !options->remote && !wi_export_address_is_loopback(&options->address))
		argp_error(state, "--listen: others reach that address; --allow-remote permits it");
#endif
}

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct export_options *options = state->input;

	switch (key) {
	case 'l':
#ifdef WEIR_EXPORT_HTTP
		if (!wi_export_address_parse(argument, &options->address))
			argp_error(state, "--listen: '%s' is not an address and a port, as 127.0.0.1:9464",
				   argument);
		options->listens = true;
#else
		argp_error(state, "--listen: this program was built without libmicrohttpd");
#endif
		return 0;
	case OPTION_REMOTE:
		options->remote = true;
		return 0;
	case OPTION_HANDLERS:
		parse_limit(state, "handlers", argument, &options->source.limits.handlers);
		return 0;
	case OPTION_PRODUCERS:
		parse_limit(state, "producers", argument, &options->source.limits.producers);
		return 0;
	case ARGP_KEY_ARG:
		parse_target(state, argument);
		return 0;
	case ARGP_KEY_END:
		check(state, options);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What is wrong with a bus is said, and it is not up; the text is whole all the same. */
static int
print(const struct wi_export_source *source)
{
	int code = WI_EXIT_FAILED;
	size_t size;
	char *text = wi_export_buses_text(source, &size, &code);

	if (text == NULL) {
		fprintf(stderr, "%s: out of memory\n", source->program);
		return WI_EXIT_FAILED;
	}
	if (fwrite(text, 1, size, stdout) != size || fflush(stdout) != 0) {
		fprintf(stderr, "%s: standard output cannot be written\n", source->program);
		code = WI_EXIT_FAILED;
	}
	free(text);
	return code;
}

static const char doc[] =
	"Print the counters of running buses in Prometheus' text format, once, or serve them over HTTP.\v"
	"It reads counters files: of all processes of this user that have a bus, or of each process PID and "
	"each FILE. The processes notice nothing, and may hang. A bus that hangs, is gone or whose file is "
	"none has weir_bus_up 0.\n\n"
	"Exit status: 0 done, or a signal ended --listen; 1 a process is stopped or hangs as a whole; 64 wrong "
	"usage; 65 not a counters file, or a damaged one; 66 it cannot be opened; 69 there is no process, it "
	"has ended, or the address cannot be had.";

int
wi_cmd_export(int argc, char **argv)
{
	static const struct argp export_argp = {.options = options_help,
						.parser = parse_option,
						.args_doc = "[PID|FILE...]",
						.doc = doc};
	struct export_options options = {
		.source = {.program = "weir export", .limits = {SERIES, SERIES}}};
	int code;

	options.source.targets = calloc((size_t)argc + 1, sizeof(*options.source.targets));
	if (options.source.targets == NULL)
		return WI_EXIT_FAILED;
	argp_parse(&export_argp, argc, argv, 0, NULL, &options);
#ifdef WEIR_EXPORT_HTTP
	options.source.quiet = options.listens;
	code = options.listens ? wi_export_serve(&options.source, &options.address)
			       : print(&options.source);
#else
	code = print(&options.source);
#endif
	free(options.source.targets);
	return code;
}
