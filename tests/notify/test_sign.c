/* SPDX-License-Identifier: MIT */
/* Signatures: those that other implementations make, and keys that are none. */
#include "unit.h"

#include "sign.h"

#include <string.h>

static bool
take(const char *text, struct wi_channel_key *key)
{
	return wi_sign_key(text, strlen(text), key);
}

/* From the npm package standardwebhooks, and the same from openssl dgst -mac HMAC. */
static void
test_known(void **state)
{
	static const char body[] = "{\"test\": 2432232314}";
	char signature[WI_SIGN_SIZE];
	struct wi_channel_key key;

	(void)state;
	assert_true(take("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &key));
	assert_int_equal(key.size, 24);
	wi_sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1674087231, body, strlen(body), signature);
	assert_string_equal(signature, "v1,AQG81rX2n4rTN1fkXoqILSHO9gAOcwya9dP41rhrQDI=");
	wi_sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1674087232, body, strlen(body), signature);
	assert_string_not_equal(signature, "v1,AQG81rX2n4rTN1fkXoqILSHO9gAOcwya9dP41rhrQDI=");
}

static void
test_keys(void **state)
{
	static const struct { const char *text; uint32_t size; } rows[] = {
		{ "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0 },       /* 23 bytes */
		{ "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 24 },
		{ "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", 25 },
		{ "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0 },
		{ "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0 },
		{ "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0 },
		{ "whsec_ AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0 },
		{ "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ", 0 },
		{ "whsec_AAAAAAAAAAAAAAAA-AAAAAAAAAAAAAAA", 0 },
		{ "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA====", 0 },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0 },
		{ "WHSEC_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0 },
		{ "whsec_", 0 },
		{ "", 0 },
		/* 64 and 65 bytes */
		{ "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		  "==", 64 },
		{ "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		  "A=", 0 },
	};
	struct wi_channel_key key;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (take(rows[i].text, &key) != !!rows[i].size || (rows[i].size && key.size != rows[i].size))
			fail_msg("'%s'", rows[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
