/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FAULTLINE_RAS_FILES_H
#define FAULTLINE_RAS_FILES_H

#include "raslat/log.h"

/* Reads a recording of that side (enum ras_side). The exit code, after a line on stderr if it is not 0. */
int ras_file_read(const char *path, int side, struct ras_log *ret_log);

#endif
