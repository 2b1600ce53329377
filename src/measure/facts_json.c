/* SPDX-License-Identifier: MIT */
/* facts_json.c - the machine as one object; null is what is not told. */
#include "facts.h"

#include <jansson.h>

static json_t *
text(const char *value)
{
	return value[0] != '\0' ? json_string(value) : json_null();
}

static json_t *
count(int value)
{
	return value > 0 ? json_integer(value) : json_null();
}

static json_t *
real(double value, bool known)
{
	return known ? json_real(value) : json_null();
}

/* Bytes do not reach 2^63 but where there is no limit. */
static json_t *
bytes(uint64_t value)
{
	return value <= INT64_MAX ? json_integer((json_int_t)value) : json_null();
}

static json_t *
make_topology(const struct topology *topology)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "cores", count(topology->cores),
	                 "threads_of_a_core", count(topology->threads), "packages",
	                 count(topology->packages), "last_level_caches", count(topology->caches),
	                 "nodes", count(topology->nodes));
}

static json_t *
make_memory(const struct facts *facts)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "bytes", bytes(facts->memory), "swap_bytes",
	                 bytes(facts->swap), "swap_used_bytes", bytes(facts->swap_used),
	                 "lockable_bytes", bytes(facts->lockable), "huge_pages",
	                 text(facts->huge_pages));
}

json_t *
facts_json(const struct facts *facts, const char *version)
{
	json_t *object = json_pack(
	        "{s:o, s:i, s:i, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:f, s:b, s:b}", "processor",
	        text(facts->processor), "processors", facts->online, "processors_allowed",
	        facts->allowed, "quota", real(facts->quota, facts->quota > 0), "virtual",
	        facts->is_virtual, "hypervisor", text(facts->hypervisor), "governor",
	        text(facts->governor), "kernel", text(facts->kernel), "clock_source",
	        text(facts->clock_source), "clock_sources", text(facts->clock_sources),
	        "clock_reading_ns", facts->clock_ns, "membarrier", facts->has_membarrier,
	        "page_table_isolation", facts->isolates_tables);
	json_t *rest = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "topology",
	                         make_topology(&facts->topology), "memory", make_memory(facts),
	                         "stolen_share", real(facts->stolen, facts->stolen >= 0), "load",
	                         real(facts->load, facts->load >= 0), "libc", text(facts->libc),
	                         "compiler", text(facts->compiler), "weir", version);

	json_object_update(object, rest);
	json_decref(rest);
	return object;
}
