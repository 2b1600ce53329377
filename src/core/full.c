/* SPDX-License-Identifier: MIT */
/* full.c - see full.h. */
#include "core/full.h"

#include "base/atomic.h"
#include "base/clock.h"

#define LOOK_NS (100 * WI_MICROSECOND)

bool
wi_full_refused(struct wi_full *full, uint64_t published)
{
	uint64_t now = wi_clock_monotonic();

	if (wi_full_now(full, published)) {
		wi_add_own(&full->ns, now - full->refused);
		full->owing += now - full->refused;
	} else {
		wi_add_own(&full->count, 1);
		wi_store_relaxed(&full->since, wi_clock_realtime());
		wi_store_relaxed(&full->published, published);
	}
	wi_store_relaxed(&full->refused, now);
	if (now - full->looked < LOOK_NS)
		return false;
	full->looked = now;
	return true;
}

void
wi_full_blame(struct wi_full *full, uint64_t pool, uint64_t subscription, uint64_t ns)
{
	for (int i = 0; ns && i < WEIR_COUNTERS_BLAME_COUNT; i++) {
		struct wi_full_part *part = &full->part[i];

		if (!part->pool) {
			wi_store_relaxed(&part->subscription, subscription);
			wi_store_release(&part->pool, pool);
		}
		if (part->pool == pool && part->subscription == subscription) {
			wi_add_own(&part->ns, ns);
			return;
		}
	}
}

bool
wi_full_now(const struct wi_full *full, uint64_t published)
{
	return wi_load_relaxed(&full->refused) != 0 && wi_load_relaxed(&full->published) == published;
}
