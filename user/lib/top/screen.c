// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "duration.h"
#include "tui.h"
#include "util.h"
#include "render/render.h"
#include "render/table.h"
#include "top/detail.h"
#include "top/help.h"
#include "top/lines.h"
#include "top/screen.h"

/* A terminal with fewer lines has better use for them. */
#define LINES_FOR_TITLE 5
#define LINES_FOR_KEYS 8
#define LINES_FOR_PLATFORM 16
#define DETAIL_INDENT 4

/* The rows that the filter leaves: all of the report's, or some of them, copied. */
struct choice {
	const struct row *rows;
	struct row *copied;
	size_t n;
};

struct layout {
	int width, height;
	int y; /* the next line to set */
	bool head, title, bottom; /* whether there is place for them */
	struct choice choice;
	struct lines details; /* of the selected row */
	struct lines counts, platform;
};

static int choose(const struct screen *screen, const struct browse *browse,
		  struct choice *ret_choice)
{
	const struct report *report = screen->report;
	const char *filter = browse_filter(browse);
	struct choice choice = { .rows = report->rows, .n = report->n };

	if (*filter) {
		choice.copied = calloc(report->n ? report->n : 1, sizeof(*choice.copied));
		if (!choice.copied)
			return -ENOMEM;
		choice.rows = choice.copied;
		choice.n = 0;
		for (size_t i = 0; i < report->n; i++)
			if (view_matches(screen->resolver, &report->rows[i], filter))
				choice.copied[choice.n++] = report->rows[i];
	}
	if (screen->rows && choice.n > screen->rows)
		choice.n = screen->rows;
	*ret_choice = choice;
	return 0;
}

static int wrap_details(const struct screen *screen, const struct row *row, struct layout *layout)
{
	cleanup_free char *text = NULL;
	struct view view;
	size_t size;
	FILE *out;
	int err;

	err = view__init_part(&view, screen->report, screen->resolver, row, 1);
	if (err)
		return err;
	out = open_memstream(&text, &size);
	if (out)
		detail_print(out, &view, view.rows, screen->stacks);
	view__fini(&view);
	if (!out || fclose(out))
		return -ENOMEM;
	return lines__add(&layout->details, text, layout->width, DETAIL_INDENT);
}

typedef void print_fn(FILE *out, const struct view *view, const struct text_style *style);

static int wrap(struct lines *lines, int width, const struct screen *screen,
		const struct view *view, print_fn *print)
{
	const struct text_style style = { .scope = screen->scope, .stats = screen->stats };
	cleanup_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	print(out, view, &style);
	if (fclose(out))
		return -ENOMEM;
	lines__fini(lines);
	return lines__add(lines, text, width, 0);
}

/*
 * Where everything goes. Losses and what is not shown always have their lines. How many they take
 * depends on what is shown, and that on them: it is found for nothing shown, which takes most.
 */
static int place(const struct screen *screen, struct browse *browse, struct layout *layout)
{
	struct view none = { .report = screen->report, .resolver = screen->resolver };
	int err, rest;

	layout->head = layout->height >= LINES_FOR_KEYS;
	layout->title = layout->height >= LINES_FOR_TITLE;
	layout->bottom = layout->head || browse->typing || *screen->message;
	err = wrap(&layout->counts, layout->width, screen, &none, render_counts);
	if (!err && layout->height >= LINES_FOR_PLATFORM)
		err = wrap(&layout->platform, layout->width, screen, &none, render_platform);
	rest = layout->height - layout->head - layout->title - layout->bottom -
	       (int)(layout->counts.n + layout->platform.n);
	browse->height = rest > 0 ? rest : 0;
	browse_select(browse, layout->choice.rows, layout->choice.n);
	if (!err && browse->expanded && layout->choice.n)
		err = wrap_details(screen, &layout->choice.rows[browse->index], layout);
	browse_scroll(browse, layout->choice.n, layout->details.n);
	return err;
}

/* The row that is on this line of all of them, with the selected one's details. */
static size_t row_at(const struct layout *layout, const struct browse *browse, size_t line)
{
	if (line <= browse->index)
		return line;
	if (line <= browse->index + layout->details.n)
		return browse->index;
	return line - layout->details.n;
}

/* The rows that are on the screen, of the first of them and the number of lines. */
static int view_rows(const struct screen *screen, const struct browse *browse,
		     const struct layout *layout, struct view *ret_view, size_t *ret_first)
{
	size_t first = row_at(layout, browse, browse->top), n = 0;

	if (browse->height && first < layout->choice.n)
		n = row_at(layout, browse, browse->top + browse->height - 1) - first + 1;
	if (n > layout->choice.n - first)
		n = layout->choice.n - first;
	*ret_first = first;
	return view__init_part(ret_view, screen->report, screen->resolver,
			       layout->choice.rows + first, n);
}

static void set(struct layout *layout, const char *text, enum tui_style style)
{
	if (layout->y < layout->height)
		tui_line(layout->y++, text, style);
}

/* If there is no place for all of them, the last: losses are. */
static void set_lines(struct layout *layout, const struct lines *lines, enum tui_style style)
{
	size_t room = layout->height - layout->y;

	for (size_t i = lines->n > room ? lines->n - room : 0; i < lines->n; i++)
		set(layout, lines->line[i], style);
}

