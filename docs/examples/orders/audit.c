/* SPDX-License-Identifier: MIT */
/* audit.c - one look by plain SQL, one by the journal's own tool. */
#include "audit.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "tool.h"

/* kind 1: events; others are about gaps, and openings. */
static const char query[] =
	"SELECT count(*) FILTER (WHERE kind = 1 AND name GLOB 'order.before.*'),"
	" count(*) FILTER (WHERE kind = 1 AND name GLOB 'order.after.*'),"
	" count(*) FILTER (WHERE kind = 1 AND name GLOB 'order.failed.*'), count(*)"
	" FROM journal LEFT JOIN topics ON topics.id = journal.topic";

static void
count_rows(const char *path, struct audit *audit)
{
	char file[4096];
	sqlite3_stmt *statement;
	sqlite3 *database;

	/* The first file; it is never so large that there would be a second one. */
	snprintf(file, sizeof(file), "%.*s-000001.db", (int)(strlen(path) - strlen(".db")), path);
	if (sqlite3_open_v2(file, &database, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(database, query, -1, &statement, NULL) != SQLITE_OK ||
	    sqlite3_step(statement) != SQLITE_ROW)
		fail("%s: %s", file, sqlite3_errmsg(database));
	for (int i = 0; i < 3; i++)
		audit->events[i] = (uint64_t)sqlite3_column_int64(statement, i);
	audit->rows = (uint64_t)sqlite3_column_int64(statement, 3);
	sqlite3_finalize(statement);
	sqlite3_close(database);
}

void
audit_look(const char *path, struct audit *ret_audit)
{
	const char *const arguments[] = {"journal", "verify", "--json", path, NULL};
	json_t *answer;
	int status;

	*ret_audit = (struct audit){0};
	count_rows(path, ret_audit);
	status = tool_run(arguments, &answer);
	ret_audit->whole = status == 0 && json_is_true(json_object_get(answer, "whole"));
	ret_audit->verified = (uint64_t)json_integer_value(json_object_get(answer, "rows"));
	json_decref(answer);
}
