/* SPDX-License-Identifier: MIT */
/*
 * Requests to receivers that do what receivers should not, each with what must come of it. SIGPIPE has
 * its default disposition all along.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"
#include "rig.h"

static struct rig rig;

/* One request to a receiver that does this. */
static struct wi_result
send_to(const struct receiver_step *step, const char *settings, const struct wi_message *message)
{
	struct receiver *receiver = receiver_open(0, NULL);
	struct wi_channel channel;
	struct wi_result result;

	receiver_plan(receiver, step, 1);
	rig_webhook(&channel, receiver, settings);
	result = rig_send(&rig, &channel, message);
	wi_channel_fini(&channel);
	receiver_close(receiver);
	return result;
}

static void
check_result(struct wi_result result, enum wi_outcome outcome, int32_t status, const char *text,
             const char *what)
{
	CHECK(result.outcome == outcome && result.status == status && strstr(result.text, text),
	      "%s: outcome %d, status %d, '%s'", what, result.outcome, result.status, result.text);
	CHECK(strlen(result.text) && !strchr(result.text, '\n'), "%s: '%s'", what, result.text);
	CHECK(!result.after_ns || outcome == WI_OUTCOME_AGAIN, "%s: again after %llu ns", what,
	      (ull)result.after_ns);
}

/* -- what is sent ----------------------------------------------------------- */

static void
check_header(const struct receiver_request *request, const char *name, const char *expected)
{
	char value[600] = "";
	bool there = receiver_header(request, name, value, sizeof value);

	CHECK(expected ? there && strcmp(value, expected) == 0 : !there, "%s: '%s' in %s", name, value,
	      request->head);
}

