/* SPDX-License-Identifier: GPL-2.0 */
/* Writes the head and the sections of a recording, each whole or not at all; not what is in them. */
#ifndef FAULTLINE_FLRWRITE_H
#define FAULTLINE_FLRWRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flr.h"

struct flr_writer {
	int fd, err; /* err: of what failed first; nothing is written after it */
	uint64_t size; /* of the file: whole sections */
	uint32_t sections;
};

/* One section while it is put together. */
struct flr_draft {
	uint8_t *data;
	size_t n, room; /* bytes; the payload begins behind the section's head */
	bool failed; /* no memory */
};

/*
 * Writes the head into an empty regular file (-EINVAL: it is another thing), which stays the caller's
 * to close. 0 or negative errno.
 */
int flr_begin(int fd, enum flr_subject subject, struct flr_writer *ret_writer);

struct flr_draft flr_draft_new(void);

/* Appends to the payload; running out of memory shows when it is written. */
void flr_add(struct flr_draft *draft, const void *data, size_t size);

/* Bytes of payload so far. */
size_t flr_draft_size(const struct flr_draft *draft);

/* Changes what was added when the payload had that many bytes. */
void flr_patch(struct flr_draft *draft, size_t at, const void *data, size_t size);

/* All of the section or nothing: the file never has a part of one in it for long. Frees the draft. */
int flr_write(struct flr_writer *writer, struct flr_draft *draft, enum flr_type type);

/* Marks the file as finished. 0 or negative errno. */
int flr_finish(struct flr_writer *writer);

/* Of a string into a field of that size, which is all zero: it ends in NUL. */
void flr_copy(char *to, size_t size, const char *from);

#endif
