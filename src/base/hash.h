/* SPDX-License-Identifier: MIT */
/* hash.h - SipHash-1-3 with a key of the process: names may come from strangers. */
#ifndef WI_BASE_HASH_H
#define WI_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct wi_hash_key { uint64_t k0, k1; };

struct wi_hash_key wi_hash_random_key(void);

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012), with 1 and 3 rounds. */
uint64_t wi_hash_bytes(struct wi_hash_key key, const void *bytes, size_t size);

#endif
