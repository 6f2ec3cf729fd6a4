// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "procinfo.h"
#include "util.h"

bool process_exists(uint32_t pid)
{
	/* not /proc/PID: hidepid hides other users' */
	return !kill((pid_t)pid, 0) || errno == EPERM;
}

void process_comm(uint32_t pid, char *buf, size_t size)
{
	cleanup_fclose FILE *file = NULL;
	char path[32];

	*buf = '\0';
	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(buf, size, file)) {
		*buf = '\0';
		return;
	}
	buf[strcspn(buf, "\n")] = '\0';
	for (char *c = buf; *c; c++) {
		if (*c == ' ')
			*c = '_';
		else if (!isgraph((unsigned char)*c))
			*c = '?';
	}
}
