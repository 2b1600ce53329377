/* SPDX-License-Identifier: MIT */
/*
 * fault_unwind_cxx.cc - C++ handlers: what is thrown out of a callable of weir.hpp is a failure, the end of
 * a thread runs destructors and is not stopped by weir.hpp, and an exception out of a handler of
 * the C interface ends the process and nothing less.
 */
#include <csignal>
#include <cstdio>
#include <cstring>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/weir.hpp>

extern "C" {
#include "support.h"
}
#undef get      /* std::unique_ptr has its own */

/* As in fault_thread.c. */
extern "C" const char *__asan_default_options(void);
extern "C" const char *
__asan_default_options(void)
{
	return "use_sigaltstack=0";
}

static const uint64_t events = SANITIZED ? 140 : 420;
static uint64_t destroyed, locals, caught, exited;

struct counted {
	uint64_t *counter;

	~counted() { add(counter, 1); }
};

/* A handler of the C interface, behind the others: it gets every event. */
static int
count(const weir_event *, const weir_delivery *, void *context)
{
	add(static_cast<uint64_t *>(context), 1);
	return 0;
}

static void
throw_by_number(uint64_t number)
{
	switch (number % 4) {
	case 0: throw std::runtime_error("no");
	case 1: throw 1;
	case 2: throw std::string("a text that is long enough to be allocated somewhere else");
	default: throw "text";
	}
}

static void
end_by_number(uint64_t number)
{
	add(&exited, 1);
	if (number % 2)
		pthread_exit(nullptr);
	pthread_cancel(pthread_self());
	for (;;)
		pthread_testcancel();
}

static void
handle(const weir_event *event, const weir_delivery *)
{
	thread_local counted local{&locals};
	counted guard{&destroyed};
	uint64_t number;

	(void)local;
	std::memcpy(&number, weir_event_data(event), sizeof number);
	if (number % 3 == 0)
		throw_by_number(number);
	if (number % 7 == 0) {
		try {
			end_by_number(number);
		} catch (std::exception &) {
			add(&caught, 1);
		}
	}
}

static uint64_t
count_of(const weir_subscription_counts &counts, int code)
{
	for (int i = 0; i < 7; i++)
		if (counts.failure_code[i] == code && counts.failure_count[i])
			return counts.failure_count[i];
	return 0;
}

static void
run(uint32_t dispatchers)
{
	uint64_t thrown = events / 3, ended = events / 7 - events / 21, counted_events = 0;
	weir_pool_options pool = WEIR_POOL_OPTIONS_INIT;
	weir_bus_options options = quiet_options();
	weir_subscription_counts counts = WEIR_SUBSCRIPTION_COUNTS_INIT;
	struct holdings before = holdings_take();
	weir_subscription subscription, behind;
	weir_producer *producer;
	weir_topic topic;
	weir::bus bus;

	support_phase("C++ handlers");
	destroyed = locals = caught = exited = 0;
	pool.dispatcher_count = dispatchers;
	CHECK_OK(weir::open(bus, &options, &pool));
	CHECK_OK(weir_topic_open(bus.get(), "unwind.after.create", &topic));
	CHECK_OK(weir::subscribe(bus.get(), ">", handle, nullptr, &subscription));
	CHECK_OK(weir_subscribe(bus.get(), ">", count, &counted_events, nullptr, &behind));
	CHECK_OK(weir_producer_open(bus.get(), nullptr, &producer));
	for (uint64_t number = 1; number <= events; number++)
		CHECK_OK(weir_publish_wait(producer, topic, nullptr, &number, sizeof number, 20 * SECOND));
	CHECK_OK(weir_bus_flush(bus.get(), 20 * SECOND));
	books_check(bus.get());
	CHECK_OK(weir_subscription_get_counts(bus.get(), subscription, &counts));
	CHECK(count_of(counts, WEIR_CODE_EXCEPTION) == thrown, "%llu exceptions of %llu",
	      (ull)count_of(counts, WEIR_CODE_EXCEPTION), (ull)thrown);
	CHECK(count_of(counts, WEIR_CODE_UNWOUND) == ended && exited == ended, "%llu ends of %llu, %llu tried",
	      (ull)count_of(counts, WEIR_CODE_UNWOUND), (ull)ended, (ull)exited);
	CHECK(counted_events == events && destroyed == events && caught == 0,
	      "%llu events, %llu destroyed, %llu caught", (ull)counted_events, (ull)destroyed, (ull)caught);
	weir_producer_close(producer);
	bus.reset();
	/* Each thread that ran a handler, those that ended in one and those at the end. */
	CHECK(locals >= ended && locals <= ended + dispatchers, "locals destroyed: %llu", (ull)locals);
	holdings_check(before, 16);
	std::printf("%u dispatchers: %llu exceptions, %llu threads ended\n", dispatchers, (ull)thrown,
	            (ull)ended);
}

static int
throw_out(const weir_event *, const weir_delivery *, void *)
{
	throw std::runtime_error("out of a handler of the C interface");
}

/* In a child, which must end by SIGABRT, from std::terminate(). */
static void
test_terminates()
{
	int status = 0;
	pid_t child = fork();

	CHECK(child >= 0, "fork");
	if (child == 0) {
		weir_bus_options options = quiet_options();
		struct rlimit none = { 0, 0 };
		weir_subscription subscription;
		weir_producer *producer;
		weir_topic topic;
		weir::bus bus;

		alarm(20);
		setrlimit(RLIMIT_CORE, &none);
		if (!std::freopen("/dev/null", "w", stderr) || weir::open(bus, &options) ||
		    weir_topic_open(bus.get(), "a", &topic) ||
		    weir_subscribe(bus.get(), "a", throw_out, nullptr, nullptr, &subscription) ||
		    weir_thread_get_producer(bus.get(), &producer) || weir_publish(producer, topic, "x", 1))
			_exit(1);
		weir_bus_flush(bus.get(), 5 * SECOND);
		_exit(2);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
	      "status %#x", static_cast<unsigned>(status));
}

int
main()
{
	support_begin("fault_unwind_cxx");
	/* Before there is a bus: see fault_thread.c. */
	test_terminates();
	run(1);
	run(3);
	return 0;
}
