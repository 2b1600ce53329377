/* SPDX-License-Identifier: MIT */
/*
 * call.c - see <weir/service.h>: one run of an operation, and its two events.
 *
 * Written in the order of the bytes, word for word, with no load of what has just been stored in other
 * pieces: such a load waits until all that was stored before has left the processor, and that is a ring
 * whose lines are with another one.
 */
#define WEIR_DEFINE_SERVICE_SYMBOLS_
#include "service.h"

#include "envelope.h"
#include "put.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define INLINE inline __attribute__((always_inline))
#define COLD __attribute__((cold, noinline))

static const weir_content nothing;

enum { LINES_AHEAD = 3 };

/* No thread's serial, also not of one that has not begun. */
#define NO_THREAD UINT64_MAX

static INLINE struct wi_service *
service_of(const weir_call *call)
{
	return (struct wi_service *)call->service;
}

/* -- an event's parts ------------------------------------------------------- */

struct end {
	weir_phase phase;
	weir_content result;
	int32_t code;
	const char *error;
	uint32_t error_size;
};

static INLINE int
is_traced(const weir_call *call)
{
	return (call->trace_id[0] | call->trace_id[1]) != 0;
}

static INLINE int
has_key(const weir_call *call)
{
	return call->options->key || call->options->flags;
}

/* What an event has beside its payload. */
static INLINE uint32_t
flags_of(const weir_call *call)
{
	return (has_key(call) ? WEIR_KEY_ : 0) | (is_traced(call) ? WEIR_TRACE_ : 0);
}

static INLINE uint64_t
envelope_size(const weir_call *call, const struct end *end)
{
	return sizeof(struct wi_envelope_header) + wi_envelope_round(call->options->data.size) +
	       wi_envelope_round(end->result.size) + wi_envelope_text_room(end->error_size) +
	       wi_envelope_text_room(call->actor_size) + wi_envelope_text_room(call->user_id_size);
}

static INLINE void
put_header(unsigned char *at, const weir_call *call, const struct end *end, uint64_t time)
{
	wi_put_pair(at, wi_envelope_word(WI_ENVELOPE_MAGIC, WEIR_ENVELOPE_VERSION |
	                                 (uint32_t)end->phase << 8 |
	                                 (uint32_t)sizeof(struct wi_envelope_header) << 16),
	            htole64(call->id));
	wi_put_pair(at + 16, htole64(call->parent), htole64(time));
	wi_put_pair(at + 32, call->trace_id[0], call->trace_id[1]);
	wi_put_pair(at + 48,
	            wi_envelope_word(call->trace_flags | (call->options->data.type & 255) << 8 |
	                             (end->result.type & 255) << 16, (uint32_t)end->code),
	            wi_envelope_word(call->options->data.size, end->result.size));
	wi_put_pair(at + 64, wi_envelope_word(end->error_size, call->actor_size),
	            wi_envelope_word(call->user_id_size, 0));
}

static INLINE unsigned char *
put_envelope(void *room, const weir_call *call, const struct end *end, uint64_t time)
{
	unsigned char *at = room;

	put_header(at, call, end, time);
	at = wi_put_content(at + sizeof(struct wi_envelope_header), call->options->data.bytes,
	                    call->options->data.size);
	at = wi_put_content(at, end->result.bytes, end->result.size);
	at = wi_put_text(at, end->error, end->error_size);
	at = wi_put_text(at, call->options->actor, call->actor_size);
	return wi_put_text(at, call->options->user_id, call->user_id_size);
}

/* -- the plain way, as weir_publish() has it -------------------------------- */

static INLINE uint64_t
need_of(uint64_t size, uint32_t flags)
{
	uint64_t beside = (flags & WEIR_KEY_ ? sizeof(uint64_t) : 0) +
	                  (flags & WEIR_TRACE_ ? sizeof(weir_trace) : 0);

	return (sizeof(weir_event) + ((size + 7) & ~7ull) + beside + 15) & ~15ull;
}

/* Behind the payload: the key, and the trace with the operation as its span. */
static INLINE void
put_extension(unsigned char *at, const weir_call *call, uint32_t flags)
{
	uint64_t span = htole64(call->id);

	if (flags & WEIR_KEY_) {
		memcpy(at, &call->options->key, sizeof call->options->key);
		at += sizeof call->options->key;
	}
	if (!(flags & WEIR_TRACE_))
		return;
	memcpy(at, &call->trace_id[0], 8);
	memcpy(at + 8, &call->trace_id[1], 8);
	memcpy(at + 16, &span, 8);
	at[24] = (uint8_t)call->trace_flags;
}

