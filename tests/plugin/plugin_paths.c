/* SPDX-License-Identifier: MIT */
/*
 * plugin_paths.c - paths by which somebody else's code could come in are refused, also while they
 * change under the look. As root the same is done by a normal user, in a child. $WEIR_PLUGIN_RACES:
 * how many looks against a swap (5,000).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/path.h"
#include "rig.h"

#define SOMEBODY 65534          /* a user who owns nothing */
#define OTHER 65533
#define ROUNDS 50

static char base[64];
static unsigned refusals;

static const char *
at(const char *name)
{
	static _Thread_local char paths[4][128];
	static _Thread_local unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", base, name);
	return path;
}

/* -- making ----------------------------------------------------------------- */

static void
make_directory(const char *name, mode_t mode)
{
	CHECK(mkdir(at(name), 0700) == 0 && chmod(at(name), mode) == 0, "%s: %s", name,
	      strerror(errno));
}

static void
make_file(const char *name, mode_t mode)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_EXCL, 0600);

	CHECK(fd >= 0 && fchmod(fd, mode) == 0, "%s: %s", name, strerror(errno));
	close(fd);
}

/* A directory and a file in it. */
static void
make_both(const char *directory, mode_t mode, const char *file, mode_t file_mode)
{
	make_directory(directory, 0755);
	make_file(file, file_mode);
	CHECK(chmod(at(directory), mode) == 0, "%s", directory);
}

static void
make_link(const char *to, const char *name)
{
	CHECK(symlink(to, at(name)) == 0, "%s: %s", name, strerror(errno));
}

static void
make_socket(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", at(name));
	CHECK(fd >= 0 && bind(fd, (void *)&address, sizeof address) == 0 &&
		      chmod(at(name), 0755) == 0,
	      "socket");
	close(fd);
}

static void
give(const char *name, uid_t owner)
{
	CHECK(lchown(at(name), owner, (gid_t)-1) == 0, "%s: %s", name, strerror(errno));
}

/* -- judging ---------------------------------------------------------------- */

static weir_status
look(const char *path, ino_t *ret_inode, char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	struct stat stat;
	weir_status status;
	int fd;

	problem[0] = '\0';
	status = wi_path_open(path, &fd, &stat, problem);
	if (status != WEIR_OK)
		return status;
	*ret_inode = stat.st_ino;
	close(fd);
	return WEIR_OK;
}

static void
refused_path(const char *path, weir_status expected, const char *text)
{
	char problem[WI_PLUGIN_PROBLEM_SIZE];
	ino_t inode;

	support_phase(path);
	CHECK_STATUS(expected, look(path, &inode, problem));
	CHECK(strstr(problem, text), "%s: %s; wanted: %s", path, problem, text);
	refusals++;
}

static void
refused(const char *name, const char *text)
{
	refused_path(at(name), WEIR_EINVAL, text);
}

static void
accepted(const char *name)
{
	char problem[WI_PLUGIN_PROBLEM_SIZE];
	ino_t inode;

	CHECK(look(at(name), &inode, problem) == WEIR_OK, "%s: %s", name, problem);
}

/* -- the cases -------------------------------------------------------------- */

static void
test_forms(void)
{
	char path[2 * PATH_MAX];

	refused_path("", WEIR_EINVAL, "neither a path from / on nor a bare name");
	refused_path("ok/good.so", WEIR_EINVAL, "neither a path from / on nor a bare name");
	refused_path("./good.so", WEIR_EINVAL, "neither a path from / on nor a bare name");
	refused_path("../good.so", WEIR_EINVAL, "neither a path from / on nor a bare name");
	refused_path("/", WEIR_EINVAL, "is empty, '.' or '..'");
	refused_path("/..", WEIR_EINVAL, "is empty, '.' or '..'");
	refused("ok//good.so", "is empty, '.' or '..'");
	refused("./ok/good.so", "is empty, '.' or '..'");
	refused("ok/../ok/good.so", "is empty, '.' or '..'");
	refused("ok/good.so/", "is empty, '.' or '..'");
	memset(path, 'a', sizeof path);
	memcpy(path, at("ok/"), strlen(at("ok/")));
	path[strlen(at("ok/")) + NAME_MAX + 1] = '\0';
	refused_path(path, WEIR_EIO, "File name too long");
	path[strlen(path)] = 'a';
	path[sizeof path - 1] = '\0';
	refused_path(path, WEIR_EINVAL, "refused: a path of 8191 bytes");
	refused_path(at("ok/none.so"), WEIR_ENOENT, "No such file");
	refused_path(at("none/good.so"), WEIR_ENOENT, "/none: No such file");
	refused("ok/good.so/good.so", "is no directory");
}

