/* SPDX-License-Identifier: MIT */
/* Settings of channels: what they come to, what is refused and how, and that no secret is ever said. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel.h"

#define KEY   "whsec_c2VjcmV0LWNhbmFyeS1zZWNyZXQtY2FuYXJ5"       /* "secret-canary-secret-canary" */
#define KEY_2 "whsec_YW5vdGhlci1jYW5hcnktYW5vdGhlci1jYW5hcnk="   /* "another-canary-another-canary" */
#define CANARY "CANARY00secretpath"
#define SLACK "https://hooks.slack.com/services/" CANARY
#define MS    UINT64_C(1000000)

static char *directory;

/* -- what is wiped ---------------------------------------------------------- */

static uint32_t wiped;

/* In the place of the C library's: counts the secrets that go. */
void
explicit_bzero(void *bytes, size_t size)
{
	const void *seen = bytes;

	/* gcc believes that it is only written to. */
	__asm__ volatile("" : "+r"(seen) : : "memory");
	if (memmem(seen, size, CANARY, strlen(CANARY)) || memmem(seen, size, "secret-canary", 13) ||
	    memmem(seen, size, KEY, strlen(KEY)))
		wiped++;
	memset(bytes, 0, size);
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

/* -- making them ------------------------------------------------------------ */

static const char *
file(const char *name, const char *text, unsigned mode)
{
	static char path[512];
	int fd;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

/* settings: "name = value\n" each, @ in a value is the directory. */
static bool
make(struct wi_channel *channel, const char *settings, char *problem)
{
	char key[64], value[1024];
	const char *end;

	*problem = '\0';
	wi_channel_init(channel, "alerts");
	for (; *settings; settings = end + 1) {
		snprintf(key, sizeof key, "channel.alerts.%.*s", (int)strcspn(settings, " "), settings);
		settings = strstr(settings, " = ") + 3;
		end = strchr(settings, '\n');
		snprintf(value, sizeof value, "%s%.*s", *settings == '@' ? directory : "",
		         (int)(end - settings) - (*settings == '@'), settings + (*settings == '@'));
		if (!wi_channel_take(channel, key, value, problem))
			return false;
	}
	return wi_channel_end(channel, problem);
}

static void
assert_made(struct wi_channel *channel, const char *settings)
{
	char problem[WI_NOTIFY_PROBLEM_SIZE];

	if (!make(channel, settings, problem))
		fail_msg("%s: %s", settings, problem);
}

static char told[WI_NOTIFY_PROBLEM_SIZE];       /* the last one */

/* One line, which names the setting and says nothing of a secret. */
static void
assert_refused(const char *settings, const char *setting)
{
	struct wi_channel channel;
	char name[64];

	if (make(&channel, settings, told))
		fail_msg("%s is taken", settings);
	wi_channel_fini(&channel);
	snprintf(name, sizeof name, "channel.alerts.%s: ", setting);
	if (strncmp(told, name, strlen(name)) != 0 || strchr(told, '\n'))
		fail_msg("%s: %s", settings, told);
	if (strstr(told, CANARY) || strstr(told, "canary") || strstr(told, "whsec_c"))
		fail_msg("a secret is in: %s", told);
}

/* -- settings --------------------------------------------------------------- */

static void
test_slack(void **state)
{
	struct wi_channel channel;

	(void)state;
	file("slack", SLACK "\n", 0600);
	assert_made(&channel, "url_file = @/slack\ntype = slack\n");
	assert_int_equal(channel.kind, WI_CHANNEL_SLACK);
	assert_string_equal(channel.name, "alerts");
	assert_string_equal(channel.url, SLACK);
	assert_string_equal(channel.shown, "https://hooks.slack.com/...");
	assert_int_equal(channel.interval_ns, 1000 * MS);
	assert_int_equal(channel.burst, 3);
	assert_int_equal(channel.total_ns, 15000 * MS);
	assert_int_equal(channel.connect_ns, 5000 * MS);
	assert_int_equal(channel.retry_first_ns, 5000 * MS);
	assert_int_equal(channel.retry_most_ns, 3600000 * MS);
	assert_int_equal(channel.expire_ns, 3 * 86400000 * MS);
	assert_int_equal(channel.digest_ns, 60000 * MS);
	assert_false(channel.allow_http || channel.allow_private || channel.key_count || channel.ca_file);
	wi_channel_fini(&channel);
}

static void
test_webhook(void **state)
{
	struct wi_channel channel;

	(void)state;
	file("keys", "\n" KEY "\r\n\n" KEY_2, 0400);
	file("ca", "", 0644);
	assert_made(&channel, "type = cloudevents\nmode = binary\nurl = https://example.com:8443/a?b=" CANARY
	            "\nkey_file = @/keys\nca_file = @/ca\nallow = private,http\ntimeout = 2s\n"
	            "rate = 30/min\nburst = 7\nretry = 100ms..2min\nexpire = 1h\ndigest = 0\n");
	assert_int_equal(channel.kind, WI_CHANNEL_CLOUDEVENTS);
	assert_true(channel.binary && channel.allow_http && channel.allow_private);
	assert_string_equal(channel.shown, "https://example.com:8443/...");
	assert_int_equal(channel.key_count, 2);
	assert_memory_equal(channel.keys[0].bytes, "secret-canary-secret-canary", channel.keys[0].size);
	assert_memory_equal(channel.keys[1].bytes, "another-canary-another-canary", channel.keys[1].size);
	assert_int_equal(channel.total_ns, 2000 * MS);
	assert_int_equal(channel.connect_ns, 2000 * MS);
	assert_int_equal(channel.interval_ns, 2000 * MS);
	assert_int_equal(channel.burst, 7);
	assert_int_equal(channel.retry_first_ns, 100 * MS);
	assert_int_equal(channel.retry_most_ns, 120000 * MS);
	assert_int_equal(channel.expire_ns, 3600000 * MS);
	assert_int_equal(channel.digest_ns, 0);
	wi_channel_fini(&channel);
}

static void
test_wrong(void **state)
{
	static const struct { const char *settings, *setting; } rows[] = {
		{ "type = email\n", "type" },
		{ "type = \n", "type" },
		{ "url = \n", "url" },
		{ "key_file = \n", "key_file" },
		{ "colour = red\n", "colour" },
		{ "type = webhook\ntype = webhook\n", "type" },
		{ "url = https://example.com/\n", "type" },
		{ "type = webhook\n", "url" },
		{ "type = slack\n", "url_file" },
		{ "type = slack\nurl = " SLACK "\n", "url" },
		{ "type = slack\nurl_file = @/slack\nkey_file = @/keys\n", "key_file" },
		{ "type = slack\nurl_file = @/slack\nmode = binary\n", "mode" },
		{ "type = webhook\nurl = https://example.com/\nmode = structured\n", "mode" },
		{ "type = webhook\nurl = https://example.com/\nurl_file = @/slack\n", "url_file" },
		{ "type = webhook\nurl = https://example.com/\nmode = xml\n", "mode" },
		{ "allow = all\n", "allow" },
		{ "allow = http private proxy\n", "allow" },
		{ "allow = ,\n", "allow" },
		{ "timeout = 0\n", "timeout" },
		{ "timeout = 11min\n", "timeout" },
		{ "timeout = soon\n", "timeout" },
		{ "connect_timeout = -1\n", "connect_timeout" },
		{ "type = webhook\nurl = https://example.com/\ntimeout = 3s\nconnect_timeout = 4s\n",
		  "connect_timeout" },
		{ "rate = 1\n", "rate" },
		{ "rate = 0/s\n", "rate" },
		{ "rate = 10001/s\n", "rate" },
		{ "rate = 1/d\n", "rate" },
		{ "rate = /s\n", "rate" },
		{ "rate = 99999999999/s\n", "rate" },
		{ "burst = 0\n", "burst" },
		{ "burst = 1e3\n", "burst" },
		{ "retry = 5s\n", "retry" },
		{ "retry = 1h..5s\n", "retry" },
		{ "retry = 0..1h\n", "retry" },
		{ "retry = 5s..2d\n", "retry" },
		{ "retry = ..\n", "retry" },
		{ "expire = 1ms\n", "expire" },
		{ "digest = 2d\n", "digest" },
		{ "type = webhook\nurl = https://example.com/\nca_file = @/none\n", "ca_file" },
		{ "type = webhook\nurl = http://example.com/\nallow = http\nca_file = @/ca\n", "ca_file" },
		/* addresses */
		{ "type = webhook\nurl = http://example.com/" CANARY "\n", "url" },
		{ "type = webhook\nurl = ftp://example.com/" CANARY "\n", "url" },
		{ "type = webhook\nurl = file:///" CANARY "\n", "url" },
		{ "type = webhook\nurl = example.com/" CANARY "\n", "url" },
		{ "type = webhook\nurl = https://\n", "url" },
		{ "type = webhook\nurl = https://user@example.com/" CANARY "\n", "url" },
		{ "type = webhook\nurl = https://" CANARY ":" CANARY "@example.com/\n", "url" },
		{ "type = webhook\nurl = https://@example.com/" CANARY "\n", "url" },
		{ "type = webhook\nurl = https://example.com\\@example.org/" CANARY "\n", "url" },
		{ "type = webhook\nurl = https://example.com/" CANARY "#here\n", "url" },
		{ "type = webhook\nurl = https://example.com/a b" CANARY "\n", "url" },
		{ "type = webhook\nurl = https://ex\303\244mple.com/" CANARY "\n", "url" },
		{ "type = webhook\nurl = https://127.0.0.1/" CANARY "\n", "url" },
		{ "type = webhook\nurl = https://0x7f.1/" CANARY "\n", "url" },
		{ "type = webhook\nurl = https://localhost/" CANARY "\n", "url" },
		{ "type = webhook\nurl = https://[::ffff:10.0.0.1]/" CANARY "\n", "url" },
		/* somebody took the setting for the secret's own place */
		{ "type = webhook\nurl = https://example.com/\nkey_file = " KEY "\n", "key_file" },
		{ "type = slack\nurl_file = " SLACK "\n", "url_file" },
	};

	(void)state;
	file("slack", SLACK "\n", 0600);
	file("keys", KEY "\n", 0600);
	file("ca", "", 0644);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_refused(rows[i].settings, rows[i].setting);
}

static void
test_names(void **state)
{
	static const char *const names[] = { "", "Alerts", "a b", "a/b",
		"a2345678901234567890123456789012345678901" };
	char problem[WI_NOTIFY_PROBLEM_SIZE];
	struct wi_channel channel;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		wi_channel_init(&channel, names[i]);
		assert_true(wi_channel_take(&channel, "channel.x.type", "webhook", problem));
		assert_true(wi_channel_take(&channel, "channel.x.url", "https://example.com/", problem));
		assert_false(wi_channel_end(&channel, problem));
		assert_non_null(strstr(problem, "name"));
		wi_channel_fini(&channel);
	}
}

/* -- files ------------------------------------------------------------------ */

static const char keyed[] = "type = webhook\nurl = https://example.com/\nkey_file = @/secret\n";

static void
test_modes(void **state)
{
	struct wi_channel channel;

	(void)state;
	for (unsigned mode = 0; mode <= 0777; mode++) {
		file("secret", KEY "\n", mode);
		if (mode == 0600 || mode == 0400) {
			assert_made(&channel, keyed);
			wi_channel_fini(&channel);
		} else {
			assert_refused(keyed, "key_file");
		}
	}
}

static void
test_files(void **state)
{
	char path[512], target[512];

	(void)state;
	snprintf(path, sizeof path, "%s/secret", directory);
	strcpy(target, file("target", KEY "\n", 0600));
	unlink(path);
	assert_refused(keyed, "key_file");
	assert_int_equal(symlink(target, path), 0);
	assert_refused(keyed, "key_file");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(keyed, "key_file");
	assert_non_null(strstr(told, "is no regular file"));
	unlink(path);
	assert_int_equal(mkdir(path, 0600), 0);
	assert_refused(keyed, "key_file");
	assert_non_null(strstr(told, "is no regular file"));
	rmdir(path);
	if (geteuid() == 0) {
		file("secret", KEY "\n", 0600);
		assert_int_equal(chown(path, 12345, 0), 0);
		assert_refused(keyed, "key_file");
	}
}

static void
test_content(void **state)
{
	static const char *const texts[] = { "", "\n\n", "not a key " KEY, KEY " ", KEY "\n" KEY "x",
		KEY "\n" KEY "\n" KEY "\n" KEY "\n" KEY "\n", "whsec_c2VjcmV0\n" };
	static char large[6000];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		file("secret", texts[i], 0600);
		assert_refused(keyed, "key_file");
	}
	memset(large, '\n', sizeof large - 1);
	file("secret", large, 0600);
	assert_refused(keyed, "key_file");
	file("secret", "", 0600);
	assert_refused("type = slack\nurl_file = @/secret\n", "url_file");
	file("secret", "http://hooks.slack.com/" CANARY, 0600);
	assert_refused("type = slack\nurl_file = @/secret\n", "url_file");
}

/* The file's content, what was made of it, and what both became of in between. */
static void
test_wiped(void **state)
{
	static const struct wi_channel gone;
	struct wi_channel channel;

	(void)state;
	file("slack", SLACK "\n", 0600);
	file("secret", KEY "\n", 0600);
	wiped = 0;
	assert_made(&channel, "type = webhook\nurl_file = @/slack\nkey_file = @/secret\n");
	/* Two files, and the key as it was decoded. */
	assert_int_equal(wiped, 3);
	wi_channel_fini(&channel);
	assert_int_equal(wiped, 5);
	assert_memory_equal(&channel, &gone, sizeof channel);
}

static int
set_up(void **state)
{
	(void)state;
	directory = unit_make_directory();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unit_remove_directory(directory);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slack),
		cmocka_unit_test(test_webhook),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_wiped),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
