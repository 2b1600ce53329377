/* SPDX-License-Identifier: MIT */
/*
 * sections.c - inih splits the lines. What it lets pass is looked at before it sees them: lines
 * longer than its buffer, which it takes for several; indented ones, which it takes for more of
 * the last value; long section names, which it cuts; what follows a "]"; sections without
 * settings, of which it does not tell.
 */
#include "sections.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_MIN = 64 };

struct reader {
	struct wi_sections *sections;
	FILE *stream;
	unsigned line;
	char text[WI_SECTIONS_LINE_MAX + 2]; /* a line and its LF */
	char *rest;                          /* of a line, which goes to inih in pieces */
	bool continues;                      /* a piece of this line was there before */
	bool failed;
	char *problem;
};

bool
wi_sections_fail(char problem[WI_SECTIONS_PROBLEM_SIZE], const char *file, unsigned line,
		 const char *format, ...)
{
	int length = line > 0 ? snprintf(problem, WI_SECTIONS_PROBLEM_SIZE, "%s:%u: ", file, line)
			      : snprintf(problem, WI_SECTIONS_PROBLEM_SIZE, "%s: ", file);
	va_list arguments;

	va_start(arguments, format);
	if (length >= 0 && length < WI_SECTIONS_PROBLEM_SIZE)
		vsnprintf(problem + length, (size_t)(WI_SECTIONS_PROBLEM_SIZE - length), format,
			  arguments);
	va_end(arguments);
	for (char *at = problem; *at != '\0'; at++)
		if ((unsigned char)*at < ' ' || *at == 127)
			*at = '?';
	return false;
}

/* The first problem is the one that matters. Always NULL. */
static char *
fail(struct reader *reader, const char *text)
{
	if (!reader->failed)
		wi_sections_fail(reader->problem, reader->sections->file, reader->line, "%s", text);
	reader->failed = true;
	return NULL;
}

/* -- a line before inih sees it ------------------------------------------------ */

/* Comments as inih has them: a line that begins with ; or #, and what follows white space
 * and a ;. */
static char *
strip(char *text)
{
	char *end;

	while (*text == ' ' || *text == '\t')
		text++;
	if (*text == ';' || *text == '#')
		*text = '\0';
	for (end = text; *end != '\0'; end++)
		if (*end == ';' && (end[-1] == ' ' || end[-1] == '\t'))
			break;
	while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*end = '\0';
	return text;
}

static const char *
begin_section(struct wi_sections *sections, char *name, unsigned line)
{
	char *end = strchr(name, ']');
	struct wi_section *each;

	if (end == NULL || end[1] != '\0')
		return "a section is [NAME], alone in its line";
	*end = '\0';
	if (strlen(name) > WI_SECTIONS_NAME_MAX)
		return "a section's name has at most 48 bytes";
	if (wi_sections_find(sections, name) != NULL)
		return "the file has this section already";
	each = realloc(sections->each, (sections->count + 1) * sizeof(*each));
	if (each == NULL)
		return "out of memory";
	sections->each = each;
	each[sections->count] = (struct wi_section){.name = strdup(name), .line = line};
	*end = ']';
	if (each[sections->count].name == NULL)
		return "out of memory";
	sections->count++;
	return NULL;
}

