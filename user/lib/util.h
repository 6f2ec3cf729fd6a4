/* SPDX-License-Identifier: GPL-2.0 */
/* Clean-up attributes and a few macros. */
#ifndef FAULTLINE_UTIL_H
#define FAULTLINE_UTIL_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void util_freep(void *p)
{
	free(*(void **)p);
}

static inline void util_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void util_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define cleanup_free __attribute__((cleanup(util_freep)))
#define cleanup_fclose __attribute__((cleanup(util_fclosep)))
#define cleanup_close __attribute__((cleanup(util_closep)))

#endif
