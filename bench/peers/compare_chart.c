/* SPDX-License-Identifier: MIT */
/*
 * compare_chart.c - four panels of bars on log axes, drawn by gnuplot.
 *
 * gnuplot's colours are for white paper; a style sheet that is put into its SVG makes text and axes
 * light where the reader's pages are dark.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare_figure.h"
#include "compare_print.h"

enum { BARS_MOST = PEERS + CELLS, PANELS = 4 };

/* Pixels. */
enum { WIDTH = 880, ROW = 22, HEAD = 62, FOOT = 48, TOP = 56, NAMES = 120 };

struct row {
	const char *name;
	const struct spread *ratio;
};

struct panel {
	const char *title, *axis;
	int column;
	enum class class;
	int batch;
	bool disruptor;                 /* its scenarios, else all peers in 1p1c */
	struct row rows[BARS_MOST];
	size_t count;
};

static const struct panel layout[PANELS] = {
	{ "Throughput: one event a publish", "weir's events/s by the peer's", 0, CLASS_SINGLE, 1,
	  false, { { 0 } }, 0 },
	{ "Latency: 100,000 events/s", "the peer's p50 by weir's", 1, CLASS_OPEN, 1, false,
	  { { 0 } }, 0 },
	{ "LMAX Disruptor: one event a publish", "weir's events/s by the Disruptor's", 0,
	  CLASS_SINGLE, 1, true, { { 0 } }, 0 },
	{ "Throughput: 256 events a commit", "weir's events/s by the peer's", 1, CLASS_BATCHED, 256,
	  false, { { 0 } }, 0 },
};

static bool
belongs(const struct panel *panel, const struct entry *entry)
{
	const struct cell *cell = entry->cell;

	return cell->class == panel->class && cell->size == 48 && cell->batch == panel->batch &&
	       entry->peer != &peers[0] && entry->kept && !entry->failed &&
	       (panel->disruptor ? !strcmp(entry->peer->name, "disruptor")
	                         : !strcmp(cell->scenario, "1p1c"));
}

static int
compare_rows(const void *a, const void *b)
{
	double x = ((const struct row *)a)->ratio->median;
	double y = ((const struct row *)b)->ratio->median;

	return (x > y) - (x < y);
}

static void
fill(struct panel *panel, const struct comparison *comparison)
{
	for (size_t f = 0; f < comparison->field_count; f++)
		for (size_t i = 1; i < comparison->fields[f].count; i++) {
			const struct entry *entry = &comparison->fields[f].entries[i];

			if (!belongs(panel, entry) || panel->count == BARS_MOST)
				continue;
			panel->rows[panel->count++] = (struct row){
				.name = panel->disruptor ? entry->cell->scenario : entry->peer->name,
				.ratio = panel->class == CLASS_OPEN ? &entry->p50_ratio
				                                    : &entry->ns_ratio,
			};
		}
	qsort(panel->rows, panel->count, sizeof *panel->rows, compare_rows);
}

static int
height(const struct panel *panel)
{
	return panel->count ? HEAD + ROW * (int)panel->count + FOOT : 0;
}

/* Room for the label of the longest bar, three tenths of the axis. */
static void
write_range(FILE *out, const struct panel *panel)
{
	double low = 1, high = 10;

	for (size_t i = 0; i < panel->count; i++) {
		const struct spread *ratio = panel->rows[i].ratio;

		low = ratio->quartiles[0] < low ? ratio->quartiles[0] : low;
		high = ratio->quartiles[1] > high ? ratio->quartiles[1] : high;
	}
	low = low < 0.8 ? low / 1.2 : 0.8;
	fprintf(out, "set xrange [%g:%g]\nset xtics %d\n", low, high * pow(high / low, 0.3),
	        high / low > 1e4 ? 100 : 10);
}

