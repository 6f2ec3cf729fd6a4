// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "snapshot.h"
#include "util.h"

#define CMP(a, b) ((a) < (b) ? -1 : (a) > (b))

static int key_cmp_row(const struct fl_site_key *a, const struct fl_site_key *b)
{
	int diff = CMP(a->pid, b->pid);

	diff = diff ? diff : CMP(a->vm, b->vm);
	diff = diff ? diff : CMP(a->ip, b->ip);
	return diff ? diff : CMP(a->page, b->page);
}

static int site_cmp(const void *a, const void *b)
{
	const struct fl_site_key *x = &((const struct site *)a)->key;
	const struct fl_site_key *y = &((const struct site *)b)->key;
	int diff = key_cmp_row(x, y);

	diff = diff ? diff : CMP(x->isa, y->isa);
	return diff ? diff : CMP(x->exit_reason, y->exit_reason);
}

/* a: a pid */
static int comm_cmp(const void *a, const void *b)
{
	uint32_t pid = *(const uint32_t *)a;

	return CMP(pid, ((const struct comm *)b)->pid);
}

void snapshot__sort(struct snapshot *snapshot)
{
	if (snapshot->n)
		qsort(snapshot->sites, snapshot->n, sizeof(*snapshot->sites), site_cmp);
}

void snapshot__fini(struct snapshot *snapshot)
{
	free(snapshot->sites);
	free(snapshot->vms);
	free(snapshot->comms);
	*snapshot = (struct snapshot){};
}

/* NULL: no memory */
static void *copy_of(const void *from, size_t n, size_t size)
{
	void *to = calloc(n ? n : 1, size);

	if (to && n)
		memcpy(to, from, n * size);
	return to;
}

int snapshot__copy(struct snapshot *ret_copy, const struct snapshot *snapshot)
{
	struct snapshot copy = *snapshot;

	copy.sites = copy_of(snapshot->sites, snapshot->n, sizeof(*copy.sites));
	copy.vms = copy_of(snapshot->vms, snapshot->n_vms, sizeof(*copy.vms));
	copy.comms = copy_of(snapshot->comms, snapshot->n_comms, sizeof(*copy.comms));
	if (!copy.sites || !copy.vms || !copy.comms) {
		snapshot__fini(&copy);
		return -ENOMEM;
	}
	*ret_copy = copy;
	return 0;
}

int snapshot__merge(struct snapshot *snapshot, const struct site *sites, size_t n)
{
	cleanup_free struct site *all = calloc(snapshot->n + n + 1, sizeof(*all));
	size_t old = 0, to = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (i && site_cmp(&sites[i - 1], &sites[i]) >= 0)
			return -EBADMSG;
		while (old < snapshot->n && site_cmp(&snapshot->sites[old], &sites[i]) < 0)
			all[to++] = snapshot->sites[old++];
		if (old < snapshot->n && !site_cmp(&snapshot->sites[old], &sites[i])) {
			if (snapshot->sites[old++].value.count > sites[i].value.count)
				return -EBADMSG;
		}
		all[to++] = sites[i];
	}
	while (old < snapshot->n)
		all[to++] = snapshot->sites[old++];
	free(snapshot->sites);
	snapshot->sites = all;
	snapshot->n = to;
	all = NULL;
	return 0;
}

int snapshot__set_comm(struct snapshot *snapshot, const struct comm *comm)
{
	struct comm *all;
	size_t at = 0;

	while (at < snapshot->n_comms && snapshot->comms[at].pid < comm->pid)
		at++;
	if (at == snapshot->n_comms || snapshot->comms[at].pid != comm->pid) {
		all = reallocarray(snapshot->comms, snapshot->n_comms + 1, sizeof(*all));
		if (!all)
			return -ENOMEM;
		snapshot->comms = all;
		memmove(&all[at + 1], &all[at], (snapshot->n_comms++ - at) * sizeof(*all));
	}
	snapshot->comms[at] = *comm;
	return 0;
}

