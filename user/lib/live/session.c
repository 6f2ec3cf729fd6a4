// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "asi_fault.skel.h"
#include "duration.h"
#include "procinfo.h"
#include "quiesce.h"
#include "session.h"
#include "util.h"

struct session {
	struct asi_fault *skel;
	int stats_fd;
	struct cost cost; /* its state */
	struct stacks stacks;
	struct comm *comms; /* as last read */
	size_t n_comms;
};

uint64_t session_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

void session_now(struct snapshot *snapshot)
{
	struct timespec real;

	snapshot->ns = session_now_ns();
	clock_gettime(CLOCK_REALTIME, &real);
	snapshot->real_ns = real.tv_sec * NSEC_PER_SEC + real.tv_nsec;
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

int session__disarm(struct session *session)
{
	session->skel->bss->armed = false;
	asi_fault__detach(session->skel);
	return quiesce();
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

/* Per-CPU counters, summed. LOSS_NESTED is not in there. */
static int read_losses(struct session *session, struct snapshot *snapshot)
{
	int fd = bpf_map__fd(session->skel->maps.losses), cpus = libbpf_num_possible_cpus();
	cleanup_free uint64_t *values = NULL;

	if (cpus < 0)
		return cpus;
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < LOSS_MAX; i++) {
		if (bpf_map_lookup_elem(fd, &i, values))
			return -errno;
		for (int cpu = 0; cpu < cpus; cpu++)
			snapshot->losses.n[i] += values[cpu];
	}
	return 0;
}

static int read_vms(struct session *session, struct snapshot *snapshot)
{
	int fd = bpf_map__fd(session->skel->maps.vms), cpus = libbpf_num_possible_cpus();
	size_t room = bpf_map__max_entries(session->skel->maps.vms);
	cleanup_free struct fl_vm_count *counts = NULL;
	struct fl_vm_key key, *last = NULL;

	if (cpus < 0)
		return cpus;
	counts = calloc(cpus, sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	snapshot->vms = calloc(room, sizeof(*snapshot->vms));
	if (!snapshot->vms)
		return -ENOMEM;
	while (snapshot->n_vms < room && !bpf_map_get_next_key(fd, last, &key)) {
		struct vm *vm = &snapshot->vms[snapshot->n_vms++];

		last = &key;
		vm->key = key;
		if (bpf_map_lookup_elem(fd, &key, counts))
			return -errno;
		for (int cpu = 0; cpu < cpus; cpu++) {
			vm->count.events += counts[cpu].events;
			vm->count.lost += counts[cpu].lost;
		}
		snapshot->events += vm->count.events;
	}
	if (snapshot->n_vms == room)
		return 0;
	return errno == ENOENT ? 0 : -errno;
}

static uint64_t cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000ULL +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static int read_prog(struct session *session, struct snapshot *snapshot)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(session->skel->progs.asi_fault), &info, &size))
		return -errno;
	snapshot->losses.n[LOSS_NESTED] = info.recursion_misses;
	snapshot->cost = session->cost;
	snapshot->cost.cpu_us = cpu_us();
	if (snapshot->cost.state == COST_KNOWN) {
		snapshot->cost.ns = info.run_time_ns;
		snapshot->cost.runs = info.run_cnt;
	}
	return 0;
}

/* Those of new sites. */
static int read_stacks(struct session *session, const struct snapshot *snapshot)
{
	int fd = bpf_map__fd(session->skel->maps.stacks);

	for (size_t i = 0; i < snapshot->n; i++) {
		uint64_t frames[FL_STACK_DEPTH] = {};
		int32_t id = snapshot->sites[i].value.stack_id;
		uint32_t n = 0;

		if (id == FL_NO_STACK || stacks__find(&session->stacks, id))
			continue;
		if (bpf_map_lookup_elem(fd, &id, frames))
			return -errno;
		while (n < FL_STACK_DEPTH && frames[n])
			n++;
		if (stacks__add(&session->stacks, id, frames, n))
			return -ENOMEM;
	}
	return 0;
}

/* A process that is gone keeps the name that it had. */
static void comm_read(const struct session *session, uint32_t pid, struct comm *ret_comm)
{
	ret_comm->pid = pid;
	process_comm(pid, ret_comm->name, sizeof(ret_comm->name));
	for (size_t i = 0; !*ret_comm->name && i < session->n_comms; i++)
		if (session->comms[i].pid == pid)
			*ret_comm = session->comms[i];
}

static int read_comms(struct session *session, struct snapshot *snapshot)
{
	struct comm *comms;
	size_t size;

	for (size_t i = 0; i < snapshot->n; i++)
		if (!i || snapshot->sites[i].key.pid != snapshot->sites[i - 1].key.pid)
			snapshot->n_comms++;
	size = (snapshot->n_comms ? snapshot->n_comms : 1) * sizeof(*comms);
	snapshot->comms = calloc(1, size);
	comms = malloc(size);
	if (!snapshot->comms || !comms) {
		free(comms);
		return -ENOMEM;
	}
	snapshot->n_comms = 0;
	for (size_t i = 0; i < snapshot->n; i++)
		if (!i || snapshot->sites[i].key.pid != snapshot->sites[i - 1].key.pid)
			comm_read(session, snapshot->sites[i].key.pid,
				  &snapshot->comms[snapshot->n_comms++]);
	memcpy(comms, snapshot->comms, size);
	free(session->comms);
	session->comms = comms;
	session->n_comms = snapshot->n_comms;
	return 0;
}

int session__read(struct session *session, struct snapshot *ret_snapshot)
{
	struct snapshot snapshot = {};
	int err;

	err = read_sites(session, &snapshot);
	err = err ? err : read_losses(session, &snapshot);
	err = err ? err : read_vms(session, &snapshot);
	err = err ? err : read_prog(session, &snapshot);
	if (err) {
		snapshot__fini(&snapshot);
		return err;
	}
	snapshot.events += losses_no_vm(&snapshot.losses);
	session_now(&snapshot);
	snapshot__sort(&snapshot);
	err = read_stacks(session, &snapshot);
	err = err ? err : read_comms(session, &snapshot);
	if (err) {
		snapshot__fini(&snapshot);
		return err;
	}
	*ret_snapshot = snapshot;
	return 0;
}

const struct stacks *session__stacks(const struct session *session)
{
	return &session->stacks;
}

struct session *session__close(struct session *session)
{
	if (!session)
		return NULL;
	asi_fault__destroy(session->skel);
	if (session->stats_fd >= 0)
		close(session->stats_fd);
	stacks__fini(&session->stacks);
	free(session->comms);
	free(session);
	return NULL;
}

int session__prog_fd(const struct session *session)
{
	return bpf_program__fd(session->skel->progs.asi_fault);
}
