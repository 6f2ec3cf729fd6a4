// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define NARROWEST_NAME 8
/* a narrower terminal has better use for the place */
#define NARROWEST_COMM 120

static const struct {
	const char *title;
	bool right;
} columns[COLUMNS] = {
	[COLUMN_VM] = { "VM", false },		 [COLUMN_COUNT] = { "COUNT", true },
	[COLUMN_RATE] = { "RATE/s", true },	 [COLUMN_SHARE] = { "SHARE", true },
	[COLUMN_EXIT] = { "VM-EXIT", false },	 [COLUMN_FUNCTION] = { "FUNCTION", false },
	[COLUMN_ADDRESS] = { "ADDRESS", false }, [COLUMN_OBJECT] = { "OBJECT", false },
};

/* The address, or the range that the touched addresses of the page span. */
static void print_address(const struct row *row, char buf[TABLE_CELL])
{
	if (row->address_min == row->address_max)
		snprintf(buf, TABLE_CELL, "0x%" PRIx64, row->address_min);
	else
		snprintf(buf, TABLE_CELL, "0x%" PRIx64 "+0x%" PRIx64 "..0x%" PRIx64, row->page,
			 row->address_min - row->page, row->address_max - row->page);
}

static void print_exit(const struct view_row *row, char buf[TABLE_CELL])
{
	unsigned int others = row->row->n_exits - 1;

	if (others)
		snprintf(buf, TABLE_CELL, "%s,+%u%s", row->exits[0], others,
			 row->row->exits_other ? "+" : "");
	else
		snprintf(buf, TABLE_CELL, "%s", row->exits[0]);
}

static void fill(const struct view *view, const struct view_row *row, int limit,
		 struct table_cells *line)
{
	const struct row *r = row->row;
	bool comm = row->comm[0] && (!limit || limit >= NARROWEST_COMM);

	snprintf(line->cell[COLUMN_VM], TABLE_CELL, "%u:%u%s%s%s", r->pid, r->vm, comm ? "(" : "",
		 comm ? row->comm : "", comm ? ")" : "");
	snprintf(line->cell[COLUMN_COUNT], TABLE_CELL, "%" PRIu64, r->count);
	snprintf(line->cell[COLUMN_RATE], TABLE_CELL, "%.1f", view__rate(view, r));
	snprintf(line->cell[COLUMN_SHARE], TABLE_CELL, "%.1f%%",
		 100.0 * r->count / view->report->counted);
	print_exit(row, line->cell[COLUMN_EXIT]);
	snprintf(line->cell[COLUMN_FUNCTION], TABLE_CELL, "%s", row->site);
	print_address(r, line->cell[COLUMN_ADDRESS]);
	snprintf(line->cell[COLUMN_OBJECT], TABLE_CELL, "%s", row->object);
}

static void leave_out(enum table_column column, int *total, int width[COLUMNS])
{
	*total -= width[column] + 1;
	width[column] = 0;
}

/* The two names share what the other columns leave: the function gets up to three fifths. */
static void cut_names(int rest, int width[COLUMNS])
{
	int function = width[COLUMN_FUNCTION], object = width[COLUMN_OBJECT];

	if (rest < 2 * NARROWEST_NAME)
		rest = 2 * NARROWEST_NAME;
	if (function > rest * 3 / 5)
		function = object < rest - rest * 3 / 5 ? rest - object : rest * 3 / 5;
	if (object > rest - function)
		object = rest - function;
	width[COLUMN_FUNCTION] = function;
	width[COLUMN_OBJECT] = object;
}

/*
 * Width of each column, 0 to leave it out. In a narrow terminal the address goes (the live screen
 * has it a key away), then the share, which the counts tell, then ends of names.
 */
static void measure(const struct table_cells *lines, size_t n, int limit, int widest[COLUMNS],
		    int width[COLUMNS])
{
	int total = COLUMNS - 1;

	for (int c = 0; c < COLUMNS; c++) {
		width[c] = strlen(columns[c].title);
		for (size_t i = 0; i < n; i++) {
			int cell = strlen(lines[i].cell[c]);

			width[c] = cell > width[c] ? cell : width[c];
		}
		if (widest && widest[c] > width[c])
			width[c] = widest[c];
		if (widest)
			widest[c] = width[c];
		total += width[c];
	}
	if (!limit)
		return;
	if (total > limit)
		leave_out(COLUMN_ADDRESS, &total, width);
	if (total > limit)
		leave_out(COLUMN_SHARE, &total, width);
	if (total > limit)
		cut_names(limit - (total - width[COLUMN_FUNCTION] - width[COLUMN_OBJECT]), width);
}

/* A cut cell ends in '~'; a cut line is cut at the limit, so that it never wraps. */
static void print_line(const struct table *table, const char *const cells[COLUMNS],
		       char buf[TABLE_LINE])
{
	int n = 0;

	for (int c = 0; c < COLUMNS; c++) {
		int size = strlen(cells[c]), width = table->width[c];
		bool cut = size > width;

		if (!width)
			continue;
		n += snprintf(buf + n, TABLE_LINE - n, "%s%*.*s%s", n ? " " : "",
			      columns[c].right ? width : -(cut ? width - 1 : width),
			      cut ? width - 1 : width, cells[c], cut ? "~" : "");
	}
	while (n && buf[n - 1] == ' ')
		n--;
	if (table->limit && n > table->limit)
		n = table->limit;
	buf[n] = '\0';
}

int table__init(struct table *ret_table, const struct view *view, int limit, int widest[COLUMNS])
{
	struct table table = { .limit = limit };

	table.lines = calloc(view->n ? view->n : 1, sizeof(*table.lines));
	if (!table.lines)
		return -ENOMEM;
	for (size_t i = 0; i < view->n; i++)
		fill(view, &view->rows[i], limit, &table.lines[i]);
	measure(table.lines, view->n, limit, widest, table.width);
	*ret_table = table;
	return 0;
}

void table__fini(struct table *table)
{
	free(table->lines);
	*table = (struct table){};
}

void table_title(const struct table *table, char buf[TABLE_LINE])
{
	const char *cells[COLUMNS];

	for (int c = 0; c < COLUMNS; c++)
		cells[c] = columns[c].title;
	print_line(table, cells, buf);
}

void table_line(const struct table *table, size_t i, char buf[TABLE_LINE])
{
	const char *cells[COLUMNS];

	for (int c = 0; c < COLUMNS; c++)
		cells[c] = table->lines[i].cell[c];
	print_line(table, cells, buf);
}
