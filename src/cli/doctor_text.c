/* SPDX-License-Identifier: MIT */
/* doctor_text.c - for people, in 80 columns. */
#include "doctor.h"

#include "figures.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 80, FOUND_AT = 23 };

/* Words from `column` on, further lines from there, too; a word that is too long stands alone. */
static void
write_words(const char *text, int column, FILE *stream)
{
	int at = column;

	while (*text != '\0') {
		int length = (int)strcspn(text, " ");

		if (at > column && at + 1 + length > COLUMNS) {
			fprintf(stream, "\n%*s", column, "");
			at = column;
		} else if (at > column) {
			fputc(' ', stream);
			at++;
		}
		fprintf(stream, "%.*s", length, text);
		at += length;
		text += length;
		text += strspn(text, " ");
	}
	fputc('\n', stream);
}

static void
write_checks(const struct wi_doctor *doctor, FILE *stream)
{
	for (size_t i = 0; i < doctor->check_count; i++) {
		const struct wi_doctor_check *check = &doctor->checks[i];

		fprintf(stream, "  %-12s %-7s ", check->name,
			wi_doctor_verdict_text(check->verdict));
		write_words(check->found, FOUND_AT, stream);
		if (check->advice[0] != '\0') {
			fprintf(stream, "%*s> ", FOUND_AT, "");
			write_words(check->advice, FOUND_AT + 2, stream);
		}
	}
}

/* -- what was measured ------------------------------------------------------------------ */

static void
write_cell(double ns, FILE *stream)
{
	if (ns < 0)
		fprintf(stream, "%6s", "-");
	else
		fprintf(stream, "%6.0f", ns);
}

static void
write_lines(const struct wi_doctor *doctor, FILE *stream)
{
	const struct wi_doctor_measured *measured = &doctor->measured;

	if (measured->cpu_count < 2)
		return;
	fputs("\n  line ns", stream);
	for (int i = 0; i < measured->cpu_count; i++)
		fprintf(stream, "%*d", i == 0 ? 5 : 6, measured->cpus[i]);
	for (int i = 0; i < measured->cpu_count; i++) {
		fprintf(stream, "\n  %4d  ", measured->cpus[i]);
		for (int j = 0; j < measured->cpu_count; j++)
			write_cell(measured->line[i][j], stream);
	}
	fputs("\n  One way, half of a trip there and back.", stream);
	if (measured->cpu_count < doctor->facts.allowed)
		fprintf(stream, " These are %d of the %d allowed.", measured->cpu_count,
			doctor->facts.allowed);
	fputc('\n', stream);
}

static void
write_gaps(const struct wi_doctor *doctor, FILE *stream)
{
	fputs("\n  gaps between readings      p50         p99       p99.9         max\n", stream);
	for (int i = 0; i < doctor->measured.cpu_count; i++) {
		const struct wi_doctor_gaps *gaps = &doctor->measured.gaps[i];

		fprintf(stream, "  processor %-8d %11s %11s %11s %11s\n", gaps->cpu,
			wi_figures_nanoseconds(gaps->p50).text,
			wi_figures_nanoseconds(gaps->p99).text,
			wi_figures_nanoseconds(gaps->p999).text,
			wi_figures_nanoseconds(gaps->max).text);
	}
}

/* -- what is recommended ------------------------------------------------------------------- */

static void
write_indented(void (*write)(const struct wi_doctor_pool *pool, FILE *stream),
	       const struct wi_doctor_pool *pool, FILE *stream)
{
	char *text = NULL, *rest, *line;
	size_t size;
	FILE *memory = open_memstream(&text, &size);

	if (memory == NULL)
		return;
	write(pool, memory);
	fclose(memory);
	for (rest = text; (line = strsep(&rest, "\n")) != NULL && rest != NULL;)
		fprintf(stream, line[0] != '\0' ? "    %s\n" : "%s\n", line);
	free(text);
}

static void
write_pool(const struct wi_doctor_pool *pool, FILE *stream)
{
	fputs("\n  To begin with, by rules that know nothing of the load:\n\n", stream);
	write_indented(wi_doctor_write_ini, pool, stream);
	fputc('\n', stream);
	write_indented(wi_doctor_write_c, pool, stream);
	fputc('\n', stream);
	for (size_t i = 0; i < pool->reason_count; i++) {
		fputs("  - ", stream);
		write_words(pool->reasons[i], 4, stream);
	}
}

void
wi_doctor_write_text(const struct wi_doctor *doctor, FILE *stream)
{
	size_t warnings = wi_doctor_count(doctor, WI_DOCTOR_WARNING);
	size_t notes = wi_doctor_count(doctor, WI_DOCTOR_NOTE);

	fputs("weir doctor\n\n  machine     ", stream);
	facts_write(&doctor->facts, weir_version(), "              ", stream);
	fputc('\n', stream);
	write_checks(doctor, stream);
	if (!doctor->quick) {
		write_lines(doctor, stream);
		write_gaps(doctor, stream);
	}
	write_pool(&doctor->pool, stream);
	fprintf(stream, "\n  %zu warning%s, %zu note%s%s\n", warnings, warnings == 1 ? "" : "s",
		notes, notes == 1 ? "" : "s", doctor->quick ? "; nothing was measured" : "");
}
