/* SPDX-License-Identifier: MIT */
/* process.c - see process.h. */
#include "watch/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

/* -- does it live ------------------------------------------------------------ */

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec now = {0, 0};

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* Field 22 of /proc/PID/stat; the name before it, in brackets, may hold anything. 0: not known. */
static uint64_t
started_at(uint32_t pid)
{
	char path[64], text[1024], *at;
	unsigned long long ticks = 0;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", (unsigned)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size <= 0)
		return 0;
	text[size] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at != NULL && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at == NULL || sscanf(at, " %llu", &ticks) != 1)
		return 0;
	return clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME) +
	       ticks * (SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
}

bool
wi_process_lives(uint32_t pid, uint64_t wrote_ns)
{
	uint64_t started;

	if (pid == 0 || pid > INT_MAX || (kill((pid_t)pid, 0) != 0 && errno != EPERM))
		return false;
	/* A clock may have been set in between: only what cannot be is another process. */
	started = started_at(pid);
	return wrote_ns == 0 || started == 0 || started < wrote_ns + 2 * SECOND;
}

/* -- whose files there are --------------------------------------------------- */

/* {name}.{pid}.{number}.weir: the name may have dots, too. 0: not such a name. */
static uint32_t
pid_of(const char *name)
{
	const char *end = name + strlen(name), *dot = NULL;
	unsigned long pid = 0;
	char *after;

	if (end - name < 9 || strcmp(end - 5, ".weir") != 0)
		return 0;
	for (int dots = 0; end > name && dots < 3;)
		if (*--end == '.' && ++dots == 3)
			dot = end;
	if (dot == NULL || dot == name || dot[1] < '1' || dot[1] > '9')
		return 0;
	pid = strtoul(dot + 1, &after, 10);
	return *after == '.' && pid <= INT_MAX ? (uint32_t)pid : 0;
}

static bool
add(struct wi_process_files *files, const char *directory, const char *name, uint32_t pid)
{
	struct wi_process_file *each =
		realloc(files->each, (files->count + 1) * sizeof(*files->each));
	struct wi_process_file *file;
	struct stat status;

	if (each == NULL)
		return false;
	files->each = each;
	file = &each[files->count];
	*file = (struct wi_process_file){.pid = pid};
	if (asprintf(&file->path, "%s/%s", directory, name) < 0)
		return false;
	files->count++;
	/* Who began after the last writing is another process. */
	file->lives = stat(file->path, &status) == 0 &&
		      wi_process_lives(pid, (uint64_t)status.st_mtim.tv_sec * SECOND);
	return true;
}

/* NULL: there is none, or it is not this user's own and may hold anybody's files. */
static DIR *
open_directory(const char *directory)
{
	struct stat status;

	if (lstat(directory, &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != geteuid())
		return NULL;
	return opendir(directory);
}

static bool
look_into(struct wi_process_files *files, const char *directory, DIR *stream)
{
	struct dirent *entry;
	bool good = true;

	while (good && (entry = readdir(stream)) != NULL) {
		uint32_t pid = pid_of(entry->d_name);

		if (pid != 0)
			good = add(files, directory, entry->d_name, pid);
	}
	closedir(stream);
	return good;
}

static int
compare(const void *a, const void *b)
{
	const struct wi_process_file *first = a, *second = b;

	if (first->pid != second->pid)
		return first->pid < second->pid ? -1 : 1;
	return strcmp(first->path, second->path);
}

bool
wi_process_find(struct wi_process_files *ret_files, bool everywhere)
{
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	char directory[WI_PROCESS_PATH_SIZE];
	DIR *stream = NULL;
	bool good = true;

	*ret_files = (struct wi_process_files){.count = 0};
	if (runtime != NULL && runtime[0] == '/' &&
	    snprintf(directory, sizeof(directory), "%s/weir", runtime) < (int)sizeof(directory) &&
	    (stream = open_directory(directory)) != NULL)
		good = look_into(ret_files, directory, stream);
	snprintf(directory, sizeof(directory), "/dev/shm/weir-%u", (unsigned)geteuid());
	if (good && (stream == NULL || everywhere) && (stream = open_directory(directory)) != NULL)
		good = look_into(ret_files, directory, stream);
	if (good && ret_files->count > 0)
		qsort(ret_files->each, ret_files->count, sizeof(*ret_files->each), compare);
	if (!good)
		wi_process_fini(ret_files);
	return good;
}

void
wi_process_fini(struct wi_process_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->each[i].path);
	free(files->each);
	*files = (struct wi_process_files){.count = 0};
}
