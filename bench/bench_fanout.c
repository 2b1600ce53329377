/* SPDX-License-Identifier: MIT */
/* bench_fanout.c - each event goes to 1 to 64 subscriptions; call_ns: for one handler call. */
#include "bench.h"
#include "load.h"

static bool
begin(struct bench_run *run)
{
	struct rig_options options = { .subscription_count = (uint32_t)run->value };

	run->context = rig_open(&options);
	return run->context && load_timed(run->context, LOAD_IN_PLACE, 48, 10000) > 0;
}

static bool
end(struct bench_run *run)
{
	return rig_close(run->context);
}

static bool
body(struct bench_run *run)
{
	run->items = (uint64_t)(2000000 / (run->value + 1));
	run->seconds = load_timed(run->context, LOAD_IN_PLACE, 48, run->items);
	run->extras[0].name = "call_ns";
	run->extras[0].value = run->seconds * 1e9 / (double)run->items / (double)run->value;
	return run->seconds > 0;
}

const struct bench bench_fanout[] = {
	{ "fanout", "subscriptions", { 1, 2, 4, 8, 16, 32, 64 }, begin, body, end },
	{ 0 },
};
