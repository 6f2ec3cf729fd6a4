// SPDX-License-Identifier: GPL-2.0
/*
 * eoivm - a VM whose vCPU takes interrupts and ends them by the word in memory that KVM offers for that (PV EOI),
 * as Linux does. The page with the word can be taken from the guest at any time: it gets another one on its next
 * access.
 *
 * The guest is in 32-bit protected mode without paging, with its local APIC in x2APIC mode. It sends itself
 * interrupts; the handler looks whether KVM has left the end of this one to the word, and else writes the APIC's
 * register.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

#include "kvm-guest.h"

#define PAGE 4096
#define MEMORY_SIZE 0x10000
#define CODE 0x1000
#define DATA 0x2000
#define IDT 0x3000
#define STACK_TOP 0x5000
#define WORD 0x6000
#define GDT 0x7000
#define VECTOR 0x40
#define CPUID_MAX 256

struct data {
	uint32_t want; /* interrupts to take */
	uint32_t by_word; /* of those that were taken, ended by the word */
	uint32_t by_register;
	uint32_t halt; /* not 0: halt before the next */
};

struct vm {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	size_t run_size;
	char *mem;
	struct data *data;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool told; /* what the guest is to do next is in data */
	bool idle; /* it has done it */
};

extern const char guest_code[], guest_handler[], guest_code_end[];

asm("	.pushsection .rodata\n"
    "	.code32\n"
    "guest_code:\n"
    "	movl	$0x80f, %ecx\n" /* the APIC is on, by its spurious-interrupt register */
    "	movl	$0x1ff, %eax\n"
    "	xorl	%edx, %edx\n"
    "	wrmsr\n"
    "	movl	$0x4b564d04, %ecx\n" /* MSR_KVM_PV_EOI_EN */
    "	movl	$0x6001, %eax\n"
    "	wrmsr\n"
    "again:\n"
    "	outb	%al, $0x10\n"
    "	cmpl	$0, 0x200c\n"
    "	jz	1f\n"
    "	sti\n"
    "	hlt\n"
    "	cli\n"
    "	jmp	again\n"
    "1:	movl	0x2000, %esi\n"
    "	sti\n"
    "2:	movl	$0x83f, %ecx\n" /* an interrupt to itself */
    "	movl	$0x40, %eax\n"
    "	xorl	%edx, %edx\n"
    "	wrmsr\n"
    "	decl	%esi\n"
    "	jnz	2b\n"
    "	cli\n"
    "	jmp	again\n"
    "guest_handler:\n"
    "	pushl	%eax\n"
    "	pushl	%ecx\n"
    "	pushl	%edx\n"
    "	btrl	$0, 0x6000\n"
    "	jc	3f\n"
    "	movl	$0x80b, %ecx\n"
    "	xorl	%eax, %eax\n"
    "	xorl	%edx, %edx\n"
    "	wrmsr\n"
    "	incl	0x2008\n"
    "	jmp	4f\n"
    "3:	incl	0x2004\n"
    "4:	popl	%edx\n"
    "	popl	%ecx\n"
    "	popl	%eax\n"
    "	iret\n"
    "guest_code_end:\n"
    "	.code64\n"
    "	.popsection\n");

_Static_assert(DATA == 0x2000 && WORD == 0x6000 && VECTOR == 0x40,
	       "as written in the guest's code");

/* The guest sees what KVM can do here, x2APIC among it. */
static void set_cpuid(struct vm *vm)
{
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + CPUID_MAX * sizeof(cpuid->entries[0]));

	if (!cpuid)
		die("no memory");
	cpuid->nent = CPUID_MAX;
	if (ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid))
		die("KVM_GET_SUPPORTED_CPUID: %m");
	if (ioctl(vm->vcpu, KVM_SET_CPUID2, cpuid))
		die("KVM_SET_CPUID2: %m");
	free(cpuid);
}

/* The segments that the vCPU starts with, for interrupts to load them again. */
static void set_gdt(char *mem)
{
	static const uint64_t gdt[] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff };

	memcpy(mem + GDT, gdt, sizeof(gdt));
}

static void set_idt_entry(char *mem, uint32_t handler)
{
	const uint16_t gate[4] = { handler & 0xffff, 8, 0x8e00, handler >> 16 };

	memcpy(mem + IDT + VECTOR * sizeof(gate), gate, sizeof(gate));
}

