/* SPDX-License-Identifier: MIT */
/*
 * service.h - say what a service does: an event before each operation, and one after it with its
 *             result, or with its error.
 *
 *   weir_service_open(bus, "order", NULL, &orders);
 *
 *   WEIR_OPERATION(call, orders, WEIR_CREATE, .data = weir_json(text), .actor = "api") {
 *           if (!store(text))
 *                   return weir_call_fail(&call, ENOSPC, "the disk is full"), -1;
 *           weir_call_succeed(&call, weir_text("number 42"));
 *   }
 *
 * publishes "order.before.create", then "order.after.create" or "order.failed.create". The payload
 * of each is an envelope, whose bytes docs/api/envelope.md describes: weir_envelope_open() reads it,
 * weir_envelope_json() shows it. C++ has weir::operation in <weir/weir.hpp>.
 *
 * An operation never notices its events: they neither wait nor fail it. What the bus refuses (a full
 * ring) is counted, and what each function here returns is for those who want to know.
 *
 * Link with weir-service. Nothing here is async-signal-safe or a cancellation point.
 */
#ifndef WEIR_SERVICE_H
#define WEIR_SERVICE_H

#include <string.h>

#include <weir/weir.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -- services --------------------------------------------------------------- */

/* What an operation is called; a small number within its service. 0 is never valid. */
typedef uint32_t weir_operation;

enum {
	WEIR_CREATE = 1,
	WEIR_UPDATE,
	WEIR_DELETE,
	WEIR_UPSERT,
	WEIR_ACTIVATE,
	WEIR_DEACTIVATE
};

/* Names of its own that a service may have beside these. */
#define WEIR_OPERATION_COUNT_MAX 57u

/* All that is public of it is the word that is read where nothing is to be said. */
typedef struct weir_service {
	uint32_t enabled;
} weir_service;

typedef struct weir_service_options {
	size_t size;
	int disabled;           /* until weir_service_enable() */
} weir_service_options;

/*
 * weir_service_open - a service and the topics of the six operations above.
 *
 * entity: one token of a topic, "order".
 * Returns: WEIR_OK, WEIR_EINVAL, WEIR_ENOMEM, and what weir_topic_open() refuses with.
 */
WEIR_API weir_status weir_service_open(weir_bus *bus, const char *entity,
                                       const weir_service_options *options,
                                       weir_service **ret_service);

/* Before its bus is closed, and when no call of it is under way. NULL: nothing. */
WEIR_API void weir_service_close(weir_service *service);

/*
 * weir_service_operation - an operation with a name of its own, "refund", made on first use.
 *
 * Any thread. Also finds the six of above by their names.
 * Returns: as weir_service_open(); WEIR_ELIMIT for one more than WEIR_OPERATION_COUNT_MAX.
 */
WEIR_API weir_status weir_service_operation(weir_service *service, const char *name,
                                            weir_operation *ret_operation);

/*
 * weir_service_enable - while disabled, operations that begin say nothing, and are not counted.
 *
 * Any thread. One that has begun ends as it began.
 */
WEIR_API void weir_service_enable(weir_service *service, int enabled);

/*
 * Of operations that began while the service was enabled; exact once none is under way:
 *   before + before_refused = after + after_refused + failed + failed_refused
 *   before_refused + after_refused + failed_refused = the sum of refused_*
 * The events of an operation are tried each for itself: if the first one is refused, the second may
 * still go out. What the bus accepts and discards (weir_bus_enable) counts as accepted.
 */
typedef struct weir_service_counts {
	size_t size;
	uint64_t before, after, failed;                         /* published */
	uint64_t before_refused, after_refused, failed_refused;
	uint64_t refused_full, refused_size, refused_busy, refused_hops, refused_closed;
	uint64_t refused_invalid, refused_other;                /* by weir_status; other: no producer */
} weir_service_counts;

WEIR_API weir_status weir_service_get_counts(const weir_service *service,
                                             weir_service_counts *ret_counts);

/* -- content ---------------------------------------------------------------- */

/* What the bytes of data and result are: for who shows them. */
enum {
	WEIR_CONTENT_BYTES = 0,
	WEIR_CONTENT_TEXT,      /* UTF-8 */
	WEIR_CONTENT_JSON
};

typedef struct weir_content {
	const void *bytes;
	uint32_t size;
	uint32_t type;
} weir_content;

static inline weir_content
weir_bytes(const void *bytes, size_t size)
{
	weir_content content;

	content.bytes = bytes;
	/* What does not fit is refused as too big, not cut. */
	content.size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
	content.type = WEIR_CONTENT_BYTES;
	return content;
}

/* Of text that ends with 0, or NULL; the 0 does not belong to it. */
static inline weir_content
weir_text(const char *text)
{
	weir_content content = weir_bytes(text, text ? strlen(text) : 0);

	content.type = WEIR_CONTENT_TEXT;
	return content;
}

