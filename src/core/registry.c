/* SPDX-License-Identifier: MIT */
/* registry.c - see registry.h. */
#include "core/registry.h"

#include "base/memory.h"

enum { CHUNK_COUNT = 1 << WI_REGISTRY_SHIFT };

weir_status
wi_registry_room(struct wi_registry *registry, uint32_t *ret_index)
{
	uint32_t c = registry->count >> WI_REGISTRY_SHIFT;

	if (c >= WI_REGISTRY_CHUNKS)
		return WEIR_ELIMIT;
	if (!registry->chunk[c])
		registry->chunk[c] = wi_memory_take(CHUNK_COUNT * sizeof **registry->chunk);
	if (!registry->chunk[c])
		return WEIR_ENOMEM;
	*ret_index = registry->count;
	return WEIR_OK;
}

void
wi_registry_add(struct wi_registry *registry, struct wi_subscription *subscription)
{
	registry->chunk[subscription->index >> WI_REGISTRY_SHIFT][subscription->index & (CHUNK_COUNT - 1)] =
		subscription;
	wi_store_release(&registry->count, subscription->index + 1);        /* E8 */
}

struct wi_subscription *
wi_registry_get(const struct wi_registry *registry, uint32_t index)
{
	if (index >= wi_load_acquire(&registry->count))                     /* E8 */
		return NULL;
	return registry->chunk[index >> WI_REGISTRY_SHIFT][index & (CHUNK_COUNT - 1)];
}

void
wi_registry_fini(struct wi_registry *registry)
{
	for (uint32_t i = 0; i < registry->count; i++)
		wi_subscription_destroy(wi_registry_get(registry, i));
	for (int c = 0; c < WI_REGISTRY_CHUNKS; c++)
		wi_memory_give(registry->chunk[c]);
	*registry = (struct wi_registry){ 0 };
}
