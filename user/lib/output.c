// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"

int output_open(const char *path, bool force, struct output *ret_output)
{
	struct output output = { .fd = STDOUT_FILENO, .path = path };

	if (path) {
		output.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		output.made = output.fd >= 0;
		if (output.fd < 0 && errno == EEXIST && force)
			output.fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (output.fd < 0)
			return -errno;
	}
	*ret_output = output;
	return 0;
}

int output_start(const struct output *output)
{
	struct stat stat;

	if (!output->path)
		return 0;
	if (fstat(output->fd, &stat))
		return -errno;
	/* neither for a pipe or device */
	if (!S_ISREG(stat.st_mode))
		return 0;
	/* in this order: what comes is never in a file that others may open */
	if (fchmod(output->fd, 0600) || ftruncate(output->fd, 0))
		return -errno;
	return 0;
}

void output_discard(const struct output *output)
{
	if (!output->path)
		return;
	close(output->fd);
	if (output->made)
		unlink(output->path);
}

int output_close(const struct output *output)
{
	return close(output->fd) ? -errno : 0;
}

int output_write(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		size -= n;
	}
	return 0;
}
