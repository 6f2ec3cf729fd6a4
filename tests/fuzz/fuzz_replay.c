// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever a recording holds, it is read and shown, or refused: libFuzzer's entry. Checksums are not
 * looked at in this build (FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION), or nothing would come past them.
 */
#include <stdio.h>

#include "mutate.h"
#include "render/render.h"
#include "replay.h"

/* shown of each report: to look at many files is worth more than to look at many rows */
#define ROWS 4

static void put_out(const struct view *view)
{
	const struct text_style style = {
		.columns = 80, .stats = true, .time = true, .stacks = true
	};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	render_text(out, view, &style);
	render_json(out, view);
	fclose(out);
	free(text);
}

static void show(const struct replay *replay, const struct snapshot *before,
		 const struct snapshot *now, bool total)
{
	struct report report;
	struct view view;

	if (report__init(&report, before, now))
		abort();
	report.quiet = total;
	report.cut_off = total;
	for (enum row_sort sort = 0; sort < SORT_MAX; sort++)
		report__sort(&report, sort);
	if (view__init(&view, &report, replay__resolver(replay), ROWS, total))
		abort();
	put_out(&view);
	view__fini(&view);
	report__fini(&report);
}

/* What the last snapshot has, of all VMMs and of one. */
static void show_totals(const struct replay *replay, struct snapshot *last)
{
	const struct snapshot *start = &replay__origin(replay)->start;

	show(replay, start, last, true);
	if (!last->n)
		return;
	snapshot__keep(last, last->sites[last->n / 2].key.pid);
	show(replay, start, last, true);
}

static void show_all(struct replay *replay)
{
	struct snapshot last = replay__origin(replay)->start, now;
	char why[FLR_WHY];
	uint32_t flags;

	while (replay__next(replay, &now, &flags, why) > 0) {
		show(replay, &last, &now, false);
		snapshot__fini(&last);
		last = now;
	}
	show_totals(replay, &last);
	snapshot__fini(&last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *file = size ? fmemopen((void *)data, size, "r") : NULL;
	struct replay *replay;
	char why[FLR_WHY];

	if (!file)
		return 0;
	if (replay__open(file, &replay, why)) {
		fclose(file);
		return 0;
	}
	show_all(replay);
	replay__free(replay);
	return 0;
}
