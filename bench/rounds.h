/* SPDX-License-Identifier: MIT */
/* rounds.h - which rounds count: the machine kept still, and nobody else was busy. */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most of another's processor time, in processors, that is not worth a mark. */
#define ROUNDS_OTHERS_MOST 0.05

/* Did these line times, read before, within and after a round, differ by 15 % at most? */
bool rounds_steady(const double *line_ns, size_t count);

/* What processes other than this one's children have used, from begin to end. */
struct rounds_others {
	double used;
	uint64_t begun;
};

struct rounds_others rounds_others_begin(void);

/* In processors; 0 where the system does not tell. Children must have been waited for. */
double rounds_others_end(const struct rounds_others *others);

#endif
