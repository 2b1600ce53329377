/* SPDX-License-Identifier: MIT */
/* listener.c - see listener.h. */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 64, LOCK_TRIES = 200, LOCK_PAUSE_MS = 10 };

struct attempt {
	struct wi_listener *listener;
	struct sockaddr_un address;
	char *problem;
	size_t problem_size;
};

static weir_status __attribute__((format(printf, 3, 4)))
fail(struct attempt *attempt, weir_status status, const char *format, ...)
{
	int length =
		snprintf(attempt->problem, attempt->problem_size, "%s: ", attempt->listener->path);
	va_list arguments;

	va_start(arguments, format);
	if (length > 0 && (size_t)length < attempt->problem_size)
		vsnprintf(attempt->problem + length, attempt->problem_size - (size_t)length, format,
			  arguments);
	va_end(arguments);
	return status;
}

/* -- the directory --------------------------------------------------------------- */

static weir_status
check_directory(struct attempt *attempt, const char *directory, int fd)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return fail(attempt, WEIR_EIO, "%s: %s", directory, strerror(errno));
	if (status.st_uid != geteuid() && status.st_uid != 0)
		return fail(attempt, WEIR_EINVAL, "%s belongs to another user", directory);
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return fail(attempt, WEIR_EINVAL, "%s may be written by others", directory);
	return WEIR_OK;
}

/* Who holds it is looking or binding, which is over soon. */
static bool
lock(int fd)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return false;
		nanosleep(&pause, NULL);
	}
	return false;
}

static weir_status
open_directory(struct attempt *attempt, int *ret_fd)
{
	char directory[WI_LISTENER_PATH_SIZE];
	char *slash;
	weir_status status;
	int fd;

	snprintf(directory, sizeof(directory), "%s", attempt->listener->path);
	slash = strrchr(directory, '/');
	slash[slash == directory] = '\0';
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(attempt, errno == ENOENT ? WEIR_ENOENT : WEIR_EIO, "%s: %s", directory,
			    strerror(errno));
	status = check_directory(attempt, directory, fd);
	if (status == WEIR_OK && !lock(fd))
		status = fail(attempt, WEIR_EBUSY, "%s is locked by another process", directory);
	if (status == WEIR_OK)
		*ret_fd = fd;
	else
		close(fd);
	return status;
}

/* -- the file -------------------------------------------------------------------- */

/* Whether somebody answers; a full queue is an answer, too. */
static bool
is_alive(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool dead = fd >= 0 &&
		    connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
		    errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return !dead;
}

/* With the directory locked. */
static weir_status
clear(struct attempt *attempt)
{
	const char *path = attempt->listener->path;
	struct stat status;

	if (lstat(path, &status) != 0)
		return errno == ENOENT ? WEIR_OK : fail(attempt, WEIR_EIO, "%s", strerror(errno));
	if (!S_ISSOCK(status.st_mode))
		return fail(attempt, WEIR_EINVAL, "is there, and is no socket");
	if (is_alive(&attempt->address))
		return fail(attempt, WEIR_EBUSY, "another process listens there");
	return unlink(path) == 0 ? WEIR_OK : fail(attempt, WEIR_EIO, "%s", strerror(errno));
}

/* The mode of the descriptor is that of the file that bind() makes: there is no moment with
 * another. */
static weir_status
bind_socket(struct attempt *attempt)
{
	struct wi_listener *listener = attempt->listener;
	struct stat status;

	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0 || fchmod(listener->fd, 0600) != 0 ||
	    bind(listener->fd, (struct sockaddr *)&attempt->address, sizeof(attempt->address)) != 0)
		return fail(attempt, WEIR_EIO, "%s", strerror(errno));
	if (lstat(listener->path, &status) != 0 || listen(listener->fd, BACKLOG) != 0) {
		fail(attempt, WEIR_EIO, "%s", strerror(errno));
		unlink(listener->path);
		return WEIR_EIO;
	}
	listener->device = status.st_dev;
	listener->inode = status.st_ino;
	if ((status.st_mode & 0777 & ~0600) == 0)
		return WEIR_OK;
	unlink(listener->path);
	return fail(attempt, WEIR_EIO, "the file system does not keep the mode 0600");
}

weir_status
wi_listener_open(struct wi_listener *listener, const char *path, char *problem, size_t problem_size)
{
	struct attempt attempt = {.listener = listener,
				  .address.sun_family = AF_UNIX,
				  .problem = problem,
				  .problem_size = problem_size};
	weir_status status;
	int directory = -1;

	*listener = (struct wi_listener){.fd = -1};
	snprintf(listener->path, sizeof(listener->path), "%s", path);
	if (path[0] != '/' || path[strlen(path) - 1] == '/')
		return fail(&attempt, WEIR_EINVAL, "must be a path from / on");
	if (strlen(path) >= sizeof(listener->path))
		return fail(&attempt, WEIR_EINVAL, "a socket's path has at most %zu bytes",
			    sizeof(listener->path) - 1);
	memcpy(attempt.address.sun_path, path, strlen(path) + 1);
	status = open_directory(&attempt, &directory);
	if (status == WEIR_OK)
		status = clear(&attempt);
	if (status == WEIR_OK)
		status = bind_socket(&attempt);
	if (directory >= 0)
		close(directory);
	if (status != WEIR_OK && listener->fd >= 0)
		close(listener->fd);
	if (status != WEIR_OK)
		listener->fd = -1;
	return status;
}

void
wi_listener_close(struct wi_listener *listener)
{
	char text[128];
	struct attempt attempt = {
		.listener = listener, .problem = text, .problem_size = sizeof(text)};
	struct stat status;
	int directory = -1;

	if (listener->fd < 0)
		return;
	if (open_directory(&attempt, &directory) == WEIR_OK &&
	    lstat(listener->path, &status) == 0 && status.st_dev == listener->device &&
	    status.st_ino == listener->inode)
		unlink(listener->path);
	close(listener->fd);
	if (directory >= 0)
		close(directory);
	listener->fd = -1;
}

int
wi_listener_accept(const struct wi_listener *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (fd < 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	    (peer.uid == geteuid() || peer.uid == 0))
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

/* -- where it is, if nobody says ------------------------------------------------------ */

static bool
own_directory(const char *path)
{
	struct stat status;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return false;
	return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid();
}

/* Where the engine has its counters file, too. */
bool
wi_listener_usual_directory(char *path, size_t size)
{
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");

	if (runtime != NULL && runtime[0] == '/' &&
	    snprintf(path, size, "%s/weir", runtime) < (int)size && own_directory(path))
		return true;
	return snprintf(path, size, "/dev/shm/weir-%u", (unsigned)geteuid()) < (int)size &&
	       own_directory(path);
}

bool
wi_listener_usual_path(char path[WI_LISTENER_PATH_SIZE])
{
	char directory[WI_LISTENER_PATH_SIZE];

	return wi_listener_usual_directory(directory, sizeof(directory)) &&
	       snprintf(path, WI_LISTENER_PATH_SIZE, "%s/%ld.sock", directory, (long)getpid()) <
		       WI_LISTENER_PATH_SIZE;
}
