/* SPDX-License-Identifier: MIT */
/* handlers.c - count, print, sleep, fail. */
#include "handlers.h"

#include "stopwatch.h"
#include "quantity.h"
#include "text/timestamp.h"
#include "text/traceparent.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLEEP_MAX_NS (3600 * WI_STOPWATCH_S)

/* The engine counts calls; this is the cheapest handler there can be. */
static int
count_event(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event;
	(void)delivery;
	(void)context;
	return 0;
}

/* Payloads of the bus's own events are structs, not JSON. */
static void
print_bytes(const unsigned char *data, uint32_t size)
{
	fputs(",\"bytes\":\"", stdout);
	for (uint32_t i = 0; i < size; i++)
		printf("%02x", data[i]);
	putchar('"');
}

/* What was recorded may be anything; here it would be JSON of one line. */
static bool
is_json(const char *data, uint32_t size)
{
	json_t *value = json_loadb(data, size, JSON_DECODE_ANY, NULL);

	json_decref(value);
	for (uint32_t i = 0; i < size; i++)
		if ((unsigned char)data[i] < ' ' || data[i] == 0x7f)
			return false;
	return value != NULL;
}

/* The same form that is read, so that the output of one run can be the input of another. */
static void
print_members(const weir_event *event, const weir_delivery *delivery, bool replayed)
{
	const char *name = weir_topic_name(delivery->bus, weir_event_topic(event));
	const weir_trace *trace = weir_event_trace(event);
	char time[WI_TIMESTAMP_SIZE], traceparent[WI_TRACEPARENT_SIZE];
	uint64_t key;

	printf("{\"topic\":\"%s\"", name);
	if (event->time != 0) {
		wi_timestamp_format(event->time, time);
		printf(",\"time\":\"%s\"", time);
	}
	if (weir_event_key(event, &key))
		printf(",\"key\":%" PRIu64, key);
	if (trace != NULL) {
		wi_traceparent_format(trace, traceparent);
		printf(",\"traceparent\":\"%s\"", traceparent);
	}
	if (event->size > 0 && (strncmp(name, "weir.", 5) == 0 ||
				(replayed && !is_json(weir_event_data(event), event->size)))) {
		print_bytes(weir_event_data(event), event->size);
	} else if (event->size > 0) {
		fputs(",\"data\":", stdout);
		fwrite(weir_event_data(event), 1, event->size, stdout);
	}
	printf(",\"source\":%" PRIu32 ",\"sequence\":%" PRIu64 "}\n", delivery->source,
	       delivery->sequence);
}

/* stdout is line-buffered and held for the whole line: one write each, never mixed. */
static int
print_event(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct wi_handler *handler = context;
	int failed;

	flockfile(stdout);
	print_members(event, delivery, handler->replayed);
	failed = ferror_unlocked(stdout);
	funlockfile(stdout);
	return failed != 0;
}

static int
sleep_event(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct wi_handler *handler = context;
	struct timespec time = {.tv_sec = (time_t)(handler->argument / WI_STOPWATCH_S),
				.tv_nsec = (long)(handler->argument % WI_STOPWATCH_S)};

	(void)event;
	(void)delivery;
	nanosleep(&time, NULL);
	return 0;
}

static int
fail_event(const weir_event *event, const weir_delivery *delivery, void *context)
{
	struct wi_handler *handler = context;

	(void)event;
	(void)delivery;
	return (atomic_fetch_add(&handler->call_count, 1) + 1) % handler->argument == 0;
}

static const struct {
	const char *name;
	weir_handler_fn run;
} kinds[] = {
	[WI_HANDLER_COUNT] = {"count", count_event},
	[WI_HANDLER_PRINT] = {"print", print_event},
	[WI_HANDLER_SLEEP] = {"sleep:", sleep_event},
	[WI_HANDLER_FAIL] = {"fail:", fail_event},
};

static const char *
parse_action(struct wi_handler *handler)
{
	const char *argument;

	if (strcmp(handler->action, kinds[WI_HANDLER_COUNT].name) == 0) {
		handler->kind = WI_HANDLER_COUNT;
		return NULL;
	}
	if (strcmp(handler->action, kinds[WI_HANDLER_PRINT].name) == 0) {
		handler->kind = WI_HANDLER_PRINT;
		return NULL;
	}
	if (strncmp(handler->action, kinds[WI_HANDLER_SLEEP].name, 6) == 0) {
		handler->kind = WI_HANDLER_SLEEP;
		argument = handler->action + 6;
		return wi_quantity_duration(argument, SLEEP_MAX_NS, &handler->argument)
			       ? NULL
			       : "sleep: takes nanoseconds or a time with ns, us, ms or s, at most "
				 "1 h";
	}
	if (strncmp(handler->action, kinds[WI_HANDLER_FAIL].name, 5) == 0) {
		handler->kind = WI_HANDLER_FAIL;
		argument = handler->action + 5;
		return wi_quantity_count(argument, 1, UINT64_MAX, &handler->argument)
			       ? NULL
			       : "fail: takes a whole number from 1, each how many-th event is to "
				 "fail";
	}
	return "the handler is not one of count, print, sleep:NS, fail:EVERY";
}

const char *
wi_handler_parse(struct wi_handler *handler, const char *spec)
{
	const char *equals = strchr(spec, '=');
	char *at;

	memset(handler, 0, sizeof(*handler));
	if (equals == NULL || equals == spec)
		return "it must be PATTERN=HANDLER (quote it: shells know > and *)";
	handler->pattern = strndup(spec, (size_t)(equals - spec));
	if (handler->pattern == NULL)
		return "out of memory";
	handler->action = strdup(equals + 1);
	if (handler->action == NULL)
		return "out of memory";
	at = strrchr(handler->action, '@');
	if (at != NULL) {
		*at = '\0';
		handler->pool = at + 1;
	}
	return parse_action(handler);
}

void
wi_handler_fini(struct wi_handler *handler)
{
	free(handler->pattern);
	free(handler->action);
	handler->pattern = NULL;
}

weir_status
wi_handler_subscribe(struct wi_handler *handler, weir_bus *bus, weir_pool *pool)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;

	options.pool = pool;
	options.flags = handler->replayed ? WEIR_SUBSCRIPTION_REPLAYED : 0;
	return weir_subscribe(bus, handler->pattern, kinds[handler->kind].run, handler, &options,
			      &handler->subscription);
}

const char *
wi_handler_problem(weir_status status)
{
	return status == WEIR_EINVAL
		       ? "is not allowed: words of A-Z a-z 0-9 _ - or *, joined by dots; "
			 "> only as the last"
		       : weir_status_text(status);
}
