/* SPDX-License-Identifier: MIT */
/*
 * stress.h - the parts of the stress program and what they know of each other.
 *
 *   stress.c     the instance: settings, quiet moments, the books at the end
 *   payload.c    what an event carries so that every fault in it shows
 *   source.c     a producer of the test, which keeps books of its own
 *   audit.c      what a pool is owed, event by event
 *   handlers.c   the subscriptions that are always there, first of all the audit
 *   churn.c      threads that come, go, subscribe and unsubscribe meanwhile
 */
#ifndef WI_TESTS_STRESS_H
#define WI_TESTS_STRESS_H

#include <pthread.h>

#include "support.h"

enum { SOURCE_MAX = 1 << 16, HOP_COUNT_MAX = 3, DISPATCHER_MAX = 8 };

enum style { STYLE_COPY, STYLE_IN_PLACE, STYLE_ATTRIBUTES };

/* The pairs of order and behind that there are. */
enum mode { MODE_HOLD, MODE_KEY, MODE_SKIP };

struct settings {
	weir_wait wait;
	uint32_t dispatchers, producers;
	enum mode mode;                 /* of the default pool */
	enum style style;
	weir_fence fence;
	uint32_t ring_size;             /* 0: the default */
	bool toggle;                    /* the bus is disabled and enabled meanwhile */
};

struct stress {
	struct settings settings;
	weir_bus *bus;
	uint64_t stop, quiet;
	uint64_t publishers, resting;   /* threads that publish; those that rest while `quiet` */
	uint64_t sources;               /* ids given to them */
	uint64_t topics_made;
	uint64_t subscribed, released;  /* subscriptions that have a `released` */
	uint64_t pools;                 /* that came and went */
	uint64_t holders, holders_come; /* pools that may fill a ring: now; ever */
	uint64_t refusals;              /* by a pool that skips */
	uint64_t behind;                /* events seen behind the default pool */
	weir_topic topic_gap;
	uint64_t waits, waited;         /* unsubscribe_wait: all; those whose handler was running */
};
extern struct stress stress;

/* Between two events of a publishing thread: rests while it is asked to. False: the end. */
bool stress_go_on(void);

/* -- payload.c -------------------------------------------------------------- */

struct payload {
	uint64_t check;                 /* of all that follows */
	uint64_t number;                /* 1, 2, 3, ... of those that its publisher saw accepted */
	uint32_t id;                    /* of its publisher */
	uint32_t size;
	uint32_t topic;
	uint32_t attributes;            /* PAYLOAD_*: the event must carry them */
	uint64_t trace_number;          /* whose trace it is: its own, or that of the event that */
	uint32_t trace_id;              /*   was being handled */
	uint32_t unused;
	unsigned char filler[];
};
enum { PAYLOAD_KEY = 1, PAYLOAD_TRACE = 2, PAYLOAD_TIME = 4 };

/* size: at least that of a struct payload, which says the rest. */
void payload_fill(void *memory, const struct payload *head);

/*
 * What the attributes of such an event are; its key is below AUDIT_KEYS, and others have it, too.
 */
weir_attributes payload_attributes(const struct payload *head, weir_trace *trace);

/* Fails if anything of the event is not as it was filled. */
const struct payload *payload_verify(const weir_event *event);

/* -- source.c --------------------------------------------------------------- */

struct source {
	weir_producer *producer;
	uint32_t id;
	uint32_t size_max;
	uint64_t number;                /* of the last event that was accepted */
	uint64_t shown;                 /* the same, for other threads */
	weir_producer_counts ledger;    /* every call, by its outcome; committed: accepted */
	uint64_t refusals;              /* in a row that no pool explains */
	const struct payload *cause;    /* what its thread handles now: a trace is passed on */
	struct chance chance;
	unsigned char *buffer;
	struct source *next;
};

/* With the producer that it is given; the ledger is kept for source_sum(). */
struct source *source_begin(weir_producer *producer);

/* Compares the books of the producer with ours. It is still open, and nothing reserved. */
void source_check(const struct source *source);

/* Publishes one event or several, or tries to, in the manner of the settings. */
void source_publish(struct source *source, weir_topic topic);

/* Just one, copied; WEIR_OK, WEIR_EFULL or WEIR_ELOOP. */
weir_status source_publish_one(struct source *source, weir_topic topic);

/* One that is accepted, however long it takes; returns its number. */
uint64_t source_publish_surely(struct source *source, weir_topic topic);

/* Calls that must be refused, all counted. */
void source_publish_badly(struct source *source, weir_topic topic);

/* Leaves a reservation open, which closing the producer aborts. */
void source_leave_open(struct source *source, weir_topic topic);

/* It publishes no more; its ledger stays. */
void source_end(struct source *source);

/* The books of the bus against all ledgers that ever were; nobody publishes now. */
void source_check_all(const weir_producer_counts *counts);

/* -- audit.c ---------------------------------------------------------------- */

enum {
	AUDIT_KEYS = 16,
	AUDIT_SOURCES = 64,             /* all that stay have such numbers */
	AUDIT_WINDOW = 8192,            /* more events than the largest ring holds */
};

/* Of a pool, with a subscription to ">" and one to "weir.>", which is made first. */
struct audit {
	enum mode mode;
	uint32_t sources;               /* that are followed: SOURCE_MAX from their first event on, */
	uint32_t highest;               /*   or AUDIT_SOURCES of a pool that came meanwhile */
	struct track *track;
	uint64_t (*through)[AUDIT_WINDOW];      /* sequences that it is through with */
	const struct audit *front;      /* the pool that it is `after`, or NULL */
	uint64_t gaps, skipped;
	struct { _Alignas(64) uint32_t held; uint64_t events; } key[AUDIT_KEYS];
};

/* Zeroed, or used before with as many sources. */
void audit_begin(struct audit *audit, enum mode mode, uint32_t sources, const struct audit *front);
/* Verifies the event and its place among the others. */
const struct payload *audit_event(struct audit *audit, const weir_event *event,
                                  const weir_delivery *delivery);
/*
 * The bus's own; returns the publisher up to whose event a gap goes, 0 if it is none, or not known.
 */
uint32_t audit_own_event(struct audit *audit, const weir_event *event,
                         const weir_delivery *delivery);
/* At rest; how many events. */
uint64_t audit_check(struct audit *audit);

/* -- handlers.c ------------------------------------------------------------- */

void handlers_begin(void);
void handlers_thread_begin(void *context, uint32_t index);

/* The dispatcher that the calling thread is. */
uint32_t handlers_dispatcher(void);

/* At rest after a flush: so many events were audited, every batch_end has run. */
void handlers_check(uint64_t committed);

/* A flush returned WEIR_OK: what the source had shown before it was called has been handled. */
void handlers_check_flushed(const struct source *source, uint64_t shown);

/* What the pool that is always there has seen. */
extern struct audit handlers_audit;

/* How often a handler was quarantined. */
uint64_t handlers_quarantines(void);

/* At rest: failures, those that events told of, and how many events did. */
struct failures { uint64_t all, told, events; };
struct failures handlers_failures(void);

/* -- churn.c ---------------------------------------------------------------- */

enum { CHURN_THREADS = 4 };
void churn_begin(pthread_t thread[CHURN_THREADS]);

#endif
