/* SPDX-License-Identifier: MIT */
/* url.c - libcurl's parser, since it is libcurl that will connect. */
#include "url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"

struct parts { char *scheme, *host, *port, *fragment; };

static bool
get(CURLU *handle, CURLUPart part, char **ret_text)
{
	return curl_url_get(handle, part, ret_text, 0) == CURLUE_OK;
}

static void
release(struct parts *parts)
{
	curl_free(parts->scheme);
	curl_free(parts->host);
	curl_free(parts->port);
	curl_free(parts->fragment);
}

static const char *
judge(const struct parts *parts, bool allow_http, bool allow_private)
{
	bool http = strcmp(parts->scheme, "http") == 0;

	if (!http && strcmp(parts->scheme, "https") != 0)
		return "is to begin with https://";
	if (http && !allow_http)
		return "is to begin with https://, unless 'allow' has http";
	if (parts->fragment)
		return "has a fragment (#...), which is never sent";
	if (!allow_private && wi_guard_host_why(parts->host))
		return "leads to this machine or its own network, which needs 'allow' with private";
	return NULL;
}

/* What parsers have different opinions about, and ours none. */
static const char *
judge_text(const char *url)
{
	if (strlen(url) > WI_URL_SIZE_MAX)
		return "is longer than 2000 bytes";
	for (const char *c = url; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			return "has a character that is to be percent-encoded";
	return NULL;
}

static const char *
parse(CURLU *handle, const char *url, struct parts *parts)
{
	CURLUcode code = curl_url_set(handle, CURLUPART_URL, url,
	                              CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);

	if (code == CURLUE_USER_NOT_ALLOWED)
		return "has a user or a password in it";
	if (code != CURLUE_OK || !get(handle, CURLUPART_SCHEME, &parts->scheme) ||
	    !get(handle, CURLUPART_HOST, &parts->host))
		return "is no address (https://...)";
	get(handle, CURLUPART_PORT, &parts->port);
	get(handle, CURLUPART_FRAGMENT, &parts->fragment);
	return NULL;
}

static char *
show(const struct parts *parts)
{
	char *shown;

	return asprintf(&shown, "%s://%s%s%s/...", parts->scheme, parts->host, parts->port ? ":" : "",
	                parts->port ? parts->port : "") < 0 ?
	               NULL :
	               shown;
}

const char *
wi_url_check(const char *url, bool allow_http, bool allow_private, char **ret_shown)
{
	const char *problem = judge_text(url);
	struct parts parts = { 0 };
	CURLU *handle;

	if (problem)
		return problem;
	handle = curl_url();
	if (!handle)
		return "does not fit into memory";
	problem = parse(handle, url, &parts);
	if (!problem)
		problem = judge(&parts, allow_http, allow_private);
	if (!problem) {
		*ret_shown = show(&parts);
		problem = *ret_shown ? NULL : "does not fit into memory";
	}
	release(&parts);
	curl_url_cleanup(handle);
	return problem;
}
