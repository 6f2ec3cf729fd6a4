/* SPDX-License-Identifier: GPL-2.0 */
/* What cmocka.h wants included before it. */
#ifndef FAULTLINE_TEST_CM_H
#define FAULTLINE_TEST_CM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#endif
