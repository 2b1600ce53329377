/* SPDX-License-Identifier: MIT */
/* commands.c - see commands.h. No verb takes the name of a file: those come from the
 * configuration. */
#include "commands.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "quantity.h"
#include "replay.h"

enum { DEPTH_MAX = 4 };

struct request {
	const char *name;          /* NULL: none */
	const char *journal;       /* NULL: none */
	uint64_t timeout_ns;       /* 0: none */
	struct wi_replay **replay; /* NULL: no frames can follow */
};

/* An answer without "ok", or NULL and the problem. */
typedef json_t *(*verb_fn)(struct weir_host *host, const struct request *request, char *problem);

static json_t *__attribute__((format(printf, 2, 3))) refuse(char *problem, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(problem, WI_SECTIONS_PROBLEM_SIZE, format, arguments);
	va_end(arguments);
	return NULL;
}

static void
put(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

/* Names and texts come from plugins and files: what is not UTF-8 is shown as '?'. */
static void
put_text(json_t *object, const char *name, const char *text)
{
	json_t *value = json_string(text != NULL ? text : "");
	char *copy;

	if (value == NULL && (copy = strdup(text)) != NULL) {
		for (char *at = copy; *at != '\0'; at++)
			if ((unsigned char)*at >= 128)
				*at = '?';
		value = json_string(copy);
		free(copy);
	}
	json_object_set_new(object, name, value);
}

/* -- looking --------------------------------------------------------------------- */

static json_t *
run_status(struct weir_host *host, const struct request *request, char *problem)
{
	weir_bus_counts bus = WEIR_BUS_COUNTS_INIT;
	weir_producer_counts producers = WEIR_PRODUCER_COUNTS_INIT;
	weir_status status = weir_bus_get_counts(host->bus, &bus, &producers, NULL, NULL);
	json_t *answer;

	(void)request;
	if (status != WEIR_OK)
		return refuse(problem, "%s", weir_status_text(status));
	answer = json_object();
	put_text(answer, "version", weir_version());
	put(answer, "pid", (uint64_t)getpid());
	put_text(answer, "config", host->file);
	put(answer, "uptime_ns", wi_host_now() - host->opened_ns);
	put(answer, "attempted", producers.attempted);
	put(answer, "committed", producers.committed);
	put(answer, "bytes", producers.bytes);
	put(answer, "refused",
	    producers.refused_full + producers.refused_size + producers.refused_busy +
		    producers.refused_hops + producers.refused_closed + producers.refused_invalid);
	put(answer, "discarded", producers.discarded);
	put(answer, "aborted", producers.aborted);
	put(answer, "in_flight", bus.in_flight);
	return answer;
}

struct listing {
	struct weir_host *host;
	struct wi_config *config;
	json_t *list;
};

static struct listing
begin_list(struct weir_host *host)
{
	return (struct listing){.host = host, .config = wi_host_config(host), .list = json_array()};
}

static json_t *
end_list(struct listing *listing, const char *name)
{
	wi_config_free(listing->config);
	return json_pack("{s:o}", name, listing->list);
}

static int
add_pool(void *context, weir_pool *pool, const char *name)
{
	struct listing *listing = context;
	weir_pool_counts counts = WEIR_POOL_COUNTS_INIT;
	const struct wi_config_pool *config = wi_config_pool(listing->config, name);
	json_t *object = json_object(), *after = json_array();
	uint64_t through;

	if (weir_pool_get_counts(pool, &counts) == WEIR_OK) {
		through = counts.routed + counts.unrouted + counts.skipped_behind;
		put_text(object, "name", name);
		for (uint32_t a = 0; config != NULL && a < config->spec.after_count; a++)
			json_array_append_new(after, json_string(config->spec.after[a]));
		json_object_set(object, "after", after);
		put(object, "seen", counts.seen);
		put(object, "waiting", counts.seen > through ? counts.seen - through : 0);
		put(object, "routed", counts.routed);
		put(object, "unrouted", counts.unrouted);
		put(object, "skipped_behind", counts.skipped_behind);
		put(object, "batches", counts.batches);
		put(object, "parks", counts.parks);
		put(object, "wakes", counts.wakes);
		put(object, "late_wakes", counts.late_wakes);
		put(object, "steals", counts.steals);
		put(object, "stuck", counts.stuck);
		json_array_append(listing->list, object);
	}
	json_decref(after);
	json_decref(object);
	return 0;
}

static json_t *
run_pool_list(struct weir_host *host, const struct request *request, char *problem)
{
	struct listing listing = begin_list(host);

	(void)request;
	(void)problem;
	weir_bus_each_pool(host->bus, add_pool, &listing);
	return end_list(&listing, "pools");
}

static const char *
state_text(enum wi_plugin_state state)
{
	static const char *const texts[] = {[WI_PLUGIN_LOADED] = "disabled",
					    [WI_PLUGIN_ENABLED] = "enabled",
					    [WI_PLUGIN_DRAINING] = "draining",
					    [WI_PLUGIN_FAILED] = "failed"};

	return texts[state];
}

struct pool_name {
	weir_pool *pool;
	const char *name;
};

static int
find_pool_name(void *context, weir_pool *pool, const char *name)
{
	struct pool_name *search = context;

	search->name = pool == search->pool ? name : search->name;
	return pool == search->pool;
}

/* What the file does not name any more is only told of while it does something. */
static int
add_plugin(void *context, const struct wi_plugin_info *info)
{
	struct listing *listing = context;
	struct pool_name pool = {.pool = info->pool, .name = "default"};
	bool known = wi_config_plugin(listing->config, info->name) != NULL;
	json_t *object, *health;

	if (!known && (info->state == WI_PLUGIN_LOADED || info->state == WI_PLUGIN_FAILED))
		return 0;
	if (info->pool != NULL)
		weir_bus_each_pool(listing->host->bus, find_pool_name, &pool);
	object = json_object();
	put_text(object, "name", info->name);
	put_text(object, "state", state_text(info->state));
	put_text(object, "pool", pool.name);
	put(object, "subscriptions", info->subscriptions);
	put(object, "due", info->due);
	put(object, "ok", info->ok);
	put(object, "failed", info->failed);
	put_text(object, "problem", info->problem);
	health = json_object();
	json_object_set_new(health, "code", json_integer(info->health.code));
	put_text(health, "text", info->health.text);
	json_object_set_new(object, "health", health);
	put_text(object, "file", info->file);
	put_text(object, "version", info->version);
	put_text(object, "license", info->license);
	put_text(object, "summary", info->summary);
	json_array_append_new(listing->list, object);
	return 0;
}

static json_t *
run_plugin_list(struct weir_host *host, const struct request *request, char *problem)
{
	struct listing listing = begin_list(host);

	(void)request;
	(void)problem;
	wi_plugins_each(host->plugins, add_plugin, &listing);
	return end_list(&listing, "plugins");
}

/* -- changing -------------------------------------------------------------------- */

/* One plugin of the configuration. False: `problem` says why not; otherwise wi_host_end(). */
static bool
begin_plugin(struct weir_host *host, const struct request *request, char *problem)
{
	if (!wi_host_begin(host, false, problem))
		return false;
	if (wi_config_plugin(host->config, request->name) != NULL)
		return true;
	wi_host_end(host, false);
	refuse(problem, "the configuration has no plugin '%s'", request->name);
	return false;
}

static json_t *
end_plugin(struct weir_host *host, weir_status status, char *problem)
{
	wi_host_end(host, false);
	if (status == WEIR_OK)
		return json_object();
	return problem[0] != '\0' ? NULL : refuse(problem, "%s", weir_status_text(status));
}

static json_t *
run_plugin_enable(struct weir_host *host, const struct request *request, char *problem)
{
	if (!begin_plugin(host, request, problem))
		return NULL;
	return end_plugin(host, wi_plugins_enable(host->plugins, request->name, problem), problem);
}

static json_t *
run_plugin_disable(struct weir_host *host, const struct request *request, char *problem)
{
	uint64_t timeout_ns = request->timeout_ns > 0 ? request->timeout_ns : WI_HOST_DISABLE_NS;

	if (!begin_plugin(host, request, problem))
		return NULL;
	return end_plugin(host, wi_host_disable(host, request->name, timeout_ns, problem), problem);
}

static json_t *
run_plugin_reload(struct weir_host *host, const struct request *request, char *problem)
{
	return wi_host_reload(host, request->name, problem) == WEIR_OK ? json_object() : NULL;
}

static json_t *
run_reload(struct weir_host *host, const struct request *request, char *problem)
{
	(void)request;
	return wi_host_reload(host, NULL, problem) == WEIR_OK ? json_object() : NULL;
}

static json_t *
run_drain(struct weir_host *host, const struct request *request, char *problem)
{
	uint64_t timeout_ns = request->timeout_ns > 0 ? request->timeout_ns : 30 * WI_HOST_S;
	weir_status status = wi_host_flush(host, timeout_ns, NULL, NULL);
	weir_bus_counts bus = WEIR_BUS_COUNTS_INIT;

	if (status == WEIR_OK)
		return json_object();
	weir_bus_get_counts(host->bus, &bus, NULL, NULL, NULL);
	return refuse(problem, "%s; events not yet through all pools: %" PRIu64,
		      weir_status_text(status), bus.in_flight);
}

static json_t *
run_replay(struct weir_host *host, const struct request *request, char *problem)
{
	if (request->replay == NULL)
		return refuse(problem,
			      "replay needs a connection of its own to the control socket");
	return wi_replay_open(host, request->journal, request->timeout_ns, request->replay, problem)
		       ? json_object()
		       : NULL;
}

/* -- a request ------------------------------------------------------------------- */

static const struct verb {
	const char *name;
	verb_fn run;
	bool takes_name, takes_timeout, takes_journal;
} verbs[] = {
	{"status", run_status, false, false, false},
	{"plugin.list", run_plugin_list, false, false, false},
	{"plugin.enable", run_plugin_enable, true, false, false},
	{"plugin.disable", run_plugin_disable, true, true, false},
	{"plugin.reload", run_plugin_reload, true, false, false},
	{"pool.list", run_pool_list, false, false, false},
	{"drain", run_drain, false, true, false},
	{"reload", run_reload, false, false, false},
	{"replay", run_replay, false, true, true},
};

/* jansson goes as deep as 2048 by calling itself; a request needs 1. */
static bool
is_flat(const char *text, size_t size)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < size; i++) {
		if (in_string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			in_string = !in_string;
		else if (!in_string && (text[i] == '{' || text[i] == '['))
			depth++;
		else if (!in_string && (text[i] == '}' || text[i] == ']'))
			depth--;
		if (depth > DEPTH_MAX)
			return false;
	}
	return true;
}

