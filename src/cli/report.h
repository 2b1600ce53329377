/* SPDX-License-Identifier: MIT */
/* report.h - what a run came to, as figures and then as a table or as JSON. */
#ifndef WI_CLI_REPORT_H
#define WI_CLI_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <weir/weir.h>

struct wi_loader;
struct wi_publishers;
struct wi_run_options;
struct wi_topics;

struct wi_report_topic {
	const char *name;
	uint64_t event_count;
};

struct wi_report_pool {
	const char *name;
	weir_pool_counts counts;
};

struct wi_report {
	const struct wi_run_options *options;
	const struct wi_loader *loader;
	/* Published by our producers, without what handlers and the bus itself publish. */
	uint64_t event_count, payload_size;
	uint64_t wait_count, wait_ns;
	uint64_t dispatch_ns;           /* from the first publish until the last handler returned */
	struct wi_report_topic *topics; /* those with events, the most frequent first */
	size_t topic_count;
	weir_subscription_counts *subscriptions; /* one for each handler of the options */
	struct wi_report_pool *pools; /* the default one and each of the options */
	size_t pool_count;
	weir_bus_counts bus;
	weir_pool_counts pool; /* their sum */
	bool drained; /* all is at rest: only then bus.lost means something */
	int signal;   /* that ended the run, or 0 */
};

/* After the publishers' threads have ended and before the bus is closed. The caller has set
 * options, loader, dispatch_ns, drained and signal. WEIR_ENOMEM, or what the bus answered. */
weir_status wi_report_collect(struct wi_report *report, weir_bus *bus,
			      const struct wi_topics *topics,
			      const struct wi_publishers *publishers);
void wi_report_fini(struct wi_report *report);

void wi_report_write_text(const struct wi_report *report, FILE *stream);

/* One line. False: out of memory, or the stream failed. */
bool wi_report_write_json(const struct wi_report *report, FILE *stream);

#endif
