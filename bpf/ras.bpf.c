// SPDX-License-Identifier: GPL-2.0
/*
 * The way of a memory error through a host's kernel, QEMU and KVM, and through the kernel of an arm64
 * guest: one event for each stage. Which programs run in which of the two is user space's choice.
 */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>
#include "abi.h"
#include "lib/ras.bpf.h"

#define SIGBUS 7
#define BUS_MCEERR_AR 4
#define BUS_MCEERR_AO 5
#define EEXIST 17
#define KVM_GET_ONE_REG 0x4010aeab /* the same on all architectures with it */
#define KVM_SET_ONE_REG 0x4010aeac
#define SEND_SIG_LAST 2 /* up to it, the pointer is no pointer: SEND_SIG_NOINFO, SEND_SIG_PRIV */

char LICENSE[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct kernel_siginfo {
	int si_code;
	union {
		struct {
			void *_addr;
		} _sigfault;
	} _sifields;
};

struct task_struct {
	int pid, tgid;
};

struct arch_timer_vm_data {
	__u64 voffset;
};

struct kvm_arch {
	struct arch_timer_vm_data timer_data;
};

struct kvm {
	struct kvm_arch arch;
};

struct kvm_vcpu {
	struct kvm *kvm;
};
#pragma clang attribute pop

/* ---- in either kernel ---- */

SEC("fentry/memory_failure")
int BPF_PROG(ras_failure, unsigned long pfn, int flags)
{
	struct fl_ras_event event = { .stage = RAS_FAILURE, .value = pfn, .aux = flags };

	if (armed)
		ras_emit(&event);
	return 0;
}

SEC("fexit/memory_failure")
int BPF_PROG(ras_failure_end, unsigned long pfn, int flags, int ret)
{
	struct fl_ras_event event = { .stage = RAS_FAILURE_END, .value = pfn, .result = ret };

	if (armed)
		ras_emit(&event);
	return 0;
}

/* sig, info, task, group, result */
SEC("raw_tp/signal_generate")
int ras_signal(struct bpf_raw_tracepoint_args *ctx)
{
	const struct kernel_siginfo *info = (void *)ctx->args[1];
	const struct task_struct *task = (void *)ctx->args[2];
	struct fl_ras_event event = { .stage = RAS_SIGNAL };
	__u32 tgid;

	if (!armed || ctx->args[0] != SIGBUS || (unsigned long)info <= SEND_SIG_LAST)
		return 0;
	event.aux = BPF_CORE_READ(info, si_code);
	if (event.aux != BUS_MCEERR_AR && event.aux != BUS_MCEERR_AO)
		return 0;
	tgid = BPF_CORE_READ(task, tgid);
	if (filter_pid && tgid != filter_pid)
		return 0;
	event.value = (unsigned long)BPF_CORE_READ(info, _sifields._sigfault._addr);
	event.to = BPF_CORE_READ(task, pid);
	ras_emit(&event);
	return 0;
}

/* ---- QEMU and KVM ---- */

/* What QEMU asks KVM for from its handler's begin until that vCPU is entered, by thread. */
struct asked {
	__u64 registers, ioctls;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct asked);
} asked SEC(".maps");

bool counting; /* ras_ioctl is attached */
__u64 awaited; /* threads in there; a hint that spares the look-up at each entry and ioctl */

/* The guest's virtual counter is the host's minus this. */
__u64 voffset;
__u64 voffset_begun, voffset_reads; /* entries into KVM_RUN: being read at; read and written at */
__u64 voffset_changes;

SEC("fentry/kvm_arch_vcpu_ioctl_run")
int BPF_PROG(ras_voffset, struct kvm_vcpu *vcpu)
{
	__u64 reads, now;

	/* Linux 6.4; not on other architectures */
	if (!ras_wanted() || !bpf_core_field_exists(vcpu->kvm->arch.timer_data.voffset))
		return 0;
	now = vcpu->kvm->arch.timer_data.voffset;
	reads = __sync_fetch_and_add(&voffset_begun, 1);
	if (voffset != now) {
		/* vCPUs that come first at once all find 0: that is no change. */
		if (reads && voffset)
			__sync_fetch_and_add(&voffset_changes, 1);
		voffset = now;
	}
	__sync_fetch_and_add(&voffset_reads, 1);
	return 0;
}

/* QEMU's handler of SIGBUS in a vCPU's thread: exported, so that it is there in any QEMU. */
SEC("uprobe")
int BPF_KPROBE(ras_handler, void *cpu, int code, void *address)
{
	struct fl_ras_event event = { .stage = RAS_HANDLER,
				      .value = (unsigned long)address,
				      .aux = code };
	__u32 tid = bpf_get_current_pid_tgid();
	struct asked none = {};
	long err;

	if (!ras_wanted())
		return 0;
	ras_emit(&event);
	/* Counting starts anew for one that was never entered. */
	err = bpf_map_update_elem(&asked, &tid, &none, BPF_NOEXIST);
	if (!err)
		__sync_fetch_and_add(&awaited, 1);
	else if (err != -EEXIST || bpf_map_update_elem(&asked, &tid, &none, BPF_EXIST))
		ras_lost(RAS_LOSS_THREADS);
	return 0;
}

