/* SPDX-License-Identifier: GPL-2.0 */
/* Where this boot of the kernel keeps what: KASLR moves most of it. */
#ifndef FAULTLINE_KLAYOUT_H
#define FAULTLINE_KLAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "ksyms.h"

struct kspan {
	uint64_t start, end; /* [start, end); both 0: not known */
};

/*
 * Sources: Documentation/arch/x86/x86_64/mm.rst, arch/x86/include/asm/page_64_types.h and
 * pgtable_64_types.h of Linux 6.12.
 */
struct klayout {
	bool known; /* the bases below were read, not assumed */
	int peek_err; /* why kernel memory could not be read, negative errno; 0: it could */
	bool level_5; /* 5-level paging */
	struct kspan direct, vmalloc, vmemmap;
	struct kspan text, rodata, data, bss, init, image;
	/* link-time range of the static per-CPU section, and bytes of a whole first-chunk unit */
	struct kspan percpu;
	uint64_t percpu_unit;
	uint64_t *percpu_offset; /* of each possible CPU */
	unsigned int cpus;
};

/* Reads a word of kernel memory; 0 or negative errno. */
typedef int (*kpeek_fn)(void *ctx, uint64_t address, uint64_t *ret_value);

/*
 * Fills in what symbols and peek (may be NULL) can tell; ret_layout->known says whether the bases
 * could be read. cpus: possible ones, not positive: not known. Only -ENOMEM is an error. With ksyms
 * NULL everything is unknown.
 */
int klayout__init(struct klayout *ret_layout, const struct ksyms *ksyms, int cpus, kpeek_fn peek,
		  void *ctx);
void klayout__fini(struct klayout *layout);

/* As above, peeking with a BPF program; needs the privileges to load one. */
int klayout__read(struct klayout *ret_layout, const struct ksyms *ksyms);

#endif
