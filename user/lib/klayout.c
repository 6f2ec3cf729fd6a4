// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "klayout.h"
#include "util.h"

#define TB (1ULL << 40)
#define PAGE_SHIFT 12
#define STRUCT_PAGE_SIZE 64
/* pgtable_64_types.h: where the direct map starts at the earliest with four levels */
#define LOWEST_4_LEVEL 0xffff800000000000ULL
#define VMALLOC_TB_4_LEVEL 32
#define VMALLOC_TB_5_LEVEL 12800

struct reader {
	const struct ksyms *ksyms;
	kpeek_fn peek;
	void *ctx;
	int err; /* the first of peek */
};

static bool word(struct reader *reader, uint64_t address, uint64_t *ret_value)
{
	int err = reader->peek(reader->ctx, address, ret_value);

	if (err && !reader->err)
		reader->err = err;
	return !err;
}

static bool variable(struct reader *reader, const char *name, uint64_t *ret_value)
{
	uint64_t address;

	return reader->peek && ksyms__address(reader->ksyms, name, &address) &&
	       word(reader, address, ret_value);
}

static struct kspan symbols(const struct ksyms *ksyms, const char *from, const char *to)
{
	struct kspan span = {};

	if (!ksyms__address(ksyms, from, &span.start) || !ksyms__address(ksyms, to, &span.end))
		return (struct kspan){};
	return span;
}

/* Without the symbols (no CONFIG_DYNAMIC_MEMORY_LAYOUT) the bases stay unknown, never assumed. */
static void read_bases(struct klayout *layout, struct reader *reader)
{
	uint64_t direct, vmalloc, vmemmap, max_pfn;

	if (!variable(reader, "page_offset_base", &direct) ||
	    !variable(reader, "vmalloc_base", &vmalloc) ||
	    !variable(reader, "vmemmap_base", &vmemmap) || !variable(reader, "max_pfn", &max_pfn))
		return;
	layout->known = true;
	layout->level_5 = direct < LOWEST_4_LEVEL;
	layout->direct = (struct kspan){ direct, direct + (max_pfn << PAGE_SHIFT) };
	layout->vmalloc = (struct kspan){
		vmalloc,
		vmalloc + TB * (layout->level_5 ? VMALLOC_TB_5_LEVEL : VMALLOC_TB_4_LEVEL),
	};
	layout->vmemmap = (struct kspan){ vmemmap, vmemmap + max_pfn * STRUCT_PAGE_SIZE };
}

static int read_percpu(struct klayout *layout, struct reader *reader, int cpus)
{
	uint64_t offsets, value;

	layout->percpu = symbols(reader->ksyms, "__per_cpu_start", "__per_cpu_end");
	if (!layout->percpu.end || cpus <= 0 || !reader->peek ||
	    !ksyms__address(reader->ksyms, "__per_cpu_offset", &offsets))
		return 0;
	layout->percpu_offset = calloc(cpus, sizeof(*layout->percpu_offset));
	if (!layout->percpu_offset)
		return -ENOMEM;
	for (int cpu = 0; cpu < cpus; cpu++) {
		if (!word(reader, offsets + cpu * sizeof(value), &value))
			break;
		layout->percpu_offset[layout->cpus++] = value;
	}
	/* an int */
	if (variable(reader, "pcpu_unit_size", &value))
		layout->percpu_unit = (uint32_t)value;
	return 0;
}

int klayout__init(struct klayout *ret_layout, const struct ksyms *ksyms, int cpus, kpeek_fn peek,
		  void *ctx)
{
	struct reader reader = { .ksyms = ksyms, .peek = peek, .ctx = ctx };
	struct klayout layout = {};
	int err;

	layout.text = symbols(ksyms, "_stext", "_etext");
	layout.rodata = symbols(ksyms, "__start_rodata", "__end_rodata");
	layout.data = symbols(ksyms, "_sdata", "_edata");
	layout.bss = symbols(ksyms, "__bss_start", "__bss_stop");
	layout.init = symbols(ksyms, "__init_begin", "__init_end");
	layout.image = symbols(ksyms, "_text", "_end");
	read_bases(&layout, &reader);
	err = read_percpu(&layout, &reader, cpus);
	if (err)
		return err;
	layout.peek_err = reader.err;
	*ret_layout = layout;
	return 0;
}

void klayout__fini(struct klayout *layout)
{
	free(layout->percpu_offset);
	*layout = (struct klayout){};
}
