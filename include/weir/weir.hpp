/* SPDX-License-Identifier: MIT */
/*
 * weir.hpp - weir for C++17: handlers that are callables, and that may throw.
 *
 *   weir::bus bus;
 *   weir::open(bus);
 *   weir::subscribe(bus.get(), "order.*.create",
 *                   [](const weir_event *event, const weir_delivery *delivery) { ... });
 *
 * and operations of a service (<weir/service.h>, link with weir-service) that end as their scope does:
 *
 *   weir::operation operation(orders, WEIR_CREATE, weir_json(text), "api");
 *   ...
 *   operation.succeed(weir_text("number 42"));
 *
 * All else is the C interface, <weir/weir.h>. A C++ exception that leaves a handler of the C
 * interface ends the process, by std::terminate(); one that leaves a callable given here does not
 * leave weir.hpp, and counts as a failure under WEIR_CODE_EXCEPTION. Its text goes nowhere.
 */
#ifndef WEIR_WEIR_HPP
#define WEIR_WEIR_HPP

#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <cxxabi.h>
#include <weir/service.h>
#include <weir/weir.h>

namespace weir {

struct bus_closer {
	void
	operator()(weir_bus *bus) const noexcept
	{
		weir_bus_close(bus, WEIR_FOREVER, nullptr);
	}
};

/* Closes the bus, when all that was committed is delivered. Not to be destroyed in a handler. */
using bus = std::unique_ptr<weir_bus, bus_closer>;

inline weir_status
open(bus &ret_bus, const weir_bus_options *options = nullptr, const weir_pool_options *pool = nullptr)
{
	weir_bus *opened;
	weir_status status = weir_bus_open(options, pool, &opened);

	if (status == WEIR_OK)
		ret_bus.reset(opened);
	return status;
}

/* Private. */
namespace detail {

/*
 * What `call` gives as a handler's code; nothing that it throws leaves. libstdc++ binds the
 * reference to a forced unwind to nothing, which is not what -fsanitize=null is to look for
 * (and gcc 12 does not stop looking for "null" alone).
 */
template <typename Call>
__attribute__((no_sanitize("undefined"))) int
guard(Call &&call)
{
#if defined(__cpp_exceptions)
	try {
#endif
		if constexpr (std::is_void_v<decltype(call())>) {
			call();
			return 0;
		} else {
			return call();
		}
#if defined(__cpp_exceptions)
	}
#if defined(__GLIBCXX__)
	/* pthread_exit() and cancellation: theirs is the thread's end, and weir's own affair. */
	catch (abi::__forced_unwind &) {
		throw;
	}
#endif
	catch (...) {
		return WEIR_CODE_EXCEPTION;
	}
#endif
}

template <typename Callable, typename = void>
struct has_batch_end : std::false_type {};
template <typename Callable>
struct has_batch_end<Callable, std::void_t<decltype(std::declval<Callable &>().batch_end(
                                       static_cast<const weir_delivery *>(nullptr)))>>
    : std::true_type {};

/* A subscription's context is its callable. */
template <typename Callable>
struct trampoline {
	static int
	handle(const weir_event *event, const weir_delivery *delivery, void *context)
	{
		return guard([&] { return (*static_cast<Callable *>(context))(event, delivery); });
	}

	static int
	end_batch(const weir_delivery *delivery, void *context)
	{
		return guard([&] { return static_cast<Callable *>(context)->batch_end(delivery); });
	}

