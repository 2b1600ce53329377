/* SPDX-License-Identifier: MIT */
/* key_hash.h - one 64-bit hash (XXH3) for keys and names. */
#ifndef WI_CLI_KEY_HASH_H
#define WI_CLI_KEY_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t wi_key_hash_bytes(const void *data, size_t size);

#endif
