/* SPDX-License-Identifier: MIT */
/* bench_load.c - see bench_load.h. */
#include "bench_load.h"

#include "cpu_list.h"
#include "stopwatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { CHUNK = 1024, SIZES_MIN = 1024 };

#define START_NS       (1 * WI_STOPWATCH_MS) /* until all threads of an open loop are awake */
#define START_EACH_NS  UINT64_C(20000)

/* -- sizes and producers ---------------------------------------------------- */

/* A list as it is; of a range each size as often, shuffled. */
static bool
make_sizes(struct wi_bench_load *load, const struct wi_bench_sizes *sizes)
{
	uint32_t first = sizes->each[0], steps = sizes->is_range ? sizes->each[1] - first + 1 : 0;
	uint64_t seed = 88172645463325252u;

	load->size_count = sizes->is_range ? (steps > SIZES_MIN ? steps : SIZES_MIN / steps * steps)
					   : sizes->count;
	load->sizes = calloc(load->size_count, sizeof(*load->sizes));
	if (load->sizes == NULL)
		return false;
	for (uint32_t i = 0; i < load->size_count; i++) {
		uint32_t other;

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		other = sizes->is_range ? (uint32_t)((seed >> 33) % (i + 1)) : i;
		load->sizes[i] = load->sizes[other];
		load->sizes[other] = sizes->is_range ? first + i % steps : sizes->each[i];
	}
	return true;
}

static weir_status
open_producer(struct wi_bench_load *load, unsigned index)
{
	const struct wi_bench_options *options = load->rig->options;
	struct wi_bench_producer *producer = &load->producers[index];
	uint32_t size = wi_bench_sizes_constant(&options->sizes);
	size_t count = options->many ? options->commit_count : 1;
	size_t buffer_size = count * ((wi_bench_sizes_max(&options->sizes) + 64) & ~63u);

	producer->load = load;
	producer->index = index;
	producer->loop = (struct wi_bench_loop){
		.topics = load->rig->topics,
		.topic_count = load->rig->topic_count,
		.topic_at = (uint32_t)((uint64_t)load->rig->topic_count * index / load->count),
		.sizes = load->sizes,
		.size_count = load->size_count,
		.size = wi_bench_loop_has(size) ? size : 0,
		.commit_count = (uint32_t)options->commit_count,
		.key_count = (uint32_t)options->key_count,
		.in_place = options->in_place,
		.many = options->many,
		.items = calloc(count, sizeof(weir_item)),
		.shares = load->rig->plan->producers_share,
		.stop = &load->stop,
		.buffer = aligned_alloc(64, buffer_size),
	};
	if (producer->loop.buffer == NULL || producer->loop.items == NULL)
		return WEIR_ENOMEM;
	memset(producer->loop.buffer, 0, buffer_size);
	return weir_producer_open(load->rig->bus, NULL, &producer->loop.producer);
}

