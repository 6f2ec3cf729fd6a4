// SPDX-License-Identifier: GPL-2.0
/*
 * stressvm - VMs that come and go, each with all that KVM swaps under a running vCPU: an in-kernel
 * interrupt controller, an irqfd, ioeventfds, and three memory slots of which one moves.
 *
 * One round: the third slot moves (every other round), this program writes where it is and a stamp into
 * it, and raises the guest's interrupt through the irqfd. The guest's first vCPU, which waits in HLT,
 * reads the stamp at the new place, answers with its complement, acknowledges the interrupt and writes
 * the ioeventfd's port. The round is good when the answer is there: interrupts taken by the guest, writes
 * to the port, and rounds have to be the same number. The second vCPU meanwhile goes from VM exit to VM
 * exit (CPUID, RDMSR, a port of the second ioeventfd), all handled in the kernel.
 *
 * The guest takes machine checks: QEMU's TCG delivers those of the machine to the guest if that is what
 * the CPU runs, and they are counted.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "kvm-guest.h"

#define PAGE 4096
#define CODE_GPA 0x1000
#define DATA_GPA 0x2000
#define MOVING_GPA 0x100000 /* and one MOVING_STEP after the other from there */
#define MOVING_STEP 0x10000
#define MOVING_PLACES 16
#define VCPUS 2
#define GSI 5
#define VECTOR 0x25
#define MACHINE_CHECK 18
#define PORT_USER 0x10
#define PORT_KICK 0x30
#define PORT_SPIN 0x31
#define ANSWER_LIMIT 60 /* seconds */

enum slot { SLOT_CODE, SLOT_DATA, SLOT_MOVING };

/* The guest's data page. Its first words have the addresses that the code has. */
struct data {
	uint32_t interrupts; /* 0x2000 */
	uint32_t moving; /* 0x2004: where the moving slot is */
	uint32_t stop; /* 0x2008 */
	uint32_t spins; /* 0x200c */
	uint32_t machine_checks; /* 0x2010 */
	uint64_t gdt[3];
	struct gate {
		uint16_t offset_low, selector, type, offset_high;
	} idt[VECTOR + 1];
};

extern const char guest_code[], guest_boot[], guest_spin[], guest_irq[], guest_mce[], guest_end[];

asm("	.pushsection .rodata\n"
    "	.code32\n"
    "	.macro out_byte value, port\n"
    "	movb	$\\value, %al\n"
    "	outb	%al, $\\port\n"
    "	.endm\n"
    "guest_code:\n"
    "guest_boot:\n"
    "	out_byte 0x11, 0x20\n" /* the first 8259: vectors from 0x20, only line 5 */
    "	out_byte 0x20, 0x21\n"
    "	out_byte 0x04, 0x21\n"
    "	out_byte 0x01, 0x21\n"
    "	out_byte 0xdf, 0x21\n"
    "	outb	%al, $0x30\n" /* ready */
    "1:	sti\n"
    "	hlt\n"
    "	jmp	1b\n"
    "guest_irq:\n"
    "	pushal\n"
    "	cmpl	$0, 0x2008\n"
    "	jnz	2f\n"
    "	movl	0x2004, %esi\n"
    "	movl	(%esi), %eax\n"
    "	notl	%eax\n"
    "	movl	%eax, 4(%esi)\n"
    "	incl	0x2000\n"
    "	out_byte 0x20, 0x20\n" /* end of interrupt */
    "	outb	%al, $0x30\n"
    "	popal\n"
    "	iret\n"
    "2:	outb	%al, $0x10\n"
    "	jmp	2b\n"
    "guest_spin:\n"
    "	xorl	%eax, %eax\n"
    "	cpuid\n"
    "	movl	$0x1b, %ecx\n" /* IA32_APIC_BASE: KVM answers itself */
    "	rdmsr\n"
    "	outb	%al, $0x31\n"
    "	incl	0x200c\n"
    "	cmpl	$0, 0x2008\n"
    "	jz	guest_spin\n"
    "3:	outb	%al, $0x10\n"
    "	jmp	3b\n"
    "guest_mce:\n"
    "	lock incl 0x2010\n"
    "	iret\n"
    "guest_end:\n"
    "	.code64\n"
    "	.popsection\n");

