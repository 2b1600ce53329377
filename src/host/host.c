/* SPDX-License-Identifier: MIT */
/* host.c - see <weir/host.h>. */
#include "host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "control.h"
#include "reload.h"

uint64_t
wi_host_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * WI_HOST_S + (uint64_t)now.tv_nsec;
}

void
wi_host_log(const struct weir_host *host, int level, const char *id, const char *format, ...)
{
	enum { LEVEL_WARNING = 4 };
	char text[2 * WI_SECTIONS_PROBLEM_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (host->log != NULL)
		host->log(host->log_context, level, id, text);
	else if (level <= LEVEL_WARNING)
		fprintf(stderr, "weir: %s [%s]\n", text, id);
}

bool
wi_host_begin(struct weir_host *host, bool all, char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	const char *wrong = NULL;

	pthread_mutex_lock(&host->lock);
	if (atomic_load(&host->closing))
		wrong = "the host is closing";
	else if (host->reloading)
		wrong = "a reload is under way: try again";
	else if (all && host->operations > 0)
		wrong = "a plugin is being changed: try again";
	else if (all)
		host->reloading = true;
	else
		host->operations++;
	pthread_mutex_unlock(&host->lock);
	if (wrong != NULL)
		snprintf(problem, WI_PLUGIN_PROBLEM_SIZE, "%s", wrong);
	return wrong == NULL;
}

void
wi_host_end(struct weir_host *host, bool all)
{
	pthread_mutex_lock(&host->lock);
	if (all)
		host->reloading = false;
	else
		host->operations--;
	pthread_mutex_unlock(&host->lock);
}

bool
wi_host_begin_replay(struct weir_host *host)
{
	bool good;

	pthread_mutex_lock(&host->lock);
	good = !atomic_load(&host->ending);
	host->replays += good;
	pthread_mutex_unlock(&host->lock);
	return good;
}

void
wi_host_end_replay(struct weir_host *host)
{
	pthread_mutex_lock(&host->lock);
	host->replays--;
	pthread_cond_broadcast(&host->replay_ended);
	pthread_mutex_unlock(&host->lock);
}

void
wi_host_end_replays(struct weir_host *host, uint64_t timeout_ns)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec +=
		(time_t)(timeout_ns / WI_HOST_S < INT32_MAX ? timeout_ns / WI_HOST_S : INT32_MAX);
	end.tv_nsec += (long)(timeout_ns % WI_HOST_S);
	end.tv_sec += end.tv_nsec / (long)WI_HOST_S;
	end.tv_nsec %= (long)WI_HOST_S;
	pthread_mutex_lock(&host->lock);
	atomic_store(&host->ending, true);
	while (host->replays > 0 &&
	       pthread_cond_timedwait(&host->replay_ended, &host->lock, &end) == 0)
		continue;
	pthread_mutex_unlock(&host->lock);
}

struct wi_config *
wi_host_config(struct weir_host *host)
{
	struct wi_config *config;

	pthread_mutex_lock(&host->lock);
	config = host->config;
	atomic_fetch_add(&config->references, 1);
	pthread_mutex_unlock(&host->lock);
	return config;
}

/* -- what waits ------------------------------------------------------------------ */

