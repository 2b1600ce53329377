/* SPDX-License-Identifier: MIT */
/* peer_main.c - the program of a peer: options, warm-up, one timed load, checks, one line of JSON. */
#include <argp.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"
#include "stats.h"

enum {
	WARM_EVENTS = 3000,
	WARM_NS = 50000000,
	WARM_OPEN_NS = 20000000,
};

static const char *const scenario_names[] = { "1p1c", "1p3c", "3p1c", "pipeline", "diamond" };
static const uint32_t sizes[] = { 8, 48, 256 };
static const uint32_t batches[] = { 1, 16, 256 };

static struct {
	struct peer_load load;
	double seconds;
	bool list;
} options = {
	.load = { .size = 48, .batch = 1, .split = true, .wait = peer.waits },
	.seconds = 0.25,
};

/* -- options ---------------------------------------------------------------- */

static const struct argp_option option_list[] = {
	{ "scenario", 's', "NAME", 0, "1p1c (default), 1p3c, 3p1c, pipeline or diamond", 0 },
	{ "size", 'b', "BYTES", 0, "Of the payload: 8, 48 (default) or 256", 0 },
	{ "batch", 'n', "N", 0, "Events a commit: 1 (default), 16 or 256", 0 },
	{ "rate", 'r', "N", 0, "Open loop, N events a second (1p1c, a commit each)", 0 },
	{ "wait", 'w', "NAME", 0, "How an empty look is met; --list names them", 0 },
	{ "place", 'p', "split|free", 0, "Producers and consumers on a processor each (default), or "
	  "anywhere", 0 },
	{ "seconds", 't', "S", 0, "About how long the timed load is (default 0.25)", 0 },
	{ "list", 'l', NULL, 0, "What this peer is and has", 0 },
	{ 0 },
};

static uint32_t
find_number(struct argp_state *state, const char *text, const uint32_t known[3])
{
	for (int i = 0; i < 3; i++) {
		char name[16];

		snprintf(name, sizeof name, "%" PRIu32, known[i]);
		if (!strcmp(name, text))
			return known[i];
	}
	argp_error(state, "%s: not measured", text);
	return 0;
}

static enum peer_scenario
find_scenario(struct argp_state *state, const char *name)
{
	for (int s = 0; s < PEER_SCENARIOS; s++)
		if (!strcmp(name, scenario_names[s]))
			return (enum peer_scenario)s;
	argp_error(state, "%s: no such scenario", name);
	return PEER_1P1C;
}

static const struct peer_wait *
find_wait(struct argp_state *state, const char *name)
{
	for (const struct peer_wait *wait = peer.waits; wait->name; wait++)
		if (!strcmp(name, wait->name))
			return wait;
	argp_error(state, "%s: this peer has no such wait", name);
	return NULL;
}

static double
positive(struct argp_state *state, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || !(value > 0) || value > 1e9)
		argp_error(state, "%s: a number above 0 is needed", text);
	return value;
}

static void
check(struct argp_state *state)
{
	const struct peer_load *load = &options.load;

	if (!(peer.scenarios & 1u << load->scenario))
		argp_error(state, "%s: not with this peer", scenario_names[load->scenario]);
	if (load->batch > 1 && !peer.batches)
		argp_error(state, "this peer has no calls for several events");
	if (load->rate && (load->scenario != PEER_1P1C || load->batch > 1))
		argp_error(state, "--rate is for 1p1c with a commit each");
}

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	struct peer_load *load = &options.load;

	switch (key) {
	case 's': load->scenario = find_scenario(state, argument); break;
	case 'b': load->size = find_number(state, argument, sizes); break;
	case 'n': load->batch = find_number(state, argument, batches); break;
	case 'r': load->rate = (uint64_t)positive(state, argument); break;
	case 'w': load->wait = find_wait(state, argument); break;
	case 't': options.seconds = positive(state, argument); break;
	case 'l': options.list = true; break;
	case 'p':
		load->split = !strcmp(argument, "split");
		if (!load->split && strcmp(argument, "free"))
			argp_error(state, "%s: split or free", argument);
		break;
	case ARGP_KEY_END: check(state); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	option_list, parse, NULL,
	"Run one load through one peer and print what it took, as one line of JSON.",
	NULL, NULL, NULL,
};

