/* SPDX-License-Identifier: MIT */
/* test_registry.c - subscriptions by index: no holes, no end before the limit, no wild pointer. */
#include "unit.h"

#include "base/memory.h"
#include "core/registry.h"

static struct wi_registry registry; /* 8 KiB */

static struct wi_subscription *
add(void)
{
	struct wi_subscription *subscription;
	uint32_t index = UINT32_MAX;

	assert_ok(wi_registry_room(&registry, &index));
	assert_int_equal(index, registry.count);
	subscription = wi_subscription_create(NULL, index, 1);
	wi_registry_add(&registry, subscription);
	return subscription;
}

static void
test_add_and_get(void **state)
{
	enum { COUNT = 2100 };
	static struct wi_subscription *all[COUNT];
	uint32_t index;

	(void)state;
	assert_null(wi_registry_get(&registry, 0));
	for (uint32_t i = 0; i < COUNT; i++) {
		all[i] = add();
		assert_ptr_equal(wi_registry_get(&registry, i), all[i]);
		assert_null(wi_registry_get(&registry, i + 1));
	}
	assert_null(wi_registry_get(&registry, UINT32_MAX));
	/* Asking for room changes nothing. */
	assert_ok(wi_registry_room(&registry, &index));
	assert_ok(wi_registry_room(&registry, &index));
	assert_int_equal(index, COUNT);
	assert_int_equal(registry.count, COUNT);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_ptr_equal(wi_registry_get(&registry, i), all[i]);
	wi_registry_fini(&registry);    /* and all subscriptions */
	assert_null(wi_registry_get(&registry, 0));
}

static void
test_without_memory(void **state)
{
	uint32_t index = 77;

	(void)state;
	wi_memory_fail_at(1, false);
	assert_status(WEIR_ENOMEM, wi_registry_room(&registry, &index));
	assert_int_equal(index, 77);
	add();
	wi_registry_fini(&registry);
}

static void
test_limit(void **state)
{
	uint32_t index = 77;

	(void)state;
	registry.count = WI_REGISTRY_CHUNKS << WI_REGISTRY_SHIFT;
	assert_status(WEIR_ELIMIT, wi_registry_room(&registry, &index));
	assert_int_equal(index, 77);
	registry.count--;
	assert_ok(wi_registry_room(&registry, &index));
	assert_int_equal(index, registry.count);
	registry.count = 0;     /* there were none */
	wi_registry_fini(&registry);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_and_get),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
