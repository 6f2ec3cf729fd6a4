// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "render.h"
#include "util.h"

enum column { VM, COUNT, RATE, SHARE, EXIT, FUNCTION, ADDRESS, OBJECT, COLUMNS };

#define CELL 200
#define NARROWEST_NAME 8
/* a narrower terminal has better use for the place */
#define NARROWEST_COMM 120

static const struct {
	const char *title;
	bool right;
} columns[COLUMNS] = {
	[VM] = { "VM", false },		  [COUNT] = { "COUNT", true },
	[RATE] = { "RATE/s", true },	  [SHARE] = { "SHARE", true },
	[EXIT] = { "VM-EXIT", false },	  [FUNCTION] = { "FUNCTION", false },
	[ADDRESS] = { "ADDRESS", false }, [OBJECT] = { "OBJECT", false },
};

struct line {
	char cell[COLUMNS][CELL];
};

/* The address, or the range that the touched addresses of the page span. */
static void print_address(const struct row *row, char buf[CELL])
{
	if (row->address_min == row->address_max)
		snprintf(buf, CELL, "0x%" PRIx64, row->address_min);
	else
		snprintf(buf, CELL, "0x%" PRIx64 "+0x%" PRIx64 "..0x%" PRIx64, row->page,
			 row->address_min - row->page, row->address_max - row->page);
}

static void print_exit(const struct view_row *row, char buf[CELL])
{
	unsigned int others = row->row->n_exits - 1;

	if (others)
		snprintf(buf, CELL, "%s,+%u%s", row->exits[0], others,
			 row->row->exits_other ? "+" : "");
	else
		snprintf(buf, CELL, "%s", row->exits[0]);
}

static void fill(const struct view *view, const struct view_row *row, int limit, struct line *line)
{
	const struct row *r = row->row;
	bool comm = row->comm[0] && (!limit || limit >= NARROWEST_COMM);

	snprintf(line->cell[VM], CELL, "%u:%u%s%s%s", r->pid, r->vm, comm ? "(" : "",
		 comm ? row->comm : "", comm ? ")" : "");
	snprintf(line->cell[COUNT], CELL, "%" PRIu64, r->count);
	snprintf(line->cell[RATE], CELL, "%.1f", r->count / view__seconds(view));
	snprintf(line->cell[SHARE], CELL, "%.1f%%", 100.0 * r->count / view->report->counted);
	print_exit(row, line->cell[EXIT]);
	snprintf(line->cell[FUNCTION], CELL, "%s", row->site);
	print_address(r, line->cell[ADDRESS]);
	snprintf(line->cell[OBJECT], CELL, "%s", row->object);
}

/*
 * Width of each column, 0 to leave it out. In a narrow terminal the address goes (the final report
 * has it), then the two names share what is left.
 */
static void measure(const struct line *lines, size_t n, int limit, int width[COLUMNS])
{
	int total = COLUMNS - 1, rest;

	for (int c = 0; c < COLUMNS; c++) {
		width[c] = strlen(columns[c].title);
		for (size_t i = 0; i < n; i++) {
			int cell = strlen(lines[i].cell[c]);

			width[c] = cell > width[c] ? cell : width[c];
		}
		total += width[c];
	}
	if (!limit || total <= limit)
		return;
	total -= width[ADDRESS] + 1;
	width[ADDRESS] = 0;
	if (total <= limit)
		return;
	rest = limit - (total - width[FUNCTION] - width[OBJECT]);
	if (rest < 2 * NARROWEST_NAME)
		rest = 2 * NARROWEST_NAME;
	if (width[OBJECT] > rest / 2)
		width[OBJECT] = width[FUNCTION] < rest / 2 ? rest - width[FUNCTION] : rest / 2;
	if (width[FUNCTION] > rest - width[OBJECT])
		width[FUNCTION] = rest - width[OBJECT];
}

