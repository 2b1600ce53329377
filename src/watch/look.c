/* SPDX-License-Identifier: MIT */
/* look.c - see look.h. */
#include "watch/look.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A snapshot is written in well below a millisecond: a writer that takes longer does not run. */
enum { TRIES = 50, PAUSE_NS = 2000000 };

/* More than any bus has, so that a file cannot ask for all memory. */
static const struct section {
	uint32_t size, count_max;
	const char *name;
} sections[WEIR_COUNTERS_SECTION_COUNT] = {
	[WEIR_COUNTERS_POOLS] = {sizeof(weir_counters_pool), 1024, "pools"},
	[WEIR_COUNTERS_DISPATCHERS] = {sizeof(weir_counters_dispatcher), 65536, "dispatchers"},
	[WEIR_COUNTERS_PRODUCERS] = {sizeof(weir_counters_producer), 1 << 21, "producers"},
	[WEIR_COUNTERS_SUBSCRIPTIONS] = {sizeof(weir_counters_subscription), 65536, "subscriptions"},
	[WEIR_COUNTERS_TIMES] = {sizeof(weir_counters_times), 65536, "times"},
};

enum { ENTRY_MAX = 64 << 10 };

int
wi_look_open(const char *path, const char **ret_problem)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	*ret_problem = NULL;
	if (fd < 0)
		return -1;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		return fd;
	close(fd);
	*ret_problem = "not a file";
	errno = 0;
	return -1;
}

/* Whether all of it was there. */
static bool
read_at(int fd, void *to, size_t size, uint64_t offset)
{
	char *at = to;

	while (size > 0) {
		ssize_t count = pread(fd, at, size, (off_t)offset);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return false;
		at += count;
		offset += (uint64_t)count;
		size -= (size_t)count;
	}
	return true;
}

static bool
check_header(const weir_counters_header *header, uint64_t size, char *problem)
{
	if (header->magic != WEIR_COUNTERS_MAGIC) {
		snprintf(problem, WI_LOOK_PROBLEM_SIZE, "not a counters file");
		return false;
	}
	if (header->layout != WEIR_COUNTERS_LAYOUT) {
		snprintf(problem, WI_LOOK_PROBLEM_SIZE,
			 "a counters file of layout %" PRIu32 ", and this program knows layout %u",
			 header->layout, WEIR_COUNTERS_LAYOUT);
		return false;
	}
	if (header->file_size > size) {
		snprintf(problem, WI_LOOK_PROBLEM_SIZE,
			 "cut off: it has %" PRIu64 " bytes of %" PRIu64, size, header->file_size);
		return false;
	}
	return true;
}

static bool
check_section(const weir_counters_header *header, int s, char *problem)
{
	const weir_counters_section *section = &header->section[s];
	uint64_t end;

	if (section->entry_size >= sections[s].size && section->entry_size <= ENTRY_MAX &&
	    section->count <= section->capacity && section->count <= sections[s].count_max &&
	    !__builtin_add_overflow(section->offset,
				    (uint64_t)section->count * section->entry_size, &end) &&
	    (section->count == 0 ||
	     (section->offset >= sizeof(*header) && end <= header->file_size)))
		return true;
	snprintf(problem, WI_LOOK_PROBLEM_SIZE, "damaged: its %s cannot lie where it says",
		 sections[s].name);
	return false;
}

/* Entry by entry where they are longer than those that this program knows. */
static bool
read_section(int fd, const weir_counters_section *section, size_t size, void **ret_entries)
{
	unsigned char *entries = malloc(section->count * size + 1);
	bool good = entries != NULL;

	*ret_entries = entries;
	if (good && section->entry_size == size)
		return read_at(fd, entries, section->count * size, section->offset);
	for (uint32_t i = 0; good && i < section->count; i++)
		good = read_at(fd, entries + i * size, size,
			       section->offset + (uint64_t)i * section->entry_size);
	return good;
}

static bool
read_sections(struct wi_look *look, int fd)
{
	void **arrays[WEIR_COUNTERS_SECTION_COUNT] = {
		[WEIR_COUNTERS_POOLS] = (void **)&look->pools,
		[WEIR_COUNTERS_DISPATCHERS] = (void **)&look->dispatchers,
		[WEIR_COUNTERS_PRODUCERS] = (void **)&look->producers,
		[WEIR_COUNTERS_SUBSCRIPTIONS] = (void **)&look->subscriptions,
		[WEIR_COUNTERS_TIMES] = (void **)&look->times,
	};

	for (int s = 0; s < WEIR_COUNTERS_SECTION_COUNT; s++)
		if (!read_section(fd, &look->header.section[s], sections[s].size, arrays[s]))
			return false;
	return true;
}

/* 1: whole; 0: it was written meanwhile; -1: it is none. */
static int
try_once(struct wi_look *look, int fd, char *problem)
{
	weir_counters_header after;
	struct stat status;

	if (fstat(fd, &status) != 0 || (uint64_t)status.st_size < sizeof(look->header) ||
	    !read_at(fd, &look->header, sizeof(look->header), 0)) {
		snprintf(problem, WI_LOOK_PROBLEM_SIZE,
			 "too short for a counters file: %lld bytes", (long long)status.st_size);
		return -1;
	}
	look->unlinked = status.st_nlink == 0;
	if (!check_header(&look->header, (uint64_t)status.st_size, problem))
		return -1;
	for (int s = 0; s < WEIR_COUNTERS_SECTION_COUNT; s++)
		if (!check_section(&look->header, s, problem))
			return -1;
	if (!read_sections(look, fd) || !read_at(fd, &after, sizeof(after), 0)) {
		snprintf(problem, WI_LOOK_PROBLEM_SIZE, "it could not be read to its end");
		return -1;
	}
	look->torn = look->header.sequence % 2 != 0 || after.sequence != look->header.sequence;
	return !look->torn;
}

bool
wi_look_take(struct wi_look *look, int fd, char problem[WI_LOOK_PROBLEM_SIZE])
{
	const struct timespec pause = {0, PAUSE_NS};
	int result = 0;

	*look = (struct wi_look){.torn = false};
	for (int i = 0; i < TRIES && result == 0; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		wi_look_fini(look);
		result = try_once(look, fd, problem);
	}
	/* One that stays torn is better than none: its numbers may not fit each other. */
	if (result < 0)
		wi_look_fini(look);
	return result >= 0;
}

bool
wi_look_is_old(const struct wi_look *look, int fd)
{
	weir_counters_header header;

	return !read_at(fd, &header, sizeof(header), 0) || header.sequence != look->header.sequence;
}

void
wi_look_fini(struct wi_look *look)
{
	free(look->pools);
	free(look->dispatchers);
	free(look->producers);
	free(look->subscriptions);
	free(look->times);
	*look = (struct wi_look){.torn = false};
}
