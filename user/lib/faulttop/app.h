/* SPDX-License-Identifier: GPL-2.0 */
/* asi-faulttop, between its command line and the libraries. */
#ifndef FAULTLINE_FAULTTOP_APP_H
#define FAULTLINE_FAULTTOP_APP_H

#include "options.h"
#include "output.h"
#include "snapshot.h"
#include "view.h"
#include "top/top.h"

#define TOOL "asi-faulttop"

struct app {
	struct options options;
	struct resolver resolver;
	struct session *session;
	struct snapshot start, last;
	struct output output;
	struct output recording; /* of -w */
	struct record *record; /* NULL: none */
	int record_err; /* what ended it, negative errno */
};

/* "asi-faulttop: what failed: why; what to do" on stderr; returns code. remedy may be NULL. */
int fail(int code, const char *what, int err, const char *remedy);

/* Sorts the report, and puts it out in the format and to the place asked for. 0 or negative errno. */
int show(struct app *app, struct report *report, bool total);

/*
 * Opens what -O and -w name, starts it (there will be data), or gives it up again. The first two say
 * what is wrong and return the exit status.
 */
int files_open(struct app *app);
int files_start(struct app *app);
void files_discard(struct app *app);

/*
 * The exit status, after saying why it is not 0. err: of the output, -EPIPE is fine; incomplete:
 * something was lost.
 */
int finish(const struct app *app, int err, bool incomplete);

/* For --schema. Returns the exit status. */
int print_schema(void);

/* Shows a recording again. Returns the exit status. */
int replay_run(struct app *app);

/*
 * Whether there is to be a live screen, and colours, on the terminal there is. A screen that was
 * asked for and cannot be is told of on stderr; what comes instead are tables.
 */
void settle_terminal(struct options *options);

/* What the live screen takes from the options, and what is counted from. */
void app_top(const struct app *app, struct top_config *top);

#ifdef REPLAY_ONLY
/* Says that this build has no BPF program, and what to do. Returns the exit status. */
int replay_only(void);

static inline int live_run(struct app *app)
{
	return replay_only();
}

static inline int live_check(void)
{
	return replay_only();
}
#else
/* Counts faults on this kernel until told to stop. Returns the exit status. */
int live_run(struct app *app);

/* What works here, for --check. Returns the exit status. */
int live_check(void);
#endif

#endif
