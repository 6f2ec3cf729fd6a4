/* SPDX-License-Identifier: GPL-2.0 */
/* Pages of a guest, which QEMU is asked for over its monitor socket. */
#ifndef FAULTLINE_INJECT_GUEST_H
#define FAULTLINE_INJECT_GUEST_H

#include "inject/inject.h"

/* Both return the exit status, after saying what is wrong. */
#ifdef REPLAY_ONLY
static inline int guest_resolve(struct injection *injection)
{
	return inject_fail(injection, 3,
			   "--gpa: this build cannot talk to QEMU, it was made without the headers "
			   "of libjansson; sudo scripts/setup and make");
}

static inline int guest_inject(struct injection *injection)
{
	return guest_resolve(injection);
}
#else
/* Where the guest's page is in QEMU: fills in pid and vaddr of the injection. */
int guest_resolve(struct injection *injection);

/* Has QEMU tell its guest of the error. The journal is open. */
int guest_inject(struct injection *injection);
#endif

#endif