static int
list(void)
{
	const char *separator = "";

	printf("{\"peer\":\"%s\",\"what\":\"%s\",\"package\":\"%s\",\"version\":\"%s\","
	       "\"kind\":\"%s\",\"scenarios\":[", peer.name, peer.what, peer.package, peer.version,
	       peer.kind);
	for (int s = 0; s < PEER_SCENARIOS; s++)
		if (peer.scenarios & 1u << s) {
			printf("%s\"%s\"", separator, scenario_names[s]);
			separator = ",";
		}
	printf("],\"sizes\":[8,48,256],\"batches\":[%s],\"waits\":[",
	       peer.batches ? "1,16,256" : "1");
	for (const struct peer_wait *wait = peer.waits; wait->name; wait++)
		printf("%s\"%s\"", wait == peer.waits ? "" : ",", wait->name);
	puts("]}");
	return 0;
}

/* -- a load ----------------------------------------------------------------- */

struct result {
	double seconds, cpu_seconds;
	double quantiles[4], max;       /* open loop: p50, p90, p99, p99.9 */
};

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The beginning of the one line that is printed. */
static void
print_load(const struct peer_load *load)
{
	printf("{\"peer\":\"%s\",\"scenario\":\"%s\",\"size\":%" PRIu32 ",\"batch\":%" PRIu32
	       ",\"wait\":\"%s\",\"place\":\"%s\",\"events\":%" PRIu64, peer.name,
	       scenario_names[load->scenario], load->size, load->batch, load->wait->name,
	       load->split ? "split" : "free", load->events);
}

/* Threads may be waiting for ever: nothing is given back. */
static _Noreturn void __attribute__((format(printf, 2, 3)))
fail(const struct peer_load *load, const char *format, ...)
{
	va_list arguments;

	print_load(load);
	printf(",\"ok\":false,\"error\":\"");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	puts("\"}");
	fflush(stdout);
	_exit(1);
}

static void *
lines(struct peer_load *load, size_t bytes)
{
	void *memory;

	bytes = (bytes + 4095) & ~(size_t)4095;
	memory = aligned_alloc(4096, bytes);
	if (!memory)
		fail(load, "no memory");
	return memset(memory, 0, bytes);
}

static void
set_fronts(struct peer_load *load)
{
	struct consumer *consumers = load->consumers;

	if (load->scenario == PEER_PIPELINE)
		consumers[1].front[0] = &consumers[0];
	if (load->scenario == PEER_PIPELINE || load->scenario == PEER_DIAMOND)
		consumers[2].front[0] = &consumers[1];
	if (load->scenario == PEER_DIAMOND)
		consumers[2].front[1] = &consumers[0];
}

static void
set_up(struct peer_load *load, uint64_t events)
{
	const uint32_t threads = load->producer_count + load->consumer_count;

	load->events = (events + load->producer_count - 1) / load->producer_count *
	               load->producer_count;
	load->producers_share = load->split ? load->producer_count > 1 : threads > 2;
	load->consumers_share = load->split ? load->consumer_count > 1 : threads > 2;
	load->error = NULL;
	load->sent_sum = load->sent_late = 0;
	load->consumers = lines(load, PEER_CONSUMERS * sizeof *load->consumers);
	set_fronts(load);
	for (uint32_t i = 0; i < load->consumer_count; i++) {
		load->consumers[i].expected = load->events;
		if (load->rate)
			load->consumers[i].late_ns = lines(load, load->events * sizeof(uint32_t));
	}
}

static void
check_consumer(const struct peer_load *load, const struct consumer *consumer)
{
	const uint64_t words = load->size / 8, numbers = load->events * (load->events - 1) / 2;
	const uint64_t sum = load->rate ? (words - 1) * numbers + load->sent_sum : words * numbers;
	const int number = (int)(consumer - load->consumers);

	if (consumer->count != load->events)
		fail(load, "consumer %d handled %" PRIu64 " events", number, consumer->count);
	if (consumer->sum != sum)
		fail(load, "consumer %d: sum %" PRIu64 ", expected %" PRIu64, number,
		     consumer->sum, sum);
	if (load->rate ? consumer->wrong == UINT64_MAX
	               : load->producer_count == 1 && consumer->wrong)
		fail(load, "consumer %d: out of order", number);
}

