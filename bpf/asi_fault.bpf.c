// SPDX-License-Identifier: GPL-2.0
/*
 * Counts asi:asi_fault by site: VM, instruction, page touched, VM-exit reason.
 *
 * Counters only grow; user space subtracts. raw_tp, because it is the cheapest to attach and loads
 * on kernels that lack the tracepoint, so that the program can be tested there.
 */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "lib/loss.bpf.h"
#include "lib/site.bpf.h"
#include "lib/fault.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* TP_PROTO: pid, vm, vcpu, address, ip, error_code, isa, exit_reason (docs/ABI.md) */
SEC("raw_tp/asi_fault")
int asi_fault(struct bpf_raw_tracepoint_args *ctx)
{
	struct fl_site_key key = {
		.pid = ctx->args[0],
		.vm = ctx->args[1],
		.page = ctx->args[3] & FL_PAGE_MASK,
		.ip = ctx->args[4],
		.isa = ctx->args[6],
		.exit_reason = ctx->args[7],
	};

	return on_fault(ctx, &key, ctx->args[2], ctx->args[3], ctx->args[5]);
}
