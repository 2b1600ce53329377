/* SPDX-License-Identifier: MIT */
/*
 * module.c - a plugin that does as its test says; with switches, one that is broken from the
 * beginning.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/plugin.h>

#include "module.h"

#ifndef NUMBER
#define NUMBER 1
#endif
#ifndef NAME
#define NAME "module"
#endif
#ifndef FLAGS
#define FLAGS 0
#endif
#ifndef ABI
#define ABI WEIR_PLUGIN_ABI
#endif
#ifndef WITHOUT
#define WITHOUT 0       /* 1: load, 2: enable, 4: reconfigure */
#endif
#ifndef SIZE
#define SIZE sizeof(weir_plugin)
#endif

#define get(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define set(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define add(p, v) __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)

static void
pause_shortly(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
}

static void
leave(struct control **control)
{
	add(&(*control)->inside, -1);
}

#ifdef WITH_KEY
static pthread_key_t key;

static void
on_thread_end(void *context)
{
	struct control *control = context;

	add(&control->thread_ends, 1);
}

__attribute__((constructor)) static void
make_key(void)
{
	pthread_key_create(&key, on_thread_end);
}
#define NOTE_THREAD(control) pthread_setspecific(key, control)
#else
#define NOTE_THREAD(control) (void)(control)
#endif

static int
on_event(const weir_event *event, const weir_delivery *delivery, void *context)
{
	__attribute__((cleanup(leave))) struct control *control = context;

	(void)event, (void)delivery;
	NOTE_THREAD(control);
	add(&control->inside, 1);
	if (!get(&control->running))
		add(&control->late, 1);
	add(&control->events, 1);
	if (get(&control->hang)) {
		add(&control->hanging, 1);
		while (get(&control->hang))
			pause_shortly();
		if (control->talk)
			control->host->log(control->host, 6, "it goes on");
	}
	if (control->in_event)
		control->in_event();
	if (get(&control->unwind))
		pthread_exit(NULL);
	return get(&control->code);
}

static int
on_batch_end(const weir_delivery *delivery, void *context)
{
	struct control *control = context;

	(void)delivery;
	add(&control->batches, 1);
	return get(&control->batch_code);
}

static void
on_released(void *context)
{
	struct control *control = context;

	add(&control->released, 1);
}

/* Of one plugin these come one at a time. */
static void
end_call(struct control **control)
{
	add(&(*control)->busy, -1);
}

static struct control *
begin_call(void *context)
{
	struct control *control = context;

	if (add(&control->busy, 1) != 0)
		add(&control->overlaps, 1);
	return control;
}

#define CALL __attribute__((cleanup(end_call))) struct control *control = begin_call(context)

static struct control *
control_of(const weir_plugin_host *host)
{
	const char *text = host->setting(host, "control");
	void *address = NULL;

	return text && sscanf(text, "%p", &address) == 1 ? address : NULL;
}

static int
load(const weir_plugin_host *host, void **ret_context)
{
	struct control *control = control_of(host);

	if (!control)
		return host->fail(host, "no control");
	control->number = NUMBER;
	control->host = host;
	add(&control->loads, 1);
	if (control->in_load)
		control->in_load();
	if (control->load_code)
		return control->say ? host->fail(host, "%s", control->say) : control->load_code;
	*ret_context = control;
	return 0;
}

static int
subscribe(struct control *control, const weir_plugin_host *host, uint64_t count)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;
	weir_status status;

	options.released = on_released;
	options.pool = control->pool;
	options.batch_end = control->with_batch ? on_batch_end : NULL;
	for (uint64_t i = 0; i < count; i++) {
		status = host->subscribe(host, control->pattern ? control->pattern : "load.>",
					 on_event, control, &options, &subscription);
		if (status != WEIR_OK)
			return host->fail(host, "subscription %llu: %s", (unsigned long long)i,
			                  host->status_text(status));
	}
	return 0;
}

/* How an enable or a reconfigure is to end; that which does well sees the settings. */
static int
end(struct control *control, const weir_plugin_host *host, int code)
{
	const char *seen = host->setting(host, "seen");

	seen = seen ? seen : "";
	if (control->refuse && strcmp(seen, control->refuse) == 0)
		return host->fail(host, "'%s' is not\nfor me", seen);
	if (code != 0)
		return control->say ? host->fail(host, "%s", control->say) : code;
	snprintf(control->seen, sizeof control->seen, "%s", seen);
	return 0;
}

static int
enable(void *context, const weir_plugin_host *host)
{
	CALL;
	int code;

	add(&control->enables, 1);
	set(&control->running, 1);
	if (control->in_enable)
		control->in_enable();
	code = subscribe(control, host, control->subscriptions);
	return code ? code : end(control, host, control->enable_code);
}

static int
reconfigure(void *context, const weir_plugin_host *host)
{
	CALL;
	int code = subscribe(control, host, control->more);

	add(&control->reconfigures, 1);
	return code ? code : end(control, host, control->reconfigure_code);
}

static void
disable(void *context, const weir_plugin_host *host)
{
	CALL;

	(void)host;
	if (get(&control->inside))
		add(&control->late, 1);
	set(&control->running, 0);
	control->disabled_at = control->clock ? add(control->clock, 1) + 1 : 0;
	add(&control->disables, 1);
}

static void
health(void *context, const weir_plugin_host *host, weir_plugin_health *ret_health)
{
	CALL;

	(void)host;
	add(&control->healths, 1);
	if (control->in_health)
		control->in_health();
	ret_health->code = 7;
	memset(ret_health->text, '\n', sizeof ret_health->text);
	memcpy(ret_health->text, "well", 4);
}

static void
unload(void *context, const weir_plugin_host *host)
{
	CALL;

	(void)host;
	add(&control->unloads, 1);
}

#ifdef CONSTRUCTOR_THREAD
static void *
run(void *context)
{
	for (;;)
		pause_shortly();
	return context;
}

__attribute__((constructor)) static void
start(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, run, NULL);
	pthread_detach(thread);
}
#endif

#ifdef UNDEFINED_SYMBOL
void there_is_no_such_function(void);
void (*undefined)(void) = there_is_no_such_function;
#endif

#ifdef NO_SYMBOL
#define weir_plugin_get weir_plugin_take
#endif

WEIR_PLUGIN_EXPORT const weir_plugin *weir_plugin_get(void);

const weir_plugin *
weir_plugin_get(void)
{
	/* More than there is here, as a newer plugin has it. */
	static const struct { weir_plugin plugin; void *more[4]; } descriptor = {
		.plugin = {
			.size = SIZE,
			.abi = ABI,
			.name = NAME,
			.version = "1.0",
			.license = "MIT",
			.summary = "does as it is told",
			.flags = FLAGS,
			.load = WITHOUT & 1 ? NULL : load,
			.enable = WITHOUT & 2 ? NULL : enable,
			.reconfigure = WITHOUT & 4 ? NULL : reconfigure,
			.disable = disable,
			.health = health,
			.unload = unload,
		},
		.more = { (void *)1, (void *)1, (void *)1, (void *)1 },
	};

#ifdef NULL_DESCRIPTOR
	return NULL;
#endif
	return &descriptor.plugin;
}
