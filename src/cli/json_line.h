/* SPDX-License-Identifier: MIT */
/* json_line.h - what --json prints: one object, one line. */
#ifndef WI_CLI_JSON_LINE_H
#define WI_CLI_JSON_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Takes `object` over; NULL is one for which there was no memory. False: that, or it could not be written. */
bool wi_json_line(json_t *object, FILE *stream);

#endif
