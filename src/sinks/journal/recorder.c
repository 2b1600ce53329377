/* SPDX-License-Identifier: MIT */
/*
 * recorder.c - see recorder.h.
 *
 * One lock for rows and store. Each pattern is a subscription, a "part"; an event that matches
 * several is recorded by the first of them. A commit takes all that was gathered, of every part and
 * dispatcher; whether it worked is kept for each until its own batch_end asks.
 */
#include "recorder.h"

#include "common/now.h"
#include "core/pattern.h"
#include "gaps.h"
#include "rows.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	DISPATCHERS_MAX = 256,
	ROWS_MAX = 16384, BYTES_MAX = 8 << 20,          /* of a commit */
	PAUSE_MS_FIRST = 10, PAUSE_MS_MOST = 500, SLICE_MS = 10
};

/* Numbers of topics for the store; those of the bus begin behind. */
enum { TOPIC_GAP = 1, TOPIC_OPENED, TOPIC_CLOSED, TOPIC_FIRST };

static const char gap_topic[] = "weir.gap", opened_topic[] = "weir.journal.opened",
	closed_topic[] = "weir.journal.closed";

/* What became of the rows of a dispatcher's batch. */
struct slot {
	const weir_producer *dispatcher;
	bool pending;
	int code;
};

struct part {
	struct wi_recorder *recorder;
	char *pattern;
	struct slot slots[DISPATCHERS_MAX];
};

struct topic {
	const char *name;
	uint32_t size;
	const struct part *part;        /* that records it */
};

struct wi_recorder {
	pthread_mutex_t lock;
	struct wi_recorder_host host;
	weir_journal_on_error on_error;
	struct part *parts, *gap_part;  /* gap_part: of weir.gap */
	uint32_t part_count;
	struct topic *topics;           /* by number */
	uint32_t topic_count;

	struct wi_store *store;
	struct wi_rows rows, own;       /* gathered events; rows about the journal itself */
	uint64_t now;                   /* of this batch, 0: not asked */

	/*
	 * Not recorded, and no row says so yet. `after`: since the last write that failed; what that
	 * one was to write may yet be found in the file.
	 */
	struct wi_gaps gaps, after;
	enum { NOTHING, OWN, ROWS, DROPPED } tried;     /* by that write */
	uint32_t dropped;               /* how many events it had, if they were dropped */

	pthread_mutex_t look;           /* of what follows */
	weir_journal_counts counts;
	char problem[WI_STORE_PROBLEM_SIZE];
};

/* -- topics ----------------------------------------------------------------- */

static const struct part *
choose_part(const struct wi_recorder *recorder, const char *name)
{
	for (uint32_t i = 0; i < recorder->part_count; i++)
		if (wi_pattern_matches(recorder->parts[i].pattern, name))
			return &recorder->parts[i];
	return NULL;
}

/* NULL: out of memory. */
static const struct topic *
find_topic(struct wi_recorder *recorder, weir_topic number)
{
	struct topic *topic, *topics;
	uint32_t count;

	if (number.id >= recorder->topic_count) {
		count = number.id < 512 ? 1024 : 2 * number.id;
		topics = realloc(recorder->topics, count * sizeof *topics);
		if (!topics)
			return NULL;
		memset(topics + recorder->topic_count, 0,
		       (count - recorder->topic_count) * sizeof *topics);
		recorder->topics = topics;
		recorder->topic_count = count;
	}
	topic = &recorder->topics[number.id];
	if (!topic->name) {
		topic->name = recorder->host.topic_name(recorder->host.context, number);
		topic->size = (uint32_t)strlen(topic->name);
		topic->part = choose_part(recorder, topic->name);
	}
	return topic;
}

/* -- rows ------------------------------------------------------------------- */

static bool
add_own(struct wi_recorder *recorder, enum wi_row_kind kind, const struct wi_gap *gap,
        const char *text, size_t size)
{
	static const struct { const char *name; uint32_t number; } topics[] = {
		[WI_ROW_GAP] = { gap_topic, TOPIC_GAP },
		[WI_ROW_OPENED] = { opened_topic, TOPIC_OPENED },
		[WI_ROW_CLOSED] = { closed_topic, TOPIC_CLOSED },
	};
	struct wi_row row = {
		.kind = kind, .time = wi_now(CLOCK_REALTIME),
		.topic = topics[kind].name, .topic_size = (uint32_t)strlen(topics[kind].name),
		.payload = text, .size = (uint32_t)size,
		.source = gap ? gap->source : 0,
		.sequence = gap ? gap->last : 0,
	};

	return wi_rows_add(&recorder->own, &row, topics[kind].number);
}

