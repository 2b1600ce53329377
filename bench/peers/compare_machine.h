/* SPDX-License-Identifier: MIT */
/* compare_machine.h - on what and when it was measured, in words. */
#ifndef BENCH_COMPARE_MACHINE_H
#define BENCH_COMPARE_MACHINE_H

struct machine_facts {
	char processor[128];            /* the model's name, or "unknown" */
	int processors;                 /* that this process may use */
	int is_virtual;                 /* a hypervisor says that it is there */
	char kernel[128];
	char date[32];                  /* UTC, "2026-11-25 21:40" */
};

struct machine_facts machine_facts(void);

#endif
