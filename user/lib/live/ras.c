// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "quiesce.h"
#include "ras.skel.h"
#include "raslat/session.h"
#include "util.h"

#define BOTH -1

enum kind { FUNCTION, TRACEPOINT, SYMBOL, PROBE };

/* name: of a function in BTF, of a tracepoint, of QEMU's dynamic symbol, of its USDT probe. */
static const struct hook {
	const char *program;
	int side; /* enum ras_side, or BOTH */
	enum kind kind;
	const char *name;
} hooks[] = {
	{ "ras_failure", BOTH, FUNCTION, "memory_failure" },
	{ "ras_failure_end", BOTH, FUNCTION, "memory_failure" },
	{ "ras_signal", BOTH, TRACEPOINT, "signal_generate" },
	{ "ras_voffset", SIDE_HOST, FUNCTION, "kvm_arch_vcpu_ioctl_run" },
	{ "ras_entry", SIDE_HOST, TRACEPOINT, "kvm_entry" },
	{ "ras_ioctl", SIDE_HOST, FUNCTION, "kvm_vcpu_ioctl" },
	{ "ras_handler", SIDE_HOST, SYMBOL, "kvm_on_sigbus_vcpu" },
	{ "ras_sigbus", SIDE_HOST, PROBE, "ras_sigbus" },
	{ "ras_retry", SIDE_HOST, PROBE, "ras_retry" },
	{ "ras_record", SIDE_HOST, PROBE, "ras_record" },
	{ "ras_sea", SIDE_HOST, PROBE, "ras_sea" },
	{ "ras_abort", SIDE_GUEST, FUNCTION, "do_sea" },
	{ "ras_abort_end", SIDE_GUEST, FUNCTION, "do_sea" },
	{ "ras_claim", SIDE_GUEST, FUNCTION, "apei_claim_sea" },
	{ "ras_claim_end", SIDE_GUEST, FUNCTION, "apei_claim_sea" },
	{ "ras_notified", SIDE_GUEST, FUNCTION, "ghes_notify_sea" },
	{ "ras_notified_end", SIDE_GUEST, FUNCTION, "ghes_notify_sea" },
	{ "ras_ack", SIDE_GUEST, FUNCTION, "apei_write" },
	{ "ras_queue", SIDE_GUEST, FUNCTION, "memory_failure_queue" },
};

struct ras_session {
	struct ras *skel;
	struct ring_buffer *ring;
	enum ras_side side;
	uint32_t pid;
	char exe[32]; /* /proc/PID/exe */
	struct bpf_link *links[ARRAY_SIZE(hooks)];
	bool loaded[ARRAY_SIZE(hooks)];
	int (*on_event)(void *arg, const struct fl_ras_event *event);
	void *arg;
};

static void miss(char *missing, size_t size, const struct hook *hook, const char *why)
{
	char line[128];
	size_t n = strlen(missing);

	snprintf(line, sizeof(line), "%s: %s\n", hook->program, why);
	/* whole lines only */
	if (n + strlen(line) < size)
		strcpy(missing + n, line);
}

/* "": it can be had, as far as can be told before it is attached. */
static const char *obstacle(const struct ras_session *session, const struct hook *hook,
			    const struct btf *btf)
{
	if (hook->kind == FUNCTION && btf__find_by_name_kind(btf, hook->name, BTF_KIND_FUNC) < 0)
		return "the kernel has no such function";
	if ((hook->kind == SYMBOL || hook->kind == PROBE) && !session->pid)
		return "QEMU's own: not without -p";
	return "";
}

static int choose(struct ras_session *session, char *missing, size_t size)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int functions = 0;

	if (!btf)
		return -ENOTSUP;
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(session->skel->obj, hooks[i].program);
		bool ours = hooks[i].side == BOTH || hooks[i].side == session->side;
		const char *why = ours ? obstacle(session, &hooks[i], btf) : "";

		session->loaded[i] = ours && !*why;
		bpf_program__set_autoload(program, session->loaded[i]);
		if (*why)
			miss(missing, size, &hooks[i], why);
		functions += session->loaded[i] && hooks[i].kind == FUNCTION;
	}
	btf__free(btf);
	return functions ? 0 : -ENOTSUP;
}

static int on_sample(void *ctx, void *data, size_t size)
{
	const struct ras_session *session = ctx;

	return size < sizeof(struct fl_ras_event) ? -EPROTO : session->on_event(session->arg, data);
}

int ras_session__open(enum ras_side side, uint32_t pid, char *missing, size_t size,
		      struct ras_session **ret_session)
{
	struct ras_session *session = calloc(1, sizeof(*session));
	int err;

