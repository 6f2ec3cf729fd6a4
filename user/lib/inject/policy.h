/* SPDX-License-Identifier: GPL-2.0 */
/* Which pages are not to be poisoned unless forced, and why. */
#ifndef FAULTLINE_INJECT_POLICY_H
#define FAULTLINE_INJECT_POLICY_H

#include "inject/page.h"

#define POLICY_PROCESSES 3 /* as many may have the page mapped */

/* In the order in which they are told; the numbers are in no file. */
enum refusal {
	REFUSE_NOT_RAM,
	REFUSE_OFFLINE,
	REFUSE_POISONED,
	REFUSE_ZERO_PAGE,
	REFUSE_PAGE_TABLE,
	REFUSE_SLAB,
	REFUSE_RESERVED,
	REFUSE_KERNEL,
	REFUSE_INIT,
	REFUSE_FAMILY,
	REFUSE_SHARED_FILE,
	REFUSE_DIRTY_FILE,
	REFUSE_MANY,
	REFUSE_UNKNOWN_OWNER,
	REFUSALS,
};

/* A bit for each refusal, 1 << REFUSE_...; 0: go on. Looks at the page only, not at the machine. */
uint32_t policy_decide(const struct page *page);

/* "slab", as in JSON. */
const char *policy_name(enum refusal refusal);

/* "it is a page of the slab allocator" */
void policy_text(const struct page *page, enum refusal refusal, char *buf, size_t size);

/*
 * Whether a page that was looked at before is still the same to policy: owner, kind, poison, number of
 * mappings. Bits that change all the time, such as being referenced, do not count.
 */
bool policy_same(const struct page *before, const struct page *now);

#endif
