/* SPDX-License-Identifier: MIT */
/* url.h - an endpoint's address: what may be one, and what of it may be shown. */
#ifndef WI_NOTIFY_URL_H
#define WI_NOTIFY_URL_H

#include <stdbool.h>
#include <stddef.h>

enum { WI_URL_SIZE_MAX = 2000 };

/*
 * NULL: it is one; otherwise what is wrong, without a subject and without anything of the address. A
 * name is not looked up: where it leads is asked when a connection is made.
 *
 * ret_shown: to be freed: "https://hooks.slack.com/..."; the path may be a secret.
 */
const char *wi_url_check(const char *url, bool allow_http, bool allow_private, char **ret_shown);

#endif
