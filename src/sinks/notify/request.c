/* SPDX-License-Identifier: MIT */
/*
 * request.c - libcurl's options. Each says what holds, whatever libcurl's defaults, the environment
 * and the files in somebody's home say.
 *
 * No connection is kept for the next request: one that a channel with `allow = private` made would
 * serve another channel, too, without the guard having been asked.
 */
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "answer.h"
#include "guard.h"
#include "headers.h"

enum { HEADERS_MAX = 64 << 10, BODY_MAX = 64 << 10 };

/* -- what libcurl asks and says --------------------------------------------- */

static curl_socket_t
open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct wi_request *request = context;
	const char *why = request->channel->allow_private ? NULL : wi_guard_why(&address->addr);

	(void)purpose;
	if (why) {
		request->guarded = why;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void
take_after(struct wi_request *request, const char *value, size_t size)
{
	while (size && (*value == ' ' || *value == '\t'))
		value++, size--;
	while (size && (unsigned char)value[size - 1] <= ' ')
		size--;
	if (!*request->after && size < sizeof request->after) {
		memcpy(request->after, value, size);
		request->after[size] = '\0';
	}
}

/* A line at a time, also those of "100 Continue" and, behind the body, of trailers. */
static size_t
take_header(char *line, size_t one, size_t size, void *context)
{
	static const char after[] = "Retry-After:";
	struct wi_request *request = context;
	long status = 0;

	(void)one;
	if (size > HEADERS_MAX - request->header_size)
		return 0;
	request->header_size += (uint32_t)size;
	if (request->whole)
		return size;
	if (size >= sizeof after && strncasecmp(line, after, sizeof after - 1) == 0)
		take_after(request, line + sizeof after - 1, size - (sizeof after - 1));
	if (size <= 2 && (*line == '\r' || *line == '\n')) {
		curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
		request->status = (int32_t)status;
		request->whole = status >= 200;
		if (!request->whole)
			*request->after = '\0';
	}
	return size;
}

static size_t
take_body(char *bytes, size_t one, size_t size, void *context)
{
	struct wi_request *request = context;

	(void)one;
	if (size > BODY_MAX - request->body_size)
		return 0;
	if (request->body_size + size < sizeof request->word)
		memcpy(request->word + request->body_size, bytes, size);
	request->body_size += (uint32_t)size;
	return size;
}

/* -- what it is to do ------------------------------------------------------- */

static long
milliseconds(uint64_t ns)
{
	return (long)((ns + 999999) / 1000000);
}

/* One that cannot be set (no memory, another libcurl) is a reason to send nothing. */
#define SET(request, option, value)                                                              \
	((request)->unset |= curl_easy_setopt((request)->easy, option, value) != CURLE_OK)

static void
set_target(struct wi_request *request)
{
	const struct wi_channel *channel = request->channel;

	SET(request, CURLOPT_URL, channel->url);
	SET(request, CURLOPT_PROTOCOLS_STR, channel->allow_http ? "http,https" : "https");
	SET(request, CURLOPT_FOLLOWLOCATION, 0L);
	SET(request, CURLOPT_PROXY, "");
	SET(request, CURLOPT_NOPROXY, "*");
	SET(request, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(request, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(request, CURLOPT_FRESH_CONNECT, 1L);
	SET(request, CURLOPT_FORBID_REUSE, 1L);
	SET(request, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(channel->connect_ns));
	SET(request, CURLOPT_TIMEOUT_MS, milliseconds(channel->total_ns));
	/* No SIGALRM; and who looks up a name is not waited for when the request ends. */
	SET(request, CURLOPT_NOSIGNAL, 1L);
	SET(request, CURLOPT_QUICK_EXIT, 1L);
}

/* The level is what Debian's OpenSSL has; a file that $OPENSSL_CONF names could say less. */
static void
set_tls(struct wi_request *request)
{
	const struct wi_channel *channel = request->channel;

	SET(request, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(request, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(request, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(request, CURLOPT_SSL_CIPHER_LIST, "DEFAULT@SECLEVEL=2");
	if (channel->ca_file) {
		SET(request, CURLOPT_CAINFO, channel->ca_file);
		SET(request, CURLOPT_CAPATH, NULL);
	}
}

static void
set_content(struct wi_request *request)
{
	SET(request, CURLOPT_POST, 1L);
	SET(request, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->message->body_size);
	SET(request, CURLOPT_POSTFIELDS, request->message->body_size ? request->message->body : "");
	SET(request, CURLOPT_HTTPHEADER, request->headers);
	SET(request, CURLOPT_USERAGENT, "weir");
}

static void
set_callbacks(struct wi_request *request)
{
	SET(request, CURLOPT_PRIVATE, request);
	SET(request, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(request, CURLOPT_OPENSOCKETDATA, request);
	SET(request, CURLOPT_HEADERFUNCTION, take_header);
	SET(request, CURLOPT_HEADERDATA, request);
	SET(request, CURLOPT_WRITEFUNCTION, take_body);
	SET(request, CURLOPT_WRITEDATA, request);
	SET(request, CURLOPT_ERRORBUFFER, request->error);
}

struct wi_request *
wi_request_make(const struct wi_channel *channel, const struct wi_message *message, uint64_t now)
{
	struct wi_request *request = calloc(1, sizeof *request);
	bool memory;

	if (!request)
		return NULL;
	request->channel = channel;
	request->message = message;
	request->easy = curl_easy_init();
	request->unfit = wi_headers_make(channel, message, now, &request->headers, &memory);
	if (!request->easy || !memory) {
		wi_request_free(request);
		return NULL;
	}
	set_target(request);
	set_tls(request);
	set_content(request);
	set_callbacks(request);
	if (!request->unset)
		return request;
	wi_request_free(request);
	return NULL;
}

void
wi_request_free(struct wi_request *request)
{
	curl_easy_cleanup(request->easy);
	curl_slist_free_all(request->headers);
	free(request);
}

/* -- what became of it ------------------------------------------------------ */

/* Slack's errors are words; an endpoint that repeats a part of its secret address is not quoted. */
static bool
is_word(const struct wi_request *request)
{
	size_t size = request->body_size;

	return request->channel->kind == WI_CHANNEL_SLACK && size && size < sizeof request->word &&
	       strspn(request->word, "abcdefghijklmnopqrstuvwxyz_") == size &&
	       !strstr(request->channel->url, request->word);
}

static void
describe_answer(const struct wi_request *request, struct wi_result *result)
{
	const char *reason = wi_answer_reason(request->status);
	bool word = result->outcome != WI_OUTCOME_SENT && is_word(request);

	snprintf(result->text, sizeof result->text, "%d%s%s%s%s", request->status, *reason ? " " : "",
	         reason, word ? ": " : "", word ? request->word : "");
}

/* What libcurl says of a certificate names it, in words that its owner may have chosen. */
static void
describe_certificate(const struct wi_request *request, struct wi_result *result)
{
	snprintf(result->text, sizeof result->text, "%.*s", (int)sizeof result->text - 1,
	         *request->error ? request->error : "its certificate is not trusted");
	for (char *c = result->text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static void
describe_connection(const struct wi_request *request, struct wi_result *result)
{
	long error = 0;

	curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &error);
	if (request->guarded)
		snprintf(result->text, sizeof result->text, "not connected: its name leads to %s",
		         request->guarded);
	else
		snprintf(result->text, sizeof result->text, "not connected: %s",
		         error ? strerrordesc_np((int)error) : "no address answers");
}

static void
describe_failure(const struct wi_request *request, CURLcode code, struct wi_result *result)
{
	const char *text = curl_easy_strerror(code);

	switch (code) {
	case CURLE_COULDNT_CONNECT:
		describe_connection(request, result);
		return;
	case CURLE_PEER_FAILED_VERIFICATION:
		describe_certificate(request, result);
		return;
	case CURLE_WRITE_ERROR:
		text = "an answer whose headers are longer than 64 KiB";
		break;
	case CURLE_OPERATION_TIMEDOUT:
		text = "no answer within its time";
		break;
	case CURLE_OK:
		text = "no answer of HTTP";
		break;
	default:
		break;
	}
	snprintf(result->text, sizeof result->text, "%s", text);
}

void
wi_request_result(const struct wi_request *request, CURLcode code, uint64_t now,
                  struct wi_result *ret_result)
{
	*ret_result = (struct wi_result){ .outcome = WI_OUTCOME_AGAIN };
	if (request->unfit) {
		ret_result->outcome = WI_OUTCOME_REFUSED;
		snprintf(ret_result->text, sizeof ret_result->text, "not sent: %s", request->unfit);
		return;
	}
	if (!request->whole) {
		describe_failure(request, code, ret_result);
		return;
	}
	ret_result->status = request->status;
	ret_result->outcome = wi_answer_outcome(request->channel->kind, request->status);
	if (ret_result->outcome == WI_OUTCOME_AGAIN)
		ret_result->after_ns = wi_answer_after(request->after, now);
	describe_answer(request, ret_result);
}
