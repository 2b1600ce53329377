/* SPDX-License-Identifier: MIT */
/*
 * paced.h - events by the clock, and how late each reached its handler: open loop, so who is late
 * makes the next ones late, too.
 */
#ifndef BENCH_PACED_H
#define BENCH_PACED_H

#include "rig.h"

enum { PACED_SIZE = 48 };

struct paced {
	_Alignas(MACHINE_LINE) uint64_t handled;
	double *late;                   /* ticks from when each was to be sent; `count` of them */
	_Alignas(MACHINE_LINE) uint64_t count;
};

/* The rig's handler: context is the struct paced. Beyond `count` events are only counted. */
int paced_handle(const weir_event *event, const weir_delivery *delivery, void *context);

/* `count` events on the rig's topics in turn, one every gap_ns. False: one was refused. */
bool paced_send(const struct rig *rig, uint64_t count, double gap_ns);

#endif
