/* SPDX-License-Identifier: GPL-2.0 */
/* What one side has seen: events, the clocks' anchors, and what was missed. */
#ifndef FAULTLINE_RASLOG_H
#define FAULTLINE_RASLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "flr.h"

enum ras_side { SIDE_HOST, SIDE_GUEST };

struct ras_end {
	uint64_t events;
	uint64_t losses[RAS_LOSS_MAX]; /* by enum fl_ras_loss */
};

struct ras_log {
	struct flr_ras_origin origin;
	struct fl_ras_event *events; /* as they came */
	size_t n, room;
	struct flr_ras_anchor *anchors; /* in the order of their times; at least one in a whole log */
	size_t n_anchors, room_anchors;
	bool ended; /* end is set */
	struct ras_end end;
};

/* 0 or -ENOMEM. */
int ras_log_event(struct ras_log *log, const struct fl_ras_event *event);
int ras_log_anchor(struct ras_log *log, const struct flr_ras_anchor *anchor);

/*
 * Reads a recording. 0, also if it is cut off: why then says so, and is "" otherwise. Else negative
 * errno and why.
 */
int ras_log_read(FILE *file, struct ras_log *ret_log, char *why);

/* Frees what it holds. */
void ras_log_fini(struct ras_log *log);

/* "memory_failure() begins" and so on; NULL: not known */
const char *ras_stage_name(enum fl_ras_stage stage);

/* "ring_full" and so on, and what to do about it as half a sentence */
const char *ras_loss_name(enum fl_ras_loss loss);
const char *ras_loss_remedy(enum fl_ras_loss loss);

/*
 * A moment of that log's CLOCK_MONOTONIC by its counter, and *ret_error_ns, how far off that may be: as the
 * anchors around it are, and by how much the two clocks' rates differ from one stretch between anchors to the
 * next; outside of all anchors, 500 ppm of the way (adjtime(2) slews no faster).
 */
uint64_t ras_log_counter(const struct ras_log *log, uint64_t ns, uint64_t *ret_error_ns);

/* The other way. */
uint64_t ras_log_ns(const struct ras_log *log, uint64_t counter, uint64_t *ret_error_ns);

#endif
