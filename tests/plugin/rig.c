/* SPDX-License-Identifier: MIT */
/* rig.c - see rig.h. $WEIR_PLUGIN_MODULES: where the modules of the build are. */
#include "rig.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_NS (20 * SECOND)

/* -- what was said ---------------------------------------------------------- */

static struct said {
	pthread_mutex_t lock;
	char text[1 << 16];
	size_t size;
} logged = { .lock = PTHREAD_MUTEX_INITIALIZER }, told = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
note(struct said *said, const char *head, const char *text, size_t size)
{
	pthread_mutex_lock(&said->lock);
	if (said->size + strlen(head) + size + 3 > sizeof said->text)
		said->size = 0;
	said->size += (size_t)snprintf(said->text + said->size, sizeof said->text - said->size,
	                               "%s %.*s\n", head, (int)size, text);
	pthread_mutex_unlock(&said->lock);
}

static bool
holds(struct said *said, const char *text)
{
	bool found;

	pthread_mutex_lock(&said->lock);
	said->text[said->size] = '\0';
	found = strstr(said->text, text);
	pthread_mutex_unlock(&said->lock);
	return found;
}

bool
rig_logged(const char *text)
{
	return holds(&logged, text);
}

bool
rig_told(const char *text)
{
	return holds(&told, text);
}

void
rig_forget(void)
{
	pthread_mutex_lock(&logged.lock);
	logged.size = 0;
	pthread_mutex_unlock(&logged.lock);
	pthread_mutex_lock(&told.lock);
	told.size = 0;
	pthread_mutex_unlock(&told.lock);
}

static void
on_log(void *context, int level, const char *id, const char *text)
{
	char head[64];

	(void)context;
	snprintf(head, sizeof head, "<%d> %s", level, id);
	note(&logged, head, text, strlen(text));
}

static int
on_notice(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)context;
	note(&told, weir_topic_name(delivery->bus, weir_event_topic(event)), weir_event_data(event),
	     event->size);
	return 0;
}

/* -- files ------------------------------------------------------------------ */

const char *
rig_path(const struct rig *rig, const char *file)
{
	static _Thread_local char paths[4][256];
	static _Thread_local unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", rig->directory, file);
	return path;
}

static void
run(const char *format, const char *first, const char *second)
{
	char command[1024];

	snprintf(command, sizeof command, format, first, second);
	CHECK(system(command) == 0, "%s", command);
}

void
rig_copy(const struct rig *rig, const char *from, const char *to)
{
	const char *modules = getenv("WEIR_PLUGIN_MODULES");
	char source[512];

	CHECK(modules, "WEIR_PLUGIN_MODULES is not set");
	snprintf(source, sizeof source, "%s/%s", modules, from);
	run("cp '%s' '%s'", source, rig_path(rig, to));
	CHECK(chmod(rig_path(rig, to), 0644) == 0, "%s", to);
}

void
rig_remove(const char *directory)
{
	run("rm -rf '%s'%s", directory, "");
}

/* -- open, close ------------------------------------------------------------ */

void
rig_open(struct rig *rig, const char *const *modules)
{
	const char *directories[] = { "/nonexistent", rig->directory };
	struct wi_plugins_options options = { .directories = directories, .directory_count = 2,
	                                      .log = on_log };
	weir_bus_options bus = quiet_options();
	weir_subscription subscription;

	memset(rig, 0, sizeof *rig);
	umask(022);
	strcpy(rig->directory, "/tmp/weir-plugin-XXXXXX");
	CHECK(mkdtemp(rig->directory) && chmod(rig->directory, 0755) == 0, "%s", rig->directory);
	for (; *modules; modules++)
		rig_copy(rig, *modules, *modules);
	rig_forget();
	CHECK_OK(weir_bus_open(&bus, NULL, &rig->bus));
	CHECK_OK(weir_topic_open(rig->bus, "load.after.create", &rig->topic));
	CHECK_OK(weir_producer_open(rig->bus, NULL, &rig->producer));
	CHECK_OK(weir_subscribe(rig->bus, "plugin.>", on_notice, NULL, NULL, &subscription));
	options.bus = rig->bus;
	CHECK_OK(wi_plugins_open(&options, &rig->plugins));
}