/* The signatures of a request, made again by the known vector's key at the time that it names. */
static void
check_request(void)
{
	const char *keys = rig_file("keys", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"
	                            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", 0600);
	struct receiver *receiver = receiver_open(0, NULL);
	struct wi_message message = rig_message;
	const struct receiver_request *request;
	struct wi_channel channel;
	char settings[300], value[600];
	uint64_t time;

	snprintf(settings, sizeof settings, "key_file = %s\n", keys);
	rig_webhook(&channel, receiver, settings);
	/* A time that is not now: the one that the caller gives is signed. */
	CHECK(wi_sender_start(rig.sender, &channel, &rig_message, 1674087231 * SECOND + 999999999), "begin");
	CHECK(!wi_sender_start(rig.sender, &channel, &rig_message, 0), "two requests to one channel");
	rig_run(&rig, rig.count + 1);
	check_result(rig.done[rig.count - 1].result, WI_OUTCOME_SENT, 200, "200 OK", "signed");
	request = receiver_request(receiver, 0);
	CHECK(strncmp(request->head, "POST /" RIG_CANARY " HTTP/1.1\r\n", 28) == 0, "%s", request->head);
	CHECK(request->body_size == 20 && memcmp(request->body, rig_message.body, 20) == 0, "%s", request->body);
	check_header(request, "webhook-id", rig_message.id);
	check_header(request, "webhook-timestamp", "1674087231");
	CHECK(receiver_header(request, "webhook-signature", value, sizeof value), "%s", request->head);
	CHECK(strncmp(value, "v1,AQG81rX2n4rTN1fkXoqILSHO9gAOcwya9dP41rhrQDI= v1,", 51) == 0 &&
	      strlen(value) == 2 * 47 + 1, "%s", value);
	check_header(request, "content-type", "application/json");
	check_header(request, "user-agent", "weir");
	check_header(request, "expect", NULL);
	check_header(request, "authorization", NULL);
	check_header(request, "cookie", NULL);

	/* Another attempt: the same id, the time of now. */
	rig_send(&rig, &channel, &rig_message);
	request = receiver_request(receiver, 1);
	check_header(request, "webhook-id", rig_message.id);
	CHECK(receiver_header(request, "webhook-timestamp", value, sizeof value), "%s", request->head);
	time = strtoull(value, NULL, 10);
	CHECK(time > 1674087231 + 86400, "the time of the attempt is %s", value);

	/* Without headers of its own, nor a body. */
	message.headers = "";
	message.body_size = 0;
	check_result(rig_send(&rig, &channel, &message), WI_OUTCOME_SENT, 200, "200 OK", "empty");
	request = receiver_request(receiver, 2);
	check_header(request, "content-type", "application/json");
	check_header(request, "content-length", "0");
	wi_channel_fini(&channel);
	receiver_close(receiver);
}

/* In binary mode the message's headers are half of it. */
static void
check_cloudevents(void)
{
	struct receiver *receiver = receiver_open(0, NULL);
	struct wi_message message = rig_message;
	const struct receiver_request *request;
	struct wi_channel channel;
	char settings[300], value[600];

	snprintf(settings, sizeof settings, "type = cloudevents\nmode = binary\nallow = http private\n"
	         "url = http://127.0.0.1:%u/\nkey_file = %s\n", receiver_port(receiver),
	         rig_file("key", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0600));
	rig_channel(&channel, settings);
	message.headers = "Content-Type: text/plain\nce-specversion: 1.0\nce-id: shop-7\n"
	                  "ce-type: a%20b\ntraceparent: 00-ab-cd-01";
	check_result(rig_send(&rig, &channel, &message), WI_OUTCOME_SENT, 200, "200 OK", "binary");
	request = receiver_request(receiver, 0);
	check_header(request, "content-type", "text/plain");
	check_header(request, "ce-specversion", "1.0");
	check_header(request, "ce-id", "shop-7");
	check_header(request, "ce-type", "a%20b");
	check_header(request, "traceparent", "00-ab-cd-01");
	check_header(request, "webhook-id", message.id);
	CHECK(receiver_header(request, "webhook-signature", value, sizeof value) && strlen(value) == 47,
	      "%s", request->head);
	wi_channel_fini(&channel);
	receiver_close(receiver);
}

static void
check_slack(void)
{
	static const struct { int status; const char *headers, *body; enum wi_outcome outcome; uint64_t after;
	                      const char *text; } rows[] = {
		{ 200, NULL, "ok", WI_OUTCOME_SENT, 0, "200 OK" },
		{ 204, NULL, "", WI_OUTCOME_REFUSED, 0, "204 No Content" },
		{ 400, NULL, "invalid_payload", WI_OUTCOME_REFUSED, 0, "400 Bad Request: invalid_payload" },
		{ 400, NULL, "Invalid Payload", WI_OUTCOME_REFUSED, 0, "400 Bad Request" },
		{ 400, NULL, "a_lower_case_secret", WI_OUTCOME_REFUSED, 0, "400 Bad Request" },
		{ 403, NULL, "action_prohibited", WI_OUTCOME_CHANNEL_OFF, 0, "403 Forbidden: action_prohibited" },
		{ 404, NULL, "no_service", WI_OUTCOME_CHANNEL_OFF, 0, "404 Not Found: no_service" },
		{ 410, NULL, "channel_is_archived", WI_OUTCOME_CHANNEL_OFF, 0, "410 Gone: channel_is_archived" },
		{ 429, "Retry-After: 30\r\n", "", WI_OUTCOME_AGAIN, 30, "429 Too Many Requests" },
		{ 429, "retry-after:\t30 \r\n", "", WI_OUTCOME_AGAIN, 30, "429 Too Many Requests" },
		{ 429, "Retry-After: 30\r\nRetry-After: 1\r\n", "", WI_OUTCOME_AGAIN, 30, "429 Too Many Requests" },
		{ 429, "Retry-After: 999999\r\n", "", WI_OUTCOME_AGAIN, 86400, "429 Too Many Requests" },
		{ 429, "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n", "", WI_OUTCOME_AGAIN, 86400, "429" },
		{ 429, NULL, "", WI_OUTCOME_AGAIN, 0, "429 Too Many Requests" },
		{ 500, NULL, "rollup_error", WI_OUTCOME_AGAIN, 0, "500 Internal Server Error: rollup_error" },
	};
	struct receiver *receiver = receiver_open(0, NULL);
	struct wi_channel channel;
	char settings[300], url[100];
	struct receiver_step step;
	struct wi_result result;

	snprintf(url, sizeof url, "http://127.0.0.1:%u/services/a_lower_case_secret\n",
	         receiver_port(receiver));
	snprintf(settings, sizeof settings, "type = slack\nallow = http private\nurl_file = %s\n",
	         rig_file("slack", url, 0400));
	rig_channel(&channel, settings);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		step = (struct receiver_step){ .status = rows[i].status, .headers = rows[i].headers,
		                               .body = rows[i].body };
		receiver_plan(receiver, &step, 1);
		result = rig_send(&rig, &channel, &rig_message);
		check_result(result, rows[i].outcome, rows[i].status, rows[i].text, rows[i].text);
		CHECK(result.after_ns == rows[i].after * SECOND, "%s: after %llu ns", rows[i].text,
		      (ull)result.after_ns);
		CHECK(!strstr(result.text, "secret"), "%s", result.text);
	}
	check_header(receiver_request(receiver, 0), "webhook-id", NULL);
	/* In pieces. */
	step = (struct receiver_step){ .way = RECEIVER_DRIP, .status = 400, .body = "invalid_payload",
	                               .gap_ns = MILLISECOND };
	receiver_plan(receiver, &step, 1);
	check_result(rig_send(&rig, &channel, &rig_message), WI_OUTCOME_REFUSED, 400,
	             "400 Bad Request: invalid_payload", "in pieces");
	wi_channel_fini(&channel);
	receiver_close(receiver);
}

