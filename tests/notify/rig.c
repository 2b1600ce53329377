/* SPDX-License-Identifier: MIT */
/* rig.c - see rig.h. */
#include "rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const struct wi_message rig_message = {
	.id = "msg_p5jXN8AQM9LWM0D4loKWxJek",
	.channel = "test",
	.topic = "test.topic",
	.group = "",
	.brief = "",
	.headers = "Content-Type: application/json\n",
	.body = "{\"test\": 2432232314}",
	.body_size = 20,
};

static void
done(void *context, const struct wi_channel *channel, const struct wi_message *message,
     const struct wi_result *result)
{
	struct rig *rig = context;

	CHECK(rig->count < RIG_DONE_MAX, "more than %d requests", RIG_DONE_MAX);
	CHECK(!strstr(result->text, RIG_CANARY) && !strstr(result->text, "v1,") && !strstr(result->text, "whsec"),
	      "a secret is in '%s'", result->text);
	for (const char *c = result->text; *c; c++)
		CHECK(*c >= ' ' && *c <= '~', "'%s' is not printable", result->text);
	rig->done[rig->count++] = (struct rig_done){ channel, message, *result, now_ns() };
}

void
rig_open(struct rig *rig)
{
	const struct wi_sender_options options = { done, rig };
	char problem[WI_NOTIFY_PROBLEM_SIZE];

	rig->count = 0;
	CHECK(wi_sender_open(&options, &rig->sender, problem), "%s", problem);
}

void
rig_close(struct rig *rig)
{
	wi_sender_close(rig->sender);
}

bool
rig_channel_try(struct wi_channel *channel, const char *settings, char *ret_problem)
{
	char key[64], value[4000];
	const char *end;

	wi_channel_init(channel, "test");
	for (; *settings; settings = end + 1) {
		snprintf(key, sizeof key, "channel.test.%.*s", (int)strcspn(settings, " "), settings);
		settings = strstr(settings, " = ") + 3;
		end = strchr(settings, '\n');
		snprintf(value, sizeof value, "%.*s", (int)(end - settings), settings);
		if (!wi_channel_take(channel, key, value, ret_problem))
			return false;
	}
	return wi_channel_end(channel, ret_problem);
}

void
rig_channel(struct wi_channel *channel, const char *settings)
{
	char problem[WI_NOTIFY_PROBLEM_SIZE];

	CHECK(rig_channel_try(channel, settings, problem), "%s", problem);
}

void
rig_webhook(struct wi_channel *channel, struct receiver *receiver, const char *settings)
{
	char text[4000];

	snprintf(text, sizeof text, "type = webhook\nurl = http://127.0.0.1:%u/" RIG_CANARY "\nallow = http, private\n%s",
	         receiver_port(receiver), settings);
	rig_channel(channel, text);
}

void
rig_start(struct rig *rig, const struct wi_channel *channel, const struct wi_message *message)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	CHECK(wi_sender_start(rig->sender, channel, message,
	                      (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec),
	      "not begun");
}

void
rig_run(struct rig *rig, uint32_t count)
{
	uint64_t limit = now_ns() + 30 * SECOND;

	while (rig->count < count) {
		wi_sender_run(rig->sender, SECOND);
		CHECK(now_ns() < limit, "%u of %u requests are done after 30 s", rig->count, count);
	}
}

struct wi_result
rig_send(struct rig *rig, const struct wi_channel *channel, const struct wi_message *message)
{
	rig_start(rig, channel, message);
	rig_run(rig, rig->count + 1);
	CHECK(rig->done[rig->count - 1].channel == channel && rig->done[rig->count - 1].message == message,
	      "another request is done");
	return rig->done[rig->count - 1].result;
}

/* -- files ------------------------------------------------------------------ */

static char directory[] = "/tmp/weir-notify-XXXXXX";
static char *files[32];
static uint32_t file_count;
static pid_t owner;

static void
remove_files(void)
{
	if (getpid() != owner)
		return;
	for (uint32_t i = 0; i < file_count; i++)
		unlink(files[i]);
	rmdir(directory);
}

const char *
rig_file(const char *name, const char *text, unsigned mode)
{
	char *path;
	int fd;

	if (!owner) {
		CHECK(mkdtemp(directory), "mkdtemp");
		owner = getpid();
		atexit(remove_files);
	}
	CHECK(file_count < 32 && asprintf(&path, "%s/%s", directory, name) > 0, "another file");
	files[file_count++] = path;
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (long)strlen(text) && fchmod(fd, mode) == 0,
	      "%s", path);
	close(fd);
	return path;
}
