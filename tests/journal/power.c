/* SPDX-License-Identifier: MIT */
/* power.c - see power.h. For each file what is on the disk for sure, and the changes since. */
#include "power.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

enum { SECTOR = 512, FILES_MAX = 64 };

struct change {
	int64_t at;             /* or, with no bytes, the new size */
	int size;
	char *bytes;
};

struct power_file {
	char path[512];
	char *sure;             /* on the disk */
	int64_t size, capacity;
	struct change *changes;
	size_t count, room;
	bool deleted;
};

static struct power_file files[FILES_MAX];
static unsigned file_count;
static struct chance chance;

void
power_begin(uint64_t seed)
{
	chance = chance_begin(seed);
}

static void
resize(struct power_file *file, int64_t size)
{
	if (size > file->capacity) {
		file->capacity = 2 * size;
		file->sure = realloc(file->sure, (size_t)file->capacity);
		CHECK(file->sure, "memory");
	}
	if (size > file->size)
		memset(file->sure + file->size, 0, (size_t)(size - file->size));
	file->size = size;
}

static void
apply(struct power_file *file, const struct change *change, int from, int size)
{
	if (change->at + from + size > file->size)
		resize(file, change->at + from + size);
	memcpy(file->sure + change->at + from, change->bytes + from, (size_t)size);
}

/* What is in it when it is first seen is on the disk. */
static void
load(struct power_file *file)
{
	int fd = open(file->path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

	resize(file, size);
	if (fd < 0)
		return;
	CHECK(pread(fd, file->sure, (size_t)size, 0) == size, "%s", file->path);
	/* SQLite's locks on it go with this descriptor; nobody else is there to notice. */
	close(fd);
}

struct power_file *
power_find(const char *path)
{
	struct power_file *file = files;

	while (file < files + file_count && strcmp(file->path, path) != 0)
		file++;
	CHECK(file < files + FILES_MAX, "too many files");
	if (file == files + file_count) {
		file_count++;
		snprintf(file->path, sizeof file->path, "%s", path);
		load(file);
	}
	file->deleted = false;
	return file;
}

static void
add_change(struct power_file *file, struct change change)
{
	if (file->count == file->room) {
		file->room = file->room ? 2 * file->room : 64;
		file->changes = realloc(file->changes, file->room * sizeof *file->changes);
		CHECK(file->changes, "memory");
	}
	file->changes[file->count++] = change;
}

void
power_wrote(struct power_file *file, const void *bytes, int size, int64_t at)
{
	struct change change = { at, size, NULL };

	if (!file)
		return;
	change.bytes = malloc((size_t)size);
	CHECK(change.bytes, "memory");
	memcpy(change.bytes, bytes, (size_t)size);
	add_change(file, change);
}

void
power_truncated(struct power_file *file, int64_t size)
{
	if (file)
		add_change(file, (struct change){ size, 0, NULL });
}

static void
forget_changes(struct power_file *file)
{
	for (size_t i = 0; i < file->count; i++)
		free(file->changes[i].bytes);
	file->count = 0;
}

void
power_synced(struct power_file *file)
{
	if (!file)
		return;
	for (size_t i = 0; i < file->count; i++) {
		if (file->changes[i].bytes)
			apply(file, &file->changes[i], 0, file->changes[i].size);
		else
			resize(file, file->changes[i].at);
	}
	forget_changes(file);
}

void
power_deleted(const char *path)
{
	struct power_file *file = power_find(path);

	forget_changes(file);
	resize(file, 0);
	file->deleted = true;
}

/* Each sector of each change came to the disk, or did not; a truncation too. */
static void
lose(struct power_file *file)
{
	uint32_t odds = 1 + chance_below(&chance, 4);

	for (size_t i = 0; i < file->count; i++) {
		const struct change *change = &file->changes[i];

		if (!change->bytes && chance_one_in(&chance, odds))
			resize(file, change->at);
		for (int from = 0; change->bytes && from < change->size; from += SECTOR) {
			int size = change->size - from < SECTOR ? change->size - from : SECTOR;

			if (chance_one_in(&chance, odds))
				apply(file, change, from, size);
		}
	}
}

void
power_forgot(struct power_file *file)
{
	if (!file)
		return;
	lose(file);
	forget_changes(file);
}

void
power_cut(void)
{
	for (unsigned i = 0; i < file_count; i++) {
		struct power_file *file = &files[i];
		int fd;

		if (file->deleted)
			continue;
		lose(file);
		fd = open(file->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		CHECK(fd >= 0 && pwrite(fd, file->sure, (size_t)file->size, 0) == file->size &&
		      ftruncate(fd, file->size) == 0, "%s", file->path);
		close(fd);
	}
}
