// SPDX-License-Identifier: GPL-2.0
#include "inject/backend.h"
#include "inject/filter.h"

#define ENABLE HWPOISON_DIR "/corrupt-filter-enable"
#define MEMCG HWPOISON_DIR "/corrupt-filter-memcg"

int filter_read(struct filter *ret_filter)
{
	struct filter filter;
	int err = backend_read(ENABLE, &filter.enable);

	if (!err)
		err = backend_read(MEMCG, &filter.memcg);
	if (!err)
		*ret_filter = filter;
	return err;
}

/* Enabled last and disabled first: no state between lets less through than either of the two. */
int filter_write(const struct filter *filter)
{
	int err = filter->enable ? 0 : backend_write(ENABLE, 0);

	if (!err)
		err = backend_write(MEMCG, filter->memcg);
	if (!err && filter->enable)
		err = backend_write(ENABLE, filter->enable);
	return err;
}
