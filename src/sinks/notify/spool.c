/* SPDX-License-Identifier: MIT */
/* spool.c - what becomes of messages, as transactions of the file: see spool_file.h. */
#include "spool_file.h"

#include "message_copy.h"

#include <stdio.h>
#include <string.h>

/* -- looking ---------------------------------------------------------------- */

void
wi_spool_get_counts(struct wi_spool *spool, struct wi_spool_counts *ret_counts)
{
	pthread_mutex_lock(&spool->look);
	*ret_counts = spool->counts;
	pthread_mutex_unlock(&spool->look);
}

void
wi_spool_problem(struct wi_spool *spool, char ret_problem[WI_NOTIFY_PROBLEM_SIZE])
{
	pthread_mutex_lock(&spool->look);
	memcpy(ret_problem, spool->problem, WI_NOTIFY_PROBLEM_SIZE);
	pthread_mutex_unlock(&spool->look);
}

const char *
wi_spool_instance(const struct wi_spool *spool)
{
	return spool->instance;
}

/*
 * It goes into the file with what is put: one that was given before a crash and never put was never
 * seen by anybody, and may be given again.
 */
uint64_t
wi_spool_count(struct wi_spool *spool)
{
	uint64_t count;

	pthread_mutex_lock(&spool->look);
	count = ++spool->count;
	pthread_mutex_unlock(&spool->look);
	return count;
}

bool
wi_spool_owned(const struct wi_spool *spool)
{
	return wi_files_locked(&spool->files);
}

/* -- putting ---------------------------------------------------------------- */

static int
suppress_oldest(struct wi_spool *spool)
{
	sqlite3_stmt *statement;
	int code = wi_spool_query(spool, &statement, "DELETE FROM messages WHERE number = (SELECT "
	                 "min(number) FROM messages INDEXED BY messages_old WHERE failed = 0) "
	                 "RETURNING bytes", "");

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_DONE)
		code = SQLITE_CORRUPT;
	if (code == SQLITE_ROW) {
		spool->now.waiting--;
		spool->now.suppressed++;
		spool->now.bytes -= (uint64_t)sqlite3_column_int64(statement, 0);
		code = sqlite3_step(statement);
	}
	return wi_spool_done(statement, code);
}

/* When it is due: at the end of its group's time, which it begins where none runs. */
static int
find_due(struct wi_spool *spool, const struct wi_spool_item *item, uint64_t now, uint64_t *ret_due)
{
	const struct wi_message *message = item->message;
	sqlite3_stmt *statement;
	uint64_t until = 0;
	int code;

	*ret_due = message->due;
	if (!item->digest_ns || !*message->group)
		return SQLITE_OK;
	code = wi_spool_query(spool, &statement, "SELECT until FROM groups WHERE channel = ? AND grp = ?",
	             "tt", message->channel, message->group);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		until = (uint64_t)sqlite3_column_int64(statement, 0);
	code = wi_spool_done(statement, code);
	if (code != SQLITE_OK)
		return code;
	if (until > now && until <= now + item->digest_ns) {
		*ret_due = until;
		return SQLITE_OK;
	}
	return wi_spool_run(spool, "INSERT OR REPLACE INTO groups VALUES(?, ?, ?)", "tti",
	           message->channel, message->group, now + item->digest_ns);
}

static int
insert(struct wi_spool *spool, const struct wi_message *message, uint64_t due)
{
	uint64_t bytes = wi_message_size(message);
	int code = SQLITE_OK;

	while (code == SQLITE_OK && spool->now.waiting &&
	       (spool->now.waiting >= spool->options.messages_max ||
	        spool->now.bytes + bytes > spool->options.bytes_max))
		code = suppress_oldest(spool);
	if (code != SQLITE_OK)
		return code;
	spool->now.accepted++;
	spool->now.waiting++;
	spool->now.bytes += bytes;
	return wi_spool_run(spool, "INSERT INTO messages VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, "
	           "'', ?, ?)", "itttittiiiitb", (int64_t)++spool->number, message->id,
	           message->channel, message->topic, message->time, message->group, message->brief,
	           bytes, due, message->expires, message->expires - message->due, message->headers,
	           message->body, message->body_size);
}

