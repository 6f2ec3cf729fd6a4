/* SPDX-License-Identifier: GPL-2.0 */
/* What a kernel address is, as far as the address alone tells. */
#ifndef FAULTLINE_REGION_H
#define FAULTLINE_REGION_H

#include <stddef.h>
#include <stdint.h>

#include "klayout.h"
#include "ksyms.h"

enum region_kind {
	REGION_UNKNOWN,
	REGION_USER,
	REGION_NONCANONICAL,
	REGION_LDT,
	REGION_DIRECT_MAP,
	REGION_VMALLOC,
	REGION_VMEMMAP,
	REGION_CPU_ENTRY_AREA,
	REGION_ESPFIX,
	REGION_EFI,
	REGION_PERCPU, /* static per-CPU data: has a symbol */
	REGION_PERCPU_DYNAMIC, /* alloc_percpu() and modules, in the first chunk */
	REGION_TEXT,
	REGION_RODATA,
	REGION_DATA,
	REGION_BSS,
	REGION_INIT,
	REGION_IMAGE, /* the kernel's image, section not known */
	REGION_MODULE,
	REGION_FIXMAP,
	REGION_VSYSCALL,
	REGION_MAX,
};

struct region {
	enum region_kind kind;
	struct ksym sym; /* sym.name NULL: no symbol */
	uint64_t offset; /* bytes from the symbol; without one, from the region's start */
	int cpu; /* per-CPU regions; else -1 */
};

const char *region_name(enum region_kind kind);

/* layout and ksyms may be all zero and NULL: then little is known, and said so. */
void region_decode(const struct klayout *layout, const struct ksyms *ksyms, uint64_t address,
		   struct region *ret_region);

/*
 * One word, no blanks: "direct-map:phys=0x1234", "vmemmap:pfn=0x12", "data:jiffies+0x0",
 * "percpu:runqueues+0x8@cpu1", "unknown".
 */
void region_print(const struct region *region, char *buf, size_t size);

#endif
