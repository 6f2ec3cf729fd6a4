/* SPDX-License-Identifier: GPL-2.0 */
/* What the terminal top says about its keys. */
#ifndef FAULTLINE_TOP_HELP_H
#define FAULTLINE_TOP_HELP_H

#include <stddef.h>

/* The help screen. */
const char *help_text(void);

/* "q:quit h:help ...", as many as fit width columns */
void help_keys(char *buf, size_t size, size_t width);

#endif
