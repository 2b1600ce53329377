/* SPDX-License-Identifier: MIT */
/* test_subscription.c - ids and generations, state bits, order, and sums of tallies. */
#include "unit.h"

#include <string.h>

#include "base/memory.h"
#include "core/subscription.h"

static void
init(struct wi_subscription *subscription, const char *pattern, int32_t priority, uint64_t serial)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;

	options.priority = priority;
	assert_true(
		wi_subscription_init(subscription, pattern, unit_count, NULL, &options, serial));
}

static int
end_batch(const weir_delivery *delivery, void *context)
{
	(void)delivery, (void)context;
	return 0;
}

static void
test_init(void **state)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct wi_subscription *subscription = wi_subscription_create(NULL, 7, 3);
	char pattern[] = "a.*", name[] = "mine";

	(void)state;
	assert_non_null(subscription);
	assert_int_equal((uintptr_t)&subscription->tally[1] % WI_LINE, 0);
	options.name = name;
	options.batch_end = end_batch;
	assert_true(wi_subscription_init(subscription, pattern, unit_count, &options, &options, 5));
	memset(pattern, 'x', sizeof pattern - 1);
	memset(name, 'x', sizeof name - 1);
	assert_string_equal(subscription->pattern, "a.*");
	assert_string_equal(subscription->name, "mine");
	assert_ptr_equal(subscription->context, &options);
	assert_int_equal(subscription->id, 1ull << 32 | 7);
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(subscription->tally[i].subscription, subscription);
	wi_subscription_start(subscription, 0);
	assert_int_equal(wi_subscription_state(subscription), WI_SUBSCRIPTION_BATCHED);
	wi_subscription_destroy(subscription);
	wi_subscription_destroy(NULL);
}

static void
test_used_again(void **state)
{
	struct wi_subscription *subscription = wi_subscription_create(NULL, 7, 1);

	(void)state;
	init(subscription, "a", 0, 1);
	wi_subscription_start(subscription, 0);
	assert_string_equal(subscription->name, "a");
	wi_tally_failed(&subscription->tally[0], 3);
	subscription->tally[0].begun = 9;
	wi_subscription_retire(subscription);
	init(subscription, "b.c", 0, 2);
	assert_int_equal(subscription->id, 2ull << 32 | 7);
	assert_string_equal(subscription->pattern, "b.c");
	assert_int_equal(subscription->tally[0].begun, 0);
	assert_int_equal(subscription->tally[0].failed, 0);
	assert_int_equal(subscription->tally[0].failure_count[0], 0);
	wi_subscription_destroy(subscription);
}

static void
test_mark(void **state)
{
	struct wi_subscription *subscription = wi_subscription_create(NULL, 7, 1);
	uint64_t old, id;
	uint32_t before = 99;

	(void)state;
	init(subscription, "a", 0, 1);
	id = subscription->id;
	assert_false(wi_subscription_mark(subscription, id, WI_SUBSCRIPTION_PAUSED, 0, &before));
	wi_subscription_start(subscription, WEIR_SUBSCRIPTION_REPLAYED);
	assert_true(wi_subscription_mark(subscription, id, WI_SUBSCRIPTION_PAUSED, 0, &before));
	assert_int_equal(before, WI_SUBSCRIPTION_REPLAYED);
	assert_true(wi_subscription_mark(subscription, id, WI_SUBSCRIPTION_ENDING, 0, &before));
	assert_int_equal(before, WI_SUBSCRIPTION_REPLAYED | WI_SUBSCRIPTION_PAUSED);
	assert_true(wi_subscription_mark(subscription, id, 0, WI_SUBSCRIPTION_PAUSED, &before));
	assert_int_equal(wi_subscription_state(subscription),
			 WI_SUBSCRIPTION_REPLAYED | WI_SUBSCRIPTION_ENDING);

	/* Stale ids do nothing, and a retired one always says ENDING. */
	assert_false(wi_subscription_mark(subscription, id + (1ull << 32), 1, 0, &before));
	wi_subscription_retire(subscription);
	assert_false(wi_subscription_mark(subscription, id, WI_SUBSCRIPTION_PAUSED, 0, &before));
	assert_int_equal(wi_subscription_state(subscription), WI_SUBSCRIPTION_ENDING);
	old = id;
	init(subscription, "a", 0, 2);
	wi_subscription_start(subscription, 0);
	assert_false(wi_subscription_mark(subscription, old, WI_SUBSCRIPTION_ENDING, 0, &before));
	assert_int_equal(wi_subscription_state(subscription), 0);
	wi_subscription_destroy(subscription);
}

static void
test_before(void **state)
{
	struct wi_subscription *a = wi_subscription_create(NULL, 0, 1),
			       *b = wi_subscription_create(NULL, 1, 1);

	(void)state;
	init(a, "a", 0, 1);
	init(b, "a", 0, 2);
	assert_true(wi_subscription_before(a, b));
	assert_false(wi_subscription_before(b, a));
	assert_false(wi_subscription_before(a, a));
	b->priority = 1;
	assert_true(wi_subscription_before(b, a));
	assert_false(wi_subscription_before(a, b));
	a->priority = INT32_MAX, b->priority = INT32_MIN;
	assert_true(wi_subscription_before(a, b));
	assert_false(wi_subscription_before(b, a));
	wi_subscription_destroy(a);
	wi_subscription_destroy(b);
}

