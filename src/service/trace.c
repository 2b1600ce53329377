/* SPDX-License-Identifier: MIT */
/* trace.c - see <weir/service.h>: the thread's trace, and handlers that go on with their event's. */
#include <stdlib.h>

#include <weir/service.h>

#include "core/options.h"
#include "thread.h"

void
weir_trace_set(const weir_trace *trace)
{
	static const weir_trace none;

	wi_thread.trace = trace ? *trace : none;
}

void
weir_trace_get(weir_trace *ret_trace)
{
	*ret_trace = wi_thread.trace;
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
	weir_trace saved = wi_thread.trace;
	int code;

	weir_trace_set(weir_event_trace(event));
	code = handler->handle(event, delivery, handler->context);
	wi_thread.trace = saved;
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
