// SPDX-License-Identifier: GPL-2.0
/*
 * sea-exit.so - for LD_PRELOAD with QEMU: a KVM that has KVM_CAP_ARM_SEA_TO_USER, as far as QEMU can tell.
 *
 * A vCPU's read of the page BAD, where the guest has nothing, comes out of KVM_RUN not as the MMIO exit that it is but
 * as KVM_EXIT_ARM_SEA: in the page's first quarter with an address in RAM, in the second with its own, which is none of
 * RAM, in the rest without one. KVM itself takes the abort that QEMU then sets
 * for the answer to its MMIO exit (Documentation/virt/kvm/api.rst, KVM_CAP_ARM_INJECT_EXT_DABT), so that all but the
 * exit's reason is real.
 */
#define _GNU_SOURCE
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BAD 0x7f000000ull
#define RAM 0x41000000ull
#define CAP_ARM_SEA_TO_USER 245 /* Linux 6.19 */
#define EXIT_ARM_SEA 41
#define FLAG_GPA_VALID 1

struct arm_sea {
	uint64_t flags, esr, gva, gpa;
};

/* The vCPU's kvm_run, which QEMU has mapped as well; each thread runs one vCPU. */
static struct kvm_run *run_of(int vcpu)
{
	static __thread struct kvm_run *run;
	void *at;

	if (!run) {
		at = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
		run = at == MAP_FAILED ? NULL : at;
	}
	return run;
}

static void replace_exit(struct kvm_run *run)
{
	struct arm_sea sea = { .esr = 0x92000010 };

	if (!run || run->exit_reason != KVM_EXIT_MMIO || run->mmio.is_write ||
	    run->mmio.phys_addr / 4096 != BAD / 4096)
		return;
	if (run->mmio.phys_addr % 4096 < 2048) {
		sea.flags = FLAG_GPA_VALID;
		sea.gpa = run->mmio.phys_addr % 4096 < 1024 ? RAM : run->mmio.phys_addr;
	}
	run->exit_reason = EXIT_ARM_SEA;
	memcpy(&run->mmio, &sea, sizeof(sea)); /* both are in the union of the exits' data */
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request == KVM_CHECK_EXTENSION && (uintptr_t)arg == CAP_ARM_SEA_TO_USER)
		return 1;
	if (request == KVM_ENABLE_CAP && ((struct kvm_enable_cap *)arg)->cap == CAP_ARM_SEA_TO_USER)
		return 0;
	ret = syscall(SYS_ioctl, fd, request, arg);
	if (request == KVM_RUN && !ret)
		replace_exit(run_of(fd));
	return ret;
}
