/* SPDX-License-Identifier: MIT */
/* cmd_doctor.c - `weir doctor`: what this machine is for weir, what is wrong, what to do. */
#include "command.h"
#include "doctor.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef WEIR_JOURNAL
#include <sqlite3.h>
#endif

struct arguments {
	bool json, quick;
};

enum { OPTION_JSON = 300 };

static const struct argp_option options[] = {
	{"json", OPTION_JSON, NULL, 0, "Write one JSON object", 0},
	{"quick", 'q', NULL, 0, "Measure nothing", 0},
	{0}};

static error_t
parse_option(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	(void)argument;
	switch (key) {
	case OPTION_JSON:
		arguments->json = true;
		return 0;
	case 'q':
		arguments->quick = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char doc[] =
	"Look at this machine as weir would use it: what is wrong, what to do about it, and how "
	"to begin with a pool.\v"
	"It takes some seconds, in which it keeps processors busy; --quick takes none.\n\n"
	"Exit status: 0 nothing is wrong; 1 there are warnings, or it could not be done; 64 wrong "
	"usage.";

static void
check_places(struct wi_doctor *doctor)
{
	wi_doctor_check_directory(doctor, secure_getenv("XDG_RUNTIME_DIR"), "/dev/shm", geteuid());
#ifdef WEIR_JOURNAL
	wi_doctor_check_sqlite(doctor, sqlite3_libversion_number());
#endif
}

static bool
write_report(const struct wi_doctor *doctor, bool json)
{
	bool written = true;

	if (json)
		written = wi_doctor_write_json(doctor, stdout);
	else
		wi_doctor_write_text(doctor, stdout);
	return written && fflush(stdout) == 0 && !ferror(stdout);
}

int
wi_cmd_doctor(int argc, char **argv)
{
	static const struct argp doctor_argp = {
		.options = options, .parser = parse_option, .doc = doc};
	struct arguments arguments = {.json = false};
	struct wi_progress progress;
	struct wi_doctor doctor;

	argp_parse(&doctor_argp, argc, argv, 0, NULL, &arguments);
	wi_progress_init(&progress, "weir doctor", true);
	wi_doctor_init(&doctor);
	doctor.facts = facts_read("");
	if (!arguments.quick && !wi_doctor_measure(&doctor, &progress)) {
		wi_progress_message(&progress, "cannot measure: %s", strerror(errno));
		return WI_EXIT_FAILED;
	}
	wi_doctor_check_machine(&doctor);
	check_places(&doctor);
	wi_doctor_recommend(&doctor);
	if (!write_report(&doctor, arguments.json)) {
		wi_progress_message(&progress, "cannot write to standard output: %s",
				    strerror(errno));
		return WI_EXIT_FAILED;
	}
	return wi_doctor_count(&doctor, WI_DOCTOR_WARNING) > 0 ? WI_EXIT_FAILED : WI_EXIT_OK;
}
