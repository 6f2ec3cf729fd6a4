/* SPDX-License-Identifier: GPL-2.0 */
/* On what the figures were taken: every output names it. */
#ifndef FAULTLINE_PLATFORM_H
#define FAULTLINE_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>

/* "QEMU TCG", "KVM guest (Vendor Product)", "bare metal (Vendor Product)"; best effort. */
/* Returns whether it emulates the CPU: times then say nothing about hardware. */
bool platform_print(char *buf, size_t size);

/* Whether this is a virtual machine, or emulated; false when nobody can tell. */
bool platform_virtual(void);

#endif
