/* SPDX-License-Identifier: GPL-2.0 */
/* Times as the outputs have them. */
#ifndef FAULTLINE_TIMESTAMP_H
#define FAULTLINE_TIMESTAMP_H

#include <time.h>

#define TIMESTAMP_SIZE 40

/* RFC 3339, UTC, microseconds */
void timestamp_print(const struct timespec *time, char buf[TIMESTAMP_SIZE]);

#endif
