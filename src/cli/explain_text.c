/* SPDX-License-Identifier: MIT */
/* explain_text.c - see explain.h. */
#include "explain.h"

#include <inttypes.h>
#include <string.h>

#include <weir/weir.h>

#include "config.h"
#include "core/pattern.h"
#include "figures.h"
#include "table.h"
#include "watch_text.h"

enum { STEP = 2, PLACE = 3, GAP = 2 };

/* What a line of a handler has beside its place, and how wide all of them are. */
struct columns {
	size_t name, pattern, state;
};

struct line {
	size_t indent;
	char place[16];
	const char *name, *pattern, *state;
	char rest[160];
};

/* -- handlers ---------------------------------------------------------------- */

static void
put_rest(struct line *line, const char *text)
{
	size_t used = strlen(line->rest);

	snprintf(line->rest + used, sizeof(line->rest) - used, "%s%s", used > 0 ? ", " : "", text);
}

static void
put_failures(struct line *line, const struct wi_explain_handler *handler)
{
	const weir_counters_subscription *now = &handler->shown->now;
	size_t used = strlen(line->rest);
	uint64_t failures = wi_explain_failures(handler);

	if (failures == 0)
		return;
	used += (size_t)snprintf(line->rest + used, sizeof(line->rest) - used, "%s%s failed",
				 used > 0 ? ", " : "", wi_figures_count(failures).text);
	if (now->last_code != 0)
		snprintf(line->rest + used, sizeof(line->rest) - used, ", last with %" PRId32,
			 now->last_code);
}

static struct line
make_line(const struct wi_explain *explain, const struct wi_explain_pool *pool,
	  const struct wi_explain_handler *handler)
{
	const struct wi_shown_handler *shown = handler->shown;
	bool holds = pool->shown->now.behind != WEIR_BEHIND_SKIP;
	struct line line = {.indent = STEP * (pool->depth + 1),
			    .place = "-",
			    .name = shown->name[0] != '\0' ? shown->name : shown->pattern,
			    .pattern = shown->pattern,
			    .state = wi_snapshot_handler_state(shown->now.state)};

	if (handler->place > 0)
		snprintf(line.place, sizeof(line.place), "%" PRIu32, handler->place);
	if (strcmp(line.name, line.pattern) == 0)
		line.pattern = "";
	if (shown->now.priority != 0)
		snprintf(line.rest, sizeof(line.rest), "priority %" PRId32, shown->now.priority);
	if (wi_explain_is_gap(explain) && holds)
		snprintf(line.rest, sizeof(line.rest), "its pool never skips");
	if (shown->now.flags & WEIR_SUBSCRIPTION_REPLAYED)
		put_rest(&line, "also replayed ones");
	put_failures(&line, handler);
	return line;
}

static size_t
most(size_t a, size_t b)
{
	return a > b ? a : b;
}

static struct columns
measure(const struct wi_explain *explain)
{
	struct columns columns = {0};

	for (uint32_t p = 0; p < explain->pool_count; p++)
		for (size_t i = 0; i < explain->pools[p].count; i++) {
			struct line line =
				make_line(explain, &explain->pools[p],
					  &explain->handlers[explain->pools[p].first + i]);

			columns.name = most(columns.name, line.indent + wi_table_width(line.name));
			columns.pattern = most(columns.pattern, wi_table_width(line.pattern));
			columns.state = most(columns.state, wi_table_width(line.state));
		}
	return columns;
}

static void
put_cell(FILE *stream, const char *text, size_t width)
{
	size_t used = wi_table_width(text);

	fprintf(stream, "%s%*s", text, (int)(GAP + (width > used ? width - used : 0)), "");
}

static void
put_handler(FILE *stream, const struct columns *columns, const struct line *line)
{
	fprintf(stream, "%*s%*s%*s", (int)line->indent, "", PLACE, line->place, GAP, "");
	put_cell(stream, line->name, columns->name - line->indent);
	if (columns->pattern > 0)
		put_cell(stream, line->pattern, columns->pattern);
	if (line->rest[0] != '\0')
		put_cell(stream, line->state, columns->state);
	fprintf(stream, "%s\n", line->rest[0] != '\0' ? line->rest : line->state);
}

/* -- pools ------------------------------------------------------------------- */

