// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flrwrite.h"
#include "record.h"
#include "util.h"

struct record {
	struct flr_writer writer;
	uint64_t snapshots;
	bool final; /* was the last of them */
	const struct resolver *resolver;
	size_t stacks; /* that are written */
	struct snapshot last; /* what is written: sites and comms */
};

static int write_origin(struct record *record, const struct record_config *config,
			const struct snapshot *start)
{
	const struct resolver *resolver = record->resolver;
	struct flr_draft draft = flr_draft_new();
	struct flr_origin origin = {
		.start_ns = start->ns,
		.start_real_ns = start->real_ns,
		.flags = (config->stacks ? FLR_ORIGIN_STACKS : 0) |
			 (config->stats ? FLR_ORIGIN_STATS : 0) |
			 (resolver->emulated ? FLR_ORIGIN_EMULATED : 0),
		.pid = config->pid,
		.build_id_size = resolver->kernel.build_id_size,
	};

	flr_copy(origin.tool, sizeof(origin.tool), config->tool);
	flr_copy(origin.release, sizeof(origin.release), resolver->kernel.release);
	flr_copy(origin.machine, sizeof(origin.machine), resolver->kernel.machine);
	flr_copy(origin.platform, sizeof(origin.platform), resolver->platform);
	flr_copy(origin.symbols, sizeof(origin.symbols), resolver->symbols);
	memcpy(origin.build_id, resolver->kernel.build_id, sizeof(origin.build_id));
	flr_add(&draft, &origin, sizeof(origin));
	return flr_write(&record->writer, &draft, FLR_ORIGIN);
}

static struct flr_span span(const struct kspan *span)
{
	return (struct flr_span){ span->start, span->end };
}

static int write_layout(struct record *record)
{
	const struct klayout *layout = &record->resolver->layout;
	struct flr_draft draft = flr_draft_new();
	struct flr_layout out = {
		.known = layout->known,
		.level_5 = layout->level_5,
		.peek_err = layout->peek_err,
		.cpus = layout->cpus,
		.direct = span(&layout->direct),
		.vmalloc = span(&layout->vmalloc),
		.vmemmap = span(&layout->vmemmap),
		.text = span(&layout->text),
		.rodata = span(&layout->rodata),
		.data = span(&layout->data),
		.bss = span(&layout->bss),
		.init = span(&layout->init),
		.image = span(&layout->image),
		.percpu = span(&layout->percpu),
		.percpu_unit = layout->percpu_unit,
	};

	flr_add(&draft, &out, sizeof(out));
	flr_add(&draft, layout->percpu_offset, layout->cpus * sizeof(*layout->percpu_offset));
	return flr_write(&record->writer, &draft, FLR_LAYOUT);
}

static int write_exits(struct record *record)
{
	struct flr_draft draft = flr_draft_new();
	const struct exitname *names;
	size_t n;

	names = exitnames__all(record->resolver->exits, &n);
	for (size_t i = 0; i < n; i++) {
		struct flr_exit exit = { .isa = names[i].isa, .reason = names[i].reason };

		flr_copy(exit.name, sizeof(exit.name), names[i].name);
		flr_add(&draft, &exit, sizeof(exit));
	}
	return flr_write(&record->writer, &draft, FLR_EXITS);
}

static int write_symbols(struct record *record)
{
	struct flr_draft draft = flr_draft_new();
	struct ksym sym;
	size_t cursor = 0;

	while (ksyms__next_found(record->resolver->ksyms, &cursor, &sym)) {
		struct flr_symbol out = {
			.address = sym.address,
			.name_size = strlen(sym.name),
			.module_size = sym.module ? strlen(sym.module) : 0,
			.type = sym.type,
		};

		flr_add(&draft, &out, sizeof(out));
		flr_add(&draft, sym.name, out.name_size);
		flr_add(&draft, sym.module, out.module_size);
	}
	if (flr_draft_size(&draft) || draft.failed)
		return flr_write(&record->writer, &draft, FLR_SYMBOLS);
	free(draft.data);
	return 0;
}

static int write_stacks(struct record *record)
{
	const struct stacks *stacks = record->resolver->stacks;
	struct flr_draft draft;
	int err;

	if (!stacks || record->stacks == stacks->n)
		return 0;
	draft = flr_draft_new();
	for (size_t i = record->stacks; i < stacks->n; i++) {
		const struct stack *stack = &stacks->all[i];
		struct flr_stack out = { .id = stack->id, .n = stack->n };

		flr_add(&draft, &out, sizeof(out));
		flr_add(&draft, stack->frames, stack->n * sizeof(*stack->frames));
	}
	err = flr_write(&record->writer, &draft, FLR_STACKS);
	if (!err)
		record->stacks = stacks->n;
	return err;
}

static void add_losses(struct flr_draft *draft, const struct snapshot *now)
{
	flr_add(draft, now->losses.n, sizeof(now->losses.n));
}

static void add_vms(struct flr_draft *draft, const struct snapshot *now)
{
	for (size_t i = 0; i < now->n_vms; i++) {
		struct flr_vm vm = { now->vms[i].key, now->vms[i].count };

		flr_add(draft, &vm, sizeof(vm));
	}
}