/* -- all other ways --------------------------------------------------------- */

/* The trace of the event being handled, where the thread has none. */
static void
inherit_trace(weir_trace *trace, weir_call *call)
{
	uint64_t span;

	memcpy(call->trace_id, trace->trace_id, sizeof trace->trace_id);
	call->trace_flags = trace->flags;
	memcpy(&span, trace->span_id, sizeof span);
	if (!call->parent)
		call->parent = le64toh(span);
	span = htole64(call->id);
	memcpy(trace->span_id, &span, sizeof span);
}

static COLD weir_status
publish_in_place(weir_producer *producer, weir_topic topic, weir_call *call, const struct end *end,
                 uint32_t size)
{
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	const weir_event *event;
	weir_trace trace;
	weir_status status;
	void *room;

	attributes.flags = has_key(call) ? WEIR_ATTRIBUTE_KEY : 0;
	attributes.key = call->options->key;
	if (is_traced(call)) {
		uint64_t span = htole64(call->id);

		memcpy(trace.trace_id, call->trace_id, sizeof trace.trace_id);
		memcpy(trace.span_id, &span, sizeof trace.span_id);
		trace.flags = (uint8_t)call->trace_flags;
		attributes.trace = &trace;
	}
	status = weir_reserve(producer, topic, &attributes, size, &room);
	if (status != WEIR_OK)
		return status;
	event = (const weir_event *)room - 1;
	if (!is_traced(call) && weir_event_trace(event))
		inherit_trace((weir_trace *)weir_event_trace(event), call);
	put_envelope(room, call, end, event->time);
	return weir_commit(producer);
}

/* A producer with reservations of its user's would have them committed with ours: it is refused. */
static COLD weir_status
refuse_busy(weir_producer *producer, weir_topic topic)
{
	weir_status status = weir_publish(producer, topic, NULL, 0);

	return status == WEIR_OK ? WEIR_EBUSY : status;
}

static COLD weir_status
count_refused(struct wi_service *service, weir_phase phase, weir_status status)
{
	if (status != WEIR_EFORKED)
		wi_tallies_count_refused(&service->tallies, phase, status);
	return status;
}

/* -- one event -------------------------------------------------------------- */

/*
 * The next lines of a record: weir_begin_record_() asks for one ahead for each, which is enough for short
 * ones. As there, none that a dispatcher may still have to read.
 */
static INLINE void
ask_ahead(weir_producer *producer, const uint64_t *record, uint64_t end, uint64_t need)
{
	uint64_t limit = __atomic_load_n(&producer->limit, __ATOMIC_RELAXED);

	if (limit < end + WEIR_AHEAD_ + LINES_AHEAD * 64)
		return;
	for (uint64_t line = 64; line < need && line <= LINES_AHEAD * 64; line += 64)
		weir_ask_ahead_(record + line / 8, end + line, limit);
}

static INLINE weir_status
publish(weir_producer *producer, weir_topic topic, weir_call *call, const struct end *end)
{
	uint64_t size = envelope_size(call, end), record_end, *record;
	struct weir_tail_ *tail = producer->tail;
	uint32_t flags = flags_of(call);
	uint64_t need = need_of(size, flags);
	unsigned char *payload;

	if (!LIKELY(!__atomic_load_n(&tail->open.state, __ATOMIC_RELAXED)))
		return refuse_busy(producer, topic);
	record = weir_begin_record_(producer, topic, flags, (uint32_t)size, need, size <= UINT32_MAX,
	                            &record_end);
	if (!LIKELY(record)) {
		__atomic_store_n(&tail->open.state, 0, __ATOMIC_RELEASE);
		return publish_in_place(producer, topic, call, end,
		                        size < UINT32_MAX ? (uint32_t)size : UINT32_MAX);
	}
	ask_ahead(producer, record, record_end, need);
	payload = (unsigned char *)(record + 2);
	put_envelope(payload, call, end, record[1]);
	if (flags)
		put_extension(payload + ((size + 7) & ~7ull), call, flags);
	weir_show_(producer, tail, record_end, tail->count + 1);
	return WEIR_OK;
}

