/* SPDX-License-Identifier: MIT */
/*
 * chain.h - one row of a journal, and the hash that ties it to the row before.
 *
 * hash = SHA-256(hash of the row before, all that the row says). Whoever changes, removes or inserts
 * a row has to change every hash after it. The first row of a file is tied to the file's head, which
 * names the file before and that file's last hash.
 */
#ifndef WI_JOURNAL_CHAIN_H
#define WI_JOURNAL_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

enum {
	WI_HASH_SIZE = 32,
	WI_JOURNAL_ID_SIZE = 16,
	WI_TRACE_SIZE = 25              /* trace id, span id, flags */
};

enum wi_row_kind {
	WI_ROW_EVENT = 1,
	WI_ROW_GAP,             /* events that were not recorded; the payload says which and why, as JSON */
	WI_ROW_OPENED,          /* a program has opened the journal: sources begin anew */
	WI_ROW_CLOSED
};

struct wi_row {
	uint64_t seq;           /* 1, 2, 3, ... in the journal, over all its files */
	uint64_t time;          /* nanoseconds since 1970 */
	uint64_t sequence, key;
	const char *topic;
	const void *payload;
	uint32_t topic_size, size;
	uint32_t source;
	enum wi_row_kind kind;
	bool has_key, has_trace;
	uint8_t trace[WI_TRACE_SIZE];
};

/* What the one row of the table "file" says. */
struct wi_head {
	uint8_t id[WI_JOURNAL_ID_SIZE];         /* the journal's, the same in all its files */
	uint64_t number;                        /* of the file, from 1 */
	uint64_t created;                       /* nanoseconds since 1970 */
	uint64_t seq_before;                    /* the last row of the file before, 0 if there is none */
	uint8_t hash_before[WI_HASH_SIZE];      /* and its hash */
	char before[256];                       /* that file's name, without its folder */
};

void wi_chain_head(const struct wi_head *head, uint8_t ret_hash[WI_HASH_SIZE]);
/* `before` and ret_hash may be the same. */
void wi_chain_row(const uint8_t before[WI_HASH_SIZE], const struct wi_row *row,
                  uint8_t ret_hash[WI_HASH_SIZE]);

#endif
