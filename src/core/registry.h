/* SPDX-License-Identifier: MIT */
/* registry.h - find the subscription that an id names, from any thread, without a lock. */
#ifndef WI_CORE_REGISTRY_H
#define WI_CORE_REGISTRY_H

#include "core/subscription.h"

enum { WI_REGISTRY_SHIFT = 10, WI_REGISTRY_CHUNKS = 1024 };

/* Only grows: a subscription's memory stays until the bus is gone. */
struct wi_registry {
	struct wi_subscription **chunk[WI_REGISTRY_CHUNKS];
	uint32_t count;         /* stored last (release) */
};

/* The next index, with room for it. The caller excludes others. */
weir_status wi_registry_room(struct wi_registry *registry, uint32_t *ret_index);
void wi_registry_add(struct wi_registry *registry, struct wi_subscription *subscription);
/* Destroys the subscriptions, too. */
void wi_registry_fini(struct wi_registry *registry);

/* By index; NULL: there is none. Whether the id is still its own, wi_subscription_mark() tells. */
struct wi_subscription *wi_registry_get(const struct wi_registry *registry, uint32_t index);

#endif
