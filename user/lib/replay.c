// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "replay.h"
#include "util.h"

struct replay {
	struct flr_reader reader;
	struct replay_origin origin;
	struct resolver resolver;
	struct stacks stacks;
	struct snapshot now; /* as of the last snapshot */
	uint64_t snapshots;
	bool final; /* was the last */
};

/* What is printed later is nothing that a terminal could take for a command. */
static bool printable(const char *text, size_t size, bool blanks)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = text[i];

		if (c < ' ' || c == 0x7f || (c == ' ' && !blanks))
			return false;
	}
	return true;
}

/* A string with its NUL in a field of that size */
static bool string_ok(const char *text, size_t size, bool blanks)
{
	size_t n = strnlen(text, size);

	return n < size && printable(text, n, blanks);
}

#define STRING_OK(field, blanks) string_ok(field, sizeof(field), blanks)

static int read_origin(struct replay *replay, struct flr_payload *payload)
{
	struct resolver *resolver = &replay->resolver;
	struct kernel_id *kernel = &resolver->kernel;
	struct flr_origin in;

	if (!flr_get(payload, &in, sizeof(in)) || !STRING_OK(in.tool, true) ||
	    !STRING_OK(in.release, true) || !STRING_OK(in.machine, true) ||
	    !STRING_OK(in.platform, true) || !STRING_OK(in.symbols, true) ||
	    in.build_id_size > sizeof(in.build_id))
		return -EBADMSG;
	replay->origin = (struct replay_origin){
		.start = { .ns = in.start_ns, .real_ns = in.start_real_ns },
		.pid = in.pid,
		.stacks = in.flags & FLR_ORIGIN_STACKS,
		.stats = in.flags & FLR_ORIGIN_STATS,
	};
	memcpy(replay->origin.tool, in.tool, sizeof(in.tool));
	replay->now.ns = in.start_ns;
	resolver->emulated = in.flags & FLR_ORIGIN_EMULATED;
	memcpy(resolver->platform, in.platform, sizeof(in.platform));
	memcpy(resolver->symbols, in.symbols, sizeof(in.symbols));
	memcpy(kernel->release, in.release, sizeof(in.release));
	memcpy(kernel->machine, in.machine, sizeof(in.machine));
	memcpy(kernel->build_id, in.build_id, sizeof(in.build_id));
	kernel->build_id_size = in.build_id_size;
	return 0;
}

static struct kspan span(struct flr_span span)
{
	return (struct kspan){ span.start, span.end };
}

static int read_layout(struct replay *replay, struct flr_payload *payload)
{
	struct klayout *layout = &replay->resolver.layout;
	struct flr_layout in;
	uint64_t size;

	if (!flr_get(payload, &in, sizeof(in)))
		return -EBADMSG;
	size = (uint64_t)in.cpus * sizeof(*layout->percpu_offset);
	if (size != payload->left)
		return -EBADMSG;
	*layout = (struct klayout){
		.known = in.known,
		.level_5 = in.level_5,
		.peek_err = in.peek_err,
		.direct = span(in.direct),
		.vmalloc = span(in.vmalloc),
		.vmemmap = span(in.vmemmap),
		.text = span(in.text),
		.rodata = span(in.rodata),
		.data = span(in.data),
		.bss = span(in.bss),
		.init = span(in.init),
		.image = span(in.image),
		.percpu = span(in.percpu),
		.percpu_unit = in.percpu_unit,
		.cpus = in.cpus,
		.percpu_offset = malloc(size ? size : 1),
	};
	if (!layout->percpu_offset)
		return -ENOMEM;
	return flr_get(payload, layout->percpu_offset, size) ? 0 : -EBADMSG;
}

static int read_exits(struct replay *replay, struct flr_payload *payload)
{
	struct flr_exit in;

	if (exitnames__new(&replay->resolver.exits))
		return -ENOMEM;
	while (payload->left) {
		if (!flr_get(payload, &in, sizeof(in)) || !STRING_OK(in.name, false))
			return -EBADMSG;
		if (exitnames__add(replay->resolver.exits, in.isa, in.reason, in.name))
			return -ENOMEM;
	}
	return 0;
}

static int read_symbol(struct replay *replay, struct flr_payload *payload)
{
	cleanup_free char *name = NULL, *module = NULL;
	struct flr_symbol in;
	const char *text;
	struct ksym sym;

	if (!flr_get(payload, &in, sizeof(in)))
		return -EBADMSG;
	text = flr_take(payload, (uint64_t)in.name_size + in.module_size);
	if (!text || !in.name_size || !printable(text, in.name_size + in.module_size, false))
		return -EBADMSG;
	name = strndup(text, in.name_size);
	module = strndup(text + in.name_size, in.module_size);
	if (!name || !module)
		return -ENOMEM;
	sym = (struct ksym){
		.name = name,
		.module = in.module_size ? module : NULL,
		.address = in.address,
		.type = in.type,
	};
	return ksyms__add(replay->resolver.ksyms, &sym);
}

