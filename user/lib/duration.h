/* SPDX-License-Identifier: GPL-2.0 */
/* Times on the command line: "2", "1.5s", "500ms". */
#ifndef FAULTLINE_DURATION_H
#define FAULTLINE_DURATION_H

#include <stdint.h>

#define NSEC_PER_SEC 1000000000ULL

/*
 * Decimal number, then nothing or one of us ms s m h; nothing means seconds.
 * 0, or -EINVAL (not such a number, or zero) or -ERANGE (over 10 years, or under 1 ns).
 */
int duration_parse(const char *text, uint64_t *ret_ns);

#endif
