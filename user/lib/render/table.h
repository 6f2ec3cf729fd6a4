/* SPDX-License-Identifier: GPL-2.0 */
/* The rows of a view as lines of text: columns measured, and cut to the width there is. */
#ifndef FAULTLINE_TABLE_H
#define FAULTLINE_TABLE_H

#include <stddef.h>

#include "view.h"

enum table_column {
	COLUMN_VM,
	COLUMN_COUNT,
	COLUMN_RATE,
	COLUMN_SHARE,
	COLUMN_EXIT,
	COLUMN_FUNCTION,
	COLUMN_ADDRESS,
	COLUMN_OBJECT,
	COLUMNS
};

#define TABLE_CELL 200
#define TABLE_LINE (COLUMNS * (TABLE_CELL + 1))

struct table_cells {
	char cell[COLUMNS][TABLE_CELL];
};

struct table {
	struct table_cells *lines; /* one a row of the view */
	int width[COLUMNS]; /* 0: left out */
	int limit;
};

/*
 * limit: what a line may have, 0: any length. widest: kept by a display that is redrawn, all 0 at
 * first, so that columns do not move about; may be NULL. 0 or -ENOMEM.
 */
int table__init(struct table *ret_table, const struct view *view, int limit, int widest[COLUMNS]);
void table__fini(struct table *table);

/* The titles; the row of that number. No line is longer than the limit or ends in a blank. */
void table_title(const struct table *table, char buf[TABLE_LINE]);
void table_line(const struct table *table, size_t i, char buf[TABLE_LINE]);

#endif
