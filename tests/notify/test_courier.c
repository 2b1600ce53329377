/* SPDX-License-Identifier: MIT */
/* test_courier.c - when the courier sends what, with a clock and a sender that the test moves. */
#include "unit.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "courier.h"
#include "sender.h"

#define SECOND UINT64_C(1000000000)
#define BEGIN (1700000000 * SECOND)

enum { CHANNELS = 2, STARTS_MAX = 4000 };

static char directory[40];
static char path[64], problem[WI_NOTIFY_PROBLEM_SIZE], logged[4096];
static struct wi_channel channels[CHANNELS];
static struct wi_spool *spool;
static struct wi_courier *courier;
static uint64_t now, accepted;

/* -- a sender --------------------------------------------------------------- */

struct wi_sender {
	struct wi_sender_options options;
};

static struct wi_sender sender;
static const struct wi_message *under_way[CHANNELS];
static struct { uint64_t time, number; uint32_t channel; char id[WI_NOTIFY_ID_SIZE], body[64]; } starts[STARTS_MAX];
static uint32_t start_count;

/* How each request is answered, at once; NULL: not. */
static bool (*answer)(uint32_t channel, const struct wi_message *message, struct wi_result *result);

bool
wi_sender_open(const struct wi_sender_options *options, struct wi_sender **ret_sender,
               char ret_problem[WI_NOTIFY_PROBLEM_SIZE])
{
	(void)ret_problem;
	sender.options = *options;
	memset(under_way, 0, sizeof under_way);
	*ret_sender = &sender;
	return true;
}

void
wi_sender_close(struct wi_sender *closed)
{
	(void)closed;
}

bool
wi_sender_start(struct wi_sender *by, const struct wi_channel *channel,
                const struct wi_message *message, uint64_t time)
{
	uint32_t i = (uint32_t)(channel - channels);

	(void)by;
	assert_true(i < CHANNELS && start_count < STARTS_MAX);
	assert_null(under_way[i]);
	assert_true(time == now);
	under_way[i] = message;
	starts[start_count].time = now;
	starts[start_count].number = message->number;
	starts[start_count].channel = i;
	snprintf(starts[start_count].body, sizeof starts->body, "%.*s", (int)message->body_size,
	         (const char *)message->body);
	strcpy(starts[start_count++].id, message->id);
	return true;
}

void
wi_sender_run(struct wi_sender *by, uint64_t wait_ns)
{
	(void)by, (void)wait_ns;
}

void
wi_sender_wake(struct wi_sender *by)
{
	(void)by;
}

int
wi_rules_digest(struct wi_rules *rules, const struct wi_channel *channel,
                const struct wi_message *const *messages, uint32_t count, uint64_t more,
                int (*put)(void *context, const struct wi_message *message), void *context)
{
	struct wi_message message = *messages[0];
	char body[64];

	(void)rules, (void)channel;
	message.body_size = (size_t)snprintf(body, sizeof body, "%s: %" PRIu64 " times", message.topic,
	                                     count + more);
	message.body = body;
	strcat(message.id, "-d");
	return put(context, &message);
}

/* -- time ------------------------------------------------------------------- */

static bool
settle(void)
{
	bool any = false;

	for (uint32_t i = 0; i < CHANNELS; i++) {
		const struct wi_message *message = under_way[i];
		struct wi_result result = { WI_OUTCOME_SENT, 200, 0, "200 OK" };

		if (!message || !answer || !answer(i, message, &result))
			continue;
		under_way[i] = NULL;
		sender.options.done(sender.options.context, &channels[i], message, &result);
		any = true;
	}
	return any;
}

/* Moves the clock on as the courier asks for, until it is `until`. */
static void
go_on(uint64_t until)
{
	uint64_t wait;

	for (int turns = 0; turns < 1000000; turns++) {
		wait = wi_courier_step(courier, now);
		if (settle())
			continue;
		if (now >= until)
			return;
		assert_true(wait > 0);
		now = wait > until - now ? until : now + wait;
	}
	fail_msg("it never rests");
}

static void
note_log(void *context, int level, const char *text)
{
	size_t used = strlen(logged);

	(void)context;
	snprintf(logged + used, sizeof logged - used, "%d %s\n", level, text);
}