static void open_vm(struct vm *vm)
{
	struct kvm_regs regs = { .rip = CODE, .rsp = STACK_TOP, .rflags = 2 };
	struct kvm_sregs sregs;

	vm->vm = create_vm(&vm->kvm);
	if (ioctl(vm->vm, KVM_CREATE_IRQCHIP))
		die("KVM_CREATE_IRQCHIP: %m");
	vm->mem = map_guest_memory(vm->vm, 0, 0, MEMORY_SIZE);
	vm->data = (struct data *)(vm->mem + DATA);
	memcpy(vm->mem + CODE, guest_code, guest_code_end - guest_code);
	set_gdt(vm->mem);
	set_idt_entry(vm->mem, CODE + (guest_handler - guest_code));

	vm->vcpu = ioctl(vm->vm, KVM_CREATE_VCPU, 0);
	if (vm->vcpu < 0)
		die("KVM_CREATE_VCPU: %m");
	vm->run_size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vm->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		die("cannot map the vCPU's run page: %m");
	set_cpuid(vm);
	if (ioctl(vm->vcpu, KVM_GET_SREGS, &sregs))
		die("KVM_GET_SREGS: %m");
	set_flat_segments(&sregs);
	sregs.gdt.base = GDT;
	sregs.gdt.limit = 3 * sizeof(uint64_t) - 1;
	sregs.idt.base = IDT;
	sregs.idt.limit = 0x7ff;
	sregs.apic_base |= 0xc00;
	set_vcpu(vm->vcpu, &sregs, &regs);
}

/* The guest asks what to do by an access to a port. */
static void *run_vcpu(void *arg)
{
	struct vm *vm = arg;

	for (;;) {
		if (ioctl(vm->vcpu, KVM_RUN, 0))
			die("KVM_RUN: %m");
		if (vm->run->exit_reason != KVM_EXIT_IO || vm->run->io.port != 0x10)
			die("unexpected exit to user space, reason %u", vm->run->exit_reason);
		pthread_mutex_lock(&vm->lock);
		vm->idle = true;
		pthread_cond_broadcast(&vm->changed);
		while (!vm->told)
			pthread_cond_wait(&vm->changed, &vm->lock);
		vm->told = false;
		vm->idle = false;
		pthread_mutex_unlock(&vm->lock);
	}
}

static void wait_idle(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	while (!vm->idle || vm->told)
		pthread_cond_wait(&vm->changed, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
}

static void tell(struct vm *vm, uint32_t want, bool halt)
{
	wait_idle(vm);
	pthread_mutex_lock(&vm->lock);
	vm->data->want = want;
	vm->data->halt = halt;
	vm->told = true;
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
}

static void drop_word(struct vm *vm)
{
	if (madvise(vm->mem + WORD, PAGE, MADV_DONTNEED))
		die("cannot drop the page: %m");
}

static void take_interrupts(struct vm *vm, uint32_t want, uint32_t drops)
{
	uint32_t by_word, by_register;

	wait_idle(vm);
	by_word = vm->data->by_word;
	by_register = vm->data->by_register;
	tell(vm, want, false);
	for (; drops; drops--) {
		usleep(5000);
		drop_word(vm);
	}
	wait_idle(vm);
	by_word = vm->data->by_word - by_word;
	by_register = vm->data->by_register - by_register;
	if (by_word + by_register != want)
		die("%u interrupts were taken, not %u", by_word + by_register, want);
	printf("took %u by-word %u by-register %u\n", want, by_word, by_register);
}

static void wake(struct vm *vm)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = VECTOR };

	if (ioctl(vm->vm, KVM_SIGNAL_MSI, &msi) < 0)
		die("KVM_SIGNAL_MSI: %m");
	wait_idle(vm);
	puts("awake");
}

static void __attribute__((noreturn)) usage(int code)
{
	fputs("usage: eoivm\n"
	      "A VM that takes interrupts and ends them by a word in its memory. Prints `page ADDRESS`, where the word's\n"
	      "page is in this process, and does what it reads, a line each, answering with a line:\n"
	      "  take N [D]  take N interrupts, the page being dropped D times meanwhile\n"
	      "  drop        drop the page\n"
	      "  halt        halt the vCPU\n"
	      "  wake        wake it up\n"
	      "Exit code: 0 at the end of standard input; 1 if anything failed; 2 wrong usage.\n",
	      code ? stderr : stdout);
	exit(code);
}

static void obey(struct vm *vm, const char *line)
{
	uint32_t n, drops = 0;

	if (sscanf(line, "take %u %u", &n, &drops) >= 1 && n) {
		take_interrupts(vm, n, drops);
	} else if (!strcmp(line, "drop\n")) {
		drop_word(vm);
		vm->mem[WORD] = 0; /* and there is another page */
		puts("dropped");
	} else if (!strcmp(line, "halt\n")) {
		tell(vm, 0, true);
		puts("halting");
	} else if (!strcmp(line, "wake\n")) {
		wake(vm);
	} else {
		fprintf(stderr, "eoivm: unknown command: %s", line);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct vm vm = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	pthread_t thread;
	char line[64];
	int err;

	if (argc > 1)
		usage(strcmp(argv[1], "--help") ? 2 : 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	open_vm(&vm);
	err = pthread_create(&thread, NULL, run_vcpu, &vm);
	if (err)
		die("cannot make a thread: %s", strerror(err));
	wait_idle(&vm);
	printf("page %p\n", (void *)(vm.mem + WORD));
	while (fgets(line, sizeof(line), stdin))
		obey(&vm, line);
	return 0;
}
