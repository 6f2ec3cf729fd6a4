/* SPDX-License-Identifier: GPL-2.0 */
/* raslat's parts: a log of one side's events, two of them joined, and what is printed. */
#ifndef FAULTLINE_RASLAT_H
#define FAULTLINE_RASLAT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli.h"

#define TOOL "raslat"

enum verb { VERB_HOST, VERB_GUEST, VERB_MERGE, VERBS };

struct raslat_options {
	enum verb verb;
	uint32_t pid; /* of QEMU; 0: none given */
	const char *write; /* NULL: print what happens */
	const char *replay;
	const char *files[2]; /* of merge: the host's, the guest's */
	uint64_t duration_ns; /* 0: until ^C */
	enum format format;
	bool force, verbose;
};

/* Leaves with EXIT_USAGE and a line if it cannot be done. */
void raslat_options_parse(int argc, char **argv, struct raslat_options *ret_options);

/* Each returns the exit code, after a line on stderr if it is not 0. */
int raslat_record(const struct raslat_options *options);
int raslat_replay(const struct raslat_options *options);
int raslat_merge(const struct raslat_options *options);

/* "raslat: what: why; remedy" on stderr; err 0 and remedy NULL are left out. Returns code. */
int raslat_fail(int code, const char *what, int err, const char *remedy);

#endif
