/* SPDX-License-Identifier: GPL-2.0 */
/* Events of one side, a line each. */
#ifndef FAULTLINE_RAS_PRINT_H
#define FAULTLINE_RAS_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "raslat/log.h"

struct ras_printer {
	FILE *out;
	bool json;
	uint64_t last_ns; /* of the event before; 0: none */
};

/* Where they are from, and for text the head of the columns. 0 or negative errno. */
int ras_print_origin(struct ras_printer *printer, const struct flr_ras_origin *origin);

int ras_print_event(struct ras_printer *printer, const struct fl_ras_event *event);

/* "raslat: 23 events, lost 0"; and what was lost, and what to do about it */
void ras_print_losses(FILE *out, const struct ras_end *end);

#endif
