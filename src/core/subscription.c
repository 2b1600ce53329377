/* SPDX-License-Identifier: MIT */
/* subscription.c - see subscription.h. */
#include "core/subscription.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

struct wi_subscription *
wi_subscription_create(struct wi_pool *pool, uint32_t index, uint32_t tally_count)
{
	struct wi_subscription *subscription =
		wi_memory_lines(sizeof *subscription + tally_count * sizeof(struct wi_tally));

	if (!subscription)
		return NULL;
	subscription->pool = pool;
	subscription->index = index;
	subscription->tally_count = tally_count;
	return subscription;
}

void
wi_subscription_destroy(struct wi_subscription *subscription)
{
	if (subscription)
		wi_memory_give(subscription->pattern);
	wi_memory_give(subscription);
}

static char *
copy_names(const char *pattern, const char *name, char **ret_name)
{
	size_t pattern_size = strlen(pattern) + 1, name_size = name ? strlen(name) + 1 : 0;
	char *copy = wi_memory_take(pattern_size + name_size);

	if (!copy)
		return NULL;
	memcpy(copy, pattern, pattern_size);
	*ret_name = copy;
	if (name)
		*ret_name = memcpy(copy + pattern_size, name, name_size);
	return copy;
}

bool
wi_subscription_init(struct wi_subscription *subscription, const char *pattern,
                     weir_handler_fn handler, void *context,
                     const weir_subscription_options *options, uint64_t serial)
{
	char *name, *copy = copy_names(pattern, options->name, &name);

	if (!copy)
		return false;
	wi_memory_give(subscription->pattern);
	subscription->pattern = copy;
	subscription->name = name;
	subscription->handler = handler;
	subscription->context = context;
	subscription->batch_end = options->batch_end;
	subscription->released = options->released;
	subscription->quarantine_failure_count =
		WI_MIN(options->quarantine_failure_count, WI_SUBSCRIPTION_STREAK_MAX);
	subscription->quarantine_ns = options->quarantine_ns ? options->quarantine_ns : WI_SECOND;
	subscription->quarantine_until = 0;
	subscription->own = strncmp(pattern, "weir.", 5) == 0;
	subscription->priority = options->priority;
	subscription->last_code = 0;
	subscription->serial = serial;
	subscription->topic = 0;
	subscription->boundaries_noted = false;
	subscription->death = UINT64_MAX;
	subscription->next = subscription->ending_next = NULL;
	memset(subscription->tally, 0, subscription->tally_count * sizeof *subscription->tally);
	for (uint32_t i = 0; i < subscription->tally_count; i++)
		subscription->tally[i].subscription = subscription;
	subscription->generation++;
	subscription->id = (uint64_t)subscription->generation << 32 | subscription->index;
	return true;
}

/* What `word` holds of an active one. */
static uint64_t
first_word(const struct wi_subscription *subscription, uint32_t flags)
{
	return (uint64_t)subscription->generation << 32 |
	       (subscription->batch_end ? WI_SUBSCRIPTION_BATCHED : 0) |
	       (flags & WEIR_SUBSCRIPTION_REPLAYED ? WI_SUBSCRIPTION_REPLAYED : 0);
}

void
wi_subscription_start(struct wi_subscription *subscription, uint32_t flags)
{
	wi_store_release(&subscription->word, first_word(subscription, flags));
}

bool
wi_subscription_mark(struct wi_subscription *subscription, uint64_t id, uint32_t set,
                     uint32_t clear, uint32_t *ret_before)
{
	uint64_t word = wi_load_relaxed(&subscription->word);

	do {
		if (word >> 32 != id >> 32)
			return false;
		*ret_before = (uint32_t)word;
	} while (!wi_cas(&subscription->word, &word, (word & ~(uint64_t)clear) | set));
	return true;
}

/* Failures in a row up to this word. */
static uint32_t
streak_of(uint64_t word)
{
	return (uint32_t)word / WI_SUBSCRIPTION_FAILURE;
}

bool
wi_subscription_failed(struct wi_subscription *subscription, bool trial)
{
	uint64_t word = wi_load_relaxed(&subscription->word), next;
	bool begins;

	if (!subscription->quarantine_failure_count)
		return false;
	do {
		next = word;
		if (streak_of(word) < WI_SUBSCRIPTION_STREAK_MAX)
			next += WI_SUBSCRIPTION_FAILURE;
		begins = trial || (!(word & WI_SUBSCRIPTION_QUARANTINED) &&
		                   streak_of(next) >= subscription->quarantine_failure_count);
		if (begins)
			next |= WI_SUBSCRIPTION_QUARANTINED | WI_SUBSCRIPTION_TRIAL;
	} while (!wi_cas(&subscription->word, &word, next));
	if (begins) {
		wi_store_relaxed(&subscription->quarantine_until,
		                 wi_clock_deadline(subscription->quarantine_ns));
		wi_and(&subscription->word, ~(uint64_t)WI_SUBSCRIPTION_TRIAL);
	}
	return begins;
}