/* Through the producer of this thread, or of the handler that it is in. */
static INLINE weir_status
emit(weir_call *call, weir_producer *producer, const struct end *end)
{
	struct wi_service *service = service_of(call);
	weir_topic topic = service->operation[call->options->operation].topic[end->phase - 1];
	weir_status status = publish(producer, topic, call, end);

	if (!LIKELY(status == WEIR_OK))
		return count_refused(service, end->phase, status);
	wi_tallies_count(&service->tallies, end->phase);
	return WEIR_OK;
}

/* -- beginning -------------------------------------------------------------- */

/* There is no topic for operation 0: the bus refuses it, and counts. */
static const weir_call_options invalid;

static INLINE int
is_valid(const struct wi_service *service, const weir_call_options *options)
{
	return options->size >= sizeof *options && (options->data.bytes || !options->data.size) &&
	       !(options->flags & ~WEIR_ATTRIBUTE_KEY) &&
	       options->operation < __atomic_load_n(&service->operation_count, __ATOMIC_ACQUIRE);
}

weir_status
weir_call_begin_(weir_call *call, weir_service *service, const weir_call_options *options,
                 uint32_t actor_size, uint32_t user_id_size)
{
	const struct end begin = { WEIR_PHASE_BEFORE, nothing, 0, NULL, 0 };
	weir_producer *producer;
	weir_status status;

	call->service = service;
	call->options = LIKELY(is_valid(service_of(call), options)) ? options : &invalid;
	call->actor_size = actor_size;
	call->user_id_size = user_id_size;
	call->in_scope = 0;
	call->id = wi_thread_next_id();
	call->parent = wi_thread.span;
	call->trace_id[0] = wi_thread.trace_id[0];
	call->trace_id[1] = wi_thread.trace_id[1];
	call->trace_flags = wi_thread.trace_flags;
	call->thread = NO_THREAD;
	status = weir_thread_get_producer(service_of(call)->bus, &producer);
	if (!LIKELY(status == WEIR_OK))
		return count_refused(service_of(call), WEIR_PHASE_BEFORE, status);
	if (!producer->inherit) {
		call->thread = wi_thread.serial;
		call->producer = producer;
	}
	return emit(call, producer, &begin);
}

/* -- ending ----------------------------------------------------------------- */

static INLINE weir_status
finish(weir_call *call, const struct end *end)
{
	struct wi_service *service = service_of(call);
	weir_producer *producer = call->producer;
	weir_status status = WEIR_OK;

	/*
	 * A thread's own is its own until it ends. Not so that of a handler, which may be of a pool that
	 * another thread polls next.
	 */
	if (call->thread != wi_thread.serial)
		status = weir_thread_get_producer(service->bus, &producer);
	if (LIKELY(status == WEIR_OK))
		status = emit(call, producer, end);
	else
		count_refused(service, end->phase, status);
	call->service = NULL;
	return status;
}

weir_status
weir_call_succeed(weir_call *call, weir_content result)
{
	const struct end end = { WEIR_PHASE_AFTER, result, 0, NULL, 0 };

	if (!call->service)
		return WEIR_OK;
	if (!LIKELY(result.bytes || !result.size)) {
		call->options = &invalid;
		return weir_call_succeed(call, nothing);
	}
	return finish(call, &end);
}

weir_status
weir_call_end_(weir_call *call)
{
	const struct end end = { WEIR_PHASE_AFTER, nothing, 0, NULL, 0 };

	return finish(call, &end);
}

weir_status
weir_call_fail(weir_call *call, int32_t code, const char *text)
{
	const struct end end = { WEIR_PHASE_FAILED, nothing, code, text,
	                         text ? (uint32_t)strnlen(text, UINT32_MAX) : 0 };

	return call->service ? finish(call, &end) : WEIR_OK;
}

/* -- scopes ----------------------------------------------------------------- */

void
weir_call_enter_(weir_call *call)
{
	call->saved_span = wi_thread.span;
	wi_thread.span = call->id;
	call->in_scope = 1;
}

void
weir_call_leave_(weir_call *call, int32_t code, const char *text)
{
	weir_call_fail(call, code, text);
	/* Unless somebody has set another since. */
	if (call->in_scope && wi_thread.span == call->id)
		wi_thread.span = call->saved_span;
	call->in_scope = 0;
}
