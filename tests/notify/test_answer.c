/* SPDX-License-Identifier: MIT */
/* Statuses, and Retry-After. */
#include "unit.h"

#include "answer.h"

#include <string.h>

/* 2024-01-31T12:00:00Z and half a second. */
#define NOW_S UINT64_C(1706702400)
#define NOW   (NOW_S * UNIT_SECOND + UNIT_SECOND / 2)
#define DAY   (86400 * UNIT_SECOND)

static void
test_retry_after(void **state)
{
	static const struct { const char *value; uint64_t after; } rows[] = {
		{ "0", 0 },
		{ "1", UNIT_SECOND },
		{ "7", 7 * UNIT_SECOND },
		{ "0007", 7 * UNIT_SECOND },
		{ "86399", 86399 * UNIT_SECOND },
		{ "86400", DAY },
		{ "86401", DAY },
		{ "4294967296", DAY },
		{ "18446744073709551616", DAY },
		{ "99999999999999999999999999999999999999999999", DAY },
		{ "", 0 },
		{ "-1", 0 },
		{ "+5", 0 },
		{ "5.5", 0 },
		{ "1e3", 0 },
		{ "0x10", 0 },
		{ "5 s", 0 },
		{ "5,6", 0 },
		{ "soon", 0 },
		{ "12:30:00", 0 },
		{ "GMT", 0 },
		{ "Wed, 31 Jan 2024 12:00:07 GMT", 7 * UNIT_SECOND },
		{ "Wednesday, 31-Jan-24 12:01:00 GMT", 60 * UNIT_SECOND },
		{ "Wed Jan 31 12:00:30 2024", 30 * UNIT_SECOND },
		{ "Wed, 31 Jan 2024 12:00:00 GMT", 0 },
		{ "Wed, 31 Jan 2024 11:59:59 GMT", 0 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
		{ "Thu, 01 Feb 2024 11:59:59 GMT", 86399 * UNIT_SECOND },
		{ "Thu, 01 Feb 2024 12:00:01 GMT", DAY },
		{ "Fri, 31 Dec 9999 23:59:59 GMT", DAY },
		{ "Wed, 99 Jan 2024 12:00:07 GMT", 0 },
		{ "Wed, 31 Foo 2024 12:00:07 GMT", 0 },
		{ "%n%n%n%n%n%n%n%n%n%n%n%n%n%n", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t after = wi_answer_after(rows[i].value, NOW);

		if (after != rows[i].after)
			fail_msg("'%s': %llu ns, not %llu", rows[i].value, (unsigned long long)after,
			         (unsigned long long)rows[i].after);
	}
}

/* What each status is, for each kind; all others of its hundred are as the hundred's own. */
static enum wi_outcome
expected(enum wi_channel_kind kind, int status)
{
	bool slack = kind == WI_CHANNEL_SLACK;

	switch (status) {
	case 200:
		return WI_OUTCOME_SENT;
	case 403:
	case 404:
		return slack ? WI_OUTCOME_CHANNEL_OFF : WI_OUTCOME_REFUSED;
	case 410:
		return WI_OUTCOME_CHANNEL_OFF;
	case 408:
	case 425:
	case 429:
		return WI_OUTCOME_AGAIN;
	}
	switch (status / 100) {
	case 2:
		return slack ? WI_OUTCOME_REFUSED : WI_OUTCOME_SENT;
	case 3:
	case 4:
		return WI_OUTCOME_REFUSED;
	default:
		return WI_OUTCOME_AGAIN;
	}
}

static void
test_statuses(void **state)
{
	(void)state;
	for (enum wi_channel_kind kind = WI_CHANNEL_SLACK; kind <= WI_CHANNEL_CLOUDEVENTS; kind++)
		for (int status = 0; status < 1000; status++)
			if (wi_answer_outcome(kind, status) != expected(kind, status))
				fail_msg("kind %d, status %d: %d", kind, status,
				         wi_answer_outcome(kind, status));
	assert_string_equal(wi_answer_reason(429), "Too Many Requests");
	assert_string_equal(wi_answer_reason(299), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
