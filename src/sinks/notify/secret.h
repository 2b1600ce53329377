/* SPDX-License-Identifier: MIT */
/*
 * secret.h - what nobody else may read: a small file of this user's or root's.
 *
 * A regular file, no symbolic link, mode 0600 or 0400. What is said when it is not never shows its
 * content, nor its name: somebody may have written the secret where its file's name belongs.
 */
#ifndef WI_NOTIFY_SECRET_H
#define WI_NOTIFY_SECRET_H

#include <stdbool.h>
#include <stddef.h>

enum { WI_SECRET_SIZE_MAX = 4096, WI_SECRET_PROBLEM_SIZE = 120 };

struct wi_secret {
	char *text;             /* with a 0 behind it, and none in it */
	size_t size;
};

/* False: why not, without a subject: "cannot be opened: ...". */
bool wi_secret_read(const char *path, struct wi_secret *ret_secret,
                    char ret_problem[WI_SECRET_PROBLEM_SIZE]);

/* Wiped, then freed; also one that is all 0. */
void wi_secret_fini(struct wi_secret *secret);

/* The same for a string; NULL is one too. */
void wi_secret_free(char *text);

#endif
