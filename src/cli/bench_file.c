/* SPDX-License-Identifier: MIT */
/* bench_file.c - see bench_file.h; inih reads the lines. */
#include "bench_file.h"

#include "command.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

struct file {
	const char *program, *name;
	FILE *stream;
	struct wi_bench_options *options;
	unsigned line;          /* inih's callback is not told it */
	char on[64];            /* the section of the `on` that is being read */
	bool failed;
};

static char *
read_line(char *text, int size, void *context)
{
	struct file *file = ((struct file *)context);
	char *line = fgets(text, size, file->stream);

	file->line += line != NULL;
	return line;
}

static void
complain(struct file *file, const char *name, const char *wrong)
{
	/* inih goes on; the first complaint is the one that matters. */
	if (!file->failed)
		fprintf(stderr, "%s: %s:%u: %s%s%s\n", file->program, file->name, file->line,
			name != NULL ? name : "", name != NULL ? ": " : "", wrong);
	file->failed = true;
}

/* In a pool's options a comma parts options, so a list of processors or pools has a plus. */
static const char *
set_pool(struct file *file, const char *pool, const char *name, const char *value)
{
	char text[256];
	size_t length;

	if (strchr(pool, ':') != NULL || *pool == '\0')
		return "a pool's section is [pool.NAME]";
	length = (size_t)snprintf(text, sizeof(text), "%s=%s", name, value);
	if (length >= sizeof(text))
		return "it is too long";
	for (char *comma = text; (comma = strchr(comma, ',')) != NULL;)
		*comma = '+';
	return wi_bench_options_set_pool(file->options, pool, text);
}

static const char *
set_on(struct file *file, const char *section, const char *name, const char *value)
{
	bool is_new = strncmp(section, file->on, sizeof(file->on) - 1) != 0;

	if (strcmp(name, "pattern") == 0) {
		if (!is_new)
			return "the section has one already";
		snprintf(file->on, sizeof(file->on), "%s", section);
		return value[strcspn(value, "@:")] == '\0'
			       ? wi_bench_options_add_on(file->options, value)
			       : "a pattern has no @ or : here; pool, cost and times are lines of "
				 "their own";
	}
	return is_new ? "pattern must come first in the section"
		      : wi_bench_options_set_on(file->options, name, value);
}

static bool
is_general(const char *section)
{
	return strcmp(section, "load") == 0 || strcmp(section, "run") == 0 ||
	       strcmp(section, "bus") == 0;
}

static int
take(void *context, const char *section, const char *name, const char *value)
{
	struct file *file = context;
	const char *wrong =
		"the section is not one of [load], [run], [bus], [pool.NAME], [on.NAME]";

	if (strncmp(section, "pool.", 5) == 0)
		wrong = set_pool(file, section + 5, name, value);
	else if (strncmp(section, "on.", 3) == 0)
		wrong = set_on(file, section, name, value);
	else if (is_general(section) && !wi_bench_options_has(name))
		wrong = "there is no such setting";
	else if (is_general(section))
		wrong = wi_bench_options_set(file->options, name, value);
	if (wrong != NULL)
		complain(file, name, wrong);
	return wrong == NULL;
}

int
wi_bench_file_take(const char *program, const char *name, FILE *stream,
		   struct wi_bench_options *options)
{
	struct file file = {
		.program = program, .name = name, .options = options, .stream = stream};
	int line;

	wi_bench_options_layer(options);
	line = ini_parse_stream(read_line, &file, take, &file);
	if (ferror(stream) != 0) {
		fprintf(stderr, "%s: cannot read %s\n", program, name);
		return WI_EXIT_NO_INPUT;
	}
	if (line > 0 && !file.failed) {
		file.line = (unsigned)line;
		complain(&file, NULL, "is neither [SECTION] nor NAME = VALUE");
	}
	return line != 0 ? WI_EXIT_USAGE : 0;
}

int
wi_bench_file_read(const char *program, const char *name, struct wi_bench_options *options)
{
	FILE *stream = fopen(name, "re");
	int code;

	if (stream == NULL) {
		fprintf(stderr, "%s: cannot open %s: %s\n", program, name, strerror(errno));
		return WI_EXIT_NO_INPUT;
	}
	code = wi_bench_file_take(program, name, stream, options);
	fclose(stream);
	return code;
}
