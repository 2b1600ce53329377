/* SPDX-License-Identifier: MIT */
/*
 * sections.h - a configuration file as it is written: [SECTION] and NAME = VALUE, with line
 * numbers.
 *
 * Knows no meaning; config.h does. What fails writes one sentence that begins with FILE:LINE.
 */
#ifndef WI_HOST_SECTIONS_H
#define WI_HOST_SECTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum {
	WI_SECTIONS_LINE_MAX = 4096,
	WI_SECTIONS_FILE_MAX = 1 << 20,
	WI_SECTIONS_NAME_MAX = 48,
	WI_SECTIONS_PROBLEM_SIZE = 512
};

struct wi_section_setting {
	char *name, *value;
	char *scratch; /* the value once more, for parsers that cut it up and keep it */
	unsigned line;
};

struct wi_section {
	char *name;
	unsigned line;
	struct wi_section_setting *settings;
	size_t count;
};

struct wi_sections {
	char *file;
	struct wi_section *each;
	size_t count;
};

/*
 * A regular file of this user or root, which nobody else may write. Each section once, each name
 * once in it. False: `problem` is set, and there is nothing to give back.
 */
bool wi_sections_read(struct wi_sections *sections, const char *file,
		      char problem[WI_SECTIONS_PROBLEM_SIZE]);
void wi_sections_fini(struct wi_sections *sections);

const struct wi_section *wi_sections_find(const struct wi_sections *sections, const char *name);
const struct wi_section_setting *wi_section_find(const struct wi_section *section,
						 const char *name);

/*
 * The first setting but `except` (or NULL) in which two sections differ; *ret_line is where it
 * is in `now`, or that section's, or 0. Either may be NULL: a section without settings. NULL:
 * they are the same, in whatever order.
 */
const char *wi_section_difference(const struct wi_section *before, const struct wi_section *now,
				  const char *except, unsigned *ret_line);

/* Always false. line 0: of the file as a whole. What is no printable text becomes '?'. */
bool wi_sections_fail(char problem[WI_SECTIONS_PROBLEM_SIZE], const char *file, unsigned line,
		      const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
