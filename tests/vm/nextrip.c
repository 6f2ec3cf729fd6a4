// SPDX-License-Identifier: GPL-2.0
/*
 * nextrip - a VM whose instructions of all lengths are intercepted, and whose software interrupts are interrupted.
 *
 * On an intercepted instruction a CPU with SVM's NRIPS says where the next one begins; without, KVM decodes the
 * instruction to skip it. The guest, in 32-bit protected mode without paging, makes N rounds of six instructions of
 * 2 to 5 bytes that KVM intercepts (CPUID, RDMSR, VMMCALL) and of INT 0x20 and INT3, each with a stack in a page that
 * KVM has not mapped yet: the CPU faults while it pushes, KVM injects the interrupt again, and its handler has to
 * return to behind the instruction. The guest counts what it has come past; KVM, what it has decoded and injected.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <string.h>

#include "kvm-guest.h"

#define PAGE 4096
#define CODE_GPA 0x1000
#define DATA_GPA 0x2000
#define STACKS_GPA 0x1000000
#define ROUNDS_MAX 4096
#define SKIPPED 6 /* instructions a round that KVM skips */
#define INJECTED 2 /* interrupts a round that KVM injects again */
#define KVM_DEBUGFS "/sys/kernel/debug/kvm/"

struct data {
	uint32_t rounds; /* to make */
	uint32_t skipped; /* instructions that the guest has come past */
	uint32_t handled; /* interrupts that have been handled */
	uint32_t returned; /* interrupts that the guest has come back from */
	uint64_t gdt[3];
	uint64_t idt[0x21];
};

extern const char guest_code[], guest_handler[], guest_code_end[];

asm("	.pushsection .rodata\n"
    "	.code32\n"
    "	.macro intercepted insn:vararg\n"
    "	xorl	%eax, %eax\n" /* CPUID's leaf; no hypercall */
    "	movl	$0x1b, %ecx\n" /* IA32_APIC_BASE, which KVM always intercepts */
    "	\\insn\n"
    "	incl	0x2004\n"
    "	.endm\n"
    "	.macro interrupt insn:vararg\n"
    "	addl	$0x1000, %edi\n"
    "	movl	%edi, %esp\n"
    "	\\insn\n"
    "	incl	0x200c\n"
    "	.endm\n"
    "guest_code:\n"
    "	movl	0x2000, %esi\n"
    "	movl	$0x1000000, %edi\n"
    "1:	intercepted cpuid\n"
    "	intercepted .byte 0x66, 0x0f, 0xa2\n" /* CPUID again, with prefixes */
    "	intercepted .byte 0x2e, 0x66, 0x67, 0x0f, 0xa2\n"
    "	intercepted rdmsr\n"
    "	intercepted .byte 0x2e, 0x67, 0x0f, 0x32\n" /* RDMSR */
    "	intercepted vmmcall\n"
    "	interrupt int $0x20\n"
    "	interrupt int3\n"
    "	decl	%esi\n"
    "	jnz	1b\n"
    "	outb	%al, $0x10\n" /* to user space; its exit says where the next one begins on any CPU */
    "guest_handler:\n"
    "	incl	0x2008\n"
    "	iret\n"
    "guest_code_end:\n"
    "	.code64\n"
    "	.popsection\n");

_Static_assert(DATA_GPA == 0x2000 && STACKS_GPA == 0x1000000 &&
		       offsetof(struct data, returned) == 0xc,
	       "as written in the guest's code");

/* A counter of KVM's, over all VMs. */
static uint64_t statistic(const char *name)
{
	char path[64];
	unsigned long n;
	FILE *f;

	snprintf(path, sizeof(path), KVM_DEBUGFS "%s", name);
	f = fopen(path, "re");
	if (!f)
		die("%s: %m; needs root and debugfs", path);
	if (fscanf(f, "%lu", &n) != 1)
		die("%s: no number", path);
	fclose(f);
	return n;
}

static uint64_t interrupt_gate(uint32_t handler)
{
	return (uint64_t)(handler & 0xffff0000) << 32 | 0x8e00ULL << 32 | 8 << 16 |
	       (handler & 0xffff);
}

static void fill_data(struct data *data, uint32_t rounds)
{
	uint64_t gate = interrupt_gate(CODE_GPA + (guest_handler - guest_code));

	data->rounds = rounds;
	data->gdt[1] = 0x00cf9b000000ffff; /* flat, code */
	data->gdt[2] = 0x00cf93000000ffff; /* flat, data */
	data->idt[3] = gate;
	data->idt[0x20] = gate;
}

static void start_vcpu(int vcpu)
{
	struct kvm_regs regs = { .rip = CODE_GPA, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		die("KVM_GET_SREGS: %m");
	set_flat_segments(&sregs);
	sregs.gdt.base = DATA_GPA + offsetof(struct data, gdt);
	sregs.gdt.limit = sizeof(((struct data *)0)->gdt) - 1;
	sregs.idt.base = DATA_GPA + offsetof(struct data, idt);
	sregs.idt.limit = sizeof(((struct data *)0)->idt) - 1;
	set_vcpu(vcpu, &sregs, &regs);
}

static void run_to_port(int kvm, int vcpu)
{
	size_t size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_run *run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);

	if (run == MAP_FAILED)
		die("cannot map kvm_run: %m");
	while (ioctl(vcpu, KVM_RUN, 0))
		if (errno != EINTR)
			die("KVM_RUN: %m");
	if (run->exit_reason != KVM_EXIT_IO)
		die("unexpected exit to user space, reason %u", run->exit_reason);
	munmap(run, size);
}

int main(int argc, char **argv)
{
	uint64_t decoded, injected;
	int kvm, vm, vcpu;
	struct data *data;
	uint32_t rounds;
	char *code;

	if (argc != 2) {
		fprintf(stderr,
			"usage: nextrip ROUNDS\nPrints what KVM has decoded and injected meanwhile, over all VMs.\n");
		return 2;
	}
	rounds = number(argv[1], ROUNDS_MAX);
	vm = create_vm(&kvm);
	code = map_guest_memory(vm, 0, CODE_GPA, PAGE);
	memcpy(code, guest_code, guest_code_end - guest_code);
	data = map_guest_memory(vm, 1, DATA_GPA, PAGE);
	fill_data(data, rounds);
	map_guest_memory(vm, 2, STACKS_GPA, (size_t)rounds * INJECTED * PAGE);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		die("KVM_CREATE_VCPU: %m");
	start_vcpu(vcpu);

	decoded = statistic("insn_emulation");
	injected = statistic("irq_injections");
	run_to_port(kvm, vcpu);
	decoded = statistic("insn_emulation") - decoded;
	injected = statistic("irq_injections") - injected;

	if (data->skipped != rounds * SKIPPED)
		die("%u intercepted instructions were come past, of %u", data->skipped,
		    rounds * SKIPPED);
	if (data->handled != rounds * INJECTED || data->returned != rounds * INJECTED)
		die("%u interrupts were handled, %u returned from, of %u", data->handled,
		    data->returned, rounds * INJECTED);
	printf("skipped %u injected %lu decoded %lu\n", data->skipped, (unsigned long)injected,
	       (unsigned long)decoded);
	return 0;
}