void snapshot__keep(struct snapshot *snapshot, uint32_t pid)
{
	size_t sites = 0, vms = 0;

	for (size_t i = 0; i < snapshot->n; i++)
		if (snapshot->sites[i].key.pid == pid)
			snapshot->sites[sites++] = snapshot->sites[i];
	snapshot->n = sites;
	snapshot->events = 0;
	for (size_t i = 0; i < snapshot->n_vms; i++) {
		if (snapshot->vms[i].key.pid != pid)
			continue;
		snapshot->vms[vms++] = snapshot->vms[i];
		snapshot->events += snapshot->vms[i].count.events;
	}
	snapshot->n_vms = vms;
	snapshot->lost_of_all = true;
}

static uint64_t lost_in_vms(const struct snapshot *snapshot)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < snapshot->n_vms; i++)
		sum += snapshot->vms[i].count.lost;
	return sum;
}

static void row_add_exit(struct row *row, const struct fl_site_key *key, uint64_t count)
{
	unsigned int at = row->n_exits;

	while (at && row->exits[at - 1].count < count)
		at--;
	if (row->n_exits == ROW_EXITS) {
		row->exits_other += at == ROW_EXITS ? count : row->exits[ROW_EXITS - 1].count;
		if (at == ROW_EXITS)
			return;
		row->n_exits--;
	}
	memmove(&row->exits[at + 1], &row->exits[at], (row->n_exits - at) * sizeof(*row->exits));
	row->exits[at] = (struct row_exit){ key->isa, key->exit_reason, count };
	row->n_exits++;
}

static const char *comm_of(const struct snapshot *snapshot, uint32_t pid)
{
	const struct comm *comm = NULL;

	if (snapshot->n_comms)
		comm = bsearch(&pid, snapshot->comms, snapshot->n_comms, sizeof(*comm), comm_cmp);
	return comm ? comm->name : "";
}

static void row_start(struct row *row, const struct site *site, const char *comm)
{
	*row = (struct row){
		.pid = site->key.pid,
		.vm = site->key.vm,
		.ip = site->key.ip,
		.page = site->key.page,
		.address_min = UINT64_MAX,
		.first_ns = UINT64_MAX,
		.stack_id = FL_NO_STACK,
	};
	snprintf(row->comm, sizeof(row->comm), "%s", comm);
}

static void row_add(struct row *row, const struct site *site, uint64_t count)
{
	const struct fl_site *value = &site->value;

	row->count += count;
	row->recent += count;
	if (value->address_min < row->address_min)
		row->address_min = value->address_min;
	if (value->address_max > row->address_max)
		row->address_max = value->address_max;
	if (value->first_ns < row->first_ns) {
		row->first_ns = value->first_ns;
		if (value->stack_id != FL_NO_STACK)
			row->stack_id = value->stack_id;
	}
	if (row->stack_id == FL_NO_STACK)
		row->stack_id = value->stack_id;
	if (value->last_ns > row->last_ns)
		row->last_ns = value->last_ns;
	row->vcpus |= value->vcpus;
	row->error_bits |= value->error_bits;
	row_add_exit(row, &site->key, count);
}

static uint64_t count_before(const struct snapshot *before, const struct site *site)
{
	const struct site *was = NULL;

	if (before->n)
		was = bsearch(site, before->sites, before->n, sizeof(*site), site_cmp);
	return was ? was->value.count : 0;
}

int report__init(struct report *ret_report, const struct snapshot *before,
		 const struct snapshot *now)
{
	struct report report = {
		.from_ns = before->ns,
		.to_ns = now->ns,
		.to_real_ns = now->real_ns,
		.events = now->events - before->events,
		.losses = losses_since(&now->losses, &before->losses),
		.vms = now->n_vms,
		.cost = now->cost,
		.lost_of_all = now->lost_of_all,
		.lost_in_vms = lost_in_vms(now) - lost_in_vms(before),
	};
	const struct site *last = NULL;

	report.recent_ns = report.to_ns - report.from_ns;
	report.cost.ns -= before->cost.ns;
	report.cost.runs -= before->cost.runs;
	report.missed = losses_events(&report.losses);
	report.rows = calloc(now->n ? now->n : 1, sizeof(*report.rows));
	if (!report.rows)
		return -ENOMEM;
	for (size_t i = 0; i < now->n; i++) {
		const struct site *site = &now->sites[i];
		uint64_t count = site->value.count - count_before(before, site);

		if (!count)
			continue;
		if (!last || key_cmp_row(&last->key, &site->key))
			row_start(&report.rows[report.n++], site, comm_of(now, site->key.pid));
		row_add(&report.rows[report.n - 1], site, count);
		report.counted += count;
		last = site;
	}
	*ret_report = report;
	return 0;
}

