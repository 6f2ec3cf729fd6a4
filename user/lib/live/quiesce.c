// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/membarrier.h>
#include <stdint.h>
#include <sys/syscall.h>

#include <bpf/bpf.h>

#include "quiesce.h"
#include "util.h"

/*
 * Putting a map into a map of maps waits for the programs in flight before it returns
 * (maybe_wait_bpf_programs(), Linux 4.20).
 */
static int wait_by_map(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	cleanup_close int inner = -1, outer = -1;
	uint32_t zero = 0;

	inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, sizeof(zero), sizeof(zero), 1, NULL);
	if (inner < 0)
		return -errno;
	opts.inner_map_fd = inner;
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, NULL, sizeof(zero), sizeof(inner), 1,
			       &opts);
	if (outer < 0)
		return -errno;
	return bpf_map_update_elem(outer, &zero, &inner, BPF_ANY) ? -errno : 0;
}

int quiesce(void)
{
	/*
	 * Programs run in RCU read-side sections, and this is synchronize_rcu(); but not with
	 * nohz_full (EINVAL), nor without CONFIG_MEMBARRIER.
	 */
	if (!syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return 0;
	return wait_by_map();
}
