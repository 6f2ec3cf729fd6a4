/* SPDX-License-Identifier: GPL-2.0 */
/* Waits for a time, a signal or a key, whichever is first, without handlers and their races. */
#ifndef FAULTLINE_WAITER_H
#define FAULTLINE_WAITER_H

#include <stdbool.h>
#include <stdint.h>

enum wake {
	WAKE_TIME,
	WAKE_END, /* ^C, SIGTERM, SIGHUP, ^\, or the keyboard is gone */
	WAKE_RESIZE, /* the terminal's size changed */
	WAKE_STOP, /* ^Z: tidy up, then waiter_stop() */
	WAKE_CONTINUED, /* after a stop: others may have used the terminal */
	WAKE_KEY, /* there is something to read */
};

/*
 * From here on signals come out of waiter_wait() only; SIGPIPE is ignored (writes say -EPIPE).
 * terminal: also those that a full-screen program must know of. 0 or negative errno.
 */
int waiter_init(bool terminal);

/*
 * Until CLOCK_MONOTONIC says so; UINT64_MAX: no limit. keyboard: a file descriptor, or -1. Signals
 * come before keys, and both before the time, so that neither waits for one who is always late.
 */
enum wake waiter_wait(uint64_t until_ns, int keyboard);

/* Stops the process as ^Z does; returns when it is continued. */
void waiter_stop(void);

/* CLOCK_MONOTONIC */
uint64_t waiter_now_ns(void);

#endif
