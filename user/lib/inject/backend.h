/* SPDX-License-Identifier: GPL-2.0 */
/* The ways to have the kernel, the firmware or QEMU take a page for bad. */
#ifndef FAULTLINE_INJECT_BACKEND_H
#define FAULTLINE_INJECT_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inject/page.h"

/* In the order of the table in backend.c; auto is no backend but a choice. */
enum backend {
	BACKEND_AUTO,
	BACKEND_HWPOISON,
	BACKEND_HARD_OFFLINE,
	BACKEND_SOFT_OFFLINE,
	BACKEND_MADVISE,
	BACKEND_EINJ,
	BACKEND_QMP,
	BACKENDS,
};

extern const char *const backend_names[BACKENDS];

/* The signs that an injection leaves on this machine before anybody touches the page. */
#define SIGN_EVENT (1u << 0) /* memory_failure_event */
#define SIGN_FLAG (1u << 1) /* KPF_HWPOISON */
#define SIGN_COUNTER (1u << 2) /* HardwareCorrupted in /proc/meminfo */

unsigned int backend_signs(enum backend backend);

/*
 * Whether it can be used here: 0, or -EOPNOTSUPP with what is missing and what to do about it in why.
 * BACKEND_AUTO is no valid argument.
 */
int backend_usable(enum backend backend, char *why, size_t size);

/* The first of hwpoison and hard-offline that can be used; BACKEND_AUTO: neither, why has why. */
enum backend backend_choose(char *why, size_t size);

/*
 * Injects, where the state of this machine is what changes (all but qmp). 0 means only that nobody
 * objected: corrupt-pfn says so when its filter dropped the page. Negative errno otherwise.
 */
int backend_inject(enum backend backend, const struct page *page);

/* A number in a file of debugfs, sysfs or tracefs; decimal, which all take. 0 or negative errno. */
int backend_write(const char *path, uint64_t value);
int backend_read(const char *path, uint64_t *ret_value);

/* Maps what the owner has mapped and has MADV_HWPOISON done to it, in a child, which it hits. */
int madvise_inject(const struct page *page);

/* 0, or -EOPNOTSUPP and why madvise cannot reach this very page. */
int madvise_reaches(const struct page *page, char *why, size_t size);

int einj_usable(char *why, size_t size);
int einj_inject(const struct page *page);

#define HWPOISON_DIR "/sys/kernel/debug/hwpoison"
#define HWPOISON_REMEDY "modprobe hwpoison-inject (CONFIG_HWPOISON_INJECT), with debugfs mounted"

#endif
