// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "duration.h"
#include "waiter.h"

static int signals = -1;

int waiter_init(bool terminal)
{
	sigset_t awaited;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGINT);
	sigaddset(&awaited, SIGTERM);
	sigaddset(&awaited, SIGHUP);
	sigaddset(&awaited, SIGQUIT);
	if (terminal) {
		sigaddset(&awaited, SIGWINCH);
		sigaddset(&awaited, SIGTSTP);
		sigaddset(&awaited, SIGCONT);
	}
	sigprocmask(SIG_BLOCK, &awaited, NULL);
	signals = signalfd(-1, &awaited, SFD_NONBLOCK | SFD_CLOEXEC);
	return signals < 0 ? -errno : 0;
}

uint64_t waiter_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

static enum wake wake_of(uint32_t sig)
{
	switch (sig) {
	case SIGWINCH:
		return WAKE_RESIZE;
	case SIGTSTP:
		return WAKE_STOP;
	case SIGCONT:
		return WAKE_CONTINUED;
	default:
		return WAKE_END;
	}
}

/* Number of those that are ready; 0: the time is over. */
static int poll_until(struct pollfd fds[2], uint64_t until_ns)
{
	struct timespec left = {};
	uint64_t now = waiter_now_ns();

	if (now < until_ns) {
		left.tv_sec = (until_ns - now) / NSEC_PER_SEC;
		left.tv_nsec = (until_ns - now) % NSEC_PER_SEC;
	}
	return ppoll(fds, 2, until_ns == UINT64_MAX ? NULL : &left, NULL);
}

enum wake waiter_wait(uint64_t until_ns, int keyboard)
{
	struct pollfd fds[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = keyboard, .events = POLLIN },
	};
	struct signalfd_siginfo info;

	for (;;) {
		int ready = poll_until(fds, until_ns);

		if (!ready)
			return WAKE_TIME;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready < 0)
			return WAKE_END;
		if (fds[0].revents && read(signals, &info, sizeof(info)) == sizeof(info))
			return wake_of(info.ssi_signo);
		if (fds[1].revents)
			return fds[1].revents == POLLIN ? WAKE_KEY : WAKE_END;
	}
}

void waiter_stop(void)
{
	raise(SIGSTOP);
}
