/* SPDX-License-Identifier: GPL-2.0 */
/* asi-faulttop's command line. */
#ifndef FAULTLINE_OPTIONS_H
#define FAULTLINE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"
#include "snapshot.h"

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct options {
	uint32_t pid; /* 0: every VMM */
	uint32_t rows; /* 0: all */
	uint32_t screen_rows; /* of the live screen; 0: all, as many at a time as it has room for */
	uint32_t sites; /* 0: the program's default */
	enum row_sort sort;
	uint64_t duration_ns; /* 0: until a signal */
	uint64_t interval_ns; /* 0: only the final report */
	uint32_t count; /* intervals; 0: no end */
	enum format format;
	enum color color;
	const char *path; /* NULL: stdout */
	const char *record, *replay; /* files; NULL: no */
	bool once;
	bool stacks, batch, time, force, strict, stats, check, schema, verbose;
	bool live; /* on a terminal, with keys */
};

/*
 * Parses, or prints what is wrong and leaves the process with EXIT_USAGE; prints help or version
 * and leaves with 0.
 */
void options_parse(int argc, char **argv, struct options *ret_options);

#endif