static bool
add_gaps(struct wi_recorder *recorder)
{
	char text[WI_GAP_TEXT_SIZE];
	const struct wi_gap *gap;
	size_t size;

	for (uint32_t i = 0; (size = wi_gaps_format(&recorder->gaps, i, text, &gap)) > 0; i++)
		if (!add_own(recorder, WI_ROW_GAP, gap, text, size))
			return false;
	return true;
}

/* -- committing ------------------------------------------------------------- */

static void
say(struct wi_recorder *recorder, int level, const char *id, const char *text)
{
	recorder->host.log(recorder->host.context, level, id, text);
}

/* What is pending of all dispatchers has come to this. */
static void
settle(struct wi_recorder *recorder, int code)
{
	for (uint32_t i = 0; i < recorder->part_count; i++) {
		struct slot *slot = recorder->parts[i].slots;

		for (; slot < recorder->parts[i].slots + DISPATCHERS_MAX && slot->dispatcher; slot++) {
			if (slot->pending && code)
				slot->code = code;
			slot->pending = false;
		}
	}
	wi_rows_clear(&recorder->rows);
	recorder->now = 0;
}

static void
note_success(struct wi_recorder *recorder, uint64_t ns)
{
	struct wi_store_counts store = wi_store_get_counts(recorder->store);
	weir_journal_counts *counts = &recorder->counts;
	bool was = false;

	pthread_mutex_lock(&recorder->look);
	counts->events += recorder->rows.count;
	counts->rows = store.rows;
	counts->commits = store.commits;
	counts->files = store.files;
	counts->commit_ns += ns;
	if (ns > counts->commit_ns_max)
		counts->commit_ns_max = ns;
	was = counts->code != 0;
	counts->code = 0;
	counts->holding_since = 0;
	*recorder->problem = '\0';
	pthread_mutex_unlock(&recorder->look);
	if (was)
		say(recorder, 5, "WEIR-JOURNAL-GOES-ON", "rows are recorded again");
}

/* Told once, and again when the reason changes. */
static void
note_failure(struct wi_recorder *recorder, int code, bool hold)
{
	char text[WI_STORE_PROBLEM_SIZE + 64];
	weir_journal_counts *counts = &recorder->counts;
	bool fresh;

	pthread_mutex_lock(&recorder->look);
	counts->failures++;
	fresh = counts->code != code;
	counts->code = code;
	if (hold && !counts->holding_since)
		counts->holding_since = wi_now(CLOCK_REALTIME);
	snprintf(recorder->problem, sizeof recorder->problem, "%s",
	         wi_store_problem(recorder->store));
	pthread_mutex_unlock(&recorder->look);
	if (!fresh)
		return;
	snprintf(text, sizeof text, "%s: %s", hold ? "holding" : "rows are dropped",
	         wi_store_problem(recorder->store));
	say(recorder, 3, hold ? "WEIR-JOURNAL-HOLDS" : "WEIR-JOURNAL-DROPS", text);
}

static void
count_dropped(struct wi_recorder *recorder, struct wi_gaps *gaps)
{
	for (uint32_t i = 0; i < recorder->rows.count; i++) {
		const struct wi_row *row = &recorder->rows.list[i];

		wi_gaps_add(gaps, &(struct wi_gap){ row->source, false, row->sequence,
		                                    row->sequence, 1 });
	}
	snprintf(gaps->reason, sizeof gaps->reason, "%s", wi_store_problem(recorder->store));
}

static void
give_up(struct wi_recorder *recorder, int code)
{
	count_dropped(recorder, &recorder->gaps);
	if (recorder->tried == ROWS) {
		wi_gaps_clear(&recorder->after);
		recorder->tried = DROPPED;
		recorder->dropped = recorder->rows.count;
	} else {
		count_dropped(recorder, &recorder->after);
	}
	pthread_mutex_lock(&recorder->look);
	recorder->counts.dropped += recorder->rows.count;
	recorder->counts.holding_since = 0;
	pthread_mutex_unlock(&recorder->look);
	settle(recorder, code & 0xff);
}

/* What a failed write was to write is in the file after all. True: those were the rows at hand. */
static bool
take_late(struct wi_recorder *recorder)
{
	bool rows = recorder->tried == ROWS;

	if (recorder->tried == DROPPED) {
		pthread_mutex_lock(&recorder->look);
		recorder->counts.dropped -= recorder->dropped;
		recorder->counts.events += recorder->dropped;
		pthread_mutex_unlock(&recorder->look);
	}
	if (!rows)
		recorder->gaps = recorder->after;
	recorder->tried = NOTHING;
	return rows;
}

