// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>

#include "region.h"
#include "util.h"

#define STRUCT_PAGE_SIZE 64
/* the longest thing that a symbol between modules is believed to name */
#define SYMBOL_REACH (1ULL << 20)

static const char *const names[REGION_MAX] = {
	[REGION_UNKNOWN] = "unknown",
	[REGION_USER] = "user",
	[REGION_NONCANONICAL] = "non-canonical",
	[REGION_LDT] = "ldt",
	[REGION_DIRECT_MAP] = "direct-map",
	[REGION_VMALLOC] = "vmalloc",
	[REGION_VMEMMAP] = "vmemmap",
	[REGION_CPU_ENTRY_AREA] = "cpu-entry-area",
	[REGION_ESPFIX] = "espfix",
	[REGION_EFI] = "efi",
	[REGION_PERCPU] = "percpu",
	[REGION_PERCPU_DYNAMIC] = "percpu-dynamic",
	[REGION_TEXT] = "text",
	[REGION_RODATA] = "rodata",
	[REGION_DATA] = "data",
	[REGION_BSS] = "bss",
	[REGION_INIT] = "init",
	[REGION_IMAGE] = "image",
	[REGION_MODULE] = "module",
	[REGION_FIXMAP] = "fixmap",
	[REGION_VSYSCALL] = "vsyscall",
};

/*
 * Regions whose place does not depend on KASLR (Documentation/arch/x86/x86_64/mm.rst, Linux 6.12),
 * the same with four and five levels.
 */
static const struct {
	enum region_kind kind;
	struct kspan span;
} fixed[] = {
	{ REGION_CPU_ENTRY_AREA, { 0xfffffe0000000000, 0xfffffe8000000000 } },
	{ REGION_ESPFIX, { 0xffffff0000000000, 0xffffff8000000000 } },
	{ REGION_EFI, { 0xffffffef00000000, 0xffffffff00000000 } },
	{ REGION_VSYSCALL, { 0xffffffffff600000, 0xffffffffff601000 } },
	{ REGION_FIXMAP, { 0xffffffffff000000, 0xffffffffff800000 } },
};

static const struct kspan ldt_4_level = { 0xffff880000000000, 0xffff888000000000 };
static const struct kspan ldt_5_level = { 0xff10000000000000, 0xff11000000000000 };
static const struct kspan user_4_level = { 0, 0x0000800000000000 };
static const struct kspan user_5_level = { 0, 0x0100000000000000 };
/* the kernel's image and the modules: the top 2 GiB, less the fixmap */
static const struct kspan top = { 0xffffffff80000000, 0xffffffffff000000 };

static bool in(const struct kspan *span, uint64_t address)
{
	return address >= span->start && address < span->end;
}

const char *region_name(enum region_kind kind)
{
	return names[kind];
}

/* The nearest symbol, if it is inside the span too. */
static void name_in(const struct kspan *span, const struct ksyms *ksyms, uint64_t address,
		    struct region *region)
{
	struct ksym sym;

	region->offset = address - span->start;
	if (!ksyms__find(ksyms, address, &sym) || !in(span, sym.address))
		return;
	region->sym = sym;
	region->offset = address - sym.address;
}

/* First of all: the first chunk lies inside the direct map or vmalloc. */
static bool decode_percpu(const struct klayout *layout, const struct ksyms *ksyms, uint64_t address,
			  struct region *region)
{
	for (unsigned int cpu = 0; cpu < layout->cpus; cpu++) {
		uint64_t linked = address - layout->percpu_offset[cpu];
		uint64_t inside = linked - layout->percpu.start;

		if (in(&layout->percpu, linked)) {
			region->kind = REGION_PERCPU;
			name_in(&layout->percpu, ksyms, linked, region);
		} else if (inside < layout->percpu_unit) {
			region->kind = REGION_PERCPU_DYNAMIC;
			region->offset = inside;
		} else {
			continue;
		}
		region->cpu = cpu;
		return true;
	}
	return false;
}

