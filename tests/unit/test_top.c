// SPDX-License-Identifier: GPL-2.0
/* What the terminal top does about keys, sizes and long lines; the screen itself: tests/bpf/tui.sh. */
#include <stdio.h>

#include "../cm.h"
#include "duration.h"
#include "tui.h"
#include "util.h"
#include "top/help.h"
#include "top/keys.h"
#include "top/lines.h"

#define ROWS 40

static struct row rows[ROWS];

static void type(struct browse *browse, const char *text)
{
	for (; *text; text++)
		browse_key(browse, *text);
}

static void test_filter(void **state)
{
	struct browse browse = {};

	assert_int_equal(browse_key(&browse, '/'), BROWSE_DRAW);
	/* q and z are letters here */
	type(&browse, "qz");
	assert_string_equal(browse_filter(&browse), "qz");
	assert_string_equal(browse.filter, "");
	assert_int_equal(browse_key(&browse, TUI_BACKSPACE), BROWSE_DRAW);
	assert_int_equal(browse_key(&browse, TUI_ENTER), BROWSE_DRAW);
	assert_string_equal(browse_filter(&browse), "q");
	/* one that is given up leaves the old */
	type(&browse, "/abc");
	assert_int_equal(browse_key(&browse, TUI_ESCAPE), BROWSE_DRAW);
	assert_string_equal(browse_filter(&browse), "q");
	assert_int_equal(browse_key(&browse, TUI_ESCAPE), BROWSE_DRAW);
	assert_string_equal(browse_filter(&browse), "");
	/* it is full, then takes no more; nor what is no character */
	browse_key(&browse, '/');
	for (int i = 0; i < 2 * BROWSE_FILTER; i++)
		browse_key(&browse, 'x');
	assert_int_equal(strlen(browse.typed), BROWSE_FILTER - 1);
	browse_key(&browse, TUI_BACKSPACE);
	assert_int_equal(browse_key(&browse, TUI_UP), BROWSE_NOTHING);
	assert_int_equal(browse_key(&browse, 1), BROWSE_NOTHING);
	assert_int_equal(browse_key(&browse, TUI_OTHER), BROWSE_NOTHING);
	for (int i = 0; i < 2 * BROWSE_FILTER; i++)
		assert_int_equal(browse_key(&browse, TUI_BACKSPACE), BROWSE_DRAW);
	assert_string_equal(browse.typed, "");
}

static void test_pace(void **state)
{
	struct browse browse = { .interval_ns = 3 * NSEC_PER_SEC };

	/* one from the command line, between two steps */
	assert_int_equal(browse_key(&browse, '+'), BROWSE_PACE);
	assert_int_equal(browse.interval_ns, 5 * NSEC_PER_SEC);
	browse.interval_ns = 3 * NSEC_PER_SEC;
	assert_int_equal(browse_key(&browse, '-'), BROWSE_PACE);
	assert_int_equal(browse.interval_ns, 2 * NSEC_PER_SEC);
	/* it ends somewhere, also where it began beyond */
	while (browse_key(&browse, '-') == BROWSE_PACE)
		;
	assert_int_equal(browse.interval_ns, NSEC_PER_SEC / 10);
	while (browse_key(&browse, '+') == BROWSE_PACE)
		;
	assert_int_equal(browse.interval_ns, 60 * NSEC_PER_SEC);
	browse.interval_ns = 3600 * NSEC_PER_SEC;
	assert_int_equal(browse_key(&browse, '+'), BROWSE_NOTHING);
	browse.interval_ns = 1000;
	assert_int_equal(browse_key(&browse, '-'), BROWSE_NOTHING);
}

static void test_help(void **state)
{
	struct browse browse = { .more = 1 };

	browse_key(&browse, '?');
	assert_true(browse.help);
	browse_key(&browse, TUI_DOWN);
	assert_int_equal(browse.help_top, 1);
	browse.more = 0;
	browse_key(&browse, TUI_DOWN);
	assert_int_equal(browse.help_top, 1);
	browse_key(&browse, TUI_UP);
	browse_key(&browse, TUI_UP);
	assert_int_equal(browse.help_top, 0);
	/* back, not out */
	assert_int_equal(browse_key(&browse, 'q'), BROWSE_DRAW);
	assert_false(browse.help);
	assert_int_equal(browse_key(&browse, 'q'), BROWSE_QUIT);
}

