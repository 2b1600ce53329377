/* SPDX-License-Identifier: MIT */
/* requests.c - which requests come is always the same, when they come is not. */
#include "requests.h"

#include <stdlib.h>

#include "check.h"
#include "clock.h"

static uint32_t
draw(struct requests_thread *thread, uint32_t limit)
{
	thread->random =
		thread->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((thread->random >> 32) * limit >> 32);
}

/* -- what is asked for ------------------------------------------------------ */

/* An order that it knows of; 0, which nobody has, where it does not know many. */
static uint64_t
draw_known(struct requests_thread *thread, int way)
{
	uint64_t number = 0;

	for (int tries = 0; tries < REQUESTS_KNOWN && number == 0; tries++)
		number = thread->known[way][draw(thread, REQUESTS_KNOWN)];
	return number;
}

static void
replace_known(struct requests_thread *thread, int way, uint64_t from, uint64_t to)
{
	uint64_t *known = thread->known[way];

	for (int i = 0; i < REQUESTS_KNOWN; i++)
		if (known[i] == from) {
			known[i] = to;
			return;
		}
}

/* Some paid and deleted orders are not forgotten at once: the next request for them is refused. */
static void
remember(struct requests_thread *thread, int way, const struct order_request *request, int code)
{
	bool gone = request->action == ORDER_PAY || request->action == ORDER_DELETE;

	if (request->action == ORDER_CREATE) {
		if (code == 0)
			replace_known(thread, way, 0, request->number);
	} else if (code != 0 || (gone && draw(thread, 8) > 0)) {
		replace_known(thread, way, request->number, 0);
	}
}

static enum order_action
draw_action(struct requests_thread *thread)
{
	uint32_t percent = draw(thread, 100);

	if (percent < 45)
		return ORDER_CREATE;
	if (percent < 60)
		return ORDER_UPDATE;
	return percent < 90 ? ORDER_PAY : ORDER_DELETE;
}

static struct order_request
draw_request(struct requests_thread *thread, int way, struct orders *orders)
{
	struct order_request request = {
		.action = draw_action(thread),
		.customer = draw(thread, ORDERS_CUSTOMERS),
		.cents = 100 + draw(thread, 20000),
	};

	if (request.action == ORDER_CREATE)
		request.number = orders_next_number(orders);
	else
		request.number = draw_known(thread, way);
	return request;
}

/* -- asking ----------------------------------------------------------------- */

static void
note_times(struct requests_seen *seen, uint64_t whole_ns, uint64_t database_ns)
{
	if (seen->tried == seen->room) {
		seen->room = seen->room ? 2 * seen->room : 4096;
		seen->whole_ns = realloc(seen->whole_ns, seen->room * sizeof(uint32_t));
		seen->announcing_ns = realloc(seen->announcing_ns, seen->room * sizeof(uint32_t));
		if (!seen->whole_ns || !seen->announcing_ns)
			fail("out of memory");
	}
	seen->whole_ns[seen->tried] = whole_ns < UINT32_MAX ? (uint32_t)whole_ns : UINT32_MAX;
	whole_ns -= database_ns;
	seen->announcing_ns[seen->tried] = whole_ns < UINT32_MAX ? (uint32_t)whole_ns : UINT32_MAX;
}

static void
ask(struct requests_thread *thread, int number)
{
	const struct way *way = &thread->requests->ways[number];
	struct order_request request = draw_request(thread, number, way->orders);
	struct requests_seen *seen = &thread->seen[number];
	struct order_result result;
	uint64_t begin = clock_now();
	int code = way->serve(way->context, &request, &result);

	note_times(seen, clock_now() - begin, result.ns);
	seen->tried++;
	*(code ? &seen->refused : &seen->done) += 1;
	remember(thread, number, &request, code);
}

/* Who is late does not make up for it. */
static void
ask_on(struct requests_thread *thread, int way)
{
	const uint64_t period_ns = CLOCK_S / REQUESTS_RATE;
	uint64_t next = clock_now() + draw(thread, (uint32_t)period_ns), now;

	while (!atomic_load_explicit(&thread->requests->stop, memory_order_relaxed)) {
		clock_sleep_until(next);
		ask(thread, way);
		now = clock_now();
		next = next + period_ns > now ? next + period_ns : now;
	}
}

static void *
run(void *context)
{
	struct requests_thread *thread = context;
	struct requests *requests = thread->requests;

	for (;;) {
		pthread_barrier_wait(&requests->gate);
		if (requests->way < 0)
			return NULL;
		ask_on(thread, requests->way);
		pthread_barrier_wait(&requests->gate);
	}
}

void
requests_open(struct requests *requests, const struct way *ways)
{
	*requests = (struct requests){.ways = ways};
	pthread_barrier_init(&requests->gate, NULL, REQUESTS_THREADS + 1);
	for (unsigned i = 0; i < REQUESTS_THREADS; i++) {
		struct requests_thread *thread = &requests->threads[i];

		thread->requests = requests;
		thread->random = i + 1;
		if (pthread_create(&thread->thread, NULL, run, thread))
			fail("no thread for requests");
	}
}

void
requests_begin(struct requests *requests, int way)
{
	requests->way = way;
	atomic_store(&requests->stop, false);
	pthread_barrier_wait(&requests->gate);
}

void
requests_end(struct requests *requests)
{
	atomic_store(&requests->stop, true);
	pthread_barrier_wait(&requests->gate);
}

void
requests_close(struct requests *requests)
{
	requests->way = -1;
	pthread_barrier_wait(&requests->gate);
	for (unsigned i = 0; i < REQUESTS_THREADS; i++)
		pthread_join(requests->threads[i].thread, NULL);
	pthread_barrier_destroy(&requests->gate);
}

/* -- what came of it -------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;

	return (first > second) - (first < second);
}

static void
take_quantiles(uint32_t *times, size_t count, uint32_t ret_ns[2])
{
	if (count == 0)
		return;
	qsort(times, count, sizeof(*times), compare);
	ret_ns[0] = times[count / 2];
	ret_ns[1] = times[count * 99 / 100];
}

void
requests_get_figures(struct requests *requests, int way, struct requests_figures *ret_figures)
{
	struct requests_seen all = {0};

	for (unsigned i = 0; i < REQUESTS_THREADS; i++) {
		struct requests_seen *seen = &requests->threads[i].seen[way];

		for (size_t s = 0; s < seen->tried; s++, all.tried++) {
			note_times(&all, seen->whole_ns[s], 0);
			all.announcing_ns[all.tried] = seen->announcing_ns[s];
		}
		all.done += seen->done;
		all.refused += seen->refused;
		free(seen->whole_ns);
		free(seen->announcing_ns);
	}
	*ret_figures = (struct requests_figures){all.tried, all.done, all.refused, {0}, {0}};
	take_quantiles(all.whole_ns, all.tried, ret_figures->whole_ns);
	take_quantiles(all.announcing_ns, all.tried, ret_figures->announcing_ns);
	free(all.whole_ns);
	free(all.announcing_ns);
}
