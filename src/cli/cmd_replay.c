/* SPDX-License-Identifier: MIT */
/*
 * cmd_replay.c - `weir replay`: publish the events of a journal again, in a host.
 *
 * Rows become frames in a buffer; what is sent, or waited for, is outside of the reader's
 * transaction. After each batch a flush, and then the position is saved: so a crash repeats a
 * batch at most.
 */
#include "command.h"
#include "interrupt.h"
#include "figures.h"
#include "journal_text.h"
#include "journal_walk.h"
#include "progress.h"
#include "replay_events.h"
#include "replay_link.h"
#include "replay_options.h"
#include "replay_position.h"
#include "replay_report.h"
#include "stopwatch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SEND_SIZE = 256 << 10, LOOK_ROWS = 256, LATE_MS = 1, FLUSH_MS = 1000 };

struct replay {
	struct wi_replay_options options;
	struct wi_interrupt interrupt;
	struct wi_progress progress;
	struct wi_journal_walk walk;
	struct wi_replay_position position;
	struct wi_replay_events events;
	struct wi_replay_link link;
	char id[2 * WI_JOURNAL_ID_SIZE + 1];
	uint64_t begin, end; /* the row behind which it begins; the last row when it began */
	uint64_t begun_ns;
	/* What was read. */
	uint64_t first, row, gaps;
	uint8_t hash[WI_HASH_SIZE];
	/* What was sent. */
	uint64_t number; /* of the last event in the buffer or sent */
	uint64_t sent;   /* events since the last flush, with those in the buffer */
	uint64_t through;
	/* The pace: when the next event is due. */
	uint64_t time, due_ns, flushed_ns;
	bool failed;
	int code;
};

/* -- sending ------------------------------------------------------------------ */

static bool
fail(struct replay *replay, int code)
{
	replay->failed = true;
	replay->code = code;
	return false;
}

/* The first `size` bytes of the buffer. */
static bool
send_bytes(struct replay *replay, size_t size)
{
	struct wi_replay_events *events = &replay->events;

	if (size == 0)
		return true;
	if (replay->walk.reader)
		wi_reader_rest(replay->walk.reader);
	if (!wi_replay_link_send(&replay->link, events->bytes, size))
		return fail(replay, replay->link.code);
	events->used -= size;
	memmove(events->bytes, events->bytes + size, events->used);
	return true;
}

static bool
save(struct replay *replay)
{
	if (!replay->options.position || replay->row <= replay->position.row)
		return true;
	if (wi_replay_position_save(&replay->position, replay->row, replay->hash))
		return true;
	wi_progress_message(&replay->progress, "%s: %s", replay->options.position, strerror(errno));
	return fail(replay, WI_EXIT_FAILED);
}

/* Of what was sent: the buffer holds nothing that is done with. */
static bool
flush_sent(struct replay *replay)
{
	if (replay->walk.reader)
		wi_reader_rest(replay->walk.reader);
	if (replay->sent > 0 && !wi_replay_link_flush(&replay->link, replay->number))
		return fail(replay, replay->link.code);
	replay->through += replay->sent;
	replay->sent = 0;
	replay->flushed_ns = wi_stopwatch_now();
	return save(replay);
}

static bool
flush(struct replay *replay)
{
	return send_bytes(replay, replay->events.used) && flush_sent(replay);
}

/* -- looking up now and then ------------------------------------------------------ */

static void
draw(struct replay *replay)
{
	uint64_t done = replay->row - replay->begin, all = replay->end - replay->begin;
	uint64_t duration_ns = wi_stopwatch_now() - replay->begun_ns;
	double left =
		done > 0 ? (double)duration_ns * (double)(replay->end - replay->row) / (double)done
			 : 0;

	if (replay->end == UINT64_MAX || all == 0)
		return;
	wi_progress_draw(&replay->progress, "%s events, %s/s, %.0f %%, %s left",
			 wi_figures_count(replay->events.count).text,
			 wi_figures_rate(replay->events.count, duration_ns).text,
			 100.0 * (double)done / (double)all, wi_figures_time((uint64_t)left).text);
}

