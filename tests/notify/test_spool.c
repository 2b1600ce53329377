/* SPDX-License-Identifier: MIT */
/* test_spool.c - what the spool keeps, in which order, how much of it, and over what. */
#include "unit.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "message_copy.h"
#include "spool.h"

#define SECOND UINT64_C(1000000000)
#define NOW (1700000000 * SECOND)

static char directory[40];
static char path[64];
static char problem[WI_NOTIFY_PROBLEM_SIZE];
static struct wi_spool_options options;

static int
set_up(void **state)
{
	(void)state;
	/* Nothing here asks for a disk. */
	strcpy(directory, access("/dev/shm", W_OK) == 0 ? "/dev/shm/weir-spool-XXXXXX" :
	                                                  "/tmp/weir-spool-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/spool.db", directory);
	options = (struct wi_spool_options){ path, 100, 1 << 20, 10, false };
	return 0;
}

static int
tear_down(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	return system(command);
}

static struct wi_spool *
open_spool(void)
{
	struct wi_spool *spool = NULL;

	if (!wi_spool_open(&options, &spool, problem))
		fail_msg("%s", problem);
	return spool;
}

static struct wi_spool *
open_shared(void)
{
	struct wi_spool *spool;

	options.shared = true;
	spool = open_spool();
	options.shared = false;
	return spool;
}

static void
expect_refused(const char *text)
{
	struct wi_spool *spool;

	assert_false(wi_spool_open(&options, &spool, problem));
	if (!strstr(problem, text))
		fail_msg("%s", problem);
}

static struct wi_message
make(struct wi_spool *spool, const char *channel, const char *group)
{
	struct wi_message message = {
		.channel = channel, .topic = "order.after.create", .time = NOW - 5, .group = group,
		.brief = "one line", .headers = "Content-Type: application/json\n", .body = "{\"a\":\"b\"}",
		.body_size = 9, .due = NOW, .expires = NOW + 3600 * SECOND,
	};

	snprintf(message.id, sizeof message.id, "%s-%" PRIu64, wi_spool_instance(spool),
	         wi_spool_count(spool));
	return message;
}

static void
put(struct wi_spool *spool, const char *channel)
{
	struct wi_message message = make(spool, channel, "");
	struct wi_spool_item item = { &message, 0 };

	assert_true(wi_spool_put(spool, &item, 1, NOW));
}

static void
put_in(struct wi_spool *spool, const char *group, uint64_t now)
{
	struct wi_message message = make(spool, "a", group);
	struct wi_spool_item item = { &message, 60 * SECOND };

	message.due = now;
	assert_true(wi_spool_put(spool, &item, 1, now));
}

static uint64_t
next(struct wi_spool *spool, const char *channel, uint64_t now)
{
	struct wi_message *message;
	uint64_t due, number;

	assert_true(wi_spool_next(spool, channel, now, &message, &due));
	number = message ? message->number : 0;
	wi_message_free(message);
	return number;
}

static struct wi_spool_counts
counts_of(struct wi_spool *spool)
{
	struct wi_spool_counts counts;

	wi_spool_get_counts(spool, &counts);
	assert_int_equal(counts.accepted, counts.sent + counts.given_up + counts.waiting +
	                                          counts.suppressed + counts.digested);
	return counts;
}

static void
sql(const char *text)
{
	sqlite3 *database;

	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(database);
}

/* -- what is kept ----------------------------------------------------------- */

static void
test_message_is_as_it_was_put(void **state)
{
	struct wi_spool *spool = open_spool();
	struct wi_message message = make(spool, "alerts", "group"), *back;
	struct wi_spool_item item = { &message, 0 };
	struct stat status;
	uint64_t due;

	(void)state;
	assert_true(wi_spool_put(spool, &item, 1, NOW));
	wi_spool_close(spool);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	spool = open_spool();
	assert_true(wi_spool_next(spool, "other", NOW, &back, &due));
	assert_null(back);
	assert_true(due == UINT64_MAX);
	assert_true(wi_spool_next(spool, "alerts", NOW - 1, &back, &due));
	assert_null(back);
	assert_true(due == NOW);
	assert_true(wi_spool_next(spool, "alerts", NOW, &back, &due));
	assert_non_null(back);
	assert_int_equal(back->number, 1);
	assert_string_equal(back->id, message.id);
	assert_string_equal(back->channel, "alerts");
	assert_string_equal(back->topic, message.topic);
	assert_string_equal(back->group, "group");
	assert_string_equal(back->brief, message.brief);
	assert_string_equal(back->headers, message.headers);
	assert_int_equal(back->body_size, 9);
	assert_memory_equal(back->body, message.body, 9);
	assert_true(back->time == message.time && back->expires == message.expires && back->tries == 0);
	wi_message_free(back);
	wi_spool_close(spool);
}

