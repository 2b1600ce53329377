/* SPDX-License-Identifier: MIT */
/*
 * metrics_check.c - compare what `weir export` prints with what is written about it.
 *
 *   metrics_check names TABLE.md <OUTPUT          the table has the same families, types and labels
 *   metrics_check dashboard FILE.json <OUTPUT     each expression fits the families: their names, labels,
 *                                                 rates of counters alone, quantiles of buckets
 *
 * OUTPUT: one or more texts, one after another; each family must have a sample. Exit status: 0, or 1
 * and what is wrong on standard error.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAMILIES = 200, LABELS = 8 };

struct family {
	char name[100], type[16], label[LABELS][32];
	int labels;
	bool documented;
};

static struct family families[FAMILIES];
static int family_count, errors, expressions;

static void
complain(const char *what, const char *name, const char *where)
{
	fprintf(stderr, "metrics_check: %s: %s: %.200s\n", what, name, where);
	errors++;
}

static size_t
word(const char *at)
{
	size_t size = 0;

	while (isalnum((unsigned char)at[size]) || at[size] == '_')
		size++;
	return size;
}

static struct family *
find(const char *name, size_t size)
{
	static const char *const endings[] = {"", "_bucket", "_sum", "_count"};

	for (int i = 0; i < family_count; i++)
		for (int e = 0; e < (strcmp(families[i].type, "histogram") == 0 ? 4 : 1); e++) {
			size_t length = strlen(families[i].name);

			if (size == length + strlen(endings[e]) &&
			    strncmp(name, families[i].name, length) == 0 &&
			    strncmp(name + length, endings[e], size - length) == 0)
				return &families[i];
		}
	return NULL;
}

static bool
has(const struct family *family, const char *label, size_t size)
{
	for (int i = 0; i < family->labels; i++)
		if (strlen(family->label[i]) == size && strncmp(family->label[i], label, size) == 0)
			return true;
	return false;
}

/* -- what is printed ----------------------------------------------------------- */

static void
read_sample(const char *line)
{
	size_t size = word(line);
	struct family *family = find(line, size);
	const char *at = line + size;

	if (family == NULL) {
		complain("a sample without a TYPE", "", line);
		return;
	}
	while (*at == '{' || *at == ',') {
		size = word(++at);
		if (!has(family, at, size) && family->labels < LABELS)
			snprintf(family->label[family->labels++], 32, "%.*s", (int)size, at);
		for (at += size + 2; *at != '"'; at++)
			at += *at == '\\';
		at++;
	}
}

static void
read_output(void)
{
	static char line[4096];
	static bool sampled[FAMILIES];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		char name[100], type[16];

		if (sscanf(line, "# TYPE %99s %15s", name, type) == 2) {
			if (find(name, strlen(name)) == NULL && family_count < FAMILIES) {
				struct family *family = &families[family_count++];

				strcpy(family->name, name), strcpy(family->type, type);
			}
		} else if (line[0] != '#') {
			struct family *family = find(line, word(line));

			read_sample(line);
			if (family != NULL)
				sampled[family - families] = true;
		}
	}
	for (int i = 0; i < family_count; i++)
		if (!sampled[i])
			complain("no sample of", families[i].name, "");
	if (family_count == 0)
		complain("no output", "", "");
}

/* -- the table: | `name` | type | `label`, `label` | text | ---------------------- */

static void
check_line(const char *line)
{
	const char *at = line + 3;
	size_t size = word(at);
	struct family *family = find(at, size);
	int labels = 0;

	if (family == NULL) {
		complain("in the table and not printed", "", line);
		return;
	}
	if (family->documented)
		complain("twice in the table", family->name, "");
	family->documented = true;
	at += size + 4;
	if (strncmp(at, family->type, strlen(family->type)) != 0 || at[strlen(family->type)] != ' ')
		complain("another type", family->type, line);
	for (at = strchr(at, '|') + 1; *at != '|' && *at != '\0'; at++) {
		size = word(at);
		if (size == 0)
			continue;
		labels++;
		if (!has(family, at, size))
			complain("a label that is not printed", family->name, at);
		at += size - 1;
	}
	/* `le` is what every histogram has. */
	if (labels + (strcmp(family->type, "histogram") == 0) != family->labels)
		complain("labels are missing in the table", family->name, line);
}

static void
check_table(const char *path)
{
	static char line[4096];
	FILE *stream = fopen(path, "r");

	while (stream != NULL && fgets(line, sizeof(line), stream) != NULL)
		if (strncmp(line, "| `weir_", 8) == 0)
			check_line(line);
	for (int i = 0; i < family_count; i++)
		if (!families[i].documented)
			complain("printed and not in the table", families[i].name, path);
	if (stream != NULL)
		fclose(stream);
}

