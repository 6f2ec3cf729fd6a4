/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's symbol table, from /proc/kallsyms. */
#ifndef FAULTLINE_KSYMS_H
#define FAULTLINE_KSYMS_H

#include <stdbool.h>
#include <stdint.h>

struct ksyms;

struct ksym {
	const char *name;
	const char *module; /* NULL: the kernel itself */
	uint64_t address;
	char type; /* as nm(1) writes it */
};

/*
 * Reads a table in the format of /proc/kallsyms; NULL for that file. 0 or negative errno: -EPERM
 * when kptr_restrict hides the addresses (all are zero), -ENODATA when there is no symbol in it.
 */
int ksyms__load(const char *path, struct ksyms **ret_ksyms);
struct ksyms *ksyms__free(struct ksyms *ksyms);

/*
 * The symbol at or before the address. kallsyms knows no sizes: how far the symbol reaches is the
 * caller's to judge. Of several names for one address, a global function or object is preferred.
 * A NULL table knows nothing.
 */
bool ksyms__find(const struct ksyms *ksyms, uint64_t address, struct ksym *ret_sym);

/* The address of the kernel's own (no module's) symbol of that name. */
bool ksyms__address(const struct ksyms *ksyms, const char *name, uint64_t *ret_address);

static inline void ksyms__freep(struct ksyms **ksyms)
{
	ksyms__free(*ksyms);
}

#endif