static void
put_after(FILE *stream, const struct wi_explain *explain, const struct wi_explain_pool *pool)
{
	const char *between = " (after ";

	for (uint32_t other = 0; other < explain->snapshot->pool_count; other++)
		if (wi_explain_is_after(explain->snapshot, pool->index, other)) {
			fprintf(stream, "%s%s", between, explain->snapshot->pools[other].name);
			between = " + ";
		}
	if (between[1] == '+')
		fprintf(stream, "%s)", pool->circle ? ", in a circle" : "");
}

static void
put_stuck(FILE *stream, const struct wi_explain *explain, const struct wi_explain_pool *pool)
{
	for (uint32_t i = 0; i < explain->snapshot->dispatcher_count; i++) {
		const struct wi_shown_dispatcher *dispatcher = &explain->snapshot->dispatchers[i];

		if (wi_explain_is_stuck(dispatcher, pool))
			fprintf(stream, "%*sstuck: %s, in %s for at least %s\n",
				(int)(STEP * (pool->depth + 1)), "", dispatcher->name,
				dispatcher->in, wi_watch_text_age(dispatcher->now.lasted_ns).text);
	}
}

static void
put_pool(FILE *stream, const struct wi_explain *explain, const struct wi_explain_pool *pool,
	 const struct columns *columns)
{
	const weir_counters_pool *now = &pool->shown->now;

	fprintf(stream, "%*s%s", (int)(STEP * pool->depth), "", pool->shown->name);
	put_after(stream, explain, pool);
	fprintf(stream, ": %" PRIu32 " dispatcher%s, order=%s, behind=%s, wait=%s\n",
		now->dispatcher_count, now->dispatcher_count == 1 ? "" : "s", wi_explain_order(now),
		wi_explain_behind(now), wi_explain_wait(now));
	if (now->waiting > 0)
		fprintf(stream, "%*swaiting: %s\n", (int)(STEP * (pool->depth + 1)), "",
			wi_figures_count(now->waiting).text);
	put_stuck(stream, explain, pool);
	if (pool->count == 0)
		fprintf(stream, "%*s%*s%*snobody\n", (int)(STEP * (pool->depth + 1)), "", PLACE,
			"-", GAP, "");
	for (size_t i = 0; i < pool->count; i++) {
		struct line line = make_line(explain, pool, &explain->handlers[pool->first + i]);

		put_handler(stream, columns, &line);
	}
}

/* A gap comes to no other pool, so the others do not matter. */
static bool
is_shown(const struct wi_explain *explain, const struct wi_explain_pool *pool)
{
	return !wi_explain_is_gap(explain) || pool->count > 0 ||
	       pool->shown->now.behind == WEIR_BEHIND_SKIP;
}

/* -- around them ------------------------------------------------------------- */

static void
put_head(FILE *stream, const struct wi_explain *explain)
{
	uint32_t count = explain->snapshot->handler_count;
	const char *plural = count == 1 ? "" : "s";
	const char *nobody =
		wi_explain_plugin_count(explain) > 0 ? "nobody that is known here" : "nobody";

	fprintf(stream, "%s: ", explain->topic);
	if (explain->getting > 0)
		fprintf(stream, "%zu of %" PRIu32 " subscription%s get%s it\n", explain->getting,
			count, plural, explain->getting == 1 ? "s" : "");
	else if (explain->matching > 0)
		fprintf(stream,
			"%s gets it: %zu of %" PRIu32 " subscription%s match%s, none takes it\n",
			nobody, explain->matching, count, plural,
			explain->matching == 1 ? "es" : "");
	else
		fprintf(stream, "%s gets it: %" PRIu32 " subscription%s, none matches\n", nobody,
			count, plural);
}

static void
put_source(FILE *stream, const struct wi_explain *explain)
{
	const struct wi_snapshot *snapshot = explain->snapshot;
	const weir_counters_section *sections = snapshot->look.header.section;

	if (explain->source == WI_EXPLAIN_PROCESS)
		fprintf(stream, "bus %s, pid %" PRIu32 "%s%s\n", snapshot->name,
			snapshot->look.header.pid, snapshot->state == WI_SNAPSHOT_ALIVE ? "" : ", ",
			snapshot->state == WI_SNAPSHOT_ALIVE
				? ""
				: wi_snapshot_state_text(snapshot->state));
	else if (explain->source == WI_EXPLAIN_CONFIG)
		fprintf(stream, "a host by %s\n", explain->config->sections.file);
	else
		fputs("weir run with these options\n", stream);
	if (sections[WEIR_COUNTERS_SUBSCRIPTIONS].left_out > 0)
		fprintf(stream, "%s more subscriptions had no room in the counters file\n",
			wi_figures_count(sections[WEIR_COUNTERS_SUBSCRIPTIONS].left_out).text);
}