weir_status
wi_bench_load_open(struct wi_bench_load *load, struct wi_bench_rig *rig)
{
	weir_status status = WEIR_OK;
	size_t size;

	*load = (struct wi_bench_load){.rig = rig,
				       .done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	pthread_mutex_init(&load->gate, NULL);
	size = (size_t)rig->options->producer_count * sizeof(*load->producers);
	load->producers = aligned_alloc(MACHINE_LINE, size);
	if (load->producers == NULL || load->done_fd < 0 || !make_sizes(load, &rig->options->sizes))
		return WEIR_ENOMEM;
	memset(load->producers, 0, size);
	load->count = (unsigned)rig->options->producer_count;
	for (unsigned i = 0; i < load->count && status == WEIR_OK; i++)
		status = open_producer(load, i);
	return status;
}

/* -- what a thread does ----------------------------------------------------- */

static bool
stopped(const struct wi_bench_load *load)
{
	return atomic_load_explicit(&load->stop, memory_order_relaxed);
}

static void
run_closed(struct wi_bench_producer *producer)
{
	uint32_t commit_count = producer->loop.commit_count;
	uint32_t count = commit_count > CHUNK ? commit_count : CHUNK / commit_count * commit_count;

	while (!stopped(producer->load) && wi_bench_loop_run(&producer->loop, count))
		;
}

/*
 * Until that moment, and what the clock then says, and said at first. It spins: waking up would be measured, too.
 * Where producers share a processor each sleeps, since it would spin away the time of another.
 */
static uint64_t
wait_until(const struct wi_bench_producer *producer, uint64_t moment_ns, uint64_t *ret_begin_ns)
{
	struct timespec time = {.tv_sec = (time_t)(moment_ns / WI_STOPWATCH_S),
				.tv_nsec = (long)(moment_ns % WI_STOPWATCH_S)};
	uint64_t now_ns = wi_stopwatch_now();

	*ret_begin_ns = now_ns;
	for (; now_ns < moment_ns && !stopped(producer->load); now_ns = wi_stopwatch_now()) {
		if (producer->loop.shares)
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
		else
			machine_pause(1);
	}
	return now_ns;
}

/* The producers' moments are spread evenly; what is late is sent at once and keeps its moment. */
static void
run_open(struct wi_bench_producer *producer)
{
	const struct wi_bench_options *options = producer->load->rig->options;
	double each_ns = 1e9 * (double)producer->load->count / (double)options->rate;
	double first_ns =
		each_ns * (double)options->burst * producer->index / producer->load->count;
	struct wi_bench_sent *sent = &producer->sent;
	uint64_t begin_ns = producer->load->start_ns, now_ns = 0;

	for (uint64_t i = 0;; i++) {
		uint64_t turn = i - i % options->burst, sent_ns = now_ns, after_ns, free_ns;

		after_ns = (uint64_t)(first_ns + (double)turn * each_ns);
		if (after_ns >= producer->load->duration_ns)
			return;
		now_ns = wait_until(producer, begin_ns + after_ns, &free_ns);
		sent->busy_ns += sent_ns > 0 ? free_ns - sent_ns : 0;
		if (stopped(producer->load) ||
		    !wi_bench_loop_send(&producer->loop, begin_ns + after_ns))
			return;
		if (now_ns - (begin_ns + after_ns) > sent->late_max_ns)
			sent->late_max_ns = now_ns - (begin_ns + after_ns);
	}
}

/* How many moments run_open() goes through, if it is not stopped. */
static uint64_t
count_moments(const struct wi_bench_producer *producer)
{
	const struct wi_bench_options *options = producer->load->rig->options;
	double each_ns = 1e9 * (double)producer->load->count / (double)options->rate;
	double first_ns =
		each_ns * (double)options->burst * producer->index / producer->load->count;
	double turns = ((double)producer->load->duration_ns - first_ns) /
		       (each_ns * (double)options->burst);

	return turns <= 0 ? 0
			  : ((uint64_t)turns + ((double)(uint64_t)turns < turns)) * options->burst;
}

static void *
run(void *context)
{
	struct wi_bench_producer *producer = context;
	struct wi_bench_load *load = producer->load;
	struct wi_bench_loop *loop = &producer->loop;
	struct wi_bench_sent *sent = &producer->sent;
	struct wi_bench_thread_id self = wi_bench_thread_self();
	struct wi_bench_usage before;
	uint64_t number = loop->number, bytes = loop->byte_count;
	uint64_t full_count = loop->full_count, full_ns = loop->full_ns;

	prctl(PR_SET_TIMERSLACK, 1UL);
	pthread_mutex_lock(&load->gate);
	pthread_mutex_unlock(&load->gate);
	before = wi_bench_thread_usage(&self);
	*sent = (struct wi_bench_sent){.begin_ns = wi_stopwatch_now()};
	if (load->rig->options->rate > 0)
		run_open(producer);
	else
		run_closed(producer);
	sent->end_ns = wi_stopwatch_now();
	sent->usage = wi_bench_usage_since(wi_bench_thread_usage(&self), before);
	sent->event_count = loop->number - number;
	sent->byte_count = loop->byte_count - bytes;
	sent->full_count = loop->full_count - full_count;
	sent->full_ns = loop->full_ns - full_ns;
	sent->meant_count = load->rig->options->rate > 0 ? count_moments(producer) : 0;
	if (loop->status != WEIR_OK)
		wi_bench_load_stop(load);
	eventfd_write(load->done_fd, 1);
	return NULL;
}

/* -- phases ----------------------------------------------------------------- */

static weir_status
start_thread(struct wi_bench_producer *producer)
{
	const struct wi_bench_plan *plan = producer->load->rig->plan;
	pthread_attr_t attributes;
	cpu_set_t set;
	int error = 0;

	pthread_attr_init(&attributes);
	if (plan->producers_pinned) {
		CPU_ZERO(&set);
		CPU_SET(cpu_list_get(&plan->producer_cpus, producer->index), &set);
		error = pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
	}
	if (error == 0)
		error = pthread_create(&producer->thread, &attributes, run, producer);
	pthread_attr_destroy(&attributes);
	return error == 0 ? WEIR_OK : error == EINVAL ? WEIR_EINVAL : WEIR_ENOMEM;
}

weir_status
wi_bench_load_start(struct wi_bench_load *load, uint64_t duration_ns)
{
	weir_status status = WEIR_OK;

	atomic_store(&load->stop, false);
	load->done_count = 0;
	load->duration_ns = duration_ns;
	pthread_mutex_lock(&load->gate);
	for (unsigned i = 0; i < load->count && status == WEIR_OK; i++) {
		status = start_thread(&load->producers[i]);
		load->started_count += status == WEIR_OK;
	}
	if (status != WEIR_OK)
		wi_bench_load_stop(load);
	load->start_ns = wi_stopwatch_now() + START_NS + load->count * START_EACH_NS;
	pthread_mutex_unlock(&load->gate);
	return status;
}

bool
wi_bench_load_done(struct wi_bench_load *load)
{
	eventfd_t count;

	if (eventfd_read(load->done_fd, &count) == 0)
		load->done_count += (unsigned)count;
	return load->done_count == load->started_count;
}

void
wi_bench_load_stop(struct wi_bench_load *load)
{
	atomic_store(&load->stop, true);
}

weir_status
wi_bench_load_join(struct wi_bench_load *load)
{
	weir_status status = WEIR_OK;

	for (unsigned i = 0; i < load->started_count; i++) {
		pthread_join(load->producers[i].thread, NULL);
		if (status == WEIR_OK)
			status = load->producers[i].loop.status;
	}
	load->started_count = 0;
	return status;
}

void
wi_bench_load_close(struct wi_bench_load *load)
{
	wi_bench_load_join(load);
	for (unsigned i = 0; i < load->count; i++) {
		if (load->producers[i].loop.producer != NULL)
			weir_producer_close(load->producers[i].loop.producer);
		free(load->producers[i].loop.buffer);
		free(load->producers[i].loop.items);
	}
	free(load->producers);
	free(load->sizes);
	if (load->done_fd >= 0)
		close(load->done_fd);
	pthread_mutex_destroy(&load->gate);
	*load = (struct wi_bench_load){.done_fd = -1};
}
