/* SPDX-License-Identifier: MIT */
/* sign.c - over nettle. */
#include "sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <nettle/base64.h>
#include <nettle/hmac.h>

enum { KEY_LEAST = 24 };

/* nettle passes over white space, and writes up to three bytes beyond the last. */
bool
wi_sign_key(const char *text, size_t size, struct wi_channel_key *ret_key)
{
	static const char prefix[] = "whsec_";
	uint8_t bytes[BASE64_DECODE_LENGTH(BASE64_ENCODE_RAW_LENGTH(WI_CHANNEL_KEY_SIZE_MAX))];
	struct base64_decode_ctx context;
	size_t decoded = 0;
	bool fine;

	if (size < sizeof prefix || memcmp(text, prefix, sizeof prefix - 1) != 0)
		return false;
	text += sizeof prefix - 1;
	size -= sizeof prefix - 1;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] <= ' ')
			return false;
	if (size > BASE64_ENCODE_RAW_LENGTH(WI_CHANNEL_KEY_SIZE_MAX))
		return false;
	base64_decode_init(&context);
	fine = base64_decode_update(&context, &decoded, bytes, size, text) &&
	       base64_decode_final(&context) && decoded >= KEY_LEAST &&
	       decoded <= WI_CHANNEL_KEY_SIZE_MAX;
	if (fine) {
		memcpy(ret_key->bytes, bytes, decoded);
		ret_key->size = (uint32_t)decoded;
	}
	explicit_bzero(bytes, sizeof bytes);
	explicit_bzero(&context, sizeof context);
	return fine;
}

void
wi_sign(const struct wi_channel_key *key, const char *id, uint64_t seconds, const void *body,
        size_t body_size, char ret_signature[WI_SIGN_SIZE])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct hmac_sha256_ctx hmac;
	char time[24];

	snprintf(time, sizeof time, ".%" PRIu64 ".", seconds);
	hmac_sha256_set_key(&hmac, key->size, key->bytes);
	hmac_sha256_update(&hmac, strlen(id), (const uint8_t *)id);
	hmac_sha256_update(&hmac, strlen(time), (const uint8_t *)time);
	hmac_sha256_update(&hmac, body_size, body);
	hmac_sha256_digest(&hmac, sizeof digest, digest);
	memcpy(ret_signature, "v1,", 3);
	base64_encode_raw(ret_signature + 3, sizeof digest, digest);
	ret_signature[WI_SIGN_SIZE - 1] = '\0';
	explicit_bzero(&hmac, sizeof hmac);
}
