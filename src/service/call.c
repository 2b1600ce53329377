/* SPDX-License-Identifier: MIT */
/* call.c - see <weir/service.h>: one run of an operation, and its two events. */
#define WEIR_DEFINE_SERVICE_SYMBOLS_
#include "service.h"

#include "core/options.h"
#include "envelope.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)

static struct wi_service *
service_of(const weir_call *call)
{
	return (struct wi_service *)call->service;
}

/* -- one event -------------------------------------------------------------- */

/*
 * Room for the event. A producer with reservations of its user's would have them committed with ours:
 * then the bus refuses, as it does a weir_publish().
 */
static weir_status
reserve(weir_producer *producer, weir_topic topic, const weir_attributes *attributes, uint32_t size,
        void **ret_room)
{
	weir_status status;

	if (LIKELY(weir_is_idle_(producer)))
		return weir_reserve(producer, topic, attributes, size, ret_room);
	status = weir_publish(producer, topic, NULL, 0);
	return status == WEIR_OK ? WEIR_EBUSY : status;
}

/*
 * Whether it was given with the reservation or is that of the event being handled: its span is the
 * operation, and what it was before is the parent.
 */
static void
take_trace(const weir_event *event, weir_envelope *envelope)
{
	weir_trace *trace = (weir_trace *)weir_event_trace(event);
	uint64_t id = htole64(envelope->id), parent;

	if (LIKELY(!trace))
		return;
	if (memcmp(trace->span_id, &id, sizeof id) != 0) {
		memcpy(&parent, trace->span_id, sizeof parent);
		if (!envelope->parent)
			envelope->parent = le64toh(parent);
		memcpy(trace->span_id, &id, sizeof id);
	}
	envelope->traced = 1;
	envelope->trace = *trace;
}

static inline weir_status
write_event(struct wi_service *service, weir_topic topic, const weir_attributes *attributes,
            weir_envelope *envelope)
{
	uint64_t size = wi_envelope_size(envelope);
	weir_producer *producer;
	const weir_event *event;
	weir_status status;
	void *room;

	status = weir_thread_get_producer(service->bus, &producer);
	if (status != WEIR_OK)
		return status;
	status = reserve(producer, topic, attributes, size < UINT32_MAX ? (uint32_t)size : UINT32_MAX,
	                 &room);
	if (status != WEIR_OK)
		return status;
	event = (const weir_event *)room - 1;
	envelope->time = event->time;
	take_trace(event, envelope);
	wi_envelope_write(envelope, room);
	return weir_commit(producer);
}

static weir_status
count_refused(struct wi_service *service, weir_phase phase, weir_status status)
{
	if (status != WEIR_EFORKED)
		wi_tallies_count_refused(&service->tallies, phase, status);
	return status;
}

static inline __attribute__((always_inline)) weir_status
emit(weir_call *call, weir_phase phase, weir_content result, int32_t code, const char *error)
{
	struct wi_service *service = service_of(call);
	weir_operation operation = call->options.operation;
	weir_topic topic = service->operation[operation].topic[phase - 1];
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT, *given = NULL;
	weir_envelope envelope = {
		.phase = phase,
		.id = call->id,
		.parent = call->parent,
		.data = call->options.data,
		.result = result,
		.code = code,
		.error = error,
		.actor = call->options.actor,
		.user_id = call->options.user_id,
		.error_size = error ? (uint32_t)strnlen(error, UINT32_MAX) : 0,
		.actor_size = call->actor_size,
		.user_id_size = call->user_id_size,
	};
	weir_status status;

	if (call->traced) {
		attributes.trace = &call->trace;
		given = &attributes;
	}
	if (call->options.flags & WEIR_ATTRIBUTE_KEY) {
		attributes.flags = WEIR_ATTRIBUTE_KEY;
		attributes.key = call->options.key;
		given = &attributes;
	}
	status = write_event(service, topic, given, &envelope);
	if (__builtin_expect(status != WEIR_OK, 0))
		return count_refused(service, phase, status);
	wi_tallies_count(&service->tallies, phase);
	return WEIR_OK;
}

/* -- beginning -------------------------------------------------------------- */

static uint32_t
text_size(const char *text)
{
	return text ? (uint32_t)strnlen(text, UINT32_MAX) : 0;
}

static void
take_thread_trace(weir_call *call)
{
	static const uint8_t none[sizeof call->trace.trace_id];

	call->id = wi_thread_next_id();
	call->parent = wi_thread_span();
	call->traced = memcmp(wi_thread.trace.trace_id, none, sizeof none) != 0;
	if (call->traced) {
		uint64_t span = htole64(call->id);

		call->trace = wi_thread.trace;
		memcpy(call->trace.span_id, &span, sizeof span);
	}
}

/* What cannot be used is refused, and counted, by the bus: there is no topic for operation 0. */
static void
take_options(weir_call *call, const struct wi_service *service, weir_operation operation,
             const weir_call_options *given)
{
	weir_call_options *options = &call->options;

	if (LIKELY(given && given->size == sizeof *given))
		*options = *given;
	else if (!wi_options_take(options, sizeof *options, given))
		operation = 0;
	if (operation >= __atomic_load_n(&service->operation_count, __ATOMIC_ACQUIRE) ||
	    (!options->data.bytes && options->data.size) || options->flags & ~WEIR_ATTRIBUTE_KEY)
		operation = 0;
	if (!operation)
		memset(&options->data, 0, sizeof options->data);
	options->operation = operation;
	if (options->key)
		options->flags |= WEIR_ATTRIBUTE_KEY;
	call->actor_size = text_size(options->actor);
	call->user_id_size = text_size(options->user_id);
}

weir_status
weir_call_begin_(weir_call *call, weir_service *service, weir_operation operation,
                 const weir_call_options *options)
{
	call->service = service;
	call->in_scope = 0;
	take_thread_trace(call);
	take_options(call, service_of(call), operation, options);
	return emit(call, WEIR_PHASE_BEFORE, weir_bytes(NULL, 0), 0, NULL);
}

/* -- ending ----------------------------------------------------------------- */

/* The end is out, however that went. */
static weir_status
ended(weir_call *call, weir_status status)
{
	call->service = NULL;
	return status;
}

weir_status
weir_call_succeed(weir_call *call, weir_content result)
{
	if (!call->service)
		return WEIR_OK;
	if (!result.bytes && result.size)
		return ended(call, count_refused(service_of(call), WEIR_PHASE_AFTER, WEIR_EINVAL));
	return ended(call, emit(call, WEIR_PHASE_AFTER, result, 0, NULL));
}

weir_status
weir_call_end_(weir_call *call)
{
	return weir_call_succeed(call, weir_bytes(NULL, 0));
}

weir_status
weir_call_fail(weir_call *call, int32_t code, const char *text)
{
	if (!call->service)
		return WEIR_OK;
	return ended(call, emit(call, WEIR_PHASE_FAILED, weir_bytes(NULL, 0), code, text));
}

/* -- scopes ----------------------------------------------------------------- */

void
weir_call_enter_(weir_call *call)
{
	call->saved_span = wi_thread_span();
	wi_thread_set_span(call->id);
	call->in_scope |= 2;
}

void
weir_call_leave_(weir_call *call, int32_t code, const char *text)
{
	weir_call_fail(call, code, text);
	/* Unless somebody has set another since. */
	if (call->in_scope & 2 && wi_thread_span() == call->id)
		wi_thread_set_span(call->saved_span);
	call->in_scope = 0;
}
