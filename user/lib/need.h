/* SPDX-License-Identifier: GPL-2.0 */
/* Something that a tool needs of the kernel or of its user, and whether it is there: --check. */
#ifndef FAULTLINE_NEED_H
#define FAULTLINE_NEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct need {
	const char *what; /* "capabilities" */
	bool required; /* else: the output is poorer without it */
	bool met;
	bool unknown; /* nobody can tell: what depends on it will show */
	char why[160]; /* what was found */
	const char *remedy; /* if it is not met */
};

/* The first required need that is not met, or NULL. */
const struct need *need_lacking(const struct need *needs, size_t n);

/* A line each. */
void need_print(const struct need *needs, size_t n, FILE *out);

/* The effective capabilities, a bit each; 0 when they cannot be read. */
uint64_t need_caps(void);

/* The path of something in tracefs, wherever that is mounted. 0 or negative errno. */
int need_tracefs(const char *name, char *path, size_t size);

#endif