/* The selection stays at the top until it is moved; then it stays on its row. */
static void test_select(void **state)
{
	struct browse browse = { .height = 10 };
	struct row other;

	browse_select(&browse, rows, ROWS);
	assert_int_equal(browse.index, 0);
	other = rows[0];
	rows[0] = rows[1];
	rows[1] = other;
	browse_select(&browse, rows, ROWS);
	assert_int_equal(browse.index, 0);
	browse_key(&browse, TUI_DOWN);
	browse_select(&browse, rows, ROWS);
	assert_int_equal(browse.index, 1);
	other = rows[7];
	rows[7] = rows[1];
	rows[1] = other;
	browse_select(&browse, rows, ROWS);
	assert_int_equal(browse.index, 7);
	/* gone: the one that has its place, or the last, or none */
	browse_select(&browse, rows, 7);
	assert_int_equal(browse.index, 6);
	browse_select(&browse, rows, 0);
	assert_int_equal(browse.index, 0);
	browse_select(&browse, rows, ROWS);
	browse_key(&browse, TUI_END);
	browse_select(&browse, rows, ROWS);
	assert_int_equal(browse.index, ROWS - 1);
	browse_key(&browse, TUI_PAGE_UP);
	browse_select(&browse, rows, ROWS);
	assert_int_equal(browse.index, ROWS - 11);
}

/*
 * Whatever is pressed and however large things are: what is selected is on the screen, and nothing
 * is scrolled away for nothing.
 */
static void test_scroll(void **state)
{
	static const int keys[] = { TUI_UP,	   TUI_DOWN, TUI_DOWN, TUI_PAGE_UP, TUI_PAGE_DOWN,
				    TUI_PAGE_DOWN, TUI_END,  TUI_HOME, TUI_ENTER };
	struct browse browse = {};

	srandom(23);
	for (int i = 0; i < 100000; i++) {
		size_t n = random() % ROWS, details = 0, lines, last;

		browse.height = random() % 20;
		browse_key(&browse, keys[random() % ARRAY_SIZE(keys)]);
		browse_select(&browse, rows, n);
		if (browse.expanded && n)
			details = random() % 30;
		browse_scroll(&browse, n, details);
		lines = n + details;
		last = browse.index + details;
		if (!browse.height || !n)
			continue;
		if (details < browse.height) {
			assert_true(browse.top <= browse.index);
			assert_true(last < browse.top + browse.height);
			assert_true(lines <= browse.height ? !browse.top :
							     browse.top + browse.height <= lines);
			assert_int_equal(browse.more, 0);
		} else {
			/* it fills the screen */
			assert_true(browse.top >= browse.index);
			assert_int_equal(browse.top + browse.height + browse.more, last + 1);
		}
	}
}

static void test_lines(void **state)
{
	static const char text[] = "since start 2.000 s: faults 50; not shown: faults 3, sites 2\n"
				   "\n"
				   "a-word-that-is-longer-than-any-line-of-this-width-can-be\n"
				   "last";
	struct lines lines = {};

	assert_int_equal(lines__add(&lines, text, 40, 0), 0);
	assert_int_equal(lines.n, 6);
	assert_string_equal(lines.line[0], "since start 2.000 s: faults 50;");
	assert_string_equal(lines.line[1], "  not shown: faults 3, sites 2");
	assert_string_equal(lines.line[2], "");
	assert_string_equal(lines.line[3], "a-word-that-is-longer-than-any-line-of-t");
	assert_string_equal(lines.line[4], "  his-width-can-be");
	assert_string_equal(lines.line[5], "last");
	lines__fini(&lines);
	/* no line is too long, and nothing but blanks goes */
	for (size_t width = 1; width < 80; width++) {
		size_t letters = 0;

		assert_int_equal(lines__add(&lines, text, width, 0), 0);
		for (size_t i = 0; i < lines.n; i++) {
			assert_true(strlen(lines.line[i]) <= width);
			for (const char *c = lines.line[i]; *c; c++)
				letters += *c != ' ';
		}
		for (const char *c = text; *c; c++)
			letters -= *c != ' ' && *c != '\n';
		assert_int_equal(letters, 0);
		lines__fini(&lines);
	}
	assert_int_equal(lines__add(&lines, "two words", 20, 4), 0);
	assert_string_equal(lines.line[0], "    two words");
	lines__fini(&lines);
}

/* As many keys as there is room for, each of them whole, those that one cannot do without first. */
static void test_key_line(void **state)
{
	char buf[256];

	for (size_t width = 0; width < 100; width++) {
		help_keys(buf, sizeof(buf), width);
		assert_true(strlen(buf) <= width);
		if (width >= 13)
			assert_memory_equal(buf, "q:quit h:help", 13);
	}
	help_keys(buf, 10, 100);
	assert_string_equal(buf, "q:quit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter),	 cmocka_unit_test(test_pace),
		cmocka_unit_test(test_help),	 cmocka_unit_test(test_select),
		cmocka_unit_test(test_scroll),	 cmocka_unit_test(test_lines),
		cmocka_unit_test(test_key_line),
	};

	for (int i = 0; i < ROWS; i++)
		rows[i] = (struct row){ .pid = 1, .vm = 1, .ip = i };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
