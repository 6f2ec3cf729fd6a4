/* SPDX-License-Identifier: GPL-2.0 */
/* Processes, by their pid. */
#ifndef FAULTLINE_PROCINFO_H
#define FAULTLINE_PROCINFO_H

#include <stddef.h>
#include <stdint.h>

#define MOST_PID 4194304 /* PID_MAX_LIMIT */

/*
 * 0: a process, or nobody may look. -ESRCH: none. -ENOTUNIQ: a thread of the process *ret_tgid,
 * which is set only then.
 */
int process_check(uint32_t pid, uint32_t *ret_tgid);

/* Its name; "" when it cannot be read. Control characters and blanks become '?' and '_'. */
void process_comm(uint32_t pid, char *buf, size_t size);

/* Its parent's pid; 0: none, or unknown. */
uint32_t process_parent(uint32_t pid);

#endif
