// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "timestamp.h"

void timestamp_print(const struct timespec *time, char buf[TIMESTAMP_SIZE])
{
	struct tm tm;
	size_t n;

	gmtime_r(&time->tv_sec, &tm);
	n = strftime(buf, TIMESTAMP_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, TIMESTAMP_SIZE - n, ".%06ldZ", time->tv_nsec / 1000);
}