static void
open_courier(void)
{
	static int dummy;
	struct wi_spool_options options = { path, 1000, 1 << 20, 100, false };
	struct wi_courier_options courier_options = {
		.rules = (struct wi_rules *)(void *)&dummy, .channels = channels,
		.channel_count = CHANNELS, .log = note_log, .seed = 42,
	};

	if (!wi_spool_open(&options, &spool, problem))
		fail_msg("%s", problem);
	courier_options.spool = spool;
	assert_true(wi_courier_open(&courier_options, &courier, problem));
}

static void
close_courier(void)
{
	wi_courier_close(courier);
	wi_spool_close(spool);
}

static struct wi_spool_counts
counts_of(void)
{
	struct wi_spool_counts counts;

	wi_spool_get_counts(spool, &counts);
	assert_int_equal(counts.accepted, accepted);
	assert_int_equal(counts.accepted, counts.sent + counts.given_up + counts.waiting +
	                                          counts.suppressed + counts.digested);
	return counts;
}

static void
put(uint32_t channel, const char *group)
{
	struct wi_message message = {
		.channel = channels[channel].name, .topic = "a.failed.b", .time = now, .group = group,
		.brief = "brief", .headers = "", .body = "body", .body_size = 4, .due = now,
		.expires = now + channels[channel].expire_ns,
	};
	struct wi_spool_item item = { &message, channels[channel].digest_ns };

	snprintf(message.id, sizeof message.id, "m-%" PRIu64, wi_spool_count(spool));
	assert_true(wi_spool_put(spool, &item, 1, now));
	accepted++;
}

static int
set_up(void **state)
{
	(void)state;
	/* Nothing here asks for a disk. */
	strcpy(directory, access("/dev/shm", W_OK) == 0 ? "/dev/shm/weir-courier-XXXXXX" :
	                                                  "/tmp/weir-courier-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/spool.db", directory);
	for (int i = 0; i < CHANNELS; i++) {
		memset(&channels[i], 0, sizeof channels[i]);
		snprintf(channels[i].name, sizeof channels[i].name, "%s", i ? "other" : "alerts");
		channels[i].burst = 100;
		channels[i].interval_ns = 1;
		channels[i].retry_first_ns = SECOND;
		channels[i].retry_most_ns = 60 * SECOND;
		channels[i].expire_ns = 24 * 3600 * SECOND;
	}
	now = BEGIN;
	start_count = 0;
	accepted = 0;
	answer = NULL;
	*logged = '\0';
	open_courier();
	return 0;
}

static int
tear_down(void **state)
{
	char command[100];

	(void)state;
	close_courier();
	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	return system(command);
}

/* -- answers ---------------------------------------------------------------- */

static bool
take(uint32_t channel, const struct wi_message *message, struct wi_result *result)
{
	(void)channel, (void)message, (void)result;
	return true;
}

static bool
fail_all(uint32_t channel, const struct wi_message *message, struct wi_result *result)
{
	(void)channel, (void)message;
	*result = (struct wi_result){ WI_OUTCOME_AGAIN, 503, 0, "503 Service Unavailable" };
	return true;
}

static bool
hang_alerts(uint32_t channel, const struct wi_message *message, struct wi_result *result)
{
	(void)message, (void)result;
	return channel != 0;
}

static bool
ask_for_patience(uint32_t channel, const struct wi_message *message, struct wi_result *result)
{
	(void)channel, (void)message;
	if (start_count == 1)
		*result = (struct wi_result){ WI_OUTCOME_AGAIN, 429, 100 * SECOND, "429 Too Many Requests" };
	return true;
}

static bool
refuse_first(uint32_t channel, const struct wi_message *message, struct wi_result *result)
{
	(void)channel;
	if (message->number == 1)
		*result = (struct wi_result){ WI_OUTCOME_REFUSED, 400, 0, "400 Bad Request" };
	return true;
}

static bool
poison_first(uint32_t channel, const struct wi_message *message, struct wi_result *result)
{
	return message->number == 1 ? fail_all(channel, message, result) : true;
}

