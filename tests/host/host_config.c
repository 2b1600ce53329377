/* SPDX-License-Identifier: MIT */
/* host_config.c - configuration files: what good ones mean, and what is said of bad ones, with
 * the line. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "host_rig.h"

/* The problem begins with the file and these words: "3: [pool.slow] ...". */
static const struct bad {
	const char *text, *problem;
} bads[] = {
	{ "[bus", "1: a section is [NAME], alone in its line" },
	{ "[bus] name = x", "1: a section is [NAME], alone in its line" },
	{ "\n\n[buss]", "3: [buss]: the section is not one of" },
	{ "[]", "1: []: the section is not one of" },
	{ "name = x", "1: a setting before the first [SECTION]" },
	{ "[bus]\nname", "2: is neither [SECTION] nor NAME = VALUE" },
	{ "[bus]\n= x", "2: [bus] : there is no name before the =" },
	{ "[bus]\nname = a\n\nname = b", "4: [bus] name: the section has this setting already" },
	{ "[bus]\n[pool.a]\n[bus]", "3: the file has this section already" },
	{ "[bus]\nnames = x", "2: [bus] names: there is no such setting" },
	{ "[bus]\nname = a b", "2: [bus] name: 'a b' is not 1 to 40 of" },
	{ "[bus]\nring_size = 5000", "2: [bus] ring_size: '5000' is not a power of two from 4k to 2g" },
	{ "[bus]\nring_size = 2k", "2: [bus] ring_size: '2k' is not a power of two" },
	{ "[bus]\nring_size = 4g", "2: [bus] ring_size: '4g' is not a power of two" },
	{ "[bus]\nring_size = -4096", "2: [bus] ring_size: '-4096' is not" },
	{ "[bus]\nproducers = 0", "2: [bus] producers: '0' is not a whole number" },
	{ "[bus]\ntopics = 16777216", "2: [bus] topics: '16777216' is not a whole number" },
	{ "[bus]\nhops = 32", "2: [bus] hops: '32' is not a whole number from 1 to 31" },
	{ "[bus]\nclock = fast", "2: [bus] clock: 'fast' is not tick, precise or none" },
	{ "[bus]\nfence = none", "2: [bus] fence: 'none' is not auto or publisher" },
	{ "[bus]\nstats_dir = here", "2: [bus] stats_dir: 'here' is not a path that begins with /" },
	{ "[control]\nsocket = weir.sock", "2: [control] socket: 'weir.sock' is not a path" },
	{ "[control]\nport = 80", "2: [control] port: there is no such setting" },
	{ "[plugins]\npath = /a:b", "2: [plugins] path: '/a:b' is not directories" },
	{ "[plugins]\npath =", "2: [plugins] path: '' is not directories" },
	{ "[pool.]", "1: [pool.]: a pool's name is" },
	{ "[pool.a.b]", "1: [pool.a.b]: a pool's name is" },
	{ "[pool.slow]\n\ndispatchers = x", "3: [pool.slow] dispatchers: 'x' is not a whole number from 1 to 256" },
	{ "[pool.slow]\ndispatchers = 257", "2: [pool.slow] dispatchers: '257' is not" },
	{ "[pool.slow]\nwait = long", "2: [pool.slow] wait: 'long' is not adaptive" },
	{ "[pool.slow]\nbatch = 0", "2: [pool.slow] batch: '0' is not a whole number" },
	{ "[pool.slow]\nsleep = soon", "2: [pool.slow] sleep: 'soon' is not a time" },
	{ "[pool.slow]\norder = topic", "2: [pool.slow] order: 'topic' is not producer or key" },
	{ "[pool.slow]\nbehind = drop", "2: [pool.slow] behind: 'drop' is not hold or skip" },
	{ "[pool.slow]\nspeed = 3", "2: [pool.slow] speed: there is no such setting" },
	{ "[pool.slow]\nspin = 1ms\nwait = park", "2: [pool.slow] spin: is only for wait = adaptive" },
	{ "[pool.slow]\nsleep = 1ms", "2: [pool.slow] sleep: is only for wait = poll" },
	{ "[pool.slow]\norder = key\nbehind = skip", "3: [pool.slow] behind: 'skip' is only for" },
	{ "[pool.slow]\norder = key\ndispatchers = 17", "3: [pool.slow] dispatchers: with order = key at most 16" },
	{ "[pool.slow]\nafter = fast", "2: [pool.slow] after: there is no pool 'fast'" },
	{ "[pool.slow]\nafter =", "2: [pool.slow] after: '' is not the name of a pool" },
	{ "[pool.slow]\nafter = slow", "2: [pool.slow] after: a pool cannot be after itself" },
	{ "[pool.a]\nafter = b\n[pool.b]\nbehind = skip", "2: [pool.a] after: 'b' has behind = skip" },
	{ "[pool.x]\n[pool.a]\nafter = c\n[pool.b]\nafter=a\n[pool.c]\nafter=x,b",
	  "3: [pool.a] after: the pools are after each other in a circle" },
	{ "[pool.default]\nafter = a\n[pool.a]", "2: [pool.default] after: the default pool is the first" },
	{ "[pool.a]\norder=key\ndispatchers=8\n[pool.b]\norder=key\ndispatchers=8", "4: [pool.b]: a ring has 16 places" },
	{ "[plugin.a]\nenabled = yes", "1: [plugin.a]: there is no 'file'" },
	{ "[plugin.A]\nfile = a", "1: [plugin.A]: a plugin's name is" },
	{ "[plugin.a]\nfile = ./a.so", "2: [plugin.a] file: './a.so' is not a path" },
	{ "[plugin.a]\nfile =", "2: [plugin.a] file: '' is not a path" },
	{ "[plugin.a]\nfile = a\nenabled = 1", "3: [plugin.a] enabled: '1' is not yes or no" },
	{ "[plugin.a]\nfile = a\npool = b", "3: [plugin.a] pool: there is no pool 'b'" },
	{ "[plugin.a]\nfile = a\nfailures = many", "3: [plugin.a] failures: 'many' is not a whole number" },
	{ "[bus]\nname = a\x01", "2: the line has a control byte" },
	{ "[pool.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]", "1: a section's name has at most 48 bytes" },
	{ "\xef\xbb\xbf[buss]", "1: [buss]: the section is not one of" },
};

