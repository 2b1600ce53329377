/* SPDX-License-Identifier: MIT */
/*
 * sender.c - libcurl's multi interface. Names are looked up by threads of libcurl's, which nobody
 * waits for: one that is still at it when its request ends, or the sender is closed, ends by itself, as
 * the system's resolver gives up. It runs in libcurl, which stays loaded: weir never unloads a plugin's
 * object, nor what that is linked with.
 */
#include "sender.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/now.h"
#include "request.h"

enum { POLL_MAX_MS = 3600 * 1000 };

struct wi_sender {
	struct wi_sender_options options;
	CURLM *multi;
	struct wi_request *requests;
	bool awoken;                    /* any thread's */
};

/* -- life ------------------------------------------------------------------- */

/* What this cannot do without, or cannot undo: it is libcurl that reads the variable. */
static const char *
unfit(void)
{
	const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);

	/* Others write ciphers in another way, and keys into no or other files. */
	if (!version->ssl_version || !strstr(version->ssl_version, "OpenSSL/"))
		return "this libcurl's TLS is not OpenSSL's";
	if (!(version->features & CURL_VERSION_ASYNCHDNS))
		return "this libcurl waits where it looks up a name";
	if (getenv("SSLKEYLOGFILE"))
		return "SSLKEYLOGFILE is set in the environment: the keys of all connections would be "
		       "written there";
	return NULL;
}

bool
wi_sender_open(const struct wi_sender_options *options, struct wi_sender **ret_sender,
               char ret_problem[WI_NOTIFY_PROBLEM_SIZE])
{
	const char *problem = unfit();
	struct wi_sender *sender;

	if (problem) {
		snprintf(ret_problem, WI_NOTIFY_PROBLEM_SIZE, "%s", problem);
		return false;
	}
	sender = calloc(1, sizeof *sender);
	if (sender && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
		sender->options = *options;
		sender->multi = curl_multi_init();
		if (sender->multi) {
			*ret_sender = sender;
			return true;
		}
		curl_global_cleanup();
	}
	free(sender);
	snprintf(ret_problem, WI_NOTIFY_PROBLEM_SIZE, "libcurl cannot be set up: out of memory");
	return false;
}

/* Out of the list; *link is it. */
static void
take_out(struct wi_sender *sender, struct wi_request **link)
{
	struct wi_request *request = *link;

	*link = request->next;
	if (!request->unfit)
		curl_multi_remove_handle(sender->multi, request->easy);
}

void
wi_sender_close(struct wi_sender *sender)
{
	while (sender->requests) {
		struct wi_request *request = sender->requests;

		take_out(sender, &sender->requests);
		wi_request_free(request);
	}
	curl_multi_cleanup(sender->multi);
	curl_global_cleanup();
	free(sender);
}

/* -- requests --------------------------------------------------------------- */

bool
wi_sender_start(struct wi_sender *sender, const struct wi_channel *channel,
                const struct wi_message *message, uint64_t now)
{
	struct wi_request *request;

	for (request = sender->requests; request; request = request->next)
		if (request->channel == channel)
			return false;
	request = wi_request_make(channel, message, now);
	if (!request)
		return false;
	if (!request->unfit && curl_multi_add_handle(sender->multi, request->easy) != CURLM_OK) {
		wi_request_free(request);
		return false;
	}
	request->next = sender->requests;
	sender->requests = request;
	return true;
}

/* `done` may begin the channel's next request, so this one is gone by then. */
static void
finish(struct wi_sender *sender, struct wi_request **link, CURLcode code)
{
	struct wi_request *request = *link;
	const struct wi_channel *channel = request->channel;
	const struct wi_message *message = request->message;
	struct wi_result result;

	wi_request_result(request, code, wi_now(CLOCK_REALTIME), &result);
	take_out(sender, link);
	wi_request_free(request);
	sender->options.done(sender->options.context, channel, message, &result);
}

/* Those that were never given to libcurl. */
static bool
finish_unfit(struct wi_sender *sender)
{
	for (struct wi_request **link = &sender->requests; *link; link = &(*link)->next)
		if ((*link)->unfit) {
			finish(sender, link, CURLE_OK);
			return true;
		}
	return false;
}

static bool
finish_done(struct wi_sender *sender)
{
	struct wi_request **link;
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(sender->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		for (link = &sender->requests; (*link)->easy != message->easy_handle; link = &(*link)->next)
			;
		finish(sender, link, message->data.result);
		return true;
	}
	return false;
}

/* -- running ---------------------------------------------------------------- */

/*
 * libcurl's threads begin in here, and are to take no signal that is another's; nor does a SIGPIPE of
 * this thread's reach anybody, whatever the TLS library writes with.
 */
static void
perform(struct wi_sender *sender)
{
	static const struct timespec at_once = { 0, 0 };
	sigset_t all, before, pending, pipe;
	bool was_pending;
	int running;

	sigfillset(&all);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	was_pending = sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE);
	curl_multi_perform(sender->multi, &running);
	if (!was_pending)
		sigtimedwait(&pipe, NULL, &at_once);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int
poll_ms(uint64_t ns)
{
	uint64_t ms = (ns + 999999) / 1000000;

	return ms < POLL_MAX_MS ? (int)ms : POLL_MAX_MS;
}

void
wi_sender_run(struct wi_sender *sender, uint64_t wait_ns)
{
	uint64_t begin = wi_now(CLOCK_MONOTONIC), past;
	bool done = false;

	for (;;) {
		perform(sender);
		while (finish_unfit(sender) || finish_done(sender))
			done = true;
		if (done || __atomic_exchange_n(&sender->awoken, false, __ATOMIC_ACQUIRE))
			return;
		past = wi_now(CLOCK_MONOTONIC) - begin;
		if (past >= wait_ns)
			return;
		curl_multi_poll(sender->multi, NULL, 0, poll_ms(wait_ns - past), NULL);
	}
}

void
wi_sender_wake(struct wi_sender *sender)
{
	__atomic_store_n(&sender->awoken, true, __ATOMIC_RELEASE);
	curl_multi_wakeup(sender->multi);
}
