/* SPDX-License-Identifier: GPL-2.0 */
/* Waits for a time or a signal, whichever is first, without handlers and their races. */
#ifndef FAULTLINE_WAITER_H
#define FAULTLINE_WAITER_H

#include <stdbool.h>
#include <stdint.h>

enum wake {
	WAKE_TIME,
	WAKE_END, /* ^C, SIGTERM, SIGHUP, ^\ */
	WAKE_RESIZE, /* the terminal's size changed */
	WAKE_STOP, /* ^Z: tidy up, then waiter_stop() */
};

/*
 * From here on signals come out of waiter_wait() only; SIGPIPE is ignored (writes say -EPIPE).
 * terminal: also those that a full-screen program must know of.
 */
void waiter_init(bool terminal);

/* Until CLOCK_MONOTONIC says so; UINT64_MAX: no limit. */
enum wake waiter_wait(uint64_t until_ns);

/* Stops the process as ^Z does; returns when it is continued. */
void waiter_stop(void);

#endif
