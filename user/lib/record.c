// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "flr.h"
#include "output.h"
#include "record.h"
#include "util.h"

struct record {
	int fd, err;
	uint64_t size; /* of the file: whole sections */
	uint32_t sections;
	uint64_t snapshots;
	bool final; /* was the last of them */
	const struct resolver *resolver;
	size_t stacks; /* that are written */
	struct snapshot last; /* what is written: sites and comms */
};

/* One section while it is put together; the head is filled in last. */
struct section {
	uint8_t *data;
	size_t n, room;
	bool failed; /* no memory */
};

static void *section_room(struct section *section, size_t size)
{
	size_t room = section->room ? section->room : 4096;
	void *p;

	while (room < section->n + size)
		room *= 2;
	if (room > section->room) {
		p = realloc(section->data, room);
		if (!p) {
			section->failed = true;
			return NULL;
		}
		section->data = p;
		section->room = room;
	}
	p = section->data + section->n;
	section->n += size;
	return p;
}

static void add(struct section *section, const void *data, size_t size)
{
	void *p = size ? section_room(section, size) : NULL;

	if (p)
		memcpy(p, data, size);
}

static struct section section_new(void)
{
	static const struct flr_section none;
	struct section section = {};

	add(&section, &none, sizeof(none));
	return section;
}

/* All of the section or nothing: the file never has a part of one in it for long. Frees it. */
static int section_write(struct record *record, struct section *section, enum flr_type type)
{
	cleanup_free uint8_t *data = section->data;
	struct flr_section head = { .type = type, .number = record->sections };

	if (section->failed)
		return record->err = -ENOMEM;
	head.size = section->n - sizeof(head);
	head.payload_crc = crc32_z(0, data + sizeof(head), head.size);
	head.head_crc = crc32_z(0, (void *)&head, offsetof(struct flr_section, head_crc));
	memcpy(data, &head, sizeof(head));
	record->err = output_write(record->fd, (void *)data, section->n);
	if (record->err) {
		/* without it a reader finds where the last whole one ends, too */
		if (!ftruncate(record->fd, record->size))
			lseek(record->fd, record->size, SEEK_SET);
		return record->err;
	}
	record->size += section->n;
	record->sections++;
	return 0;
}

/* to: all zero */
static void copy(char *to, size_t size, const char *from)
{
	memcpy(to, from, strnlen(from, size - 1));
}

static int write_origin(struct record *record, const struct record_config *config,
			const struct snapshot *start)
{
	const struct resolver *resolver = record->resolver;
	struct section section = section_new();
	struct flr_origin origin = {
		.start_ns = start->ns,
		.start_real_ns = start->real_ns,
		.flags = (config->stacks ? FLR_ORIGIN_STACKS : 0) |
			 (config->stats ? FLR_ORIGIN_STATS : 0) |
			 (resolver->emulated ? FLR_ORIGIN_EMULATED : 0),
		.pid = config->pid,
		.build_id_size = resolver->kernel.build_id_size,
	};

	copy(origin.tool, sizeof(origin.tool), config->tool);
	copy(origin.release, sizeof(origin.release), resolver->kernel.release);
	copy(origin.machine, sizeof(origin.machine), resolver->kernel.machine);
	copy(origin.platform, sizeof(origin.platform), resolver->platform);
	copy(origin.symbols, sizeof(origin.symbols), resolver->symbols);
	memcpy(origin.build_id, resolver->kernel.build_id, sizeof(origin.build_id));
	add(&section, &origin, sizeof(origin));
	return section_write(record, &section, FLR_ORIGIN);
}

static struct flr_span span(const struct kspan *span)
{
	return (struct flr_span){ span->start, span->end };
}

static int write_layout(struct record *record)
{
	const struct klayout *layout = &record->resolver->layout;
	struct section section = section_new();
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

	add(&section, &out, sizeof(out));
	add(&section, layout->percpu_offset, layout->cpus * sizeof(*layout->percpu_offset));
	return section_write(record, &section, FLR_LAYOUT);
}

static int write_exits(struct record *record)
{
	struct section section = section_new();
	const struct exitname *names;
	size_t n;

	names = exitnames__all(record->resolver->exits, &n);
	for (size_t i = 0; i < n; i++) {
		struct flr_exit exit = { .isa = names[i].isa, .reason = names[i].reason };

		copy(exit.name, sizeof(exit.name), names[i].name);
		add(&section, &exit, sizeof(exit));
	}
	return section_write(record, &section, FLR_EXITS);
}

static int write_symbols(struct record *record)
{
	struct section section = section_new();
	struct ksym sym;
	size_t cursor = 0;

	while (ksyms__next_found(record->resolver->ksyms, &cursor, &sym)) {
		struct flr_symbol out = {
			.address = sym.address,
			.name_size = strlen(sym.name),
			.module_size = sym.module ? strlen(sym.module) : 0,
			.type = sym.type,
		};

		add(&section, &out, sizeof(out));
		add(&section, sym.name, out.name_size);
		add(&section, sym.module, out.module_size);
	}
	if (section.n > sizeof(struct flr_section))
		return section_write(record, &section, FLR_SYMBOLS);
	free(section.data);
	return section.failed ? record->err = -ENOMEM : 0;
}