/* Groups whose time is over, and more than there can be messages, are forgotten. */
static int
clear_groups(struct wi_spool *spool, uint64_t now)
{
	if (now - spool->groups_cleared < 1000000000u)
		return SQLITE_OK;
	spool->groups_cleared = now;
	return wi_spool_run(spool, "DELETE FROM groups WHERE until <= ?1 OR rowid NOT IN (SELECT rowid "
	           "FROM groups ORDER BY until DESC LIMIT ?2)", "ii", now, spool->options.messages_max);
}

bool
wi_spool_put(struct wi_spool *spool, const struct wi_spool_item *items, size_t count, uint64_t now)
{
	int code = wi_spool_begin(spool);
	uint64_t due;

	for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
		code = find_due(spool, &items[i], now, &due);
		if (code == SQLITE_OK)
			code = insert(spool, items[i].message, due);
	}
	if (code == SQLITE_OK)
		code = clear_groups(spool, now);
	return wi_spool_end(spool, code);
}

/* -- taking ----------------------------------------------------------------- */

#define COLUMNS "number, id, channel, topic, time, grp, brief, headers, body, tries, due, expires"

static const char *
text_of(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? text : "";
}

/* Points into the row. False: it holds what no spool writes. */
static bool
take_row(sqlite3_stmt *statement, struct wi_message *message)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	const char *id = text_of(statement, 1);

	memset(message, 0, sizeof *message);
	if (!*id || strlen(id) >= sizeof message->id || strspn(id, allowed) != strlen(id))
		return false;
	strcpy(message->id, id);
	message->number = (uint64_t)sqlite3_column_int64(statement, 0);
	message->channel = text_of(statement, 2);
	message->topic = text_of(statement, 3);
	message->time = (uint64_t)sqlite3_column_int64(statement, 4);
	message->group = text_of(statement, 5);
	message->brief = text_of(statement, 6);
	message->headers = text_of(statement, 7);
	message->body = sqlite3_column_blob(statement, 8);
	message->body_size = (size_t)sqlite3_column_bytes(statement, 8);
	message->tries = (uint32_t)sqlite3_column_int64(statement, 9);
	message->due = (uint64_t)sqlite3_column_int64(statement, 10);
	message->expires = (uint64_t)sqlite3_column_int64(statement, 11);
	return message->body_size <= WI_NOTIFY_BODY_MAX;
}

static int
copy_row(sqlite3_stmt *statement, struct wi_message **ret_message)
{
	struct wi_message message;

	if (!take_row(statement, &message))
		return SQLITE_CORRUPT;
	*ret_message = wi_message_copy(&message);
	return *ret_message ? SQLITE_ROW : SQLITE_NOMEM;
}

bool
wi_spool_next(struct wi_spool *spool, const char *channel, uint64_t now,
              struct wi_message **ret_message, uint64_t *ret_due)
{
	sqlite3_stmt *statement = NULL;
	int code = wi_spool_begin_read(spool);

	*ret_message = NULL;
	*ret_due = UINT64_MAX;
	if (code == SQLITE_OK)
		code = wi_spool_query(spool, &statement, "SELECT " COLUMNS " FROM messages WHERE channel = ? "
		             "AND failed = 0 ORDER BY due, number LIMIT 1", "t", channel);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		*ret_due = (uint64_t)sqlite3_column_int64(statement, 10);
		if (*ret_due <= now)
			code = copy_row(statement, ret_message);
	}
	return wi_spool_end_read(spool, wi_spool_done(statement, code));
}

bool
wi_spool_group(struct wi_spool *spool, const char *channel, const char *group, uint32_t limit,
               struct wi_message **ret_messages, uint32_t *ret_count, uint64_t *ret_total)
{
	sqlite3_stmt *statement = NULL;
	int code = wi_spool_begin_read(spool);

	*ret_count = 0;
	*ret_total = 0;
	if (code == SQLITE_OK)
		code = wi_spool_query(spool, &statement, "SELECT " COLUMNS " FROM messages WHERE channel = ? "
		             "AND grp = ? AND grp <> '' AND failed = 0 ORDER BY number", "tt", channel, group);
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(statement);
		if (code != SQLITE_ROW)
			break;
		++*ret_total;
		if (*ret_count == limit)
			continue;
		code = copy_row(statement, &ret_messages[*ret_count]);
		*ret_count += code == SQLITE_ROW;
	}
	if (wi_spool_end_read(spool, wi_spool_done(statement, code)))
		return true;
	while (*ret_count)
		wi_message_free(ret_messages[--*ret_count]);
	return false;
}

/* -- what became of it ------------------------------------------------------ */