static int read_symbols(struct replay *replay, struct flr_payload *payload)
{
	int err = 0;

	while (!err && payload->left)
		err = read_symbol(replay, payload);
	if (!err)
		ksyms__sort(replay->resolver.ksyms);
	return err;
}

static int read_stacks(struct replay *replay, struct flr_payload *payload)
{
	uint64_t frames[FL_STACK_DEPTH];
	struct flr_stack in;
	int err = 0;

	while (!err && payload->left) {
		if (!flr_get(payload, &in, sizeof(in)) || in.n > FL_STACK_DEPTH || in.id < 0 ||
		    !flr_get(payload, frames, in.n * sizeof(*frames)))
			return -EBADMSG;
		err = stacks__add(&replay->stacks, in.id, frames, in.n);
	}
	return err;
}

static int read_losses(struct snapshot *now, uint32_t n, struct flr_payload *payload)
{
	/* a kind that this tool does not know would be a loss that it does not show */
	if (n > LOSS_MAX)
		return -EPROTONOSUPPORT;
	memset(&now->losses, 0, sizeof(now->losses));
	return flr_get(payload, now->losses.n, n * sizeof(*now->losses.n)) ? 0 : -EBADMSG;
}

static int read_vms(struct snapshot *now, uint32_t n, struct flr_payload *payload)
{
	struct flr_vm in;

	if (n > payload->left / sizeof(in))
		return -EBADMSG;
	free(now->vms);
	now->n_vms = 0;
	now->vms = calloc(n ? n : 1, sizeof(*now->vms));
	if (!now->vms)
		return -ENOMEM;
	now->events = losses_no_vm(&now->losses);
	for (uint32_t i = 0; i < n; i++) {
		flr_get(payload, &in, sizeof(in));
		now->vms[now->n_vms++] = (struct vm){ in.key, in.count };
		now->events += in.count.events;
	}
	return 0;
}

static int read_comms(struct snapshot *now, uint32_t n, struct flr_payload *payload)
{
	struct flr_comm in;
	struct comm comm;

	if (n > payload->left / sizeof(in))
		return -EBADMSG;
	for (uint32_t i = 0; i < n; i++) {
		flr_get(payload, &in, sizeof(in));
		if (!STRING_OK(in.name, false))
			return -EBADMSG;
		comm.pid = in.pid;
		memcpy(comm.name, in.name, sizeof(comm.name));
		if (snapshot__set_comm(now, &comm))
			return -ENOMEM;
	}
	return 0;
}

static int read_sites(struct snapshot *now, uint64_t n, struct flr_payload *payload)
{
	cleanup_free struct site *sites = NULL;
	struct flr_site in;

	if (n != payload->left / sizeof(in) || payload->left % sizeof(in))
		return -EBADMSG;
	sites = calloc(n ? n : 1, sizeof(*sites));
	if (!sites)
		return -ENOMEM;
	for (uint64_t i = 0; i < n; i++) {
		flr_get(payload, &in, sizeof(in));
		sites[i] = (struct site){ in.key, in.value };
	}
	return snapshot__merge(now, sites, n);
}

static int read_snapshot(struct replay *replay, struct flr_payload *payload, uint32_t *ret_flags)
{
	struct snapshot *now = &replay->now;
	struct flr_snapshot in;
	int err;

	if (replay->final || !flr_get(payload, &in, sizeof(in)) || in.ns < now->ns ||
	    in.cost_state > COST_KNOWN)
		return -EBADMSG;
	now->ns = in.ns;
	now->real_ns = in.real_ns;
	now->cost.state = in.cost_state;
	now->cost.err = in.cost_err;
	now->cost.ns = in.cost_ns;
	now->cost.runs = in.cost_runs;
	now->cost.cpu_us = in.cpu_us;
	err = read_losses(now, in.n_losses, payload);
	err = err ? err : read_vms(now, in.n_vms, payload);
	err = err ? err : read_comms(now, in.n_comms, payload);
	err = err ? err : read_sites(now, in.n_sites, payload);
	if (err)
		return err;
	replay->snapshots++;
	replay->final = in.flags & FLR_SNAPSHOT_FINAL;
	*ret_flags = in.flags;
	return 0;
}

static int read_end(struct replay *replay, struct flr_payload *payload)
{
	struct flr_end in;

	if (!flr_get(payload, &in, sizeof(in)) || !replay->final ||
	    in.snapshots != replay->snapshots)
		return -EBADMSG;
	return 0;
}

