/* SPDX-License-Identifier: GPL-2.0 */
/* What the lab's own small VMs have in common: memory, and a vCPU in 32-bit protected mode. */
#ifndef KVM_GUEST_H
#define KVM_GUEST_H

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static inline void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* A number from 0 to max of the command line, or exit code 2. */
static inline uint32_t number(const char *text, uint32_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || *end || end == text || *text == '-' || n > max) {
		fprintf(stderr, "%s: not a number from 0 to %u: %s\n",
			program_invocation_short_name, max, text);
		exit(2);
	}
	return n;
}

/* AMD's instructions and VM-exit reasons, or Intel's? */
static inline bool is_svm(void)
{
	uint32_t a, b, c, d;

	return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & 1 << 2);
}

/*
 * For the guest's code: VM exits that KVM answers itself. IA32_APIC_BASE is an MSR that it always intercepts; the
 * hypercall is one that it does not know, at a label, for use_hypercall() to make it Intel's.
 */
#define GUEST_EXIT_MACROS           \
	"	.macro read_apic_base\n"  \
	"	movl	$0x1b, %ecx\n"       \
	"	rdmsr\n"                  \
	"	.endm\n"                  \
	"	.macro cpuid_0\n"         \
	"	xorl	%eax, %eax\n"        \
	"	cpuid\n"                  \
	"	.endm\n"                  \
	"	.macro hypercall label\n" \
	"	movl	$0xfa17, %eax\n"     \
	"\\label:\n"                \
	"	vmmcall\n"                \
	"	.endm\n"

/* VMCALL in place of VMMCALL, in a copy of the guest's code. */
static inline void use_hypercall(char *insn)
{
	if (!is_svm())
		memcpy(insn, "\x0f\x01\xc1", 3);
}

/* A new VM; /dev/kvm stays open in *ret_kvm. */
static inline int create_vm(int *ret_kvm)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;

	if (kvm < 0)
		die("/dev/kvm: %m; needs a CPU with SVM or VMX and a kernel with KVM");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		die("KVM_CREATE_VM: %m");
	/* Only VMX uses it, and only some of it; elsewhere it does nothing. */
	if (ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000))
		die("KVM_SET_TSS_ADDR: %m");
	*ret_kvm = kvm;
	return vm;
}

/* Where memory slot number `slot` of a VM is in the guest; size 0 removes it. */
static inline void place_guest_memory(int vm, int slot, uint64_t gpa, void *mem, size_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)mem,
	};

	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		die("KVM_SET_USER_MEMORY_REGION %#lx: %m", (unsigned long)gpa);
}

static inline void *map_guest_memory(int vm, int slot, uint64_t gpa, size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		die("cannot map %zu bytes of guest memory: %m", size);
	/* EINVAL: a kernel without huge pages */
	if (madvise(mem, size, MADV_NOHUGEPAGE) && errno != EINVAL)
		die("cannot keep guest memory out of huge pages: %m");
	place_guest_memory(vm, slot, gpa, mem, size);
	return mem;
}

static inline void set_segment(struct kvm_segment *seg, int selector, int type)
{
	*seg = (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
}

/* 32-bit protected mode without paging: flat segments, code 8 and data 16. */
static inline void set_flat_segments(struct kvm_sregs *sregs)
{
	sregs->cr0 |= 1;
	set_segment(&sregs->cs, 8, 11);
	set_segment(&sregs->ds, 16, 3);
	sregs->es = sregs->ds;
	sregs->fs = sregs->ds;
	sregs->gs = sregs->ds;
	sregs->ss = sregs->ds;
}

/* The state that a vCPU is to start in. */
static inline void set_vcpu(int vcpu, const struct kvm_sregs *sregs, const struct kvm_regs *regs)
{
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };

	if (ioctl(vcpu, KVM_SET_SREGS, sregs))
		die("KVM_SET_SREGS: %m");
	if (ioctl(vcpu, KVM_SET_REGS, regs))
		die("KVM_SET_REGS: %m");
	if (ioctl(vcpu, KVM_SET_MP_STATE, &mp))
		die("KVM_SET_MP_STATE: %m");
}

#endif /* KVM_GUEST_H */