/*
 * A statement with RETURNING bytes, channel: how many rows there were, their bytes, and the channel of
 * the last. Only of messages that wait.
 */
struct taken {
	uint64_t rows, bytes;
	char channel[WI_NOTIFY_NAME_MAX + 1];
};

static int
take(sqlite3_stmt **statement, int code, struct taken *ret_taken)
{
	memset(ret_taken, 0, sizeof *ret_taken);
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(*statement);
		if (code != SQLITE_ROW)
			break;
		ret_taken->rows++;
		ret_taken->bytes += (uint64_t)sqlite3_column_int64(*statement, 0);
		snprintf(ret_taken->channel, sizeof ret_taken->channel, "%s", text_of(*statement, 1));
	}
	return wi_spool_done(*statement, code);
}

bool
wi_spool_sent(struct wi_spool *spool, uint64_t number)
{
	sqlite3_stmt *statement = NULL;
	struct taken taken = { 0 };
	int code = wi_spool_begin(spool);

	if (code == SQLITE_OK)
		code = take(&statement, wi_spool_query(spool, &statement, "DELETE FROM messages WHERE "
		                             "number = ? AND failed = 0 RETURNING bytes, channel", "i",
		                             number), &taken);
	spool->now.waiting -= taken.rows;
	spool->now.bytes -= taken.bytes;
	spool->now.sent += taken.rows;
	if (code == SQLITE_OK && taken.rows)
		code = wi_spool_run(spool, "UPDATE channels SET streak = 0, until = 0, status = 0, text = '' "
		           "WHERE name = ? AND NOT off AND (streak OR until OR status)", "t", taken.channel);
	return wi_spool_end(spool, code);
}

bool
wi_spool_again(struct wi_spool *spool, const struct wi_message *message, uint64_t due,
               int32_t status, const char *text, const struct wi_spool_channel *channel)
{
	int code = wi_spool_begin(spool);

	if (code == SQLITE_OK)
		code = wi_spool_run(spool, "UPDATE messages SET tries = tries + 1, due = ?, status = ?, "
		           "text = ? WHERE number = ? AND failed = 0", "iiti", due, (int64_t)status, text,
		           message->number);
	if (code == SQLITE_OK)
		code = wi_spool_run(spool, "INSERT OR REPLACE INTO channels VALUES(?, ?, ?, ?, ?, ?)",
		           "tiiiit", message->channel, (int64_t)channel->off, (int64_t)channel->streak,
		           channel->until, (int64_t)channel->status, channel->text);
	return wi_spool_end(spool, code);
}

static int
trim_failed(struct wi_spool *spool)
{
	int code = SQLITE_OK;

	while (code == SQLITE_OK && spool->now.failed > spool->options.failed_max) {
		code = wi_spool_run(spool, "DELETE FROM messages WHERE number = (SELECT min(number) FROM "
		           "messages INDEXED BY messages_failed WHERE failed = 1)", "");
		spool->now.failed--;
	}
	return code;
}

static int
note_given_up(struct wi_spool *spool, const struct taken *taken)
{
	spool->now.waiting -= taken->rows;
	spool->now.bytes -= taken->bytes;
	spool->now.given_up += taken->rows;
	spool->now.failed += taken->rows;
	return trim_failed(spool);
}

bool
wi_spool_give_up(struct wi_spool *spool, uint64_t number, uint64_t now, int32_t status,
                 const char *text)
{
	sqlite3_stmt *statement = NULL;
	struct taken taken = { 0 };
	int code = wi_spool_begin(spool);

	if (code == SQLITE_OK)
		code = take(&statement, wi_spool_query(spool, &statement, "UPDATE messages SET failed = 1, "
		                             "tries = tries + 1, due = ?, status = ?, text = ? WHERE number "
		                             "= ? AND failed = 0 RETURNING bytes, channel", "iiti", now,
		                             (int64_t)status, text, number), &taken);
	if (code == SQLITE_OK)
		code = note_given_up(spool, &taken);
	return wi_spool_end(spool, code);
}

