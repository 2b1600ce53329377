/* SPDX-License-Identifier: MIT */
/* compare_peers.c - see compare_peers.h. */
#include "compare_peers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compare_cells.h"

struct peer peers[PEERS] = {
	{ .name = "weir", .kind = "weir", .package = "liburcu-dev libck-dev" },
	{ .name = "disruptor", .kind = "routed", .slow_start = true,
	  .package = "libdisruptor-java default-jdk-headless libjna-java" },
	{ .name = "ck-ring", .kind = "bare", .package = "libck-dev" },
	{ .name = "rte-ring", .kind = "bare", .package = "libdpdk-dev" },
	{ .name = "readerwriter", .kind = "bare", .package = "libreaderwriterqueue-dev g++" },
	{ .name = "moodycamel", .kind = "bare", .package = "libconcurrentqueue-dev g++" },
	{ .name = "boost", .kind = "bare", .package = "libboost-dev g++" },
	{ .name = "glib", .kind = "waking", .package = "libglib2.0-dev" },
	{ .name = "mutex-cond", .kind = "waking", .package = "libc6-dev" },
	{ .name = "libuv", .kind = "waking", .package = "libuv1-dev" },
	{ .name = "libuv-ring", .kind = "waking", .package = "libuv1-dev" },
	{ .name = "zeromq", .kind = "waking", .package = "libzmq3-dev" },
	{ .name = "nng", .kind = "waking", .package = "libnng-dev" },
	{ .name = "emitter", .kind = "emitter", .slow_start = true, .package = "nodejs" },
};

static bool
array_has_text(const json_t *list, const char *key, const char *text)
{
	const json_t *array = json_object_get(list, key);

	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *member = json_string_value(json_array_get(array, i));

		if (member && !strcmp(member, text))
			return true;
	}
	return false;
}

static bool
array_has_number(const json_t *list, const char *key, int number)
{
	const json_t *array = json_object_get(list, key);

	for (size_t i = 0; i < json_array_size(array); i++)
		if (json_integer_value(json_array_get(array, i)) == number)
			return true;
	return false;
}

static void
ask(struct peer *peer, double timeout)
{
	struct run run = run_program((const char *[]){ peer->path, "--list", NULL }, timeout);

	peer->list = run.line;
	if (run.status == RUN_OK &&
	    !json_unpack(run.line, "{s:s, s:s, s:s}", "kind", &peer->kind, "what", &peer->what,
	                 "version", &peer->version) &&
	    json_array_size(json_object_get(run.line, "waits")))
		return;
	peer->state = run.status == RUN_UNMEASURABLE ? PEER_MISSING : PEER_FAILED;
	snprintf(peer->error, sizeof peer->error, "--list: %.200s",
	         run.status == RUN_OK ? "no kind, what, version or waits in it" : run.error);
}

void
peers_find(const char *directory, double timeout)
{
	for (int i = 0; i < PEERS && !run_interrupted(); i++) {
		struct peer *peer = &peers[i];

		snprintf(peer->path, sizeof peer->path, "%s/peer-%s", directory, peer->name);
		if (!access(peer->path, X_OK)) {
			ask(peer, timeout);
			continue;
		}
		peer->state = PEER_MISSING;
		snprintf(peer->error, sizeof peer->error, "not built: it needs %s", peer->package);
	}
}

struct peer *
peer_named(const char *name)
{
	for (int i = 0; i < PEERS; i++)
		if (!strcmp(peers[i].name, name))
			return &peers[i];
	return NULL;
}

bool
peer_is(const struct peer *peer, const char *kind)
{
	return peer->kind && !strcmp(peer->kind, kind);
}

bool
peer_claims(const struct peer *peer, const struct cell *cell)
{
	return peer->state == PEER_THERE &&
	       array_has_text(peer->list, "scenarios", cell->scenario) &&
	       array_has_number(peer->list, "sizes", cell->size) &&
	       array_has_number(peer->list, "batches", cell->batch);
}

/* The line repeats what was asked: a program that misunderstood would be compared in vain. */
static bool
answers(const json_t *line, const struct cell *cell, const struct choice *choice)
{
	const char *scenario = "", *wait = "", *place = "";
	int size = 0, batch = 0, ok = 0;

	return !json_unpack((json_t *)line, "{s:s, s:s, s:s, s:i, s:i, s:b}", "scenario", &scenario,
	                    "wait", &wait, "place", &place, "size", &size, "batch", &batch, "ok",
	                    &ok) &&
	       ok && !strcmp(scenario, cell->scenario) && !strcmp(wait, choice->wait) &&
	       !strcmp(place, choice->place) && size == cell->size && batch == cell->batch;
}

/* A number that can be one of a measurement, into *ret. */
static bool
positive(const json_t *line, const char *key, double *ret)
{
	*ret = json_number_value(json_object_get(line, key));
	return isfinite(*ret) && *ret > 0;
}

static bool
read_sample(const json_t *line, const struct cell *cell, struct sample *sample)
{
	sample->cpu_seconds = json_number_value(json_object_get(line, "cpu_seconds"));
	sample->behind = json_number_value(json_object_get(line, "behind"));
	if (!positive(line, "ns_per_event", &sample->ns))
		return false;
	return !cell->rate ||
	       (positive(line, "p50", &sample->p50) && positive(line, "p90", &sample->p90) &&
	        positive(line, "p99", &sample->p99) && positive(line, "p999", &sample->p999) &&
	        positive(line, "max", &sample->max));
}

int
peer_measure(const struct peer *peer, const struct cell *cell, const struct choice *choice,
             double seconds, double timeout, struct sample *ret_sample, char *error)
{
	char size[12], batch[12], rate[12], time[24];
	const char *arguments[] = {
		peer->path, "--scenario", cell->scenario, "--size", size, "--batch", batch,
		"--wait", choice->wait, "--place", choice->place, "--seconds", time,
		cell->rate ? "--rate" : NULL, rate, NULL,
	};
	struct run run;

	snprintf(size, sizeof size, "%d", cell->size);
	snprintf(batch, sizeof batch, "%d", cell->batch);
	snprintf(rate, sizeof rate, "%d", cell->rate);
	snprintf(time, sizeof time, "%g", seconds);
	run = run_program(arguments, timeout);
	*ret_sample = (struct sample){ .wall_seconds = run.seconds };
	if (run.status == RUN_OK && !answers(run.line, cell, choice)) {
		run.status = RUN_FAILED;
		snprintf(run.error, sizeof run.error, "it answers something else than was asked");
	}
	if (run.status == RUN_OK && !read_sample(run.line, cell, ret_sample)) {
		run.status = RUN_FAILED;
		snprintf(run.error, sizeof run.error, "a figure is missing, or is no time");
	}
	snprintf(error, sizeof run.error, "%s", run.error);
	json_decref(run.line);
	return run.status;
}
