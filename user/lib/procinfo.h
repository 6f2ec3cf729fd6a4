/* SPDX-License-Identifier: GPL-2.0 */
/* Processes, by their pid. */
#ifndef FAULTLINE_PROCINFO_H
#define FAULTLINE_PROCINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool process_exists(uint32_t pid);

/* Its name; "" when it cannot be read. Control characters and blanks become '?' and '_'. */
void process_comm(uint32_t pid, char *buf, size_t size);

#endif
