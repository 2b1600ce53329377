/* SPDX-License-Identifier: MIT */
/* secret.c - what is asked about is the open file, which nobody can change for another. */
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
fit(int fd, char *ret_problem)
{
	struct stat stat;

	if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode)) {
		strcpy(ret_problem, "is no regular file");
		return false;
	}
	if (stat.st_uid != 0 && stat.st_uid != geteuid()) {
		strcpy(ret_problem, "belongs neither to this user nor to root");
		return false;
	}
	if ((stat.st_mode & 07777) != 0600 && (stat.st_mode & 07777) != 0400) {
		snprintf(ret_problem, WI_SECRET_PROBLEM_SIZE,
		         "has mode %04o: a secret's is 0600 or 0400, so that nobody else reads it",
		         (unsigned)stat.st_mode & 07777);
		return false;
	}
	return true;
}

static bool
read_all(int fd, struct wi_secret *secret, char *ret_problem)
{
	ssize_t got;

	secret->text = calloc(1, WI_SECRET_SIZE_MAX + 2);
	if (!secret->text) {
		strcpy(ret_problem, "does not fit into memory");
		return false;
	}
	do {
		got = read(fd, secret->text + secret->size, WI_SECRET_SIZE_MAX + 1 - secret->size);
		if (got > 0)
			secret->size += (size_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	if (got < 0)
		snprintf(ret_problem, WI_SECRET_PROBLEM_SIZE, "cannot be read: %s",
		         strerrordesc_np(errno));
	else if (secret->size > WI_SECRET_SIZE_MAX)
		strcpy(ret_problem, "is longer than 4096 bytes");
	else if (memchr(secret->text, '\0', secret->size))
		strcpy(ret_problem, "is no text");
	else
		return true;
	wi_secret_fini(secret);
	return false;
}

bool
wi_secret_read(const char *path, struct wi_secret *ret_secret,
               char ret_problem[WI_SECRET_PROBLEM_SIZE])
{
	bool fine;
	int fd;

	*ret_secret = (struct wi_secret){ 0 };
	/* Not waiting for a FIFO's other end. */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		snprintf(ret_problem, WI_SECRET_PROBLEM_SIZE, "cannot be opened: %s",
		         errno == ELOOP ? "it is a symbolic link" : strerrordesc_np(errno));
		return false;
	}
	fine = fit(fd, ret_problem) && read_all(fd, ret_secret, ret_problem);
	close(fd);
	return fine;
}

void
wi_secret_fini(struct wi_secret *secret)
{
	if (secret->text)
		explicit_bzero(secret->text, WI_SECRET_SIZE_MAX + 2);
	free(secret->text);
	*secret = (struct wi_secret){ 0 };
}

void
wi_secret_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}
