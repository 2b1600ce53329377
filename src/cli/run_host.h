/* SPDX-License-Identifier: MIT */
/* run_host.h - `weir run --config`: a host around events from a file, a pipe or a socket. */
#ifndef WI_CLI_RUN_HOST_H
#define WI_CLI_RUN_HOST_H

struct wi_run_options;

/* The exit status. */
int wi_run_host(struct wi_run_options *options);

#endif