/* False: a signal has come. */
static bool
look_up(struct replay *replay)
{
	wi_interrupt_wait(&replay->interrupt, -1, 0);
	if (wi_progress_due(&replay->progress))
		draw(replay);
	return replay->interrupt.signal == 0;
}

/* -- the pace ------------------------------------------------------------------- */

/* When this event is due: as long after the one before as it was then, by the factor. */
static void
set_due(struct replay *replay, const struct wi_row *row)
{
	uint64_t pause = row->time > replay->time ? row->time - replay->time : 0;
	double ns;

	if (replay->due_ns == 0) {
		replay->due_ns = replay->flushed_ns = wi_stopwatch_now();
		pause = 0;
	}
	if (pause > replay->options.pause_max_ns)
		pause = replay->options.pause_max_ns;
	ns = (double)pause / replay->options.speed;
	replay->due_ns += ns < (double)(UINT64_MAX / 4) ? (uint64_t)ns : UINT64_MAX / 4;
	replay->time = row->time;
}

/*
 * What comes before the event that is last in the buffer is on its way meanwhile. False: the end.
 */
static bool
wait_until_due(struct replay *replay, size_t before)
{
	uint64_t now_ns;

	while ((now_ns = wi_stopwatch_now()) + LATE_MS * WI_STOPWATCH_MS < replay->due_ns) {
		uint64_t ms = (replay->due_ns - now_ns) / WI_STOPWATCH_MS;

		if (!send_bytes(replay, before))
			return false;
		before = 0;
		if (now_ns - replay->flushed_ns >= FLUSH_MS * WI_STOPWATCH_MS &&
		    !flush_sent(replay))
			return false;
		wi_interrupt_wait(&replay->interrupt, -1,
				  ms < FLUSH_MS / 5 ? (int)ms : FLUSH_MS / 5);
		if (!look_up(replay))
			return false;
	}
	return true;
}

/* -- rows ------------------------------------------------------------------------- */

/* The event was put into the buffer behind `before` bytes. */
static bool
take_event(struct replay *replay, const struct wi_row *row, size_t before)
{
	/* The row is gone once the reader rests. */
	uint64_t number = row->seq;

	if (replay->options.speed > 0) {
		set_due(replay, row);
		if (!wait_until_due(replay, before)) {
			/* What was before it is sent; this one will be the next another time. */
			wi_replay_events_drop(&replay->events);
			return false;
		}
	}
	replay->number = number;
	replay->sent++;
	return true;
}

static void
note(struct replay *replay, uint64_t seq, const uint8_t hash[WI_HASH_SIZE])
{
	if (!replay->first)
		replay->first = seq;
	replay->row = seq;
	memcpy(replay->hash, hash, WI_HASH_SIZE);
}

/* False: enough. */
static bool
take_row(void *context, const struct wi_row *row, const uint8_t hash[WI_HASH_SIZE], bool loose)
{
	struct replay *replay = context;
	size_t before = replay->events.used;
	uint64_t seq = row->seq;
	bool taken;

	(void)loose;
	if (seq > replay->end ||
	    (replay->walk.file.problems + replay->walk.all.problems > 0 && !replay->options.loose))
		return false;
	if (seq % LOOK_ROWS == 0 && !look_up(replay))
		return false;
	replay->gaps += row->kind == WI_ROW_GAP;
	if (!wi_replay_events_take(&replay->events, row, &taken)) {
		wi_progress_message(&replay->progress, "out of memory");
		return fail(replay, WI_EXIT_FAILED);
	}
	if (taken && !replay->options.dry_run && !take_event(replay, row, before))
		return false;
	note(replay, seq, hash);
	if (replay->sent >= replay->options.batch)
		return flush(replay);
	return replay->events.used < SEND_SIZE || send_bytes(replay, replay->events.used);
}

static void
report_problem(void *context, uint64_t first, uint64_t last, const char *text)
{
	struct replay *replay = context;

	/* What is behind the place where it stops anyhow is not its matter. */
	if (!replay->options.loose && replay->walk.all.problems + replay->walk.file.problems > 1)
		return;
	wi_progress_clear(&replay->progress);
	wi_journal_complain(&replay->walk, "weir replay", first, last, text);
}

/* -- the whole ----------------------------------------------------------------------- */