static void print_interval(uint64_t ns, char buf[32])
{
	if (ns < NSEC_PER_SEC)
		snprintf(buf, 32, "%g ms", ns / 1e6);
	else
		snprintf(buf, 32, "%g s", ns / 1e9);
}

static void set_head(const struct screen *screen, const struct browse *browse,
		     const struct view *view, struct layout *layout)
{
	const char *filter = browse_filter(browse);
	char text[512], time[40], interval[32];
	int n;

	print_interval(browse->interval_ns, interval);
	n = snprintf(text, sizeof(text), "asi-faulttop  %s%severy %s  by %s%s", screen->state,
		     *screen->state ? "  " : "", interval, row_sort_name(browse->sort),
		     browse->reverse ? ", reversed" : "");
	if (*filter)
		n += snprintf(text + n, sizeof(text) - n, "  /%s: %zu of %zu sites", filter,
			      layout->choice.n, screen->report->n);
	view__time(view, time);
	/* to the second, at the right */
	strcpy(strchr(time, '.'), "Z");
	if (n + 2 + (int)strlen(time) <= layout->width)
		snprintf(text + n, sizeof(text) - n, "%*s", layout->width - n, time);
	set(layout, text, *screen->state ? TUI_WARNING : TUI_BOLD);
}

static int set_rows(const struct view *view, size_t first, struct browse *browse,
		    struct layout *layout)
{
	size_t lines = layout->choice.n + layout->details.n;
	struct table table;
	char text[TABLE_LINE];
	int err;

	if (browse->width != layout->width)
		memset(browse->widest, 0, sizeof(browse->widest));
	browse->width = layout->width;
	err = table__init(&table, view, layout->width, browse->widest);
	if (err)
		return err;
	table_title(&table, text);
	if (layout->title)
		set(layout, text, TUI_TITLE);
	for (size_t line = browse->top; line < browse->top + browse->height && line < lines;
	     line++) {
		size_t row = row_at(layout, browse, line);

		if (row == browse->index && line != row) {
			set(layout, layout->details.line[line - row - 1], TUI_PLAIN);
			continue;
		}
		table_line(&table, row - first, text);
		set(layout, text, row == browse->index ? TUI_SELECTED : TUI_PLAIN);
	}
	if (browse->height && !layout->choice.n)
		set(layout, view->report->n ? "(no function or object matches)" : "(no fault yet)",
		    TUI_PLAIN);
	table__fini(&table);
	return 0;
}

static void set_bottom(const struct screen *screen, const struct browse *browse,
		       struct layout *layout)
{
	char text[256];

	if (!layout->bottom)
		return;
	layout->y = layout->height - 1;
	if (browse->typing) {
		snprintf(text, sizeof(text), "filter: %s_  (Enter: keep, Esc: drop)",
			 browse->typed);
		set(layout, text, TUI_BOLD);
	} else if (*screen->message) {
		set(layout, screen->message, TUI_BOLD);
	} else {
		help_keys(text, sizeof(text), layout->width);
		set(layout, text, TUI_PLAIN);
	}
}

static int set_foot(const struct screen *screen, const struct browse *browse,
		    const struct view *view, struct layout *layout)
{
	int err = wrap(&layout->counts, layout->width, screen, view, render_counts);

	layout->y = layout->height - layout->bottom - (int)(layout->platform.n + layout->counts.n);
	if (layout->y < 0)
		layout->y = 0;
	set_lines(layout, &layout->counts, view->report->missed ? TUI_WARNING : TUI_PLAIN);
	set_lines(layout, &layout->platform, TUI_PLAIN);
	set_bottom(screen, browse, layout);
	return err;
}

static int draw_table(const struct screen *screen, struct browse *browse, struct layout *layout)
{
	struct view view;
	size_t first;
	int err;

	err = choose(screen, browse, &layout->choice);
	if (!err)
		err = place(screen, browse, layout);
	if (!err)
		err = view_rows(screen, browse, layout, &view, &first);
	if (err)
		return err;
	if (layout->head)
		set_head(screen, browse, &view, layout);
	err = set_rows(&view, first, browse, layout);
	if (!err)
		err = set_foot(screen, browse, &view, layout);
	view__fini(&view);
	return err;
}

static int draw_help(const struct screen *screen, struct browse *browse, struct layout *layout)
{
	struct lines lines = {};
	int err = lines__add(&lines, help_text(), layout->width, 0);

	browse->height = layout->height > 1 ? layout->height - 1 : 0;
	browse->more = lines.n > browse->height ? lines.n - browse->height : 0;
	if (browse->help_top > browse->more)
		browse->help_top = browse->more;
	browse->more -= browse->help_top;
	for (size_t i = 0; i < browse->height && browse->help_top + i < lines.n; i++)
		set(layout, lines.line[browse->help_top + i], i ? TUI_PLAIN : TUI_BOLD);
	layout->y = layout->height - 1;
	set(layout, browse->more ? "(cursor keys: more; any other key: back)" : "(any key: back)",
	    TUI_BOLD);
	lines__fini(&lines);
	return err;
}

int screen_draw(const struct screen *screen, struct browse *browse)
{
	struct layout layout = {};
	int err;

	tui_size(&layout.width, &layout.height);
	tui_clear();
	err = browse->help ? draw_help(screen, browse, &layout) :
			     draw_table(screen, browse, &layout);
	tui_show();
	free(layout.choice.copied);
	lines__fini(&layout.details);
	lines__fini(&layout.counts);
	lines__fini(&layout.platform);
	return err;
}
