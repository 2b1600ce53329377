/* SPDX-License-Identifier: MIT */
/* json_out.h - JSON written into a buffer that may be too small: strings, bytes, JSON that may be none. */
#ifndef WI_SERVICE_JSON_OUT_H
#define WI_SERVICE_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>

struct wi_json_out {
	char *buffer;
	size_t size;
	size_t used;            /* or would be: what does not fit is counted */
};

void wi_json_out_raw(struct wi_json_out *out, const char *text, size_t size);

/* As printf(), at most 159 bytes. */
void wi_json_out_print(struct wi_json_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A string with its quotes; what is no UTF-8 becomes U+FFFD, a byte at a time. */
void wi_json_out_string(struct wi_json_out *out, const char *text, size_t size);

/* The same without quotes: a piece of one. */
void wi_json_out_inside(struct wi_json_out *out, const char *text, size_t size);

/* A string of base64. */
void wi_json_out_base64(struct wi_json_out *out, const unsigned char *bytes, size_t size);

/*
 * A value that is JSON text (RFC 8259, UTF-8, 64 levels at most), without the white space between its
 * tokens; numbers and strings as they were written. False: it is not; what was written is to be taken back.
 */
bool wi_json_out_value(struct wi_json_out *out, const char *text, size_t size);

bool wi_json_is_utf8(const char *text, size_t size);

#endif