	static void
	release(void *context)
	{
		delete static_cast<Callable *>(context);
	}
};

} /* namespace detail */

/*
 * weir::subscribe - weir_subscribe() with a callable: (const weir_event *, const weir_delivery *),
 *                   that gives an int as a handler does, or nothing, which is success.
 *
 * The callable is moved or copied into the subscription and destroyed by it, on the bus's own
 * thread where `released` would be called; at once if this fails. One that has a member
 * batch_end(const weir_delivery *) gets that called as the C interface's batch_end. Several
 * dispatchers call it at once. options->batch_end and ->released are not for the user here:
 * WEIR_EINVAL.
 */
template <typename Callable>
weir_status
subscribe(weir_bus *bus, const char *pattern, Callable &&callable,
          const weir_subscription_options *options = nullptr,
          weir_subscription *ret_subscription = nullptr)
{
	using own = std::decay_t<Callable>;
	weir_subscription_options all = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	weir_subscription subscription;
	weir_status status;

	static_assert(std::is_invocable_v<own &, const weir_event *, const weir_delivery *>,
	              "a handler takes (const weir_event *, const weir_delivery *)");
	if (options) {
		if (options->size < sizeof all || options->batch_end || options->released)
			return WEIR_EINVAL;
		all = *options;
		all.size = sizeof all;
	}
	std::unique_ptr<own> owned(new (std::nothrow) own(std::forward<Callable>(callable)));
	if (!owned)
		return WEIR_ENOMEM;
	if constexpr (detail::has_batch_end<own>::value)
		all.batch_end = detail::trampoline<own>::end_batch;
	all.released = detail::trampoline<own>::release;
	status = weir_subscribe(bus, pattern, detail::trampoline<own>::handle, owned.get(), &all,
	                        &subscription);
	if (status != WEIR_OK)
		return status;
	owned.release();
	if (ret_subscription)
		*ret_subscription = subscription;
	return WEIR_OK;
}

/*
 * An operation of a service: begins with this, and ends at the latest with it.
 *
 * Who says nothing has succeeded without a result, unless an exception is leaving the scope: that is a
 * failure with WEIR_CODE_EXCEPTION, and goes on. What the parameters point to must stay until the end
 * is said; the service may be NULL or disabled. Operations that begin in its life have it as their
 * parent, so on one thread the last one to begin is the first to end.
 */
class operation {
public:
	operation(weir_service *service, weir_operation number, weir_content data = {},
	          const char *actor = nullptr, const char *user_id = nullptr) noexcept
	{
		options_.operation = number;
		options_.data = data;
		options_.actor = actor;
		options_.user_id = user_id;
		begin(service);
	}

	/* With a key, too; the options are copied. */
	operation(weir_service *service, const weir_call_options &options) noexcept : options_(options)
	{
		begin(service);
	}

	operation(operation &&other) noexcept
	    : options_(other.options_), call_(other.call_), exceptions_(other.exceptions_)
	{
		if (call_.options == &other.options_)
			call_.options = &options_;
		other.call_.service = nullptr;
		other.call_.in_scope = 0;
	}

	operation(const operation &) = delete;
	operation &operator=(const operation &) = delete;
	operation &operator=(operation &&) = delete;

	~operation()
	{
		if (std::uncaught_exceptions() <= exceptions_)
			weir_call_end(&call_);
		if (call_.service || call_.in_scope)
			weir_call_leave_(&call_, WEIR_CODE_EXCEPTION, "an exception");
	}

	weir_status
	succeed(weir_content result = {}) noexcept
	{
		return weir_call_succeed(&call_, result);
	}

	weir_status
	fail(int32_t code, const char *text = nullptr) noexcept
	{
		return weir_call_fail(&call_, code, text);
	}

	uint64_t
	id() const noexcept
	{
		return weir_call_id(&call_);
	}

private:
	void
	begin(weir_service *service) noexcept
	{
		weir_call_begin(&call_, service, &options_);
		if (call_.service)
			weir_call_enter_(&call_);
	}

	weir_call_options options_ = WEIR_CALL_OPTIONS_INIT;
	weir_call call_ = {};
	int exceptions_ = std::uncaught_exceptions();
};

/* The thread's trace while this lives; NULL: none. */
class trace_scope {
public:
	explicit trace_scope(const weir_trace *trace) noexcept
	{
		weir_trace_get(&before_);
		weir_trace_set(trace);
	}

	trace_scope(const trace_scope &) = delete;
	trace_scope &operator=(const trace_scope &) = delete;

	~trace_scope()
	{
		weir_trace_set(&before_);
	}

private:
	weir_trace before_;
};

} /* namespace weir */

#endif
