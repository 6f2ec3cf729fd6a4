// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* ncurses' names that are no function calls (erase(), clear()) stay out of the way */
#define NCURSES_NOMACROS
#include <ncurses.h>
#include <term.h>

#include "tui.h"
#include "util.h"

/* a lone ESC is known as such after this, ms */
#define ESCAPE_DELAY 50

static SCREEN *screen;
static FILE *tty; /* the keyboard, when stdin is none */
static int keyboard = -1;
static int attributes[TUI_MAX];

/* What a handler may use: how the terminal was, and what to send to get there. */
static volatile sig_atomic_t entered;
static struct termios before;
static char leave[128];
static size_t leave_size;

static int leave_add(int c)
{
	if (leave_size < sizeof(leave))
		leave[leave_size++] = (char)c;
	return c;
}

static void crash(int sig)
{
	if (entered) {
		entered = 0;
		/* nothing can be done about an error here */
		if (write(STDOUT_FILENO, leave, leave_size) >= 0)
			tcsetattr(STDOUT_FILENO, TCSANOW, &before);
	}
	/* SA_RESETHAND: the default action now */
	raise(sig);
}

static void prepare_leaving(void)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	static const char *const names[] = { "sgr0", "rmkx", "cnorm", "rmcup" };
	static bool prepared;

	leave_size = 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *text = tigetstr(names[i]);

		if (text && text != (char *)-1)
			tputs(text, 1, leave_add);
	}
	if (!prepared) {
		struct sigaction action = { .sa_handler = crash, .sa_flags = (int)SA_RESETHAND };

		prepared = true;
		atexit(tui_leave);
		for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
			sigaction(crashes[i], &action, NULL);
	}
}

void tui_unfit(char *buf, size_t size)
{
	const char *term = getenv("TERM");
	int state;

	*buf = '\0';
	if (!term || !*term) {
		snprintf(buf, size, "TERM is not set");
		return;
	}
	if (setupterm(NULL, STDOUT_FILENO, &state) != OK) {
		snprintf(buf, size,
			 state < 0 ? "no terminfo for TERM '%s'" : "TERM '%s' is unknown", term);
		return;
	}
	if (!tigetstr("cup") || !tigetstr("clear"))
		snprintf(buf, size, "TERM '%s' has no full screen", term);
	del_curterm(cur_term);
}

static void choose_attributes(bool color)
{
	color = color && has_colors() && start_color() == OK && use_default_colors() == OK;
	attributes[TUI_PLAIN] = A_NORMAL;
	attributes[TUI_BOLD] = A_BOLD;
	attributes[TUI_TITLE] = A_BOLD | A_UNDERLINE;
	attributes[TUI_SELECTED] = A_REVERSE;
	attributes[TUI_WARNING] = A_BOLD;
	if (!color)
		return;
	init_pair(1, COLOR_CYAN, -1);
	init_pair(2, COLOR_RED, -1);
	attributes[TUI_TITLE] |= COLOR_PAIR(1);
	attributes[TUI_WARNING] |= COLOR_PAIR(2);
}

int tui_enter(bool color)
{
	FILE *in = stdin;

	if (!isatty(STDIN_FILENO) && !tty)
		tty = fopen("/dev/tty", "re");
	if (!isatty(STDIN_FILENO))
		in = tty;
	if (tcgetattr(STDOUT_FILENO, &before))
		return -errno;
	/* the size is the terminal's, not that of LINES and COLUMNS in the environment */
	use_env(false);
	use_tioctl(true);
	screen = newterm(NULL, stdout, in ? in : stdin);
	if (!screen)
		return -ENOTTY;
	prepare_leaving();
	entered = 1;
	keyboard = in ? fileno(in) : -1;
	set_escdelay(ESCAPE_DELAY);
	cbreak();
	noecho();
	keypad(stdscr, true);
	nodelay(stdscr, true);
	curs_set(0);
	choose_attributes(color);
	return 0;
}

void tui_leave(void)
{
	if (!entered)
		return;
	endwin();
	entered = 0;
	delscreen(screen);
	screen = NULL;
}

int tui_keyboard(void)
{
	return keyboard;
}

int tui_key(void)
{
	int key = keyboard < 0 ? ERR : wgetch(stdscr);

	switch (key) {
	case ERR:
		return TUI_NONE;
	case '\r':
	case KEY_ENTER:
		return TUI_ENTER;
	case '\b':
	case KEY_BACKSPACE:
		return TUI_BACKSPACE;
	case KEY_UP:
		return TUI_UP;
	case KEY_DOWN:
		return TUI_DOWN;
	case KEY_PPAGE:
		return TUI_PAGE_UP;
	case KEY_NPAGE:
		return TUI_PAGE_DOWN;
	case KEY_HOME:
		return TUI_HOME;
	case KEY_END:
		return TUI_END;
	default:
		return key < 0x80 ? key : TUI_OTHER;
	}
}

void tui_resize(void)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
	clearok(curscr, true);
}

void tui_size(int *ret_columns, int *ret_lines)
{
	*ret_columns = getmaxx(stdscr);
	*ret_lines = getmaxy(stdscr);
}

void tui_line(int y, const char *text, enum tui_style style)
{
	int width = getmaxx(stdscr), n = 0;

	wmove(stdscr, y, 0);
	/* before it, since the last column may take the cursor to the next line */
	wclrtoeol(stdscr);
	wattrset(stdscr, attributes[style]);
	for (; n < width && text[n]; n++)
		waddch(stdscr, isprint((unsigned char)text[n]) ? (unsigned char)text[n] : '?');
	for (; n < width && (style == TUI_SELECTED || style == TUI_TITLE); n++)
		waddch(stdscr, ' ');
	wattrset(stdscr, A_NORMAL);
}

void tui_clear(void)
{
	werase(stdscr);
}

void tui_show(void)
{
	wrefresh(stdscr);
}
