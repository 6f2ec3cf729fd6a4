// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "procinfo.h"
#include "util.h"

/* A thread's id opens /proc/TID too, though no listing shows it. */
int process_check(uint32_t pid, uint32_t *ret_tgid)
{
	cleanup_fclose FILE *file = NULL;
	char path[32], line[128];
	uint32_t tgid;

	/* hidepid hides other users' /proc/PID: that it is missing says nothing */
	if (kill((pid_t)pid, 0) && errno != EPERM)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Tgid: %u", &tgid) != 1)
			continue;
		if (tgid == pid)
			return 0;
		*ret_tgid = tgid;
		return -ENOTUNIQ;
	}
	return 0;
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

uint32_t process_parent(uint32_t pid)
{
	cleanup_fclose FILE *file = NULL;
	char path[32], line[128];
	uint32_t parent = 0;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "PPid: %u", &parent) == 1)
			break;
	return parent;
}
