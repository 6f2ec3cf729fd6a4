/* SPDX-License-Identifier: GPL-2.0 */
/* The machine's counter that a host and its guest share, and CLOCK_MONOTONIC beside it. */
#ifndef FAULTLINE_COUNTER_H
#define FAULTLINE_COUNTER_H

#include <stdint.h>

#include "flr.h"

/* Ticks a second; 0: this machine has none that is known (any but arm64). */
uint64_t counter_hz(void);

/* The best of many readings: ns, counter and error_ns of the anchor; the rest is 0. */
struct flr_ras_anchor counter_anchor(void);

#endif