static bool
gone(uint32_t channel, const struct wi_message *message, struct wi_result *result)
{
	(void)channel, (void)message;
	*result = (struct wi_result){ WI_OUTCOME_CHANNEL_OFF, 404, 0, "404 Not Found" };
	return true;
}

/* -- pace, back-off --------------------------------------------------------- */

static void
test_pace(void **state)
{
	(void)state;
	channels[0].burst = 3;
	channels[0].interval_ns = SECOND;
	answer = take;
	for (int i = 0; i < 10; i++)
		put(0, "");
	go_on(BEGIN + 20 * SECOND);
	assert_int_equal(start_count, 10);
	for (uint64_t i = 0; i < 10; i++) {
		assert_int_equal(starts[i].number, i + 1);
		assert_true(starts[i].time == BEGIN + (i < 3 ? 0 : i - 2) * SECOND);
	}
	/* The bucket is full again. */
	for (int i = 0; i < 4; i++)
		put(0, "");
	go_on(BEGIN + 30 * SECOND);
	assert_true(starts[12].time == BEGIN + 20 * SECOND && starts[13].time == BEGIN + 21 * SECOND);
	assert_int_equal(counts_of().sent, 14);
}

static void
test_back_off_with_jitter(void **state)
{
	uint64_t most, gap, least_seen = UINT64_MAX, most_seen = 0;

	(void)state;
	answer = fail_all;
	put(0, "");
	go_on(BEGIN + 3600 * SECOND);
	assert_true(start_count > 60);
	for (uint32_t i = 1; i < start_count; i++) {
		gap = starts[i].time - starts[i - 1].time;
		most = i < 6 ? SECOND << i : 60 * SECOND;
		assert_true(gap >= SECOND && gap <= most);
		if (i >= 6 && gap < least_seen)
			least_seen = gap;
		if (i >= 6 && gap > most_seen)
			most_seen = gap;
		assert_string_equal(starts[i].id, starts[0].id);
	}
	/* At random over all of it. */
	assert_true(least_seen < 10 * SECOND && most_seen > 50 * SECOND);
	assert_int_equal(counts_of().waiting, 1);
	assert_non_null(strstr(logged, "4 channel alerts: 503 Service Unavailable; tried again in"));
	answer = take;
	go_on(now + 61 * SECOND);
	assert_int_equal(counts_of().sent, 1);
	assert_non_null(strstr(logged, "5 channel alerts works again"));
}

static void
test_retry_after(void **state)
{
	(void)state;
	answer = ask_for_patience;
	put(0, "");
	put(0, "");
	go_on(BEGIN + 99 * SECOND);
	assert_int_equal(start_count, 1);
	go_on(BEGIN + 102 * SECOND);
	assert_int_equal(counts_of().sent, 2);
	assert_true(starts[1].time >= BEGIN + 100 * SECOND);
}

static void
test_back_off_survives_a_restart(void **state)
{
	(void)state;
	answer = ask_for_patience;
	put(0, "");
	go_on(BEGIN + 5 * SECOND);
	close_courier();
	open_courier();
	put(0, "");
	go_on(BEGIN + 99 * SECOND);
	assert_int_equal(start_count, 1);
	go_on(BEGIN + 101 * SECOND);
	assert_int_equal(counts_of().sent, 2);
}

static void
test_a_hung_channel_holds_nobody(void **state)
{
	(void)state;
	answer = hang_alerts;
	for (int i = 0; i < 5; i++) {
		put(0, "");
		put(1, "");
	}
	go_on(BEGIN + SECOND);
	assert_int_equal(counts_of().sent, 5);
	assert_int_equal(start_count, 6);
	/* What was under way is sent again by the next one. */
	close_courier();
	answer = take;
	open_courier();
	go_on(now + SECOND);
	assert_int_equal(counts_of().sent, 10);
}

static void
test_one_that_always_fails_holds_nobody(void **state)
{
	(void)state;
	answer = poison_first;
	for (int i = 0; i < 20; i++)
		put(0, "");
	go_on(BEGIN + 60 * SECOND);
	assert_int_equal(counts_of().sent, 19);
	assert_int_equal(counts_of().waiting, 1);
}

