/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only structs that BPF programs and user space share. Fixed width, explicit padding;
 * enums are append-only. What the kernel hands to the programs is in docs/ABI.md.
 */
#ifndef FAULTLINE_ABI_H
#define FAULTLINE_ABI_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define FL_ABI_VERSION 1

/*
 * What was missed. A loss of an event (see loss_is_event() in user/lib/loss.h) is a fault that is
 * in no row; any other loss is a detail of an event that is counted.
 */
enum fl_loss {
	LOSS_MAP_FULL = 0, /* no room for a new site */
	LOSS_VM_FULL = 1, /* no room for a new VM's totals */
	LOSS_BUSY = 2, /* the map of sites refused an update for another reason */
	LOSS_STACK = 3, /* a new site's stack was not kept */
	LOSS_NESTED = 4, /* the kernel did not run the program (bpf_prog_info.recursion_misses) */
	LOSS_VM_BUSY = 5, /* the map of VMs refused a new VM for another reason */
	LOSS_RANGE = 6, /* an end of a site's address range was not kept */
	LOSS_MAX,
};

#define FL_PAGE_MASK (~0xfffULL)
#define FL_STACK_DEPTH 64
#define FL_NO_STACK (-1)

/* bits of fl_site.vcpus: vCPU n is bit n; all vCPUs from this one on share the last bit */
#define FL_VCPU_LAST 63

/* docs/ABI.md: no VM exit yet in this residency */
#define FL_EXIT_NONE 0xffffffffU
#define FL_ISA_VMX 1
#define FL_ISA_SVM 2

struct fl_vm_key {
	__u32 pid;
	__u32 vm;
};
_Static_assert(sizeof(struct fl_vm_key) == 8, "fl_vm_key is ABI");

/* sum of fl_site.count over a VM's sites + lost == events */
struct fl_vm_count {
	__u64 events; /* faults of this VM that the program handled */
	__u64 lost; /* of these: in no site */
};
_Static_assert(sizeof(struct fl_vm_count) == 16, "fl_vm_count is ABI");

struct fl_site_key {
	__u64 ip;
	__u64 page; /* the faulting address & FL_PAGE_MASK */
	__u32 pid;
	__u32 vm;
	__u32 isa;
	__u32 exit_reason;
};
_Static_assert(sizeof(struct fl_site_key) == 32, "fl_site_key is ABI");

struct fl_site {
	__u64 count;
	__u64 address_min; /* exact addresses: equal when only one was touched */
	__u64 address_max;
	__u64 first_ns; /* CLOCK_MONOTONIC */
	__u64 last_ns;
	__u64 vcpus; /* bit set, see FL_VCPU_LAST */
	__u64 error_bits; /* all page-fault error codes seen, or-ed */
	__s32 stack_id; /* of the first fault; FL_NO_STACK: none wanted or kept */
	__u32 pad;
};
_Static_assert(sizeof(struct fl_site) == 64, "fl_site is ABI");

/* context of the program kpeek: one aligned word of kernel memory */
struct fl_kpeek {
	__u64 address;
	__u64 value;
	__s32 err;
	__u32 pad;
};
_Static_assert(sizeof(struct fl_kpeek) == 24, "fl_kpeek is ABI");

/*
 * Where a memory error is on its way, in the order of the way; raslat. value, aux and result of the
 * event are as said; a PFN is that of the kernel that the program runs in.
 */
enum fl_ras_stage {
	/* in either kernel */
	RAS_FAILURE = 1, /* memory_failure() begins. value: PFN; aux: its flags */
	RAS_FAILURE_END = 2, /* ... ends. value: PFN; result: what it returns */
	RAS_SIGNAL = 3, /* SIGBUS of memory_failure() or KVM. value: si_addr; aux: si_code; to */
	/* in the host */
	RAS_HANDLER = 16, /* QEMU's handler. value: host address; aux: si_code */
	RAS_SIGBUS = 17, /* QEMU, after KVM_RUN. value: host address; aux: GPA; result: si_code */
	RAS_RETRY = 18, /* ... has the guest repeat the access. aux: GPA */
	RAS_RECORD = 19, /* ... has written the CPER. value: sequence number; aux: GPA */
	RAS_SEA = 20, /* ... has raised the abort. aux: GPA; result: bit set RAS_SEA_* */
	/*
	 * KVM enters that vCPU again. value: registers that QEMU got or set since its handler began;
	 * aux: all its ioctls on the vCPU; result: 1: they were counted
	 */
	RAS_ENTRY = 21,
	/* in the guest */
	RAS_ABORT = 32, /* do_sea() begins. value: FAR; aux: ESR */
	RAS_CLAIM = 33, /* apei_claim_sea() begins */
	RAS_ACK = 34, /* the record is acknowledged */
	RAS_QUEUE = 35, /* memory_failure_queue(). value: PFN */
	RAS_CLAIM_END = 36, /* apei_claim_sea() ends. result: 0: it was a recorded error */
	RAS_ABORT_END = 37, /* do_sea() ends */
};

#define RAS_SEA_RECORDED 1
#define RAS_SEA_BY_KVM 2

struct fl_ras_event {
	__u64 ns; /* CLOCK_MONOTONIC */
	__u64 value, aux;
	__u32 stage;
	__u32 cpu;
	__u32 pid, tid; /* who ran */
	__u32 to; /* RAS_SIGNAL: the thread that it is for */
	__s32 result;
};
_Static_assert(sizeof(struct fl_ras_event) == 48, "fl_ras_event is ABI");

/* What was missed of these. */
enum fl_ras_loss {
	RAS_LOSS_RING = 0, /* no room in the ring, or another event was being written there */
	RAS_LOSS_THREADS = 1, /* a vCPU's entry is not awaited: no room for its thread */
	RAS_LOSS_NESTED = 2, /* the kernel did not run a program (recursion_misses) */
	RAS_LOSS_MAX,
};

#endif /* FAULTLINE_ABI_H */
