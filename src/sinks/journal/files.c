/* SPDX-License-Identifier: MIT */
/*
 * files.c - the lock is one of an open file description (fcntl, OFD): a second journal in the same
 * process is refused as well, closing some other descriptor does not give it up, and who reads can
 * ask for it without taking it, which flock cannot.
 */
#include "files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGITS = 6, DIGITS_MAX = 18 };

static bool
resolve_directory(struct wi_files *files, const char *path, size_t size)
{
	char given[WI_FILES_PATH_MAX], *real;

	if (size == 0) {
		strcpy(given, ".");
	} else if (size < sizeof given) {
		memcpy(given, path, size);
		given[size] = '\0';
	} else {
		errno = ENAMETOOLONG;
		return false;
	}
	real = realpath(given, NULL);
	if (!real)
		return false;
	/* Room for a name behind it. */
	if (strlen(real) + 256 < sizeof files->directory)
		strcpy(files->directory, real);
	else
		errno = ENAMETOOLONG;
	size = strlen(real);
	free(real);
	return size + 256 < sizeof files->directory;
}

static bool
locate(struct wi_files *files, const char *path, const char *name, const char *stem_end,
       const char *suffix)
{
	size_t stem = (size_t)(stem_end - name);

	if (stem == 0 || stem >= sizeof files->stem || strlen(suffix) >= sizeof files->suffix) {
		errno = stem ? ENAMETOOLONG : EINVAL;
		return false;
	}
	memcpy(files->stem, name, stem);
	files->stem[stem] = '\0';
	strcpy(files->suffix, suffix);
	return resolve_directory(files, path, (size_t)(name - path));
}

static const char *
name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* From the last dot, unless the name begins with it. */
static const char *
suffix_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name ? dot : name + strlen(name);
}

bool
wi_files_locate(struct wi_files *files, const char *path)
{
	const char *name = name_of(path), *suffix = suffix_of(name);

	return locate(files, path, name, suffix, suffix);
}

/* "audit-000012.db" between stem_end and suffix: 12; 0 if it has another form. */
static uint64_t
number_in(const char *from, const char *to)
{
	char digits[DIGITS_MAX + 1];
	size_t size = (size_t)(to - from);

	if (size < DIGITS + 1 || size > DIGITS_MAX + 1 || *from != '-')
		return 0;
	for (size_t i = 1; i < size; i++)
		if (!isdigit((unsigned char)from[i]))
			return 0;
	memcpy(digits, from + 1, size - 1);
	digits[size - 1] = '\0';
	if (size - 1 > DIGITS && *digits == '0')
		return 0;
	return strtoull(digits, NULL, 10);
}

uint64_t
wi_files_locate_by_file(struct wi_files *files, const char *path)
{
	const char *name = name_of(path), *suffix = suffix_of(name), *dash = suffix;
	uint64_t number;

	while (dash > name && *dash != '-')
		dash--;
	number = number_in(dash, suffix);
	return number && locate(files, path, name, dash, suffix) ? number : 0;
}

void
wi_files_name(const struct wi_files *files, uint64_t number, char *ret_name, size_t size)
{
	snprintf(ret_name, size, "%s-%0*" PRIu64 "%s", files->stem, DIGITS, number, files->suffix);
}

void
wi_files_path(const struct wi_files *files, uint64_t number, char ret_path[WI_FILES_PATH_MAX])
{
	char name[256];

	wi_files_name(files, number, name, sizeof name);
	snprintf(ret_path, WI_FILES_PATH_MAX, "%.*s/%s", WI_FILES_PATH_MAX - 257, files->directory,
	         name);
}

/* The number of a file of this journal, 0 if the name is another's. */
static uint64_t
number_of(const struct wi_files *files, const char *name)
{
	size_t stem = strlen(files->stem), size = strlen(name), suffix = strlen(files->suffix);

	if (size <= stem + suffix || strncmp(name, files->stem, stem) != 0 ||
	    strcmp(name + size - suffix, files->suffix) != 0)
		return 0;
	return number_in(name + stem, name + size - suffix);
}

static int
compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

bool
wi_files_list(const struct wi_files *files, uint64_t **ret_numbers, size_t *ret_count)
{
	DIR *directory = opendir(files->directory);
	uint64_t *numbers = NULL, *more;
	struct dirent *entry;
	size_t count = 0;

	*ret_numbers = NULL;
	*ret_count = 0;
	if (!directory)
		return false;
	while ((entry = readdir(directory))) {
		uint64_t number = number_of(files, entry->d_name);

		if (!number)
			continue;
		more = realloc(numbers, (count + 1) * sizeof *numbers);
		if (!more) {
			free(numbers);
			closedir(directory);
			errno = ENOMEM;
			return false;
		}
		numbers = more;
		numbers[count++] = number;
	}
	closedir(directory);
	if (count)
		qsort(numbers, count, sizeof *numbers, compare);
	*ret_numbers = numbers;
	*ret_count = count;
	return true;
}

/* -- the lock --------------------------------------------------------------- */

static void
lock_path(const struct wi_files *files, char ret_path[WI_FILES_PATH_MAX])
{
	snprintf(ret_path, WI_FILES_PATH_MAX, "%.*s/%s%s.lock", WI_FILES_PATH_MAX - 257,
	         files->directory, files->stem, files->suffix);
}

static bool
lock(int fd)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &all) == 0;
}

static pid_t
read_owner(int fd)
{
	char text[24];
	ssize_t size = pread(fd, text, sizeof text - 1, 0);

	if (size <= 0)
		return 0;
	text[size] = '\0';
	return (pid_t)strtol(text, NULL, 10);
}

/* A name for messages only: what counts is the lock. */
static void
write_owner(int fd)
{
	char text[24];
	int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)size, 0) != size)
		return;
}

/* The file that was locked still has its name: else another process may lock the one that has it. */
static bool
is_named(int fd, const char *path)
{
	struct stat own, named;

	return fstat(fd, &own) == 0 && stat(path, &named) == 0 && own.st_dev == named.st_dev &&
	       own.st_ino == named.st_ino;
}

int
wi_files_lock(const struct wi_files *files, pid_t *ret_owner)
{
	char path[WI_FILES_PATH_MAX];
	int fd, problem;

	*ret_owner = 0;
	lock_path(files, path);
	for (int tries = 0; tries < 10; tries++) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -1;
		if (!lock(fd)) {
			problem = errno == EACCES ? EWOULDBLOCK : errno;
			*ret_owner = read_owner(fd);
			close(fd);
			errno = problem;
			return -1;
		}
		if (is_named(fd, path)) {
			write_owner(fd);
			return fd;
		}
		close(fd);
	}
	errno = EWOULDBLOCK;
	return -1;
}

bool
wi_files_locked(const struct wi_files *files)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[WI_FILES_PATH_MAX];
	bool locked;
	int fd;

	lock_path(files, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno != ENOENT;         /* not known: be careful */
	locked = fcntl(fd, F_OFD_GETLK, &all) != 0 || all.l_type != F_UNLCK;
	close(fd);
	return locked;
}
