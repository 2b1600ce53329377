/* SPDX-License-Identifier: MIT */
/*
 * journal_text.h - rows as text. What a row holds may be anything: nothing that could steer a terminal
 *                  is written to one, and JSON is always JSON.
 */
#ifndef WI_CLI_JOURNAL_TEXT_H
#define WI_CLI_JOURNAL_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "chain.h"

enum { WI_JOURNAL_UUID_SIZE = 37 };

struct wi_journal_writer {
	FILE *stream;
	bool terminal;          /* only ASCII goes to one */
	bool full;
	const char *source;     /* of cloud events, or NULL */
	char uuid[WI_JOURNAL_UUID_SIZE];        /* of the journal; "" unknown */
	char *buffer;           /* scratch */
	size_t size;
};

void wi_journal_writer_init(struct wi_journal_writer *writer, FILE *stream);
void wi_journal_writer_fini(struct wi_journal_writer *writer);
/* id: WI_JOURNAL_ID_SIZE bytes, or NULL. */
void wi_journal_writer_set_id(struct wi_journal_writer *writer, const uint8_t *id);

void wi_journal_hex(const uint8_t *bytes, size_t count, char *ret_text);
const char *wi_journal_kind(enum wi_row_kind kind);

/* A line each. hash: NULL leaves out what only `show --json` says. */
void wi_journal_write_ndjson(struct wi_journal_writer *writer, const struct wi_row *row,
                             const uint8_t *hash, bool loose);
void wi_journal_write_cloudevent(struct wi_journal_writer *writer, const struct wi_row *row, bool loose);
void wi_journal_write_text(struct wi_journal_writer *writer, const struct wi_row *row, bool loose);

#endif
