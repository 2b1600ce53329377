/* SPDX-License-Identifier: MIT */
/* check.c - see check.h. */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("orders: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(EXIT_FAILURE);
}

void
check(weir_status status, const char *what)
{
	if (status != WEIR_OK)
		fail("%s: %s", what, weir_status_text(status));
}