static void
test_links(void)
{
	char path[64];
	int fd = open(at("ok/good.so"), O_RDONLY | O_CLOEXEC);

	make_link(at("ok/good.so"), "ok/link.so");
	make_link("good.so", "ok/short.so");
	make_link(at("nowhere"), "ok/dangling.so");
	make_link("loop.so", "ok/loop.so");
	make_link("ok", "way");
	refused("ok/link.so", "is a symbolic link");
	refused("ok/short.so", "is a symbolic link");
	refused("ok/dangling.so", "is a symbolic link");
	refused("ok/loop.so", "is a symbolic link");
	refused("way/good.so", "/way is a symbolic link");
	refused_path("/proc/self/exe", WEIR_EINVAL, "/proc/self is a symbolic link");
	refused_path("/dev/fd/0", WEIR_EINVAL, "/dev/fd is a symbolic link");
	snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), fd);
	refused_path(path, WEIR_EINVAL, "is a symbolic link");
	snprintf(path, sizeof path, "/proc/%d/root/etc/passwd", getpid());
	refused_path(path, WEIR_EINVAL, "/root is a symbolic link");
	close(fd);
}

static void
test_kinds(void)
{
	make_directory("ok/directory.so", 0755);
	CHECK(mkfifo(at("ok/fifo.so"), 0644) == 0, "fifo");
	make_socket("ok/socket.so");
	refused("ok/directory.so", "is no regular file");
	refused("ok/fifo.so", "is no regular file");
	refused_path(at("ok/socket.so"), WEIR_EIO, "No such device or address");
	refused_path("/dev/null", WEIR_EINVAL, "refused");
}

static void
test_modes(void)
{
	make_file("ok/group.so", 0664);
	make_file("ok/others.so", 0646);
	make_file("ok/sticky.so", 01666);
	make_both("group", 0775, "group/good.so", 0644);
	make_both("others", 0757, "others/good.so", 0644);
	make_both("sticky", 01777, "sticky/good.so", 0644);
	make_directory("above", 0755);
	make_both("above/ok", 0755, "above/ok/good.so", 0644);
	CHECK(chmod(at("above"), 0777) == 0, "above");
	make_directory("common", 0755);
	make_both("common/ok", 0755, "common/ok/good.so", 0644);
	CHECK(chmod(at("common"), 01777) == 0, "common");
	refused("ok/group.so", "may be written by others");
	refused("ok/others.so", "may be written by others");
	refused("ok/sticky.so", "may be written by others");
	refused("group/good.so", "/group may be written by others");
	refused("others/good.so", "/others may be written by others");
	refused("sticky/good.so", "/sticky may be written by others");
	refused("above/ok/good.so", "/above may be written by others");
	if (geteuid() == 0)
		accepted("common/ok/good.so");
	else
		refused("common/ok/good.so", "/common may be written by others");
}

static void
test_accepted(void)
{
	make_file("ok/private.so", 0400);
	make_file("ok/program.so", 04755);
	make_both("passage", 0711, "passage/good.so", 0644);
	accepted("ok/good.so");
	accepted("ok/private.so");
	accepted("ok/program.so");
	accepted("passage/good.so");
}

/* What is found first is judged, and not passed over. */
static void
test_search(void)
{
	char directories[4][128], path[PATH_MAX], problem[WI_PLUGIN_PROBLEM_SIZE];
	const char *list[] = { directories[0], directories[1], directories[2], directories[3] };
	static const char *const no_names[] = {
		"go od", "good.so.1", ".so", ".good", "good;so", "good.so\n", "g\303\266\303\266d"};

	support_phase("bare names");
	strcpy(directories[0], at("none"));
	strcpy(directories[1], at("empty"));
	strcpy(directories[2], at("ok"));
	strcpy(directories[3], at("others"));
	make_directory("empty", 0755);
	CHECK_OK(wi_path_find("good", list, 4, path, problem));
	CHECK(strcmp(path, at("ok/good.so")) == 0, "%s", path);
	CHECK_OK(wi_path_find("good.so", list, 4, path, problem));
	CHECK(strcmp(path, at("ok/good.so")) == 0, "%s", path);
	strcpy(directories[1], at("others"));
	CHECK_OK(wi_path_find("good", list, 4, path, problem));
	refused_path(path, WEIR_EINVAL, "/others may be written by others");
	strcpy(directories[0], "ok");
	CHECK(chdir(base) == 0, "%s", base);
	CHECK_OK(wi_path_find("good", list, 4, path, problem));
	refused_path(path, WEIR_EINVAL, "neither a path from / on nor a bare name");
	CHECK(chdir("/") == 0, "/");
	CHECK_OK(wi_path_find("dangling", list, 4, path, problem));
	CHECK_STATUS(WEIR_ENOENT, wi_path_find("nothing", list, 4, path, problem));
	for (size_t i = 0; i < sizeof no_names / sizeof *no_names; i++) {
		CHECK_OK(wi_path_find(no_names[i], list, 4, path, problem));
		refused_path(path, WEIR_EINVAL, "neither a path from / on nor a bare name");
	}
}

