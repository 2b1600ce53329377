/* SPDX-License-Identifier: MIT */
/*
 * listener.h - a Unix socket that listens at a path, for this user and root alone.
 *
 * The file has mode 0600, in a directory of this user or root that nobody else may write. One
 * that a dead process has left is replaced; one on which somebody answers, and anything that is
 * no socket, is not. Two that want one path at once: the directory is locked (flock) while one
 * looks and takes it.
 */
#ifndef WI_HOST_LISTENER_H
#define WI_HOST_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#include <weir/weir.h>

enum { WI_LISTENER_PATH_SIZE = sizeof(((struct sockaddr_un *)NULL)->sun_path) };

struct wi_listener {
	int fd; /* not blocking, close-on-exec */
	char path[WI_LISTENER_PATH_SIZE];
	dev_t device; /* of the file, as it was made */
	ino_t inode;
};

/* WEIR_OK, WEIR_EINVAL (refused), WEIR_EBUSY (somebody listens there), WEIR_EIO; the problem
 * names the path. */
weir_status wi_listener_open(struct wi_listener *listener, const char *path, char *problem,
			     size_t problem_size);

/* Removes the file if it is still the one that was made. */
void wi_listener_close(struct wi_listener *listener);

/*
 * The next who connects, not blocking, close-on-exec; -1 and errno: EAGAIN nobody; EPERM one of
 * another user, who was sent away.
 */
int wi_listener_accept(const struct wi_listener *listener);

/* $XDG_RUNTIME_DIR/weir, else /dev/shm/weir-UID, made if it is not there; false: neither can be
 * had. */
bool wi_listener_usual_directory(char *path, size_t size);
/* PID.sock in it. */
bool wi_listener_usual_path(char path[WI_LISTENER_PATH_SIZE]);

#endif