void
wi_subscription_succeeded(struct wi_subscription *subscription, bool trial)
{
	const uint64_t over = WI_SUBSCRIPTION_STREAK | WI_SUBSCRIPTION_QUARANTINED |
	                      WI_SUBSCRIPTION_TRIAL;
	uint64_t word = wi_load_relaxed(&subscription->word);

	do {
		if (word & WI_SUBSCRIPTION_QUARANTINED && !trial)
			return;
	} while (!wi_cas(&subscription->word, &word, word & ~over));
}

bool
wi_subscription_try(struct wi_subscription *subscription, uint64_t now)
{
	uint64_t word = wi_load_relaxed(&subscription->word);

	if (now < wi_load_relaxed(&subscription->quarantine_until) ||
	    !(word & WI_SUBSCRIPTION_QUARANTINED) || word & WI_SUBSCRIPTION_TRIAL ||
	    !wi_cas(&subscription->word, &word, word | WI_SUBSCRIPTION_TRIAL))
		return false;
	/* Another's trial may have come and failed between the looks at the two words. */
	if (now >= wi_load_relaxed(&subscription->quarantine_until))
		return true;
	wi_and(&subscription->word, ~(uint64_t)WI_SUBSCRIPTION_TRIAL);
	return false;
}

void
wi_subscription_retire(struct wi_subscription *subscription)
{
	/* Generation 0 is nobody's; a dispatcher with an old table still sees ENDING. */
	wi_store_release(&subscription->word, (uint64_t)WI_SUBSCRIPTION_ENDING);
}

bool
wi_subscription_before(const struct wi_subscription *a, const struct wi_subscription *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return a->serial < b->serial;
}

static void
count_code(int32_t *codes, uint64_t *counts, int32_t code, uint64_t count)
{
	int i = 0;

	while (i < WI_FAILURE_CODE_COUNT - 1 && wi_load_relaxed(&counts[i]) && wi_load_relaxed(&codes[i]) != code)
		i++;
	wi_store_relaxed(&codes[i], i < WI_FAILURE_CODE_COUNT - 1 ? code : 0);
	wi_add_own(&counts[i], count);
}

void
wi_tally_failed(struct wi_tally *tally, int code)
{
	wi_add_own(&tally->failed, 1);
	count_code(tally->failure_code, tally->failure_count, code, 1);
}

void
wi_tally_failed_batch(struct wi_tally *tally, int code)
{
	wi_add_own(&tally->failed_batches, 1);
	count_code(tally->failure_code, tally->failure_count, code, 1);
}

void
wi_subscription_counts_add(weir_subscription_counts *sum, const weir_subscription_counts *more)
{
	sum->due += more->due;
	sum->ok += more->ok;
	sum->failed += more->failed;
	sum->running += more->running;
	sum->skipped_quarantine += more->skipped_quarantine;
	sum->skipped_paused += more->skipped_paused;
	sum->skipped_unsubscribed += more->skipped_unsubscribed;
	sum->failed_batches += more->failed_batches;
	sum->quarantines += more->quarantines;
	for (int i = 0; i < WI_FAILURE_CODE_COUNT - 1; i++)
		if (more->failure_count[i])
			count_code(sum->failure_code, sum->failure_count, more->failure_code[i],
			           more->failure_count[i]);
	sum->failure_count[WI_FAILURE_CODE_COUNT - 1] += more->failure_count[WI_FAILURE_CODE_COUNT - 1];
}

void
wi_subscription_sum(const struct wi_subscription *subscription, weir_subscription_counts *sum)
{
	uint32_t state = wi_subscription_state(subscription);

	for (uint32_t i = 0; i < subscription->tally_count; i++) {
		const struct wi_tally *tally = &subscription->tally[i];
		weir_subscription_counts one = { 0 };

		/*
		 * Outcomes before `begun`: a reader may lag, but never sees more done than was begun.
		 */
		one.ok = wi_load_acquire(&tally->ok);
		one.failed = wi_load_acquire(&tally->failed);
		one.skipped_quarantine = wi_load_acquire(&tally->skipped_quarantine);
		one.skipped_paused = wi_load_acquire(&tally->skipped_paused);
		one.skipped_unsubscribed = wi_load_acquire(&tally->skipped_unsubscribed);
		one.failed_batches = wi_load_relaxed(&tally->failed_batches);
		one.quarantines = wi_load_relaxed(&tally->quarantines);
		one.due = wi_load_relaxed(&tally->begun) + one.skipped_quarantine +
		          one.skipped_paused + one.skipped_unsubscribed;
		for (int c = 0; c < WI_FAILURE_CODE_COUNT; c++) {
			one.failure_count[c] = wi_load_relaxed(&tally->failure_count[c]);
			one.failure_code[c] = wi_load_relaxed(&tally->failure_code[c]);
		}
		wi_subscription_counts_add(sum, &one);
	}
	sum->state = state & WI_SUBSCRIPTION_ENDING        ? WEIR_SUBSCRIPTION_ENDING
	             : state & WI_SUBSCRIPTION_PAUSED      ? WEIR_SUBSCRIPTION_PAUSED
	             : state & WI_SUBSCRIPTION_QUARANTINED ? WEIR_SUBSCRIPTION_QUARANTINED
	                                                   : WEIR_SUBSCRIPTION_ACTIVE;
}
