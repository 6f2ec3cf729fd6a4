/* SPDX-License-Identifier: GPL-2.0 */
/* What asi-faulttop needs of the kernel and of its user, and whether it is there. */
#ifndef FAULTLINE_CAPS_H
#define FAULTLINE_CAPS_H

#include <stdbool.h>
#include <stddef.h>

#include "need.h"

#define CAPS_NEEDS 7

/* Finds out all of them, in the order in which they are best reported. */
void caps_check(struct need ret_needs[CAPS_NEEDS]);

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
