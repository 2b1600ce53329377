/* SPDX-License-Identifier: MIT */
/*
 * plugin_broken.c - broken plugins: each is refused with a sentence, or does no harm; nothing else
 * changes.
 */
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig.h"

static const char *const modules[] = {
	"good.so",    "other.so",     "newer.so",       "no-symbol.so", "null.so",  "abi.so",
	"size.so",    "empty.so",     "no-enable.so", "flags.so", "bad-name.so",
	"no-name.so", "undefined.so", "constructor.so", "tls.so",       NULL};

static struct rig rig;
static struct control control, well = { .subscriptions = 1 };
static unsigned refusals;

/* -- files that are broken by hand ------------------------------------------ */

struct bytes { unsigned char *at; size_t size; };

static struct bytes
read_file(const char *path)
{
	struct bytes bytes = { malloc(1 << 20), 0 };
	int fd = open(path, O_RDONLY);
	ssize_t size = read(fd, bytes.at, 1 << 20);

	CHECK(fd >= 0 && size > 0 && size < 1 << 20, "%s", path);
	close(fd);
	bytes.size = (size_t)size;
	return bytes;
}

static void
write_file(const char *name, struct bytes bytes)
{
	int fd = open(rig_path(&rig, name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0 && write(fd, bytes.at, bytes.size) == (ssize_t)bytes.size, "%s", name);
	close(fd);
}

/* Where the segment's bytes end that comes last in the file. */
static size_t
end_of_segments(struct bytes bytes)
{
	const Elf64_Ehdr *header = (void *)bytes.at;
	const Elf64_Phdr *segment = (void *)(bytes.at + header->e_phoff);
	size_t end = 0;

	for (unsigned i = 0; i < header->e_phnum; i++)
		if (segment[i].p_type == PT_LOAD && segment[i].p_offset + segment[i].p_filesz > end)
			end = segment[i].p_offset + segment[i].p_filesz;
	return end;
}

static Elf64_Phdr *
first_segment(struct bytes bytes)
{
	return (void *)(bytes.at + ((Elf64_Ehdr *)bytes.at)->e_phoff);
}

/* The name of a library that it wants; under a sanitizer that may not be libc. */
static unsigned char *
find_needed(struct bytes bytes)
{
	unsigned char *found = memmem(bytes.at, bytes.size, "libc.so.", 8);

	return found ? found : memmem(bytes.at, bytes.size, "libtsan.so.", 11);
}

static void
write_variants(struct bytes good)
{
	struct bytes copy = { malloc(good.size), good.size };
	Elf64_Ehdr *header = (void *)copy.at;
	unsigned char *name;

#define VARIANT(file, change)                                                                      \
	memcpy(copy.at, good.at, good.size);                                                       \
	copy.size = good.size;                                                                     \
	change;                                                                                    \
	write_file(file, copy)
	VARIANT("nothing.so", copy.size = 0);
	VARIANT("garbage.so", memset(copy.at, 'x', copy.size));
	VARIANT("short-header.so", copy.size = 40);
	VARIANT("only-header.so", copy.size = sizeof *header);
	VARIANT("half.so", copy.size = end_of_segments(good) / 2);
	VARIANT("cut.so", copy.size = end_of_segments(good) - 1);
	VARIANT("32-bit.so", copy.at[EI_CLASS] = ELFCLASS32);
	VARIANT("big-endian.so", copy.at[EI_DATA] = ELFDATA2MSB);
	VARIANT("machine.so", header->e_machine = EM_S390);
	VARIANT("program.so", header->e_type = ET_EXEC);
	VARIANT("object.so", header->e_type = ET_REL);
	VARIANT("far.so", header->e_phoff = ~0ull - 63);
	VARIANT("many.so", header->e_phnum = 0xffff);
	VARIANT("none.so", header->e_phnum = 0);
	VARIANT("wraps.so", first_segment(copy)->p_type = PT_LOAD;
		first_segment(copy)->p_offset = ~0ull - 15);
	VARIANT("huge.so", first_segment(copy)->p_filesz = 1ull << 62);
	VARIANT("needs.so", name = find_needed(copy); CHECK(name, "a library"); name[3] = 'X');
	free(copy.at);
}

/* -- refused ---------------------------------------------------------------- */

static int
count_plugin(void *context, const struct wi_plugin_info *info)
{
	(void)info;
	++*(unsigned *)context;
	return 0;
}

static unsigned
count_plugins(void)
{
	unsigned count = 0;

	wi_plugins_each(rig.plugins, count_plugin, &count);
	return count;
}

/* Twice: what is mapped and refused keeps one file. */
static void
refused(const char *file, weir_status expected, const char *text)
{
	unsigned count = count_plugins();
	struct holdings before;

	support_phase(file);
	CHECK_STATUS(expected, rig_load(&rig, "broken", file, &control, 0));
	before = holdings_take();
	CHECK_STATUS(expected, rig_load(&rig, "broken", file, &control, 0));
	CHECK(strstr(rig.problem, text) && strstr(rig.problem, file) &&
		      !strstr(rig.problem, "/proc/"),
	      "%s: %s; wanted: %s", file, rig.problem, text);
	CHECK(holdings_take().files == before.files && holdings_take().threads == before.threads,
	      "%s", file);
	CHECK(count_plugins() == count && control.loads == 0, "%s is there", file);
	rig_check_subscriptions(&rig, 1);
	rig_publish(&rig, 1);
	refusals++;
}

static void
test_refused(void)
{
	refused("no-symbol", WEIR_EINVAL, "no plugin: it has no weir_plugin_get()");
	refused("null", WEIR_EINVAL, "weir_plugin_get() gives NULL");
	refused("abi", WEIR_EINVAL, "made for plugin ABI 1, and this program has 2");
	refused("size", WEIR_EINVAL, "its descriptor has ");
	refused("empty", WEIR_EINVAL, "its descriptor has 0 bytes");
	refused("no-enable", WEIR_EINVAL, "its descriptor has no enable");
	refused("flags", WEIR_EINVAL, "flags 0x6 are unknown here");
	refused("bad-name", WEIR_EINVAL, "the name in its descriptor");
	refused("no-name", WEIR_EINVAL, "the name in its descriptor");
	refused("nothing", WEIR_EINVAL, "is no shared object");
	refused("garbage", WEIR_EINVAL, "is no shared object");
	refused("short-header", WEIR_EINVAL, "is no shared object");
	refused("only-header", WEIR_EINVAL, "is cut short");
	refused("half", WEIR_EINVAL, "is cut short");
	refused("cut", WEIR_EINVAL, "is cut short");
	refused("32-bit", WEIR_EINVAL, "is for another kind of machine");
	refused("big-endian", WEIR_EINVAL, "is for another kind of machine");
	refused("machine", WEIR_EINVAL, "is for another kind of machine");
	refused("program", WEIR_EINVAL, "is no shared object");
	refused("object", WEIR_EINVAL, "is no shared object");
	refused("far", WEIR_EINVAL, "is cut short");
	refused("many", WEIR_EINVAL, "is no shared object");
	refused("none", WEIR_EINVAL, "is no shared object");
	refused("wraps", WEIR_EINVAL, "is cut short");
	refused("huge", WEIR_EINVAL, "is cut short");
	refused("needs", WEIR_EIO, "cannot open shared object file");
	refused("undefined", WEIR_EIO, "undefined symbol: there_is_no_such_function");
}

/* -- they load, and do no harm ---------------------------------------------- */

static void
go_around(const char *name)
{
	control.subscriptions = 1;
	CHECK_OK(rig_enable(&rig, name));
	rig_publish(&rig, 100);
	rig_flush(&rig);
	CHECK_OK(rig_disable(&rig, name, 10 * SECOND));
}

static void
test_newer(void)
{
	support_phase("a newer descriptor");
	CHECK_OK(rig_load(&rig, "newer", "newer", &control, 0));
	go_around("newer");
}

static void
test_constructor(void)
{
	unsigned threads = holdings_take().threads;

	support_phase("a constructor starts a thread");
	CHECK_OK(rig_load(&rig, "constructor", "constructor", &control, 0));
	CHECK(holdings_take().threads == threads + 1, "its thread");
	go_around("constructor");
}

static int taken[1 << 10];
static unsigned taken_count;

static void
take_files(void)
{
	while (taken_count < sizeof taken / sizeof *taken &&
	       (taken[taken_count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		taken_count++;
}

static void
test_no_files(void)
{
	struct rlimit before, limit;

	support_phase("an enable takes all files");
	CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0, "limit");
	limit = before;
	limit.rlim_cur = 128;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0, "limit");
	CHECK_OK(rig_load(&rig, "greedy", "good", &control, 0));
	control.in_enable = take_files;
	go_around("greedy");
	CHECK(taken_count > 0, "files were taken");
	CHECK_STATUS(WEIR_EIO, rig_load(&rig, "late", "other", &control, 0));
	CHECK(strstr(rig.problem, "Too many open files"), "%s", rig.problem);
	while (taken_count > 0)
		close(taken[--taken_count]);
	control.in_enable = NULL;
	CHECK_OK(rig_load(&rig, "late", "other", &control, 0));
	go_around("late");
	CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0, "limit");
}

/* The dispatcher ends after the plugin has been unloaded, and calls the destructor then. */
static void
test_thread_ends_late(weir_pool *pool)
{
	support_phase("a thread's destructor comes after the unload");
	CHECK_OK(rig_load(&rig, "tls", "tls", &control, 0));
	CHECK_OK(rig_reconfigure(&rig, "tls", "tls", &control, NULL, pool, 0));
	go_around("tls");
}

int
main(void)
{
	weir_pool_options options = WEIR_POOL_OPTIONS_INIT;
	struct bytes good;
	weir_pool *pool;

	support_begin("plugin_broken");
	rig_open(&rig, modules);
	good = read_file(rig_path(&rig, "good.so"));
	write_variants(good);
	free(good.at);
	CHECK_OK(weir_pool_open(rig.bus, &options, &pool));
	CHECK_OK(rig_load(&rig, "well", "good", &well, 0));
	CHECK_OK(rig_enable(&rig, "well"));
	test_refused();
	rig_flush(&rig);
	CHECK(well.events == refusals, "the one that is well goes on: %llu", (ull)well.events);
	test_newer();
	test_constructor();
	test_no_files();
	test_thread_ends_late(pool);
	CHECK_OK(wi_plugins_close(rig.plugins, 10 * SECOND));
	rig.plugins = NULL;
	CHECK(control.late == 0 && control.thread_ends == 0, "no destructor yet");
	CHECK_OK(weir_pool_close(pool, 10 * SECOND, NULL));
	CHECK(control.thread_ends == 1, "the destructor has run");
	rig_close(&rig);
	printf("%u broken files refused, crashes 0\n", refusals);
	return 0;
}
