/* SPDX-License-Identifier: MIT */
/* host_report.h - what a run of a host came to, as a table or as JSON. */
#ifndef WI_CLI_HOST_REPORT_H
#define WI_CLI_HOST_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <weir/host.h>

struct json_t;
struct wi_streams;

struct wi_host_report {
	/* Given by the caller. */
	const char *input;
	const struct wi_streams *streams; /* all ended */
	bool drained;                     /* only then bus.lost means something */
	int signal;
	/* Collected. */
	weir_bus_counts bus;
	struct json_t *plugins, *pools;
};

/* Before the host is closed. */
void wi_host_report_collect(struct wi_host_report *report, weir_host *host);
void wi_host_report_fini(struct wi_host_report *report);

void wi_host_report_write_text(const struct wi_host_report *report, FILE *stream);
/* One line. False: out of memory, or the stream failed. */
bool wi_host_report_write_json(const struct wi_host_report *report, FILE *stream);

#endif