static void
test_oldest_first_and_by_due(void **state)
{
	struct wi_spool *spool = open_spool();
	struct wi_spool_channel channel = { .streak = 1, .until = NOW + 5 };
	struct wi_message *message;
	uint64_t due;

	(void)state;
	put(spool, "a");
	put(spool, "b");
	put(spool, "a");
	assert_int_equal(next(spool, "b", NOW), 2);
	assert_true(wi_spool_next(spool, "a", NOW, &message, &due));
	assert_int_equal(message->number, 1);
	assert_true(wi_spool_again(spool, message, NOW + 10, 503, "503 no", &channel));
	wi_message_free(message);
	/* Others go before one that has failed. */
	assert_int_equal(next(spool, "a", NOW), 3);
	assert_true(wi_spool_sent(spool, 3));
	assert_int_equal(next(spool, "a", NOW + 9), 0);
	assert_true(wi_spool_next(spool, "a", NOW + 10, &message, &due));
	assert_int_equal(message->number, 1);
	assert_int_equal(message->tries, 1);
	wi_message_free(message);
	wi_spool_close(spool);
}

static void
test_counts_and_channels_survive(void **state)
{
	struct wi_spool *spool = open_spool();
	struct wi_spool_channel channel = {
		.off = true, .streak = 3, .until = NOW + 7, .status = 404, .text = "404 Not Found",
	};
	struct wi_spool_counts counts;
	struct wi_message *message;
	uint64_t due;

	(void)state;
	for (int i = 0; i < 4; i++)
		put(spool, "a");
	assert_true(wi_spool_sent(spool, 1));
	assert_true(wi_spool_give_up(spool, 2, NOW, 400, "400 Bad Request"));
	assert_true(wi_spool_next(spool, "a", NOW, &message, &due));
	assert_true(wi_spool_again(spool, message, NOW + 10, 404, "404 Not Found", &channel));
	wi_message_free(message);
	wi_spool_close(spool);
	spool = open_spool();
	counts = counts_of(spool);
	assert_int_equal(counts.accepted, 4);
	assert_int_equal(counts.sent, 1);
	assert_int_equal(counts.failed, 1);
	assert_int_equal(counts.waiting, 2);
	memset(&channel, 0, sizeof channel);
	assert_true(wi_spool_get_channel(spool, "a", &channel));
	assert_true(channel.off && channel.streak == 3 && channel.until == NOW + 7);
	assert_int_equal(channel.status, 404);
	assert_string_equal(channel.text, "404 Not Found");
	assert_true(wi_spool_get_channel(spool, "b", &channel));
	assert_false(channel.off);
	wi_spool_close(spool);
}

/* A child puts, and ends without a word after what it was told is accepted. */
static void
test_count_is_never_given_twice(void **state)
{
	struct wi_spool *spool = open_spool();
	uint64_t last = 0, count;
	int ends[2];

	(void)state;
	wi_spool_close(spool);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pipe(ends), 0);
		if (fork() == 0) {
			spool = open_spool();
			for (int j = 0; j < 5; j++)
				put(spool, "a");
			count = wi_spool_count(spool) - 1;
			_exit(write(ends[1], &count, sizeof count) != sizeof count);
		}
		close(ends[1]);
		assert_int_equal(read(ends[0], &count, sizeof count), sizeof count);
		close(ends[0]);
		assert_true(wait(NULL) > 0);
		assert_true(count >= last + 5);
		last = count;
	}
	spool = open_spool();
	assert_true(wi_spool_count(spool) > last);
	assert_int_equal(counts_of(spool).waiting, 15);
	wi_spool_close(spool);
}

static void
test_all_or_nothing(void **state)
{
	struct wi_spool *spool = open_spool();
	struct wi_message first = make(spool, "a", ""), second = make(spool, "a", "");
	struct wi_spool_item items[2] = { { &first, 0 }, { &second, 0 } };
	sqlite3 *other;

	(void)state;
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_false(wi_spool_put(spool, items, 2, NOW));
	wi_spool_problem(spool, problem);
	assert_non_null(strstr(problem, "locked"));
	assert_int_equal(counts_of(spool).accepted, 0);
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_true(wi_spool_put(spool, items, 2, NOW));
	wi_spool_problem(spool, problem);
	assert_string_equal(problem, "");
	assert_int_equal(counts_of(spool).accepted, 2);
	wi_spool_close(spool);
}

/* -- bounds ----------------------------------------------------------------- */

