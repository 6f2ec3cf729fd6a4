// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <string.h>

#include "duration.h"
#include "tui.h"
#include "util.h"
#include "top/keys.h"

#define MSEC (NSEC_PER_SEC / 1000)

static const uint64_t intervals[] = {
	100 * MSEC,	  200 * MSEC,	     500 * MSEC,	NSEC_PER_SEC,	   2 * NSEC_PER_SEC,
	5 * NSEC_PER_SEC, 10 * NSEC_PER_SEC, 30 * NSEC_PER_SEC, 60 * NSEC_PER_SEC,
};

const char *browse_filter(const struct browse *browse)
{
	return browse->typing ? browse->typed : browse->filter;
}

static enum browse_action longer(struct browse *browse)
{
	for (size_t i = 0; i < ARRAY_SIZE(intervals); i++) {
		if (intervals[i] <= browse->interval_ns)
			continue;
		browse->interval_ns = intervals[i];
		return BROWSE_PACE;
	}
	return BROWSE_NOTHING;
}

static enum browse_action shorter(struct browse *browse)
{
	for (size_t i = ARRAY_SIZE(intervals); i--;) {
		if (intervals[i] >= browse->interval_ns)
			continue;
		browse->interval_ns = intervals[i];
		return BROWSE_PACE;
	}
	return BROWSE_NOTHING;
}

static enum browse_action key_typing(struct browse *browse, int key)
{
	size_t size = strlen(browse->typed);

	switch (key) {
	case TUI_ENTER:
		memcpy(browse->filter, browse->typed, sizeof(browse->filter));
		browse->typing = false;
		return BROWSE_DRAW;
	case TUI_ESCAPE:
		browse->typing = false;
		return BROWSE_DRAW;
	case TUI_BACKSPACE:
		if (size)
			browse->typed[size - 1] = '\0';
		return BROWSE_DRAW;
	default:
		if (key < 0 || key > 0x7e || !isprint(key) || size + 1 == sizeof(browse->typed))
			return BROWSE_NOTHING;
		browse->typed[size] = (char)key;
		browse->typed[size + 1] = '\0';
		return BROWSE_DRAW;
	}
}

static enum browse_action key_help(struct browse *browse, int key)
{
	switch (key) {
	case TUI_OTHER:
		return BROWSE_NOTHING;
	case TUI_UP:
		browse->help_top -= !!browse->help_top;
		break;
	case TUI_DOWN:
		browse->help_top += !!browse->more;
		break;
	default:
		browse->help = false;
		browse->more = 0;
	}
	return BROWSE_DRAW;
}

static enum browse_action select_index(struct browse *browse, size_t index)
{
	browse->index = index;
	browse->follows = false;
	browse->extra = 0;
	return BROWSE_DRAW;
}

/* Through the lines of a row that is too large for the screen, then on to the next. */
static enum browse_action down(struct browse *browse, size_t n)
{
	if (!browse->more)
		return select_index(browse, browse->index + n);
	browse->extra += n < browse->more ? n : browse->more;
	return BROWSE_DRAW;
}

static enum browse_action up(struct browse *browse, size_t n)
{
	if (!browse->extra)
		return select_index(browse, browse->index > n ? browse->index - n : 0);
	browse->extra -= n < browse->extra ? n : browse->extra;
	return BROWSE_DRAW;
}

/* NOTHING: no key that moves */
static enum browse_action key_move(struct browse *browse, int key)
{
	size_t page = browse->height ? browse->height : 1;

	switch (key) {
	case TUI_UP:
	case 'k':
		return up(browse, 1);
	case TUI_DOWN:
	case 'j':
		return down(browse, 1);
	case TUI_PAGE_UP:
		return up(browse, page);
	case TUI_PAGE_DOWN:
		return down(browse, page);
	case TUI_HOME:
		return select_index(browse, 0);
	case TUI_END:
		return select_index(browse, SIZE_MAX / 2);
	default:
		return BROWSE_NOTHING;
	}
}

static enum browse_action key_escape(struct browse *browse)
{
	if (browse->expanded)
		browse->expanded = false;
	else
		*browse->filter = '\0';
	return BROWSE_DRAW;
}

static enum browse_action key_table(struct browse *browse, int key)
{
	switch (key) {
	case 'q':
		return BROWSE_QUIT;
	case 'h':
	case '?':
		browse->help = true;
		browse->help_top = 0;
		return BROWSE_DRAW;
	case 'p':
		browse->paused = !browse->paused;
		return browse->paused ? BROWSE_DRAW : BROWSE_NEXT;
	case ' ':
		return BROWSE_NEXT;
	case 's':
		browse->sort = (browse->sort + 1) % SORT_MAX;
		return BROWSE_DRAW;
	case 'r':
		browse->reverse = !browse->reverse;
		return BROWSE_DRAW;
	case '/':
		browse->typing = true;
		*browse->typed = '\0';
		return BROWSE_DRAW;
	case TUI_ENTER:
		browse->expanded = !browse->expanded;
		browse->extra = 0;
		return BROWSE_DRAW;
	case TUI_ESCAPE:
		return key_escape(browse);
	case '+':
	case '=':
		return longer(browse);
	case '-':
		return shorter(browse);
	case 'z':
		return BROWSE_ZERO;
	case 'w':
		return BROWSE_WRITE;
	default:
		return key_move(browse, key);
	}
}

enum browse_action browse_key(struct browse *browse, int key)
{
	if (browse->typing)
		return key_typing(browse, key);
	if (browse->help)
		return key_help(browse, key);
	return key_table(browse, key);
}

void browse_select(struct browse *browse, const struct row *rows, size_t n)
{
	if (!n) {
		browse->index = 0;
		return;
	}
	for (size_t i = 0; browse->follows && i < n; i++) {
		if (row_place_cmp(&rows[i], &browse->selected))
			continue;
		browse->index = i;
		return;
	}
	if (browse->index >= n)
		browse->index = n - 1;
	browse->selected = rows[browse->index];
	browse->follows = browse->index;
}

void browse_scroll(struct browse *browse, size_t n, size_t details)
{
	size_t height = browse->height ? browse->height : 1;
	size_t first = browse->index, last = first + details, lines = n + details;
	size_t hidden = details + 1 > height ? details + 1 - height : 0;

	if (browse->extra > hidden)
		browse->extra = hidden;
	if (hidden) {
		browse->top = first + browse->extra;
	} else {
		if (last >= browse->top + height)
			browse->top = last - height + 1;
		if (first < browse->top)
			browse->top = first;
		if (browse->top + height > lines)
			browse->top = lines > height ? lines - height : 0;
	}
	browse->more = hidden - browse->extra;
}
