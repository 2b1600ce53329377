/* SPDX-License-Identifier: MIT */
/* replay_position.c - see replay_position.h. */
#include "replay_position.h"

#include "command.h"
#include "journal_text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { VERSION = 1 };

static int
fail(const struct wi_replay_position *position, int code, const char *text)
{
	fprintf(stderr, "weir replay: %s: %s\n", position->options->position, text);
	return code;
}

/* -- what it says ------------------------------------------------------------- */

/* What a position is saved with, and must be used with again. */
static json_t *
make_choice(const struct wi_replay_options *options)
{
	char from[24], to[24];
	json_t *topics = json_array();

	for (size_t i = 0; i < options->pattern_count; i++)
		json_array_append_new(topics, json_string(options->patterns[i]));
	snprintf(from, sizeof(from), "%" PRIu64, options->from);
	snprintf(to, sizeof(to), "%" PRIu64, options->to);
	return json_pack("{s:o, s:s, s:s}", "topics", topics, "from", from, "to", to);
}

static char *
make_text(const struct wi_replay_position *position)
{
	char id[2 * WI_JOURNAL_ID_SIZE + 1], hash[2 * WI_HASH_SIZE + 1];
	json_t *object;
	char *text;

	wi_journal_hex(position->id, WI_JOURNAL_ID_SIZE, id);
	wi_journal_hex(position->hash, WI_HASH_SIZE, hash);
	object = json_pack("{s:i, s:s, s:I, s:s, s:o}", "position", VERSION, "journal", id, "row",
			   (json_int_t)position->row, "hash", hash, "events",
			   make_choice(position->options));
	text = json_dumps(object, JSON_INDENT(1));
	json_decref(object);
	return text;
}

static bool
read_hash(const char *text, uint8_t hash[WI_HASH_SIZE])
{
	char again[2 * WI_HASH_SIZE + 1];

	if (text == NULL || strlen(text) != 2 * WI_HASH_SIZE)
		return false;
	for (size_t i = 0; i < WI_HASH_SIZE; i++) {
		char byte[3] = {text[2 * i], text[2 * i + 1], '\0'};

		hash[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	wi_journal_hex(hash, WI_HASH_SIZE, again);
	return strcmp(again, text) == 0;
}

static int
take(struct wi_replay_position *position, const json_t *object, uint64_t last)
{
	const json_t *row = json_object_get(object, "row");
	const char *id = json_string_value(json_object_get(object, "journal"));
	char own_id[2 * WI_JOURNAL_ID_SIZE + 1], text[128];
	json_t *choice;
	bool same;

	if (json_integer_value(json_object_get(object, "position")) != VERSION || id == NULL ||
	    !json_is_integer(row) || json_integer_value(row) < 1 ||
	    !read_hash(json_string_value(json_object_get(object, "hash")), position->hash))
		return fail(position, WI_EXIT_DATA, "is not a position of weir replay");
	wi_journal_hex(position->id, WI_JOURNAL_ID_SIZE, own_id);
	if (strcmp(id, own_id) != 0)
		return fail(position, WI_EXIT_DATA, "is a position in another journal");
	choice = make_choice(position->options);
	same = json_equal(choice, json_object_get(object, "events")) != 0;
	json_decref(choice);
	if (!same)
		return fail(position, WI_EXIT_DATA,
			    "was saved with another --topic, --from or --to");
	position->row = (uint64_t)json_integer_value(row);
	snprintf(text, sizeof(text),
		 "is behind row %" PRIu64 ", and the journal ends with row %" PRIu64, position->row,
		 last);
	return position->row <= last ? WI_EXIT_OK : fail(position, WI_EXIT_DATA, text);
}

static int
load(struct wi_replay_position *position, uint64_t last)
{
	FILE *stream = fopen(position->options->position, "re");
	json_t *object;
	int code;

	if (stream == NULL && errno == ENOENT)
		return WI_EXIT_OK;
	if (stream == NULL)
		return fail(position, WI_EXIT_DATA, strerror(errno));
	object = json_loadf(stream, JSON_REJECT_DUPLICATES, NULL);
	fclose(stream);
	code = take(position, object, last);
	json_decref(object);
	return code;
}

/* -- the files ----------------------------------------------------------------- */

static bool
beside(const struct wi_replay_position *position, const char *suffix, char path[PATH_MAX])
{
	if (snprintf(path, PATH_MAX, "%s%s", position->options->position, suffix) < PATH_MAX)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

static int
lock(struct wi_replay_position *position)
{
	char path[PATH_MAX];

	if (!beside(position, ".lock", path) ||
	    (position->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return fail(position, WI_EXIT_DATA, strerror(errno));
	if (flock(position->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return WI_EXIT_OK;
	return fail(position, WI_EXIT_DATA,
		    errno == EWOULDBLOCK ? "another replay uses it" : strerror(errno));
}

int
wi_replay_position_open(struct wi_replay_position *position,
			const struct wi_replay_options *options,
			const uint8_t id[WI_JOURNAL_ID_SIZE], uint64_t last)
{
	int code = WI_EXIT_OK;

	*position = (struct wi_replay_position){.options = options, .lock_fd = -1};
	memcpy(position->id, id, WI_JOURNAL_ID_SIZE);
	if (options->position == NULL)
		return WI_EXIT_OK;
	/* Who only counts may look at one that is used. */
	if (!options->dry_run)
		code = lock(position);
	return code == WI_EXIT_OK ? load(position, last) : code;
}

void
wi_replay_position_close(struct wi_replay_position *position)
{
	if (position->lock_fd >= 0)
		close(position->lock_fd);
	position->lock_fd = -1;
}

static bool
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t size = strlen(text);
	bool good = fd >= 0;

	while (good && size > 0) {
		ssize_t count = write(fd, text, size);

		good = count > 0 || (count < 0 && errno == EINTR);
		text += count > 0 ? count : 0;
		size -= count > 0 ? (size_t)count : 0;
	}
	good = good && fsync(fd) == 0;
	if (fd >= 0)
		good = close(fd) == 0 && good;
	return good;
}

/* The new name is on the disk, too. */
static bool
sync_directory(const char *path)
{
	char copy[PATH_MAX];
	bool good;
	int fd;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	good = fsync(fd) == 0 || errno == EINVAL; /* some file systems have no such thing */
	close(fd);
	return good;
}

bool
wi_replay_position_save(struct wi_replay_position *position, uint64_t row,
			const uint8_t hash[WI_HASH_SIZE])
{
	char path[PATH_MAX];
	bool good;
	char *text;

	if (!beside(position, ".new", path))
		return false;
	position->row = row;
	memcpy(position->hash, hash, WI_HASH_SIZE);
	text = make_text(position);
	errno = ENOMEM;
	good = text != NULL && write_file(path, text) &&
	       rename(path, position->options->position) == 0 &&
	       sync_directory(position->options->position);
	free(text);
	return good;
}
