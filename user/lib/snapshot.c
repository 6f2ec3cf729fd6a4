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
	};
	const struct site *last = NULL;

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

void report__fini(struct report *report)
{
	free(report->rows);
	*report = (struct report){};
}

int64_t report__unaccounted(const struct report *report)
{
	uint64_t nested = report->losses.n[LOSS_NESTED];

	return report->events - report->counted - (report->missed - nested);
}

/* Every order ends in the same total one, so that equal rows do not jump about. */
static int place_cmp(const struct row *a, const struct row *b)
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

	return diff ? diff : place_cmp(x, y);
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
	[SORT_RATE] = { "rate", count_cmp },
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

const char *row_sort_names(void)
{
	return "count, rate, vm, ip, address, last";
}

void report__sort(struct report *report, enum row_sort sort)
{
	qsort(report->rows, report->n, sizeof(*report->rows), sorts[sort].cmp);
}