/* The next line with something in it, or NULL. */
static char *
next_line(struct reader *reader)
{
	const char *wrong = NULL;
	char *text;

	for (;;) {
		size_t length = 0;
		int c;

		while ((c = getc(reader->stream)) != EOF && c != '\n' &&
		       length < WI_SECTIONS_LINE_MAX)
			reader->text[length++] = (char)c;
		if (c == EOF && length == 0)
			return NULL;
		reader->line++;
		reader->text[length] = '\0';
		if (c != EOF && c != '\n')
			return fail(reader, "the line is longer than 4096 bytes");
		for (size_t i = 0; i < length; i++)
			if (iscntrl((unsigned char)reader->text[i]) &&
			    !isspace((unsigned char)reader->text[i]))
				return fail(reader, "the line has a control byte");
		text = reader->text;
		if (reader->line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
			text += 3;
		text = strip(text);
		if (*text == '[')
			wrong = begin_section(reader->sections, text + 1, reader->line);
		if (wrong != NULL)
			return fail(reader, wrong);
		if (*text != '\0' && *text != '[' && strpbrk(text, "=:") == NULL)
			return fail(reader, "is neither [SECTION] nor NAME = VALUE");
		if (*text != '\0')
			return text;
	}
}

/* Where inih takes a piece for what it is: white space at its ends is stripped, ; and # begin
 * comments. */
static size_t
piece_length(const char *text, size_t room)
{
	size_t length = strlen(text);

	if (length <= room)
		return length;
	for (length = room; length > 1; length--)
		if (!isspace((unsigned char)text[length - 1]) &&
		    !isspace((unsigned char)text[length]) && text[length] != ';' &&
		    text[length] != '#')
			return length;
	return 0;
}

/* A long line: "NAME = PIECE" and then, as inih has them follow a value, " PIECE". */
static char *
read_piece(char *text, int size, void *context)
{
	struct reader *reader = context;
	size_t length, indent;

	if (reader->failed || size < PIECE_MIN)
		return NULL;
	reader->continues = reader->rest != NULL && *reader->rest != '\0';
	if (!reader->continues && (reader->rest = next_line(reader)) == NULL)
		return NULL;
	indent = reader->continues ? 1 : 0;
	length = piece_length(reader->rest, (size_t)size - 4);
	if (length == 0 ||
	    (!reader->continues && *reader->rest != '[' && reader->rest[length] != '\0' &&
	     memchr(reader->rest, '=', length) == NULL))
		return fail(reader, "inih cannot take this line");
	text[0] = ' ';
	memcpy(text + indent, reader->rest, length);
	memcpy(text + indent + length, "\n", 2);
	reader->rest += length;
	return text;
}

/* -- what inih tells ----------------------------------------------------------- */

static const char *
add(struct reader *reader, struct wi_section *section, const char *name, const char *value)
{
	struct wi_section_setting *settings;

	if (*name == '\0')
		return "there is no name before the =";
	if (wi_section_find(section, name) != NULL)
		return "the section has this setting already";
	settings = realloc(section->settings, (section->count + 1) * sizeof(*settings));
	if (settings == NULL)
		return "out of memory";
	section->settings = settings;
	settings += section->count++;
	*settings = (struct wi_section_setting){
		.name = strdup(name), .value = strdup(value), .line = reader->line};
	return settings->name == NULL || settings->value == NULL ? "out of memory" : NULL;
}

static const char *
append(struct wi_section_setting *setting, const char *more)
{
	size_t length = strlen(setting->value), size = strlen(more) + 1;
	char *value = realloc(setting->value, length + size);

	if (value == NULL)
		return "out of memory";
	memcpy(value + length, more, size);
	setting->value = value;
	return NULL;
}

static int
take(void *context, const char *section_name, const char *name, const char *value)
{
	struct reader *reader = context;
	struct wi_sections *sections = reader->sections;
	struct wi_section *section;
	const char *wrong;

	(void)section_name; /* cut, if it is long */
	if (sections->count == 0) {
		fail(reader, "a setting before the first [SECTION]");
		return 0;
	}
	section = &sections->each[sections->count - 1];
	wrong = reader->continues ? append(&section->settings[section->count - 1], value)
				  : add(reader, section, name, value);
	if (wrong != NULL && !reader->failed)
		wi_sections_fail(reader->problem, sections->file, reader->line, "[%s] %s: %s",
				 section->name, name, wrong);
	reader->failed |= wrong != NULL;
	return wrong == NULL;
}

static bool
copy_values(struct wi_sections *sections)
{
	for (size_t i = 0; i < sections->count; i++)
		for (size_t s = 0; s < sections->each[i].count; s++) {
			struct wi_section_setting *setting = &sections->each[i].settings[s];

			if ((setting->scratch = strdup(setting->value)) == NULL)
				return false;
		}
	return true;
}

/* -- the file ------------------------------------------------------------------ */

/* Who may write it names the objects that are loaded. */
static const char *
check_file(const struct stat *status)
{
	if (!S_ISREG(status->st_mode))
		return "is not a regular file";
	if (status->st_uid != geteuid() && status->st_uid != 0)
		return "belongs neither to this user nor to root";
	if (status->st_mode & S_IWOTH)
		return "may be written by everybody";
	if (status->st_size > WI_SECTIONS_FILE_MAX)
		return "is larger than 1 MiB";
	return NULL;
}

static FILE *
open_file(const char *file, char problem[WI_SECTIONS_PROBLEM_SIZE])
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	const char *wrong;
	FILE *stream;

	if (fd < 0 || fstat(fd, &status) != 0)
		wrong = strerror(errno);
	else
		wrong = check_file(&status);
	stream = wrong == NULL ? fdopen(fd, "r") : NULL;
	if (stream != NULL)
		return stream;
	wi_sections_fail(problem, file, 0, "%s", wrong != NULL ? wrong : strerror(errno));
	if (fd >= 0)
		close(fd);
	return NULL;
}

