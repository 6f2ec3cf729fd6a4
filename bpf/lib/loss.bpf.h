/* SPDX-License-Identifier: GPL-2.0 */
/* Loss counters: one per-CPU array, one slot for each enum fl_loss. */
#ifndef FAULTLINE_LOSS_BPF_H
#define FAULTLINE_LOSS_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} losses SEC(".maps");

static __always_inline void loss_inc(__u32 loss)
{
	__u64 *n = bpf_map_lookup_elem(&losses, &loss);

	if (n)
		(*n)++;
}

#endif /* FAULTLINE_LOSS_BPF_H */
