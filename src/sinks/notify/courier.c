/* SPDX-License-Identifier: MIT */
/* courier.c - see courier.h. */
#include "courier.h"

#include "common/nice.h"
#include "common/now.h"
#include "message_copy.h"
#include "sender.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SECOND UINT64_C(1000000000)
#define UNTIL_MOST (25 * 3600 * SECOND) /* further ahead: the clock was set back */

enum { DIGEST_BRIEFS = 20, TURNS = 64, NICE = 10 };

/* One channel's. */
struct lane {
	const struct wi_channel *channel;
	struct wi_spool_channel state;  /* written under the lock */
	uint64_t full;                  /* when its bucket is full again */
	uint64_t held;                  /* no request before; not kept */
	struct wi_message *sending;
	bool settled;                   /* what became of it is known, and to be put down */
	struct wi_result result;
};

struct wi_courier {
	struct wi_courier_options options;
	struct wi_sender *sender;
	struct lane *lanes;
	pthread_mutex_t look;           /* of what wi_courier_describe() reads */
	pthread_t thread;
	bool started;
	atomic_bool stop;
	uint64_t chance;
	uint64_t looked;                /* when the spool was asked for changes */
	bool unwritten;                 /* the spool could not be written: told */
};

static void __attribute__((format(printf, 3, 4)))
tell(struct wi_courier *courier, int level, const char *format, ...)
{
	char text[WI_NOTIFY_PROBLEM_SIZE];
	va_list arguments;

	if (!courier->options.log)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	courier->options.log(courier->options.context, level, text);
}

/* -- back-off --------------------------------------------------------------- */

/* Marsaglia's xorshift64*: spreading, not secrecy. */
static uint64_t
chance(struct wi_courier *courier)
{
	courier->chance ^= courier->chance >> 12;
	courier->chance ^= courier->chance << 25;
	courier->chance ^= courier->chance >> 27;
	return courier->chance * UINT64_C(0x2545f4914f6cdd1d);
}

static uint64_t
back_off(struct wi_courier *courier, const struct wi_channel *channel, uint32_t tries)
{
	uint64_t least = channel->retry_first_ns, most = least;

	for (uint32_t i = 0; i < tries && most < channel->retry_most_ns; i++)
		most = most > UINT64_MAX / 2 ? UINT64_MAX : 2 * most;
	if (most > channel->retry_most_ns)
		most = channel->retry_most_ns;
	return most <= least ? most : least + chance(courier) % (most - least + 1);
}

/* -- what became of it ------------------------------------------------------ */

static void
set_state(struct wi_courier *courier, struct lane *lane, const struct wi_spool_channel *state)
{
	pthread_mutex_lock(&courier->look);
	lane->state = *state;
	pthread_mutex_unlock(&courier->look);
}

static void
note_answer(struct wi_spool_channel *state, const struct wi_result *result)
{
	state->status = result->status;
	snprintf(state->text, sizeof state->text, "%s", result->text);
}

static bool
put_off(struct wi_courier *courier, struct lane *lane, uint64_t now, struct wi_spool_channel *state)
{
	const struct wi_message *message = lane->sending;
	const struct wi_result *result = &lane->result;
	uint64_t wait, due;

	note_answer(state, result);
	if (result->outcome == WI_OUTCOME_CHANNEL_OFF) {
		state->off = true;
		return wi_spool_again(courier->options.spool, message, now, result->status,
		                      result->text, state);
	}
	state->streak++;
	wait = back_off(courier, lane->channel, state->streak);
	if (wait < result->after_ns)
		wait = result->after_ns;
	state->until = now + wait;
	due = now + back_off(courier, lane->channel, message->tries + 1);
	return wi_spool_again(courier->options.spool, message,
	                      due < state->until ? state->until : due, result->status, result->text,
	                      state);
}

static void
tell_change(struct wi_courier *courier, const struct wi_spool_channel *before,
            const struct wi_spool_channel *after, uint64_t now)
{
	if (after->off && !before->off)
		tell(courier, 3, "channel %s is off, until `weir notify retry`: %s", after->name,
		     after->text);
	else if (after->streak && !before->streak)
		tell(courier, 4, "channel %s: %s; tried again in %" PRIu64 " s", after->name,
		     after->text, (after->until - now + SECOND - 1) / SECOND);
	else if (!after->streak && before->streak)
		tell(courier, 5, "channel %s works again, after %" PRIu32 " failed tries", after->name,
		     before->streak);
}

/*
 * Until it is in the spool the channel sends nothing: else, with a disk that is full, the same message
 * would go out again and again.
 */
