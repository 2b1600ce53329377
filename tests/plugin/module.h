/* SPDX-License-Identifier: MIT */
/*
 * module.h - what a test and its plugins (module.c) share: a struct of the test's, whose address is
 * the setting "control".
 */
#ifndef WI_TESTS_PLUGIN_MODULE_H
#define WI_TESTS_PLUGIN_MODULE_H

#include <weir/plugin.h>

struct control {
	/* Calls so far. */
	uint64_t loads, enables, reconfigures, disables, unloads, healths;
	uint64_t events, batches, released;
	uint64_t hanging;               /* handlers that wait for `hang` to end */
	uint64_t inside;                /* handlers that run now */
	uint64_t late;                  /* calls of handlers after disable, or before enable */
	uint64_t busy, overlaps;        /* calls of the descriptor's functions now; at once */
	uint64_t thread_ends;           /* destructors of threads that were in a handler (tls.so) */
	uint64_t running;               /* between enable and disable */

	/* What they are to do. */
	uint64_t hang, unwind;
	int code, batch_code;
	int load_code, enable_code, reconfigure_code;
	uint64_t subscriptions;         /* that enable makes */
	uint64_t more;                  /* that reconfigure makes */
	const char *say;                /* host->fail() */
	const char *pattern;            /* instead of "load.>" */
	const char *refuse;             /* "seen" with which enable and reconfigure fail */
	uint64_t with_batch, talk;      /* talk: a handler that hung says so */
	weir_pool *pool;                /* in the options of its subscriptions */
	void (*in_load)(void), (*in_enable)(void), (*in_event)(void), (*in_health)(void);
	char seen[64];                  /* the setting "seen" at the last enable or reconfigure */
	uint64_t *clock, disabled_at;   /* clock: counts disables of several */
	uint64_t number;                /* of the object: its NUMBER, by load */
	const weir_plugin_host *host;
};

#endif
