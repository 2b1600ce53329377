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
	const char *id, *text;
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

/* Both must be the same. */
void verdict_same(struct verdict *verdict, const char *id, const char *text, uint64_t left, uint64_t right);
/* And there must have been some. */
void verdict_some(struct verdict *verdict, const char *id, const char *text, uint64_t left, uint64_t right);

bool verdict_holds(const struct verdict *verdict);

void verdict_print(const struct verdict *verdict, FILE *stream);
void verdict_print_json(const struct verdict *verdict, FILE *stream);

#endif