/* Only root can give files away. */
static void
make_foreign(void)
{
	make_file("ok/foreign.so", 0644);
	give("ok/foreign.so", OTHER);
	make_both("foreign", 0755, "foreign/good.so", 0644);
	give("foreign", OTHER);
	make_directory("foreign-sticky", 0755);
	make_both("foreign-sticky/ok", 0755, "foreign-sticky/ok/good.so", 0644);
	CHECK(chmod(at("foreign-sticky"), 01777) == 0, "sticky");
	give("foreign-sticky", OTHER);
	CHECK(link(at("ok/foreign.so"), at("ok/hard.so")) == 0, "link");
}

static void
test_foreign(void)
{
	refused("ok/foreign.so", "foreign.so belongs to another user");
	refused("ok/hard.so", "hard.so belongs to another user");
	refused("foreign/good.so", "/foreign belongs to another user");
	refused("foreign-sticky/ok/good.so", "/foreign-sticky belongs to another user");
}

/* -- swaps ------------------------------------------------------------------ */

/* Two names that a thread exchanges again and again. */
static struct swap {
	char first[128], second[128];
	pthread_t thread;
	uint64_t stop, count;
} swap;

static void
exchange(void)
{
	CHECK(renameat2(AT_FDCWD, swap.first, AT_FDCWD, swap.second, RENAME_EXCHANGE) == 0,
	      "%s: %s", swap.first, strerror(errno));
}

static void *
run_swap(void *context)
{
	while (!get(&swap.stop)) {
		exchange();
		add(&swap.count, 1);
	}
	return context;
}

static void
begin_swap(const char *first, const char *second)
{
	memset(&swap, 0, sizeof swap);
	strcpy(swap.first, at(first));
	strcpy(swap.second, at(second));
	CHECK(pthread_create(&swap.thread, NULL, run_swap, NULL) == 0, "thread");
	wait_for(&swap.count, 1, "a swap");
}

static void
end_swap(void)
{
	set(&swap.stop, 1);
	pthread_join(swap.thread, NULL);
	if (swap.count % 2 == 1)
		exchange();
}

/* At least `least` looks, and on until some led to a file and some did not. */
static bool
goes_on(uint64_t looks, uint64_t opened, uint64_t least, uint64_t end)
{
	return looks < least || ((opened == 0 || opened == looks) && now_ns() < end);
}

static ino_t
inode_of(const char *path)
{
	struct stat stat;

	CHECK(lstat(path, &stat) == 0, "%s", path);
	return stat.st_ino;
}

static void
race(const char *phase, const char *first, const char *second, uint64_t least)
{
	char path[128], problem[WI_PLUGIN_PROBLEM_SIZE];
	ino_t good = inode_of(at("swap/plugin.so")), inode;
	uint64_t looks = 0, opened = 0, end = now_ns() + 20 * SECOND;

	support_phase(phase);
	strcpy(path, at("swap/plugin.so"));
	begin_swap(first, second);
	for (; goes_on(looks, opened, least, end); looks++) {
		if (look(path, &inode, problem) != WEIR_OK)
			continue;
		CHECK(inode == good, "%s: another's file", phase);
		opened++;
	}
	end_swap();
	printf("%s: %llu looks, %llu swaps, %llu opened, foreign 0\n", phase, (ull)looks,
	       (ull)swap.count, (ull)opened);
	CHECK(opened > 0 && opened < looks, "%s: no race", phase);
}

