/* SPDX-License-Identifier: MIT */
/* hash.c - see hash.h. */
#include "base/hash.h"

#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

struct wi_hash_key
wi_hash_random_key(void)
{
	struct wi_hash_key key;

	if (getrandom(&key, sizeof key, GRND_NONBLOCK) != (long)sizeof key)
		key = (struct wi_hash_key){ wi_clock_realtime(), wi_clock_monotonic() };
	return key;
}

static inline uint64_t
rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void
mix(uint64_t v[4])
{
	v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
	v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

uint64_t
wi_hash_bytes(struct wi_hash_key key, const void *bytes, size_t size)
{
	uint64_t v[4] = { key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d,
		          key.k0 ^ 0x6c7967656e657261, key.k1 ^ 0x7465646279746573 };
	const unsigned char *byte = bytes;
	uint64_t word, last = (uint64_t)size << 56;
	size_t left = size;

	for (; left >= 8; left -= 8, byte += 8) {
		memcpy(&word, byte, 8);
		v[3] ^= word;
		mix(v);
		v[0] ^= word;
	}
	while (left--)
		last |= (uint64_t)byte[left] << (8 * left);
	v[3] ^= last;
	mix(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	mix(v), mix(v), mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
