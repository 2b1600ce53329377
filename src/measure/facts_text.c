/* SPDX-License-Identifier: MIT */
/* facts_text.c - the machine in a few lines. */
#include "facts.h"

static const char *
plural(int count)
{
	return count == 1 ? "" : "s";
}

static void
write_processor(const struct facts *facts, FILE *stream)
{
	fprintf(stream, "%s; %d of %d processors",
	        facts->processor[0] ? facts->processor : "unknown processor", facts->allowed,
	        facts->online);
	if (facts->quota > 0)
		fprintf(stream, ", quota %.2f", facts->quota);
	if (facts->is_virtual)
		fprintf(stream, "; virtual%s%s", facts->hypervisor[0] ? ", " : "",
		        facts->hypervisor);
}

/* "2 cores, 1 node; governor performance; huge pages madvise; membarrier" */
static void
write_rest(const struct facts *facts, FILE *stream)
{
	const struct topology *topology = &facts->topology;

	if (topology->cores > 0)
		fprintf(stream, "%d core%s%s", topology->cores, plural(topology->cores),
		        topology->threads > 1 ? " with SMT" : "");
	else
		fputs("cores not told", stream);
	if (topology->caches > 1)
		fprintf(stream, ", %d caches", topology->caches);
	if (topology->nodes > 0)
		fprintf(stream, ", %d node%s", topology->nodes, plural(topology->nodes));
	if (facts->governor[0])
		fprintf(stream, "; governor %s", facts->governor);
	if (facts->huge_pages[0])
		fprintf(stream, "; huge pages %s", facts->huge_pages);
	fputs(facts->has_membarrier ? "; membarrier" : "; no membarrier", stream);
}

void
facts_write(const struct facts *facts, const char *version, const char *indent, FILE *stream)
{
	write_processor(facts, stream);
	fprintf(stream, "\n%s", indent);
	write_rest(facts, stream);
	fprintf(stream, "\n%s%s; clock %s, %.1f ns a reading\n", indent, facts->kernel,
	        facts->clock_source[0] ? facts->clock_source : "unknown", facts->clock_ns);
	fprintf(stream, "%sweir %s, %s%s%s\n", indent, version, facts->compiler,
	        facts->libc[0] ? ", " : "", facts->libc);
}