SEC("fentry/kvm_vcpu_ioctl")
int BPF_PROG(ras_ioctl, void *filp, unsigned int request)
{
	struct asked *of_it;
	__u32 tid;

	if (!awaited)
		return 0;
	tid = bpf_get_current_pid_tgid();
	of_it = bpf_map_lookup_elem(&asked, &tid);
	if (!of_it)
		return 0;
	of_it->ioctls++;
	if (request == KVM_GET_ONE_REG || request == KVM_SET_ONE_REG)
		of_it->registers++;
	return 0;
}

SEC("usdt")
int BPF_USDT(ras_sigbus, int cpu, int code, void *address, __u64 gpa)
{
	struct fl_ras_event event = {
		.stage = RAS_SIGBUS,
		.value = (unsigned long)address,
		.aux = gpa,
		.result = code,
	};

	if (ras_wanted())
		ras_emit(&event);
	return 0;
}

SEC("usdt")
int BPF_USDT(ras_retry, int cpu, __u64 gpa)
{
	struct fl_ras_event event = { .stage = RAS_RETRY, .aux = gpa };

	if (ras_wanted())
		ras_emit(&event);
	return 0;
}

SEC("usdt")
int BPF_USDT(ras_record, __u64 sequence, int source, __u64 gpa, __u64 block)
{
	struct fl_ras_event event = { .stage = RAS_RECORD, .value = sequence, .aux = gpa };

	if (ras_wanted())
		ras_emit(&event);
	return 0;
}

SEC("usdt")
int BPF_USDT(ras_sea, int cpu, __u64 gpa, int recorded, int by_kvm)
{
	struct fl_ras_event event = {
		.stage = RAS_SEA,
		.aux = gpa,
		.result = (recorded ? RAS_SEA_RECORDED : 0) | (by_kvm ? RAS_SEA_BY_KVM : 0),
	};

	if (ras_wanted())
		ras_emit(&event);
	return 0;
}

SEC("raw_tp/kvm_entry")
int ras_entry(struct bpf_raw_tracepoint_args *ctx)
{
	struct fl_ras_event event = { .stage = RAS_ENTRY };
	struct asked *of_it;
	__u32 tid;

	if (!awaited)
		return 0;
	tid = bpf_get_current_pid_tgid();
	of_it = bpf_map_lookup_elem(&asked, &tid);
	if (!of_it)
		return 0;
	event.value = of_it->registers;
	event.aux = of_it->ioctls;
	event.result = counting;
	bpf_map_delete_elem(&asked, &tid);
	__sync_fetch_and_add(&awaited, -1);
	ras_emit(&event);
	return 0;
}

/* ---- an arm64 guest ---- */

/* Whether this CPU is in ghes_notify_sea(), in NMI context: what apei_write() writes there is the acknowledgement. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} claiming SEC(".maps");

static __always_inline __u64 *claim(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&claiming, &zero);
}

SEC("fentry/do_sea")
int BPF_PROG(ras_abort, unsigned long far, unsigned long esr)
{
	struct fl_ras_event event = { .stage = RAS_ABORT, .value = far, .aux = esr };

	if (armed)
		ras_emit(&event);
	return 0;
}

SEC("fexit/do_sea")
int BPF_PROG(ras_abort_end, unsigned long far, unsigned long esr)
{
	struct fl_ras_event event = { .stage = RAS_ABORT_END, .value = far, .aux = esr };

	if (armed)
		ras_emit(&event);
	return 0;
}

SEC("fentry/apei_claim_sea")
int BPF_PROG(ras_claim)
{
	struct fl_ras_event event = { .stage = RAS_CLAIM };

	if (armed)
		ras_emit(&event);
	return 0;
}

SEC("fexit/apei_claim_sea")
int BPF_PROG(ras_claim_end, void *regs, int ret)
{
	struct fl_ras_event event = { .stage = RAS_CLAIM_END, .result = ret };

	if (armed)
		ras_emit(&event);
	return 0;
}

SEC("fentry/ghes_notify_sea")
int BPF_PROG(ras_notified)
{
	__u64 *in = claim();

	if (in)
		*in = 1;
	return 0;
}

SEC("fexit/ghes_notify_sea")
int BPF_PROG(ras_notified_end)
{
	__u64 *in = claim();

	if (in)
		*in = 0;
	return 0;
}

SEC("fexit/apei_write")
int BPF_PROG(ras_ack)
{
	struct fl_ras_event event = { .stage = RAS_ACK };
	__u64 *in = claim();

	if (armed && in && *in)
		ras_emit(&event);
	return 0;
}

SEC("fentry/memory_failure_queue")
int BPF_PROG(ras_queue, unsigned long pfn, int flags)
{
	struct fl_ras_event event = { .stage = RAS_QUEUE, .value = pfn, .aux = flags };

	if (armed)
		ras_emit(&event);
	return 0;
}
