/* SPDX-License-Identifier: MIT */
/*
 * courier.h - takes what is due from the spool, sends it, and puts down what became of it.
 *
 * A thread of its own, with all signals blocked and nicer than others by 10, which never waits for one
 * channel while another has something to do, and holds no lock while it waits for the network.
 *
 *   pace      a bucket of `burst` requests, one more each `interval`, for each channel
 *   back-off  after n failed tries in a row the channel waits from `first` up to first * 2^n, at most
 *             `most`, at random; and as long as the endpoint asks for (Retry-After). The message that
 *             failed waits likewise by its own tries, so that others go before it
 *   off       a channel whose endpoint wants no more is left alone until `weir notify retry`; what is
 *             for it goes on waiting
 *   digest    what waits in one group goes as one message
 */
#ifndef WI_NOTIFY_COURIER_H
#define WI_NOTIFY_COURIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "rules.h"
#include "spool.h"

struct wi_courier;

/* All stay as long as the courier. */
struct wi_courier_options {
	struct wi_spool *spool;
	struct wi_rules *rules;                 /* for digests; NULL: there are none */
	const struct wi_channel *channels;
	uint32_t channel_count;
	void (*log)(void *context, int level, const char *text);
	void *context;
	uint64_t seed;                          /* of the jitter; 0: by chance */
};

bool wi_courier_open(const struct wi_courier_options *options, struct wi_courier **ret_courier,
                     char ret_problem[WI_NOTIFY_PROBLEM_SIZE]);
/* From now on on its own thread. False: it cannot be had. */
bool wi_courier_start(struct wi_courier *courier);
/* At once: what is under way is given up, and stays in the spool. */
void wi_courier_close(struct wi_courier *courier);

/* Any thread: something was put. */
void wi_courier_wake(struct wi_courier *courier);

/* What is to be done at `now` (CLOCK_REALTIME ns), and how long nothing will have to be; without a
 * thread, for tests. */
uint64_t wi_courier_step(struct wi_courier *courier, uint64_t now);

/* Any thread, never waits long: what is wrong with channels, "" and 0 if nothing is. */
int32_t wi_courier_describe(struct wi_courier *courier, char *text, size_t size);

#endif
