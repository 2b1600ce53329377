/* SPDX-License-Identifier: MIT */
/* notifier.c - see notifier.h. */
#include "notifier.h"

#include <string.h>

const char *
notify_config(const struct receiver *receiver, const char *pool, const char *more)
{
	return notify_config_port(receiver_port(receiver), pool, more);
}

const char *
notify_config_port(uint16_t port, const char *pool, const char *more)
{
	return rig_write("rig.ini",
	                 "[bus]\nstats_dir=none\n[control]\nsocket=none\n"
	                 "[pool.notify]\n%s\n"
	                 "[plugin.notify]\nfile=%%D/weir-notify.so\npool=notify\nspool=%%D/spool.db\n"
	                 "channel.hook.type=webhook\nchannel.hook.url=http://127.0.0.1:%u/\n"
	                 "channel.hook.allow=http private\n%s"
	                 "channel.hook.rate=10000/s\nchannel.hook.burst=1000\n"
	                 "rule.all=load.after.create to #hook\n%s",
	                 pool, port,
	                 strstr(more, "hook.digest") ? "" : "channel.hook.digest=0\n", more);
}

struct wi_spool_counts
notify_counts(void)
{
	struct wi_spool_options options = { .path = rig_path("spool.db"), .shared = true };
	char problem[WI_NOTIFY_PROBLEM_SIZE];
	struct wi_spool_counts counts;
	struct wi_spool *spool;

	CHECK(wi_spool_open(&options, &spool, problem), "%s", problem);
	CHECK(wi_spool_look(spool, &counts), "look");
	wi_spool_close(spool);
	CHECK(counts.accepted == counts.sent + counts.given_up + counts.waiting + counts.suppressed +
	                                 counts.digested, "accepted %llu", (ull)counts.accepted);
	return counts;
}

void
notify_await(bool (*done)(const struct wi_spool_counts *counts), const char *what)
{
	uint64_t start = now_ns();
	struct wi_spool_counts counts;

	for (;;) {
		counts = notify_counts();
		if (done(&counts))
			return;
		CHECK(now_ns() - start < 20 * SECOND, "%s: accepted %llu, sent %llu, given up %llu, waiting "
		      "%llu", what, (ull)counts.accepted, (ull)counts.sent, (ull)counts.given_up,
		      (ull)counts.waiting);
		sleep_ns(5 * MILLISECOND);
	}
}

bool
notify_nothing_waits(const struct wi_spool_counts *counts)
{
	return counts->waiting == 0;
}