static int
write_own(struct wi_recorder *recorder)
{
	int code;

	recorder->tried = OWN;
	wi_gaps_clear(&recorder->after);
	code = wi_store_write(recorder->store, recorder->own.list, recorder->own.topics,
	                      recorder->own.count);
	if (code == 0)
		recorder->tried = NOTHING;
	return code;
}

static int
write_gaps(struct wi_recorder *recorder)
{
	int code;

	wi_rows_clear(&recorder->own);
	code = add_gaps(recorder) ? write_own(recorder) : SQLITE_NOMEM;
	if (code == 0)
		wi_gaps_clear(&recorder->gaps);
	return code;
}

static int
try(struct wi_recorder *recorder)
{
	int code = wi_store_ready(recorder->store);

	if (code == 0 && wi_store_take_late(recorder->store) && take_late(recorder))
		return 0;
	if (code == 0 && wi_gaps_any(&recorder->gaps))
		code = write_gaps(recorder);
	if (code || !recorder->rows.count)
		return code;
	recorder->tried = ROWS;
	code = wi_store_write(recorder->store, recorder->rows.list, recorder->rows.topics,
	                      recorder->rows.count);
	if (code == 0)
		recorder->tried = NOTHING;
	return code;
}

static bool
stopping(const struct wi_recorder *recorder)
{
	return recorder->host.stopping(recorder->host.context);
}

/* In slices, to be gone when the host wants it. */
static void
rest(struct wi_recorder *recorder, unsigned ms)
{
	const struct timespec slice = { 0, SLICE_MS * 1000000 };

	for (unsigned slept = 0; slept < ms && !stopping(recorder); slept += SLICE_MS)
		nanosleep(&slice, NULL);
}

/* Until all that is gathered is recorded; or, as it is to be on errors, given up: then the code. */
static int
record(struct wi_recorder *recorder)
{
	uint64_t start = wi_now(CLOCK_MONOTONIC);
	unsigned pause = PAUSE_MS_FIRST;
	int code;

	if (!recorder->rows.count && !wi_gaps_any(&recorder->gaps))
		return 0;
	while ((code = try(recorder)) != 0) {
		bool hold = recorder->on_error == WEIR_JOURNAL_HOLD && !stopping(recorder);

		note_failure(recorder, code, hold);
		if (!hold) {
			give_up(recorder, code);
			return code & 0xff;
		}
		rest(recorder, pause);
		pause = pause < PAUSE_MS_MOST / 2 ? 2 * pause : PAUSE_MS_MOST;
	}
	note_success(recorder, wi_now(CLOCK_MONOTONIC) - start);
	settle(recorder, 0);
	return 0;
}

/* -- gathering -------------------------------------------------------------- */

static struct slot *
find_slot(struct part *part, const weir_producer *dispatcher)
{
	struct slot *slot = part->slots;

	while (slot < part->slots + DISPATCHERS_MAX && slot->dispatcher != dispatcher &&
	       slot->dispatcher)
		slot++;
	if (slot == part->slots + DISPATCHERS_MAX)
		return NULL;
	slot->dispatcher = dispatcher;
	return slot;
}

/* Memory is one more thing that may be short for a while. */
static int
add_row(struct wi_recorder *recorder, const struct wi_row *row, uint32_t topic)
{
	int code;

	if (recorder->rows.count >= ROWS_MAX || recorder->rows.used >= BYTES_MAX) {
		code = record(recorder);
		if (code && recorder->on_error == WEIR_JOURNAL_HOLD)
			return code;
	}
	while (!wi_rows_add(&recorder->rows, row, topic)) {
		code = record(recorder);
		if (recorder->on_error == WEIR_JOURNAL_DROP || stopping(recorder))
			return SQLITE_NOMEM;
		rest(recorder, PAUSE_MS_FIRST);
	}
	return 0;
}

static int
gather(struct wi_recorder *recorder, const weir_event *event, const weir_delivery *delivery,
       const struct topic *topic)
{
	const weir_trace *trace = weir_event_trace(event);
	struct wi_row row = {
		.kind = WI_ROW_EVENT,
		.time = event->time,
		.sequence = delivery->sequence,
		.source = delivery->source,
		.topic = topic->name,
		.topic_size = topic->size,
		.payload = weir_event_data(event),
		.size = event->size,
		.has_trace = trace != NULL,
	};
	int code;

	row.has_key = weir_event_key(event, &row.key) != 0;
	if (trace) {
		memcpy(row.trace, trace->trace_id, 16);
		memcpy(row.trace + 16, trace->span_id, 8);
		row.trace[24] = trace->flags;
	}
	if (!row.time) {
		if (!recorder->now)
			recorder->now = wi_now(CLOCK_REALTIME);
		row.time = recorder->now;
	}
	code = add_row(recorder, &row, TOPIC_FIRST + weir_event_topic(event).id);
	if (code) {
		wi_gaps_add(&recorder->gaps, &(struct wi_gap){ row.source, false, row.sequence,
		                                               row.sequence, 1 });
		pthread_mutex_lock(&recorder->look);
		recorder->counts.dropped++;
		pthread_mutex_unlock(&recorder->look);
	}
	return code;
}

