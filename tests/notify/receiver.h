/* SPDX-License-Identifier: MIT */
/*
 * receiver.h - an HTTP server on a loopback port that behaves as badly as it is told, and remembers
 *              what it was sent.
 *
 * Takes any number of connections at a time, one request each. The n-th connection gets the n-th step
 * of the plan; those after the last step get the last. Without a plan: 200, with an empty body.
 * All functions from any thread; what is wrong with the system itself ends the program.
 */
#ifndef WI_TESTS_RECEIVER_H
#define WI_TESTS_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum receiver_way {
	RECEIVER_ANSWER,        /* reads the request, answers, closes */
	RECEIVER_KEEP,          /* reads the request, answers, and waits until the other end closes */
	RECEIVER_HANG,          /* reads the request and nothing more */
	RECEIVER_DEAF,          /* accepts and does not even read */
	RECEIVER_DRIP,          /* answers a byte at a time, gap_ns after each */
	RECEIVER_ENDLESS_BODY,  /* the answer's headers, chunked, and a body without end */
	RECEIVER_ENDLESS_HEADERS,       /* a status line and headers without end */
	RECEIVER_ENDLESS_LINE,  /* the same with one header line without end */
	RECEIVER_CUT_REQUEST,   /* closes when it has read `bytes` of the request */
	RECEIVER_CUT_ANSWER     /* closes when it has written `bytes` of the answer */
};

/* Its texts stay until the receiver has another plan, or is closed. */
struct receiver_step {
	enum receiver_way way;
	int status;             /* 0: 200 */
	const char *headers;    /* "Name: value\r\n" each; may be NULL */
	const char *body;       /* may be NULL */
	const char *raw;        /* the whole answer, instead of the three above (rubbish); may be NULL */
	size_t raw_size;        /* 0: strlen() */
	size_t bytes;
	uint64_t gap_ns;
	bool reset;             /* closes with a RST */
};

/* A request that came whole. Valid until the receiver is closed. */
struct receiver_request {
	char *head;             /* the request line and the headers, as they came, without the empty line */
	char *body;             /* with a 0 behind it */
	size_t body_size;
	uint64_t time;          /* when its last byte came, CLOCK_MONOTONIC ns */
	uint32_t step;          /* of the plan */
};

/* TLS, or what else is between the socket and HTTP; see tls.h. NULL: nothing is. */
struct receiver_wire {
	/* NULL: the handshake failed. */
	void *(*open)(void *context, int fd);
	/* As recv() and send(): 0 is the end, -1 an error. */
	long (*read)(void *wire, void *bytes, size_t size);
	long (*write)(void *wire, const void *bytes, size_t size);
	void (*close)(void *wire);
	void *context;
};

struct receiver;

/* On 127.0.0.1, port 0: any that is free. One that was closed can be opened again on its port. */
struct receiver *receiver_open(uint16_t port, const struct receiver_wire *wire);
void receiver_close(struct receiver *receiver);
uint16_t receiver_port(const struct receiver *receiver);

/* The n-th connection from now on gets steps[n]. They are copied; their texts are not. */
void receiver_plan(struct receiver *receiver, const struct receiver_step *steps, uint32_t count);

/* Connections accepted; those that closed or were closed before the request was whole; whole requests. */
uint32_t receiver_connections(struct receiver *receiver);
uint32_t receiver_torn(struct receiver *receiver);
uint32_t receiver_count(struct receiver *receiver);
/* Connections that are open now. */
uint32_t receiver_open_now(struct receiver *receiver);

/* Until so many whole requests are there; false: not within 20 s. */
bool receiver_wait(struct receiver *receiver, uint32_t count);
/* The same for connections that are open now, exactly so many. */
bool receiver_wait_open(struct receiver *receiver, uint32_t count);

/* i < receiver_count(). */
const struct receiver_request *receiver_request(struct receiver *receiver, uint32_t i);

/* A header's value, without regard to case; false: it has none, or more than one of the name. */
bool receiver_header(const struct receiver_request *request, const char *name, char *ret_value,
                     size_t size);

#endif
