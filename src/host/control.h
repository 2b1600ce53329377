/* SPDX-License-Identifier: MIT */
/*
 * control.h - the control socket: who may connect, how lines become requests, and what bounds it.
 *
 * One thread accepts, and each connection has one of its own, so that a request that hangs in a
 * plugin holds up no other. 16 connections; a further one takes the place of the one that has
 * been quiet for longest. A line has at most 64 KiB, and must be there within the idle time; an
 * answer must be read within it.
 */
#ifndef WI_HOST_CONTROL_H
#define WI_HOST_CONTROL_H

#include <stdint.h>

#include "host.h"
#include "listener.h"

enum { WI_CONTROL_CONNECTION_MAX = 16, WI_CONTROL_LINE_MAX = 64 << 10 };

struct wi_control;

struct wi_control_options {
	struct weir_host *host;
	const char *path;
	uint32_t idle_ms; /* 0: 10 s */
};

weir_status wi_control_open(const struct wi_control_options *options,
			    struct wi_control **ret_control, char problem[WI_PLUGIN_PROBLEM_SIZE]);

/*
 * Connections end, also in the middle of a line; requests that are under way are waited for.
 * WEIR_ETIMEDOUT: one is still under way, and the control stays (leaked).
 */
weir_status wi_control_close(struct wi_control *control, uint64_t timeout_ns);

#endif
