/* SPDX-License-Identifier: GPL-2.0 */
/* Renderers: a view to a stream, and nothing else. */
#ifndef FAULTLINE_RENDER_H
#define FAULTLINE_RENDER_H

#include <stdio.h>

#include "view.h"

struct text_style {
	int columns; /* 0: as wide as it gets */
	const char *scope; /* what the counts are over; NULL: "interval" or "total" */
	bool color, time, stats, stacks;
};

void render_text(FILE *out, const struct view *view, const struct text_style *style);

/* Its last lines: what is in the table, what is not shown, what was lost; and the rest. */
void render_counts(FILE *out, const struct view *view, const struct text_style *style);
void render_platform(FILE *out, const struct view *view, const struct text_style *style);

/* One record a row, then a summary; docs/JSON.md */
void render_json(FILE *out, const struct view *view);

#endif
