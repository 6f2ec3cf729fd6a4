/* SPDX-License-Identifier: GPL-2.0 */
/* The BPF program of asi-faulttop: loaded, attached, armed, read. */
#ifndef FAULTLINE_SESSION_H
#define FAULTLINE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "snapshot.h"
#include "stacks.h"

struct session;

struct session_config {
	uint32_t pid; /* 0: every VMM */
	uint32_t sites; /* room in the site map; 0: the program's own default */
	bool stacks;
	bool stats; /* have the kernel count the program's run time */
};

/* Loads; nothing runs yet. 0 or negative errno. */
int session__open(const struct session_config *config, struct session **ret_session);

/* Attaches, then arms. -ENOENT: the kernel has no such tracepoint. */
int session__arm(struct session *session);

/*
 * Disarms and waits until no CPU runs the program: after it the figures stand still and add up.
 * Negative errno: disarmed, but there was no way to wait; a fault a CPU may still come in.
 */
int session__disarm(struct session *session);

/* Reads every map; the sites are ordered. 0 or negative errno. */
int session__read(struct session *session, struct snapshot *ret_snapshot);

/* Those of all sites read so far, if they were asked for. */
const struct stacks *session__stacks(const struct session *session);

struct session *session__close(struct session *session);

/* For tests: file descriptors of the program. */
int session__prog_fd(const struct session *session);
/* For tests: as session__arm(), without attaching. */
void session__arm_detached(struct session *session);

/* CLOCK_MONOTONIC, which is BPF's clock too */
uint64_t session_now_ns(void);

/* Both clocks into the snapshot. */
void session_now(struct snapshot *snapshot);

#endif
