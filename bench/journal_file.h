/* SPDX-License-Identifier: MIT */
/* journal_file.h - where the bars put their journals: in $TMPDIR, or beside the program. */
#ifndef BENCH_JOURNAL_FILE_H
#define BENCH_JOURNAL_FILE_H

enum { JOURNAL_FILE_SIZE = 4096 };

/* A path of this process's own, ended by ".db". */
void journal_file_path(char path[JOURNAL_FILE_SIZE], const char *name);

/* Removes the journal's first file and what belongs to it. */
void journal_file_remove(const char *path);

#endif