static void
check_bad(const char *file, const char *problem)
{
	char text[WI_SECTIONS_PROBLEM_SIZE] = "";
	struct wi_config *config = wi_config_read(file, NULL, text);
	size_t length = strlen(file);

	CHECK(config == NULL, "%s: taken", problem);
	CHECK(strncmp(text, file, length) == 0 && text[length] == ':' &&
	      strncmp(text + length + 1, problem, strlen(problem)) == 0, "%s; wanted %s", text, problem);
}

static void
test_bad(void)
{
	support_phase("bad files");
	for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++)
		check_bad(rig_write("bad.ini", "%s\n", bads[i].text), bads[i].problem);
}

/* Bytes that printf cannot write. */
static const char *
write_bytes(const char *bytes, size_t size)
{
	const char *path = rig_path("bytes.ini");
	FILE *file = fopen(path, "w");

	CHECK(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0, "%s", path);
	return path;
}

static void
test_bytes(void)
{
	static char text[WI_SECTIONS_FILE_MAX + 1];

	support_phase("bytes");
	check_bad(write_bytes("[bus]\nname = a\0b\n", 17), "2: the line has a control byte");
	memset(text, 'x', sizeof text);
	memcpy(text, "[bus]\n#", 7);
	check_bad(write_bytes(text, 8000), "2: the line is longer than 4096 bytes");
	check_bad(write_bytes(text, sizeof text), " is larger than 1 MiB");
	memset(text, ' ', sizeof text);
	memcpy(text, "[bus]\nname = x", 14);
	check_bad(write_bytes(text, 8000), "2: the line is longer than 4096 bytes");
	/* No place to cut it for inih. */
	memset(text, ';', sizeof text);
	memcpy(text, "[bus]\nname = x", 14);
	check_bad(write_bytes(text, 3000), "2: inih cannot take this line");
}

static void
test_files(void)
{
	const char *path = rig_write("file.ini", "[bus]\n");
	char problem[WI_SECTIONS_PROBLEM_SIZE];

	support_phase("files");
	check_bad(rig_path("none.ini"), " No such file or directory");
	check_bad(rig_directory, " is not a regular file");
	CHECK(mkfifo(rig_path("fifo"), 0600) == 0, "mkfifo");
	check_bad(rig_path("fifo"), " is not a regular file");
	check_bad("/dev/null", " is not a regular file");
	CHECK(chmod(path, 0666) == 0, "chmod");
	check_bad(path, " may be written by everybody");
	CHECK(chmod(path, 0644) == 0, "chmod");
	wi_config_free(wi_config_read(path, NULL, problem));
	if (geteuid() == 0) {
		CHECK(chown(path, 12345, 12345) == 0, "chown");
		check_bad(path, " belongs neither to this user nor to root");
	} else {
		CHECK(chmod(path, 0) == 0, "chmod");
		check_bad(path, " Permission denied");
	}
}

/* -- good ones ------------------------------------------------------------------ */

