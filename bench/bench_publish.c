/* SPDX-License-Identifier: MIT */
/* bench_publish.c - one producer, one dispatcher: from the first publish to the last handler. */
#include "bench.h"
#include "load.h"

enum { EVENTS = 1000000 };

static bool
begin(struct bench_run *run)
{
	run->context = rig_open(NULL);
	return run->context && load_timed(run->context, LOAD_COPY, 48, 10000) > 0;
}

static bool
end(struct bench_run *run)
{
	return rig_close(run->context);
}

static bool
publish(struct bench_run *run, enum load_way way)
{
	run->items = EVENTS;
	run->seconds = load_timed(run->context, way, (uint32_t)run->value, EVENTS);
	return run->seconds > 0;
}

static bool
copy(struct bench_run *run)
{
	return publish(run, LOAD_COPY);
}

static bool
in_place(struct bench_run *run)
{
	return publish(run, LOAD_IN_PLACE);
}

static bool
batch_16(struct bench_run *run)
{
	return publish(run, LOAD_BATCH_16);
}

static bool
batch_256(struct bench_run *run)
{
	return publish(run, LOAD_BATCH_256);
}

static bool
many_256(struct bench_run *run)
{
	return publish(run, LOAD_MANY_256);
}

const struct bench bench_publish[] = {
	{ "publish/copy", "size", { 8, 48, 112 }, begin, copy, end },
	{ "publish/in_place", "size", { 8, 48, 112 }, begin, in_place, end },
	{ "publish/batch_16", "size", { 8, 48, 112 }, begin, batch_16, end },
	{ "publish/batch_256", "size", { 8, 48, 112 }, begin, batch_256, end },
	{ "publish/many_256", "size", { 8, 48, 112 }, begin, many_256, end },
	{ 0 },
};
