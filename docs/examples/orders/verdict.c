/* SPDX-License-Identifier: MIT */
/* verdict.c - at most 80 columns. */
#include "verdict.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

/* -- claims ----------------------------------------------------------------- */

static struct claim *
add(struct verdict *verdict, const char *id, uint64_t left, uint64_t right)
{
	struct claim *claim = &verdict->claims[verdict->claim_count++];

	if (verdict->claim_count > VERDICT_CLAIMS_MAX)
		fail("too many claims");
	*claim = (struct claim){.id = id, .left = left, .right = right};
	return claim;
}

void
verdict_none(struct verdict *verdict, const char *id, uint64_t left, uint64_t right,
	     const char *text)
{
	struct claim *claim = add(verdict, id, left, right);

	snprintf(claim->text, sizeof(claim->text), "%s", text);
	claim->holds = left == 0 && right == 0;
}

void
verdict_some(struct verdict *verdict, const char *id, uint64_t left, uint64_t right,
	     const char *format, ...)
{
	struct claim *claim = add(verdict, id, left, right);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(claim->text, sizeof(claim->text), format, arguments);
	va_end(arguments);
	claim->holds = left == right && left > 0;
}

bool
verdict_holds(const struct verdict *verdict)
{
	for (unsigned i = 0; i < verdict->claim_count; i++)
		if (!verdict->claims[i].holds)
			return false;
	return verdict->claim_count > 0;
}

/* -- for people ------------------------------------------------------------- */

const char *
verdict_number(uint64_t number, char text[32])
{
	char digits[24], *at = text;
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, number);

	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			*at++ = ',';
		*at++ = digits[i];
	}
	*at = '\0';
	return text;
}

static void
print_claims(const struct verdict *verdict, FILE *stream)
{
	char left[32], right[32], head[112];

	snprintf(head, sizeof(head), "%s requests, %s refused; counted twice:",
	         verdict_number(verdict->figures[0].tried, left),
	         verdict_number(verdict->figures[0].refused, right));
	fprintf(stream, "  %-52s %8s %9s\n", head, "once", "again");
	for (unsigned i = 0; i < verdict->claim_count; i++) {
		const struct claim *claim = &verdict->claims[i];

		fprintf(stream, "  %-52s %8s %9s  %s\n", claim->text,
			verdict_number(claim->left, left), verdict_number(claim->right, right),
			claim->holds ? "ok" : "FAILED");
	}
}

static void
print_times(const struct verdict *verdict, FILE *stream)
{
	char tried[32];

	fprintf(stream, "\n  %-18s %10s %20s %21s\n", "a request, in us", "requests",
		"announcing p50   p99", "all of it p50   p99");
	for (int i = 0; i < REQUESTS_WAYS; i++) {
		const struct requests_figures *figures = &verdict->figures[i];

		fprintf(stream, "  %-18s %10s %14.1f %5.0f %15.1f %5.0f\n", verdict->ways[i],
		        verdict_number(figures->tried, tried), figures->announcing_ns[0] / 1e3,
		        figures->announcing_ns[1] / 1e3, figures->whole_ns[0] / 1e3,
		        figures->whole_ns[1] / 1e3);
	}
	fputs("  Direct calls wait for the journal's commit; the others leave it to a thread.\n",
	      stream);
}

/* A path that also works from here, if it is shorter. */
static const char *
shown(const char *path)
{
	char here[PATH_MAX];
	size_t length = getcwd(here, sizeof(here)) ? strlen(here) : 0;

	if (length == 0 || strncmp(path, here, length) != 0 || path[length] != '/')
		return path;
	return path + length + 1;
}

/* Commands that work: each is what follows a "$", and more where a line ends in "|". */
static void
print_next(const char *data, FILE *stream)
{
	const char *weir = shown(ORDERS_WEIR);

	fputs("\n  Next, the story of an order, all of it published again, what waits to be sent,\n"
	      "  and real events:\n",
	      stream);
	fprintf(stream, "  $ %s journal show --full --key 7 %s/audit.db\n", weir, data);
	fprintf(stream, "  $ %s journal export %s/audit.db |\n      %s run\n", weir, data, weir);
	fprintf(stream, "  $ %s notify status %s/notify.db\n", weir, data);
	fprintf(stream, "  $ %s run %s\n", weir, shown(ORDERS_SAMPLE));
}

void
verdict_print(const struct verdict *verdict, const char *data, FILE *stream)
{
	print_claims(verdict, stream);
	print_times(verdict, stream);
	if (data)
		print_next(shown(data), stream);
}

/* -- for programs ----------------------------------------------------------- */

static void
print_pair(const char *name, const uint32_t ns[2], FILE *stream)
{
	fprintf(stream, ",\"%s_ns\":{\"p50\":%" PRIu32 ",\"p99\":%" PRIu32 "}", name, ns[0], ns[1]);
}

void
verdict_print_json(const struct verdict *verdict, FILE *stream)
{
	fprintf(stream, "{\"seconds\":%.3f,\"claims\":[", verdict->seconds);
	for (unsigned i = 0; i < verdict->claim_count; i++) {
		const struct claim *claim = &verdict->claims[i];

		fprintf(stream,
			"%s{\"id\":\"%s\",\"left\":%" PRIu64 ",\"right\":%" PRIu64 ",\"holds\":%s}",
			i ? "," : "", claim->id, claim->left, claim->right,
			claim->holds ? "true" : "false");
	}
	fputs("],\"ways\":[", stream);
	for (int i = 0; i < REQUESTS_WAYS; i++) {
		const struct requests_figures *figures = &verdict->figures[i];

		fprintf(stream, "%s{\"name\":\"%s\",\"requests\":%" PRIu64, i ? "," : "",
			verdict->ways[i], figures->tried);
		print_pair("announcing", figures->announcing_ns, stream);
		print_pair("whole", figures->whole_ns, stream);
		fputc('}', stream);
	}
	fprintf(stream, "],\"ok\":%s}\n", verdict_holds(verdict) ? "true" : "false");
}
