/* SPDX-License-Identifier: MIT */
/* text_file.c - see text_file.h. */
#include "text_file.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

FILE *
text_file_open(const char *root, const char *path)
{
	char whole[PATH_MAX];

	if (snprintf(whole, sizeof whole, "%s%s", root, path) >= (int)sizeof whole)
		return NULL;
	return fopen(whole, "re");
}

static void
clean(char *line)
{
	size_t length = strcspn(line, "\n");

	while (length > 0 && line[length - 1] == ' ')
		length--;
	line[length] = '\0';
	for (; *line != '\0'; line++)
		if (*line < ' ' || *line > '~')
			*line = '?';
}

bool
text_file_line(char *line, size_t size, const char *root, const char *format, ...)
{
	char path[PATH_MAX];
	va_list arguments;
	FILE *file;
	bool read;

	va_start(arguments, format);
	vsnprintf(path, sizeof path, format, arguments);
	va_end(arguments);
	line[0] = '\0';
	file = text_file_open(root, path);
	if (!file)
		return false;
	read = fgets(line, (int)size, file) != NULL;
	fclose(file);
	if (!read)
		line[0] = '\0';
	clean(line);
	return line[0] != '\0';
}

bool
text_file_bytes(const char *root, const char *path, const char *name, uint64_t *ret_bytes)
{
	FILE *file = text_file_open(root, path);
	size_t length = strlen(name);
	bool found = false;
	char line[256];

	while (file && !found && fgets(line, sizeof line, file)) {
		uint64_t value;

		if (strncmp(line, name, length) || line[length] != ':' ||
		    sscanf(line + length + 1, "%" SCNu64, &value) != 1)
			continue;
		if (strstr(line + length, " kB"))
			value = value < UINT64_MAX / 1024 ? value * 1024 : UINT64_MAX;
		*ret_bytes = value;
		found = true;
	}
	if (file)
		fclose(file);
	return found;
}
