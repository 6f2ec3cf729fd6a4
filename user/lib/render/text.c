// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "render.h"
#include "table.h"

static void render_table(FILE *out, const struct view *view, const struct text_style *style)
{
	struct table table;
	char line[TABLE_LINE];

	if (table__init(&table, view, style->columns, NULL)) {
		fputs("(no memory for the table)\n", out);
		return;
	}
	table_title(&table, line);
	fprintf(out, "%s%s%s\n", style->color ? "\033[1m" : "", line,
		style->color ? "\033[0m" : "");
	for (size_t i = 0; i < view->n; i++) {
		table_line(&table, i, line);
		fprintf(out, "%s\n", line);
		for (int f = 0; style->stacks && f < view->rows[i].n_frames; f++)
			fprintf(out, "    %s\n", view->rows[i].frames[f].name);
	}
	table__fini(&table);
}

static void render_losses(FILE *out, const struct report *report)
{
	const char *before = ": ";

	fprintf(out, "lost %s%" PRIu64 "%s%s", report->cut_off ? "at least " : "", report->missed,
		report->lost_of_all && report->missed ? " of all VMMs" : "",
		report->cut_off ? " (the recording is cut off here)" : "");
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

void render_counts(FILE *out, const struct view *view, const struct text_style *style)
{
	const struct report *report = view->report;
	const char *scope = view->total ? "total" : "interval";
	int64_t unaccounted = report__unaccounted(report);

	fprintf(out,
		"%s %.3f s: faults %" PRIu64 ", sites %zu, VMs %zu; not shown: faults %" PRIu64
		", sites %zu\n",
		style->scope ? style->scope : scope, view__seconds(view), report->counted,
		report->n, report->vms, report->counted - view->shown, report->n - view->n);
	render_losses(out, report);
	if (report->quiet && unaccounted)
		fprintf(out,
			"unaccounted %" PRId64 ": rows and losses do not add up to what was "
			"handled; please report this\n",
			unaccounted);
}

void render_platform(FILE *out, const struct view *view, const struct text_style *style)
{
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
	render_counts(out, view, style);
	render_platform(out, view, style);
}