/* Which one, and what is wrong with it, in words. */
static int explain(const struct flr_payload *payload, int err, char why[FLR_WHY])
{
	const char *name = flr_type_name(payload->type);

	if (err == -EPROTONOSUPPORT)
		snprintf(why, FLR_WHY,
			 "section %u is of type %u (%s), which this tool cannot read; use a newer "
			 "one",
			 payload->number, payload->type, name ? name : "unknown");
	else if (err == -EBADMSG)
		snprintf(why, FLR_WHY, "section %u (%s) is not as it should be", payload->number,
			 name);
	else if (err)
		snprintf(why, FLR_WHY, "section %u (%s): %s", payload->number, name,
			 strerror(-err));
	return err;
}

static int read_section(struct replay *replay, struct flr_payload *payload, uint32_t *ret_flags)
{
	int err;

	switch (payload->type) {
	case FLR_ORIGIN:
		err = read_origin(replay, payload);
		break;
	case FLR_LAYOUT:
		err = read_layout(replay, payload);
		break;
	case FLR_EXITS:
		err = read_exits(replay, payload);
		break;
	case FLR_SYMBOLS:
		err = read_symbols(replay, payload);
		break;
	case FLR_STACKS:
		err = read_stacks(replay, payload);
		break;
	case FLR_SNAPSHOT:
		err = read_snapshot(replay, payload, ret_flags);
		break;
	case FLR_END:
		err = read_end(replay, payload);
		break;
	default:
		err = -EPROTONOSUPPORT;
	}
	return !err && payload->left ? -EBADMSG : err;
}

/* The next section's type, or negative. */
static int next_section(struct replay *replay, uint32_t *ret_flags, char why[FLR_WHY])
{
	static const uint32_t first[] = { FLR_ORIGIN, FLR_LAYOUT, FLR_EXITS };
	struct flr_payload payload;
	bool early;
	int err;

	replay->reader.why = why;
	err = flr_next(&replay->reader, &payload);
	if (err)
		return err;
	early = payload.number < ARRAY_SIZE(first);
	if (early ? payload.type != first[payload.number] : payload.type <= FLR_EXITS)
		err = explain(&payload, -EBADMSG, why);
	else
		err = explain(&payload, read_section(replay, &payload, ret_flags), why);
	if (!err)
		err = payload.type;
	flr_payload_fini(&payload);
	return err;
}

int replay__open(FILE *file, struct replay **ret_replay, char why[FLR_WHY])
{
	struct replay *replay = calloc(1, sizeof(*replay));
	int err;

	if (!replay) {
		snprintf(why, FLR_WHY, "no memory");
		return -ENOMEM;
	}
	replay->resolver.stacks = &replay->stacks;
	err = ksyms__new(&replay->resolver.ksyms);
	if (err)
		snprintf(why, FLR_WHY, "no memory");
	err = err ? err : flr_open(&replay->reader, file, FLR_ASI_FAULT, why);
	while (!err && replay->reader.sections < FLR_EXITS) {
		int type = next_section(replay, NULL, why);

		err = type < 0 ? type : 0;
	}
	if (err) {
		replay->reader.file = NULL;
		replay__free(replay);
		return err;
	}
	*ret_replay = replay;
	return 0;
}

const struct replay_origin *replay__origin(const struct replay *replay)
{
	return &replay->origin;
}

const struct resolver *replay__resolver(const struct replay *replay)
{
	return &replay->resolver;
}

/* After FLR_END: nothing may come, and the head has to agree. */
static int check_end(struct replay *replay, char why[FLR_WHY])
{
	if (fgetc(replay->reader.file) != EOF) {
		snprintf(why, FLR_WHY, "there is something after its end");
		return -EBADMSG;
	}
	if (!replay->reader.finished) {
		snprintf(why, FLR_WHY, "not marked as finished");
		return -ENODATA;
	}
	return 0;
}

int replay__next(struct replay *replay, struct snapshot *ret_snapshot, uint32_t *ret_flags,
		 char why[FLR_WHY])
{
	int type;

	do {
		type = next_section(replay, ret_flags, why);
	} while (type == FLR_SYMBOLS || type == FLR_STACKS);
	if (type == FLR_END)
		return check_end(replay, why);
	if (type < 0)
		return type;
	if (snapshot__copy(ret_snapshot, &replay->now)) {
		snprintf(why, FLR_WHY, "no memory");
		return -ENOMEM;
	}
	return 1;
}

struct replay *replay__free(struct replay *replay)
{
	if (!replay)
		return NULL;
	if (replay->reader.file)
		fclose(replay->reader.file);
	snapshot__fini(&replay->now);
	stacks__fini(&replay->stacks);
	resolver__fini(&replay->resolver);
	free(replay);
	return NULL;
}
