/* SPDX-License-Identifier: MIT */
/* tool.h - the `weir` program, called as a person would. */
#ifndef ORDERS_TOOL_H
#define ORDERS_TOOL_H

struct json_t;

/* weir ARGUMENT..., up to a NULL: its exit status; the JSON that it printed, for json_decref(). */
int tool_run(const char *const *arguments, struct json_t **ret_answer);

#endif
