/* SPDX-License-Identifier: GPL-2.0 */
/* Names of VM-exit reasons, as the running kernel's kvm:kvm_exit prints them. */
#ifndef FAULTLINE_EXITNAMES_H
#define FAULTLINE_EXITNAMES_H

#include <stddef.h>
#include <stdint.h>

struct exitnames;

/*
 * Parses the print fmt of a kvm_exit format file, VMX's names first, then SVM's. 0, -EBADMSG when
 * it is not one, or -ENOMEM.
 */
int exitnames__parse(const char *format, struct exitnames **ret_names);

/* Finds and reads the format file in tracefs; 0 or negative errno (-ENOENT: no tracefs there). */
int exitnames__load(struct exitnames **ret_names);

/* An empty table, and a name more in it; of a too long one the start. 0 or -ENOMEM. */
int exitnames__new(struct exitnames **ret_names);
int exitnames__add(struct exitnames *names, uint32_t isa, uint32_t reason, const char *name);

struct exitname {
	uint32_t isa;
	uint32_t reason;
	char name[40]; /* no blanks */
};

/* All of them, *ret_n; NULL: none. */
const struct exitname *exitnames__all(const struct exitnames *names, size_t *ret_n);

struct exitnames *exitnames__free(struct exitnames *names);

/*
 * "npf"; "svm:0x400" without a name; "-" for no VM exit yet (FL_EXIT_NONE); a NULL table has no
 * names. No blanks.
 */
void exitnames__print(const struct exitnames *names, uint32_t isa, uint32_t reason, char *buf,
		      size_t size);

#endif
