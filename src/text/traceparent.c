/* SPDX-License-Identifier: MIT */
/* traceparent.c - VERSION-TRACE-SPAN-FLAGS, all in lower-case hexadecimal. */
#include "traceparent.h"

#include <stdint.h>

enum { LENGTH = WI_TRACEPARENT_SIZE - 1 };

static int
hex_digit(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	return -1;
}

static bool
take_bytes(const char *text, uint8_t *ret_bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret_bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool
any_set(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] != 0)
			return true;
	return false;
}

bool
wi_traceparent_parse(const char *text, size_t size, weir_trace *ret_trace)
{
	weir_trace trace;
	uint8_t version;

	if (size < LENGTH || text[2] != '-' || text[35] != '-' || text[52] != '-' ||
	    !take_bytes(text, &version, 1) || !take_bytes(text + 3, trace.trace_id, 16) ||
	    !take_bytes(text + 36, trace.span_id, 8) || !take_bytes(text + 53, &trace.flags, 1))
		return false;
	if (version == 0xff || !any_set(trace.trace_id, 16) || !any_set(trace.span_id, 8))
		return false;
	if (size > LENGTH && (version == 0 || text[LENGTH] != '-'))
		return false;
	*ret_trace = trace;
	return true;
}

static char *
put_bytes(char *at, const uint8_t *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		*at++ = digits[bytes[i] >> 4];
		*at++ = digits[bytes[i] & 15];
	}
	*at++ = '-';
	return at;
}

void
wi_traceparent_format(const weir_trace *trace, char buffer[WI_TRACEPARENT_SIZE])
{
	static const uint8_t version = 0;
	char *at = put_bytes(buffer, &version, 1);

	at = put_bytes(at, trace->trace_id, 16);
	at = put_bytes(at, trace->span_id, 8);
	at = put_bytes(at, &trace->flags, 1);
	at[-1] = '\0';
}