static void
test_oldest_make_room(void **state)
{
	struct wi_spool *spool;

	(void)state;
	options.messages_max = 3;
	spool = open_spool();
	for (int i = 0; i < 5; i++)
		put(spool, "a");
	assert_int_equal(counts_of(spool).waiting, 3);
	assert_int_equal(counts_of(spool).suppressed, 2);
	assert_int_equal(next(spool, "a", NOW), 3);
	/* One of those was being sent: it stays counted as it was. */
	assert_true(wi_spool_sent(spool, 1));
	assert_int_equal(counts_of(spool).sent, 0);
	wi_spool_close(spool);
}

static void
test_bytes_are_bounded(void **state)
{
	struct wi_spool *spool;
	struct wi_message message;
	struct wi_spool_item item = { &message, 0 };
	static char body[40000];

	(void)state;
	options.bytes_max = 100000;
	spool = open_spool();
	message = make(spool, "a", "");
	message.body = memset(body, 'x', sizeof body);
	message.body_size = sizeof body;
	for (int i = 0; i < 4; i++)
		assert_true(wi_spool_put(spool, &item, 1, NOW));
	assert_int_equal(counts_of(spool).waiting, 2);
	assert_int_equal(counts_of(spool).suppressed, 2);
	assert_true(counts_of(spool).bytes <= 100000);
	wi_spool_close(spool);
	wi_spool_close(open_spool());
}

static void
test_failed_ones_are_bounded(void **state)
{
	struct wi_spool *spool = open_spool();
	struct wi_spool_counts counts;

	(void)state;
	for (uint64_t i = 1; i <= 15; i++) {
		put(spool, "a");
		assert_true(wi_spool_give_up(spool, i, NOW, 400, "no"));
	}
	counts = counts_of(spool);
	assert_int_equal(counts.given_up, 15);
	assert_int_equal(counts.failed, 10);
	wi_spool_close(spool);
	wi_spool_close(open_spool());
}

static void
test_time_is_over(void **state)
{
	struct wi_spool *spool = open_spool();

	(void)state;
	put(spool, "a");
	put(spool, "b");
	assert_true(wi_spool_expire(spool, NOW + 3600 * SECOND - 1));
	assert_int_equal(counts_of(spool).given_up, 0);
	assert_true(wi_spool_expire(spool, NOW + 3600 * SECOND));
	assert_int_equal(counts_of(spool).given_up, 2);
	assert_int_equal(counts_of(spool).waiting, 0);
	wi_spool_close(spool);
}

/* -- groups ----------------------------------------------------------------- */

static void
test_repeats_wait_for_the_end_of_their_time(void **state)
{
	struct wi_spool *spool = open_spool();
	struct wi_message *messages[3], digest;
	uint64_t total;
	uint32_t count;

	(void)state;
	put_in(spool, "x", NOW);
	put_in(spool, "y", NOW);
	assert_int_equal(next(spool, "a", NOW), 1);
	assert_true(wi_spool_sent(spool, 1));
	assert_true(wi_spool_sent(spool, 2));
	for (uint64_t i = 1; i <= 5; i++)
		put_in(spool, "x", NOW + i * SECOND);
	assert_int_equal(next(spool, "a", NOW + 60 * SECOND - 1), 0);
	assert_int_equal(next(spool, "a", NOW + 60 * SECOND), 3);
	assert_true(wi_spool_group(spool, "a", "x", 3, messages, &count, &total));
	assert_int_equal(count, 3);
	assert_int_equal(total, 5);
	while (count)
		wi_message_free(messages[--count]);
	digest = make(spool, "a", "x");
	digest.due = NOW + 60 * SECOND;
	assert_true(wi_spool_digest(spool, "x", &digest, NOW + 120 * SECOND));
	assert_int_equal(counts_of(spool).accepted, 7);
	assert_int_equal(counts_of(spool).digested, 4);
	assert_int_equal(counts_of(spool).waiting, 1);
	assert_true(wi_spool_group(spool, "a", "x", 3, messages, &count, &total));
	assert_int_equal(total, 0);
	/* It has begun a time of its own. */
	assert_true(wi_spool_sent(spool, 8));
	put_in(spool, "x", NOW + 61 * SECOND);
	assert_int_equal(next(spool, "a", NOW + 119 * SECOND), 0);
	assert_int_equal(next(spool, "a", NOW + 120 * SECOND), 9);
	wi_spool_close(spool);
}

/* -- weir notify ------------------------------------------------------------ */

static void
test_one_owner(void **state)
{
	struct wi_spool *spool = open_spool(), *beside;

	(void)state;
	expect_refused("uses it");
	beside = open_shared();
	assert_true(wi_spool_owned(beside));
	wi_spool_close(spool);
	assert_false(wi_spool_owned(beside));
	wi_spool_close(beside);
}

