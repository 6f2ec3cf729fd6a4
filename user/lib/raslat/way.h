/* SPDX-License-Identifier: GPL-2.0 */
/* The events of a host and of its guest, joined to one way for each memory error, on the host's clock. */
#ifndef FAULTLINE_RAS_WAY_H
#define FAULTLINE_RAS_WAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raslat/log.h"

/* In the order of the way. */
enum ras_step {
	STEP_POISON, /* memory_failure() begins in the host */
	STEP_POISONED,
	STEP_TOUCH, /* the guest's access has failed: KVM sends SIGBUS, for the first time */
	STEP_HANDLER,
	STEP_QEMU,
	STEP_RECORD,
	STEP_SEA,
	STEP_ENTRY,
	STEP_ABORT, /* from here on in the guest */
	STEP_CLAIM,
	STEP_ACK,
	STEP_QUEUE,
	STEP_FAILURE, /* memory_failure() of the guest */
	STEP_ISOLATED, /* memory_failure() of the guest ends */
	STEP_VICTIM, /* SIGBUS is sent to the guest's process: also before that, if it asked for it early */
	STEPS,
};

struct ras_way {
	uint64_t gpa; /* the page's; of a QEMU without probes, as the guest says; 0: not known */
	uint64_t hva; /* where QEMU has it */
	uint64_t pfn; /* the host's frame; valid if at[STEP_POISON] is */
	uint64_t sequence; /* QEMU's number of the error; valid if at[STEP_RECORD] is */
	uint32_t vcpu; /* QEMU's thread */
	uint32_t victim; /* the guest's thread; valid if at[STEP_ABORT] is */
	uint32_t repeats; /* the access was tried again before there was room for a record */
	int sea; /* RAS_SEA_*; valid if at[STEP_SEA] is */
	bool counted; /* the next two are known */
	uint64_t registers, ioctls; /* QEMU's on that vCPU, from its handler on */
	int result; /* of the guest's memory_failure(); valid if at[STEP_ISOLATED] is */
	uint64_t at[STEPS]; /* the host's CLOCK_MONOTONIC; 0: not seen */
	bool disordered; /* a step is before an earlier one, by more than the clocks' error */
};

struct ras_ways {
	struct ras_way *all;
	size_t n;
	uint64_t clock_error_ns; /* a time between two machines is right to this, either way */
	size_t strays; /* events that belong to no error's way: the log begins or ends in it */
};

/*
 * 0; -ENOMEM; -ENODATA: there is no common clock, and *ret_why says what is missing for it.
 */
int ras_ways_join(const struct ras_log *host, const struct ras_log *guest,
		  struct ras_ways *ret_ways, const char **ret_why);

void ras_ways_fini(struct ras_ways *ways);

/* "poison", and a sentence: "memory_failure() begins in the host" */
const char *ras_step_name(enum ras_step step);
const char *ras_step_text(enum ras_step step);

/* Whether it is seen by the guest's log. */
bool ras_step_in_guest(enum ras_step step);

#endif
