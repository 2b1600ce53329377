/* SPDX-License-Identifier: MIT */
/* rows.c - see rows.h. */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 1024, SIZE_FIRST = 256 * 1024 };

static bool
grow_list(struct wi_rows *rows)
{
	uint32_t capacity = rows->capacity ? 2 * rows->capacity : CAPACITY_FIRST;
	struct wi_row *list = realloc(rows->list, capacity * sizeof *list);
	uint32_t *topics;

	if (!list)
		return false;
	rows->list = list;
	topics = realloc(rows->topics, capacity * sizeof *topics);
	if (!topics)
		return false;
	rows->topics = topics;
	rows->capacity = capacity;
	return true;
}

static bool
grow_bytes(struct wi_rows *rows, size_t need)
{
	size_t size = rows->size ? 2 * rows->size : SIZE_FIRST;
	char *bytes;

	while (size < need)
		size *= 2;
	bytes = malloc(size);
	if (!bytes)
		return false;
	if (rows->used)
		memcpy(bytes, rows->bytes, rows->used);
	for (uint32_t i = 0; i < rows->count; i++)
		rows->list[i].payload = bytes + ((const char *)rows->list[i].payload - rows->bytes);
	free(rows->bytes);
	rows->bytes = bytes;
	rows->size = size;
	return true;
}

bool
wi_rows_add(struct wi_rows *rows, const struct wi_row *row, uint32_t topic)
{
	if (rows->count == rows->capacity && !grow_list(rows))
		return false;
	if ((!rows->bytes || rows->size - rows->used < row->size) &&
	    !grow_bytes(rows, rows->used + row->size))
		return false;
	rows->list[rows->count] = *row;
	rows->list[rows->count].payload = rows->bytes + rows->used;
	rows->topics[rows->count++] = topic;
	if (row->size)
		memcpy(rows->bytes + rows->used, row->payload, row->size);
	rows->used += row->size;
	return true;
}

void
wi_rows_clear(struct wi_rows *rows)
{
	rows->count = 0;
	rows->used = 0;
}

void
wi_rows_fini(struct wi_rows *rows)
{
	free(rows->list);
	free(rows->topics);
	free(rows->bytes);
}