bool
wi_sections_read(struct wi_sections *sections, const char *file,
		 char problem[WI_SECTIONS_PROBLEM_SIZE])
{
	struct reader reader = {.sections = sections, .problem = problem};
	int result;

	*sections = (struct wi_sections){.file = strdup(file)};
	if (sections->file == NULL)
		return wi_sections_fail(problem, file, 0, "out of memory");
	reader.stream = open_file(file, problem);
	reader.failed = reader.stream == NULL;
	result = reader.failed ? 0 : ini_parse_stream(read_piece, &reader, take, &reader);
	if (!reader.failed && ferror(reader.stream))
		reader.failed = !wi_sections_fail(problem, file, 0, "%s", strerror(errno));
	if (!reader.failed && result != 0)
		fail(&reader, "is neither [SECTION] nor NAME = VALUE");
	if (reader.stream != NULL)
		fclose(reader.stream);
	if (!reader.failed && !copy_values(sections))
		reader.failed = !wi_sections_fail(problem, file, 0, "out of memory");
	if (reader.failed)
		wi_sections_fini(sections);
	return !reader.failed;
}

void
wi_sections_fini(struct wi_sections *sections)
{
	for (size_t i = 0; i < sections->count; i++) {
		struct wi_section *section = &sections->each[i];

		for (size_t s = 0; s < section->count; s++) {
			free(section->settings[s].name);
			free(section->settings[s].value);
			free(section->settings[s].scratch);
		}
		free(section->settings);
		free(section->name);
	}
	free(sections->each);
	free(sections->file);
	*sections = (struct wi_sections){.count = 0};
}

/* -- looking ------------------------------------------------------------------- */

const struct wi_section *
wi_sections_find(const struct wi_sections *sections, const char *name)
{
	for (size_t i = 0; i < sections->count; i++)
		if (strcmp(sections->each[i].name, name) == 0)
			return &sections->each[i];
	return NULL;
}

const struct wi_section_setting *
wi_section_find(const struct wi_section *section, const char *name)
{
	for (size_t i = 0; section != NULL && i < section->count; i++)
		if (strcmp(section->settings[i].name, name) == 0)
			return &section->settings[i];
	return NULL;
}

static bool
is_same(const struct wi_section_setting *setting, const struct wi_section *other,
	const char *except)
{
	const struct wi_section_setting *twin = wi_section_find(other, setting->name);

	if (except != NULL && strcmp(setting->name, except) == 0)
		return true;
	return twin != NULL && strcmp(twin->value, setting->value) == 0;
}

const char *
wi_section_difference(const struct wi_section *before, const struct wi_section *now,
		      const char *except, unsigned *ret_line)
{
	for (size_t i = 0; now != NULL && i < now->count; i++) {
		*ret_line = now->settings[i].line;
		if (!is_same(&now->settings[i], before, except))
			return now->settings[i].name;
	}
	for (size_t i = 0; before != NULL && i < before->count; i++) {
		*ret_line = now != NULL ? now->line : 0;
		if (!is_same(&before->settings[i], now, except))
			return before->settings[i].name;
	}
	return NULL;
}
