/* SPDX-License-Identifier: MIT */
/* answer.c - three tables. */
#include "answer.h"

#include <curl/curl.h>
#include <stddef.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

enum { DAY_S = 86400 };

enum wi_outcome
wi_answer_outcome(enum wi_channel_kind kind, int32_t status)
{
	bool slack = kind == WI_CHANNEL_SLACK;

	if (status == 200 || (!slack && status >= 200 && status <= 299))
		return WI_OUTCOME_SENT;
	if (status == 410 || (slack && (status == 403 || status == 404)))
		return WI_OUTCOME_CHANNEL_OFF;
	if (status == 408 || status == 425 || status == 429)
		return WI_OUTCOME_AGAIN;
	/* What is not HTTP's comes from something that is not the receiver, and may go away. */
	return status >= 200 && status <= 499 ? WI_OUTCOME_REFUSED : WI_OUTCOME_AGAIN;
}

const char *
wi_answer_reason(int32_t status)
{
	static const struct { int32_t status; const char *reason; } reasons[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" },
		{ 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" },
		{ 304, "Not Modified" }, { 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 402, "Payment Required" },
		{ 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
		{ 411, "Length Required" }, { 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" }, { 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" }, { 425, "Too Early" }, { 429, "Too Many Requests" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
	};

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

/* Beyond a day it is a day: so many digits do not overflow. */
static uint64_t
seconds_of(const char *digits)
{
	uint64_t seconds = 0;

	for (; *digits; digits++)
		if (seconds <= DAY_S)
			seconds = seconds * 10 + (uint64_t)(*digits - '0');
	return seconds;
}

/* HTTP's three forms, in any locale. */
static uint64_t
until(const char *date, uint64_t now)
{
	time_t then = curl_getdate(date, NULL);
	uint64_t seconds = now / SECOND_NS;

	return then < 0 || (uint64_t)then <= seconds ? 0 : (uint64_t)then - seconds;
}

uint64_t
wi_answer_after(const char *value, uint64_t now)
{
	uint64_t seconds;

	if (!*value)
		return 0;
	seconds = value[strspn(value, "0123456789")] ? until(value, now) : seconds_of(value);
	return (seconds < DAY_S ? seconds : DAY_S) * SECOND_NS;
}