int report__init_since(struct report *ret_report, const struct snapshot *zero,
		       const struct snapshot *last, const struct snapshot *now)
{
	struct report recent, all;
	int err;

	err = report__init(&recent, last, now);
	if (err)
		return err;
	err = report__init(&all, zero, now);
	/* both are in the order of the sites, and each recent row is in both */
	for (size_t i = 0, j = 0; !err && i < all.n; i++) {
		bool is_recent = j < recent.n && !row_place_cmp(&recent.rows[j], &all.rows[i]);

		all.rows[i].recent = is_recent ? recent.rows[j++].count : 0;
	}
	all.recent_ns = recent.recent_ns;
	report__fini(&recent);
	if (!err)
		*ret_report = all;
	return err;
}

void report__fini(struct report *report)
{
	free(report->rows);
	*report = (struct report){};
}

int64_t report__unaccounted(const struct report *report)
{
	uint64_t lost = report->missed - report->losses.n[LOSS_NESTED];

	return report->events - report->counted -
	       (report->lost_of_all ? report->lost_in_vms : lost);
}

/* Every order ends in this total one, so that equal rows do not jump about. */
int row_place_cmp(const struct row *a, const struct row *b)
{
	int diff = CMP(a->pid, b->pid);

	diff = diff ? diff : CMP(a->vm, b->vm);
	diff = diff ? diff : CMP(a->ip, b->ip);
	return diff ? diff : CMP(a->page, b->page);
}

static int count_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int diff = CMP(y->count, x->count);

	return diff ? diff : row_place_cmp(x, y);
}

static int rate_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int diff = CMP(y->recent, x->recent);

	return diff ? diff : count_cmp(x, y);
}

static int vm_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int diff = CMP(x->pid, y->pid);

	diff = diff ? diff : CMP(x->vm, y->vm);
	return diff ? diff : count_cmp(x, y);
}

static int ip_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int diff = CMP(x->ip, y->ip);

	return diff ? diff : count_cmp(x, y);
}

static int address_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int diff = CMP(x->address_min, y->address_min);

	return diff ? diff : count_cmp(x, y);
}

static int last_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int diff = CMP(y->last_ns, x->last_ns);

	return diff ? diff : count_cmp(x, y);
}

static const struct {
	const char *name;
	int (*cmp)(const void *a, const void *b);
} sorts[SORT_MAX] = {
	[SORT_COUNT] = { "count", count_cmp },
	[SORT_RATE] = { "rate", rate_cmp },
	[SORT_VM] = { "vm", vm_cmp },
	[SORT_IP] = { "ip", ip_cmp },
	[SORT_ADDRESS] = { "address", address_cmp },
	[SORT_LAST] = { "last", last_cmp },
};

int row_sort_parse(const char *name, enum row_sort *ret_sort)
{
	for (int i = 0; i < SORT_MAX; i++) {
		if (strcmp(name, sorts[i].name))
			continue;
		*ret_sort = i;
		return 0;
	}
	return -EINVAL;
}

const char *row_sort_name(enum row_sort sort)
{
	return sorts[sort].name;
}

const char *row_sort_names(void)
{
	return "count, rate, vm, ip, address, last";
}

void report__sort(struct report *report, enum row_sort sort)
{
	qsort(report->rows, report->n, sizeof(*report->rows), sorts[sort].cmp);
}

void report__reverse(struct report *report)
{
	for (size_t i = 0, j = report->n; i + 1 < j; i++) {
		struct row row = report->rows[i];

		report->rows[i] = report->rows[--j];
		report->rows[j] = row;
	}
}
