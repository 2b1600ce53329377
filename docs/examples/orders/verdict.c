/* SPDX-License-Identifier: MIT */
/* verdict.c - at most 80 columns. */
#include "verdict.h"

#include <inttypes.h>
#include <string.h>

#include "check.h"

/* -- claims ----------------------------------------------------------------- */

static void
add(struct verdict *verdict, struct claim claim)
{
	if (verdict->claim_count == VERDICT_CLAIMS_MAX)
		fail("too many claims");
	verdict->claims[verdict->claim_count++] = claim;
}

void
verdict_same(struct verdict *verdict, const char *id, const char *text, uint64_t left, uint64_t right)
{
	add(verdict, (struct claim){id, text, left, right, left == right});
}

void
verdict_some(struct verdict *verdict, const char *id, const char *text, uint64_t left, uint64_t right)
{
	add(verdict, (struct claim){id, text, left, right, left == right && left > 0});
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

/* 1,234,567 */
static const char *
grouped(uint64_t number, char text[32])
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
print_claim(const struct claim *claim, FILE *stream)
{
	char left[32], right[32];

	fprintf(stream, "  %-48s %10s  %10s  %s\n", claim->text, grouped(claim->left, left),
	        grouped(claim->right, right), claim->holds ? "ok" : "FAILED");
}

static void
print_times(const char *name, const struct requests_figures *figures, FILE *stream)
{
	char tried[32];

	fprintf(stream, "  %-22s %9s %10.1f %9.1f %12.1f %9.1f\n", name, grouped(figures->tried, tried),
	        figures->announcing_ns[0] / 1e3, figures->announcing_ns[1] / 1e3,
	        figures->whole_ns[0] / 1e3, figures->whole_ns[1] / 1e3);
}

void
verdict_print(const struct verdict *verdict, FILE *stream)
{
	fprintf(stream, "\n  %-48s %10s  %10s\n", "what must be the same", "here", "there");
	for (unsigned i = 0; i < verdict->claim_count; i++)
		print_claim(&verdict->claims[i], stream);
	fprintf(stream, "\n  %-22s %9s %20s %22s\n", "", "", "announcing, us", "the whole request, us");
	fprintf(stream, "  %-22s %9s %10s %9s %12s %9s\n", "the way of a request", "requests", "median", "p99",
	        "median", "p99");
	for (int i = 0; i < REQUESTS_WAYS; i++)
		print_times(verdict->ways[i], &verdict->figures[i], stream);
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

		fprintf(stream, "%s{\"id\":\"%s\",\"left\":%" PRIu64 ",\"right\":%" PRIu64 ",\"holds\":%s}",
		        i ? "," : "", claim->id, claim->left, claim->right, claim->holds ? "true" : "false");
	}
	fputs("],\"ways\":[", stream);
	for (int i = 0; i < REQUESTS_WAYS; i++) {
		const struct requests_figures *figures = &verdict->figures[i];

		fprintf(stream, "%s{\"name\":\"%s\",\"requests\":%" PRIu64, i ? "," : "", verdict->ways[i],
		        figures->tried);
		print_pair("announcing", figures->announcing_ns, stream);
		print_pair("whole", figures->whole_ns, stream);
		fputc('}', stream);
	}
	fprintf(stream, "],\"ok\":%s}\n", verdict_holds(verdict) ? "true" : "false");
}
