/* SPDX-License-Identifier: GPL-2.0 */
/* The terminal top: reads, draws, and does what the keys say. */
#ifndef FAULTLINE_TOP_H
#define FAULTLINE_TOP_H

#include <stdbool.h>
#include <stdint.h>

#include "snapshot.h"
#include "view.h"

struct top_config {
	/* Reads the next snapshot. 0, -ENODATA: there are no more, or another negative errno. */
	int (*read)(void *arg, struct snapshot *ret_snapshot);
	void *arg;
	const struct snapshot *start; /* what is counted from */
	bool recorded; /* it is as read() says, not now */
	bool cut_off; /* and more was recorded than can be read */
	const struct resolver *resolver;
	uint64_t interval_ns;
	uint64_t end_ns; /* CLOCK_MONOTONIC; UINT64_MAX: no end */
	enum row_sort sort;
	uint32_t rows; /* at most; 0: all */
	bool color, stats, stacks;
};

/*
 * Until its end, the user's, or a signal's. Takes the terminal on stdout, which tui_unfit() has
 * nothing against, and leaves it as it was; waiter_init(true) came first. 0 or negative errno.
 */
int top_run(const struct top_config *config);

#endif