	if (!session)
		return -ENOMEM;
	session->side = side;
	session->pid = pid;
	snprintf(session->exe, sizeof(session->exe), "/proc/%u/exe", pid);
	session->skel = ras__open();
	err = session->skel ? choose(session, missing, size) : -errno;
	if (!err) {
		session->skel->rodata->filter_pid = pid;
		err = ras__load(session->skel);
	}
	if (!err) {
		session->ring = ring_buffer__new(bpf_map__fd(session->skel->maps.events), on_sample,
						 session, NULL);
		err = session->ring ? 0 : -errno;
	}
	if (err) {
		ras_session__close(session);
		return err;
	}
	*ret_session = session;
	return 0;
}

static struct bpf_link *attach(const struct ras_session *session, const struct hook *hook)
{
	struct bpf_program *program =
		bpf_object__find_program_by_name(session->skel->obj, hook->program);
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .func_name = hook->name);

	switch (hook->kind) {
	case SYMBOL:
		return bpf_program__attach_uprobe_opts(program, session->pid, session->exe, 0,
						       &opts);
	case PROBE:
		return bpf_program__attach_usdt(program, session->pid, session->exe, "qemu",
						hook->name, NULL);
	default:
		return bpf_program__attach(program);
	}
}

int ras_session__arm(struct ras_session *session, char *missing, size_t size)
{
	int functions = 0, err;

	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		if (!session->loaded[i])
			continue;
		session->links[i] = attach(session, &hooks[i]);
		if (session->links[i]) {
			functions += hooks[i].kind == FUNCTION;
			session->skel->bss->counting |= !strcmp(hooks[i].program, "ras_ioctl");
			continue;
		}
		err = -errno;
		miss(missing, size, &hooks[i],
		     err == -ENOENT && hooks[i].kind == PROBE ? "this QEMU has no such probe" :
								strerror(-err));
	}
	if (!functions)
		return -ENOTSUP;
	session->skel->bss->armed = true;
	return 0;
}

int ras_session__fd(const struct ras_session *session)
{
	return ring_buffer__epoll_fd(session->ring);
}

int ras_session__read(struct ras_session *session,
		      int (*on_event)(void *arg, const struct fl_ras_event *event), void *arg)
{
	int n;

	session->on_event = on_event;
	session->arg = arg;
	n = ring_buffer__consume(session->ring);
	return n < 0 ? n : 0;
}

void ras_session__voffset(const struct ras_session *session, struct flr_ras_anchor *anchor)
{
	/* the count first: what it counts is written by then */
	anchor->voffset_reads =
		__atomic_load_n(&session->skel->bss->voffset_reads, __ATOMIC_ACQUIRE);
	anchor->voffset = session->skel->bss->voffset;
	anchor->voffset_changes = session->skel->bss->voffset_changes;
}

int ras_session__disarm(struct ras_session *session)
{
	session->skel->bss->armed = false;
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		bpf_link__destroy(session->links[i]);
		session->links[i] = NULL;
	}
	return quiesce();
}

static int add_recursion_misses(const struct ras_session *session, const struct hook *hook,
				uint64_t *n)
{
	struct bpf_program *program =
		bpf_object__find_program_by_name(session->skel->obj, hook->program);
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
		return -errno;
	*n += info.recursion_misses;
	return 0;
}

int ras_session__losses(const struct ras_session *session, uint64_t ret_losses[RAS_LOSS_MAX])
{
	int fd = bpf_map__fd(session->skel->maps.losses), cpus = libbpf_num_possible_cpus();
	cleanup_free uint64_t *values = cpus < 0 ? NULL : calloc(cpus, sizeof(*values));

	if (!values)
		return cpus < 0 ? cpus : -ENOMEM;
	memset(ret_losses, 0, RAS_LOSS_MAX * sizeof(*ret_losses));
	for (uint32_t i = 0; i < RAS_LOSS_MAX; i++) {
		if (bpf_map_lookup_elem(fd, &i, values))
			return -errno;
		for (int cpu = 0; cpu < cpus; cpu++)
			ret_losses[i] += values[cpu];
	}
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		int err = session->loaded[i] ? add_recursion_misses(session, &hooks[i],
								    &ret_losses[RAS_LOSS_NESTED]) :
					       0;

		if (err)
			return err;
	}
	return 0;
}

struct ras_session *ras_session__close(struct ras_session *session)
{
	if (!session)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
		bpf_link__destroy(session->links[i]);
	ring_buffer__free(session->ring);
	ras__destroy(session->skel);
	free(session);
	return NULL;
}