static inline weir_content
weir_json(const char *text)
{
	weir_content content = weir_text(text);

	content.type = WEIR_CONTENT_JSON;
	return content;
}

/* -- calls ------------------------------------------------------------------ */

/* What an operation is about. It, and what it points to, must stay until the call's second event is out. */
typedef struct weir_call_options {
	size_t size;
	weir_operation operation;
	uint32_t flags;                 /* WEIR_ATTRIBUTE_KEY: the key is 0 */
	uint64_t key;                   /* of the events, if it is not 0: see WEIR_ORDER_KEY */
	weir_content data;              /* in both events */
	const char *actor;              /* who does it: a part, a host, an address */
	const char *user_id;            /* on whose behalf */
} weir_call_options;

/* One run of an operation, on its caller's stack. Private; weir_call_begin() fills it. */
typedef struct weir_call {
	weir_service *service;          /* NULL: there is nothing (more) to say */
	const weir_call_options *options;
	weir_producer *producer;        /* of the thread that began */
	uint64_t thread;
	uint32_t actor_size, user_id_size;
	uint64_t id, parent;
	uint64_t trace_id[2];
	uint64_t saved_span;            /* of a scope */
	uint32_t trace_flags, in_scope;
} weir_call;

/* Codes that no service gave. */
#define WEIR_CODE_LEFT (-0x77000003)    /* the block of WEIR_OPERATION() was left without a word */

/* Private: what the inline functions below leave to the library. */
WEIR_API weir_status weir_call_begin_(weir_call *call, weir_service *service,
                                      const weir_call_options *options, uint32_t actor_size,
                                      uint32_t user_id_size);
WEIR_API weir_status weir_call_end_(weir_call *call);
WEIR_API void weir_call_enter_(weir_call *call);
WEIR_API void weir_call_leave_(weir_call *call, int32_t code, const char *text);

#if defined(WEIR_DEFINE_SERVICE_SYMBOLS_)
#define WEIR_SERVICE_INLINE_            /* service.c: the twins that are symbols */
#else
#define WEIR_SERVICE_INLINE_ extern inline __attribute__((gnu_inline, always_inline))
#endif

/*
 * weir_call_begin - publish {entity}.before.{operation}.
 *
 * Exactly one weir_call_succeed(), weir_call_fail() or weir_call_end() follows, on any thread; each
 * publishes at once, through the producer of the thread that it is called on. More are harmless.
 * Blocks:  never; takes no lock and allocates nothing, but a thread's producer on its first use, and
 *          a place for its counts.
 * Returns: that of publishing the event, WEIR_OK if the service is disabled. The operation goes on
 *          whatever it is.
 */
WEIR_API weir_status weir_call_begin(weir_call *call, weir_service *service,
                                     const weir_call_options *options);

/* weir_call_succeed - publish {entity}.after.{operation} with a result, unless the end is out. */
WEIR_API weir_status weir_call_succeed(weir_call *call, weir_content result);

/* weir_call_fail - publish {entity}.failed.{operation}, unless the end is out. text may be NULL. */
WEIR_API weir_status weir_call_fail(weir_call *call, int32_t code, const char *text);

/* weir_call_end - as weir_call_succeed() without a result. */
WEIR_API weir_status weir_call_end(weir_call *call);

/* weir_call_id - the operation's id, the same in both envelopes; 0 once it has ended, or disabled. */
WEIR_API uint64_t weir_call_id(const weir_call *call);

#if !defined(WEIR_NO_INLINE) || defined(WEIR_DEFINE_SERVICE_SYMBOLS_)

/* Lengths are taken here, where the compiler may know them; it forgets at the atomic load. */
WEIR_SERVICE_INLINE_ weir_status
weir_call_begin(weir_call *call, weir_service *service, const weir_call_options *options)
{
	const char *actor = options ? options->actor : NULL;
	const char *user_id = options ? options->user_id : NULL;

	if (!service || !options || !__atomic_load_n(&service->enabled, __ATOMIC_RELAXED)) {
		call->service = NULL;
		call->in_scope = 0;
		return service && options ? WEIR_OK : WEIR_EINVAL;
	}
	return weir_call_begin_(call, service, options, actor ? (uint32_t)strlen(actor) : 0,
	                        user_id ? (uint32_t)strlen(user_id) : 0);
}

WEIR_SERVICE_INLINE_ weir_status
weir_call_end(weir_call *call)
{
	return call->service ? weir_call_end_(call) : WEIR_OK;
}

WEIR_SERVICE_INLINE_ uint64_t
weir_call_id(const weir_call *call)
{
	return call->service ? call->id : 0;
}

#endif

