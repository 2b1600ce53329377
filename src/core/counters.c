/* SPDX-License-Identifier: MIT */
/* counters.c - see counters.h. */
#include "core/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/weir.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/memory.h"

static const uint32_t entry_sizes[WEIR_COUNTERS_SECTION_COUNT] = {
	[WEIR_COUNTERS_POOLS] = sizeof(weir_counters_pool),
	[WEIR_COUNTERS_DISPATCHERS] = sizeof(weir_counters_dispatcher),
	[WEIR_COUNTERS_PRODUCERS] = sizeof(weir_counters_producer),
	[WEIR_COUNTERS_SUBSCRIPTIONS] = sizeof(weir_counters_subscription),
	[WEIR_COUNTERS_TIMES] = sizeof(weir_counters_times),
};

/* -- the file --------------------------------------------------------------- */

/* A directory of this user alone, made if need be. */
static bool
own_directory(const char *path)
{
	struct stat status;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return false;
	return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid();
}

static bool
find_directory(const char *wanted, char *path, size_t size)
{
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	struct stat status;

	if (wanted) {
		snprintf(path, size, "%s", wanted);
		return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
	}
	if (runtime && runtime[0] == '/') {
		snprintf(path, size, "%s/weir", runtime);
		if (own_directory(path))
			return true;
	}
	snprintf(path, size, "/dev/shm/weir-%u", (unsigned)geteuid());
	return own_directory(path);
}

/* What may stand in a file's name. */
static void
clean_name(const char *name, char *clean, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size && name[i]; i++)
		clean[i] = name[i] > ' ' && name[i] != '/' && name[i] < 127 ? name[i] : '_';
	clean[i] = '\0';
	if (clean[0] == '.')
		clean[0] = '_';
}

static bool
open_file(struct wi_counters *counters, const char *directory, const char *name, uint64_t serial)
{
	char path[PATH_MAX], folder[PATH_MAX - 128], clean[64];
	int size;

	if (!find_directory(directory, folder, sizeof folder))
		return false;
	clean_name(name, clean, sizeof clean);
	size = snprintf(path, sizeof path, "%s/%s.%ld.%llu.weir", folder, clean, (long)getpid(),
	                (unsigned long long)serial);
	if (size < 0 || (size_t)size >= sizeof path)
		return false;
	unlink(path);   /* of a dead process that had our number */
	counters->file = wi_memory_fails() ? -1 : open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (counters->file < 0)
		return false;
	counters->path = strdup(path);
	if (counters->path && ftruncate(counters->file, (off_t)counters->snapshot_size) == 0)
		return true;
	unlink(path);
	return false;
}

static void
lay_out(struct wi_counters *counters, const uint32_t capacity[WEIR_COUNTERS_SECTION_COUNT])
{
	weir_counters_header *header = wi_counters_header(counters);
	uint64_t offset = WI_ROUND_UP(sizeof *header, (size_t)WI_LINE);

	header->magic = WEIR_COUNTERS_MAGIC;
	header->layout = WEIR_COUNTERS_LAYOUT;
	header->header_size = sizeof *header;
	header->file_size = counters->snapshot_size;
	header->pid = (uint32_t)getpid();
	header->started = wi_clock_realtime();
	snprintf(header->version, sizeof header->version, "%s", weir_version());
	for (int s = 0; s < WEIR_COUNTERS_SECTION_COUNT; s++) {
		header->section[s] = (weir_counters_section){ .offset = offset, .entry_size = entry_sizes[s],
			                                      .capacity = capacity[s] };
		offset += WI_ROUND_UP((uint64_t)capacity[s] * entry_sizes[s], (uint64_t)WI_LINE);
	}
}

static size_t
size_of(const uint32_t capacity[WEIR_COUNTERS_SECTION_COUNT])
{
	size_t size = WI_ROUND_UP(sizeof(weir_counters_header), (size_t)WI_LINE);

	for (int s = 0; s < WEIR_COUNTERS_SECTION_COUNT; s++)
		size += WI_ROUND_UP((size_t)capacity[s] * entry_sizes[s], (size_t)WI_LINE);
	return size;
}

bool
wi_counters_open(struct wi_counters *counters, const char *directory, const char *name,
                 uint64_t serial, const uint32_t capacity[WEIR_COUNTERS_SECTION_COUNT],
                 const char **ret_reason)
{
	*counters = (struct wi_counters){ .file = -1, .snapshot_size = size_of(capacity) };
	*ret_reason = NULL;
	if (directory && directory[0] == '\0')
		return false;
	counters->snapshot = wi_memory_map(counters->snapshot_size, WI_MAP_LAZY);
	if (!counters->snapshot) {
		*ret_reason = "no memory for the counters file";
		return false;
	}
	lay_out(counters, capacity);
	snprintf(wi_counters_header(counters)->name, sizeof wi_counters_header(counters)->name, "%s", name);
	if (open_file(counters, directory, name, serial))
		return true;
	wi_counters_close(counters);
	*ret_reason = "the counters file could not be made: weir top will not see this bus";
	return false;
}

void
wi_counters_close(struct wi_counters *counters)
{
	if (counters->path)
		unlink(counters->path);
	if (counters->file >= 0)
		close(counters->file);
	free(counters->path);
	wi_memory_unmap(counters->snapshot, counters->snapshot_size);
	*counters = (struct wi_counters){ .file = -1 };
}

/* -- a snapshot ------------------------------------------------------------- */

weir_counters_header *
wi_counters_header(struct wi_counters *counters)
{
	return (weir_counters_header *)counters->snapshot;
}

void
wi_counters_begin(struct wi_counters *counters)
{
	weir_counters_header *header = wi_counters_header(counters);

	for (int s = 0; s < WEIR_COUNTERS_SECTION_COUNT; s++)
		header->section[s].count = header->section[s].left_out = 0;
}

void *
wi_counters_entry(struct wi_counters *counters, int section)
{
	weir_counters_section *of = &wi_counters_header(counters)->section[section];
	void *entry;

	if (of->count == of->capacity) {
		of->left_out++;
		return NULL;
	}
	entry = counters->snapshot + of->offset + (uint64_t)of->count++ * of->entry_size;
	return memset(entry, 0, of->entry_size);
}

static bool
write_part(const struct wi_counters *counters, uint64_t offset, size_t size)
{
	return pwrite(counters->file, counters->snapshot + offset, size, (off_t)offset) == (ssize_t)size;
}

bool
wi_counters_write(struct wi_counters *counters)
{
	weir_counters_header *header = wi_counters_header(counters);
	bool done, first;

	header->heartbeat = wi_clock_realtime();
	header->sequence++;     /* odd: readers wait */
	done = write_part(counters, 0, sizeof *header);
	for (int s = 0; s < WEIR_COUNTERS_SECTION_COUNT; s++) {
		const weir_counters_section *section = &header->section[s];

		if (section->count)
			done = write_part(counters, section->offset,
			                  (size_t)section->count * section->entry_size) && done;
	}
	header->sequence++;
	done = write_part(counters, 0, sizeof *header) && done;
	first = !done && !counters->write_failed;
	counters->write_failed = !done;
	return !first;
}
