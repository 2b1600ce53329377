/* SPDX-License-Identifier: MIT */
/* cmd_notify.c - `weir notify`: what waits in a spool, what has failed, and have it sent again. */
#include "command.h"
#include "common/now.h"
#include "figures.h"
#include "notify_options.h"
#include "sinks/notify/spool.h"
#include "table.h"
#include "text/timestamp.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct notify {
	struct wi_notify_options options;
	struct wi_spool *spool;
	json_t *rows;
	bool failed;                    /* no memory */
};

/* To the second; null for none. */
static json_t *
time_json(uint64_t ns)
{
	char text[WI_TIMESTAMP_SIZE];

	if (!ns)
		return json_null();
	wi_timestamp_format(ns - ns % 1000000000u, text);
	return json_string(text);
}

/* The path and SQLite's sentence may hold anything. */
static void
print_problem(char *problem)
{
	for (char *at = problem; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	fprintf(stderr, "weir notify: %s\n", problem);
}

static int
complain(struct notify *notify)
{
	char problem[WI_NOTIFY_PROBLEM_SIZE];

	wi_spool_problem(notify->spool, problem);
	print_problem(problem);
	return WI_EXIT_FAILED;
}

static void
add_row(struct notify *notify, json_t *row)
{
	if (!row || json_array_append_new(notify->rows, row) != 0)
		notify->failed = true;
}

static void
print_json(struct notify *notify, json_t *root)
{
	if (!root || json_dumpf(root, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) != 0)
		notify->failed = true;
	putchar('\n');
	json_decref(root);
}

/* -- failed ----------------------------------------------------------------- */

/* What is in the file may be no text. */
static json_t *
text_json(const char *text)
{
	json_t *json = json_string(text);

	return json ? json : json_string("?");
}

static void
add_failed(void *context, const struct wi_spool_failed *failed)
{
	const struct wi_message *message = failed->message;

	add_row(context, json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "id", message->id,
	                           "channel", text_json(message->channel), "topic",
	                           text_json(message->topic), "time", time_json(message->time),
	                           "given_up", time_json(message->due), "tries",
	                           (json_int_t)message->tries, "status", (json_int_t)failed->status,
	                           "text", text_json(failed->text)));
}

static int
run_failed(struct notify *notify)
{
	static const struct wi_table_column columns[] = {
		{"id", "id"}, {"channel", "channel"}, {"topic", "topic"}, {"time", "time"},
		{"tries", "tries"}, {"last answer", "text"},
	};

	if (!wi_spool_each_failed(notify->spool, add_failed, notify))
		return complain(notify);
	if (notify->options.json)
		print_json(notify, json_pack("{s:O}", "failed", notify->rows));
	else if (json_array_size(notify->rows))
		wi_table_write(stdout, notify->rows, columns, sizeof columns / sizeof *columns);
	return WI_EXIT_OK;
}

/* -- status ----------------------------------------------------------------- */

static void
add_channel(void *context, const struct wi_spool_channel *channel)
{
	const char *state = channel->off ? "off" : channel->streak ? "fails" : "on";
	bool waits = channel->waiting && !channel->off;

	add_row(context, json_pack("{s:o, s:s, s:I, s:I, s:I, s:o, s:I, s:o}", "channel",
	                           text_json(channel->name), "state", state, "waiting",
	                           (json_int_t)channel->waiting, "failed", (json_int_t)channel->failed,
	                           "tries", (json_int_t)channel->streak, "next_try",
	                           time_json(waits ? channel->until : 0), "status",
	                           (json_int_t)channel->status, "text", text_json(channel->text)));
}

