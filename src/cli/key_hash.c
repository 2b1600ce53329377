/* SPDX-License-Identifier: MIT */
/* key_hash.c - the only file that takes in xxhash, whose header is slow to compile. */
#include "key_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t
wi_key_hash_bytes(const void *data, size_t size)
{
	return XXH3_64bits(data, size);
}
