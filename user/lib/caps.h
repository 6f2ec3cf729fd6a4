/* SPDX-License-Identifier: GPL-2.0 */
/* What the tool needs of the kernel and of its user, and whether it is there. */
#ifndef FAULTLINE_CAPS_H
#define FAULTLINE_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct need {
	const char *what; /* "capabilities" */
	bool required; /* else: the output is poorer without it */
	bool met;
	bool unknown; /* nobody can tell: what depends on it will show */
	char why[160]; /* what was found */
	const char *remedy; /* if it is not met */
};

#define CAPS_NEEDS 7

/* Finds out all of them, in the order in which they are best reported. */
void caps_check(struct need ret_needs[CAPS_NEEDS]);

/* The first required need that is not met, or NULL. */
const struct need *caps_lacking(const struct need needs[CAPS_NEEDS]);

/* A line each, for --check. */
void caps_print(const struct need needs[CAPS_NEEDS], FILE *out);

/* Whether kvm.address_space_isolation reads as on, from its text in sysfs. */
bool caps_parameter_on(const char *text);

/*
 * Which of the two settings hides the kernel's symbols from who has no CAP_SYSLOG (negative: cannot
 * be read), and how to have them shown; kallsyms_show_value() of Linux 6.12.
 */
void caps_symbols(int kptr_restrict, int perf_event_paranoid, char *why, size_t size,
		  const char **ret_remedy);

/* That, for this kernel: "hidden by kptr_restrict 1" */
void caps_symbols_hidden(char *why, size_t size);

#endif