static int
set_up(struct replay *replay)
{
	uint8_t id[WI_JOURNAL_ID_SIZE];
	int code;

	if (!wi_journal_look("weir replay", replay->options.journal, id, &replay->end))
		return WI_EXIT_NO_INPUT;
	wi_journal_hex(id, sizeof(id), replay->id);
	code = wi_replay_position_open(&replay->position, &replay->options, id, replay->end);
	if (code != WI_EXIT_OK)
		return code;
	if (!wi_interrupt_open(&replay->interrupt)) {
		wi_progress_message(&replay->progress, "signalfd: %s", strerror(errno));
		return WI_EXIT_FAILED;
	}
	if (!replay->options.dry_run && !wi_replay_link_open(&replay->link, replay->id))
		return replay->link.code;
	return WI_EXIT_OK;
}

static int
result(struct replay *replay, int walked)
{
	if (replay->failed)
		return replay->code;
	if (replay->walk.lost) {
		wi_progress_message(&replay->progress,
				    "%s: row %" PRIu64 " is not there, or not the row that it was",
				    replay->options.position, replay->position.row);
		return WI_EXIT_DATA;
	}
	if (replay->walk.all.problems > 0 && !replay->options.loose)
		wi_progress_message(&replay->progress,
				    "stopped before what is damaged; --loose goes on behind it");
	if (replay->interrupt.signal != 0)
		return WI_EXIT_SIGNAL + replay->interrupt.signal;
	return walked;
}

static int
run(struct replay *replay)
{
	char *path = (char *)replay->options.journal;
	int code;

	replay->walk.context = replay;
	replay->walk.row = take_row;
	replay->walk.problem = report_problem;
	replay->walk.behind = replay->row = replay->begin = replay->position.row;
	memcpy(replay->walk.behind_hash, replay->position.hash, WI_HASH_SIZE);
	replay->begun_ns = wi_stopwatch_now();
	code = wi_journal_walk(&replay->walk, &path, 1);
	if (!replay->failed && !replay->walk.lost && !replay->options.dry_run)
		flush(replay);
	code = result(replay, code);
	wi_progress_clear(&replay->progress);
	return code;
}

static bool
write_report(struct replay *replay, uint64_t duration_ns, int64_t lost)
{
	const struct wi_replay_report report = {
		.options = &replay->options,
		.events = &replay->events,
		.journal = replay->id,
		.first = replay->first,
		.last = replay->row,
		.through = replay->through,
		.gaps = replay->gaps,
		.problems = replay->walk.all.problems,
		.position = replay->position.row,
		.duration_ns = duration_ns,
		.lost = lost,
		.signal = replay->interrupt.signal,
		.complete = replay->row >= replay->end,
	};

	if (wi_replay_report_write(&report, stdout))
		return true;
	wi_progress_message(&replay->progress, "cannot write to standard output: %s",
			    strerror(errno));
	return false;
}

int
wi_cmd_replay(int argc, char **argv)
{
	struct replay replay = {.interrupt.fd = -1, .position.lock_fd = -1};
	uint64_t duration_ns = 0;
	bool begun, closed;
	int64_t lost;
	int code;

	wi_replay_options_parse(&replay.options, argc, argv);
	wi_progress_init(&replay.progress, "weir replay", true);
	wi_replay_events_init(&replay.events, &replay.options);
	replay.link = (struct wi_replay_link){.options = &replay.options,
					      .interrupt = &replay.interrupt,
					      .progress = &replay.progress,
					      .fd = -1};
	code = set_up(&replay);
	begun = code == WI_EXIT_OK;
	if (begun) {
		code = run(&replay);
		duration_ns = wi_stopwatch_now() - replay.begun_ns;
	}
	wi_interrupt_close(&replay.interrupt);
	closed = wi_replay_link_close(&replay.link, &lost);
	if (begun && !replay.walk.lost && !write_report(&replay, duration_ns, lost))
		code = WI_EXIT_FAILED;
	if (code == WI_EXIT_OK && (!closed || lost != 0))
		code = WI_EXIT_FAILED;
	wi_replay_position_close(&replay.position);
	wi_replay_events_fini(&replay.events);
	wi_replay_options_fini(&replay.options);
	return code;
}