_Static_assert(DATA_GPA == 0x2000 && offsetof(struct data, moving) == 4 &&
		       offsetof(struct data, stop) == 8 && offsetof(struct data, spins) == 12 &&
		       offsetof(struct data, machine_checks) == 16 && PORT_USER == 0x10 &&
		       PORT_KICK == 0x30 && PORT_SPIN == 0x31,
	       "as written in the guest's code");

struct vcpu {
	struct vm *vm;
	int fd;
	int id;
	struct kvm_run *run;
	pthread_t thread;
};

struct vm {
	int kvm, fd;
	int irq; /* irqfd */
	int kick, spin; /* ioeventfds */
	int place; /* of the moving slot */
	size_t run_size;
	char *code;
	volatile struct data *data;
	volatile uint32_t *moving;
	struct vcpu vcpu[VCPUS];
};

struct totals {
	unsigned long vms, rounds, interrupts, moves, spins, machine_checks;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		die("eventfd: %m");
	return fd;
}

static int new_ioeventfd(struct vm *vm, int port)
{
	struct kvm_ioeventfd io = {
		.addr = port,
		.len = 1,
		.fd = new_eventfd(),
		.flags = KVM_IOEVENTFD_FLAG_PIO,
	};

	if (ioctl(vm->fd, KVM_IOEVENTFD, &io))
		die("KVM_IOEVENTFD port %#x: %m", port);
	return io.fd;
}

static int new_irqfd(struct vm *vm)
{
	struct kvm_irqfd irq = { .fd = new_eventfd(), .gsi = GSI };

	if (ioctl(vm->fd, KVM_IRQFD, &irq))
		die("KVM_IRQFD line %d: %m", GSI);
	return irq.fd;
}

static uint32_t gpa_of(const char *code)
{
	return CODE_GPA + (code - guest_code);
}

static void set_gate(struct vm *vm, int vector, const char *handler)
{
	vm->data->idt[vector].offset_low = gpa_of(handler);
	vm->data->idt[vector].selector = 8;
	vm->data->idt[vector].type = 0x8e00; /* interrupt gate, 32 bits, present */
}

static void fill_memory(struct vm *vm)
{
	vm->code = map_guest_memory(vm->fd, SLOT_CODE, CODE_GPA, PAGE);
	memcpy(vm->code, guest_code, guest_end - guest_code);
	/* The second page is the stack. */
	vm->data = map_guest_memory(vm->fd, SLOT_DATA, DATA_GPA, 2 * PAGE);
	vm->data->gdt[1] = 0x00cf9b000000ffff; /* flat code */
	vm->data->gdt[2] = 0x00cf93000000ffff; /* flat data */
	set_gate(vm, VECTOR, guest_irq);
	set_gate(vm, MACHINE_CHECK, guest_mce);
	vm->moving = map_guest_memory(vm->fd, SLOT_MOVING, MOVING_GPA, PAGE);
}

static void open_vcpu(struct vm *vm, int id)
{
	struct kvm_regs regs = { .rip = gpa_of(id ? guest_spin : guest_boot),
				 .rsp = DATA_GPA + 2 * PAGE - 1024 * id,
				 .rflags = 2 };
	struct vcpu *vcpu = &vm->vcpu[id];
	struct kvm_sregs sregs;

	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, id);
	if (vcpu->fd < 0)
		die("KVM_CREATE_VCPU %d: %m", id);
	vcpu->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		die("cannot map kvm_run: %m");
	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		die("KVM_GET_SREGS: %m");
	set_flat_segments(&sregs);
	sregs.cr4 |= 1 << 6; /* MCE */
	sregs.gdt.base = DATA_GPA + offsetof(struct data, gdt);
	sregs.gdt.limit = sizeof(vm->data->gdt) - 1;
	sregs.idt.base = DATA_GPA + offsetof(struct data, idt);
	sregs.idt.limit = sizeof(vm->data->idt) - 1;
	set_vcpu(vcpu->fd, &sregs, &regs);
}

