/* SPDX-License-Identifier: MIT */
/* run_bus.c - see run_bus.h. */
#include "run_bus.h"

#include "command.h"
#include "progress.h"
#include "run_options.h"

int
wi_run_bus_open(const struct wi_run_bus *wanted, struct wi_progress *progress, weir_bus **ret_bus)
{
	weir_pool_options first = wi_pool_options(&wanted->first);
	weir_status status = weir_bus_open(&wanted->options, &first, ret_bus);
	const char *name;

	if (status != WEIR_OK) {
		wi_progress_message(progress, "cannot open a bus with these options: %s",
				    weir_status_text(status));
		return status == WEIR_EINVAL ? WI_EXIT_USAGE : WI_EXIT_FAILED;
	}
	status = wi_pools_open(wanted->pools, *ret_bus, &name);
	if (status == WEIR_OK)
		return WI_EXIT_OK;
	wi_progress_message(progress, "%s %s: %s", wanted->what, name, wi_pools_problem(status));
	return status == WEIR_ENOMEM ? WI_EXIT_FAILED : WI_EXIT_USAGE;
}

int
wi_run_bus_subscribe(struct wi_run_options *options, weir_bus *bus, const char *what,
		     struct wi_progress *progress)
{
	for (size_t i = 0; i < options->handler_count; i++) {
		struct wi_handler *handler = &options->handlers[i];
		weir_pool *pool = handler->pool == NULL ? NULL : wi_pools_find(bus, handler->pool);
		weir_status status;

		if (handler->pool != NULL && pool == NULL) {
			wi_progress_message(progress, "--on: there is no %s '%s'", what,
					    handler->pool);
			return WI_EXIT_USAGE;
		}
		handler->replayed = options->replayed;
		status = wi_handler_subscribe(handler, bus, pool);
		if (status == WEIR_OK)
			continue;
		wi_progress_message(progress, "--on: pattern '%s': %s", handler->pattern,
				    wi_handler_problem(status));
		return status == WEIR_EINVAL ? WI_EXIT_USAGE : WI_EXIT_FAILED;
	}
	return WI_EXIT_OK;
}
