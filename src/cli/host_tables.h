/* SPDX-License-Identifier: MIT */
/* host_tables.h - a host's plugins and pools, as it tells of them, for people. */
#ifndef WI_CLI_HOST_TABLES_H
#define WI_CLI_HOST_TABLES_H

#include <stdio.h>

struct json_t;

/* The lists of the answers to "plugin.list" and "pool.list". */
void wi_host_tables_plugins(FILE *stream, const struct json_t *plugins);
void wi_host_tables_pools(FILE *stream, const struct json_t *pools);

#endif
