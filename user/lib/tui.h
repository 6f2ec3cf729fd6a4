/* SPDX-License-Identifier: GPL-2.0 */
/* The terminal as a full screen with a keyboard, put back in order on every way out. */
#ifndef FAULTLINE_TUI_H
#define FAULTLINE_TUI_H

#include <stdbool.h>
#include <stddef.h>

/* Keys that are no character. */
enum tui_key {
	TUI_NONE = -1,
	TUI_ENTER = '\n',
	TUI_ESCAPE = 27,
	TUI_BACKSPACE = 127,
	TUI_UP = 0x100,
	TUI_DOWN,
	TUI_PAGE_UP,
	TUI_PAGE_DOWN,
	TUI_HOME,
	TUI_END,
	TUI_OTHER,
};

enum tui_style {
	TUI_PLAIN,
	TUI_BOLD,
	TUI_TITLE, /* of a table */
	TUI_SELECTED,
	TUI_WARNING,
	TUI_MAX,
};

/* Why stdout cannot be a full screen, in buf; "": it can. Writes nothing to the terminal. */
void tui_unfit(char *buf, size_t size);

/*
 * Takes the terminal on stdout; also has it put back on exit() and on a crash. Signals that would
 * end the process have to be blocked. 0 or negative errno.
 */
int tui_enter(bool color);
/* Undoes it; harmless when not entered. */
void tui_leave(void);

/* The file descriptor to wait for, -1: no keyboard. */
int tui_keyboard(void);
/* The next key: a character, or one of enum tui_key. TUI_NONE: no more for now. */
int tui_key(void);

/* The terminal has a new size, or others wrote to it: all of it is drawn anew. */
void tui_resize(void);
void tui_size(int *ret_columns, int *ret_lines);

/* Between the two a whole screen is set; lines that are not are empty. */
void tui_clear(void);
void tui_show(void);

/* Sets a line, cut to the width; what is no printable ASCII becomes '?'. */
void tui_line(int y, const char *text, enum tui_style style);

#endif
