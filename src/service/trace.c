/* SPDX-License-Identifier: MIT */
/* trace.c - see <weir/service.h>: the thread's trace, and handlers that go on with their event's. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include <weir/service.h>

#include "core/options.h"
#include "thread.h"

void
weir_trace_set(const weir_trace *trace)
{
	static const weir_trace none;
	uint64_t span;

	if (!trace || !memcmp(trace->trace_id, none.trace_id, sizeof none.trace_id))
		trace = &none;
	memcpy(wi_thread.trace_id, trace->trace_id, sizeof trace->trace_id);
	memcpy(&span, trace->span_id, sizeof span);
	wi_thread.span = le64toh(span);
	wi_thread.trace_flags = trace->flags;
}

void
weir_trace_get(weir_trace *ret_trace)
{
	uint64_t span = htole64(wi_thread.span);

	memcpy(ret_trace->trace_id, wi_thread.trace_id, sizeof ret_trace->trace_id);
	memcpy(ret_trace->span_id, &span, sizeof span);
	ret_trace->flags = (uint8_t)wi_thread.trace_flags;
}

/* What a subscription has in place of the user's context. */
struct handler {
	weir_handler_fn handle;
	void *context;
	int (*batch_end)(const weir_delivery *delivery, void *context);
	void (*released)(void *context);
};

static int
handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const struct handler *handler = context;
	struct wi_thread saved = wi_thread;
	int code;

	weir_trace_set(weir_event_trace(event));
	code = handler->handle(event, delivery, handler->context);
	wi_thread.trace_id[0] = saved.trace_id[0];
	wi_thread.trace_id[1] = saved.trace_id[1];
	wi_thread.trace_flags = saved.trace_flags;
	wi_thread.span = saved.span;
	return code;
}

static int
end_batch(const weir_delivery *delivery, void *context)
{
	const struct handler *handler = context;

	return handler->batch_end(delivery, handler->context);
}

static void
release(void *context)
{
	struct handler *handler = context;

	if (handler->released)
		handler->released(handler->context);
	free(handler);
}

weir_status
weir_trace_subscribe(weir_bus *bus, const char *pattern, weir_handler_fn handler, void *context,
                     const weir_subscription_options *given, weir_subscription *ret_subscription)
{
	weir_subscription_options options;
	struct handler *own;
	weir_status status;

	if (!handler || !wi_options_take(&options, sizeof options, given))
		return WEIR_EINVAL;
	own = malloc(sizeof *own);
	if (!own)
		return WEIR_ENOMEM;
	*own = (struct handler){ handler, context, options.batch_end, options.released };
	options.batch_end = own->batch_end ? end_batch : NULL;
	options.released = release;
	status = weir_subscribe(bus, pattern, handle, own, &options, ret_subscription);
	if (status != WEIR_OK)
		free(own);
	return status;
}