/* Whatever an endpoint knows, it writes into its answer. */
static void
check_echo(void)
{
	static const char *const answers[] = {
		"HTTP/1.1 500 " RIG_CANARY "\r\n\r\n", "HTTP/1.1 429 A\r\nRetry-After: " RIG_CANARY "\r\n\r\n",
		"HTTP/1.1 302 A\r\nLocation: /" RIG_CANARY "\r\n\r\n" RIG_CANARY, RIG_CANARY "\r\n\r\n",
		"HTTP/1.1 400 A\r\n" RIG_CANARY ": " RIG_CANARY "\r\n\r\n" RIG_CANARY, "HTTP/" RIG_CANARY "\r\n\r\n",
		"HTTP/1.1 200 A\r\nTransfer-Encoding: " RIG_CANARY "\r\n\r\n",
		"HTTP/1.1 500 \033[31m\r\nContent-Encoding: " RIG_CANARY "\r\n\r\n\033[31m",
	};

	/* That no text has it is looked at with each request of all these tests. */
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		send_to(&(struct receiver_step){ .raw = answers[i] }, "", &rig_message);
}

/* Headers that would make another request of it, and ids that would sign another. */
static void
check_unfit(void)
{
	static const char *const headers[] = { "Content-Type: a\r\n", "X: a\n\nPOST /", "X\n", "X: \n",
		"X:a\n", ": a\n", "X : a\n", "X: \001\n", "X: \377\n", "Host: example.com\n",
		"Content-Length: 1\n", "transfer-encoding: chunked\n", "Webhook-Signature: v1,AAAA\n",
		"Authorization: Basic AAAA\n" };
	static const char *const ids[] = { "", "a.b", "a b", "a\r\nX: y" };
	struct receiver *receiver = receiver_open(0, NULL);
	struct wi_message message = rig_message;
	struct wi_channel channel;

	rig_webhook(&channel, receiver, "");
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		message.headers = headers[i];
		check_result(rig_send(&rig, &channel, &message), WI_OUTCOME_REFUSED, 0, "not sent", headers[i]);
	}
	message.headers = "";
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		strcpy(message.id, ids[i]);
		check_result(rig_send(&rig, &channel, &message), WI_OUTCOME_REFUSED, 0, "not sent", ids[i]);
	}
	/* Plain HTTP, had it come past the configuration. */
	channel.allow_http = false;
	check_result(rig_send(&rig, &channel, &rig_message), WI_OUTCOME_AGAIN, 0, "protocol", "http");
	CHECK(receiver_connections(receiver) == 0, "something was sent");
	wi_channel_fini(&channel);
	receiver_close(receiver);
}

/* -- what comes back -------------------------------------------------------- */

static void
check_redirects(void)
{
	static const int statuses[] = { 300, 301, 302, 303, 304, 307, 308 };
	struct receiver *target = receiver_open(0, NULL);
	struct receiver_step step = { .body = "" };
	char location[100];

	snprintf(location, sizeof location, "Location: http://127.0.0.1:%u/\r\n", receiver_port(target));
	step.headers = location;
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		step.status = statuses[i];
		check_result(send_to(&step, "", &rig_message), WI_OUTCOME_REFUSED, statuses[i], "3", "redirect");
	}
	CHECK(receiver_connections(target) == 0, "a redirect was followed");
	receiver_close(target);
}

