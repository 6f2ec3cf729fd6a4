/* SPDX-License-Identifier: GPL-2.0 */
/* Writes a recording: what the maps held and what its names are made from (flr.h). */
#ifndef FAULTLINE_RECORD_H
#define FAULTLINE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "snapshot.h"
#include "view.h"

struct record;

struct record_config {
	const char *tool; /* name and version */
	uint32_t pid; /* the only VMM looked at; 0: all */
	bool stacks, stats;
};

/*
 * Begins a recording in an empty regular file (-EINVAL: it is another thing), which stays the
 * caller's to close. start: when counting began. The resolver is asked at each snapshot for the
 * names that it needs, and has to stay. 0 or negative errno.
 */
int record__start(int fd, const struct record_config *config, const struct resolver *resolver,
		  const struct snapshot *start, struct record **ret_record);

/*
 * flags: FLR_SNAPSHOT_*. On failure the file ends with the last whole section, the recording is over,
 * and this and record__finish() go on returning that error.
 */
int record__snapshot(struct record *record, const struct snapshot *now, uint32_t flags);

/*
 * Everything is written: marks it as finished, if FLR_SNAPSHOT_FINAL was. 0 or negative errno (that of
 * record__snapshot(), if that failed).
 */
int record__finish(struct record *record);

/* snapshots that are whole in the file */
uint64_t record__snapshots(const struct record *record);

struct record *record__free(struct record *record);

#endif