/* -- the dashboard ------------------------------------------------------------- */

static bool
is_before(const char *text, const char *at, const char *part)
{
	size_t size = strlen(part);

	return (size_t)(at - text) >= size && strncmp(at - size, part, size) == 0;
}

/* {label="...", ...}, if any; what follows it. */
static const char *
check_matchers(const struct family *family, const char *at, const char *text)
{
	if (*at != '{')
		return at;
	while (*at != '}' && *at != '\0') {
		size_t size = word(++at);

		if (!has(family, at, size))
			complain("a label that it has not", family->name, text);
		at = strchr(at, '"');
		at = at != NULL ? strchr(at + 1, '"') : NULL;
		if (at == NULL) {
			complain("no end of a matcher", family->name, text);
			return "";
		}
		at++;
	}
	return at + (*at == '}');
}

static void
check_use(const struct family *family, const char *name, size_t size, const char *text)
{
	bool counts = strcmp(family->type, "gauge") != 0;
	bool is_rate = is_before(text, name, "rate(") || is_before(text, name, "increase(");
	const char *after = check_matchers(family, name + size, text);

	if (is_before(text, name, "label_values(")) {
		if (strncmp(after, ", ", 2) != 0 || !has(family, after + 2, word(after + 2)))
			complain("values of a label that it has not", family->name, text);
		return;
	}
	if (counts && (!is_rate || *after != '['))
		complain("a counter without a rate", family->name, text);
	if (!counts && (is_rate || *after == '['))
		complain("a rate of a gauge", family->name, text);
	if (strcmp(family->type, "histogram") == 0) {
		if (size == strlen(family->name))
			complain("a histogram has no sample of its own name", family->name, text);
		if (size > 7 && strncmp(name + size - 7, "_bucket", 7) == 0 &&
		    (strstr(text, "histogram_quantile(") == NULL || strstr(text, "by (le") == NULL))
			complain("buckets without a quantile by le", family->name, text);
	}
}

/* All names of families; then all labels behind "by (". `used`: a family that has them all. */
static void
check_expression(const char *text, const char *legend)
{
	const struct family *used = NULL;
	const char *at = text;

	expressions++;
	while ((at = strstr(at, "weir_")) != NULL) {
		size_t size = word(at);
		const struct family *family = find(at, size);

		if (family == NULL)
			complain("not printed", "", at);
		else
			check_use(family, at, size, text);
		if (family != NULL && (used == NULL || family->labels > used->labels))
			used = family;
		at += size;
	}
	if (used == NULL) {
		complain("no metric in", "", text);
		return;
	}
	for (at = text; (at = strstr(at, "by (")) != NULL;)
		for (at += 4; *at != ')' && *at != '\0'; at += *at != ')') {
			size_t size = word(at);

			if (size > 0 && !has(used, at, size))
				complain("by a label that it has not", used->name, text);
			at += size;
		}
	for (at = legend; (at = strstr(at, "{{")) != NULL; at += 2)
		if (!has(used, at + 2, word(at + 2)) ||
		    (strstr(text, "by (") != NULL && strstr(strstr(text, "by ("), "(") != NULL &&
		     memmem(text, strlen(text), at + 2, word(at + 2)) == NULL))
			complain("a legend by a label that is not there", used->name, legend);
}

static void
walk(const json_t *value)
{
	const json_t *each, *expression = json_object_get(value, "expr");
	const char *legend = json_string_value(json_object_get(value, "legendFormat")), *key;
	const char *query = json_string_value(json_object_get(value, "query"));
	size_t i;

	if (json_is_string(expression))
		check_expression(json_string_value(expression), legend != NULL ? legend : "");
	if (query != NULL && strstr(query, "label_values(") != NULL)
		check_expression(query, "");
	json_array_foreach(value, i, each)
		walk(each);
	json_object_foreach((json_t *)value, key, each)
		walk(each);
}

int
main(int argc, char **argv)
{
	json_error_t error;
	json_t *root;

	if (argc != 3)
		return 64;
	read_output();
	if (strcmp(argv[1], "names") == 0) {
		check_table(argv[2]);
		return errors > 0;
	}
	root = json_load_file(argv[2], 0, &error);
	if (root == NULL) {
		complain("no JSON", error.text, argv[2]);
		return 1;
	}
	walk(root);
	json_decref(root);
	if (expressions < 10)
		complain("hardly any expression", "", argv[2]);
	return errors > 0;
}
