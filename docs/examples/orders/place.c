/* SPDX-License-Identifier: MIT */
/* place.c - see place.h. */
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

char *
place_path(const char *directory, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		fail("out of memory");
	return path;
}

/* -- directories ------------------------------------------------------------ */

static void
make_directory(const char *path)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		fail("%s: %s", path, strerror(errno));
}

static void
check_empty(const char *path)
{
	DIR *stream = opendir(path);
	struct dirent *entry;

	if (!stream)
		fail("%s: %s", path, strerror(errno));
	while ((entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			fail("%s: is not empty", path);
	closedir(stream);
}

static char to_remove[PATH_MAX];

static int
remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status, (void)type, (void)walk;
	return remove(path);
}

static void
remove_run(void)
{
	nftw(to_remove, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void
place_open(struct place *place, const char *keep)
{
	const char *temporary = getenv("TMPDIR");
	char *made = place_path(temporary && *temporary == '/' ? temporary : "/tmp",
				"weir-orders-XXXXXX");
	char *data, *plugins;

	if (keep) {
		make_directory(keep);
		check_empty(keep);
	}
	if (!mkdtemp(made) || !realpath(made, place->run))
		fail("%s: %s", made, strerror(errno));
	strcpy(to_remove, place->run);
	atexit(remove_run);
	plugins = place_path(place->run, "plugins");
	make_directory(plugins);
	data = keep ? strdup(keep) : place_path(place->run, "data");
	make_directory(data);
	if (!realpath(data, place->data))
		fail("%s: %s", data, strerror(errno));
	free(data);
	free(plugins);
	free(made);
}

/* -- files ------------------------------------------------------------------ */

/* All of a file; to be given to free(). */
static char *
read_file(const char *path, size_t *ret_size)
{
	FILE *stream = fopen(path, "re");
	char *bytes = NULL, piece[4096];
	size_t size = 0, count;
	FILE *memory = open_memstream(&bytes, &size);

	if (!stream || !memory)
		fail("%s: %s", path, strerror(errno));
	while ((count = fread(piece, 1, sizeof(piece), stream)) > 0)
		fwrite(piece, 1, count, memory);
	if (ferror(stream) || fclose(memory) != 0)
		fail("%s: %s", path, strerror(errno));
	fclose(stream);
	*ret_size = size;
	return bytes;         /* with a 0 behind them */
}

static FILE *
create_file(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	FILE *stream = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (!stream)
		fail("%s: %s", path, strerror(errno));
	return stream;
}

static void
end_file(FILE *stream, const char *path)
{
	if (ferror(stream) | fclose(stream))
		fail("%s: cannot be written", path);
}

void
place_add_plugin(const struct place *place, const char *file, const char *name)
{
	char relative[64], *path, *bytes;
	FILE *stream;
	size_t size;

	snprintf(relative, sizeof(relative), "plugins/%s.so", name);
	path = place_path(place->run, relative);
	bytes = read_file(file, &size);
	stream = create_file(path, 0700);
	fwrite(bytes, 1, size, stream);
	end_file(stream, path);
	free(bytes);
	free(path);
}

char *
place_configure(const struct place *place, const char *file)
{
	char *path = place_path(place->run, strrchr(file, '/') + 1), *text, *at, *mark;
	FILE *stream = create_file(path, 0600);
	size_t size;

	at = text = read_file(file, &size);
	while ((mark = strchr(at, '@'))) {
		bool data = strncmp(mark, "@DATA@", 6) == 0, run = strncmp(mark, "@RUN@", 5) == 0;

		fwrite(at, 1, (size_t)(mark - at), stream);
		fputs(data ? place->data : run ? place->run : "@", stream);
		at = mark + (data ? 6 : run ? 5 : 1);
	}
	fputs(at, stream);
	end_file(stream, path);
	free(text);
	return path;
}

char *
place_keep_secret(const struct place *place, const char *name, const char *text)
{
	char *path = place_path(place->run, name);
	FILE *stream = create_file(path, 0600);

	fprintf(stream, "%s\n", text);
	end_file(stream, path);
	return path;
}
