/* SPDX-License-Identifier: GPL-2.0 */
/* What the keys of the terminal top do. They change how a report is looked at, never the report. */
#ifndef FAULTLINE_TOP_KEYS_H
#define FAULTLINE_TOP_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot.h"
#include "render/table.h"

#define BROWSE_FILTER 64

struct browse {
	enum row_sort sort;
	bool reverse, paused, help, expanded;
	uint64_t interval_ns;
	char filter[BROWSE_FILTER]; /* "": every row */
	bool typing; /* a new one, in typed */
	char typed[BROWSE_FILTER];

	size_t index; /* of the selected row */
	struct row selected; /* the row itself: it is followed wherever the order puts it */
	bool follows; /* else the selection stays where it is; at the top, as long as it is there */
	size_t extra; /* lines that a selected row too large for the screen is scrolled by */
	size_t top; /* the first line shown */
	size_t help_top;

	/* what the screen last found */
	size_t height; /* lines for rows, or of the help text */
	int width; /* of a line */
	int widest[COLUMNS]; /* each column of the table was, at that width */
	size_t more; /* lines of the selected row, or of the help text, that are below the screen */
};

enum browse_action {
	BROWSE_NOTHING,
	BROWSE_DRAW, /* look again */
	BROWSE_QUIT,
	BROWSE_NEXT, /* read now */
	BROWSE_PACE, /* the interval changed */
	BROWSE_ZERO, /* count from now */
	BROWSE_WRITE, /* write a snapshot */
};

/* key: of tui.h */
enum browse_action browse_key(struct browse *browse, int key);

/* What is filtered by, typed or not. */
const char *browse_filter(const struct browse *browse);

/* Finds the selected row in this order of rows, or selects another. n 0: selects none. */
void browse_select(struct browse *browse, const struct row *rows, size_t n);

/*
 * Scrolls as little as shows the selected row, which has `details` lines below its first, on a
 * screen of browse->height lines.
 */
void browse_scroll(struct browse *browse, size_t n, size_t details);

#endif
