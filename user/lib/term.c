// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "output.h"
#include "term.h"
#include "util.h"

/* alternate screen, no cursor, no wrapping of long lines */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"
#define HOME "\033[H"
#define ERASE_LINE "\033[K"
#define ERASE_BELOW "\033[J"

/* async-signal handlers need it */
static volatile sig_atomic_t entered_fd = -1;

void term_leave(void)
{
	int fd = entered_fd;

	entered_fd = -1;
	/* nothing can be done about an error here */
	if (fd >= 0 && write(fd, LEAVE, strlen(LEAVE)) < 0)
		return;
}

static void crash(int sig)
{
	/* SA_RESETHAND: returning meets the same fault again, with the default action */
	term_leave();
	raise(sig);
}

void term_enter(int fd)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	static bool prepared;

	if (!prepared) {
		struct sigaction action = { .sa_handler = crash, .sa_flags = (int)SA_RESETHAND };

		prepared = true;
		atexit(term_leave);
		for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
			sigaction(crashes[i], &action, NULL);
	}
	entered_fd = fd;
	output_write(fd, ENTER, strlen(ENTER));
}

void term_size(int fd, int *ret_columns, int *ret_lines)
{
	struct winsize size = {};

	ioctl(fd, TIOCGWINSZ, &size);
	*ret_columns = size.ws_col ? size.ws_col : 80;
	*ret_lines = size.ws_row ? size.ws_row : 24;
}

int term_draw(int fd, const char *text, size_t size)
{
	cleanup_free char *screen = NULL;
	size_t screen_size = 0;
	FILE *out = open_memstream(&screen, &screen_size);

	if (!out)
		return -ENOMEM;
	fputs(HOME, out);
	for (size_t i = 0; i < size; i++) {
		if (text[i] != '\n')
			fputc(text[i], out);
		else if (i + 1 < size)
			fputs(ERASE_LINE "\r\n", out);
	}
	fputs(ERASE_LINE ERASE_BELOW, out);
	if (fclose(out))
		return -ENOMEM;
	return output_write(fd, screen, screen_size);
}