static bool
put_down(struct wi_courier *courier, struct lane *lane, uint64_t now)
{
	struct wi_spool_channel state = lane->state;
	const struct wi_result *result = &lane->result;
	bool good;

	if (result->outcome == WI_OUTCOME_SENT) {
		good = wi_spool_sent(courier->options.spool, lane->sending->number);
		state.streak = 0;
		state.until = 0;
		state.status = 0;
		*state.text = '\0';
	} else if (result->outcome == WI_OUTCOME_REFUSED) {
		good = wi_spool_give_up(courier->options.spool, lane->sending->number, now,
		                        result->status, result->text);
		state.streak = 0;
		state.until = 0;
	} else {
		good = put_off(courier, lane, now, &state);
	}
	if (!good)
		return false;
	tell_change(courier, &lane->state, &state, now);
	set_state(courier, lane, &state);
	wi_message_free(lane->sending);
	lane->sending = NULL;
	lane->settled = false;
	return true;
}

static void
note_done(void *context, const struct wi_channel *channel, const struct wi_message *message,
          const struct wi_result *result)
{
	struct wi_courier *courier = context;
	struct lane *lane = &courier->lanes[channel - courier->options.channels];

	if (message != lane->sending)
		return;
	lane->result = *result;
	lane->settled = true;
}

/* -- digests ---------------------------------------------------------------- */

struct digest {
	struct wi_courier *courier;
	const struct wi_channel *channel;
	const char *group;
	uint64_t now;
	bool written;
};

static int
put_digest(void *context, const struct wi_message *message)
{
	struct digest *digest = context;
	struct wi_message one = *message;

	one.due = digest->now;
	one.expires = digest->now + digest->channel->expire_ns;
	digest->written = wi_spool_digest(digest->courier->options.spool, digest->group, &one,
	                                  digest->now + digest->channel->digest_ns);
	return digest->written ? 0 : -1;
}

/* True: it is now part of another one. */
static bool
gather_group(struct wi_courier *courier, const struct wi_channel *channel,
             const struct wi_message *message, uint64_t now)
{
	struct digest digest = { courier, channel, message->group, now, false };
	struct wi_message *messages[DIGEST_BRIEFS];
	const struct wi_message *views[DIGEST_BRIEFS];
	uint32_t count;
	uint64_t total;

	if (!channel->digest_ns || !*message->group || !courier->options.rules ||
	    !wi_spool_group(courier->options.spool, channel->name, message->group, DIGEST_BRIEFS,
	                    messages, &count, &total))
		return false;
	for (uint32_t i = 0; i < count; i++)
		views[i] = messages[i];
	if (total > 1)
		wi_rules_digest(courier->options.rules, channel, views, count, total - count, put_digest,
		                &digest);
	while (count)
		wi_message_free(messages[--count]);
	return digest.written;
}

/* -- sending ---------------------------------------------------------------- */

/* When the next request may go: the bucket lacks less than all of it. */
static uint64_t
paced(const struct lane *lane, uint64_t now)
{
	uint64_t burst = (lane->channel->burst ? lane->channel->burst - 1 : 0) *
	                 lane->channel->interval_ns;

	/* The clock was set back. */
	if (lane->full > now + burst + lane->channel->interval_ns)
		return now;
	return lane->full <= burst ? 0 : lane->full - burst;
}

/* When the channel may try, as far as it itself goes; UINT64_MAX: not until something happens. */
static uint64_t
may_try(const struct lane *lane, uint64_t now)
{
	uint64_t from = lane->state.until;

	if (lane->state.off || lane->sending)
		return UINT64_MAX;
	if (from > now + UNTIL_MOST)
		from = now;
	if (from < lane->held && lane->held <= now + SECOND)
		from = lane->held;
	return from < paced(lane, now) ? paced(lane, now) : from;
}

/* True: a request has begun, or something else has changed: there may be more. */
static bool
try_one(struct wi_courier *courier, struct lane *lane, uint64_t now, uint64_t *ret_next)
{
	const struct wi_channel *channel = lane->channel;
	struct wi_message *message;
	uint64_t due;

	if (!wi_spool_next(courier->options.spool, channel->name, now, &message, &due)) {
		*ret_next = now + SECOND;
		return false;
	}
	*ret_next = due;
	if (!message)
		return false;
	if (message->expires <= now || gather_group(courier, channel, message, now)) {
		due = message->expires;
		wi_message_free(message);
		return due > now || wi_spool_expire(courier->options.spool, now);
	}
	lane->sending = message;
	if (wi_sender_start(courier->sender, channel, message, now)) {
		lane->full = (lane->full > now ? lane->full : now) + channel->interval_ns;
		*ret_next = UINT64_MAX;
		return false;
	}
	lane->sending = NULL;
	wi_message_free(message);
	lane->held = *ret_next = now + SECOND;
	return false;
}

static uint64_t
step_lane(struct wi_courier *courier, struct lane *lane, uint64_t now)
{
	uint64_t next;

	if (lane->settled && !put_down(courier, lane, now))
		return now + SECOND;
	for (int turn = 0; turn < TURNS; turn++) {
		next = may_try(lane, now);
		if (next > now)
			return next;
		if (!try_one(courier, lane, now, &next))
			return next;
	}
	return now;
}

