/* SPDX-License-Identifier: MIT */
/* notices.c - see notices.h. */
#include "plugin/notices.h"

#include <stdio.h>
#include <string.h>

#include "plugin/text.h"

#define RING_SIZE (16u * 1024)
#define LINE_SIZE 1024

static const char *const topics[WI_NOTICE_COUNT] = {
	[WI_NOTICE_ENABLED] = "plugin.after.enable",
	[WI_NOTICE_DISABLED] = "plugin.after.disable",
	[WI_NOTICE_ENABLE_FAILED] = "plugin.failed.enable",
	[WI_NOTICE_RUN_FAILED] = "plugin.failed.run",
};

weir_status
wi_notices_init(struct wi_notices *notices, const struct wi_plugins_options *options)
{
	weir_producer_options producer = WEIR_PRODUCER_OPTIONS_INIT;
	weir_status status = WEIR_OK;

	*notices = (struct wi_notices){ .log = options->log, .log_context = options->log_context };
	producer.name = "plugins";
	producer.ring_size = RING_SIZE;
	for (int i = 0; i < WI_NOTICE_COUNT && status == WEIR_OK; i++)
		status = weir_topic_open(options->bus, topics[i], &notices->topics[i]);
	if (status == WEIR_OK)
		status = weir_producer_open(options->bus, &producer, &notices->producer);
	if (status != WEIR_OK)
		return status;
	pthread_rwlock_init(&notices->log_lock, NULL);
	pthread_mutex_init(&notices->publish_lock, NULL);
	return WEIR_OK;
}

void
wi_notices_close(struct wi_notices *notices)
{
	pthread_rwlock_wrlock(&notices->log_lock);
	notices->log = NULL;
	pthread_rwlock_unlock(&notices->log_lock);
	weir_producer_close(notices->producer);
}

void
wi_notices_fini(struct wi_notices *notices)
{
	pthread_rwlock_destroy(&notices->log_lock);
	pthread_mutex_destroy(&notices->publish_lock);
}

void
wi_notices_log_list(struct wi_notices *notices, int level, const char *name, const char *format,
                    va_list arguments)
{
	char line[LINE_SIZE];
	int used = snprintf(line, sizeof line, "plugin %s: ", name);

	wi_text_print(line + used, sizeof line - (size_t)used, format, arguments);
	pthread_rwlock_rdlock(&notices->log_lock);
	if (notices->log)
		notices->log(notices->log_context, level, "WEIR-PLUGIN", line);
	pthread_rwlock_unlock(&notices->log_lock);
}

void
wi_notices_log(struct wi_notices *notices, int level, const char *name, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	wi_notices_log_list(notices, level, name, format, arguments);
	va_end(arguments);
}

void
wi_notices_tell(struct wi_notices *notices, enum wi_notice notice, const char *name,
		const char *reason)
{
	char text[2 * WI_PLUGIN_PROBLEM_SIZE], json[sizeof text + 128];
	int size;

	wi_text_json(text, sizeof text, reason ? reason : "");
	size = reason ? snprintf(json, sizeof json, "{\"plugin\":\"%s\",\"reason\":\"%s\"}", name,
				 text)
		      : snprintf(json, sizeof json, "{\"plugin\":\"%s\"}", name);
	pthread_mutex_lock(&notices->publish_lock);
	weir_publish(notices->producer, notices->topics[notice], json, (uint32_t)size);
	pthread_mutex_unlock(&notices->publish_lock);
}
