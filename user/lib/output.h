/* SPDX-License-Identifier: GPL-2.0 */
/* Where the data goes. Whole reports are written at once, so an error is that write's own. */
#ifndef FAULTLINE_OUTPUT_H
#define FAULTLINE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * path NULL: stdout. Else a new file (0600: kernel addresses are in it); -EEXIST unless force, which
 * empties an old one. A file descriptor or negative errno.
 */
int output_open(const char *path, bool force);

/* All of it; 0 or negative errno. */
int output_write(int fd, const char *text, size_t size);

#endif
