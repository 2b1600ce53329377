/* SPDX-License-Identifier: MIT */
/* run_streams.c - see run_streams.h. */
#include "run_streams.h"

#include "event_line.h"
#include "progress.h"
#include "stopwatch.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WAIT_SLICE_NS (50 * WI_STOPWATCH_MS) /* how late a full ring may notice that we give up */

bool
wi_streams_open(struct wi_streams *streams, weir_bus *bus, struct wi_progress *progress,
		uint64_t line_size_max)
{
	*streams = (struct wi_streams){.bus = bus,
				       .progress = progress,
				       .line_size_max = line_size_max,
				       .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				       .done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	return streams->stop_fd >= 0 && streams->done_fd >= 0;
}

static bool
publish(struct wi_loader *loader, const struct wi_event_line *line, uint32_t topic_index)
{
	struct wi_stream *stream = loader->context;
	weir_topic topic = loader->topics->entries[topic_index].topic;
	weir_attributes attributes =
		wi_event_line_attributes(line->flags, line->key, line->time, &line->trace);
	weir_status status;

	do
		status = weir_publish_wait(stream->producer, topic, &attributes, line->data,
					   (uint32_t)line->data_size, WAIT_SLICE_NS);
	while (status == WEIR_ETIMEDOUT && !atomic_load(&stream->all->given_up));
	loader->stopped = status == WEIR_ETIMEDOUT;
	return status == WEIR_OK || status == WEIR_ETIMEDOUT ||
	       wi_event_line_fail(&loader->parser, "cannot be published: %s",
				  weir_status_text(status));
}

static void *
run(void *context)
{
	struct wi_stream *stream = context;

	stream->failed = wi_loader_run(&stream->loader) == WI_LOADER_FAILED;
	weir_producer_close(stream->producer);
	wi_topics_fini(&stream->topics);
	if (stream->fd != STDIN_FILENO)
		close(stream->fd);
	atomic_store(&stream->done, true);
	eventfd_write(stream->all->done_fd, 1);
	return NULL;
}

static struct wi_stream *
find_free(struct wi_streams *streams)
{
	for (size_t i = 0; i < WI_STREAM_MAX; i++)
		if (!streams->list[i].used)
			return &streams->list[i];
	return NULL;
}

weir_status
wi_streams_add(struct wi_streams *streams, int fd, const char *name)
{
	struct wi_stream *stream = find_free(streams);
	weir_status status;

	if (stream == NULL)
		return WEIR_ELIMIT;
	*stream = (struct wi_stream){.all = streams, .fd = fd};
	snprintf(stream->name, sizeof(stream->name), "%s", name);
	status = weir_producer_open(streams->bus, NULL, &stream->producer);
	if (status != WEIR_OK)
		return status;
	wi_topics_init(&stream->topics, streams->bus);
	stream->loader = (struct wi_loader){
		.name = stream->name,
		.fd = fd,
		.line_size_max = streams->line_size_max,
		.payload_size_max = weir_producer_payload_size_max(stream->producer),
		.topics = &stream->topics,
		.take = publish,
		.context = stream,
		.stop_fd = streams->stop_fd,
		.ends_on_stop = true,
		.progress = streams->progress,
	};
	if (pthread_create(&stream->thread, NULL, run, stream) != 0) {
		weir_producer_close(stream->producer);
		return WEIR_ENOMEM;
	}
	stream->used = true;
	streams->count++;
	return WEIR_OK;
}

static void
gather(struct wi_streams *streams, struct wi_stream *stream)
{
	const struct wi_loader *loader = &stream->loader;

	pthread_join(stream->thread, NULL);
	/* Who only looks whether somebody listens is no input. */
	streams->stream_count += loader->byte_count > 0;
	streams->line_count += loader->line_count;
	streams->empty_count += loader->empty_count;
	streams->bad_count += loader->bad_count;
	streams->event_count += loader->event_count;
	streams->byte_count += loader->byte_count;
	streams->failed |= stream->failed;
	stream->used = false;
	streams->count--;
}

void
wi_streams_reap(struct wi_streams *streams)
{
	eventfd_t count;

	eventfd_read(streams->done_fd, &count);
	for (size_t i = 0; i < WI_STREAM_MAX; i++)
		if (streams->list[i].used && atomic_load(&streams->list[i].done))
			gather(streams, &streams->list[i]);
}

void
wi_streams_stop(struct wi_streams *streams)
{
	eventfd_write(streams->stop_fd, 1);
}

void
wi_streams_give_up(struct wi_streams *streams)
{
	atomic_store(&streams->given_up, true);
	wi_streams_stop(streams);
}

void
wi_streams_close(struct wi_streams *streams)
{
	if (streams->stop_fd >= 0)
		close(streams->stop_fd);
	if (streams->done_fd >= 0)
		close(streams->done_fd);
}
