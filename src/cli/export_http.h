/* SPDX-License-Identifier: MIT */
/* export_http.h - `weir export --listen`: GET /metrics, by libmicrohttpd, in this thread alone. */
#ifndef WI_CLI_EXPORT_HTTP_H
#define WI_CLI_EXPORT_HTTP_H

#include "export_buses.h"

#include <netinet/in.h>

union wi_export_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* "127.0.0.1:9464", "[::1]:9464", "localhost:0": no other names. False: it is no such text. */
bool wi_export_address_parse(const char *text, union wi_export_address *ret_address);
bool wi_export_address_is_loopback(const union wi_export_address *address);

/* Until a signal. The exit code. */
int wi_export_serve(const struct wi_export_source *source, const union wi_export_address *address);

#endif
