/* SPDX-License-Identifier: MIT */
/* paced.c - see paced.h. */
#include "paced.h"

int
paced_handle(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const uint64_t *due = weir_event_data(event);
	struct paced *paced = context;

	(void)delivery;
	if (paced->handled < paced->count)
		paced->late[paced->handled] = (double)(machine_ticks() - *due);
	__atomic_store_n(&paced->handled, paced->handled + 1, __ATOMIC_RELEASE);
	return 0;
}

bool
paced_send(const struct rig *rig, uint64_t count, double gap_ns)
{
	const double ticks = gap_ns / machine_ns_per_tick();
	const uint64_t begun = machine_ticks();

	for (uint64_t i = 0; i < count; i++) {
		uint64_t words[PACED_SIZE / 8] = { begun + (uint64_t)((double)i * ticks) };
		weir_status status;

		while (machine_ticks() < words[0])
			machine_pause(1);
		status = weir_publish(rig->producer, rig->topics[i % 64], words, sizeof words);
		if (rig_failed(status, "weir_publish"))
			return false;
	}
	return true;
}
