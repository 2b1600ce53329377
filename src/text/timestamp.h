/* SPDX-License-Identifier: MIT */
/* timestamp.h - read and write times as nanoseconds since 1970 (UTC), exactly. */
#ifndef WI_TEXT_TIMESTAMP_H
#define WI_TEXT_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WI_TIMESTAMP_SIZE = sizeof("2554-07-21T23:34:33.709551615Z") };

/* text: a valid JSON number. What is below a nanosecond is cut. False: before 1970, after 2554. */
bool wi_timestamp_from_seconds(const char *text, size_t size, uint64_t *ret_ns);

/* RFC 3339: "2009-02-06T00:06:44.5Z", "2009-02-06 01:06:44+01:00". False: another form or range. */
bool wi_timestamp_from_rfc3339(const char *text, size_t size, uint64_t *ret_ns);

/* RFC 3339 in UTC; a fraction, if there is one, with 9 digits. */
void wi_timestamp_format(uint64_t ns, char buffer[WI_TIMESTAMP_SIZE]);

#endif
