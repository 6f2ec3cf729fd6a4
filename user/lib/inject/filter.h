/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's filter of hwpoison injection. It is global, and while it is on it hides real errors. */
#ifndef FAULTLINE_INJECT_FILTER_H
#define FAULTLINE_INJECT_FILTER_H

#include <stdint.h>

struct filter {
	uint64_t enable;
	uint64_t memcg; /* inode; only pages of it are poisoned, 0: of any */
};

/* 0, or negative errno: -ENOENT without the module, or without memory cgroups. */
int filter_read(struct filter *ret_filter);
int filter_write(const struct filter *filter);

#endif
