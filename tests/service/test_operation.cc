/* SPDX-License-Identifier: MIT */
/* test_operation.cc - weir::operation and weir::trace_scope: each way out of a scope. */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include <weir/weir.hpp>

static weir::bus bus;
static weir_service *orders;

/* What the last event was, and how many there were. */
static struct {
	unsigned count;
	weir_phase phase;
	std::int32_t code;
	std::uint64_t id, parent, key;
	std::string result, error, actor;
} seen;

static void
check(bool good, const char *what)
{
	if (good)
		return;
	std::fprintf(stderr, "test_operation: %s\n", what);
	std::exit(EXIT_FAILURE);
}

static int
see(const weir_event *event, const weir_delivery *)
{
	weir_envelope envelope = WEIR_ENVELOPE_INIT;

	check(weir_envelope_open(weir_event_data(event), event->size, &envelope) == WEIR_OK, "envelope");
	seen.count++;
	seen.phase = envelope.phase;
	seen.code = envelope.code;
	seen.id = envelope.id;
	seen.parent = envelope.parent;
	seen.result.assign(static_cast<const char *>(envelope.result.bytes), envelope.result.size);
	seen.error = envelope.error;
	seen.actor = envelope.actor;
	seen.key = 0;
	weir_event_key(event, &seen.key);
	return 0;
}

/* Two events since the last time, and this is the end. */
static void
expect(weir_phase phase, std::int32_t code, const char *result, const char *what)
{
	while (weir_pool_poll(weir_bus_default_pool(bus.get()), 100) > 0)
		;
	check(seen.count == 2 && seen.phase == phase && seen.code == code && seen.result == result, what);
	seen.count = 0;
}

enum class way { end, succeed, early, fail, exception, exception_after, caught };

static int
leave(way how)
{
	weir::operation operation(orders, WEIR_CREATE, weir_text("data"), "test");

	check(operation.id() != 0, "id");
	switch (how) {
	case way::succeed: {
		std::string result = "number 42";

		operation.succeed(weir_text(result.c_str()));
		break;
	}
	case way::early: return 1;
	case way::fail: operation.fail(5, "no stock"); return 2;
	case way::exception: throw std::runtime_error("x");
	case way::exception_after: operation.succeed(weir_text("done")); throw std::runtime_error("x");
	case way::caught:
		try {
			throw 1;
		} catch (int) {
		}
		break;
	case way::end: break;
	}
	return 3;
}

static void
test_ways_out()
{
	check(leave(way::end) == 3, "returned");
	expect(WEIR_PHASE_AFTER, 0, "", "end");
	check(seen.actor == "test", "actor");
	leave(way::succeed);
	expect(WEIR_PHASE_AFTER, 0, "number 42", "succeed");
	check(leave(way::early) == 1, "early return");
	expect(WEIR_PHASE_AFTER, 0, "", "early return");
	leave(way::fail);
	expect(WEIR_PHASE_FAILED, 5, "", "fail");
	check(seen.error == "no stock", "text");
	leave(way::caught);
	expect(WEIR_PHASE_AFTER, 0, "", "an exception that was caught inside");
	for (way how : {way::exception, way::exception_after}) {
		bool went_on = false;

		try {
			leave(how);
		} catch (const std::runtime_error &) {
			went_on = true;
		}
		check(went_on, "the exception goes on");
		if (how == way::exception)
			expect(WEIR_PHASE_FAILED, WEIR_CODE_EXCEPTION, "", "exception");
		else
			expect(WEIR_PHASE_AFTER, 0, "done", "exception after the end");
	}
}

/* One that begins and ends while another exception is under way has not failed by it. */
struct in_destructor {
	~in_destructor()
	{
		weir::operation operation(orders, WEIR_DELETE);
	}
};

static void
test_in_unwinding()
{
	try {
		in_destructor cleanup;
		throw 1;
	} catch (int) {
	}
	expect(WEIR_PHASE_AFTER, 0, "", "in a destructor");
}

static weir::operation
begin()
{
	weir::operation operation(orders, WEIR_UPDATE);

	return operation;
}

static void
test_move()
{
	{
		weir::operation first = begin();
		weir::operation second = std::move(first);

		check(first.id() == 0 && second.id() != 0, "what was moved from is empty");
		first.fail(1, "not said");
		second.succeed(weir_text("once"));
	}
	expect(WEIR_PHASE_AFTER, 0, "once", "moved");
	{
		/* Where the first one was is something else by then. */
		alignas(weir::operation) unsigned char room[sizeof(weir::operation)];
		auto *first = new (room) weir::operation(orders, WEIR_UPDATE);
		weir::operation second = std::move(*first);

		first->~operation();
		std::memset(room, 0xff, sizeof room);
		__asm__ volatile("" : : "r"(room) : "memory");
		second.succeed(weir_text("elsewhere"));
	}
	expect(WEIR_PHASE_AFTER, 0, "elsewhere", "moved away");
	{
		weir::operation off(nullptr, WEIR_UPDATE);

		check(off.id() == 0 && off.succeed() == WEIR_OK, "no service");
	}
	weir_call_options options = WEIR_CALL_OPTIONS_INIT;
	options.operation = WEIR_UPSERT;
	options.key = 9;
	{
		weir::operation operation(orders, options);
	}
	expect(WEIR_PHASE_AFTER, 0, "", "a call with a key");
	check(seen.key == 9, "its key");
}

static void
test_trace()
{
	const weir_trace trace = {{1}, {2}, 1};
	weir_trace now;
	std::uint64_t outer;

	{
		weir::trace_scope scope(&trace);
		{
			weir::operation operation(orders, WEIR_CREATE);

			outer = operation.id();
			weir_trace_get(&now);
			check(now.trace_id[0] == 1 && now.span_id[0] == (outer & 255), "its span");
			weir::operation(orders, WEIR_UPDATE).succeed();
		}
		weir_trace_get(&now);
		check(now.span_id[0] == 2, "the span before");
	}
	weir_trace_get(&now);
	check(now.trace_id[0] == 0, "no trace");
	check(weir_pool_poll(weir_bus_default_pool(bus.get()), 3) == 3 && seen.parent == outer, "parent");
	seen.count = 1;
	expect(WEIR_PHASE_AFTER, 0, "", "outer");
}

int
main()
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;

	options.stats_dir = "";
	pool.dispatcher_count = WEIR_MANUAL;
	check(weir::open(bus, &options, &pool) == WEIR_OK, "open");
	check(weir_service_open(bus.get(), "order", nullptr, &orders) == WEIR_OK, "service");
	check(weir::subscribe(bus.get(), "order.>", see) == WEIR_OK, "subscribe");
	test_ways_out();
	test_in_unwinding();
	test_move();
	test_trace();
	weir_service_close(orders);
	bus.reset();
	std::puts("test_operation: ok");
	return 0;
}
