/* SPDX-License-Identifier: MIT */
/*
 * files.h - the files of a journal: their names, and the lock of who writes them.
 *
 * A journal at DIR/audit.db is made of DIR/audit-000001.db, DIR/audit-000002.db, ...; the last one is
 * being written. DIR/audit.db.lock is locked by the one process that writes.
 */
#ifndef WI_JOURNAL_FILES_H
#define WI_JOURNAL_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { WI_FILES_PATH_MAX = 4096 };

/*
 * Where a journal is: the folder with all links resolved, so that SQLite may refuse any other link.
 * In `stem` and `suffix` is what stands before and after a file's number: "audit", ".db".
 */
struct wi_files {
	char directory[WI_FILES_PATH_MAX];
	char stem[200], suffix[32];
};

/* False: errno says why the folder cannot be found, or ENAMETOOLONG. */
bool wi_files_locate(struct wi_files *files, const char *path);

/* If `path` is one of a journal's files, where that journal is and the file's number; else 0. */
uint64_t wi_files_locate_by_file(struct wi_files *files, const char *path);

/* The file's name, with its folder or without. */
void wi_files_path(const struct wi_files *files, uint64_t number, char ret_path[WI_FILES_PATH_MAX]);
void wi_files_name(const struct wi_files *files, uint64_t number, char *ret_name, size_t size);

/*
 * The numbers of the files that there are, in ascending order, to be freed. False: errno; the list
 * is empty.
 */
bool wi_files_list(const struct wi_files *files, uint64_t **ret_numbers, size_t *ret_count);

/*
 * The lock, as a descriptor to be closed; it ends with the process whatever happens. -1: errno,
 * EWOULDBLOCK if another has it, whose process number, if known, is in ret_owner.
 */
int wi_files_lock(const struct wi_files *files, pid_t *ret_owner);
/* Whether somebody has it, asked without taking it. */
bool wi_files_locked(const struct wi_files *files);

#endif
