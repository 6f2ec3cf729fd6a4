/* SPDX-License-Identifier: GPL-2.0 */
/* A full-screen terminal in plain ANSI, put back in order on every way out. */
#ifndef FAULTLINE_TERM_H
#define FAULTLINE_TERM_H

#include <stddef.h>

/* Alternate screen on, cursor hidden; also has it undone on exit() and on a crash. */
void term_enter(int fd);
/* Undoes it; harmless when not entered. */
void term_leave(void);

/* Columns and lines, 80 and 24 when nobody knows. */
void term_size(int fd, int *ret_columns, int *ret_lines);

/* Draws the text from the top left corner over what is there; 0 or negative errno. */
int term_draw(int fd, const char *text, size_t size);

#endif