bool
wi_spool_expire(struct wi_spool *spool, uint64_t now)
{
	sqlite3_stmt *statement = NULL;
	struct taken taken = { 0 };
	int64_t first = INT64_MAX;
	int code = wi_spool_begin_read(spool);

	/* Looked for without a lock on the file first. */
	if (code == SQLITE_OK)
		code = wi_database_number(spool->database, "SELECT coalesce(min(expires), "
		                          "9223372036854775807) FROM messages WHERE failed = 0", &first);
	if (!wi_spool_end_read(spool, code) || (uint64_t)first > now)
		return code == SQLITE_OK;
	code = wi_spool_begin(spool);
	if (code == SQLITE_OK)
		code = take(&statement, wi_spool_query(spool, &statement, "UPDATE messages SET failed = 1, "
		                             "due = ?1, text = CASE text WHEN '' THEN 'its time was over' "
		                             "ELSE 'its time was over; before: ' || text END WHERE failed = 0 "
		                             "AND expires <= ?1 RETURNING bytes, channel", "i", now), &taken);
	if (code == SQLITE_OK)
		code = note_given_up(spool, &taken);
	return wi_spool_end(spool, code);
}

bool
wi_spool_digest(struct wi_spool *spool, const char *group, const struct wi_message *message,
                uint64_t until)
{
	struct wi_message alone = *message;
	sqlite3_stmt *statement = NULL;
	struct taken taken = { 0 };
	int code = wi_spool_begin(spool);

	alone.group = "";
	if (code == SQLITE_OK)
		code = take(&statement, wi_spool_query(spool, &statement, "DELETE FROM messages WHERE "
		                             "channel = ? AND grp = ? AND grp <> '' AND failed = 0 RETURNING "
		                             "bytes, channel", "tt", message->channel, group), &taken);
	if (code == SQLITE_OK && !taken.rows)
		return wi_spool_end(spool, code);
	/* It stands in the place of one of them. */
	spool->now.waiting -= taken.rows;
	spool->now.bytes -= taken.bytes;
	spool->now.digested += taken.rows - 1;
	spool->now.accepted--;
	if (code == SQLITE_OK)
		code = insert(spool, &alone, alone.due);
	if (code == SQLITE_OK)
		code = wi_spool_run(spool, "INSERT OR REPLACE INTO groups VALUES(?, ?, ?)", "tti",
		           message->channel, group, until);
	return wi_spool_end(spool, code);
}

/* -- channels --------------------------------------------------------------- */

bool
wi_spool_changed(struct wi_spool *spool)
{
	int64_t version = spool->version;
	int code = wi_spool_begin_read(spool);

	if (code == SQLITE_OK)
		code = wi_database_number(spool->database, "PRAGMA data_version", &version);
	if (code == SQLITE_OK && version != spool->version)
		code = wi_spool_read_counts(spool);
	if (code == SQLITE_OK && version != spool->version) {
		spool->version = version;
		wi_spool_publish_counts(spool);
		pthread_mutex_unlock(&spool->mutex);
		return true;
	}
	wi_spool_end_read(spool, code);
	return false;
}

static void
take_channel(sqlite3_stmt *statement, struct wi_spool_channel *channel)
{
	snprintf(channel->name, sizeof channel->name, "%s", text_of(statement, 0));
	channel->off = sqlite3_column_int64(statement, 1) != 0;
	channel->streak = (uint32_t)sqlite3_column_int64(statement, 2);
	channel->until = (uint64_t)sqlite3_column_int64(statement, 3);
	channel->status = (int32_t)sqlite3_column_int64(statement, 4);
	snprintf(channel->text, sizeof channel->text, "%s", text_of(statement, 5));
}

bool
wi_spool_get_channel(struct wi_spool *spool, const char *name, struct wi_spool_channel *ret_channel)
{
	sqlite3_stmt *statement = NULL;
	int code = wi_spool_begin_read(spool);

	memset(ret_channel, 0, sizeof *ret_channel);
	snprintf(ret_channel->name, sizeof ret_channel->name, "%s", name);
	if (code == SQLITE_OK)
		code = wi_spool_query(spool, &statement, "SELECT * FROM channels WHERE name = ?", "t", name);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		take_channel(statement, ret_channel);
	return wi_spool_end_read(spool, wi_spool_done(statement, code));
}

