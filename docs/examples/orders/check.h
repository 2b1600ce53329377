/* SPDX-License-Identifier: MIT */
/* check.h - what this program cannot go on without. */
#ifndef ORDERS_CHECK_H
#define ORDERS_CHECK_H

#include <stdbool.h>

#include <weir/weir.h>

/* Says what did not work, and ends the program. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void check(weir_status status, const char *what);

#endif
