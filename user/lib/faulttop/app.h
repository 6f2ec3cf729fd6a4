/* SPDX-License-Identifier: GPL-2.0 */
/* asi-faulttop, between its command line and the libraries. */
#ifndef FAULTLINE_FAULTTOP_APP_H
#define FAULTLINE_FAULTTOP_APP_H

#include "options.h"
#include "output.h"
#include "snapshot.h"
#include "view.h"

#define TOOL "asi-faulttop"

struct app {
	struct options options;
	struct resolver resolver;
	struct session *session;
	struct snapshot start, last;
	struct report shown; /* the last interval; rows NULL: none yet */
	struct output output;
};

/* "asi-faulttop: what failed: why; what to do" on stderr; returns code. remedy may be NULL. */
int fail(int code, const char *what, int err, const char *remedy);

/* Sorts the report, and puts it out in the format and to the place asked for. 0 or negative errno. */
int show(struct app *app, struct report *report, bool total);

/* Counts faults on this kernel until told to stop. Returns the exit status. */
int live_run(struct app *app);

/* What works here, for --check. Returns the exit status. */
int live_check(void);

#endif
