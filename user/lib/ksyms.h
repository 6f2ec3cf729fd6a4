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

/* An empty table; ksyms__add() fills it, ksyms__sort() has to come before the next look-up. */
int ksyms__new(struct ksyms **ret_ksyms);
int ksyms__add(struct ksyms *ksyms, const struct ksym *sym);
void ksyms__sort(struct ksyms *ksyms);

/*
 * The next symbol that ksyms__find() gave out and this function did not. *cursor starts at 0. A table
 * of the symbols that look-ups gave out answers the same look-ups in the same way.
 */
bool ksyms__next_found(struct ksyms *ksyms, size_t *cursor, struct ksym *ret_sym);

static inline void ksyms__freep(struct ksyms **ksyms)
{
	ksyms__free(*ksyms);
}

#endif
