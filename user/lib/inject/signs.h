/* SPDX-License-Identifier: GPL-2.0 */
/* What shows on this machine that a page was poisoned: not the word of whoever was asked to. */
#ifndef FAULTLINE_INJECT_SIGNS_H
#define FAULTLINE_INJECT_SIGNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inject/backend.h"

#define SIGN_COUNT 3
extern const char *const sign_names[SIGN_COUNT]; /* of SIGN_EVENT, _FLAG, _COUNTER */

struct signs {
	unsigned int wanted, seen; /* SIGN_... */
	char event_page[64]; /* what the kernel took the page for: "dirty LRU page" */
	char event_result[24]; /* what became of it: "Recovered" */
	uint64_t corrupted_before, corrupted_after; /* HardwareCorrupted, kB */
	/* of the watching: */
	bool watching;
	char event[80]; /* its directory below tracefs */
	char root[64]; /* the private instance */
};

/*
 * Starts to look out for those signs: the event in a trace instance of its own. *ret_wanted less what
 * cannot be seen here, which why names; 0 or negative errno.
 */
int signs_arm(struct signs *signs, unsigned int wanted, char *why, size_t size);

/* Which of them there are for that page by now. */
void signs_collect(struct signs *signs, uint64_t pfn);

/* Removes the instance; also one that a killed rasinject left. Not armed: fine. */
void signs_disarm(struct signs *signs);
void signs_remove_leftover(void);

/* HardwareCorrupted of /proc/meminfo in kB; -ENODATA on a kernel that does not count it. */
int signs_corrupted(uint64_t *ret_kb);

/* The event's line in a trace: whether it is about that page, and what it says. */
bool signs_parse_event(const char *line, uint64_t pfn, struct signs *signs);

enum verdict {
	VERDICT_VERIFIED,
	VERDICT_KERNEL_REFUSED, /* it says so, and the page is as before */
	VERDICT_NOT_VERIFIED, /* a sign is missing */
	VERDICT_NOT_RECOVERED, /* poisoned, and the kernel could not deal with it */
};

/* err: what the backend answered. was_poisoned: before it was asked. */
enum verdict signs_judge(const struct signs *signs, int err, bool was_poisoned);

#endif
