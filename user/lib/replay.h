/* SPDX-License-Identifier: GPL-2.0 */
/* Reads a recording: the snapshots that were taken, and what names are made from. */
#ifndef FAULTLINE_REPLAY_H
#define FAULTLINE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "flrread.h"
#include "snapshot.h"
#include "view.h"

struct replay;

struct replay_origin {
	struct snapshot start; /* when counting began: its two times */
	uint32_t pid; /* of the only VMM that was looked at; 0: all */
	bool stacks, stats;
	char tool[32];
};

/*
 * Negative: why says what is wrong, as in "FILE: why". -ENODATA: the file ends before there is
 * anything to show; -EPROTONOSUPPORT: not a recording that this reads; -EBADMSG: spoilt; or what
 * reading failed with. The file is replay__free()'s to close on success only.
 */
int replay__open(FILE *file, struct replay **ret_replay, char why[FLR_WHY]);

const struct replay_origin *replay__origin(const struct replay *replay);
/* It knows more with each snapshot. */
const struct resolver *replay__resolver(const struct replay *replay);

/*
 * 1: *ret_snapshot is the next one and has *ret_flags (FLR_SNAPSHOT_*); 0: there is none, and the
 * recording is whole. Negative as replay__open(); -ENODATA: there is none, and the recording is not
 * whole.
 */
int replay__next(struct replay *replay, struct snapshot *ret_snapshot, uint32_t *ret_flags,
		 char why[FLR_WHY]);

struct replay *replay__free(struct replay *replay);

#endif
