/* SPDX-License-Identifier: MIT */
/* script.c - see script.h. */
#include "script.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "look.h"
#include "support.h"

enum { BATCH_MAX = 16, PAYLOAD_MAX = 1500, BATCHES = 12, REOPEN_EVERY = 5 };

void
script_begin(struct script *script, enum wi_durability durability)
{
	/* What the system was given outlives the process there, too, and nobody waits for a disk. */
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");

	memset(script, 0, sizeof *script);
	snprintf(script->directory, sizeof script->directory, "%.200s/weir-journal-XXXXXX",
	         base ? base : "/tmp");
	CHECK(mkdtemp(script->directory), "%s", script->directory);
	snprintf(script->path, sizeof script->path, "%s/audit.db", script->directory);
	script->options = (struct wi_store_options){
		.path = script->path, .durability = durability, .rotate_size = 48 * 1024,
		.checkpoint_pages = 12,
	};
	script->batches = BATCHES;
}

void
script_end(struct script *script)
{
	DIR *directory = opendir(script->directory);
	struct dirent *entry;
	char path[600];

	CHECK(directory, "%s", script->directory);
	while ((entry = readdir(directory))) {
		snprintf(path, sizeof path, "%s/%s", script->directory, entry->d_name);
		unlink(path);
	}
	closedir(directory);
	rmdir(script->directory);
}

/* Batch b has 1, 2, ... rows, and their payloads sizes of their own. */
static uint32_t
batch_size(uint64_t first)
{
	return 1 + (uint32_t)(first * 7 % BATCH_MAX);
}

struct batch {
	struct wi_row rows[BATCH_MAX];
	uint32_t topics[BATCH_MAX];
	char payloads[BATCH_MAX][PAYLOAD_MAX];
	uint32_t count;
};

static void
fill(struct batch *batch, uint64_t first)
{
	static const char *const topics[] = { "order.after.create", "order.after.delete", "user.x.y" };

	batch->count = batch_size(first);
	for (uint32_t i = 0; i < batch->count; i++) {
		uint64_t number = first + i;
		const char *topic = topics[number % 3];

		memset(batch->payloads[i], (int)('a' + number % 26), PAYLOAD_MAX);
		memcpy(batch->payloads[i], &number, sizeof number);
		batch->topics[i] = (uint32_t)(number % 3) + 1;
		batch->rows[i] = (struct wi_row){
			.kind = WI_ROW_EVENT, .time = number, .sequence = number, .source = 1,
			.topic = topic, .topic_size = (uint32_t)strlen(topic),
			.payload = batch->payloads[i],
			.size = 8 + (uint32_t)(number * 37 % (PAYLOAD_MAX - 8)),
		};
	}
}

static int
open_store(struct script *script)
{
	return script->store ? 0 :
	                       wi_store_open(&script->options, &script->store, script->problem);
}

static int
write_batch(struct script *script, const struct batch *batch, bool again)
{
	struct batch copy = *batch;
	int code = wi_store_ready(script->store);

	if (code)
		return code;
	if (wi_store_take_late(script->store)) {
		CHECK(again, "rows of a write that did not fail");
		return 0;
	}
	for (uint32_t i = 0; i < copy.count; i++)
		copy.rows[i].payload = copy.payloads[i];
	return wi_store_write(script->store, copy.rows, copy.topics, copy.count);
}

/* One batch, or until the tries are over. */
static int
run_batch(struct script *script, uint64_t first, unsigned tries)
{
	static struct batch batch;
	bool again = false;
	int code;

	fill(&batch, first);
	do {
		code = open_store(script);
		if (!code) {
			code = write_batch(script, &batch, again);
			again = true;
		}
	} while (code && tries--);
	if (!code)
		__atomic_store_n(script->recorded, first + batch.count - 1, __ATOMIC_RELEASE);
	return code;
}

static int
run(struct script *script, unsigned tries)
{
	uint64_t first = *script->recorded + 1;
	int code = 0;

	for (uint32_t i = 0; i < script->batches && !code; i++) {
		code = run_batch(script, first, tries);
		first += batch_size(first);
		if (!code && i % REOPEN_EVERY == REOPEN_EVERY - 1) {
			wi_store_close(script->store);
			script->store = NULL;
		}
	}
	if (script->store)
		wi_store_close(script->store);
	script->store = NULL;
	return code;
}

int
script_run(struct script *script)
{
	return run(script, 0);
}

int
script_run_stubborn(struct script *script, unsigned tries)
{
	return run(script, tries);
}

/* -- check ------------------------------------------------------------------ */

static void
check_row(void *context, const struct wi_row *row)
{
	uint64_t *last = context, number = 0;

	if (row->size >= sizeof number)
		memcpy(&number, row->payload, sizeof number);
	CHECK(number == *last + 1, "row %llu has number %llu after %llu", (ull)row->seq, (ull)number,
	      (ull)*last);
	*last = number;
}

uint64_t
script_check(const struct script *script, const char *what, uint64_t number)
{
	uint64_t last = 0;
	struct look look;

	look = look_at_journal(script->path, check_row, &last);
	CHECK(look.files == 0 || look_is_good(&look) ||
	      /* The last file may have been made and not begun. */
	      (look.unreadable == 1 && !look.loose && !look.broken && !look.holes && look.linked),
	      "%s %llu: loose %llu, broken %llu, holes %llu, unreadable %llu, linked %d", what,
	      (ull)number, (ull)look.loose, (ull)look.broken, (ull)look.holes, (ull)look.unreadable,
	      look.linked);
	CHECK(last >= *script->recorded, "%s %llu: %llu acknowledged, %llu recorded", what, (ull)number,
	      (ull)*script->recorded, (ull)last);
	return last;
}
