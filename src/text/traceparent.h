/* SPDX-License-Identifier: MIT */
/* traceparent.h - the W3C trace context header, to and from a weir_trace. */
#ifndef WI_TEXT_TRACEPARENT_H
#define WI_TEXT_TRACEPARENT_H

#include <stdbool.h>
#include <stddef.h>

#include <weir/weir.h>

enum { WI_TRACEPARENT_SIZE = sizeof("00-0123456789abcdef0123456789abcdef-0123456789abcdef-00") };

/* False: another form, version ff, an id that is all zero. Later versions may go on after it. */
bool wi_traceparent_parse(const char *text, size_t size, weir_trace *ret_trace);
void wi_traceparent_format(const weir_trace *trace, char buffer[WI_TRACEPARENT_SIZE]);

#endif
