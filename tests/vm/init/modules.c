// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "modules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wire.h"

#define MODULES "/modules"

static void load_module(const char *name)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), MODULES "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
		die("load", path);
	close(fd);
}

void load_modules(void)
{
	struct dirent **entries;
	int i, n;

	n = scandir(MODULES, &entries, NULL, alphasort);
	if (n < 0 && errno == ENOENT)
		return;
	if (n < 0)
		die("read", MODULES);
	for (i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.')
			load_module(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}