static void open_vm(struct vm *vm)
{
	int id;

	vm->fd = create_vm(&vm->kvm);
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		die("KVM_CREATE_IRQCHIP: %m");
	vm->run_size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vm->kick = new_ioeventfd(vm, PORT_KICK);
	vm->spin = new_ioeventfd(vm, PORT_SPIN);
	vm->irq = new_irqfd(vm);
	fill_memory(vm);
	for (id = 0; id < VCPUS; id++)
		open_vcpu(vm, id);
}

static void close_vm(struct vm *vm)
{
	int id;

	for (id = 0; id < VCPUS; id++) {
		munmap(vm->vcpu[id].run, vm->run_size);
		close(vm->vcpu[id].fd);
	}
	close(vm->irq);
	close(vm->kick);
	close(vm->spin);
	close(vm->fd);
	close(vm->kvm);
	munmap(vm->code, PAGE);
	munmap((void *)vm->data, 2 * PAGE);
	munmap((void *)vm->moving, PAGE);
}

static void __attribute__((noreturn)) unexpected_exit(const struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	struct kvm_regs regs = { 0 };
	unsigned long long address = 0;

	ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	if (run->exit_reason == KVM_EXIT_MMIO)
		address = run->mmio.phys_addr;
	else if (run->exit_reason == KVM_EXIT_IO)
		address = run->io.port;
	die("vCPU %d: unexpected exit to user space, reason %u, address %#llx, rip %#llx, rsp %#llx",
	    vcpu->id, run->exit_reason, address, regs.rip, regs.rsp);
}

/* Until the guest writes the port that is user space's, which it does when it is told to stop. */
static void *run_vcpu(void *arg)
{
	struct vcpu *vcpu = arg;
	const struct kvm_run *run = vcpu->run;

	for (;;) {
		if (ioctl(vcpu->fd, KVM_RUN, 0)) {
			if (errno == EINTR)
				continue;
			die("vCPU %d: KVM_RUN: %m", vcpu->id);
		}
		if (run->exit_reason == KVM_EXIT_IO && run->io.port == PORT_USER)
			return NULL;
		unexpected_exit(vcpu);
	}
}

/* Where the threads are, for whoever wants to know why nothing comes. */
static void show_threads(const struct vm *vm)
{
	fprintf(stderr,
		"stressvm: interrupts %u spins %u machine checks %u stop %u moving %#x answer %#x\n",
		vm->data->interrupts, vm->data->spins, vm->data->machine_checks, vm->data->stop,
		vm->data->moving, vm->moving[1]);
	fflush(stderr);
	if (system("head -n 30 /proc/$PPID/task/*/stack /proc/$PPID/task/*/status >&2"))
		fprintf(stderr, "stressvm: the threads' stacks cannot be read\n");
}