static void
test_swaps(void)
{
	const char *given = getenv("WEIR_PLUGIN_RACES");
	uint64_t count = given ? strtoull(given, NULL, 0) : 5000;

	make_both("swap", 0755, "swap/plugin.so", 0644);
	make_both("evil", 0777, "evil/plugin.so", 0644);
	make_link("evil", "link");
	make_link(at("evil/plugin.so"), "swap/evil.so");
	race("file and link", "swap/plugin.so", "swap/evil.so", count);
	CHECK(unlink(at("swap/evil.so")) == 0, "evil.so");
	make_file("swap/evil.so", 0666);
	race("file and file", "swap/plugin.so", "swap/evil.so", count);
	race("directory and link", "swap", "link", count);
	if (geteuid() == 0) {
		CHECK(chmod(at("swap/evil.so"), 0644) == 0, "evil.so");
		give("swap/evil.so", OTHER);
		race("file and foreign file", "swap/plugin.so", "swap/evil.so", count);
	}
}

/* Loads until one succeeds: after that the object is known, and not opened again. */
static uint64_t
load_once(struct rig *rig, unsigned round)
{
	static struct control control;          /* used again by each unload */
	char file[32], evil[32], name[32], path[128];
	uint64_t loads = 1;

	snprintf(file, sizeof file, "swap/p%u.so", round);
	snprintf(evil, sizeof evil, "swap/e%u.so", round);
	snprintf(name, sizeof name, "p%u", round);
	strcpy(path, at(file));
	rig_copy(rig, "good.so", file);
	rig_copy(rig, "other.so", evil);
	CHECK(chmod(at(evil), 0666) == 0, "%s", evil);
	control.number = 0;
	begin_swap(file, evil);
	for (; rig_load(rig, name, path, &control, 0) != WEIR_OK; loads++)
		CHECK(loads < 1000000, "%s", rig->problem);
	end_swap();
	CHECK(control.number == 1, "code that may not be loaded");
	return loads;
}

/* Up to the plugin's own code: never that of the file that may not be loaded. */
static void
test_load(void)
{
	static const char *const modules[] = { NULL };
	uint64_t loads = 0;
	struct rig rig;

	rig_open(&rig, modules);
	strcpy(base, rig.directory);
	make_directory("swap", 0755);
	support_phase("loads while files are swapped");
	for (unsigned round = 0; round < ROUNDS; round++)
		loads += load_once(&rig, round);
	printf("%llu loads while files are swapped, %u loaded, foreign 0\n", (ull)loads, ROUNDS);
	rig_close(&rig);
}

/* -- who -------------------------------------------------------------------- */

static void
begin_user(void)
{
	umask(0);
	strcpy(base, "/tmp/weir-paths-XXXXXX");
	CHECK(mkdtemp(base) && chmod(base, 0755) == 0, "%s", base);
	make_both("ok", 0755, "ok/good.so", 0644);
	if (geteuid() == 0)
		make_foreign();
}

static void
test_user(void)
{
	refusals = 0;
	test_forms();
	test_links();
	test_kinds();
	test_modes();
	test_accepted();
	test_search();
	if (geteuid() == 0)
		test_foreign();
	test_swaps();
	printf("uid %u: %u hostile paths refused\n", (unsigned)geteuid(), refusals);
	CHECK(refusals >= 30, "%u", refusals);
	test_load();
}

/* Root's files are fine for all; those of a third are not. */
static void
become_somebody(void)
{
	char own[64];

	alarm(600);
	CHECK(setgid(SOMEBODY) == 0 && setuid(SOMEBODY) == 0, "%s", strerror(errno));
	accepted("ok/good.so");
	test_foreign();
	begin_user();
	strcpy(own, base);
	test_user();
	rig_remove(own);
}

/* To where the child may read them: a home is closed to it. */
static void
take_modules(void)
{
	struct rig here;

	strcpy(here.directory, base);
	rig_copy(&here, "good.so", "good.so");
	rig_copy(&here, "other.so", "other.so");
	CHECK(setenv("WEIR_PLUGIN_MODULES", base, 1) == 0, "setenv");
}

static void
test_child(void)
{
	int status;
	pid_t child;

	begin_user();
	take_modules();
	child = fork();
	CHECK(child >= 0, "fork");
	if (child == 0) {
		become_somebody();
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0, "as a normal user: %d", status);
	rig_remove(base);
}

int
main(void)
{
	char own[64];

	support_begin("plugin_paths");
	alarm(600);
	begin_user();
	strcpy(own, base);
	test_user();
	rig_remove(own);
	if (geteuid() == 0)
		test_child();
	else
		printf("not root: no files of others\n");
	return 0;
}