static int
gather_gap(struct wi_recorder *recorder, const weir_event *event)
{
	struct wi_gap gap = { .skipped = true };
	weir_gap told;

	if (event->size < sizeof told)
		return SQLITE_MISUSE;
	memcpy(&told, weir_event_data(event), sizeof told);
	gap.source = told.source;
	gap.first = told.sequence_first;
	gap.last = told.sequence_last;
	gap.count = gap.last - gap.first + 1;
	wi_gaps_add(&recorder->gaps, &gap);
	wi_gaps_add(&recorder->after, &gap);
	return 0;
}

static int
handle(struct part *part, const weir_event *event, const weir_delivery *delivery)
{
	struct wi_recorder *recorder = part->recorder;
	const struct topic *topic = find_topic(recorder, weir_event_topic(event));
	struct slot *slot = find_slot(part, delivery->producer);

	if (!topic || !slot)
		return SQLITE_NOMEM;
	if (topic->part != part)
		return 0;
	slot->pending = true;
	if (topic->part == recorder->gap_part)
		return gather_gap(recorder, event);
	return gather(recorder, event, delivery, topic);
}

int
wi_recorder_handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct part *part = context;
	int code;

	pthread_mutex_lock(&part->recorder->lock);
	code = handle(part, event, delivery);
	pthread_mutex_unlock(&part->recorder->lock);
	return code;
}

int
wi_recorder_batch_end(const weir_delivery *delivery, void *context)
{
	struct part *part = context;
	struct wi_recorder *recorder = part->recorder;
	struct slot *slot;
	int code = 0;

	pthread_mutex_lock(&recorder->lock);
	slot = find_slot(part, delivery->producer);
	if (slot && slot->pending)
		record(recorder);
	if (slot) {
		code = slot->code;
		slot->code = 0;
	}
	pthread_mutex_unlock(&recorder->lock);
	return code;
}

/* -- life ------------------------------------------------------------------- */

const char *
wi_recorder_part(struct wi_recorder *recorder, uint32_t i, void **ret_context)
{
	if (i >= recorder->part_count)
		return NULL;
	*ret_context = &recorder->parts[i];
	return recorder->parts[i].pattern;
}

static weir_status
add_part(struct wi_recorder *recorder, const char *pattern, char ret_problem[WI_STORE_PROBLEM_SIZE])
{
	struct part *part = &recorder->parts[recorder->part_count];

	if (!wi_pattern_valid(pattern)) {
		snprintf(ret_problem, WI_STORE_PROBLEM_SIZE, "'%.280s' is not a pattern of topics",
		         pattern);
		return WEIR_EINVAL;
	}
	part->pattern = strdup(pattern);
	if (!part->pattern)
		return WEIR_ENOMEM;
	part->recorder = recorder;
	recorder->part_count++;
	return WEIR_OK;
}

/* The first part is told what the pool has skipped, whatever is to be recorded. */
static weir_status
add_parts(struct wi_recorder *recorder, const weir_journal_options *options,
          char ret_problem[WI_STORE_PROBLEM_SIZE])
{
	weir_status status;

	recorder->parts = calloc(options->topic_count + 2, sizeof *recorder->parts);
	if (!recorder->parts)
		return WEIR_ENOMEM;
	recorder->gap_part = recorder->parts;
	status = add_part(recorder, gap_topic, ret_problem);
	if (status == WEIR_OK && !options->topic_count)
		status = add_part(recorder, ">", ret_problem);
	for (uint32_t i = 0; i < options->topic_count && status == WEIR_OK; i++)
		status = add_part(recorder, options->topics[i], ret_problem);
	return status;
}

static const char *
durability_name(weir_journal_durability durability)
{
	return durability == WEIR_JOURNAL_NONE ? "none" :
	       durability == WEIR_JOURNAL_COMMIT ? "commit" : "batched";
}

