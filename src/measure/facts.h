/* SPDX-License-Identifier: MIT */
/* facts.h - what this machine is: without it a figure says nothing. */
#ifndef MEASURE_FACTS_H
#define MEASURE_FACTS_H

#include <stdbool.h>

struct facts {
	char processor[128];            /* its model, "" where the system does not tell, */
	char hypervisor[32];            /*   as here: there is none, or it is not known */
	char governor[32];
	char clock_source[32];
	char kernel[128], libc[64], compiler[128];
	bool is_virtual;
	int online, allowed;            /* processors of the machine, and of this process */
	double quota;                   /* of its control group, in processors; 0: none */
	double clock_ns;                /* what a reading of CLOCK_MONOTONIC costs */
};

struct facts facts_read(void);

#endif
