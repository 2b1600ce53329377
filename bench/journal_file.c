/* SPDX-License-Identifier: MIT */
/* journal_file.c - see journal_file.h. */
#include "journal_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
journal_file_path(char path[JOURNAL_FILE_SIZE], const char *name)
{
	const char *given = getenv("TMPDIR");

	snprintf(path, JOURNAL_FILE_SIZE, "%s/%s-%ld.db", given ? given : WEIR_JOURNAL_DIRECTORY, name,
	         (long)getpid());
}

void
journal_file_remove(const char *path)
{
	static const char *const tails[] = { "-000001.db", "-000001.db-wal", "-000001.db-shm", ".db.lock" };
	char name[JOURNAL_FILE_SIZE];

	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		snprintf(name, sizeof name, "%.*s%s", (int)strlen(path) - 3, path, tails[i]);
		unlink(name);
	}
}