void
rig_close(struct rig *rig)
{
	if (rig->plugins)
		CHECK_OK(wi_plugins_close(rig->plugins, 10 * SECOND));
	rig_flush(rig);
	rig_check_subscriptions(rig, 0);
	books_check(rig->bus);
	weir_producer_close(rig->producer);
	CHECK_OK(weir_bus_close(rig->bus, 10 * SECOND, NULL));
	rig_remove(rig->directory);
}

/* -- calls ------------------------------------------------------------------ */

static struct wi_plugin_config
configure(const char *name, const char *file, struct wi_setting settings[2], char text[32],
          struct control *control, const char *seen)
{
	size_t count = 0;

	snprintf(text, 32, "%p", (void *)control);
	if (control)
		settings[count++] = (struct wi_setting){ "control", text };
	if (seen)
		settings[count++] = (struct wi_setting){ "seen", seen };
	return (struct wi_plugin_config){ .name = name, .file = file, .settings = settings,
	                                  .setting_count = count };
}

weir_status
rig_load(struct rig *rig, const char *name, const char *file, struct control *control,
         uint32_t failures_max)
{
	struct wi_setting settings[2];
	char text[32];
	struct wi_plugin_config config = configure(name, file, settings, text, control, NULL);

	rig->problem[0] = '\0';
	config.failures_max = failures_max;
	return wi_plugins_load(rig->plugins, &config, rig->problem);
}

weir_status
rig_reconfigure(struct rig *rig, const char *name, const char *file, struct control *control,
                const char *seen, weir_pool *pool, uint32_t failures_max)
{
	struct wi_setting settings[2];
	char text[32];
	struct wi_plugin_config config = configure(name, file, settings, text, control, seen);

	rig->problem[0] = '\0';
	config.pool = pool;
	config.failures_max = failures_max;
	return wi_plugins_reconfigure(rig->plugins, &config, rig->problem);
}

weir_status
rig_enable(struct rig *rig, const char *name)
{
	rig->problem[0] = '\0';
	return wi_plugins_enable(rig->plugins, name, rig->problem);
}

weir_status
rig_disable(struct rig *rig, const char *name, uint64_t timeout_ns)
{
	rig->problem[0] = '\0';
	return wi_plugins_disable(rig->plugins, name, timeout_ns, rig->problem);
}

struct search {
	const char *name;
	struct wi_plugin_info info;
	bool found;
};

static _Thread_local char last_problem[WI_PLUGIN_PROBLEM_SIZE];

static int
look(void *context, const struct wi_plugin_info *info)
{
	struct search *search = context;

	if (strcmp(info->name, search->name) != 0)
		return 0;
	search->info = *info;
	snprintf(last_problem, sizeof last_problem, "%s", info->problem);
	search->info.problem = last_problem;
	search->found = true;
	return 1;
}

struct wi_plugin_info
rig_info(struct rig *rig, const char *name)
{
	struct search search = { .name = name };

	wi_plugins_each(rig->plugins, look, &search);
	CHECK(search.found, "no plugin %s", name);
	return search.info;
}

void
rig_await_state(struct rig *rig, const char *name, enum wi_plugin_state state)
{
	uint64_t end = now_ns() + WAIT_NS;

	while (rig_info(rig, name).state != state) {
		CHECK(now_ns() < end, "%s is %d and not %d", name, rig_info(rig, name).state,
		      state);
		sleep_ns(MILLISECOND);
	}
}

/* -- events ----------------------------------------------------------------- */

void
rig_publish(struct rig *rig, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		CHECK_OK(weir_publish_wait(rig->producer, rig->topic, NULL, &i, sizeof i, WAIT_NS));
}

void
rig_flush(struct rig *rig)
{
	CHECK_OK(weir_bus_flush(rig->bus, WAIT_NS));
}

static int
count_subscription(void *context, weir_subscription subscription, const char *name,
		   const char *pattern, weir_pool *pool)
{
	(void)subscription, (void)name, (void)pool;
	if (strcmp(pattern, "plugin.>") != 0)
		++*(uint64_t *)context;
	return 0;
}

void
rig_check_subscriptions(struct rig *rig, uint64_t count)
{
	uint64_t found = 0;

	weir_bus_each_subscription(rig->bus, count_subscription, &found);
	CHECK(found == count, "%llu subscriptions, not %llu", (ull)found, (ull)count);
}
