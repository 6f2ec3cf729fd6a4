/* SPDX-License-Identifier: GPL-2.0 */
/* A file with a given text, for what is only read from files. */
#ifndef FAULTLINE_TEST_TEMPFILE_H
#define FAULTLINE_TEST_TEMPFILE_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* path names it until the file descriptor that is returned is closed */
static inline int tempfile(const char *text, char path[64])
{
	int fd = memfd_create("faultline-test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

#endif
