// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "asi_fault.skel.h"
#include "duration.h"
#include "session.h"
#include "util.h"

struct session {
	struct asi_fault *skel;
	int stats_fd;
	struct cost cost; /* its state */
};

uint64_t session_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

int session__open(const struct session_config *config, struct session **ret_session)
{
	struct session *session = calloc(1, sizeof(*session));
	struct asi_fault *skel;
	int err;

	if (!session)
		return -ENOMEM;
	session->stats_fd = -1;
	session->skel = skel = asi_fault__open();
	if (!skel) {
		err = -errno;
		session__close(session);
		return err;
	}
	skel->rodata->filter_pid = config->pid;
	skel->rodata->want_stacks = config->stacks;
	if (config->sites) {
		bpf_map__set_max_entries(skel->maps.sites, config->sites);
		bpf_map__set_max_entries(skel->maps.stacks, config->sites);
	}
	/* its memory is allocated whether used or not */
	if (!config->stacks)
		bpf_map__set_max_entries(skel->maps.stacks, 1);
	err = asi_fault__load(skel);
	if (err) {
		session__close(session);
		return err;
	}
	if (config->stats) {
		session->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
		session->cost.state = session->stats_fd < 0 ? COST_UNKNOWN : COST_KNOWN;
		session->cost.err = session->stats_fd < 0 ? -errno : 0;
	}
	*ret_session = session;
	return 0;
}

int session__arm(struct session *session)
{
	int err = asi_fault__attach(session->skel);

	if (!err)
		session->skel->bss->armed = true;
	return err;
}

void session__arm_detached(struct session *session)
{
	session->skel->bss->armed = true;
}

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

int session__disarm(struct session *session)
{
	session->skel->bss->armed = false;
	asi_fault__detach(session->skel);
	/*
	 * Programs run in RCU read-side sections, and this is synchronize_rcu(); but not with
	 * nohz_full (EINVAL), nor without CONFIG_MEMBARRIER.
	 */
	if (!syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return 0;
	return wait_by_map();
}

static int read_sites(struct session *session, struct snapshot *snapshot)
{
	struct bpf_map *map = session->skel->maps.sites;
	uint32_t n = bpf_map__max_entries(map), at;
	cleanup_free struct fl_site_key *keys = calloc(n, sizeof(*keys));
	cleanup_free struct fl_site *values = calloc(n, sizeof(*values));

	if (!keys || !values)
		return -ENOMEM;
	/* room for all, so that one call has all: -ENOENT says that it does */
	if (bpf_map_lookup_batch(bpf_map__fd(map), NULL, &at, keys, values, &n, NULL) &&
	    errno != ENOENT)
		return -errno;
	snapshot->sites = calloc(n ? n : 1, sizeof(*snapshot->sites));
	if (!snapshot->sites)
		return -ENOMEM;
	for (snapshot->n = 0; snapshot->n < n; snapshot->n++) {
		snapshot->sites[snapshot->n].key = keys[snapshot->n];
		snapshot->sites[snapshot->n].value = values[snapshot->n];
	}
	return 0;
}

static int read_vms(struct session *session, struct snapshot *snapshot)
{
	int fd = bpf_map__fd(session->skel->maps.vms), cpus = libbpf_num_possible_cpus();
	cleanup_free struct fl_vm_count *counts = NULL;
	struct fl_vm_key key, *last = NULL;

	if (cpus < 0)
		return cpus;
	counts = calloc(cpus, sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	while (!bpf_map_get_next_key(fd, last, &key)) {
		last = &key;
		snapshot->vms++;
		if (bpf_map_lookup_elem(fd, &key, counts))
			return -errno;
		for (int cpu = 0; cpu < cpus; cpu++)
			snapshot->events += counts[cpu].events;
	}
	return errno == ENOENT ? 0 : -errno;
}

static int read_prog(struct session *session, struct snapshot *snapshot)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(session->skel->progs.asi_fault), &info, &size))
		return -errno;
	snapshot->losses.n[LOSS_NESTED] = info.recursion_misses;
	snapshot->cost = session->cost;
	if (snapshot->cost.state == COST_KNOWN) {
		snapshot->cost.ns = info.run_time_ns;
		snapshot->cost.runs = info.run_cnt;
	}
	return 0;
}

int session__read(struct session *session, struct snapshot *ret_snapshot)
{
	struct snapshot snapshot = {};
	int err;

	err = read_sites(session, &snapshot);
	err = err ? err : losses_read(bpf_map__fd(session->skel->maps.losses), &snapshot.losses);
	err = err ? err : read_vms(session, &snapshot);
	err = err ? err : read_prog(session, &snapshot);
	if (err) {
		snapshot__fini(&snapshot);
		return err;
	}
	snapshot.events += losses_no_vm(&snapshot.losses);
	snapshot.ns = session_now_ns();
	snapshot__sort(&snapshot);
	*ret_snapshot = snapshot;
	return 0;
}

int session__stack(struct session *session, int32_t stack_id, uint64_t ip,
		   uint64_t ret_frames[FL_STACK_DEPTH])
{
	uint64_t frames[FL_STACK_DEPTH] = {};
	uint32_t key = stack_id;
	int n = 0, first = 0;

	if (stack_id < 0)
		return -ENOENT;
	if (bpf_map_lookup_elem(bpf_map__fd(session->skel->maps.stacks), &key, frames))
		return -errno;
	while (n < FL_STACK_DEPTH && frames[n])
		n++;
	while (first < n && frames[first] != ip)
		first++;
	if (first == n)
		first = 0;
	memcpy(ret_frames, frames + first, (n - first) * sizeof(*frames));
	return n - first;
}

struct session *session__close(struct session *session)
{
	if (!session)
		return NULL;
	asi_fault__destroy(session->skel);
	if (session->stats_fd >= 0)
		close(session->stats_fd);
	free(session);
	return NULL;
}

int session__prog_fd(const struct session *session)
{
	return bpf_program__fd(session->skel->progs.asi_fault);
}