static bool
add_opened(struct wi_recorder *recorder, const weir_journal_options *options)
{
	char program[64], text[256];
	int used;

	wi_gaps_plain(program, sizeof program, program_invocation_short_name);
	used = snprintf(text, sizeof text,
	                "{\"program\":\"%s\",\"pid\":%ld,\"weir\":\"%d.%d.%d\","
	                "\"durability\":\"%s\",\"on_error\":\"%s\"}",
	                program, (long)getpid(), WEIR_VERSION_MAJOR, WEIR_VERSION_MINOR,
	                WEIR_VERSION_PATCH, durability_name(options->durability),
	                options->on_error == WEIR_JOURNAL_DROP ? "drop" : "hold");
	return add_own(recorder, WI_ROW_OPENED, NULL, text, (size_t)used);
}

static weir_status
open_store(struct wi_recorder *recorder, const weir_journal_options *options,
           char ret_problem[WI_STORE_PROBLEM_SIZE])
{
	struct wi_store_options store = {
		.path = options->path,
		.durability = options->durability == WEIR_JOURNAL_NONE ? WI_DURABILITY_NONE :
		              options->durability == WEIR_JOURNAL_COMMIT ? WI_DURABILITY_COMMIT :
		                                                           WI_DURABILITY_BATCHED,
		.rotate_size = options->rotate_size,
		.rotate_ns = options->rotate_ns,
		.checkpoint_pages = options->checkpoint_pages,
	};
	int code = wi_store_open(&store, &recorder->store, ret_problem);

	if (code == 0) {
		code = add_opened(recorder, options) ? write_own(recorder) : SQLITE_NOMEM;
		if (code)
			snprintf(ret_problem, WI_STORE_PROBLEM_SIZE, "%s",
			         wi_store_problem(recorder->store));
	}
	/* What could not be told before is still to be told. */
	recorder->tried = NOTHING;
	wi_rows_clear(&recorder->own);
	switch (code & 0xff) {
	case SQLITE_OK: return WEIR_OK;
	case SQLITE_BUSY: return WEIR_EBUSY;
	case SQLITE_NOMEM: return WEIR_ENOMEM;
	default: return WEIR_EIO;
	}
}

static void
release(struct wi_recorder *recorder)
{
	for (uint32_t i = 0; i < recorder->part_count; i++)
		free(recorder->parts[i].pattern);
	free(recorder->parts);
	free(recorder->topics);
	wi_rows_fini(&recorder->rows);
	wi_rows_fini(&recorder->own);
	pthread_mutex_destroy(&recorder->lock);
	pthread_mutex_destroy(&recorder->look);
	free(recorder);
}

weir_status
wi_recorder_open(const weir_journal_options *options, const struct wi_recorder_host *host,
                 const struct wi_gaps *untold, struct wi_recorder **ret_recorder,
                 char ret_problem[WI_STORE_PROBLEM_SIZE])
{
	struct wi_recorder *recorder = calloc(1, sizeof *recorder);
	weir_status status;

	snprintf(ret_problem, WI_STORE_PROBLEM_SIZE, "out of memory");
	if (!recorder)
		return WEIR_ENOMEM;
	pthread_mutex_init(&recorder->lock, NULL);
	pthread_mutex_init(&recorder->look, NULL);
	recorder->host = *host;
	recorder->on_error = options->on_error;
	if (untold)
		recorder->gaps = *untold;
	status = add_parts(recorder, options, ret_problem);
	if (status == WEIR_OK)
		status = open_store(recorder, options, ret_problem);
	if (status == WEIR_OK) {
		*ret_recorder = recorder;
		return WEIR_OK;
	}
	if (recorder->store)
		wi_store_close(recorder->store);
	release(recorder);
	return status;
}

void
wi_recorder_close(struct wi_recorder *recorder, struct wi_gaps *ret_untold)
{
	if (wi_store_ready(recorder->store) == 0) {
		if (wi_store_take_late(recorder->store))
			take_late(recorder);
		wi_rows_clear(&recorder->own);
		if (add_gaps(recorder) && add_own(recorder, WI_ROW_CLOSED, NULL, NULL, 0) &&
		    write_own(recorder) == 0)
			wi_gaps_clear(&recorder->gaps);
	}
	*ret_untold = recorder->gaps;
	wi_store_close(recorder->store);
	release(recorder);
}

void
wi_recorder_look(struct wi_recorder *recorder, weir_journal_counts *ret_counts,
                 char ret_problem[WI_STORE_PROBLEM_SIZE])
{
	pthread_mutex_lock(&recorder->look);
	*ret_counts = recorder->counts;
	if (ret_problem)
		memcpy(ret_problem, recorder->problem, WI_STORE_PROBLEM_SIZE);
	pthread_mutex_unlock(&recorder->look);
	ret_counts->size = sizeof *ret_counts;
}
