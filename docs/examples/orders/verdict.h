/* SPDX-License-Identifier: MIT */
/* verdict.h - what must hold, and whether it does: two numbers that were counted by two parties. */
#ifndef ORDERS_VERDICT_H
#define ORDERS_VERDICT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "requests.h"

enum { VERDICT_CLAIMS_MAX = 16 };

struct claim {
	const char *id;
	char text[64];
	uint64_t left, right;
	bool holds;
};

struct verdict {
	double seconds;
	struct claim claims[VERDICT_CLAIMS_MAX];
	unsigned claim_count;
	const char *ways[REQUESTS_WAYS];
	struct requests_figures figures[REQUESTS_WAYS];
};

/* Both must be 0. */
void verdict_none(struct verdict *verdict, const char *id, uint64_t left, uint64_t right,
		  const char *text);
/* Both must be the same, and not 0. */
void verdict_some(struct verdict *verdict, const char *id, uint64_t left, uint64_t right,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* 1,234,567 */
const char *verdict_number(uint64_t number, char text[32]);

bool verdict_holds(const struct verdict *verdict);

/* data: where the databases are kept, NULL if they are not. */
void verdict_print(const struct verdict *verdict, const char *data, FILE *stream);
void verdict_print_json(const struct verdict *verdict, FILE *stream);

#endif
