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

#endif /* FAULTLINE_ABI_H */
