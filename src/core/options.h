/* SPDX-License-Identifier: MIT */
/*
 * options.h - structs that begin with their size, written by programs of other versions.
 *
 * What a caller knows and we do not must be zero; what we know and it does not is zero.
 */
#ifndef WI_CORE_OPTIONS_H
#define WI_CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies what both know into `known`, whose size member becomes known_size. NULL: all zero. False:
 * refused.
 */
bool wi_options_take(void *known, size_t known_size, const void *given);

/* The other way, for results: fills as much of `ret` as its size member says. */
bool wi_options_give(void *ret, const void *known, size_t known_size);

#endif
