/* SPDX-License-Identifier: MIT */
/*
 * json_get.c - print members of the JSON values on standard input, for tests in sh.
 *
 *   json_get PATH...      one line for each value: the members at PATH, with tabs between
 *
 * PATH: names and array indexes joined by "/". A member that is not there prints as "-".
 * Exit status: 0, or 1 if the input is not JSON.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const json_t *
find(const json_t *value, const char *path)
{
	char *copy = strdup(path), *rest = NULL;

	for (char *name = strtok_r(copy, "/", &rest); name != NULL && value != NULL;
	     name = strtok_r(NULL, "/", &rest))
		value = json_is_array(value) ? json_array_get(value, strtoul(name, NULL, 10))
					     : json_object_get(value, name);
	free(copy);
	return value;
}

static void
print(const json_t *value)
{
	if (value == NULL)
		putchar('-');
	else if (json_is_real(value))
		printf("%.17g", json_real_value(value));
	else if (json_is_string(value))
		fputs(json_string_value(value), stdout);
	else
		json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
}

int
main(int argc, char **argv)
{
	/* Keys are up to 2^64 - 1, which jansson takes only as reals. */
	const size_t flags =
		JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL;
	json_error_t error;
	json_t *root;

	for (;;) {
		int byte;

		while ((byte = getchar()) == '\n' || byte == ' ')
			;
		if (byte == EOF)
			return 0;
		ungetc(byte, stdin);
		root = json_loadf(stdin, flags, &error);
		if (root == NULL) {
			fprintf(stderr, "json_get: %s\n", error.text);
			return 1;
		}
		for (int i = 1; i < argc; i++) {
			if (i > 1)
				putchar('\t');
			print(find(root, argv[i]));
		}
		putchar('\n');
		json_decref(root);
	}
}