static void
test_retry_from_beside(void **state)
{
	struct wi_spool *spool = open_spool(), *beside;
	struct wi_spool_channel channel = { .off = true };
	struct wi_spool_counts counts;
	struct wi_message *message;
	uint64_t messages, channels, due;
	char id[WI_NOTIFY_ID_SIZE];

	(void)state;
	for (uint64_t i = 1; i <= 6; i++)
		put(spool, i % 2 ? "a" : "b");
	for (uint64_t i = 1; i <= 4; i++)
		assert_true(wi_spool_give_up(spool, i, NOW, 400, "no"));
	assert_true(wi_spool_next(spool, "a", NOW, &message, &due));
	assert_true(wi_spool_again(spool, message, NOW, 410, "410 Gone", &channel));
	wi_message_free(message);
	wi_spool_changed(spool);
	assert_false(wi_spool_changed(spool));
	beside = open_shared();
	snprintf(id, sizeof id, "%s-2", wi_spool_instance(spool));
	assert_true(wi_spool_retry(beside, "nobody-1", NULL, NOW + 1, &messages, &channels));
	assert_int_equal(messages + channels, 0);
	assert_true(wi_spool_retry(beside, id, NULL, NOW + 1, &messages, &channels));
	assert_int_equal(messages, 1);
	assert_int_equal(channels, 0);
	assert_true(wi_spool_retry(beside, NULL, "a", NOW + 1, &messages, &channels));
	assert_int_equal(messages, 2);
	assert_int_equal(channels, 1);
	assert_true(wi_spool_changed(spool));
	assert_true(wi_spool_get_channel(spool, "a", &channel));
	assert_false(channel.off);
	counts = counts_of(spool);
	assert_int_equal(counts.waiting, 5);
	assert_int_equal(counts.failed, 1);
	assert_true(wi_spool_retry(beside, NULL, NULL, NOW + 1, &messages, &channels));
	assert_int_equal(messages, 1);
	wi_spool_close(beside);
	wi_spool_close(spool);
	wi_spool_close(open_spool());
}

/* -- what is no spool ------------------------------------------------------- */

static void
test_hostile_files(void **state)
{
	char other[80], text[200];
	FILE *file;

	(void)state;
	snprintf(other, sizeof other, "%s/other", directory);
	assert_int_equal(symlink(other, path), 0);
	expect_refused("symbolic link");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refused("not a regular file");
	unlink(path);
	file = fopen(path, "w");
	fputs("this is text, and longer than the head of a database would be: "
	      "0123456789012345678901234567890123456789", file);
	fclose(file);
	expect_refused("chmod 600");
	chmod(path, 0600);
	expect_refused("damaged");
	unlink(path);
	sql("CREATE TABLE t(a)");
	chmod(path, 0600);
	expect_refused("not a spool");
	unlink(path);
	wi_spool_close(open_spool());
	sql("PRAGMA user_version = 2");
	expect_refused("later version");
	sql("PRAGMA user_version = 1");
	wi_spool_close(open_spool());
	sql("CREATE TRIGGER evil AFTER INSERT ON messages BEGIN SELECT 1; END");
	expect_refused("not a spool");
	sql("DROP TRIGGER evil");
	sql("UPDATE spool SET sent = 7");
	expect_refused("damaged");
	sql("UPDATE spool SET sent = 0, accepted = 1, waiting = 1");
	expect_refused("damaged");
	snprintf(text, sizeof text, "%s/nowhere/spool.db", directory);
	options.path = text;
	expect_refused("its folder");
	options.path = other;
	options.shared = true;
	expect_refused("No such file");
}

static void
test_damage_under_it(void **state)
{
	struct wi_spool *spool = open_spool();
	char page[4096];
	FILE *file;

	(void)state;
	for (int i = 0; i < 50; i++)
		put(spool, "a");
	wi_spool_close(spool);
	file = fopen(path, "r+");
	memset(page, 0xa5, sizeof page);
	for (long at = 8192; fseek(file, at, SEEK_SET) == 0 && at < 65536; at += 4096)
		fwrite(page, 1, sizeof page, file);
	fclose(file);
	expect_refused("damaged");
	assert_int_equal(truncate(path, 6000), 0);
	expect_refused("damaged");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(test_message_is_as_it_was_put),
		TEST(test_oldest_first_and_by_due),
		TEST(test_counts_and_channels_survive),
		TEST(test_count_is_never_given_twice),
		TEST(test_all_or_nothing),
		TEST(test_oldest_make_room),
		TEST(test_bytes_are_bounded),
		TEST(test_failed_ones_are_bounded),
		TEST(test_time_is_over),
		TEST(test_repeats_wait_for_the_end_of_their_time),
		TEST(test_one_owner),
		TEST(test_retry_from_beside),
		TEST(test_hostile_files),
		TEST(test_damage_under_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