static void
test_without_memory(void **state)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct wi_subscription *subscription;

	(void)state;
	wi_memory_fail_at(1, false);
	assert_null(wi_subscription_create(NULL, 0, 1));
	subscription = wi_subscription_create(NULL, 0, 1);
	wi_memory_fail_at(1, false);
	assert_false(wi_subscription_init(subscription, "a", unit_count, NULL, &options, 1));
	assert_int_equal(subscription->id, 0);
	init(subscription, "a", 0, 1);
	wi_subscription_start(subscription, 0);
	wi_subscription_retire(subscription);
	wi_memory_fail_at(1, false);
	assert_false(wi_subscription_init(subscription, "b", unit_count, NULL, &options, 1));
	wi_subscription_destroy(subscription);
}

/* -- tallies ---------------------------------------------------------------- */

static void
expect_code(const weir_subscription_counts *sum, int slot, int32_t code, uint64_t count)
{
	assert_int_equal(sum->failure_code[slot], code);
	assert_int_equal(sum->failure_count[slot], count);
}

/* The first seven codes keep a slot each, whatever they are; the eighth has all others. */
static void
test_codes(void **state)
{
	static const int codes[] = {-1, 1, INT32_MIN, INT32_MAX, 5, 6, 7, 8, 9, -1, 8, 5};
	struct wi_subscription *subscription = wi_subscription_create(NULL, 0, 1);
	weir_subscription_counts sum = WEIR_SUBSCRIPTION_COUNTS_INIT;

	(void)state;
	init(subscription, "a", 0, 1);
	wi_subscription_start(subscription, 0);
	for (size_t i = 0; i < WI_COUNT(codes); i++)
		wi_tally_failed(&subscription->tally[0], codes[i]);
	wi_subscription_sum(subscription, &sum);
	assert_int_equal(sum.failed, WI_COUNT(codes));
	expect_code(&sum, 0, -1, 2);
	expect_code(&sum, 1, 1, 1);
	expect_code(&sum, 2, INT32_MIN, 1);
	expect_code(&sum, 3, INT32_MAX, 1);
	expect_code(&sum, 4, 5, 2);
	expect_code(&sum, 5, 6, 1);
	expect_code(&sum, 6, 7, 1);
	expect_code(&sum, 7, 0, 3);
	wi_subscription_destroy(subscription);
}

static void
test_sum_of_dispatchers(void **state)
{
	struct wi_subscription *subscription = wi_subscription_create(NULL, 0, 3);
	weir_subscription_counts sum = WEIR_SUBSCRIPTION_COUNTS_INIT;
	uint64_t failures = 0;

	(void)state;
	init(subscription, "a", 0, 1);
	wi_subscription_start(subscription, 0);
	for (uint32_t d = 0; d < 3; d++) {
		struct wi_tally *tally = &subscription->tally[d];

		tally->begun = 100 + d, tally->ok = 10 + d, tally->skipped_paused = 3 + d;
		tally->skipped_unsubscribed = 5 + d, tally->failed_batches = 7 + d;
		/* Eight codes together, some on two dispatchers. */
		for (int code = 1; code <= 4; code++)
			wi_tally_failed(tally, code + (int)d * 2);
	}
	wi_subscription_sum(subscription, &sum);
	assert_int_equal(sum.due, 303 + 12 + 18);
	assert_int_equal(sum.ok, 33);
	assert_int_equal(sum.failed, 12);
	assert_int_equal(sum.skipped_paused, 12);
	assert_int_equal(sum.skipped_unsubscribed, 18);
	assert_int_equal(sum.failed_batches, 24);
	for (int i = 0; i < WI_FAILURE_CODE_COUNT; i++)
		failures += sum.failure_count[i];
	assert_int_equal(failures, 12);
	expect_code(&sum, 0, 1, 1);
	expect_code(&sum, 2, 3, 2);
	expect_code(&sum, 6, 7, 1);
	expect_code(&sum, 7, 0, 1);
	/* Sums add up. */
	wi_subscription_sum(subscription, &sum);
	assert_int_equal(sum.due, 2 * (303 + 12 + 18));
	expect_code(&sum, 2, 3, 4);
	expect_code(&sum, 7, 0, 2);
	wi_subscription_destroy(subscription);
}

static void
test_sum_of_states(void **state)
{
	struct wi_subscription *subscription = wi_subscription_create(NULL, 0, 1);
	weir_subscription_counts sum = WEIR_SUBSCRIPTION_COUNTS_INIT;
	uint32_t before;

	(void)state;
	init(subscription, "a", 0, 1);
	wi_subscription_start(subscription, 0);
	wi_subscription_sum(subscription, &sum);
	assert_int_equal(sum.state, WEIR_SUBSCRIPTION_ACTIVE);
	wi_subscription_mark(subscription, subscription->id, WI_SUBSCRIPTION_PAUSED, 0, &before);
	wi_subscription_sum(subscription, &sum);
	assert_int_equal(sum.state, WEIR_SUBSCRIPTION_PAUSED);
	wi_subscription_mark(subscription, subscription->id, WI_SUBSCRIPTION_ENDING, 0, &before);
	wi_subscription_sum(subscription, &sum);
	assert_int_equal(sum.state, WEIR_SUBSCRIPTION_ENDING);
	wi_subscription_destroy(subscription);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_used_again),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_before),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_sum_of_dispatchers),
		cmocka_unit_test(test_sum_of_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
