/* SPDX-License-Identifier: GPL-2.0 */
/* Text as lines that fit a width. */
#ifndef FAULTLINE_TOP_LINES_H
#define FAULTLINE_TOP_LINES_H

#include <stddef.h>

struct lines {
	char **line;
	size_t n;
};

/*
 * Adds the lines of the text, each indented. One that is wider than width goes on, further
 * indented, on the next: after a blank if it can. 0 or -ENOMEM.
 */
int lines__add(struct lines *lines, const char *text, size_t width, size_t indent);
void lines__fini(struct lines *lines);

#endif
