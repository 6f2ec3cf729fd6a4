// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever a recording holds, it is read and shown, or refused: libFuzzer's entry. Checksums are not
 * looked at in this build (FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION), or nothing would come past them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flr.h"
#include "render/render.h"
#include "replay.h"
#include "util.h"

/* shown of each report: to look at many files is worth more than to look at many rows */
#define ROWS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
/* libFuzzer's */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

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

/* Where section n starts, or the end of what is in order. */
static size_t section_at(const uint8_t *data, size_t size, size_t n)
{
	size_t at = sizeof(struct flr_head);
	struct flr_section head;

	while (n-- && at + sizeof(head) <= size) {
		memcpy(&head, data + at, sizeof(head));
		if (head.size > size - at - sizeof(head))
			break;
		at += sizeof(head) + head.size;
	}
	return at;
}

/*
 * A section whose length changes takes those behind it out of step, and the reader refuses all of it:
 * mostly, one section's payload is changed and its head put right.
 */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	size_t at = section_at(data, size, seed / 8 % 32), rest, old, new;
	struct flr_section head;
	cleanup_free uint8_t *behind = NULL;

	if (seed % 8 == 0 || at + sizeof(head) > size)
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(&head, data + at, sizeof(head));
	at += sizeof(head);
	old = head.size < size - at ? head.size : size - at;
	rest = size - at - old;
	behind = malloc(rest + 1);
	if (!behind)
		abort();
	memcpy(behind, data + at + old, rest);
	new = LLVMFuzzerMutate(data + at, old, max_size - at - rest);
	memcpy(data + at + new, behind, rest);
	head.size = new;
	memcpy(data + at - sizeof(head), &head, sizeof(head));
	return at + new + rest;
}