static uint64_t
deadline(uint64_t timeout_ns)
{
	uint64_t now = wi_host_now();

	return timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

/* Of what is left a part at a time; false: the end, or the host closes. */
static bool
next_slice(const struct weir_host *host, uint64_t end, uint64_t *ret_slice)
{
	uint64_t now = wi_host_now(), left = now < end ? end - now : 0;

	*ret_slice = left < WI_HOST_SLICE_NS ? left : WI_HOST_SLICE_NS;
	return left > 0 && !atomic_load(&host->closing);
}

/*
 * In slices that grow: one that is too short for what is in the rings would begin anew each time
 * with what was published meanwhile. So a close is late by as long as was waited here, at most.
 */
weir_status
wi_host_flush(struct weir_host *host, uint64_t timeout_ns, bool (*stopped)(const void *context),
	      const void *context)
{
	uint64_t begin = wi_host_now(), slice = WI_HOST_SLICE_NS, waited = 0;
	weir_status status;

	do {
		if (waited > slice)
			slice = waited;
		if (slice > timeout_ns - waited)
			slice = timeout_ns - waited;
		status = weir_bus_flush(host->bus, slice);
		waited = wi_host_now() - begin;
	} while (status == WEIR_ETIMEDOUT && waited < timeout_ns && !atomic_load(&host->closing) &&
		 (stopped == NULL || !stopped(context)));
	return status;
}

weir_status
wi_host_disable(struct weir_host *host, const char *name, uint64_t timeout_ns,
		char problem[WI_PLUGIN_PROBLEM_SIZE])
{
	uint64_t end = deadline(timeout_ns), slice;
	weir_status status;

	do {
		next_slice(host, end, &slice);
		status = wi_plugins_disable(host->plugins, name, slice, problem);
	} while (status == WEIR_ETIMEDOUT && next_slice(host, end, &slice));
	return status;
}

/* -- open ------------------------------------------------------------------------ */

static void
log_of_bus(void *context, int level, const char *id, const char *text)
{
	wi_host_log(context, level, id, "%s", text);
}

static weir_status
open_bus(struct weir_host *host, const struct wi_config *config,
	 char problem[WI_SECTIONS_PROBLEM_SIZE])
{
	weir_bus_options options = WEIR_BUS_OPTIONS_INIT;
	weir_pool_options first = wi_pool_options(&config->first.spec);
	weir_status status;

	if (host->bus != NULL)
		return WEIR_OK;
	options.name = config->name;
	options.ring_size = (uint32_t)config->ring_size;
	options.producer_count_max = (uint32_t)config->producer_count_max;
	options.topic_count_max = (uint32_t)config->topic_count_max;
	options.hop_count_max = (uint32_t)config->hop_count_max;
	options.clock = config->clock;
	options.fence = config->fence;
	options.stats_dir = config->stats_dir;
	options.log = log_of_bus;
	options.log_context = host;
	status = weir_bus_open(&options, &first, &host->bus);
	if (status != WEIR_OK)
		wi_sections_fail(problem, config->sections.file, 0, "cannot open the bus: %s",
				 weir_status_text(status));
	host->owns_bus = status == WEIR_OK;
	return status;
}

static weir_status
open_plugins(struct weir_host *host, const struct wi_config *config,
	     char problem[WI_SECTIONS_PROBLEM_SIZE])
{
	static const char *const usual[] = {WI_PLUGIN_DIRECTORY};
	bool given = config->directory_count > 0;
	struct wi_plugins_options options = {
		.bus = host->bus,
		.directories = given ? (const char *const *)config->directories : usual,
		.directory_count = given ? config->directory_count : 1,
		.log = log_of_bus,
		.log_context = host,
	};
	weir_status status = wi_plugins_open(&options, &host->plugins);

	if (status != WEIR_OK)
		wi_sections_fail(problem, config->sections.file, 0, "cannot have plugins: %s",
				 weir_status_text(status));
	return status;
}

static weir_status
open_control(struct weir_host *host, char problem[WI_SECTIONS_PROBLEM_SIZE])
{
	const struct wi_section *section = wi_sections_find(&host->config->sections, "control");
	const struct wi_section_setting *setting = wi_section_find(section, "socket");
	char text[WI_PLUGIN_PROBLEM_SIZE] = "", path[WI_LISTENER_PATH_SIZE];
	struct wi_control_options options = {.host = host, .path = host->config->socket};
	weir_status status;

	if (options.path != NULL && *options.path == '\0')
		return WEIR_OK;
	if (options.path == NULL && !wi_listener_usual_path(path)) {
		wi_host_log(
			host, 4, "WEIR-CONTROL",
			"no control socket: there is no directory for it, neither "
			"in XDG_RUNTIME_DIR nor in /dev/shm, and the file has no [control] socket");
		return WEIR_OK;
	}
	options.path = options.path != NULL ? options.path : path;
	status = wi_control_open(&options, &host->control, text);
	if (status == WEIR_OK && (host->socket = strdup(options.path)) == NULL)
		status = WEIR_ENOMEM;
	if (status != WEIR_OK)
		wi_sections_fail(problem, host->config->sections.file,
				 setting != NULL ? setting->line : 0, "[control] socket: %s",
				 text[0] ? text : weir_status_text(status));
	return status;
}

static weir_status
open_host(struct weir_host *host, char problem[WI_SECTIONS_PROBLEM_SIZE])
{
	struct wi_config *config = wi_config_read(host->file, host->bus, problem);
	weir_status status = WEIR_EINVAL;

	if (config == NULL)
		return access(host->file, F_OK) != 0 ? WEIR_ENOENT : WEIR_EINVAL;
	status = open_bus(host, config, problem);
	if (status == WEIR_OK)
		status = open_plugins(host, config, problem);
	if (status != WEIR_OK) {
		wi_config_free(config);
		return status;
	}
	status = wi_reload(host, config, NULL, problem);
	return status == WEIR_OK ? open_control(host, problem) : status;
}

/* -- close ----------------------------------------------------------------------- */

static void
add_report(weir_close_report *sum, const weir_close_report *more)
{
	sum->delivered += more->delivered;
	sum->undelivered += more->undelivered;
}

static uint64_t
left(uint64_t end)
{
	uint64_t now = wi_host_now();

	return now < end ? end - now : 0;
}

/* The pools behind others first. */
static weir_status
close_pools(struct weir_host *host, uint64_t end, weir_close_report *sum)
{
	weir_status result = WEIR_OK;

	while (host->pool_count > 0) {
		weir_close_report report = WEIR_CLOSE_REPORT_INIT;
		weir_status status =
			weir_pool_close(host->pools[--host->pool_count], left(end), &report);

		add_report(sum, &report);
		result = status != WEIR_OK ? status : result;
	}
	return result;
}

static weir_status
close_bus(struct weir_host *host, uint64_t end, weir_close_report *sum)
{
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	weir_status status;

	if (!host->owns_bus)
		return close_pools(host, end, sum);
	status = weir_bus_close(host->bus, left(end), &report);
	add_report(sum, &report);
	return status;
}

static void
free_host(struct weir_host *host)
{
	for (size_t i = 0; i < host->loaded_count; i++) {
		free(host->loaded[i].name);
		free(host->loaded[i].file);
	}
	free(host->loaded);
	free(host->pools);
	free(host->file);
	free(host->socket);
	wi_config_free(host->config);
	pthread_cond_destroy(&host->replay_ended);
	pthread_mutex_destroy(&host->lock);
	free(host);
}

/*
 * What the plugins' handlers are due is delivered before they are disabled. A request that is
 * still in a plugin's function uses bus, plugins and host: they stay.
 */
static weir_status
close_host(struct weir_host *host, uint64_t timeout_ns, weir_close_report *sum)
{
	uint64_t end = deadline(timeout_ns);
	weir_bus_counts counts = WEIR_BUS_COUNTS_INIT;
	weir_status status = WEIR_OK, closed;

	wi_host_end_replays(host, timeout_ns / 4);
	/* A quarter is for those who can still end when one cannot. */
	if (host->config != NULL)
		weir_bus_flush(host->bus,
			       timeout_ns == WEIR_FOREVER ? timeout_ns : timeout_ns / 4 * 3);
	atomic_store(&host->closing, true);
	if (host->control != NULL && wi_control_close(host->control, left(end)) != WEIR_OK) {
		wi_host_log(host, 3, "WEIR-LEAK",
			    "a request has not returned from a plugin: the host, its "
			    "plugins and its bus are leaked");
		weir_bus_get_counts(host->bus, &counts, NULL, NULL, NULL);
		sum->undelivered = counts.in_flight;
		return WEIR_ETIMEDOUT;
	}
	if (host->plugins != NULL)
		status = wi_plugins_close(host->plugins, left(end));
	if (host->bus != NULL) {
		closed = close_bus(host, end, sum);
		status = status == WEIR_OK ? closed : status;
	}
	/* A handler that has not returned may still log. */
	if (status == WEIR_OK)
		free_host(host);
	return status;
}

/* -- the interface --------------------------------------------------------------- */

static void
give(char *problem, size_t size, const char *text)
{
	if (problem != NULL && size > 0)
		snprintf(problem, size, "%s", text);
}

static bool
take_options(weir_host_options *options, const weir_host_options *given)
{
	const unsigned char *bytes = (const unsigned char *)given;

	if (given == NULL || given->size < offsetof(weir_host_options, bus) || given->size > 4096)
		return false;
	for (size_t i = sizeof(*options); i < given->size; i++)
		if (bytes[i] != 0)
			return false;
	memcpy(options, given, given->size < sizeof(*options) ? given->size : sizeof(*options));
	return options->config != NULL;
}

weir_status
weir_host_open(const weir_host_options *options, weir_host **ret_host, char *problem,
	       size_t problem_size)
{
	weir_host_options known = WEIR_HOST_OPTIONS_INIT;
	char text[WI_SECTIONS_PROBLEM_SIZE] = "the options are wrong";
	weir_close_report report = WEIR_CLOSE_REPORT_INIT;
	pthread_condattr_t attributes;
	struct weir_host *host;
	weir_status status;

	give(problem, problem_size, text);
	if (ret_host == NULL || !take_options(&known, options))
		return WEIR_EINVAL;
	host = calloc(1, sizeof(*host));
	if (host == NULL || (host->file = strdup(known.config)) == NULL) {
		free(host);
		give(problem, problem_size, weir_status_text(WEIR_ENOMEM));
		return WEIR_ENOMEM;
	}
	host->owner = getpid();
	host->bus = known.bus;
	host->log = known.log;
	host->log_context = known.log_context;
	host->opened_ns = wi_host_now();
	pthread_mutex_init(&host->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&host->replay_ended, &attributes);
	pthread_condattr_destroy(&attributes);
	status = open_host(host, text);
	if (status != WEIR_OK) {
		close_host(host, WI_HOST_DISABLE_NS, &report);
		give(problem, problem_size, text);
		return status;
	}
	give(problem, problem_size, "");
	*ret_host = host;
	return WEIR_OK;
}

static bool
is_fork(const weir_host *host)
{
	return host->owner != getpid();
}

weir_bus *
weir_host_bus(const weir_host *host)
{
	return host->bus;
}

weir_pool *
weir_host_pool(const weir_host *host, const char *name)
{
	return is_fork(host) ? NULL : wi_pools_find(host->bus, name);
}

const char *
weir_host_socket(const weir_host *host)
{
	return host->socket;
}

weir_status
wi_host_reload(struct weir_host *host, const char *only, char problem[WI_SECTIONS_PROBLEM_SIZE])
{
	weir_status status = WEIR_EBUSY;
	struct wi_config *config;

	if (wi_host_begin(host, true, problem)) {
		config = wi_config_read(host->file, host->owns_bus ? NULL : host->bus, problem);
		status = config != NULL ? wi_reload(host, config, only, problem) : WEIR_EINVAL;
		wi_host_end(host, true);
	}
	if (status != WEIR_OK)
		wi_host_log(host, 4, "WEIR-RELOAD", "nothing changed: %s", problem);
	else
		wi_host_log(host, 6, "WEIR-RELOAD", "%s: taken", host->file);
	return status;
}

weir_status
weir_host_reload(weir_host *host, char *problem, size_t problem_size)
{
	char text[WI_SECTIONS_PROBLEM_SIZE] = "";
	weir_status status;

	if (is_fork(host))
		return WEIR_EFORKED;
	status = wi_host_reload(host, NULL, text);
	give(problem, problem_size, text);
	return status;
}

weir_status
weir_host_drain(weir_host *host, uint64_t timeout_ns)
{
	return is_fork(host) ? WEIR_EFORKED : wi_host_flush(host, timeout_ns, NULL, NULL);
}

char *
weir_host_control(weir_host *host, const char *request, size_t size)
{
	return is_fork(host) ? NULL : wi_command_run(host, request, size, NULL);
}

weir_status
weir_host_close(weir_host *host, uint64_t timeout_ns, weir_close_report *ret_report)
{
	weir_close_report sum = WEIR_CLOSE_REPORT_INIT;
	weir_status status;

	if (is_fork(host))
		return WEIR_EFORKED;
	if (weir_bus_flush(host->bus, 0) == WEIR_EDEADLK)
		return WEIR_EDEADLK;
	status = close_host(host, timeout_ns, &sum);
	if (ret_report != NULL) {
		ret_report->delivered = sum.delivered;
		ret_report->undelivered = sum.undelivered;
	}
	return status;
}
