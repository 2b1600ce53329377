/* SPDX-License-Identifier: MIT */
/* rows.h - the rows of a batch, copied, until they are recorded. Memory is kept from batch to batch. */
#ifndef WI_JOURNAL_ROWS_H
#define WI_JOURNAL_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "chain.h"

struct wi_rows {
	struct wi_row *list;
	uint32_t *topics;       /* wi_store_write()'s topic numbers */
	uint32_t count, capacity;
	char *bytes;            /* the payloads */
	size_t used, size;
};

/* False: out of memory, nothing was added. The payload is copied; topic must stay. */
bool wi_rows_add(struct wi_rows *rows, const struct wi_row *row, uint32_t topic);
void wi_rows_clear(struct wi_rows *rows);
void wi_rows_fini(struct wi_rows *rows);

#endif
