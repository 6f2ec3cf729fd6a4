// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "duration.h"
#include "util.h"

#define LONGEST_NS (10ULL * 366 * 24 * 3600 * NSEC_PER_SEC)

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "", NSEC_PER_SEC },	    { "us", 1000 },
	{ "ms", 1000000 },	    { "s", NSEC_PER_SEC },
	{ "m", 60 * NSEC_PER_SEC }, { "h", 3600 * NSEC_PER_SEC },
};

static int unit_find(const char *name, uint64_t *ret_ns)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(units[i].name, name))
			continue;
		*ret_ns = units[i].ns;
		return 0;
	}
	return -EINVAL;
}

int duration_parse(const char *text, uint64_t *ret_ns)
{
	uint64_t whole = 0, fraction = 0, scale = 1, unit, ns;
	const char *p = text;
	int digits = 0;

	/* no strtod(): its answer depends on the locale, and it takes "inf" and hexadecimal */
	for (; isdigit((unsigned char)*p); p++, digits++) {
		whole = whole * 10 + (*p - '0');
		if (whole > LONGEST_NS)
			return -ERANGE;
	}
	if (*p == '.') {
		for (p++; isdigit((unsigned char)*p); p++, digits++) {
			if (scale >= NSEC_PER_SEC)
				continue;
			fraction = fraction * 10 + (*p - '0');
			scale *= 10;
		}
	}
	if (!digits || unit_find(p, &unit))
		return -EINVAL;
	if (whole > LONGEST_NS / unit)
		return -ERANGE;
	/* fraction < 1e9 and unit <= 3.6e12 fit 128 bits, not 64 */
	ns = whole * unit + (uint64_t)((unsigned __int128)fraction * unit / scale);
	if (!ns)
		return whole || fraction ? -ERANGE : -EINVAL;
	if (ns > LONGEST_NS)
		return -ERANGE;
	*ret_ns = ns;
	return 0;
}
