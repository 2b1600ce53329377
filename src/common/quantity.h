/* SPDX-License-Identifier: MIT */
/* quantity.h - numbers that people write, with their suffixes. */
#ifndef WI_COMMON_QUANTITY_H
#define WI_COMMON_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits and nothing else, min <= value <= max. */
bool wi_quantity_count(const char *text, uint64_t min, uint64_t max, uint64_t *ret_count);

/* Bytes: a count, with k, m or g for powers of 1024. */
bool wi_quantity_bytes(const char *text, uint64_t max, uint64_t *ret_bytes);

/* Nanoseconds: a count, with ns, us, ms, s, min, h or d. */
bool wi_quantity_duration(const char *text, uint64_t max, uint64_t *ret_ns);

/* A number a second: a count, with k or M for powers of 1000. */
bool wi_quantity_rate(const char *text, uint64_t max, uint64_t *ret_rate);

#endif
