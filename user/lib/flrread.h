/* SPDX-License-Identifier: GPL-2.0 */
/* The sections of a recording, one after the other, checked; not what is in them. */
#ifndef FAULTLINE_FLRREAD_H
#define FAULTLINE_FLRREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "flr.h"

#define FLR_WHY 160

struct flr_reader {
	FILE *file;
	uint64_t at; /* bytes of whole sections read */
	uint32_t sections;
	bool finished; /* the head says so */
	char *why; /* [FLR_WHY]: what is wrong with the file, for every negative result */
};

/* A section's payload, taken from its front. */
struct flr_payload {
	uint32_t type;
	uint32_t number;
	uint64_t at; /* where the section starts in the file */
	uint8_t *data, *next;
	size_t left;
};

/*
 * Reads the head of a recording of that subject. -ENODATA: the file ends in it; -EPROTONOSUPPORT: not for this reader; -EBADMSG:
 * spoilt; or what reading failed with.
 */
int flr_open(struct flr_reader *reader, FILE *file, enum flr_subject subject, char why[FLR_WHY]);

/*
 * The next section; flr_payload_fini() when done. -ENODATA: the file ends here, whether in a section
 * or after one; else as flr_open().
 */
int flr_next(struct flr_reader *reader, struct flr_payload *ret_payload);

/* n bytes off the payload, or NULL: it has no so many. They may lie unaligned. */
const void *flr_take(struct flr_payload *payload, uint64_t n);

/* Copies n bytes off the payload. */
bool flr_get(struct flr_payload *payload, void *to, size_t n);

void flr_payload_fini(struct flr_payload *payload);

/* "symbols" and so on; NULL: not known */
const char *flr_type_name(uint32_t type);

#endif
