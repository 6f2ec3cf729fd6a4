// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>

#include "inject/policy.h"

/* What tells a page of user space or of a file from one of the kernel's own. */
#define USER_FLAGS (KPF(LRU) | KPF(ANON) | KPF(HUGE) | KPF(SWAPBACKED))

/* What must not change between the decision and the injection. */
#define KIND_FLAGS                                                                                \
	(KPF(NOPAGE) | KPF(OFFLINE) | KPF(HWPOISON) | KPF(ZERO_PAGE) | KPF(PGTABLE) | KPF(SLAB) | \
	 KPF(BUDDY) | KPF(ANON) | KPF(HUGE) | KPF(RESERVED))

static const char *const names[REFUSALS] = {
	[REFUSE_NOT_RAM] = "not-ram",
	[REFUSE_OFFLINE] = "offline",
	[REFUSE_POISONED] = "poisoned",
	[REFUSE_ZERO_PAGE] = "zero-page",
	[REFUSE_PAGE_TABLE] = "page-table",
	[REFUSE_SLAB] = "slab",
	[REFUSE_RESERVED] = "reserved",
	[REFUSE_KERNEL] = "kernel",
	[REFUSE_INIT] = "init",
	[REFUSE_FAMILY] = "family",
	[REFUSE_SHARED_FILE] = "shared-file",
	[REFUSE_DIRTY_FILE] = "dirty-file",
	[REFUSE_MANY] = "many",
	[REFUSE_UNKNOWN_OWNER] = "unknown-owner",
};

const char *policy_name(enum refusal refusal)
{
	return names[refusal];
}

static bool is_file(const struct page *page)
{
	return !(page->flags & (KPF(ANON) | KPF(SWAPBACKED) | KPF(HUGE))) && page->flags & KPF(LRU);
}

/* Of what the kernel itself has, one reason, the most exact, is enough. */
static uint32_t kernel_refusal(const struct page *page)
{
	if (!page->online)
		return 1u << REFUSE_NOT_RAM;
	if (page->flags & KPF(OFFLINE))
		return 1u << REFUSE_OFFLINE;
	if (page->flags & KPF(ZERO_PAGE))
		return 1u << REFUSE_ZERO_PAGE;
	if (page->flags & KPF(PGTABLE))
		return 1u << REFUSE_PAGE_TABLE;
	if (page->flags & KPF(SLAB))
		return 1u << REFUSE_SLAB;
	if (page->flags & KPF(RESERVED))
		return 1u << REFUSE_RESERVED;
	/* a poisoned page has lost what it was */
	if (!(page->flags & (USER_FLAGS | KPF(BUDDY) | KPF(HWPOISON))))
		return 1u << REFUSE_KERNEL;
	return 0;
}

uint32_t policy_decide(const struct page *page)
{
	uint32_t refusals = kernel_refusal(page);

	if (page->online && page->flags & KPF(HWPOISON))
		refusals |= 1u << REFUSE_POISONED;
	if (!page->online)
		return refusals;
	if (page->init_maps)
		refusals |= 1u << REFUSE_INIT;
	if (page->family)
		refusals |= 1u << REFUSE_FAMILY;
	if (is_file(page) && page->processes > 1)
		refusals |= 1u << REFUSE_SHARED_FILE;
	if (is_file(page) && page->flags & KPF(DIRTY))
		refusals |= 1u << REFUSE_DIRTY_FILE;
	if (page->processes > POLICY_PROCESSES)
		refusals |= 1u << REFUSE_MANY;
	if (page->mappings > page->found)
		refusals |= 1u << REFUSE_UNKNOWN_OWNER;
	return refusals;
}

void policy_text(const struct page *page, enum refusal refusal, char *buf, size_t size)
{
	static const char *const texts[REFUSALS] = {
		[REFUSE_OFFLINE] = "it is taken out of use (a balloon, or memory being removed)",
		[REFUSE_POISONED] = "it is already poisoned",
		[REFUSE_ZERO_PAGE] = "it is the zero page, which every process may have mapped",
		[REFUSE_PAGE_TABLE] = "it is a page table",
		[REFUSE_SLAB] = "it is the slab allocator's: kernel objects are in it",
		[REFUSE_KERNEL] = "it is the kernel's, or was allocated just now: no user page, no "
				  "page of a file, not free",
		[REFUSE_INIT] = "pid 1 has it mapped",
		[REFUSE_SHARED_FILE] = "it is of a file that several processes have mapped",
		[REFUSE_DIRTY_FILE] =
			"it is of a file and dirty: what is not on disk would be lost",
	};

	switch (refusal) {
	case REFUSE_NOT_RAM:
		snprintf(buf, size, "it is not online RAM (%s)",
			 *page->region ? page->region : "in no range of /proc/iomem");
		break;
	case REFUSE_RESERVED:
		snprintf(buf, size, "it is reserved (%s)",
			 *page->region ? page->region : "/proc/iomem hides where");
		break;
	case REFUSE_FAMILY:
		snprintf(buf, size,
			 "%u, rasinject itself or what it was started from, has it mapped",
			 page->family);
		break;
	case REFUSE_MANY:
		snprintf(buf, size, "%u processes have it mapped, more than %d", page->processes,
			 POLICY_PROCESSES);
		break;
	case REFUSE_UNKNOWN_OWNER:
		snprintf(buf, size,
			 "%" PRIu64 " of its %" PRIu64 " mappings were not found in /proc",
			 page->mappings - page->found, page->mappings);
		break;
	default:
		snprintf(buf, size, "%s", texts[refusal]);
	}
}

bool policy_same(const struct page *before, const struct page *now)
{
	return before->online == now->online && before->mappings == now->mappings &&
	       !((before->flags ^ now->flags) & KIND_FLAGS);
}
