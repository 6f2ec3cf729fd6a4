// SPDX-License-Identifier: GPL-2.0
/* The reverse look-up: which processes have a page frame mapped. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/ioctl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "inject/page.h"
#include "procinfo.h"
#include "util.h"

#define CHUNK 4096 /* entries read at once */
#define REGIONS 64 /* stretches of present pages asked for at once */

/* PAGEMAP_SCAN of Linux 6.7 (52526ca7fdb9), which headers may lack: linux/fs.h. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN_IOCTL _IOWR('f', 16, struct scan_arg)
#define SCAN_IS_PRESENT (1ULL << 3)

struct search {
	struct page *page;
	int pagemap;
	struct owner vma; /* the mapping that is looked at */
	uint32_t last_pid; /* that was counted as a process */
};

static bool complete(const struct page *page)
{
	return page->found >= page->mappings;
}

static bool is_family(uint32_t pid)
{
	uint32_t relative = getpid();

	/* a parent's pid that changes below this loop ends it, too: 0 is nobody's child */
	for (int depth = 0; relative > 1 && depth < 1000; depth++) {
		if (relative == pid)
			return true;
		relative = process_parent(relative);
	}
	return false;
}

static void found(struct search *search, uint64_t vaddr)
{
	struct page *page = search->page;
	struct owner *owner = &search->vma;

	if (owner->pid != search->last_pid) {
		search->last_pid = owner->pid;
		page->processes++;
		page->init_maps |= owner->pid == 1;
		if (!page->family && is_family(owner->pid))
			page->family = owner->pid;
		process_comm(owner->pid, owner->comm, sizeof(owner->comm));
	}
	owner->vaddr = vaddr;
	if (page->found < PAGE_OWNERS)
		page->owners[page->found] = *owner;
	page->found++;
}

/* Reads the entries of [start, end). */
static void search_entries(struct search *search, uint64_t start, uint64_t end)
{
	uint64_t entries[CHUNK];
	size_t size = page_size();

	while (start < end && !complete(search->page)) {
		size_t n = (end - start) / size;
		ssize_t got;

		n = n < CHUNK ? n : CHUNK;
		got = pread(search->pagemap, entries, n * sizeof(entries[0]),
			    start / size * sizeof(entries[0]));
		if (got <= 0)
			return;
		for (size_t i = 0; i < got / sizeof(entries[0]); i++)
			if (entries[i] & PAGEMAP_PRESENT &&
			    (entries[i] & PAGEMAP_PFN) == search->page->pfn)
				found(search, start + i * size);
		start += got / sizeof(entries[0]) * size;
	}
}

/*
 * Programs reserve terabytes of addresses and use little of it: only what is present is read, where the
 * kernel can tell.
 */
static void search_vma(struct search *search)
{
	struct scan_region regions[REGIONS];
	uint64_t start = search->vma.start, end = search->vma.end;

	while (start < end && !complete(search->page)) {
		struct scan_arg arg = { .size = sizeof(arg),
					.start = start,
					.end = end,
					.vec = (uintptr_t)regions,
					.vec_len = REGIONS,
					.category_mask = SCAN_IS_PRESENT,
					.return_mask = SCAN_IS_PRESENT };
		int n = ioctl(search->pagemap, SCAN_IOCTL, &arg);

		if (n < 0) {
			search_entries(search, start, end);
			return;
		}
		for (int i = 0; i < n; i++)
			search_entries(search, regions[i].start, regions[i].end);
		if (arg.walk_end <= start)
			return;
		start = arg.walk_end;
	}
}

/* A line of /proc/PID/maps. The file's name is cut at its start: its end says more. */
static bool parse_vma(const char *line, struct owner *vma)
{
	char flags[5] = "";
	int name = 0;
	size_t length;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %n", &vma->start,
		   &vma->end, flags, &vma->offset, &name) != 4)
		return false;
	vma->shared = flags[3] == 's';
	vma->file[0] = '\0';
	if (!name)
		return true;
	length = strcspn(line + name, "\n");
	if (length >= sizeof(vma->file)) {
		name += length - (sizeof(vma->file) - 1);
		length = sizeof(vma->file) - 1;
	}
	memcpy(vma->file, line + name, length);
	vma->file[length] = '\0';
	return true;
}

static void search_process(struct search *search, uint32_t pid)
{
	cleanup_fclose FILE *maps = NULL;
	cleanup_close int pagemap = -1;
	cleanup_free char *line = NULL;
	size_t room = 0;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%u/pagemap", pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (!maps || pagemap < 0)
		return; /* it is gone */
	search->pagemap = pagemap;
	search->vma.pid = pid;
	while (!complete(search->page) && getline(&line, &room, maps) > 0)
		if (parse_vma(line, &search->vma))
			search_vma(search);
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int page_find_owners(struct page *page)
{
	__attribute__((cleanup(closedirp))) DIR *proc = opendir("/proc");
	struct search search = { .page = page };
	const struct dirent *entry;

	if (!proc)
		return -errno;
	page->found = page->processes = page->family = 0;
	page->init_maps = false;
	while (!complete(page) && (entry = readdir(proc)))
		if (strspn(entry->d_name, "0123456789") == strlen(entry->d_name))
			search_process(&search, strtoul(entry->d_name, NULL, 10));
	return 0;
}
