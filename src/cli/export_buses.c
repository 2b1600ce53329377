/* SPDX-License-Identifier: MIT */
/* export_buses.c - see export_buses.h. */
#include "export_buses.h"

#include "command.h"
#include "watch.h"
#include "watch/clean.h"
#include "watch/process.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BUSES_MAX = 100 };

struct taking {
	struct wi_export_buses *buses;
	const struct wi_export_source *source;
	struct wi_watch watch;
	int code;               /* of the first that is not as it should be */
};

static void
note(struct taking *taking, int code)
{
	if (taking->code == WI_EXIT_OK)
		taking->code = code;
}

/* -- labels ------------------------------------------------------------------ */

/* ".123" at the end of a name. False: there is none. */
static bool
cut_number(char *name, uint64_t *ret_number)
{
	char *dot = strrchr(name, '.');

	if (dot == NULL || dot == name || dot[1] == '\0' || dot[1 + strspn(dot + 1, "0123456789")] != '\0')
		return false;
	*ret_number = strtoull(dot + 1, NULL, 10);
	*dot = '\0';
	return true;
}

/* {name}.{pid}.{number}.weir, or whatever the file is called. */
static void
name_by_file(struct wi_export_bus *bus, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
	char name[257], clean[257];
	size_t size;
	uint64_t number, pid;

	wi_clean_name(base, 256, name);
	size = strlen(name);
	strcpy(clean, name);
	if (size > 5 && strcmp(name + size - 5, ".weir") == 0) {
		name[size - 5] = '\0';
		if (cut_number(name, &number) && cut_number(name, &pid)) {
			bus->pid = pid;
			strcpy(clean, name);
		}
	}
	strcpy(bus->name, clean);
}

static bool
is_taken(const struct wi_export_buses *buses, const char *name, uint64_t pid)
{
	for (size_t i = 0; i < buses->count; i++)
		if (buses->each[i].pid == pid && strcmp(buses->each[i].name, name) == 0)
			return true;
	return false;
}

/* A process may have several buses of one name. */
static void
make_unique(const struct wi_export_buses *buses, struct wi_export_bus *bus)
{
	char name[sizeof(bus->name)];

	strcpy(name, bus->name);
	for (unsigned number = 2; is_taken(buses, name, bus->pid); number++)
		snprintf(name, sizeof(name), "%.*s#%u", (int)sizeof(bus->name) - 16, bus->name, number);
	strcpy(bus->name, name);
}

/* -- one bus ----------------------------------------------------------------- */

static void
add(struct taking *taking, struct wi_export_bus *bus)
{
	struct wi_export_buses *buses = taking->buses;

	make_unique(buses, bus);
	buses->each[buses->count++] = *bus;
}

/* A bus that is closed or gone is said not to be up, and no more; a stale one shows what it has. */
static void
look(struct taking *taking, struct wi_export_bus *bus)
{
	struct wi_snapshot *snapshot;
	int code = wi_watch_look(&taking->watch, NULL, &snapshot);

	if (code != WI_EXIT_OK) {
		note(taking, code);
		return;
	}
	strcpy(bus->name, snapshot->name);
	bus->pid = snapshot->look.header.pid;
	code = wi_watch_judge(&taking->watch, snapshot);
	if (code == WI_EXIT_OK && snapshot->state == WI_SNAPSHOT_STALE)
		note(taking, WI_EXIT_FAILED);
	note(taking, code);
	if (code == WI_EXIT_OK &&
	    wi_export_rows_make(&bus->rows, &snapshot->look, &taking->source->limits)) {
		bus->snapshot = snapshot;
		return;
	}
	if (code == WI_EXIT_OK) {
		wi_watch_complain(&taking->watch, "out of memory");
		note(taking, WI_EXIT_FAILED);
	}
	wi_snapshot_free(snapshot);
}

static void
take_file(struct taking *taking, const char *path)
{
	struct wi_export_bus bus = {.pid = 0};
	int code;

	if (taking->buses->count == BUSES_MAX) {
		taking->buses->left_out++;
		return;
	}
	name_by_file(&bus, path);
	taking->watch.file = path;
	code = wi_watch_open(&taking->watch);
	if (code == WI_EXIT_OK)
		look(taking, &bus);
	else
		note(taking, code);
	wi_watch_close(&taking->watch);
	add(taking, &bus);
}

/* -- which buses ------------------------------------------------------------- */

/* All of a process, or of all that live. */
static void
take_found(struct taking *taking, uint64_t pid)
{
	struct wi_process_files files;
	struct wi_export_bus bus = {.pid = pid};
	bool found = false;

	if (!wi_process_find(&files, pid != 0)) {
		wi_watch_complain(&taking->watch, "out of memory");
		note(taking, WI_EXIT_FAILED);
		return;
	}
	for (size_t i = 0; i < files.count; i++) {
		if (pid != 0 ? files.each[i].pid == pid : files.each[i].lives) {
			take_file(taking, files.each[i].path);
			found = true;
		}
		taking->buses->dead += pid == 0 && !files.each[i].lives;
	}
	wi_process_fini(&files);
	if (found)
		return;
	note(taking, WI_EXIT_UNAVAILABLE);
	if (pid == 0)
		wi_watch_complain(&taking->watch, "no process of this user shows its counters");
	else
		wi_watch_complain(&taking->watch, "process %" PRIu64 " shows no counters of this user", pid);
	if (pid != 0 && taking->buses->count < BUSES_MAX)
		add(taking, &bus);
}

int
wi_export_buses_take(struct wi_export_buses *buses, const struct wi_export_source *source)
{
	struct taking taking = {
		.buses = buses, .source = source,
		.watch = {.program = source->program, .quiet = source->quiet, .fd = -1}};

	*buses = (struct wi_export_buses){.each = calloc(BUSES_MAX, sizeof(*buses->each))};
	if (buses->each == NULL)
		return WI_EXIT_FAILED;
	for (size_t i = 0; i < source->target_count; i++)
		if (source->targets[i].file != NULL)
			take_file(&taking, source->targets[i].file);
		else
			take_found(&taking, source->targets[i].pid);
	if (source->target_count == 0)
		take_found(&taking, 0);
	return taking.code;
}

void
wi_export_buses_fini(struct wi_export_buses *buses)
{
	for (size_t i = 0; i < buses->count; i++) {
		wi_export_rows_fini(&buses->each[i].rows);
		wi_snapshot_free(buses->each[i].snapshot);
	}
	free(buses->each);
	*buses = (struct wi_export_buses){.count = 0};
}

char *
wi_export_buses_text(const struct wi_export_source *source, size_t *ret_size, int *ret_code)
{
	struct wi_export_buses buses;
	char *text = NULL;
	FILE *stream = open_memstream(&text, ret_size);
	bool bad;

	if (stream == NULL)
		return NULL;
	*ret_code = wi_export_buses_take(&buses, source);
	wi_export_text(&buses, stream);
	bad = buses.each == NULL || ferror(stream);
	wi_export_buses_fini(&buses);
	if (fclose(stream) == 0 && !bad)
		return text;
	free(text);
	return NULL;
}
