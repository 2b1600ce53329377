/* SPDX-License-Identifier: MIT */
/* gbench.cc - the program weir-bench: hands the C benchmarks to google-benchmark. */
#include <benchmark/benchmark.h>

#include <string>

#include "bench.h"

extern "C" {
#include "checked.h"
#include "yardstick.h"
}

namespace {

void
report(benchmark::State &state, const bench_run &run, uint64_t items)
{
	state.SetItemsProcessed(static_cast<int64_t>(items));
	state.counters["each"] =
		benchmark::Counter(static_cast<double>(items),
	                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
	for (const auto &extra : run.extras)
		if (extra.name)
			state.counters[extra.name] = extra.value;
}

void
execute(benchmark::State &state, const bench &bench, int64_t value)
{
	bench_run run = {};
	uint64_t items = 0;
	bool ok;

	run.value = value;
	if (!bench.begin(&run)) {
		state.SkipWithError("could not be set up");
		return;
	}
	ok = true;
	for (auto _ : state) {
		ok = ok && bench.body(&run);
		state.SetIterationTime(run.seconds);
		items += run.items;
		if (!ok) {
			state.SkipWithError("failed");
			break;
		}
	}
	if (!bench.end(&run) && ok)
		state.SkipWithError("the books do not balance");
	report(state, run, items);
}

void
add(const bench &bench, const std::string &name, int64_t value)
{
	benchmark::RegisterBenchmark(name.c_str(), [&bench, value](benchmark::State &state) {
		execute(state, bench, value);
	})->UseManualTime()->Unit(benchmark::kMillisecond);
}

void
add_list(const bench *list)
{
	for (; list->name; list++) {
		if (!list->parameter)
			add(*list, list->name, 0);
		for (int64_t value : list->values)
			if (value)
				add(*list, std::string(list->name) + "/" + list->parameter + ":" +
				               std::to_string(value), value);
	}
}

void
add_context()
{
	double line = checked_ns(yardstick_line_ns());
	uint64_t events = yardstick_events(line);

	benchmark::AddCustomContext("line_ns", std::to_string(line));
	for (uint32_t per_commit : { 1u, 16u, 256u })
		benchmark::AddCustomContext(
			"yardstick_ns of 48 bytes, " + std::to_string(per_commit) + " a commit",
			std::to_string(checked_ns(yardstick_event_ns(48, per_commit, events))));
	checked_unpin();
}

}

int
main(int argc, char **argv)
{
	if (!checked_begin())
		return 77;
	for (const bench *list : { bench_publish, bench_dispatch, bench_fanout, bench_route,
	                           bench_subscribe, bench_park, bench_latency })
		add_list(list);
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 64;
	add_context();
	benchmark::RunSpecifiedBenchmarks();
	benchmark::Shutdown();
	return 0;
}
