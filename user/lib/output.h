/* SPDX-License-Identifier: GPL-2.0 */
/* Where the data goes. Whole reports are written at once, so an error is that write's own. */
#ifndef FAULTLINE_OUTPUT_H
#define FAULTLINE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

struct output {
	int fd;
	const char *path; /* NULL: stdout */
	bool made; /* the file was not there before */
};

/*
 * path NULL: stdout. Else a new file; -EEXIST unless force, which leaves what is in it alone until
 * output_start(). 0 or negative errno.
 */
int output_open(const char *path, bool force, struct output *ret_output);

/* There will be data: an old file is emptied, and its owner's alone (kernel addresses are in it). */
int output_start(const struct output *output);

/* There will be none: a file that was made for it goes. */
void output_discard(const struct output *output);

/* Some file systems report a failed write only here. 0 or negative errno. */
int output_close(const struct output *output);

/* All of it; 0 or negative errno. */
int output_write(int fd, const char *text, size_t size);

#endif
