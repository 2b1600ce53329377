/* SPDX-License-Identifier: MIT */
/*
 * fuzz_watch.c - libFuzzer's way into the viewers: whatever a counters file holds, they show it as
 * text and as JSON, or say what is wrong with it.
 *
 * The input is a file as a bus writes it, and after it, where its header says that it ends, the file
 * as it is later; if nothing is there, the same a second later.
 */
#include "stat_line.h"
#include "top_lines.h"
#include "watch_text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_watch: %s\n", what);
	abort();
}

/* What is not in the file: how wide the screen is, what time it is, ... */
static uint64_t
choose(const uint8_t *data, size_t size)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * UINT64_C(1099511628211);
	return hash;
}

static size_t
columns_of(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static void
show(const struct wi_snapshot *snapshot, uint64_t choice)
{
	static FILE *nowhere;
	const struct wi_top_view view = {choice % 256, choice / 256 % WI_TOP_SORTS,
					 choice % 8 ? "" : "a"};
	struct wi_top_lines lines;
	json_t *object;
	char *text;

	if (nowhere == NULL)
		nowhere = fopen("/dev/null", "w");
	expect(nowhere != NULL && wi_top_lines_make(&lines, snapshot, &view), "no memory");
	for (size_t i = 0; i < lines.count; i++) {
		expect(columns_of(lines.each[i].text) <= view.width, "a line that is too long");
		for (const char *at = lines.each[i].text; *at != '\0'; at++)
			expect((unsigned char)*at >= ' ' && *at != 127, "a control in a line");
	}
	wi_top_lines_fini(&lines);
	object = wi_watch_json(snapshot);
	text = json_dumps(object, JSON_COMPACT);
	expect(text != NULL, "no JSON");
	free(text);
	json_decref(object);
	wi_stat_line_text(snapshot, choice % 2, choice % 3, nowhere);
}

/* One that stays odd is looked at for 100 ms: that is only said to be so. */
static struct wi_snapshot *
look(const uint8_t *data, size_t size, struct wi_snapshot *before, uint64_t choice)
{
	static int fd = -1;
	char problem[WI_LOOK_PROBLEM_SIZE] = "";
	struct wi_snapshot *snapshot;
	struct wi_look one;
	uint64_t now_ns;

	if (fd < 0)
		fd = memfd_create("fuzzed", MFD_CLOEXEC);
	expect(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size,
	       "no file");
	if (!wi_look_take(&one, fd, problem)) {
		expect(problem[0] != '\0', "refused without a word");
		return before;
	}
	one.torn = choice % 16 == 0;
	now_ns = one.header.heartbeat + choice / 16 % 4 * SECOND;
	snapshot = wi_snapshot_make(&one, before, now_ns, choice / 64 % 4 != 0);
	expect(snapshot != NULL, "no memory");
	wi_snapshot_free(before);
	show(snapshot, choice / 256);
	return snapshot;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wi_snapshot *snapshot = NULL;
	weir_counters_header header;
	uint64_t choice = choose(data, size);
	uint8_t *bytes;
	size_t first;

	if (size < sizeof(header))
		return 0;
	bytes = malloc(size);
	expect(bytes != NULL, "no memory");
	memcpy(bytes, data, size);
	memcpy(&header, bytes, sizeof(header));
	header.sequence &= ~UINT64_C(1);
	memcpy(bytes, &header, sizeof(header));
	first = header.file_size < size ? (size_t)header.file_size : size;
	snapshot = look(bytes, first, snapshot, choice);
	if (size - first >= sizeof(header)) {
		memcpy(&header, bytes + first, sizeof(header));
		header.sequence &= ~UINT64_C(1);
		memcpy(bytes + first, &header, sizeof(header));
		snapshot = look(bytes + first, size - first, snapshot, choice >> 16);
	} else {
		header.heartbeat += SECOND, header.sequence += 2;
		memcpy(bytes, &header, sizeof(header));
		snapshot = look(bytes, first, snapshot, choice >> 16);
	}
	wi_snapshot_free(snapshot);
	free(bytes);
	return 0;
}