/* Each ends, and long before the time of all of it when there is too much. */
static void
check_hostile(void)
{
	static const char settings[] = "timeout = 20s\n", brief[] = "timeout = 300ms\n";
	static const char ok[] = "HTTP/1.1 200 OK\r\n";
	static const struct { struct receiver_step step; const char *settings; enum wi_outcome outcome;
	                      int32_t status; const char *text; } rows[] = {
		/* What the headers say holds: the message was taken. */
		{ { .way = RECEIVER_ENDLESS_BODY }, settings, WI_OUTCOME_SENT, 200, "200 OK" },
		{ { .way = RECEIVER_ENDLESS_BODY, .status = 500 }, settings, WI_OUTCOME_AGAIN, 500, "500" },
		{ { .way = RECEIVER_ENDLESS_HEADERS }, settings, WI_OUTCOME_AGAIN, 0, "64 KiB" },
		{ { .way = RECEIVER_ENDLESS_LINE }, settings, WI_OUTCOME_AGAIN, 0, "" },
		{ { .way = RECEIVER_HANG }, brief, WI_OUTCOME_AGAIN, 0, "no answer within its time" },
		{ { .way = RECEIVER_DEAF }, brief, WI_OUTCOME_AGAIN, 0, "no answer within its time" },
		{ { .way = RECEIVER_DRIP, .gap_ns = 20 * MILLISECOND }, brief, WI_OUTCOME_AGAIN, 0,
		  "no answer within its time" },
		{ { .raw = "rubbish" }, settings, WI_OUTCOME_AGAIN, 0, "" },
		{ { .raw = "SSH-2.0-OpenSSH_9.2p1\r\n" }, settings, WI_OUTCOME_AGAIN, 0, "" },
		{ { .raw = "\0\377\0\377\r\n\r\n", .raw_size = 8 }, settings, WI_OUTCOME_AGAIN, 0, "" },
		{ { .raw = "HTTP/1.1 200 OK" }, settings, WI_OUTCOME_AGAIN, 0, "" },
		{ { .raw = "HTTP/9.9 200 OK\r\n\r\n" }, settings, WI_OUTCOME_AGAIN, 0, "" },
		{ { .raw = "HTTP/1.1 2000 OK\r\n\r\n" }, settings, WI_OUTCOME_AGAIN, 0, "" },
		{ { .raw = "HTTP/1.1 100 Continue\r\n\r\n" }, settings, WI_OUTCOME_AGAIN, 0, "" },
		{ { .raw = "HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n" },
		  settings, WI_OUTCOME_SENT, 202, "202 Accepted" },
		{ { .raw = "HTTP/1.1 999 Whatever\r\n\r\n" }, settings, WI_OUTCOME_AGAIN, 999, "999" },
		{ { .raw = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n" }, settings,
		  WI_OUTCOME_SENT, 200, "" },
		{ { .raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" }, settings,
		  WI_OUTCOME_SENT, 200, "" },
		{ { .raw = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nno" }, settings,
		  WI_OUTCOME_SENT, 200, "" },
		{ { .way = RECEIVER_CUT_ANSWER, .bytes = sizeof ok, .reset = true }, settings, WI_OUTCOME_AGAIN,
		  0, "" },
	};
	uint64_t begin;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char what[40];

		snprintf(what, sizeof what, "hostile answer %zu", i);
		begin = now_ns();
		check_result(send_to(&rows[i].step, rows[i].settings, &rig_message), rows[i].outcome,
		             rows[i].status, rows[i].text, what);
		CHECK(now_ns() - begin < 10 * SECOND, "%s: ended after %llu ms", what,
		      (ull)((now_ns() - begin) / MILLISECOND));
	}
	check_result(send_to(&(struct receiver_step){ .body = "ok" }, "", &rig_message), WI_OUTCOME_SENT, 200,
	             "200 OK", "and then one that is well");
}

/* -- connections that end at each byte -------------------------------------- */

static void
check_cuts_of(struct receiver *receiver, struct wi_channel *channel, enum receiver_way way, size_t size,
              const char *answer, size_t headers, enum wi_outcome outcome)
{
	struct receiver_step step = { .way = way, .raw = answer };
	struct wi_result result;

	for (size_t i = 0; i < 2 * size; i++) {
		step.bytes = i / 2;
		step.reset = i % 2;
		receiver_plan(receiver, &step, 1);
		result = rig_send(&rig, channel, &rig_message);
		/* A reset may overtake what was sent before it. */
		if (way == RECEIVER_CUT_ANSWER && step.bytes >= headers && step.reset &&
		    result.outcome == WI_OUTCOME_AGAIN)
			continue;
		CHECK(result.outcome == (way == RECEIVER_CUT_ANSWER && step.bytes >= headers ?
		                                 outcome : WI_OUTCOME_AGAIN),
		      "%s after %zu bytes of %s: %d, %s", step.reset ? "reset" : "closed", step.bytes,
		      way == RECEIVER_CUT_ANSWER ? "the answer" : "the request", result.outcome,
		      result.text);
	}
}

static void
check_cuts(void)
{
	static const char taken[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	static const char gone[] = "HTTP/1.1 410 Gone\r\nContent-Length: 2\r\n\r\nno";
	struct receiver *receiver = receiver_open(0, NULL);
	const struct receiver_request *request;
	struct wi_channel channel;
	size_t size;

	rig_webhook(&channel, receiver, "");
	rig_send(&rig, &channel, &rig_message);
	request = receiver_request(receiver, 0);
	size = strlen(request->head) + 4 + request->body_size;
	check_cuts_of(receiver, &channel, RECEIVER_CUT_REQUEST, size, NULL, 0, WI_OUTCOME_AGAIN);
	check_cuts_of(receiver, &channel, RECEIVER_CUT_ANSWER, sizeof taken, taken, sizeof taken - 3,
	              WI_OUTCOME_SENT);
	check_cuts_of(receiver, &channel, RECEIVER_CUT_ANSWER, sizeof gone, gone, sizeof gone - 3,
	              WI_OUTCOME_CHANNEL_OFF);
	printf("closed and reset after each of %zu bytes of a request and of %zu and %zu of an answer: "
	       "taken for sent without whole headers: 0\n",
	       size, sizeof taken, sizeof gone);
	wi_channel_fini(&channel);
	receiver_close(receiver);
}

/* A body that does not fit into the system's buffers, to somebody who has gone. */
static void
check_sigpipe(void)
{
	static char body[WI_NOTIFY_BODY_MAX];
	struct receiver_step step = { .way = RECEIVER_CUT_REQUEST, .bytes = 1 };
	struct wi_message message = rig_message;
	const uint32_t before = net_dispositions();
	struct sigaction action;

	memset(body, 'x', sizeof body);
	message.body = body;
	message.body_size = sizeof body;
	for (uint32_t i = 0; i < 50; i++) {
		step.reset = i % 2;
		check_result(send_to(&step, "", &message), WI_OUTCOME_AGAIN, 0, "", "gone");
	}
	CHECK(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL,
	      "somebody has set a handler of SIGPIPE");
	CHECK(net_dispositions() == before, "somebody has changed what a signal does");
}

static void
check_nobody(void)
{
	struct receiver *receiver = receiver_open(0, NULL);
	struct wi_channel channel;

	rig_webhook(&channel, receiver, "");
	receiver_close(receiver);
	check_result(rig_send(&rig, &channel, &rig_message), WI_OUTCOME_AGAIN, 0,
	             "not connected: Connection refused", "nobody");
	wi_channel_fini(&channel);
}

/* -- several at a time ------------------------------------------------------ */

enum { SICK = 5, REQUESTS = 200 };

static uint64_t
worst_of(struct rig *at, const struct wi_channel *channel, uint32_t count)
{
	uint64_t worst = 0, begin;

	for (uint32_t i = 0; i < count; i++) {
		struct wi_result result;

		begin = now_ns();
		result = rig_send(at, channel, &rig_message);
		CHECK(result.outcome == WI_OUTCOME_SENT, "%s", result.text);
		if (now_ns() - begin > worst)
			worst = now_ns() - begin;
	}
	return worst;
}

/*
 * While five channels hang, each in another way, one that is well sends all it has. The lookup's thread
 * ends only after all that, so whoever waited for it would never come to its end.
 */
static void
check_hanging(void)
{
	static const struct receiver_step steps[SICK - 1] = {
		{ .way = RECEIVER_HANG }, { .way = RECEIVER_DEAF },
		{ .way = RECEIVER_DRIP, .gap_ns = SECOND }, { .way = RECEIVER_HANG },
	};
	struct receiver *well = receiver_open(0, NULL), *sick[SICK - 1];
	struct wi_channel channels[SICK], channel;
	uint64_t alone, beside, begin, ended;
	struct rig other;
	uint32_t before;

	rig_open(&other);
	rig_webhook(&channel, well, "");
	alone = worst_of(&other, &channel, REQUESTS);
	for (uint32_t i = 0; i < SICK - 1; i++) {
		sick[i] = receiver_open(0, NULL);
		receiver_plan(sick[i], &steps[i], 1);
		rig_webhook(&channels[i], sick[i], "timeout = 10min\n");
	}
	rig_channel(&channels[SICK - 1], "type = webhook\nurl = https://hanging.test/\ntimeout = 10min\n"
	            "connect_timeout = 10min\n");
	for (uint32_t i = 0; i < SICK; i++)
		rig_start(&other, &channels[i], &rig_message);
	before = other.count;
	beside = worst_of(&other, &channel, REQUESTS);
	CHECK(other.count == before + REQUESTS, "one that hangs is done");
	CHECK(net_hanging() > net_hung(), "the lookup does not hang");

	begin = now_ns();
	rig_close(&other);
	ended = now_ns() - begin;
	CHECK(net_hanging() > net_hung(), "the lookup has ended");
	printf("%d requests, the slowest %llu us; beside %d that hang %llu us; done that hang: 0; close: %llu us\n",
	       REQUESTS, (ull)(alone / 1000), SICK, (ull)(beside / 1000), (ull)(ended / 1000));
	for (uint32_t i = 0; i < SICK - 1; i++)
		receiver_close(sick[i]);
	for (uint32_t i = 0; i < SICK; i++)
		wi_channel_fini(&channels[i]);
	wi_channel_fini(&channel);
	receiver_close(well);
}

/* A lookup that hangs ends at its deadline, though its thread does not. */
static void
check_lookup(void)
{
	struct wi_channel channel;
	struct wi_result result;
	uint64_t begin = now_ns();

	rig_channel(&channel, "type = webhook\nurl = https://hanging.test/\nconnect_timeout = 100ms\n");
	result = rig_send(&rig, &channel, &rig_message);
	check_result(result, WI_OUTCOME_AGAIN, 0, "no answer within its time", "lookup");
	CHECK(net_hanging() > net_hung(), "the lookup has ended");
	CHECK(now_ns() - begin < 10 * SECOND, "after %llu ms", (ull)((now_ns() - begin) / MILLISECOND));
	wi_channel_fini(&channel);

	rig_channel(&channel, "type = webhook\nurl = https://nowhere.test/\n");
	check_result(rig_send(&rig, &channel, &rig_message), WI_OUTCOME_AGAIN, 0, "resolve", "no such name");
	wi_channel_fini(&channel);
}

static void *
wake_main(void *argument)
{
	struct rig *to_wake = argument;

	wi_sender_wake(to_wake->sender);
	return NULL;
}

/* One that waits is awoken, one that does not yet returns when it would; with nothing under way. */
static void
check_wake(void)
{
	uint64_t begin = now_ns();
	pthread_t thread;

	for (uint32_t i = 0; i < 200; i++) {
		CHECK(pthread_create(&thread, NULL, wake_main, &rig) == 0, "thread");
		wi_sender_run(rig.sender, 600 * SECOND);
		pthread_join(thread, NULL);
	}
	CHECK(now_ns() - begin < 20 * SECOND, "awoken after %llu s", (ull)((now_ns() - begin) / SECOND));
	/* And no sooner than it should. */
	begin = now_ns();
	wi_sender_run(rig.sender, 30 * MILLISECOND);
	CHECK(now_ns() - begin >= 29 * MILLISECOND, "returns after %llu us", (ull)((now_ns() - begin) / 1000));
}

int
main(void)
{
	static const struct net_name names[] = { { "hanging.test", NULL } };
	static const struct { const char *name; void (*check)(void); } checks[] = {
		{ "request", check_request }, { "cloudevents", check_cloudevents }, { "slack", check_slack }, { "echo", check_echo }, { "unfit", check_unfit },
		{ "redirects", check_redirects }, { "hostile", check_hostile },
		{ "cuts", check_cuts }, { "sigpipe", check_sigpipe }, { "nobody", check_nobody },
		{ "hanging", check_hanging }, { "lookup", check_lookup }, { "wake", check_wake },
	};
	struct holdings before;

	support_begin("notify sender");
	signal(SIGPIPE, SIG_DFL);
	net_names(names, 1);
	before = holdings_take();
	rig_open(&rig);
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		support_phase(checks[i].name);
		rig.count = 0;
		checks[i].check();
	}
	rig_close(&rig);
	net_release();
	holdings_check(before, 200);
	return 0;
}
