/* SPDX-License-Identifier: GPL-2.0 */
/* What was missed, by kind. */
#ifndef FAULTLINE_LOSS_H
#define FAULTLINE_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"

struct losses {
	uint64_t n[LOSS_MAX];
};

/* "map_full" and so on; the names are part of the JSON schema */
const char *loss_name(enum fl_loss loss);

/* What to do about it, as half a sentence. */
const char *loss_remedy(enum fl_loss loss);

/* The loss is of a fault that is in no row (otherwise: of a detail of a counted fault). */
bool loss_is_event(enum fl_loss loss);

/* Faults that are in no row. */
uint64_t losses_events(const struct losses *losses);

/* Faults that the program handled, but that no VM's totals have. */
uint64_t losses_no_vm(const struct losses *losses);

/* Of any kind. */
bool losses_any(const struct losses *losses);

/* now - before: what an interval lost */
struct losses losses_since(const struct losses *now, const struct losses *before);

#endif
