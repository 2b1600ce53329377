/* SPDX-License-Identifier: MIT */
/* export_text.h - buses in Prometheus' text format, version 0.0.4 (docs/metrics.md). */
#ifndef WI_CLI_EXPORT_TEXT_H
#define WI_CLI_EXPORT_TEXT_H

#include "export_rows.h"

#include <stdio.h>

#define WI_EXPORT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct wi_export_bus {
	char name[320];                 /* labels; the two are unique among the buses */
	uint64_t pid;
	struct wi_snapshot *snapshot;   /* NULL: it cannot be looked at, and is not up */
	struct wi_export_rows rows;
};

struct wi_export_buses {
	struct wi_export_bus *each;
	size_t count;
	size_t left_out, dead;          /* buses, files */
};

void wi_export_text(const struct wi_export_buses *buses, FILE *stream);

#endif