/* The guest's next write to the ioeventfd's port; exactly one. */
static void wait_for_kick(struct vm *vm, unsigned long round)
{
	struct pollfd pfd = { .fd = vm->kick, .events = POLLIN };
	struct timespec now, end;
	uint64_t kicks = 0;
	int ready;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ANSWER_LIMIT;
	do {
		ready = poll(&pfd, 1, 1000);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (ready <= 0 && now.tv_sec < end.tv_sec);
	if (read(vm->kick, &kicks, sizeof(kicks)) != sizeof(kicks) || kicks != 1) {
		show_threads(vm);
		die("round %lu: %lu writes to port %#x in %d s, not 1", round, (unsigned long)kicks,
		    PORT_KICK, ANSWER_LIMIT);
	}
}

static void raise_irq(struct vm *vm)
{
	const uint64_t one = 1;

	if (write(vm->irq, &one, sizeof(one)) != sizeof(one))
		die("write to the irqfd: %m");
}

static void run_round(struct vm *vm, unsigned long round, struct totals *totals)
{
	uint32_t stamp = 0x5a000000 + round;

	if (round % 2) {
		vm->place = (vm->place + 1) % MOVING_PLACES;
		place_guest_memory(vm->fd, SLOT_MOVING, MOVING_GPA + vm->place * MOVING_STEP,
				   (void *)vm->moving, PAGE);
		totals->moves++;
	}
	vm->data->moving = MOVING_GPA + vm->place * MOVING_STEP;
	vm->moving[0] = stamp;
	vm->moving[1] = 0;
	raise_irq(vm);
	wait_for_kick(vm, round);
	if (vm->moving[1] != ~stamp)
		die("round %lu: the guest answered %#x to %#x", round, vm->moving[1], stamp);
	if (vm->data->interrupts != round)
		die("round %lu: the guest counted %u interrupts", round, vm->data->interrupts);
	totals->rounds++;
}

static void run_vm(unsigned long rounds, struct totals *totals)
{
	struct vm vm = { 0 };
	unsigned long round;
	int id, err;

	open_vm(&vm);
	for (id = 0; id < VCPUS; id++) {
		err = pthread_create(&vm.vcpu[id].thread, NULL, run_vcpu, &vm.vcpu[id]);
		if (err)
			die("pthread_create: %s", strerror(err));
	}
	wait_for_kick(&vm, 0);
	for (round = 1; (!rounds || round <= rounds) && !stop; round++)
		run_round(&vm, round, totals);
	vm.data->stop = 1;
	raise_irq(&vm);
	for (id = 0; id < VCPUS; id++)
		pthread_join(vm.vcpu[id].thread, NULL);
	totals->vms++;
	totals->interrupts += vm.data->interrupts;
	totals->spins += vm.data->spins;
	totals->machine_checks += vm.data->machine_checks;
	close_vm(&vm);
}

static void __attribute__((noreturn)) usage(int code)
{
	fprintf(code ? stderr : stdout,
		"usage: stressvm [--vms N] [--rounds N]\n"
		"VMs with two vCPUs, one after the other, each with an in-kernel interrupt controller, an\n"
		"irqfd, two ioeventfds, and three memory slots, of which one moves in every other round.\n"
		"  --vms     how many VMs (default 1)\n"
		"  --rounds  rounds of each; 0: one VM until SIGTERM or SIGINT (default 23)\n"
		"Prints `vms N rounds N interrupts N moves N spins N machine-checks N` at the end. SIGTERM and\n"
		"SIGINT let the round be finished, and the VM.\n"
		"Exit code: 0; 1 if anything failed, an answer of the guest is wrong or does not come within\n"
		"%d s; 2 wrong usage.\n",
		ANSWER_LIMIT);
	exit(code);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = { { "vms", required_argument, NULL, 'v' },
					       { "rounds", required_argument, NULL, 'r' },
					       { "help", no_argument, NULL, 'h' },
					       {} };
	struct sigaction act = { .sa_handler = on_signal };
	unsigned long vms = 1, rounds = 23;
	struct totals totals = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'v':
			vms = number(optarg, 1000000);
			break;
		case 'r':
			rounds = number(optarg, UINT32_MAX);
			break;
		default:
			usage(c == 'h' ? 0 : 2);
		}
	}
	if (optind != argc)
		usage(2);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	while (totals.vms < vms && !stop)
		run_vm(rounds, &totals);
	printf("vms %lu rounds %lu interrupts %lu moves %lu spins %lu machine-checks %lu\n",
	       totals.vms, totals.rounds, totals.interrupts, totals.moves, totals.spins,
	       totals.machine_checks);
	return 0;
}
