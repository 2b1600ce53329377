/* SPDX-License-Identifier: MIT */
/* path.c - see path.h. */
#include "plugin/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plugin/text.h"

/* A walk from the root: where it is, and what of the path is behind it. */
struct walk {
	const char *path, *at;          /* the component that comes */
	int fd;                         /* of the directory that holds it */
	bool sticky;                    /* others may make files in it */
	char *problem;
};

static weir_status
refuse(const struct walk *walk, const char *end, const char *what)
{
	return wi_text_problem(walk->problem, WEIR_EINVAL, "%s: refused: %.*s %s", walk->path,
	                       end > walk->path ? (int)(end - walk->path) : 1, walk->path, what);
}

static weir_status
fail(const struct walk *walk, const char *end, int error)
{
	weir_status status = error == ENOENT ? WEIR_ENOENT : WEIR_EIO;

	if (error == ELOOP || error == ENOTDIR)
		return refuse(walk, end, error == ELOOP ? "is a symbolic link; give the real path"
		                                        : "is no directory");
	if (strlen(walk->path) == (size_t)(end - walk->path))
		return wi_text_problem(walk->problem, status, "%s: %s", walk->path,
				       strerror(error));
	return wi_text_problem(walk->problem, status, "%s: %.*s: %s", walk->path,
			       (int)(end - walk->path), walk->path, strerror(error));
}

static weir_status
check_owner(const struct walk *walk, const char *end, const struct stat *stat)
{
	if (stat->st_uid != 0 && stat->st_uid != geteuid())
		return refuse(walk, end, "belongs to another user");
	if (!(stat->st_mode & (S_IWGRP | S_IWOTH)))
		return WEIR_OK;
	if (S_ISDIR(stat->st_mode) && stat->st_mode & S_ISVTX && stat->st_uid == 0)
		return WEIR_OK;
	return refuse(walk, end, "may be written by others than its owner");
}

/* O_PATH: a directory that may not be read can be passed. */
static weir_status
enter(struct walk *walk, const char *end)
{
	char name[NAME_MAX + 1];
	struct stat stat;
	int fd;

	snprintf(name, sizeof name, "%.*s", (int)(end - walk->at), walk->at);
	fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(walk, end, errno);
	close(walk->fd);
	walk->fd = fd;
	if (fstat(fd, &stat) != 0)
		return fail(walk, end, errno);
	if (!S_ISDIR(stat.st_mode))
		return fail(walk, end, S_ISLNK(stat.st_mode) ? ELOOP : ENOTDIR);
	walk->at = end + 1;
	walk->sticky = stat.st_mode & (S_IWGRP | S_IWOTH);
	return check_owner(walk, end, &stat);
}

/* Not blocking, for a FIFO would. */
static weir_status
open_file(struct walk *walk, struct stat *ret_stat)
{
	const char *end = walk->at + strlen(walk->at);
	weir_status status;
	int fd;

	if (walk->sticky)
		return refuse(walk, walk->at - 1, "may be written by others than its owner");
	fd = openat(walk->fd, walk->at, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fail(walk, end, errno);
	close(walk->fd);
	walk->fd = fd;
	if (fstat(fd, ret_stat) != 0)
		return fail(walk, end, errno);
	status = check_owner(walk, end, ret_stat);
	if (status == WEIR_OK && !S_ISREG(ret_stat->st_mode))
		status = refuse(walk, end, "is no regular file");
	return status;
}

/* "/a//b", "/a/./b", "/a/../b", "/a/" name what they name only after some thought. */
static weir_status
check_form(const struct walk *walk)
{
	const char *at = walk->path, *end;
	size_t size;

	if (strlen(at) >= PATH_MAX)
		return wi_text_problem(walk->problem, WEIR_EINVAL, "refused: a path of %zu bytes",
		                       strlen(at));
	if (*at != '/')
		return wi_text_problem(walk->problem, WEIR_EINVAL,
				       "%s: refused: neither a path from / on "
				       "nor a bare name",
				       at);
	for (; *at; at = end) {
		end = strchrnul(++at, '/');
		size = (size_t)(end - at);
		if (size == 0 || (size == 1 && *at == '.') ||
		    (size == 2 && at[0] == '.' && at[1] == '.'))
			return wi_text_problem(walk->problem, WEIR_EINVAL,
					       "%s: refused: a part of the "
					       "path is empty, '.' or '..'",
					       walk->path);
		if (size > NAME_MAX)
			return fail(walk, end, ENAMETOOLONG);
	}
	return WEIR_OK;
}

static weir_status
go(struct walk *walk, struct stat *ret_stat)
{
	const char *end;
	struct stat stat;
	weir_status status;

	walk->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (walk->fd < 0 || fstat(walk->fd, &stat) != 0)
		return fail(walk, walk->path + 1, errno);
	walk->at = walk->path + 1;
	walk->sticky = stat.st_mode & (S_IWGRP | S_IWOTH);
	status = check_owner(walk, walk->path, &stat);
	while (status == WEIR_OK && (end = strchr(walk->at, '/')))
		status = enter(walk, end);
	return status == WEIR_OK ? open_file(walk, ret_stat) : status;
}

weir_status
wi_path_open(const char *path, int *ret_fd, struct stat *ret_stat,
	     char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	struct walk walk = { .path = path, .fd = -1, .problem = problem };
	weir_status status = check_form(&walk);

	if (status == WEIR_OK)
		status = go(&walk, ret_stat);
	if (status == WEIR_OK)
		*ret_fd = walk.fd;
	else if (walk.fd >= 0)
		close(walk.fd);
	return status;
}

/* -- bare names ------------------------------------------------------------- */

/* The size of the name without ".so", 0 if it is none. */
static size_t
bare_size(const char *file)
{
	size_t size =
		strspn(file, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return file[size] == '\0' || strcmp(file + size, ".so") == 0 ? size : 0;
}

weir_status
wi_path_find(const char *file, const char *const *directories, size_t directory_count,
             char ret_path[PATH_MAX], char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	size_t size = bare_size(file);
	struct stat stat;

	if (size == 0) {
		if (strlen(file) >= PATH_MAX)
			return wi_text_problem(problem, WEIR_EINVAL, "refused: a path of %zu bytes",
					       strlen(file));
		strcpy(ret_path, file);
		return WEIR_OK;
	}
	for (size_t i = 0; i < directory_count; i++) {
		int used =
			snprintf(ret_path, PATH_MAX, "%s/%.*s.so", directories[i], (int)size, file);

		/* A dangling link is there, too. */
		if (used < PATH_MAX && lstat(ret_path, &stat) == 0)
			return WEIR_OK;
	}
	return wi_text_problem(problem, WEIR_ENOENT,
			       "%s: not in the plugin directories (%zu, the first %s)", file,
			       directory_count, directory_count ? directories[0] : "none");
}