static bool decode_image(const struct klayout *layout, const struct ksyms *ksyms, uint64_t address,
			 struct region *region)
{
	const struct {
		enum region_kind kind;
		const struct kspan *span;
	} sections[] = {
		{ REGION_TEXT, &layout->text }, { REGION_RODATA, &layout->rodata },
		{ REGION_DATA, &layout->data }, { REGION_BSS, &layout->bss },
		{ REGION_INIT, &layout->init }, { REGION_IMAGE, &layout->image },
	};

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		if (!in(sections[i].span, address))
			continue;
		region->kind = sections[i].kind;
		name_in(sections[i].span, ksyms, address, region);
		return true;
	}
	return false;
}

/* Between image and fixmap are modules, BPF and ftrace trampolines: only a symbol tells them. */
static bool decode_module(const struct ksyms *ksyms, uint64_t address, struct region *region)
{
	if (!in(&top, address))
		return false;
	name_in(&top, ksyms, address, region);
	if (region->sym.name && region->sym.module && region->offset < SYMBOL_REACH) {
		region->kind = REGION_MODULE;
		return true;
	}
	region->sym = (struct ksym){};
	region->offset = 0;
	return false;
}

static bool decode_span(enum region_kind kind, const struct kspan *span, uint64_t address,
			struct region *region)
{
	if (!in(span, address))
		return false;
	region->kind = kind;
	region->offset = address - span->start;
	return true;
}

static bool decode_bases(const struct klayout *layout, uint64_t address, struct region *region)
{
	if (!layout->known)
		return false;
	return decode_span(REGION_DIRECT_MAP, &layout->direct, address, region) ||
	       decode_span(REGION_VMALLOC, &layout->vmalloc, address, region) ||
	       decode_span(REGION_VMEMMAP, &layout->vmemmap, address, region) ||
	       decode_span(REGION_LDT, layout->level_5 ? &ldt_5_level : &ldt_4_level, address,
			   region) ||
	       decode_span(REGION_USER, layout->level_5 ? &user_5_level : &user_4_level, address,
			   region);
}

static bool decode_fixed(uint64_t address, struct region *region)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		if (decode_span(fixed[i].kind, &fixed[i].span, address, region))
			return true;
	/* user space with any paging */
	return decode_span(REGION_USER, &user_4_level, address, region);
}

static bool decode_noncanonical(const struct klayout *layout, uint64_t address,
				struct region *region)
{
	int bits = layout->level_5 ? 57 : 48;
	int64_t high = (int64_t)address >> (bits - 1);

	if (!layout->known || high == 0 || high == -1)
		return false;
	region->kind = REGION_NONCANONICAL;
	return true;
}

void region_decode(const struct klayout *layout, const struct ksyms *ksyms, uint64_t address,
		   struct region *ret_region)
{
	*ret_region = (struct region){ .kind = REGION_UNKNOWN, .cpu = -1 };
	if (decode_percpu(layout, ksyms, address, ret_region) ||
	    decode_bases(layout, address, ret_region) || decode_fixed(address, ret_region) ||
	    decode_image(layout, ksyms, address, ret_region) ||
	    decode_module(ksyms, address, ret_region))
		return;
	decode_noncanonical(layout, address, ret_region);
}

void region_print(const struct region *region, char *buf, size_t size)
{
	const char *name = region_name(region->kind);
	char cpu[16] = "";

	if (region->cpu >= 0)
		snprintf(cpu, sizeof(cpu), "@cpu%d", region->cpu);
	if (region->sym.name) {
		bool module = region->sym.module;

		snprintf(buf, size, "%s:%s%s%s%s+0x%" PRIx64 "%s", name, region->sym.name,
			 module ? "[" : "", module ? region->sym.module : "", module ? "]" : "",
			 region->offset, cpu);
		return;
	}
	switch (region->kind) {
	case REGION_UNKNOWN:
	case REGION_NONCANONICAL:
	case REGION_USER:
		snprintf(buf, size, "%s", name);
		break;
	case REGION_DIRECT_MAP:
		snprintf(buf, size, "%s:phys=0x%" PRIx64, name, region->offset);
		break;
	case REGION_VMEMMAP:
		snprintf(buf, size, "%s:pfn=0x%" PRIx64, name, region->offset / STRUCT_PAGE_SIZE);
		break;
	default:
		snprintf(buf, size, "%s+0x%" PRIx64 "%s", name, region->offset, cpu);
	}
}
