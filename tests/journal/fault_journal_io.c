/* SPDX-License-Identifier: MIT */
/*
 * fault_journal_io.c - the n-th call of a scripted run fails, once or from then on for a while: each n,
 * each kind of call.
 *
 * What failed is done again until it works, and then every row is there once: none lost, none double,
 * also where SQLite said that a commit had failed and the rows were in the file all the same.
 * $WEIR_JOURNAL_KILLS: from 1,000 on each n, below that some.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "script.h"
#include "shim.h"
#include "support.h"

static const struct { const char *name; uint32_t kind; } kinds[] = {
	{ "write", SHIM_WRITE }, { "sync", SHIM_SYNC }, { "truncate", SHIM_TRUNCATE },
	{ "open", SHIM_OPEN }, { "delete", SHIM_DELETE }, { "shm", SHIM_SHM }, { "read", SHIM_READ },
	{ "any", SHIM_CHANGES | SHIM_READ },
};

/* `length` calls fail from the n-th on. False: there are not so many calls. */
static bool
run_once(enum wi_durability durability, const char *name, uint32_t kind, uint64_t n, uint64_t length,
         uint64_t *ret_late)
{
	struct script script;
	uint64_t recorded = 0, failed, rows;
	char what[64];
	int code;

	snprintf(what, sizeof what, "%s x %llu at", name, (ull)length);
	script_begin(&script, durability);
	script.recorded = &recorded;
	shim_reset(kind);
	shim->fail_at = n;
	shim->fail_until = n + length - 1;
	code = script_run_stubborn(&script, (unsigned)length + 20);
	failed = shim->failed;
	shim_reset(0);
	CHECK(code == 0, "%s %llu: code %d", what, (ull)n, code);
	rows = script_check(&script, what, n);
	CHECK(rows == recorded, "%s %llu: %llu rows, %llu acknowledged", what, (ull)n, (ull)rows,
	      (ull)recorded);
	script_end(&script);
	*ret_late += failed > 0;
	return failed > 0;
}

static void
run_kind(const char *name, uint32_t kind, uint64_t length, uint64_t stride)
{
	struct chance chance = chance_begin(kind + length);
	uint64_t runs = 0, n = 1 + chance_below(&chance, (uint32_t)stride);
	enum wi_durability durability = WI_DURABILITY_BATCHED;

	support_phase(name);
	for (; run_once(durability, name, kind, n, length, &runs); n += stride)
		durability = durability == WI_DURABILITY_BATCHED ? WI_DURABILITY_COMMIT :
		                                                   WI_DURABILITY_BATCHED;
	printf("%s: %llu runs in which %llu calls failed\n", name, (ull)runs, (ull)length);
}

int
main(void)
{
	const char *given = getenv("WEIR_JOURNAL_KILLS");
	uint64_t times = given ? strtoull(given, NULL, 10) : 20;
	uint64_t stride = times >= 1000 ? 1 : times >= 100 ? 5 : 17;

	support_begin("fault_journal_io");
	alarm((unsigned)(80 + times));
	shim_begin();
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		bool few = kinds[i].kind & (SHIM_TRUNCATE | SHIM_DELETE) && kinds[i].kind < SHIM_READ;

		run_kind(kinds[i].name, kinds[i].kind, 1, few ? 1 : stride);
		run_kind(kinds[i].name, kinds[i].kind, 25, few ? 2 : stride);
	}
	return 0;
}
