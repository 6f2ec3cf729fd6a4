// SPDX-License-Identifier: GPL-2.0
/*
 * exitcost - how many ticks of the TSC a VM exit takes, by kind, as the guest sees it. Where the TSC counts instructions
 * (the lab's machines with --icount, and Bochs) these are the instructions of the host and the guest between two VM
 * entries.
 *
 * The guest makes the same VM exit over and over, in windows, and notes what each window took. What the host does
 * besides, its tick first of all, makes a window longer and never shorter: the shortest is what counts.
 */
#define _GNU_SOURCE

#include "kvm-guest.h"

#define PAGE 4096
#define CODE 0x1000
#define DATA 0x2000
#define EXITS 20 /* in a window */
#define WINDOWS 200

struct data {
	uint32_t start;
	uint32_t ticks[WINDOWS];
};

extern const char guest_code[], guest_none[], guest_cpuid[], guest_msr[], guest_pic[], guest_call[],
	guest_call_insn[], guest_out[], guest_code_end[];

asm("	.pushsection .rodata\n"
    "	.code32\n" GUEST_EXIT_MACROS "	.macro windows_of exit:vararg\n"
    "	movl	$0x2004, %edi\n"
    "	movl	$200, %ebp\n"
    "1:	movl	$20, %esi\n"
    "	rdtsc\n"
    "	movl	%eax, 0x2000\n"
    "2:	\\exit\n"
    "	decl	%esi\n"
    "	jnz	2b\n"
    "	rdtsc\n"
    "	subl	0x2000, %eax\n"
    "	stosl\n"
    "	decl	%ebp\n"
    "	jnz	1b\n"
    "	outb	%al, $0x11\n"
    "	.endm\n"
    "guest_code:\n"
    "guest_none:	windows_of nop\n"
    "guest_cpuid:	windows_of cpuid_0\n"
    "guest_msr:		windows_of read_apic_base\n"
    "guest_pic:		windows_of inb $0x21, %al\n" /* the mask of KVM's 8259A */
    "guest_call:	windows_of hypercall guest_call_insn\n"
    "guest_out:		windows_of outb %al, $0x10\n" /* to user space and back */
    "guest_code_end:\n"
    "	.code64\n"
    "	.popsection\n");

_Static_assert(DATA == 0x2000 && EXITS == 20 && WINDOWS == 200, "as written in the guest's code");

static const struct {
	const char *name, *code;
} kinds[] = {
	{ "none", guest_none }, { "cpuid", guest_cpuid }, { "msr", guest_msr },
	{ "pic", guest_pic },	{ "call", guest_call },	  { "out", guest_out },
};

struct vm {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	struct data *data;
};

static void open_vm(struct vm *vm)
{
	char *code;
	int size;

	vm->vm = create_vm(&vm->kvm);
	if (ioctl(vm->vm, KVM_CREATE_IRQCHIP, 0))
		die("KVM_CREATE_IRQCHIP: %m");
	code = map_guest_memory(vm->vm, 0, CODE, PAGE);
	memcpy(code, guest_code, guest_code_end - guest_code);
	use_hypercall(code + (guest_call_insn - guest_code));
	vm->data = map_guest_memory(vm->vm, 1, DATA, PAGE);
	vm->vcpu = ioctl(vm->vm, KVM_CREATE_VCPU, 0);
	if (vm->vcpu < 0)
		die("KVM_CREATE_VCPU: %m");
	size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vm->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		die("cannot map kvm_run: %m");
}

static void run_kind(struct vm *vm, const char *code)
{
	struct kvm_regs regs = { .rip = CODE + (code - guest_code), .rflags = 2 };
	struct kvm_sregs sregs;

	memset(vm->data, 0, sizeof(*vm->data));
	if (ioctl(vm->vcpu, KVM_GET_SREGS, &sregs))
		die("KVM_GET_SREGS: %m");
	set_flat_segments(&sregs);
	set_vcpu(vm->vcpu, &sregs, &regs);
	do {
		if (ioctl(vm->vcpu, KVM_RUN, 0))
			die("KVM_RUN: %m");
		if (vm->run->exit_reason != KVM_EXIT_IO)
			die("unexpected exit to user space, reason %u", vm->run->exit_reason);
	} while (vm->run->io.port != 0x11);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct vm vm;
	size_t i;

	if (argc > 1) {
		bool help = !strcmp(argv[1], "--help");

		fprintf(help ? stdout : stderr,
			"usage: exitcost\n"
			"Prints, for each kind of VM exit and for none, `KIND MIN MEDIAN MAX`: ticks of the TSC for a VM exit,\n"
			"by windows of %d, %d of them.\n",
			EXITS, WINDOWS);
		return help ? 0 : 2;
	}
	open_vm(&vm);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint32_t *ticks = vm.data->ticks;

		run_kind(&vm, kinds[i].code); /* once for what comes first, as memory */
		run_kind(&vm, kinds[i].code);
		qsort(ticks, WINDOWS, sizeof(*ticks), by_value);
		printf("%s %.1f %.1f %.1f\n", kinds[i].name, ticks[0] / (double)EXITS,
		       ticks[WINDOWS / 2] / (double)EXITS, ticks[WINDOWS - 1] / (double)EXITS);
	}
	return 0;
}