static int write_stacks(struct record *record)
{
	const struct stacks *stacks = record->resolver->stacks;
	struct section section;
	int err;

	if (!stacks || record->stacks == stacks->n)
		return 0;
	section = section_new();
	for (size_t i = record->stacks; i < stacks->n; i++) {
		const struct stack *stack = &stacks->all[i];
		struct flr_stack out = { .id = stack->id, .n = stack->n };

		add(&section, &out, sizeof(out));
		add(&section, stack->frames, stack->n * sizeof(*stack->frames));
	}
	err = section_write(record, &section, FLR_STACKS);
	if (!err)
		record->stacks = stacks->n;
	return err;
}

static void add_losses(struct section *section, const struct snapshot *now)
{
	add(section, now->losses.n, sizeof(now->losses.n));
}

static void add_vms(struct section *section, const struct snapshot *now)
{
	for (size_t i = 0; i < now->n_vms; i++) {
		struct flr_vm vm = { now->vms[i].key, now->vms[i].count };

		add(section, &vm, sizeof(vm));
	}
}

/* Both are in the order of their pids, and the later one has every pid of the earlier one. */
static uint32_t add_comms(struct section *section, const struct snapshot *last,
			  const struct snapshot *now)
{
	uint32_t n = 0;

	for (size_t i = 0, was = 0; i < now->n_comms; i++) {
		struct flr_comm comm = { .pid = now->comms[i].pid };

		while (was < last->n_comms && last->comms[was].pid < comm.pid)
			was++;
		copy(comm.name, sizeof(comm.name), now->comms[i].name);
		if (was < last->n_comms && last->comms[was].pid == comm.pid &&
		    !strcmp(last->comms[was].name, comm.name))
			continue;
		add(section, &comm, sizeof(comm));
		n++;
	}
	return n;
}

/* Both are in the order of their keys, and the later one has every key of the earlier one. */
static uint64_t add_sites(struct section *section, const struct snapshot *last,
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
		add(section, &site, sizeof(site));
		n++;
	}
	return n;
}

static int write_snapshot(struct record *record, const struct snapshot *now, uint32_t flags)
{
	struct section section = section_new();
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
	size_t at = section.n;

	add(&section, &out, sizeof(out));
	add_losses(&section, now);
	add_vms(&section, now);
	out.n_comms = add_comms(&section, &record->last, now);
	out.n_sites = add_sites(&section, &record->last, now);
	if (!section.failed)
		memcpy(section.data + at, &out, sizeof(out));
	return section_write(record, &section, FLR_SNAPSHOT);
}

static int remember(struct record *record, const struct snapshot *now)
{
	struct snapshot last = { .n = now->n, .n_comms = now->n_comms };

	last.sites = malloc((now->n ? now->n : 1) * sizeof(*last.sites));
	last.comms = malloc((now->n_comms ? now->n_comms : 1) * sizeof(*last.comms));
	if (!last.sites || !last.comms) {
		snapshot__fini(&last);
		return record->err = -ENOMEM;
	}
	if (now->n)
		memcpy(last.sites, now->sites, now->n * sizeof(*last.sites));
	if (now->n_comms)
		memcpy(last.comms, now->comms, now->n_comms * sizeof(*last.comms));
	snapshot__fini(&record->last);
	record->last = last;
	return 0;
}

static int begin(struct record *record, const struct record_config *config,
		 const struct snapshot *start)
{
	struct flr_head head = {
		.magic = FLR_MAGIC,
		.byte_order = FLR_BYTE_ORDER,
		.version = FLR_VERSION,
		.flags = FLR_UNFINISHED,
		.subject = FLR_ASI_FAULT,
	};
	struct stat stat;
	int err;

	if (fstat(record->fd, &stat))
		return -errno;
	if (!S_ISREG(stat.st_mode))
		return -EINVAL;
	err = output_write(record->fd, (void *)&head, sizeof(head));
	if (err)
		return err;
	record->size = sizeof(head);
	err = write_origin(record, config, start);
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
	record->fd = fd;
	record->resolver = resolver;
	err = begin(record, config, start);
	if (err) {
		record__free(record);
		return err;
	}
	*ret_record = record;
	return 0;
}

int record__snapshot(struct record *record, const struct snapshot *now, uint32_t flags)
{
	int err = record->err;

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
	const uint32_t finished = FLR_FINISHED;
	struct flr_end end = { .snapshots = record->snapshots };
	struct section section;
	ssize_t n;

	if (record->err || !record->final)
		return record->err;
	section = section_new();
	add(&section, &end, sizeof(end));
	if (section_write(record, &section, FLR_END))
		return record->err;
	n = pwrite(record->fd, &finished, sizeof(finished), offsetof(struct flr_head, flags));
	if (n != sizeof(finished))
		record->err = n < 0 ? -errno : -EIO;
	return record->err;
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