static void
print_status(struct notify *notify, const struct wi_spool_counts *counts, bool owned)
{
	static const struct wi_table_column columns[] = {
		{"channel", "channel"}, {"state", "state"}, {"waiting", "waiting"}, {"failed", "failed"},
		{"next try", "next_try"}, {"last answer", "text"},
	};

	printf("%s accepted = %s sent + %s given up + %s waiting + %s suppressed + %s in digests\n",
	       wi_figures_count(counts->accepted).text, wi_figures_count(counts->sent).text,
	       wi_figures_count(counts->given_up).text, wi_figures_count(counts->waiting).text,
	       wi_figures_count(counts->suppressed).text, wi_figures_count(counts->digested).text);
	printf("%s waiting in bodies and texts, %s failed listed, %s\n",
	       wi_figures_bytes((double)counts->bytes).text, wi_figures_count(counts->failed).text,
	       owned ? "in use" : "no process uses it");
	if (json_array_size(notify->rows))
		wi_table_write(stdout, notify->rows, columns, sizeof columns / sizeof *columns);
}

static int
run_status(struct notify *notify)
{
	bool owned = wi_spool_owned(notify->spool);
	struct wi_spool_counts counts;

	if (!wi_spool_look(notify->spool, &counts) ||
	    !wi_spool_each_channel(notify->spool, add_channel, notify))
		return complain(notify);
	if (!notify->options.json) {
		print_status(notify, &counts, owned);
		return WI_EXIT_OK;
	}
	print_json(notify, json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "in_use", owned,
	                             "accepted", (json_int_t)counts.accepted, "sent",
	                             (json_int_t)counts.sent, "given_up", (json_int_t)counts.given_up,
	                             "waiting", (json_int_t)counts.waiting, "suppressed",
	                             (json_int_t)counts.suppressed, "digested",
	                             (json_int_t)counts.digested, "failed", (json_int_t)counts.failed,
	                             "bytes", (json_int_t)counts.bytes, "channels", notify->rows));
	return WI_EXIT_OK;
}

/* -- retry ------------------------------------------------------------------ */

static int
run_retry(struct notify *notify)
{
	const struct wi_notify_options *options = &notify->options;
	size_t rounds = options->id_count ? options->id_count : 1;
	uint64_t messages = 0, channels = 0, some, on;
	int code = WI_EXIT_OK;

	for (size_t i = 0; i < rounds; i++) {
		const char *id = options->id_count ? options->ids[i] : NULL;

		if (!wi_spool_retry(notify->spool, id, options->channel, wi_now(CLOCK_REALTIME), &some, &on))
			return complain(notify);
		if (id && !some) {
			fprintf(stderr, "weir notify: no failed message has the id '%s'\n", id);
			code = WI_EXIT_FAILED;
		}
		messages += some;
		channels += on;
	}
	if (options->json)
		print_json(notify, json_pack("{s:I, s:I}", "messages", (json_int_t)messages, "channels_on",
		                             (json_int_t)channels));
	else
		printf("messages that wait again: %s, channels that are on again: %s\n",
		       wi_figures_count(messages).text, wi_figures_count(channels).text);
	return code;
}

static bool
open_spool(struct notify *notify)
{
	struct wi_spool_options options = {
		.path = notify->options.spool, .messages_max = UINT64_MAX, .bytes_max = UINT64_MAX,
		.failed_max = UINT64_MAX, .shared = true,
	};
	char problem[WI_NOTIFY_PROBLEM_SIZE];

	if (wi_spool_open(&options, &notify->spool, problem))
		return true;
	print_problem(problem);
	return false;
}

int
wi_cmd_notify(int argc, char **argv)
{
	struct notify notify = {0};
	int code = WI_EXIT_NO_INPUT;

	wi_notify_options_parse(&notify.options, argc, argv);
	notify.rows = json_array();
	if (open_spool(&notify)) {
		code = notify.options.action == WI_NOTIFY_STATUS ? run_status(&notify) :
		       notify.options.action == WI_NOTIFY_FAILED ? run_failed(&notify) :
		                                                   run_retry(&notify);
		wi_spool_close(notify.spool);
	}
	json_decref(notify.rows);
	wi_notify_options_fini(&notify.options);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "weir notify: cannot write to standard output: %s\n", strerror(errno));
		return WI_EXIT_FAILED;
	}
	return notify.failed ? WI_EXIT_FAILED : code;
}
