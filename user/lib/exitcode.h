/* SPDX-License-Identifier: GPL-2.0 */
/* What every tool's exit status means. */
#ifndef FAULTLINE_EXITCODE_H
#define FAULTLINE_EXITCODE_H

enum exitcode {
	EXIT_FINE = 0, /* no events is fine too */
	EXIT_RUNTIME = 1, /* something failed while running */
	EXIT_USAGE = 2, /* the command line */
	EXIT_LACKING = 3, /* the kernel or the privileges lack something */
	EXIT_INCOMPLETE = 4, /* --strict and something was lost */
	EXIT_NO_SUCH = 5, /* a filter names what does not exist */
};

#endif
