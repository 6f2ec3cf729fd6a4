// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "inject/backend.h"
#include "util.h"

/* A page that is only its owner's cannot be mapped here; one of a shared mapping can. */
static const struct owner *shared_owner(const struct page *page)
{
	for (uint32_t i = 0; i < page->found && i < PAGE_OWNERS; i++)
		if (page->owners[i].shared)
			return &page->owners[i];
	return NULL;
}

int madvise_reaches(const struct page *page, char *why, size_t size)
{
	if (shared_owner(page))
		return 0;
	snprintf(why, size,
		 "madvise reaches only shared memory, and nobody has this page in a shared "
		 "mapping; take another --backend");
	return -EOPNOTSUPP;
}

static void hit(int sig)
{
	_exit(0); /* the kernel tells who it was that touched bad memory: us */
}

/* Does not return: the error it ends with, 0 for none. */
static void __attribute__((noreturn)) child(const struct page *page, const struct owner *owner)
{
	size_t size = page_size();
	uint64_t pfn;
	char path[80];
	int fd;
	volatile const char *memory;

	snprintf(path, sizeof(path), "/proc/%u/map_files/%" PRIx64 "-%" PRIx64, owner->pid,
		 owner->start, owner->end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		_exit(errno);
	memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd,
		      owner->offset + (owner->vaddr - owner->start));
	if (memory == MAP_FAILED)
		_exit(errno);
	(void)*memory;
	if (page_of_process(getpid(), (uintptr_t)memory, &pfn) || pfn != page->pfn)
		_exit(ESTALE);
	signal(SIGBUS, hit);
	_exit(madvise((void *)memory, size, MADV_HWPOISON) ? errno : 0);
}

int madvise_inject(const struct page *page)
{
	const struct owner *owner = shared_owner(page);
	int status;
	pid_t pid;

	if (!owner)
		return -EOPNOTSUPP;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		child(page, owner);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}