/* What `weir notify` has written, and whose time is over. */
static void
look_at_spool(struct wi_courier *courier, uint64_t now)
{
	struct wi_spool_channel state;

	if (now >= courier->looked && now - courier->looked < SECOND / 2)
		return;
	courier->looked = now;
	wi_spool_expire(courier->options.spool, now);
	if (!wi_spool_changed(courier->options.spool))
		return;
	for (uint32_t i = 0; i < courier->options.channel_count; i++)
		if (wi_spool_get_channel(courier->options.spool, courier->lanes[i].channel->name, &state))
			set_state(courier, &courier->lanes[i], &state);
}

static void
tell_problem(struct wi_courier *courier)
{
	char problem[WI_NOTIFY_PROBLEM_SIZE];

	wi_spool_problem(courier->options.spool, problem);
	if (*problem && !courier->unwritten)
		tell(courier, 3, "%s", problem);
	courier->unwritten = *problem != '\0';
}

uint64_t
wi_courier_step(struct wi_courier *courier, uint64_t now)
{
	uint64_t next = now + SECOND, at;

	look_at_spool(courier, now);
	for (uint32_t i = 0; i < courier->options.channel_count && !atomic_load(&courier->stop); i++) {
		at = step_lane(courier, &courier->lanes[i], now);
		if (at < next)
			next = at;
	}
	tell_problem(courier);
	return next <= now ? 0 : next - now;
}

/* -- life ------------------------------------------------------------------- */

static void *
run(void *context)
{
	struct wi_courier *courier = context;

	pthread_setname_np(pthread_self(), "weir:courier");
	wi_be_nice(NICE);
	while (!atomic_load(&courier->stop))
		wi_sender_run(courier->sender, wi_courier_step(courier, wi_now(CLOCK_REALTIME)));
	return NULL;
}

bool
wi_courier_open(const struct wi_courier_options *options, struct wi_courier **ret_courier,
                char ret_problem[WI_NOTIFY_PROBLEM_SIZE])
{
	struct wi_courier *courier = calloc(1, sizeof *courier);
	struct lane *lanes = calloc(options->channel_count, sizeof *lanes);
	struct wi_sender_options sender = { note_done, courier };

	if (!courier || !lanes) {
		snprintf(ret_problem, WI_NOTIFY_PROBLEM_SIZE, "out of memory");
		goto fail;
	}
	courier->options = *options;
	courier->lanes = lanes;
	courier->chance = options->seed;
	if (!courier->chance && getrandom(&courier->chance, sizeof courier->chance, 0) < 0)
		courier->chance = wi_now(CLOCK_REALTIME);
	courier->chance |= 1;
	for (uint32_t i = 0; i < options->channel_count; i++) {
		lanes[i].channel = &options->channels[i];
		if (wi_spool_get_channel(options->spool, options->channels[i].name, &lanes[i].state))
			continue;
		wi_spool_problem(options->spool, ret_problem);
		goto fail;
	}
	if (!wi_sender_open(&sender, &courier->sender, ret_problem))
		goto fail;
	pthread_mutex_init(&courier->look, NULL);
	*ret_courier = courier;
	return true;
fail:
	free(lanes);
	free(courier);
	return false;
}

bool
wi_courier_start(struct wi_courier *courier)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	courier->started = pthread_create(&courier->thread, NULL, run, courier) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return courier->started;
}

void
wi_courier_wake(struct wi_courier *courier)
{
	wi_sender_wake(courier->sender);
}

void
wi_courier_close(struct wi_courier *courier)
{
	atomic_store(&courier->stop, true);
	wi_sender_wake(courier->sender);
	if (courier->started)
		pthread_join(courier->thread, NULL);
	wi_sender_close(courier->sender);
	for (uint32_t i = 0; i < courier->options.channel_count; i++) {
		/* Answered while it was being stopped. */
		if (courier->lanes[i].settled)
			put_down(courier, &courier->lanes[i], wi_now(CLOCK_REALTIME));
		wi_message_free(courier->lanes[i].sending);
	}
	pthread_mutex_destroy(&courier->look);
	free(courier->lanes);
	free(courier);
}

int32_t
wi_courier_describe(struct wi_courier *courier, char *text, size_t size)
{
	const struct wi_spool_channel *off = NULL, *late = NULL, *state;
	int32_t code;

	pthread_mutex_lock(&courier->look);
	for (uint32_t i = 0; i < courier->options.channel_count; i++) {
		state = &courier->lanes[i].state;
		if (state->off && !off)
			off = state;
		if (state->streak && !late)
			late = state;
	}
	code = off ? 2 : late ? 1 : 0;
	*text = '\0';
	if (off)
		snprintf(text, size, "channel %s off: %s", off->name, off->text);
	else if (late)
		snprintf(text, size, "channel %s: %" PRIu32 " failed tries: %s", late->name,
		         late->streak, late->text);
	pthread_mutex_unlock(&courier->look);
	return code;
}