static void
look_at_latency(const struct peer_load *load, struct result *ret_result)
{
	static const double parts[] = { 0.5, 0.9, 0.99, 0.999 };
	const uint32_t *late_ns = load->consumers[0].late_ns;
	double *late = calloc(load->events, sizeof *late);

	if (!late)
		fail(load, "no memory");
	for (uint64_t i = 0; i < load->events; i++)
		late[i] = late_ns[i];
	stats_sort(late, load->events);
	for (int i = 0; i < 4; i++)
		ret_result->quantiles[i] = stats_quantile(late, load->events, parts[i]);
	ret_result->max = late[load->events - 1];
	free(late);
}

static struct result
run(struct peer_load *load, uint64_t events)
{
	struct result result = { 0 };
	uint64_t end_ns = 0;
	void *state;

	set_up(load, events);
	state = peer.open(load);
	if (!state)
		fail(load, "%s", load->error);
	result.cpu_seconds = cpu_seconds();
	if (!peer.run(state, load))
		fail(load, "%s", load->error);
	result.cpu_seconds = cpu_seconds() - result.cpu_seconds;
	for (uint32_t i = 0; i < load->consumer_count; i++) {
		check_consumer(load, &load->consumers[i]);
		if (load->consumers[i].end_ns > end_ns)
			end_ns = load->consumers[i].end_ns;
	}
	result.seconds = (double)(end_ns - load->begin_ns) / 1e9;
	if (load->rate)
		look_at_latency(load, &result);
	peer.close(state, load);
	if (load->error)
		fail(load, "%s", load->error);
	for (uint32_t i = 0; i < load->consumer_count; i++)
		free(load->consumers[i].late_ns);
	free(load->consumers);
	return result;
}

/* How many events the timed load has. */
static uint64_t
warm_up(struct peer_load *load, double seconds)
{
	const uint64_t rate = load->rate;
	const double enough = WARM_NS / 1e9 < seconds ? WARM_NS / 1e9 : seconds;
	uint64_t events = WARM_EVENTS;
	double took;

	load->rate = 0;
	while ((took = run(load, events).seconds) < enough)
		events *= 2;
	load->rate = rate;
	if (!rate)
		return (uint64_t)((double)events * (seconds / took)) + 1;
	run(load, (uint64_t)((double)rate * WARM_OPEN_NS / 1e9) + 1);
	return (uint64_t)((double)rate * seconds) + 1;
}

static void
print_result(const struct peer_load *load, const struct result *result)
{
	print_load(load);
	printf(",\"seconds\":%.6f,\"ns_per_event\":%.2f,\"cpu_seconds\":%.4f", result->seconds,
	       result->seconds * 1e9 / (double)load->events, result->cpu_seconds);
	if (load->rate)
		printf(",\"rate\":%" PRIu64 ",\"p50\":%.0f,\"p90\":%.0f,\"p99\":%.0f,"
		       "\"p999\":%.0f,\"max\":%.0f,\"behind\":%.6f", load->rate,
		       result->quantiles[0], result->quantiles[1], result->quantiles[2],
		       result->quantiles[3], result->max,
		       (double)load->sent_late / (double)load->events);
	puts(",\"ok\":true}");
}

int
main(int argc, char **argv)
{
	struct peer_load *load = &options.load;
	struct result result;
	uint64_t events;

	argp_err_exit_status = EX_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (options.list)
		return list();
	if (!machine_begin())
		return EX_UNAVAILABLE;
	load->producer_count = load->scenario == PEER_3P1C ? PEER_PRODUCERS : 1;
	load->consumer_count = load->scenario == PEER_1P1C || load->scenario == PEER_3P1C
		? 1 : PEER_CONSUMERS;
	events = warm_up(load, options.seconds);
	result = run(load, events);
	print_result(load, &result);
	return 0;
}
