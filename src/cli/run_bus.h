/* SPDX-License-Identifier: MIT */
/* run_bus.h - the bus, pools and handlers that a command line of `weir run` names. */
#ifndef WI_CLI_RUN_BUS_H
#define WI_CLI_RUN_BUS_H

#include <weir/weir.h>

#include "pools.h"

struct wi_progress;
struct wi_run_options;

struct wi_run_bus {
	weir_bus_options options;
	struct wi_pool_spec first;   /* the default pool */
	struct wi_pool_specs *pools; /* more of them */
	const char *what;            /* "--pool": how messages call them */
};

/* Exit codes of command.h; what is wrong was said. *ret_bus may be open all the same. */
int wi_run_bus_open(const struct wi_run_bus *wanted, struct wi_progress *progress,
		    weir_bus **ret_bus);
int wi_run_bus_subscribe(struct wi_run_options *options, weir_bus *bus, const char *what,
			 struct wi_progress *progress);

#endif