/*
 * WEIR_OPERATION(call, service, operation, ...) { ... } - an operation is what the block does.
 *
 * `call` is the name of the weir_call, known in the block; after the operation, members of
 * weir_call_options as designated initializers. The end of the block, which `continue` goes to, is
 * success without a result. Whoever leaves it otherwise (return, break, goto) without having said
 * how it ended has failed, with WEIR_CODE_LEFT. longjmp() leaves it without a second event.
 *
 * A result may be of the block's own variables. What the block begins (operations, handlers of its
 * events) has this operation as its parent.
 */
#ifndef __cplusplus
#define WEIR_OPERATION(call, service, ...)                                                           \
	for (const weir_call_options call##_options_ =                                               \
	             { .size = sizeof(weir_call_options), .operation = __VA_ARGS__ },                \
	     *call##_once_ = &call##_options_;                                                       \
	     call##_once_; call##_once_ = NULL)                                                      \
		for (weir_call call __attribute__((cleanup(weir_call_cleanup_))),                    \
		     *call##_runs_ = weir_call_scope_(&call, service, call##_once_);                 \
		     call##_runs_; call##_runs_ = weir_call_finish_(&call))

/* Private. */
static inline weir_call *
weir_call_scope_(weir_call *call, weir_service *service, const weir_call_options *options)
{
	weir_call_begin(call, service, options);
	if (call->service)
		weir_call_enter_(call);
	return call;
}

static inline weir_call *
weir_call_finish_(weir_call *call)
{
	weir_call_end(call);
	return NULL;
}

static inline void
weir_call_cleanup_(weir_call *call)
{
	if (call->service || call->in_scope)
		weir_call_leave_(call, WEIR_CODE_LEFT, "the operation was left without a result");
}
#endif

/* -- traces ----------------------------------------------------------------- */

/*
 * The thread's trace: the events of operations carry its trace_id, and its span_id as their parent.
 * An operation is a span of its own: the span_id of its events is its id. A trace_id of zeros is no
 * trace.
 */
WEIR_API void weir_trace_set(const weir_trace *trace);          /* NULL: none */
WEIR_API void weir_trace_get(weir_trace *ret_trace);

/*
 * weir_trace_subscribe - weir_subscribe(), and around each call the event's trace is the thread's.
 *
 * So what the handler does goes on with it, on other buses too. Operations in a handler go out through
 * delivery->producer and carry the event's trace in any case.
 * Returns: as weir_subscribe().
 */
WEIR_API weir_status weir_trace_subscribe(weir_bus *bus, const char *pattern, weir_handler_fn handler,
                                          void *context, const weir_subscription_options *options,
                                          weir_subscription *ret_subscription);

/* -- envelopes -------------------------------------------------------------- */

#define WEIR_ENVELOPE_VERSION 1u

typedef enum weir_phase {
	WEIR_PHASE_BEFORE = 1,
	WEIR_PHASE_AFTER,
	WEIR_PHASE_FAILED
} weir_phase;

/* An envelope's parts; pointers go into its bytes, and are never NULL. Texts end with 0. */
typedef struct weir_envelope {
	size_t size;
	uint32_t version;
	weir_phase phase;
	uint64_t id;                    /* of the operation: the same before and after */
	uint64_t parent;                /* the operation or span that it is a part of; 0: unknown */
	uint64_t time;                  /* of this event, CLOCK_REALTIME ns; 0: the bus keeps none */
	int traced;
	weir_trace trace;               /* span_id: the id */
	weir_content data;
	weir_content result;            /* after */
	int32_t code;                   /* failed */
	const char *error;
	const char *actor, *user_id;
	uint32_t error_size, actor_size, user_id_size;
} weir_envelope;

/*
 * weir_envelope_open - the parts of an envelope, checked once: whatever the bytes are, nothing beyond
 *                      them is read, then or through the parts.
 *
 * Any thread; needs no bus. bytes: aligned as they like; data and result lie 16-aligned to them, so in
 * a handler they are.
 * Returns: WEIR_OK, WEIR_EINVAL (NULL, or ret_envelope->size is too small), WEIR_ENOENT: this is no
 *          envelope, or one of a version that is not known here.
 */
WEIR_API weir_status weir_envelope_open(const void *bytes, size_t size, weir_envelope *ret_envelope);

/*
 * weir_envelope_json - an envelope as one JSON object, without a line break.
 *
 * Writes at most `size` bytes with a 0 at the end, as snprintf() does; what it would have written
 * without the 0. Data that says it is JSON and is not, or text that is no UTF-8, is shown as bytes.
 */
WEIR_API size_t weir_envelope_json(const weir_envelope *envelope, char *buffer, size_t size);

#define WEIR_SERVICE_OPTIONS_INIT WEIR_INIT_(weir_service_options)
#define WEIR_SERVICE_COUNTS_INIT  WEIR_INIT_(weir_service_counts)
#define WEIR_CALL_OPTIONS_INIT    WEIR_INIT_(weir_call_options)
#define WEIR_ENVELOPE_INIT        WEIR_INIT_(weir_envelope)

#ifdef __cplusplus
}
#endif
#endif
