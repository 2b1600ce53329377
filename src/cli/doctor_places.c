/* SPDX-License-Identifier: MIT */
/* doctor_places.c - what weir needs beside processors: a directory, and SQLite for the journal. */
#include "doctor.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- the directory of counters and control sockets --------------------------------------- */

struct place {
	char path[PATH_MAX];
	bool there, good;
	bool open; /* others may write it: no control socket is made there */
	char words[160];
};

static void
look_at_parent(struct place *place)
{
	char parent[PATH_MAX], *slash;

	snprintf(parent, sizeof(parent), "%s", place->path);
	slash = strrchr(parent, '/');
	*slash = '\0';
	place->good = access(parent[0] != '\0' ? parent : "/", W_OK | X_OK) == 0;
	snprintf(place->words, sizeof(place->words), "%s",
		 place->good ? "is made when it is needed" : "cannot be made");
}

/* As the engine and the host look: nothing is followed. */
static void
look(struct place *place, uid_t owner)
{
	struct stat status;

	if (lstat(place->path, &status) != 0) {
		if (errno == ENOENT)
			look_at_parent(place);
		else
			snprintf(place->words, sizeof(place->words), "%s", strerror(errno));
		return;
	}
	place->there = true;
	if (!S_ISDIR(status.st_mode)) {
		snprintf(place->words, sizeof(place->words), "is no directory");
	} else if (status.st_uid != owner) {
		snprintf(place->words, sizeof(place->words), "belongs to user %u",
			 (unsigned)status.st_uid);
	} else {
		place->good = true;
		place->open = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
		snprintf(place->words, sizeof(place->words), "mode %04o",
			 (unsigned)(status.st_mode & 07777));
	}
}

static void
report(struct wi_doctor *doctor, const struct place *place, const struct place *refused)
{
	char advice[400] = "";

	if (place->open)
		snprintf(advice, sizeof(advice),
			 "Others may write it, so hosts put no control socket there: chmod 700 "
			 "%.300s.",
			 place->path);
	else if (!place->good)
		snprintf(advice, sizeof(advice),
			 "There is no place for counters and control sockets: let XDG_RUNTIME_DIR "
			 "name a directory of this user, as /run/user/UID.");
	else if (refused != NULL)
		snprintf(advice, sizeof(advice),
			 "%.200s would come first, but %.60s: remove it, or let XDG_RUNTIME_DIR name "
			 "another directory.",
			 refused->path, refused->words);
	wi_doctor_add(doctor, "directory",
		      place->open || !place->good ? WI_DOCTOR_WARNING
		      : refused != NULL           ? WI_DOCTOR_NOTE
						  : WI_DOCTOR_OK,
		      advice, "%.180s, %.60s", place->path, place->words);
}

void
wi_doctor_check_directory(struct wi_doctor *doctor, const char *runtime, const char *shm,
			  uid_t owner)
{
	struct place first = {.good = false}, second = {.good = false};
	bool has_runtime = runtime != NULL && runtime[0] == '/';

	if (has_runtime) {
		snprintf(first.path, sizeof(first.path), "%s/weir", runtime);
		look(&first, owner);
	}
	snprintf(second.path, sizeof(second.path), "%s/weir-%u", shm, (unsigned)owner);
	look(&second, owner);
	if (first.good)
		report(doctor, &first, NULL);
	else
		report(doctor, &second, has_runtime ? &first : NULL);
}

/* -- SQLite -------------------------------------------------------------------------------- */

/* https://sqlite.org/wal.html, "The WAL-Reset Bug". */
static bool
resets_badly(int version)
{
	if (version < 3007000 || version >= 3051003)
		return false;
	return !(version >= 3050007 && version < 3051000) &&
	       !(version >= 3044006 && version < 3045000);
}

void
wi_doctor_check_sqlite(struct wi_doctor *doctor, int version)
{
	bool bad = resets_badly(version);

	wi_doctor_add(doctor, "sqlite", bad ? WI_DOCTOR_NOTE : WI_DOCTOR_OK,
		      "Let no other program open a live journal for writing, since both may then "
		      "lose rows: read it with weir journal, or sqlite3 -readonly.",
		      "%d.%d.%d%s", version / 1000000, version / 1000 % 1000, version % 1000,
		      bad ? ", which has the WAL-reset bug (fixed in 3.51.3)" : "");
}
