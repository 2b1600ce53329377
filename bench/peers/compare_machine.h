/* SPDX-License-Identifier: MIT */
/* compare_machine.h - on what and when it was measured, in words. */
#ifndef BENCH_COMPARE_MACHINE_H
#define BENCH_COMPARE_MACHINE_H

#include "facts.h"

struct machine_facts {
	struct facts facts;             /* its processor "unknown" where the system does not tell */
	char date[32];                  /* UTC, "2026-11-25 21:40" */
};

struct machine_facts machine_facts(void);

#endif
