/* SPDX-License-Identifier: GPL-2.0 */
/* Writes JSON to a stream, one value a line; remembers nothing but where commas go. */
#ifndef FAULTLINE_JSONW_H
#define FAULTLINE_JSONW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct jsonw {
	FILE *out;
	bool comma; /* a value came before at this depth */
};

/* name is NULL inside an array and for the outermost value */
void jsonw_object(struct jsonw *json, const char *name);
void jsonw_object_end(struct jsonw *json);
void jsonw_array(struct jsonw *json, const char *name);
void jsonw_array_end(struct jsonw *json);

/* text NULL writes null; bytes that are not UTF-8 become U+FFFD */
void jsonw_string(struct jsonw *json, const char *name, const char *text);
/* as a number: readers that use doubles are exact up to 2^53 */
void jsonw_uint(struct jsonw *json, const char *name, uint64_t value);
void jsonw_int(struct jsonw *json, const char *name, int64_t value);
/* as a string "0x...": addresses are not exact as doubles */
void jsonw_hex(struct jsonw *json, const char *name, uint64_t value);
/* six decimals; null unless finite */
void jsonw_double(struct jsonw *json, const char *name, double value);
void jsonw_bool(struct jsonw *json, const char *name, bool value);

/* Ends the outermost value's line. */
void jsonw_line_end(struct jsonw *json);

#endif