static void
put_near(FILE *stream, const struct wi_explain *explain)
{
	size_t width = 0;

	if (wi_name_own(explain->topic))
		fputs("\nOnly patterns that begin with \"weir.\" match it.\n", stream);
	if (explain->near_count == 0)
		return;
	fputs("\nnear it:\n", stream);
	for (size_t i = 0; i < explain->near_count; i++)
		width = most(width, wi_table_width(explain->near[i]->pattern));
	for (size_t i = 0; i < explain->near_count; i++) {
		const struct wi_shown_handler *near = explain->near[i];

		fprintf(stream, "%*s", STEP, "");
		put_cell(stream, near->pattern, width);
		fprintf(stream, "in pool %s", near->pool);
		if (near->name[0] != '\0' && strcmp(near->name, near->pattern) != 0)
			fprintf(stream, ": %s", near->name);
		fputc('\n', stream);
	}
}

static void
put_plugins(FILE *stream, const struct wi_explain *explain)
{
	if (wi_explain_plugin_count(explain) == 0)
		return;
	fputs("\nWhat plugins subscribe to is known only where they run. Enabled:\n", stream);
	for (size_t i = 0; i < explain->config->plugin_count; i++)
		if (explain->config->plugins[i].enabled)
			fprintf(stream, "%*s%s in pool %s\n", STEP, "",
				explain->config->plugins[i].name, explain->config->plugins[i].pool);
}

static bool
has_quarantined(const struct wi_explain *explain)
{
	for (size_t i = 0; i < explain->matching; i++)
		if (explain->handlers[i].shown->now.state == WEIR_SUBSCRIPTION_QUARANTINED)
			return true;
	return false;
}

static void
put_legend_of_pools(FILE *stream, const struct wi_explain *explain)
{
	bool after = false, skip = false;

	for (uint32_t i = 0; i < explain->pool_count; i++) {
		after = after || explain->pools[i].shown->now.after != 0;
		skip = skip || explain->pools[i].shown->now.behind == WEIR_BEHIND_SKIP;
	}
	if (after)
		fputs("A pool that is after others gets the event once they are through with it;\n"
		      "all others run side by side.\n",
		      stream);
	else if (explain->pool_count > 1)
		fputs("The pools run side by side.\n", stream);
	if (skip)
		fputs("One with behind=skip may miss it, if it is too far behind.\n", stream);
}

/* What the lines mean, as far as there are such lines. */
static void
put_legend(FILE *stream, const struct wi_explain *explain)
{
	fputc('\n', stream);
	if (wi_explain_is_gap(explain))
		fputs("A pool that skips tells its own handlers, and no others, what it missed.\n",
		      stream);
	else
		put_legend_of_pools(stream, explain);
	fputs("In a pool the handlers are called in this order, one after the other.\n", stream);
	if (has_quarantined(explain))
		fputs("In quarantine: passed over until its time is up, when an event tries it.\n",
		      stream);
	if (wi_name_own(explain->topic))
		return;
	if (explain->source == WI_EXPLAIN_PROCESS)
		fputs("Replayed events reach only those with \"also replayed ones\".\n", stream);
	else
		fputs("Handlers of --on get no replayed events.\n", stream);
}

void
wi_explain_text(const struct wi_explain *explain, FILE *stream)
{
	struct columns columns = measure(explain);

	put_head(stream, explain);
	put_source(stream, explain);
	if (explain->matching == 0) {
		put_near(stream, explain);
		put_plugins(stream, explain);
		return;
	}
	fputc('\n', stream);
	for (uint32_t i = 0; i < explain->pool_count; i++)
		if (is_shown(explain, &explain->pools[i]))
			put_pool(stream, explain, &explain->pools[i], &columns);
	put_plugins(stream, explain);
	put_legend(stream, explain);
}
