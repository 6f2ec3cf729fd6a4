/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel says of a page frame, and who has it mapped. */
#ifndef FAULTLINE_INJECT_PAGE_H
#define FAULTLINE_INJECT_PAGE_H

#include <linux/kernel-page-flags.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Newer than some headers; the numbers are ABI (Documentation/admin-guide/mm/pagemap.rst). */
#ifndef KPF_ZERO_PAGE
#define KPF_ZERO_PAGE 24
#endif
#ifndef KPF_PGTABLE
#define KPF_PGTABLE 26
#endif

#ifndef KPF_RESERVED
#define KPF_RESERVED 32
#endif

#define KPF(name) (1ULL << KPF_##name)

/* An entry of /proc/PID/pagemap. */
#define PAGEMAP_PRESENT (1ULL << 63)
#define PAGEMAP_PFN ((1ULL << 55) - 1)

#define PAGE_OWNERS 16
#define PAGE_REGION 40

/* One mapping of the page. */
struct owner {
	uint32_t pid;
	char comm[20];
	uint64_t vaddr; /* the page's start */
	bool shared; /* MAP_SHARED */
	char file[64]; /* what is mapped there, "[heap]"; "": nothing with a name; cut at the start */
	uint64_t start, end; /* of the mapping (VMA) */
	uint64_t offset; /* of start in the file, bytes */
};

struct page {
	uint64_t pfn;
	bool online; /* memory that the kernel manages; else nothing below is set but region */
	uint64_t flags; /* KPF() */
	uint64_t mappings; /* as the kernel counts them */
	bool memcg_known;
	uint64_t memcg; /* the inode of its memory cgroup; 0: none */
	char region[PAGE_REGION]; /* the innermost of /proc/iomem; "": none, or hidden */
	struct owner owners[PAGE_OWNERS]; /* the first of them */
	uint32_t found; /* mappings found in /proc */
	uint32_t processes; /* different ones among them */
	bool init_maps; /* pid 1 is among them */
	uint32_t family; /* rasinject itself or an ancestor that is among them; 0: none */
};

/* Bytes, and the shift for them. */
size_t page_size(void);
int page_shift(void);

/* Flags, count, memory cgroup, region. 0 or negative errno (-EACCES: not root). */
int page_read(uint64_t pfn, struct page *ret_page);

/* The flags alone; -ENXIO: no such page frame. */
int page_flags(uint64_t pfn, uint64_t *ret_flags);

/*
 * Looks through the page tables of all processes until all of page->mappings are found, and fills in
 * the owners. Processes come and go: a mapping can be missed, never made up. 0 or negative errno.
 */
int page_find_owners(struct page *page);

/* Where a process has an address: 0, -ENODATA (not in memory), or another negative errno. */
int page_of_process(uint32_t pid, uint64_t vaddr, uint64_t *ret_pfn);

/* "anon lru uptodate"; unknown bits as numbers. */
void page_flag_names(uint64_t flags, char *buf, size_t size);

/* The cgroup's path below its mount point for that inode; "" when there is none. */
void page_memcg_path(uint64_t inode, char *buf, size_t size);

#endif
