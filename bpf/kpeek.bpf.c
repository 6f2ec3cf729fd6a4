// SPDX-License-Identifier: GPL-2.0
/*
 * Reads one word of kernel memory, run through BPF_PROG_TEST_RUN: where KASLR put the direct map
 * and its neighbours, and the per-CPU offsets, is in variables that nothing exports.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"

char LICENSE[] SEC("license") = "GPL";

SEC("syscall")
int kpeek(struct fl_kpeek *ctx)
{
	__u64 value = 0;

	ctx->err = bpf_probe_read_kernel(&value, sizeof(value), (const void *)ctx->address);
	ctx->value = value;
	return 0;
}