static const struct verb *
find_verb(const json_t *object, char *problem)
{
	const char *name = json_string_value(json_object_get(object, "verb"));

	for (size_t i = 0; name != NULL && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	if (name == NULL)
		refuse(problem, "\"verb\" must be a string");
	else
		refuse(problem, "there is no verb '%.40s'", name);
	return NULL;
}

static bool
take_member(const struct verb *verb, const char *name, const json_t *value, struct request *request,
	    char *problem)
{
	const char *text = json_string_value(value);

	if (strcmp(name, "verb") == 0)
		return true;
	if (strcmp(name, "name") == 0 && verb->takes_name) {
		request->name = text;
		return text != NULL || refuse(problem, "\"name\" must be a string");
	}
	if (strcmp(name, "journal") == 0 && verb->takes_journal) {
		request->journal = text;
		return text != NULL || refuse(problem, "\"journal\" must be a string");
	}
	if (strcmp(name, "timeout") == 0 && verb->takes_timeout)
		return (text != NULL &&
			wi_quantity_duration(text, 3600 * WI_HOST_S, &request->timeout_ns) &&
			request->timeout_ns > 0) ||
		       refuse(problem,
			      "\"timeout\" must be a string with a time up to 3600s, as \"5s\"");
	return refuse(problem, "%s does not take \"%.40s\"", verb->name, name) != NULL;
}

static json_t *
run(struct weir_host *host, const char *text, size_t size, struct wi_replay **replay, char *problem)
{
	struct request request = {.replay = replay};
	const struct verb *verb;
	json_t *object, *value, *answer = NULL;
	json_error_t error;
	const char *name;
	bool good;

	if (!is_flat(text, size))
		return refuse(problem, "nested deeper than a request is");
	object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (object == NULL)
		return refuse(problem, "not JSON at column %d: %s", error.column, error.text);
	good = json_is_object(object) || refuse(problem, "not a JSON object");
	verb = good ? find_verb(object, problem) : NULL;
	good = verb != NULL;
	json_object_foreach(object, name, value) good =
		good && take_member(verb, name, value, &request, problem);
	if (good && verb->takes_name && request.name == NULL)
		good = refuse(problem, "%s needs \"name\"", verb->name) != NULL;
	if (good && verb->takes_journal && request.journal == NULL)
		good = refuse(problem, "%s needs \"journal\"", verb->name) != NULL;
	if (good) {
		answer = verb->run(host, &request, problem);
		if (answer == NULL && problem[0] == '\0')
			refuse(problem, "%s", weir_status_text(WEIR_ENOMEM));
	}
	json_decref(object);
	return answer;
}

char *
wi_command_refusal(const char *text)
{
	json_t *answer = json_object();
	char *line;

	json_object_set_new(answer, "ok", json_false());
	put_text(answer, "error", text);
	line = json_dumps(answer, JSON_COMPACT);
	json_decref(answer);
	return line;
}

char *
wi_command_run(struct weir_host *host, const char *request, size_t size,
	       struct wi_replay **ret_replay)
{
	char problem[WI_SECTIONS_PROBLEM_SIZE] = "", *line;
	json_t *answer = run(host, request, size, ret_replay, problem), *whole;

	if (answer == NULL)
		return wi_command_refusal(problem);
	whole = json_object();
	json_object_set_new(whole, "ok", json_true());
	json_object_update(whole, answer);
	json_decref(answer);
	line = json_dumps(whole, JSON_COMPACT);
	json_decref(whole);
	return line;
}
