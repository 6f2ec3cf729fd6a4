/* SPDX-License-Identifier: GPL-2.0 */
/* What the tool needs of the kernel and of its user, and whether it is there. */
#ifndef FAULTLINE_CAPS_H
#define FAULTLINE_CAPS_H

#include <stdbool.h>
#include <stdio.h>

struct need {
	const char *what; /* "capabilities" */
	bool required; /* else: the output is poorer without it */
	bool met;
	char why[160]; /* what was found */
	const char *remedy; /* if it is not met */
};

#define CAPS_NEEDS 6

/* Finds out all of them, in the order in which they are best reported. */
void caps_check(struct need ret_needs[CAPS_NEEDS]);

/* The first required need that is not met, or NULL. */
const struct need *caps_lacking(const struct need needs[CAPS_NEEDS]);

/* A line each, for --check. */
void caps_print(const struct need needs[CAPS_NEEDS], FILE *out);

/* Whether kvm.address_space_isolation reads as on, from its text in sysfs. */
bool caps_parameter_on(const char *text);

#endif
