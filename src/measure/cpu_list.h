/* SPDX-License-Identifier: MIT */
/* cpu_list.h - processors as the command line names them: "0", "0+2", "1-3". */
#ifndef MEASURE_CPU_LIST_H
#define MEASURE_CPU_LIST_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

/* "any" is all that the process may use. NULL, or what is wrong. */
const char *cpu_list_parse(const char *text, cpu_set_t *ret_set);

/* "0,2-3"; as much as fits. */
void cpu_list_format(const cpu_set_t *set, char *text, size_t size);

/* The index-th processor of the set, beginning anew after the last; -1 of an empty set. */
int cpu_list_get(const cpu_set_t *set, unsigned index);

#endif
