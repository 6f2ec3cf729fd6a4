/* SPDX-License-Identifier: GPL-2.0 */
/* The BPF programs of raslat: those of one side, loaded, attached, armed, read. */
#ifndef FAULTLINE_RAS_SESSION_H
#define FAULTLINE_RAS_SESSION_H

#include <stdint.h>

#include "raslat/log.h"

struct ras_session;

/*
 * Loads what this kernel has hooks for. missing: a line for each that is not there, with the reason.
 * 0 or negative errno; -ENOTSUP: the kernel has no BTF, or not one function of that side.
 */
int ras_session__open(enum ras_side side, uint32_t pid, char *missing, size_t size,
		      struct ras_session **ret_session);

/* Attaches, appending to missing as above; then arms. -ENOTSUP: not one function of that side. */
int ras_session__arm(struct ras_session *session, char *missing, size_t size);

/* Becomes readable when there are events. */
int ras_session__fd(const struct ras_session *session);

/* Has on_event called for those that are there; 0, negative errno, or what on_event returned. */
int ras_session__read(struct ras_session *session,
		      int (*on_event)(void *arg, const struct fl_ras_event *event), void *arg);

/* The anchor's voffset and its counts. */
void ras_session__voffset(const struct ras_session *session, struct flr_ras_anchor *anchor);

/*
 * No program runs any more; what is in the ring can still be read. Negative errno: there was no way to wait
 * for those that ran, and an event may still come.
 */
int ras_session__disarm(struct ras_session *session);

/* 0 or negative errno. */
int ras_session__losses(const struct ras_session *session, uint64_t ret_losses[RAS_LOSS_MAX]);

struct ras_session *ras_session__close(struct ras_session *session);

#endif
