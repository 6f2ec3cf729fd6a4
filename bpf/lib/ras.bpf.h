/* SPDX-License-Identifier: GPL-2.0 */
/* Events of a memory error's way, to a ring; what does not get in is counted. */
#ifndef FAULTLINE_RAS_BPF_H
#define FAULTLINE_RAS_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RAS_LOSS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} losses SEC(".maps");

const volatile __u32 filter_pid = 0; /* of QEMU; 0: whoever */

/* Set last, when everything is attached, and cleared first. */
bool armed;

static __always_inline void ras_lost(__u32 loss)
{
	__u64 *n = bpf_map_lookup_elem(&losses, &loss);

	if (n)
		(*n)++;
}

static __always_inline bool ras_wanted(void)
{
	return armed && (!filter_pid || bpf_get_current_pid_tgid() >> 32 == filter_pid);
}

static __always_inline void ras_emit(struct fl_ras_event *event)
{
	__u64 id = bpf_get_current_pid_tgid();

	event->ns = bpf_ktime_get_ns();
	event->cpu = bpf_get_smp_processor_id();
	event->pid = id >> 32;
	event->tid = id;
	/* In NMI context too, where it is a trylock. */
	if (bpf_ringbuf_output(&events, event, sizeof(*event), 0))
		ras_lost(RAS_LOSS_RING);
}

#endif /* FAULTLINE_RAS_BPF_H */
