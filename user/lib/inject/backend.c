// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "inject/backend.h"
#include "output.h"
#include "util.h"

#define MEMORY_DIR "/sys/devices/system/memory"
#define SOFT_OFFLINE_SYSCTL "/proc/sys/vm/enable_soft_offline"
#define OFFLINE_REMEDY "take a kernel with CONFIG_MEMORY_FAILURE and CONFIG_MEMORY_HOTPLUG"
#define ALL_SIGNS (SIGN_EVENT | SIGN_FLAG | SIGN_COUNTER)

const char *const backend_names[BACKENDS] = {
	[BACKEND_AUTO] = "auto",
	[BACKEND_HWPOISON] = "hwpoison",
	[BACKEND_HARD_OFFLINE] = "hard-offline",
	[BACKEND_SOFT_OFFLINE] = "soft-offline",
	[BACKEND_MADVISE] = "madvise",
	[BACKEND_EINJ] = "einj",
	[BACKEND_QMP] = "qmp",
};

static const struct {
	unsigned int signs;
	const char *path; /* one write of the page to this file does it */
	bool physical; /* a physical address is written, not a page frame number */
	const char *remedy; /* when there is no such file */
} backends[BACKENDS] = {
	[BACKEND_HWPOISON] = { ALL_SIGNS, HWPOISON_DIR "/corrupt-pfn", false, HWPOISON_REMEDY },
	[BACKEND_HARD_OFFLINE] = { ALL_SIGNS, MEMORY_DIR "/hard_offline_page", true,
				   OFFLINE_REMEDY },
	[BACKEND_SOFT_OFFLINE] = { SIGN_FLAG | SIGN_COUNTER, MEMORY_DIR "/soft_offline_page", true,
				   OFFLINE_REMEDY },
	[BACKEND_MADVISE] = { ALL_SIGNS },
};

unsigned int backend_signs(enum backend backend)
{
	return backends[backend].signs;
}

int backend_write(const char *path, uint64_t value)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
	char text[24];

	if (fd < 0)
		return -errno;
	return output_write(fd, text, snprintf(text, sizeof(text), "%" PRIu64, value));
}

int backend_read(const char *path, uint64_t *ret_value)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32], *end;
	uint64_t value;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	value = strtoull(text, &end, 0);
	if (end == text)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

static int file_usable(enum backend backend, char *why, size_t size)
{
	const char *path = backends[backend].path;
	uint64_t enabled;

	if (access(path, W_OK)) {
		if (errno == ENOENT)
			snprintf(why, size, "no %s; %s", path, backends[backend].remedy);
		else
			snprintf(why, size, "cannot write %s: %s; run it as root", path,
				 strerror(errno));
		return -EOPNOTSUPP;
	}
	if (backend == BACKEND_SOFT_OFFLINE && !backend_read(SOFT_OFFLINE_SYSCTL, &enabled) &&
	    !enabled) {
		snprintf(why, size, "soft offlining is off; sysctl vm.enable_soft_offline=1");
		return -EOPNOTSUPP;
	}
	return 0;
}

int backend_usable(enum backend backend, char *why, size_t size)
{
	switch (backend) {
	case BACKEND_MADVISE:
		/* of no bytes: only whether the kernel knows it */
		if (!madvise(NULL, 0, MADV_HWPOISON))
			return 0;
		snprintf(why, size, "no MADV_HWPOISON; take a kernel with CONFIG_MEMORY_FAILURE");
		return -EOPNOTSUPP;
	case BACKEND_EINJ:
		return einj_usable(why, size);
	case BACKEND_QMP:
		return 0; /* the QEMU that is asked has to say */
	default:
		return file_usable(backend, why, size);
	}
}

enum backend backend_choose(char *why, size_t size)
{
	if (!backend_usable(BACKEND_HWPOISON, why, size))
		return BACKEND_HWPOISON;
	/* why stays hwpoison's if neither can be used: --undo needs that module anyway */
	if (!access(backends[BACKEND_HARD_OFFLINE].path, W_OK))
		return BACKEND_HARD_OFFLINE;
	return BACKEND_AUTO;
}

int backend_inject(enum backend backend, const struct page *page)
{
	switch (backend) {
	case BACKEND_MADVISE:
		return madvise_inject(page);
	case BACKEND_EINJ:
		return einj_inject(page);
	default:
		return backend_write(backends[backend].path, backends[backend].physical ?
								     page->pfn << page_shift() :
								     page->pfn);
	}
}