static struct wi_config *
take(const char *text)
{
	char problem[WI_SECTIONS_PROBLEM_SIZE] = "";
	struct wi_config *config = wi_config_read(rig_write("good.ini", "%s", text), NULL, problem);

	CHECK(config, "%s", problem);
	return config;
}

static void
test_values(void)
{
	struct wi_config *config = take(
		"\xef\xbb\xbf; a comment\r\n"
		"# another\r\n"
		"[bus]\r\n"
		"name=orders ; inline\r\n"
		"   ring_size = 1m\r\n"
		"\tproducers: 7\r\n"
		"topics = 100\n hops=3\n clock = precise\n fence = publisher\n stats_dir = none\n"
		"[control]\n socket = /run/x;y.sock\n"
		"[plugins]\n path = /a:/b c\n"
		"[pool.default]\n dispatchers = 2\n"
		"[plugin.x]\n file = x\n enabled = off\n pool = late\n failures = 9\n k = a = b\n empty =\n"
		"[pool.late]\n after = early, default\n"
		"[pool.early]\n cpus = 0,2-3\n wait = poll\n sleep = 1ms\n batch = 5\n nice = 7\n");
	struct wi_config_plugin *plugin = &config->plugins[0];

	support_phase("values");
	CHECK(strcmp(config->name, "orders") == 0 && config->ring_size == 1 << 20 &&
	      config->producer_count_max == 7 && config->topic_count_max == 100 && config->hop_count_max == 3,
	      "bus");
	CHECK(config->clock == WEIR_CLOCK_PRECISE && config->fence == WEIR_FENCE_PUBLISHER &&
	      config->stats_dir[0] == '\0', "bus");
	CHECK(strcmp(config->socket, "/run/x;y.sock") == 0, "%s", config->socket);
	CHECK(config->directory_count == 2 && strcmp(config->directories[1], "/b c") == 0, "path");
	CHECK(config->first.spec.dispatcher_count == 2, "default pool");
	CHECK(config->pool_count == 2 && strcmp(config->pools[0].spec.name, "early") == 0 &&
	      strcmp(config->pools[1].spec.name, "late") == 0, "the pool in front goes first");
	CHECK(config->pools[1].spec.after_count == 2, "after");
	CHECK(strcmp(config->pools[0].spec.cpus, "0,2-3") == 0 && config->pools[0].spec.sleep_ns == MILLISECOND &&
	      config->pools[0].spec.nice == 7, "early");
	CHECK(config->plugin_count == 1 && !plugin->enabled && plugin->failures_max == 9 &&
	      plugin->setting_count == 2, "plugin");
	CHECK(strcmp(plugin->settings[0].value, "a = b") == 0 && plugin->settings[1].value[0] == '\0', "settings");
	wi_config_free(config);
}

/* inih's lines have 200 bytes: longer ones arrive whole, wherever they are cut. */
static void
test_long_lines(void)
{
	char line[4000], text[4200];
	struct chance chance = chance_begin(1);

	support_phase("long lines");
	for (int round = 0; round < 300; round++) {
		size_t length = 100 + chance_below(&chance, 3700);
		struct wi_config *config;

		for (size_t i = 0; i < length; i++)
			line[i] = "abc d=:[]#\t"[chance_below(&chance, 11)];
		line[0] = line[length - 1] = 'x';
		line[length] = '\0';
		snprintf(text, sizeof text, "[plugin.a]\nfile = a\nlong = %s\nnext = n\n", line);
		config = take(text);
		CHECK(config->plugins[0].setting_count == 2, "%s", text);
		CHECK(strcmp(config->plugins[0].settings[0].value, line) == 0, "%s\n%s", line,
		      config->plugins[0].settings[0].value);
		wi_config_free(config);
	}
}

/* Any bytes: an answer, no more. The sanitizers look on. */
static void
test_noise(void)
{
	static const char alphabet[] = "[]=;#: \n\n\nabus.poolugin\t\r\\\"%\x80";
	char bytes[600], problem[WI_SECTIONS_PROBLEM_SIZE];
	struct chance chance = chance_begin(2);

	support_phase("noise");
	for (int round = 0; round < 1500; round++) {
		size_t size = chance_below(&chance, sizeof bytes);

		for (size_t i = 0; i < size; i++)
			bytes[i] = alphabet[chance_below(&chance, sizeof alphabet - 1)];
		problem[0] = '\0';
		struct wi_config *config = wi_config_read(write_bytes(bytes, size), NULL, problem);

		CHECK(config || problem[0], "neither a configuration nor a problem");
		wi_config_free(config);
	}
}

int
main(void)
{
	static const char *const none[] = { NULL };

	support_begin("host_config");
	rig_begin(none);
	test_bad();
	test_bytes();
	test_files();
	test_values();
	test_long_lines();
	test_noise();
	rig_end();
	return 0;
}
