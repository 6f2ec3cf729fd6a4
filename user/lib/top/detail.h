/* SPDX-License-Identifier: GPL-2.0 */
/* All that is known of one row. */
#ifndef FAULTLINE_TOP_DETAIL_H
#define FAULTLINE_TOP_DETAIL_H

#include <stdio.h>

#include "view.h"

/* stacks: whether they were asked for */
void detail_print(FILE *out, const struct view *view, const struct view_row *row, bool stacks);

#endif