bool
wi_spool_each_channel(struct wi_spool *spool,
                      void (*visit)(void *context, const struct wi_spool_channel *channel),
                      void *context)
{
	sqlite3_stmt *statement = NULL;
	int code = wi_spool_begin_read(spool);

	if (code == SQLITE_OK)
		code = wi_spool_query(spool, &statement, "SELECT n.name, coalesce(c.off, 0), "
		             "coalesce(c.streak, 0), max(coalesce(c.until, 0), coalesce((SELECT min(due) FROM "
		             "messages WHERE channel = n.name AND failed = 0), 0)), coalesce(c.status, 0), "
		             "coalesce(c.text, ''), (SELECT count(*) FROM messages WHERE channel = n.name AND "
		             "failed = 0), (SELECT count(*) FROM messages WHERE channel = n.name AND failed = 1) "
		             "FROM (SELECT channel AS name FROM messages UNION SELECT name FROM channels) AS n "
		             "LEFT JOIN channels AS c ON c.name = n.name ORDER BY n.name", "");
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		struct wi_spool_channel channel;

		code = sqlite3_step(statement);
		if (code != SQLITE_ROW)
			break;
		take_channel(statement, &channel);
		channel.waiting = (uint64_t)sqlite3_column_int64(statement, 6);
		channel.failed = (uint64_t)sqlite3_column_int64(statement, 7);
		visit(context, &channel);
	}
	return wi_spool_end_read(spool, wi_spool_done(statement, code));
}

/* -- for `weir notify` ------------------------------------------------------ */

bool
wi_spool_look(struct wi_spool *spool, struct wi_spool_counts *ret_counts)
{
	int code = wi_spool_begin_read(spool);

	if (code == SQLITE_OK)
		code = wi_spool_read_counts(spool);
	*ret_counts = spool->now;
	return wi_spool_end_read(spool, code);
}

bool
wi_spool_each_failed(struct wi_spool *spool,
                     void (*visit)(void *context, const struct wi_spool_failed *failed),
                     void *context)
{
	sqlite3_stmt *statement = NULL;
	int code = wi_spool_begin_read(spool);

	if (code == SQLITE_OK)
		code = wi_spool_query(spool, &statement, "SELECT " COLUMNS ", status, text FROM messages "
		             "WHERE failed = 1 ORDER BY number", "");
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		struct wi_message message;
		struct wi_spool_failed failed = { &message, 0, NULL };

		code = sqlite3_step(statement);
		if (code != SQLITE_ROW)
			break;
		if (!take_row(statement, &message)) {
			code = SQLITE_CORRUPT;
			break;
		}
		failed.status = (int32_t)sqlite3_column_int64(statement, 12);
		failed.text = text_of(statement, 13);
		visit(context, &failed);
	}
	return wi_spool_end_read(spool, wi_spool_done(statement, code));
}

/* ?1: an id, ?2: a channel, of either or none. */
#define CHOSEN_CHANNELS \
	"((?1 IS NULL AND ?2 IS NULL) OR name = ?2 OR " \
	"name IN (SELECT channel FROM messages WHERE failed = 1 AND id = ?1))"

/* Channels of the messages that will wait again, and the one that is named. */
static int
turn_on(struct wi_spool *spool, const char *id, const char *channel, uint64_t *ret_channels)
{
	int64_t off = 0;
	int code;

	code = wi_spool_run(spool, "UPDATE channels SET off = 0, streak = 0, until = 0, status = 0, text = '' "
	                    "WHERE off AND " CHOSEN_CHANNELS, "tt", id, channel);
	if (code == SQLITE_OK)
		code = wi_database_number(spool->database, "SELECT changes()", &off);
	*ret_channels = (uint64_t)off;
	return code == SQLITE_OK ? wi_spool_run(spool, "UPDATE channels SET streak = 0, until = 0 WHERE "
	                                        CHOSEN_CHANNELS, "tt", id, channel) : code;
}

bool
wi_spool_retry(struct wi_spool *spool, const char *id, const char *channel, uint64_t now,
               uint64_t *ret_messages, uint64_t *ret_channels)
{
	sqlite3_stmt *statement = NULL;
	struct taken taken = { 0 };
	int code = wi_spool_begin(spool);

	*ret_channels = 0;
	if (code == SQLITE_OK)
		code = turn_on(spool, id, channel, ret_channels);
	if (code == SQLITE_OK)
		code = take(&statement, wi_spool_query(spool, &statement, "UPDATE messages SET failed = 0, "
		                                      "tries = 0, due = ?3, expires = ?3 + life WHERE "
		                                      "failed = 1 AND ((?1 IS NULL AND ?2 IS NULL) OR id = ?1 "
		                                      "OR channel = ?2) RETURNING bytes, channel", "tti",
		                                      id, channel, now), &taken);
	spool->now.waiting += taken.rows;
	spool->now.bytes += taken.bytes;
	spool->now.failed -= taken.rows;
	spool->now.given_up -= taken.rows;
	*ret_messages = taken.rows;
	return wi_spool_end(spool, code);
}
