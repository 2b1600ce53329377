/* SPDX-License-Identifier: MIT */
/* notices.h - what is said of plugins: lines to the log, events on the bus. */
#ifndef WI_PLUGIN_NOTICES_H
#define WI_PLUGIN_NOTICES_H

#include <pthread.h>
#include <stdarg.h>

#include "plugin/plugins.h"

enum wi_notice {
	WI_NOTICE_ENABLED,              /* "plugin.after.enable" */
	WI_NOTICE_DISABLED,             /* "plugin.after.disable" */
	WI_NOTICE_ENABLE_FAILED,        /* "plugin.failed.enable" */
	WI_NOTICE_RUN_FAILED,           /* "plugin.failed.run" */
	WI_NOTICE_COUNT
};

struct wi_notices {
	pthread_rwlock_t log_lock;      /* written: the log is no more */
	void (*log)(void *context, int level, const char *id, const char *text);
	void *log_context;
	pthread_mutex_t publish_lock;   /* for the producer */
	weir_producer *producer;
	weir_topic topics[WI_NOTICE_COUNT];
};

weir_status wi_notices_init(struct wi_notices *notices, const struct wi_plugins_options *options);

/*
 * After this nothing is logged or published; what is left may still be called, by handlers that do
 * not return.
 */
void wi_notices_close(struct wi_notices *notices);
void wi_notices_fini(struct wi_notices *notices);

/* "plugin NAME: ..." to the log. */
void wi_notices_log(struct wi_notices *notices, int level, const char *name, const char *format,
		    ...) __attribute__((format(printf, 4, 5)));
void wi_notices_log_list(struct wi_notices *notices, int level, const char *name,
			 const char *format, va_list arguments)
	__attribute__((format(printf, 4, 0)));

/*
 * {"plugin":NAME,"reason":REASON}, without reason if that is NULL. Does not wait: lost if the ring
 * is full.
 */
void wi_notices_tell(struct wi_notices *notices, enum wi_notice notice, const char *name,
                     const char *reason);

#endif