/* A cut cell ends in '~'; a cut line is cut at the limit, so that it never wraps. */
static void render_line(FILE *out, const char *const cells[COLUMNS], const int width[COLUMNS],
			int limit, bool bold)
{
	char text[COLUMNS * (CELL + 1)] = "";
	int n = 0;

	for (int c = 0; c < COLUMNS; c++) {
		int size = strlen(cells[c]);
		bool cut = size > width[c];

		if (!width[c])
			continue;
		n += snprintf(text + n, sizeof(text) - n, "%s%*.*s%s", n ? " " : "",
			      columns[c].right ? width[c] : -(cut ? width[c] - 1 : width[c]),
			      cut ? width[c] - 1 : width[c], cells[c], cut ? "~" : "");
	}
	while (n && text[n - 1] == ' ')
		n--;
	if (limit && n > limit)
		n = limit;
	fprintf(out, "%s%.*s%s\n", bold ? "\033[1m" : "", n, text, bold ? "\033[0m" : "");
}

static void render_table(FILE *out, const struct view *view, const struct text_style *style)
{
	cleanup_free struct line *lines = calloc(view->n ? view->n : 1, sizeof(*lines));
	const char *cells[COLUMNS];
	int width[COLUMNS];

	if (!lines) {
		fputs("(no memory for the table)\n", out);
		return;
	}
	for (size_t i = 0; i < view->n; i++)
		fill(view, &view->rows[i], style->columns, &lines[i]);
	measure(lines, view->n, style->columns, width);
	for (int c = 0; c < COLUMNS; c++)
		cells[c] = columns[c].title;
	render_line(out, cells, width, style->columns, style->color);
	for (size_t i = 0; i < view->n; i++) {
		for (int c = 0; c < COLUMNS; c++)
			cells[c] = lines[i].cell[c];
		render_line(out, cells, width, style->columns, false);
		for (int f = 0; style->stacks && f < view->rows[i].n_frames; f++)
			fprintf(out, "    %s\n", view->rows[i].frames[f].name);
	}
}

static void render_losses(FILE *out, const struct report *report)
{
	const char *before = ": ";

	fprintf(out, "lost %" PRIu64, report->missed);
	for (int i = 0; i < LOSS_MAX; i++) {
		if (!loss_is_event(i) || !report->losses.n[i])
			continue;
		fprintf(out, "%s%s %" PRIu64 " (%s)", before, loss_name(i), report->losses.n[i],
			loss_remedy(i));
		before = ", ";
	}
	for (int i = 0; i < LOSS_MAX; i++)
		if (!loss_is_event(i) && report->losses.n[i])
			fprintf(out, "; %ss lost %" PRIu64 " (%s)", loss_name(i),
				report->losses.n[i], loss_remedy(i));
	fputc('\n', out);
}

static void render_cost(FILE *out, const struct view *view)
{
	const struct cost *cost = &view->report->cost;

	if (cost->state != COST_KNOWN)
		fprintf(out, "cost: not measured: %s; ",
			cost->err == -EPERM ? "needs CAP_SYS_ADMIN" : strerror(-cost->err));
	else if (cost->runs)
		fprintf(out, "cost: %" PRIu64 " runs of %.0f ns%s in the kernel, ", cost->runs,
			(double)cost->ns / cost->runs,
			view->resolver->emulated ? " (under emulation)" : "");
	else
		fputs("cost: no runs in the kernel, ", out);
	fprintf(out, "%.3f s of CPU for this process so far\n", cost->cpu_us / 1e6);
}

static void render_foot(FILE *out, const struct view *view, const struct text_style *style)
{
	const struct report *report = view->report;
	int64_t unaccounted = report__unaccounted(report);

	fprintf(out,
		"%s %.3f s: faults %" PRIu64 ", sites %zu, VMs %zu; not shown: faults %" PRIu64
		", sites %zu\n",
		view->total ? "total" : "interval", view__seconds(view), report->counted, report->n,
		report->vms, report->counted - view->shown, report->n - view->n);
	render_losses(out, report);
	if (view->total && unaccounted)
		fprintf(out,
			"unaccounted %" PRId64 ": rows and losses do not add up to what was "
			"handled; please report this\n",
			unaccounted);
	if (style->stats)
		render_cost(out, view);
	fprintf(out, "platform: %s%s%s\n", view->resolver->platform,
		*view->resolver->symbols ? "; symbols: " : "", view->resolver->symbols);
}

void render_text(FILE *out, const struct view *view, const struct text_style *style)
{
	char time[40];

	if (style->time) {
		view__time(view, time);
		fprintf(out, "%s\n", time);
	}
	render_table(out, view, style);
	render_foot(out, view, style);
}
