// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "inject/page.h"
#include "util.h"

static const char *const flag_names[] = {
	[KPF_LOCKED] = "locked",
	[KPF_ERROR] = "error",
	[KPF_REFERENCED] = "referenced",
	[KPF_UPTODATE] = "uptodate",
	[KPF_DIRTY] = "dirty",
	[KPF_LRU] = "lru",
	[KPF_ACTIVE] = "active",
	[KPF_SLAB] = "slab",
	[KPF_WRITEBACK] = "writeback",
	[KPF_RECLAIM] = "reclaim",
	[KPF_BUDDY] = "buddy",
	[KPF_MMAP] = "mmap",
	[KPF_ANON] = "anon",
	[KPF_SWAPCACHE] = "swapcache",
	[KPF_SWAPBACKED] = "swapbacked",
	[KPF_COMPOUND_HEAD] = "compound-head",
	[KPF_COMPOUND_TAIL] = "compound-tail",
	[KPF_HUGE] = "huge",
	[KPF_UNEVICTABLE] = "unevictable",
	[KPF_HWPOISON] = "hwpoison",
	[KPF_NOPAGE] = "nopage",
	[KPF_KSM] = "ksm",
	[KPF_THP] = "thp",
	[KPF_OFFLINE] = "offline",
	[KPF_ZERO_PAGE] = "zero-page",
	[KPF_IDLE] = "idle",
	[KPF_PGTABLE] = "pgtable",
	[KPF_RESERVED] = "reserved",
};

size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

int page_shift(void)
{
	return __builtin_ctzl(page_size());
}

void page_flag_names(uint64_t flags, char *buf, size_t size)
{
	size_t used = 0;

	*buf = '\0';
	for (unsigned int bit = 0; bit < 64 && used < size; bit++) {
		const char *name = bit < ARRAY_SIZE(flag_names) ? flag_names[bit] : NULL;

		if (!(flags >> bit & 1))
			continue;
		if (name)
			used += snprintf(buf + used, size - used, "%s%s", used ? " " : "", name);
		else
			used += snprintf(buf + used, size - used, "%sbit%u", used ? " " : "", bit);
	}
}

/* One value of an array in /proc that is indexed by page frame. -ENXIO beyond its end. */
static int read_entry(const char *path, uint64_t index, uint64_t *ret_value)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t value;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (index > INT64_MAX / sizeof(value))
		return -ENXIO;
	n = pread(fd, &value, sizeof(value), index * sizeof(value));
	if (n < 0)
		return -errno;
	if (n != sizeof(value))
		return -ENXIO;
	*ret_value = value;
	return 0;
}

/* Innermost last: a line that is indented more comes after the one that it lies in. */
static void read_region(uint64_t address, char region[PAGE_REGION])
{
	cleanup_fclose FILE *file = fopen("/proc/iomem", "re");
	uint64_t start, end;
	char line[256], *name;

	*region = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		name = strstr(line, " : ");
		if (!name || sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2)
			continue;
		/* who may not see the addresses sees zeros */
		if (end && start <= address && address <= end)
			snprintf(region, PAGE_REGION, "%s", name + 3);
	}
}

int page_flags(uint64_t pfn, uint64_t *ret_flags)
{
	return read_entry("/proc/kpageflags", pfn, ret_flags);
}

int page_read(uint64_t pfn, struct page *ret_page)
{
	struct page page = { .pfn = pfn };
	int err = page_flags(pfn, &page.flags);

	if (err && err != -ENXIO)
		return err;
	read_region(pfn << page_shift(), page.region);
	page.online = !err && !(page.flags & KPF(NOPAGE));
	if (page.online) {
		err = read_entry("/proc/kpagecount", pfn, &page.mappings);
		if (err)
			return err;
		page.memcg_known = !read_entry("/proc/kpagecgroup", pfn, &page.memcg);
	}
	*ret_page = page;
	return 0;
}

int page_of_process(uint32_t pid, uint64_t vaddr, uint64_t *ret_pfn)
{
	char path[40];
	uint64_t entry;
	int err;

	snprintf(path, sizeof(path), "/proc/%u/pagemap", pid);
	err = read_entry(path, vaddr >> page_shift(), &entry);
	/* beyond the address space it has no entries */
	if (err == -ENXIO || (!err && !(entry & PAGEMAP_PRESENT)))
		return -ENODATA;
	if (err)
		return err;
	/* no memory is at frame 0; without CAP_SYS_ADMIN all frames read as that */
	if (!(entry & PAGEMAP_PFN))
		return -EPERM;
	*ret_pfn = entry & PAGEMAP_PFN;
	return 0;
}

/* nftw() has no argument for its callback. */
static __thread struct {
	uint64_t inode;
	char *buf;
	size_t size;
	size_t root;
} memcg_search;

static int memcg_visit(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
	if (type != FTW_D || stat->st_ino != memcg_search.inode)
		return 0;
	path += memcg_search.root;
	snprintf(memcg_search.buf, memcg_search.size, "%s", *path ? path : "/");
	return 1;
}

void page_memcg_path(uint64_t inode, char *buf, size_t size)
{
	/* version 2, and version 1's memory controller */
	static const char *const roots[] = { "/sys/fs/cgroup/memory", "/sys/fs/cgroup" };

	*buf = '\0';
	for (size_t i = 0; inode && !*buf && i < ARRAY_SIZE(roots); i++) {
		memcg_search.inode = inode;
		memcg_search.buf = buf;
		memcg_search.size = size;
		memcg_search.root = strlen(roots[i]);
		nftw(roots[i], memcg_visit, 16, FTW_PHYS | FTW_MOUNT);
	}
}
