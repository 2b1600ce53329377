/* SPDX-License-Identifier: MIT */
/* command_text.c - see command_text.h. */
#include "command_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "_-+=.,:/@%^";

static bool
is_printable(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* Of what is not printable ASCII nothing but the bytes is sure. */
static void
write_bytes(const char *text, FILE *stream)
{
	fputs("$'", stream);
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == '\\')
			fprintf(stream, "\\%c", *text);
		else if (*text >= ' ' && *text <= '~')
			putc(*text, stream);
		else
			fprintf(stream, "\\%03o", (unsigned char)*text);
	}
	putc('\'', stream);
}

static void
write_quoted(const char *text, FILE *stream)
{
	putc('\'', stream);
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			fputs("'\\''", stream);
		else
			putc(*text, stream);
	}
	putc('\'', stream);
}

char *
wi_command_text(int argc, char **argv)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (stream == NULL)
		return NULL;
	/* The first is "weir NAME": two words that are meant to be two. */
	fputs(argv[0], stream);
	for (int i = 1; i < argc; i++) {
		putc(' ', stream);
		if (!is_printable(argv[i]))
			write_bytes(argv[i], stream);
		else if (*argv[i] == '\0' || argv[i][strspn(argv[i], plain)] != '\0')
			write_quoted(argv[i], stream);
		else
			fputs(argv[i], stream);
	}
	if (fclose(stream) == 0)
		return text;
	free(text);
	return NULL;
}
