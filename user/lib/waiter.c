// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "duration.h"
#include "session.h"
#include "waiter.h"

static sigset_t awaited;

void waiter_init(bool terminal)
{
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGINT);
	sigaddset(&awaited, SIGTERM);
	sigaddset(&awaited, SIGHUP);
	sigaddset(&awaited, SIGQUIT);
	if (terminal) {
		sigaddset(&awaited, SIGWINCH);
		sigaddset(&awaited, SIGTSTP);
	}
	sigprocmask(SIG_BLOCK, &awaited, NULL);
}

enum wake waiter_wait(uint64_t until_ns)
{
	struct timespec left;
	uint64_t now;
	int sig;

	do {
		now = session_now_ns();
		if (now >= until_ns)
			return WAKE_TIME;
		if (until_ns == UINT64_MAX) {
			sig = sigwaitinfo(&awaited, NULL);
			continue;
		}
		left.tv_sec = (until_ns - now) / NSEC_PER_SEC;
		left.tv_nsec = (until_ns - now) % NSEC_PER_SEC;
		sig = sigtimedwait(&awaited, NULL, &left);
	} while (sig < 0);
	return sig == SIGWINCH ? WAKE_RESIZE : sig == SIGTSTP ? WAKE_STOP : WAKE_END;
}

void waiter_stop(void)
{
	raise(SIGSTOP);
}
