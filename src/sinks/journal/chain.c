/* SPDX-License-Identifier: MIT */
/* chain.c - the bytes that are hashed: numbers little-endian, texts with their size before them. */
#include "chain.h"

#include <endian.h>
#include <nettle/sha2.h>
#include <string.h>

enum { VERSION = 1 };

static uint8_t *
put(uint8_t *at, uint64_t number, unsigned size)
{
	number = htole64(number);
	memcpy(at, &number, size);
	return at + size;
}

void
wi_chain_head(const struct wi_head *head, uint8_t ret_hash[WI_HASH_SIZE])
{
	static const char what[] = "weir journal";
	uint8_t numbers[1 + 8 + 8 + 8 + 2], *at = numbers;
	size_t size = strlen(head->before);
	struct sha256_ctx sha;

	at = put(at, VERSION, 1);
	at = put(at, head->number, 8);
	at = put(at, head->created, 8);
	at = put(at, head->seq_before, 8);
	put(at, size, 2);
	sha256_init(&sha);
	sha256_update(&sha, sizeof what, (const uint8_t *)what);
	sha256_update(&sha, sizeof numbers, numbers);
	sha256_update(&sha, sizeof head->id, head->id);
	sha256_update(&sha, sizeof head->hash_before, head->hash_before);
	sha256_update(&sha, size, (const uint8_t *)head->before);
	sha256_digest(&sha, WI_HASH_SIZE, ret_hash);
}

void
wi_chain_row(const uint8_t before[WI_HASH_SIZE], const struct wi_row *row,
             uint8_t ret_hash[WI_HASH_SIZE])
{
	uint8_t fixed[WI_HASH_SIZE + 3 + WI_TRACE_SIZE + 5 * 8 + 2], *at = fixed;
	struct sha256_ctx sha;

	memcpy(at, before, WI_HASH_SIZE);
	at = put(at + WI_HASH_SIZE, VERSION, 1);
	at = put(at, row->kind, 1);
	at = put(at, (uint64_t)(row->has_key | row->has_trace << 1), 1);
	if (row->has_trace)
		memcpy(at, row->trace, WI_TRACE_SIZE);
	else
		memset(at, 0, WI_TRACE_SIZE);
	at = put(at + WI_TRACE_SIZE, row->seq, 8);
	at = put(at, row->time, 8);
	at = put(at, row->sequence, 8);
	at = put(at, row->has_key ? row->key : 0, 8);
	at = put(at, row->source, 4);
	at = put(at, row->topic_size, 2);
	put(at, row->size, 4);
	sha256_init(&sha);
	sha256_update(&sha, sizeof fixed, fixed);
	sha256_update(&sha, row->topic_size, (const uint8_t *)row->topic);
	sha256_update(&sha, row->size, row->payload);
	sha256_digest(&sha, WI_HASH_SIZE, ret_hash);
}
