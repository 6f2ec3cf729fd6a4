/* SPDX-License-Identifier: GPL-2.0 */
/* The terminal top's screen: a report as its user looks at it. */
#ifndef FAULTLINE_TOP_SCREEN_H
#define FAULTLINE_TOP_SCREEN_H

#include "snapshot.h"
#include "view.h"
#include "top/keys.h"

struct screen {
	const struct report *report; /* sorted */
	const struct resolver *resolver;
	const char *scope; /* what it is counted from: "since start" */
	const char *state; /* "": nothing special, else as "PAUSED" */
	const char *message; /* "": none */
	uint32_t rows; /* at most; 0: all */
	bool stats, stacks; /* were asked for */
};

/* Draws on the terminal, and tells browse what it found. 0 or -ENOMEM. */
int screen_draw(const struct screen *screen, struct browse *browse);

#endif
