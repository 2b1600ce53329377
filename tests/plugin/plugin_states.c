/* SPDX-License-Identifier: MIT */
/* plugin_states.c - load, enable, disable, reconfigure, fail, hang, close: what each promises. */
#include <stdio.h>
#include <string.h>
#include <pthread.h>

#include "rig.h"

static const char *const modules[] = { "good.so", "other.so", "plain.so", "blocks.so", "counter.so", NULL };

static struct rig rig;
static struct control control, second;

static void
begin(const char *phase)
{
	support_phase(phase);
	control = second = (struct control){ .subscriptions = 2 };
	rig_open(&rig, modules);
}

static void
check_problem(const char *text)
{
	CHECK(strstr(rig.problem, text), "problem: %s; wanted: %s", rig.problem, text);
}

static void
check_state(const char *name, enum wi_plugin_state state)
{
	CHECK(rig_info(&rig, name).state == state, "%s: %d", name, rig_info(&rig, name).state);
}

/* -- the way of a plugin that does well ------------------------------------- */

static void
check_counts(const char *name, uint64_t subscriptions, uint64_t due)
{
	struct wi_plugin_info info = rig_info(&rig, name);

	CHECK(info.subscriptions == subscriptions && info.due == due && info.ok == due && !info.failed,
	      "%s: %llu subscriptions, due %llu, ok %llu, failed %llu", name, (ull)info.subscriptions,
	      (ull)info.due, (ull)info.ok, (ull)info.failed);
}

static void
test_way(void)
{
	begin("a plugin goes its way");
	CHECK_OK(rig_load(&rig, "audit", "good", &control, 0));
	check_state("audit", WI_PLUGIN_LOADED);
	CHECK(strcmp(rig_info(&rig, "audit").health.text, "disabled") == 0, "health");
	rig_publish(&rig, 10);
	rig_flush(&rig);
	CHECK(control.events == 0 && control.loads == 1, "before enable");

	CHECK_OK(rig_enable(&rig, "audit"));
	CHECK_OK(rig_enable(&rig, "audit"));
	check_state("audit", WI_PLUGIN_ENABLED);
	rig_check_subscriptions(&rig, 2);
	rig_publish(&rig, 1000);
	rig_flush(&rig);
	check_counts("audit", 2, 2000);
	CHECK(rig_info(&rig, "audit").health.code == 7 &&
	      strncmp(rig_info(&rig, "audit").health.text, "well????", 8) == 0, "health");

	CHECK_OK(rig_disable(&rig, "audit", 10 * SECOND));
	CHECK_OK(rig_disable(&rig, "audit", 10 * SECOND));
	rig_publish(&rig, 10);
	rig_flush(&rig);
	rig_check_subscriptions(&rig, 0);
	check_counts("audit", 0, 2000);
	CHECK(control.enables == 1 && control.disables == 1 && control.released == 2, "one of each");
	rig_close(&rig);
	CHECK(control.unloads == 1 && control.disables == 1 && control.late == 0, "unloaded once");
	CHECK(rig_logged("<6> WEIR-PLUGIN plugin audit: enabled") && rig_logged("plugin audit: disabled"), "log");
	CHECK(rig_told("plugin.after.enable {\"plugin\":\"audit\"}") &&
	      rig_told("plugin.after.disable {\"plugin\":\"audit\"}"), "events");
}

int
main(void)
{
	support_begin("plugin_states");
	test_way();
	return 0;
}
