// SPDX-License-Identifier: GPL-2.0
/*
 * asi_fault.bpf.c's program on a tracepoint that every kernel has: a system call number that does
 * not exist carries the fault's arguments in its registers. With it the whole tool runs, and is
 * seen to count right, on a machine without the patched kernel. Object and program have the real
 * one's names, so that the tool is built from the same sources.
 */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "abi.h"
#include "lib/loss.bpf.h"
#include "lib/site.bpf.h"
#include "lib/fault.bpf.h"
#include "standin.h"

char LICENSE[] SEC("license") = "GPL";

struct pt_regs {
	unsigned long di, si, dx, r10, r8, r9;
} __attribute__((preserve_access_index));

/* sys_enter: regs, number */
SEC("raw_tp/sys_enter")
int asi_fault(struct bpf_raw_tracepoint_args *ctx)
{
	const struct pt_regs *regs = (const void *)ctx->args[0];
	struct fl_site_key key = {};
	__u64 address;

	if (ctx->args[1] != STANDIN_NR)
		return 0;
	key.pid = BPF_CORE_READ(regs, di);
	key.vm = BPF_CORE_READ(regs, si);
	address = BPF_CORE_READ(regs, r10);
	key.page = address & FL_PAGE_MASK;
	key.ip = BPF_CORE_READ(regs, r8);
	key.isa = FL_ISA_SVM;
	key.exit_reason = BPF_CORE_READ(regs, r9);
	return on_fault(ctx, &key, BPF_CORE_READ(regs, dx), address, 0);
}
