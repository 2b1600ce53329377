/* SPDX-License-Identifier: MIT */
/*
 * compare_json.c - all that was measured, as JSON.
 *
 * What could not be made (no memory) is NULL and makes what holds it NULL.
 */
#include <jansson.h>
#include <math.h>

#include <weir/weir.h>

#include "compare_print.h"

/* JSON knows no infinity. */
static json_t *
number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *
text(const char *value)
{
	return value ? json_string(value) : json_null();
}

static json_t *
json_spread(const struct spread *spread)
{
	if (!spread->count)
		return json_null();
	return json_pack("{s:o, s:[oo]}", "median", number(spread->median), "quartiles",
	                 number(spread->quartiles[0]), number(spread->quartiles[1]));
}

static json_t *
json_sample(const struct sample *sample, const struct cell *cell)
{
	json_t *object = json_pack("{s:f, s:f}", "ns_per_event", sample->ns, "cpu_seconds",
	                           sample->cpu_seconds);

	if (cell->rate)
		json_object_update_new(object,
		                       json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "p50",
		                                 sample->p50, "p90", sample->p90, "p99",
		                                 sample->p99, "p999", sample->p999, "max",
		                                 sample->max, "behind", sample->behind));
	return object;
}

static json_t *
json_round(const struct round *round, const struct cell *cell)
{
	return json_pack("{s:b, s:[ffff], s:[oo], s:o}", "kept", round->kept, "line_ns",
	                 round->lines[0], round->lines[1], round->lines[2], round->lines[3], "weir",
	                 json_sample(&round->weir[0], cell), json_sample(&round->weir[1], cell),
	                 "peer", json_sample(&round->peer, cell));
}

static json_t *
json_rounds(const struct entry *entry)
{
	json_t *array = json_array();

	for (size_t i = 0; i < entry->count; i++)
		json_array_append_new(array, json_round(&entry->rounds[i], entry->cell));
	return array;
}

static json_t *
json_trials(const struct entry *entry)
{
	json_t *array = json_array();

	for (size_t i = 0; i < entry->trial_count; i++)
		json_array_append_new(array,
		                      json_pack("{s:s, s:s, s:f}", "wait",
		                                entry->trials[i].choice.wait, "place",
		                                entry->trials[i].choice.place, "score",
		                                entry->trials[i].score));
	return array;
}

static json_t *
json_entry(const struct entry *entry)
{
	bool open = entry->cell->rate, weir = entry->peer == &peers[0];
	json_t *object = json_pack("{s:s, s:o, s:o, s:o, s:b, s:o}", "peer", entry->peer->name,
	                           "wait", text(entry->choice.wait), "place",
	                           text(entry->choice.place), "tried", json_trials(entry), "failed",
	                           entry->failed, "error", text(*entry->error ? entry->error : NULL));

	json_object_set_new(object, "ns_per_event", json_spread(&entry->ns));
	if (open) {
		json_object_set_new(object, "p50", json_spread(&entry->p50));
		json_object_set_new(object, "p99", json_spread(&entry->p99));
	}
	if (weir)
		return object;
	json_object_set_new(object, "ns_by_weirs", json_spread(&entry->ns_ratio));
	if (open) {
		json_object_set_new(object, "p50_by_weirs", json_spread(&entry->p50_ratio));
		json_object_set_new(object, "p99_by_weirs", json_spread(&entry->p99_ratio));
	}
	json_object_set_new(object, "kept", json_integer((json_int_t)entry->kept));
	json_object_set_new(object, "dropped",
	                    json_integer((json_int_t)(entry->count - entry->kept)));
	json_object_set_new(object, "rounds", json_rounds(entry));
	return object;
}

static json_t *
json_field(const struct field *field)
{
	json_t *entries = json_array(), *yardsticks = json_array();

	for (size_t i = 0; i < field->yardstick_count; i++)
		json_array_append_new(yardsticks, json_real(field->yardsticks[i]));
	for (size_t i = 0; i < field->count; i++)
		json_array_append_new(entries, json_entry(&field->entries[i]));
	return json_pack("{s:s, s:s, s:i, s:i, s:i, s:o, s:o}", "class",
	                 class_names[field->cell->class], "scenario", field->cell->scenario, "size",
	                 field->cell->size, "batch", field->cell->batch, "rate", field->cell->rate,
	                 "yardstick_ns", yardsticks, "peers", entries);
}

static json_t *
json_verdict(const struct verdict *verdict)
{
	return json_pack("{s:s, s:s, s:f, s:s, s:o, s:o, s:s, s:s}", "what", verdict->what, "unit",
	                 verdict->unit, "bar", verdict->limit, "sense",
	                 verdict->above      ? "above"
	                 : verdict->at_least ? "at least"
	                                     : "at most",
	                 "nearest", text(verdict->nearest ? verdict->nearest->peer->name : NULL),
	                 "reached", json_spread(&verdict->reached), "verdict",
	                 verdict_names[verdict->verdict], "unmeasured", verdict->unmeasured);
}

static json_t *
json_peer(const struct peer *peer)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:s, s:b, s:o}", "peer", peer->name, "kind",
	                 peer->kind, "what", text(peer->what), "version", text(peer->version),
	                 "package", peer->package, "there", peer->state == PEER_THERE, "error",
	                 text(*peer->error ? peer->error : NULL));
}

static json_t *
json_head(const struct outcome *outcome)
{
	const struct comparison *comparison = outcome->comparison;
	const struct machine_facts *machine = &outcome->machine;

	return json_pack("{s:s, s:o, s:s, s:i, s:b, s:s, s:b, s:b, s:b, s:f, s:f, s:i, s:i, s:f, s:[oo], s:f}",
	                 "date", machine->date, "machine",
	                 facts_json(&machine->facts, weir_version()), "processor", machine->facts.processor, "processors",
	                 machine->facts.allowed, "virtual", machine->facts.is_virtual, "kernel",
	                 machine->facts.kernel, "quick", comparison->quick, "out_of_time",
	                 comparison->out_of_time, "interrupted", outcome->interrupted != 0,
	                 "seconds_a_run", comparison->seconds,
	                 "seconds_a_run_open_loop", comparison->open_seconds, "rounds_wanted",
	                 (int)comparison->rounds, "rounds_begun", (int)comparison->rounds_begun,
	                 "seconds_taken", comparison->seconds_taken, "line_ns",
	                 number(comparison->line_low), number(comparison->line_high), "others",
	                 comparison->others);
}

bool
print_json(const struct outcome *outcome)
{
	const struct comparison *comparison = outcome->comparison;
	json_t *all = json_head(outcome), *members[3] = { json_array(), json_array(), json_array() };
	bool ok;

	for (int i = 0; i < PEERS; i++)
		json_array_append_new(members[0], json_peer(&peers[i]));
	for (size_t f = 0; f < comparison->field_count; f++)
		json_array_append_new(members[1], json_field(&comparison->fields[f]));
	for (int i = 0; i < VERDICTS; i++)
		json_array_append_new(members[2], json_verdict(&outcome->verdicts[i]));
	json_object_set_new(all, "peers", members[0]);
	json_object_set_new(all, "cells", members[1]);
	json_object_set_new(all, "bars", members[2]);
	json_object_set_new(all, "missed", json_integer((json_int_t)outcome->missed));
	ok = !json_object_set_new(all, "failed", json_integer((json_int_t)outcome->failed)) &&
	     !json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) &&
	     putchar('\n') != EOF && !fflush(stdout);
	json_decref(all);
	return ok;
}