/* -- the end of a message --------------------------------------------------- */

static void
test_refused(void **state)
{
	(void)state;
	answer = refuse_first;
	put(0, "");
	put(0, "");
	go_on(BEGIN + SECOND);
	assert_int_equal(counts_of().failed, 1);
	assert_int_equal(counts_of().sent, 1);
	assert_int_equal(start_count, 2);
}

static void
test_time_is_over(void **state)
{
	(void)state;
	answer = fail_all;
	channels[0].expire_ns = 600 * SECOND;
	put(0, "");
	go_on(BEGIN + 599 * SECOND);
	assert_int_equal(counts_of().waiting, 1);
	go_on(BEGIN + 601 * SECOND);
	assert_int_equal(counts_of().failed, 1);
}

static void
test_off_until_retry(void **state)
{
	struct wi_spool_options options = { path, 1000, 1 << 20, 100, true };
	char text[200];
	uint64_t messages, turned_on;
	struct wi_spool *beside;

	(void)state;
	answer = gone;
	for (int i = 0; i < 3; i++)
		put(0, "");
	go_on(BEGIN + 10 * SECOND);
	assert_int_equal(start_count, 1);
	assert_int_equal(counts_of().waiting, 3);
	assert_int_equal(wi_courier_describe(courier, text, sizeof text), 2);
	assert_string_equal(text, "channel alerts off: 404 Not Found");
	assert_non_null(strstr(logged, "3 channel alerts is off"));
	/* Also over a restart. */
	close_courier();
	answer = take;
	open_courier();
	go_on(BEGIN + 20 * SECOND);
	assert_int_equal(start_count, 1);
	assert_true(wi_spool_open(&options, &beside, problem));
	assert_true(wi_spool_retry(beside, NULL, "alerts", now, &messages, &turned_on));
	assert_int_equal(turned_on, 1);
	wi_spool_close(beside);
	go_on(BEGIN + 21 * SECOND);
	assert_int_equal(counts_of().sent, 3);
	assert_int_equal(wi_courier_describe(courier, text, sizeof text), 0);
}

/* The answer is known and cannot be put down: the message does not go out again. */
static void
test_sent_once_with_a_spool_that_cannot_be_written(void **state)
{
	sqlite3 *other;

	(void)state;
	put(0, "");
	go_on(now);
	assert_int_equal(start_count, 1);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	answer = take;
	go_on(now + 2 * SECOND);
	assert_int_equal(start_count, 1);
	assert_non_null(strstr(logged, "3 spool "));
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	go_on(now + 2 * SECOND);
	assert_int_equal(start_count, 1);
	assert_int_equal(counts_of().sent, 1);
}

/* -- digests ---------------------------------------------------------------- */

static void
test_repeats_become_one(void **state)
{
	(void)state;
	answer = take;
	channels[0].digest_ns = 60 * SECOND;
	put(0, "g");
	go_on(now + SECOND);
	for (int i = 0; i < 42; i++)
		put(0, "g");
	put(0, "");
	go_on(BEGIN + 59 * SECOND);
	assert_int_equal(start_count, 2);
	go_on(BEGIN + 62 * SECOND);
	assert_int_equal(start_count, 3);
	assert_true(starts[2].time == BEGIN + 60 * SECOND);
	assert_string_equal(starts[2].body, "a.failed.b: 42 times");
	assert_int_equal(counts_of().digested, 41);
	assert_int_equal(counts_of().sent, 3);
	/* One alone goes as it is. */
	put(0, "g");
	go_on(BEGIN + 121 * SECOND);
	assert_string_equal(starts[3].body, "body");
	assert_int_equal(counts_of().sent, 4);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(test_pace),
		TEST(test_back_off_with_jitter),
		TEST(test_retry_after),
		TEST(test_back_off_survives_a_restart),
		TEST(test_a_hung_channel_holds_nobody),
		TEST(test_one_that_always_fails_holds_nobody),
		TEST(test_refused),
		TEST(test_time_is_over),
		TEST(test_off_until_retry),
		TEST(test_sent_once_with_a_spool_that_cannot_be_written),
		TEST(test_repeats_become_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
