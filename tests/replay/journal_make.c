/* SPDX-License-Identifier: MIT */
/*
 * journal_make.c - a journal of so many events of so many bytes, for the tests of a replay.
 *
 * An event begins with its number, from 1; each has a key, each third a trace; the topics are
 * order.after.create, order.after.update and user.after.create in turn.
 *
 * usage: journal_make PATH EVENTS BYTES [NANOSECONDS between the events' times] [ROTATE_SIZE]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/journal.h>

#include "support.h"

enum { SIZE_MAX_ = 16384, TOPICS = 3 };

static const char *const names[TOPICS] = { "order.after.create", "order.after.update", "user.after.create" };

static void
publish(weir_producer *producer, const weir_topic *topics, uint64_t number, uint32_t size, uint64_t step)
{
	static uint64_t payload[SIZE_MAX_ / 8];
	weir_attributes attributes = WEIR_ATTRIBUTES_INIT;
	weir_trace trace;

	payload[0] = number;
	payload[1] = mix(number);
	memset(&trace, (int)(number & 0xff) | 1, sizeof trace);
	attributes.flags = WEIR_ATTRIBUTE_KEY | WEIR_ATTRIBUTE_TIME;
	attributes.key = mix(number);
	attributes.time = 1700000000 * SECOND + number * step;
	attributes.trace = number % 3 == 0 ? &trace : NULL;
	CHECK_OK(weir_publish_wait(producer, topics[number % TOPICS], &attributes, payload, size, 60 * SECOND));
}

int
main(int argc, char **argv)
{
	weir_journal_options options = WEIR_JOURNAL_OPTIONS_INIT;
	weir_bus_options bus_options = quiet_options();
	weir_pool_options pool_options = WEIR_POOL_OPTIONS_INIT;
	uint64_t count = argc > 3 ? strtoull(argv[2], NULL, 10) : 0;
	uint64_t size = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	weir_topic topics[TOPICS];
	weir_producer *producer;
	weir_journal *journal;
	weir_bus *bus;

	CHECK(argc >= 4 && size >= 8 && size <= SIZE_MAX_, "usage: journal_make PATH EVENTS BYTES [NS] [ROTATE]");
	bus_options.ring_size = 1 << 20;
	CHECK_OK(weir_bus_open(&bus_options, NULL, &bus));
	CHECK_OK(weir_pool_open(bus, &pool_options, &options.pool));
	options.path = argv[1];
	options.rotate_size = argc > 5 ? strtoull(argv[5], NULL, 10) : 0;
	CHECK_OK(weir_journal_open(bus, &options, &journal));
	for (int i = 0; i < TOPICS; i++)
		CHECK_OK(weir_topic_open(bus, names[i], &topics[i]));
	CHECK_OK(weir_producer_open(bus, NULL, &producer));
	for (uint64_t number = 1; number <= count; number++)
		publish(producer, topics, number, (uint32_t)size, argc > 4 ? strtoull(argv[4], NULL, 10) : 1000);
	CHECK_OK(weir_bus_flush(bus, 60 * SECOND));
	weir_producer_close(producer);
	weir_journal_close(journal, 10 * SECOND);
	CHECK_OK(weir_bus_close(bus, 10 * SECOND, NULL));
	return 0;
}