static void
write_panel(FILE *out, const struct panel *panel, int top, int figure_height)
{
	double bottom = figure_height - top - height(panel);

	fprintf(out, "$rows << EOD\n");
	for (size_t i = 0; i < panel->count; i++) {
		const struct spread *ratio = panel->rows[i].ratio;

		fprintf(out, "%zu \"%s\" %g %g %g \"%s x\" 0x%s\n", i, panel->rows[i].name,
		        ratio->median, ratio->quartiles[0], ratio->quartiles[1],
		        figure(ratio->median), ratio->median < 1 ? "db6d28" : "4493d8");
	}
	fprintf(out, "EOD\n");
	fprintf(out, "set lmargin at screen %g\nset rmargin at screen %g\n",
	        (panel->column * WIDTH / 2.0 + NAMES) / WIDTH,
	        ((panel->column + 1) * WIDTH / 2.0 - 20) / WIDTH);
	fprintf(out, "set tmargin at screen %g\nset bmargin at screen %g\n",
	        1 - (double)(top + HEAD) / figure_height, (bottom + FOOT) / figure_height);
	write_range(out, panel);
	fprintf(out, "set yrange [%g:-0.6]\nset title \"%s\"\nset xlabel \"%s\"\n",
	        (double)panel->count - 0.4, panel->title, panel->axis);
	fprintf(out, "plot $rows using 3:1:(1):3:($1-0.36):($1+0.36):(int($7)):ytic(2) "
	             "with boxxyerror lc rgb variable, "
	             "$rows using 3:1:4:5 with xerrorbars pt 0 lc rgb \"#808890\", "
	             "$rows using ($5>1?$5:1):1:6 with labels left offset 0.7,0\n");
}

static void
write_script(FILE *out, const struct outcome *outcome)
{
	struct panel panels[PANELS];
	int tops[2] = { TOP, TOP }, figure_height;

	memcpy(panels, layout, sizeof panels);
	for (int i = 0; i < PANELS; i++) {
		fill(&panels[i], outcome->comparison);
		tops[panels[i].column] += height(&panels[i]);
	}
	figure_height = tops[0] > tops[1] ? tops[0] : tops[1];
	fprintf(out, "set terminal svg size %d,%d dynamic font \"sans-serif,13\"\n", WIDTH,
	        figure_height);
	fprintf(out, "set multiplot\n"
	             "set label 1 \"weir beside its peers: 1p1c and 48 bytes where nothing else is "
	             "said; %.10s, %s\" at screen 0.5,%g center font \",15\"\n"
	             "set label 2 \"right of 1, weir is better; medians with quartiles\" at screen "
	             "0.5,%g center\n",
	        outcome->machine.date, outcome->machine.facts.processor, 1 - 18.0 / figure_height,
	        1 - 38.0 / figure_height);
	fprintf(out, "set logscale x 10\nunset key\nset border 1\nset tics nomirror\n"
	             "set ytics scale 0\nset xlabel offset 0,0.5\nset title offset 0,-0.4\n"
	             "set style fill solid 0.9 noborder\n"
	             "set arrow 1 from first 1, graph 0 to first 1, graph 1 nohead lc rgb "
	             "\"#808890\" front\n");
	tops[0] = tops[1] = TOP;
	for (int i = 0; i < PANELS; i++) {
		if (!panels[i].count)
			continue;
		write_panel(out, &panels[i], tops[panels[i].column], figure_height);
		tops[panels[i].column] += height(&panels[i]);
		fprintf(out, "unset label\n");
	}
}

static void
copy_with_style(FILE *from, FILE *to)
{
	static const char style[] =
		"<style>@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } "
		"path[stroke=\"black\"] { stroke: #e6edf3 } }</style>\n";
	char line[8192];

	while (fgets(line, sizeof line, from)) {
		if (!strncmp(line, "<title>", 7)) {
			fputs("<title>weir beside its peers</title>\n", to);
			continue;
		}
		fputs(line, to);
		if (!strncmp(line, "<desc>", 6))
			fputs(style, to);
	}
}

static bool
draw(const char *script, const char *path)
{
	char command[128];
	FILE *svg, *from;
	int status;

	svg = fopen(path, "w");
	if (!svg) {
		fprintf(stderr, "weir-peers: %s: %s\n", path, strerror(errno));
		return false;
	}
	snprintf(command, sizeof command, "gnuplot %s", script);
	from = popen(command, "r");
	if (from)
		copy_with_style(from, svg);
	status = from ? pclose(from) : -1;
	if (status)
		fprintf(stderr, "weir-peers: no chart: gnuplot (package gnuplot-nox) %s\n",
		        status == 127 << 8 ? "is not there" : "failed");
	return !fclose(svg) && !status;
}

bool
print_chart(const struct outcome *outcome, const char *path)
{
	char script[] = "/tmp/weir-peers-XXXXXX";
	int fd = mkstemp(script);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	bool ok;

	if (!out) {
		fprintf(stderr, "weir-peers: %s: %s\n", script, strerror(errno));
		return false;
	}
	write_script(out, outcome);
	ok = !fclose(out) && draw(script, path);
	unlink(script);
	if (!ok)
		unlink(path);
	return ok;
}