/* Both are in the order of their pids, and the later one has every pid of the earlier one. */
static uint32_t add_comms(struct flr_draft *draft, const struct snapshot *last,
			  const struct snapshot *now)
{
	uint32_t n = 0;

	for (size_t i = 0, was = 0; i < now->n_comms; i++) {
		struct flr_comm comm = { .pid = now->comms[i].pid };

		while (was < last->n_comms && last->comms[was].pid < comm.pid)
			was++;
		flr_copy(comm.name, sizeof(comm.name), now->comms[i].name);
		if (was < last->n_comms && last->comms[was].pid == comm.pid &&
		    !strcmp(last->comms[was].name, comm.name))
			continue;
		flr_add(draft, &comm, sizeof(comm));
		n++;
	}
	return n;
}

/* Both are in the order of their keys, and the later one has every key of the earlier one. */
static uint64_t add_sites(struct flr_draft *draft, const struct snapshot *last,
			  const struct snapshot *now)
{
	uint64_t n = 0;

	for (size_t i = 0, was = 0; i < now->n; i++) {
		struct flr_site site = { now->sites[i].key, now->sites[i].value };

		if (was < last->n && !memcmp(&last->sites[was].key, &site.key, sizeof(site.key))) {
			const struct fl_site *value = &last->sites[was++].value;

			if (!memcmp(value, &site.value, sizeof(site.value)))
				continue;
		}
		flr_add(draft, &site, sizeof(site));
		n++;
	}
	return n;
}

static int write_snapshot(struct record *record, const struct snapshot *now, uint32_t flags)
{
	struct flr_draft draft = flr_draft_new();
	struct flr_snapshot out = {
		.ns = now->ns,
		.real_ns = now->real_ns,
		.flags = flags,
		.n_losses = LOSS_MAX,
		.n_vms = now->n_vms,
		.cost_state = now->cost.state,
		.cost_err = now->cost.err,
		.cost_ns = now->cost.ns,
		.cost_runs = now->cost.runs,
		.cpu_us = now->cost.cpu_us,
	};

	flr_add(&draft, &out, sizeof(out));
	add_losses(&draft, now);
	add_vms(&draft, now);
	out.n_comms = add_comms(&draft, &record->last, now);
	out.n_sites = add_sites(&draft, &record->last, now);
	flr_patch(&draft, 0, &out, sizeof(out));
	return flr_write(&record->writer, &draft, FLR_SNAPSHOT);
}

static int remember(struct record *record, const struct snapshot *now)
{
	struct snapshot last = { .n = now->n, .n_comms = now->n_comms };

	last.sites = malloc((now->n ? now->n : 1) * sizeof(*last.sites));
	last.comms = malloc((now->n_comms ? now->n_comms : 1) * sizeof(*last.comms));
	if (!last.sites || !last.comms) {
		snapshot__fini(&last);
		return record->writer.err = -ENOMEM;
	}
	if (now->n)
		memcpy(last.sites, now->sites, now->n * sizeof(*last.sites));
	if (now->n_comms)
		memcpy(last.comms, now->comms, now->n_comms * sizeof(*last.comms));
	snapshot__fini(&record->last);
	record->last = last;
	return 0;
}

static int begin(struct record *record, int fd, const struct record_config *config,
		 const struct snapshot *start)
{
	int err = flr_begin(fd, FLR_ASI_FAULT, &record->writer);

	err = err ? err : write_origin(record, config, start);
	err = err ? err : write_layout(record);
	return err ? err : write_exits(record);
}

int record__start(int fd, const struct record_config *config, const struct resolver *resolver,
		  const struct snapshot *start, struct record **ret_record)
{
	struct record *record = calloc(1, sizeof(*record));
	int err;

	if (!record)
		return -ENOMEM;
	record->resolver = resolver;
	err = begin(record, fd, config, start);
	if (err) {
		record__free(record);
		return err;
	}
	*ret_record = record;
	return 0;
}

int record__snapshot(struct record *record, const struct snapshot *now, uint32_t flags)
{
	int err = record->writer.err;

	if (err)
		return err;
	for (size_t i = 0; i < now->n; i++)
		resolver__ask(record->resolver, &now->sites[i]);
	err = write_symbols(record);
	err = err ? err : write_stacks(record);
	err = err ? err : write_snapshot(record, now, flags);
	if (err)
		return err;
	record->snapshots++;
	record->final = flags & FLR_SNAPSHOT_FINAL;
	return remember(record, now);
}

int record__finish(struct record *record)
{
	struct flr_end end = { .snapshots = record->snapshots };
	struct flr_draft draft;

	if (record->writer.err || !record->final)
		return record->writer.err;
	draft = flr_draft_new();
	flr_add(&draft, &end, sizeof(end));
	if (flr_write(&record->writer, &draft, FLR_END))
		return record->writer.err;
	return flr_finish(&record->writer);
}

uint64_t record__snapshots(const struct record *record)
{
	return record->snapshots;
}

struct record *record__free(struct record *record)
{
	if (!record)
		return NULL;
	snapshot__fini(&record->last);
	free(record);
	return NULL;
}
