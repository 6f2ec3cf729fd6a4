// SPDX-License-Identifier: GPL-2.0
/*
 * tinykvm - a VM that makes an exact number of VM exits of each kind and counts them itself.
 *
 * The guest is a few loops in 32-bit protected mode without paging and without interrupts. Each loop
 * makes one kind of VM exit and counts what it has done in guest memory; where user space (out, hlt)
 * or an eventfd (kport) or memory (touch) sees it too, both counts have to agree. At the end it makes
 * a triple fault, which is an exit reason of its own and so adds to no other.
 *
 * What is exact: everything that the guest causes. One round makes
 *   out + kport + pic  I/O exits      hlt  HLT exits     cpuid  CPUID exits    msr  RDMSR exits
 *   call         hypercall exits
 *   touch        nested page faults, and 2 more in the first round only (code page, data page)
 *   1            shutdown (triple fault)
 * What is not: exits that come from outside, which are the host's interrupts (SVM 0x60, VMX 1) and
 * NMIs (SVM 0x61, VMX 0). Only --pic has KVM's own interrupt controllers, and no interrupt, so there is
 * no timer of the VM and no asynchronous page fault; the touched pages are kept out of huge pages, so each is one fault, unless
 * the host migrates or merges pages meanwhile, which the lab's kernel does not do unasked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kvm-guest.h"

#define PAGE 4096
#define CODE_GPA 0x1000
#define DATA_GPA 0x2000 /* not the code's page: a guest that writes there is slow under TCG */
#define TOUCH_GPA 0x1000000
#define TOUCH_MAX (1 << 18)
#define PORT_USER 0x10
#define PORT_KERNEL 0x20
#define STATS "/sys/kernel/debug/asi/stats"

/* In the order in which the guest goes through them; DATA_GPA holds counts[], then done[]. */
enum kind { OUT, HLT, KPORT, MSR, CPUID, TOUCH, PIC, CALL, KINDS };

static const char *const kind_name[KINDS] = { "out",   "hlt",	"kport", "msr",
					      "cpuid", "touch", "pic",	 "call" };

struct data {
	uint32_t counts[KINDS]; /* how many to make of each kind, this round */
	uint32_t done[KINDS]; /* how many the guest has made, all rounds */
};

extern const char guest_code[], guest_code_call[], guest_code_end[];

/*
 * esi counts down, edi is the next page to touch. IA32_APIC_BASE is an MSR that KVM always intercepts
 * and answers itself.
 */
asm("	.pushsection .rodata\n"
    "	.code32\n" GUEST_EXIT_MACROS "	.macro loop_of kind, exit:vararg\n"
    "	movl	0x2000 + 4 * \\kind, %esi\n"
    "	testl	%esi, %esi\n"
    "	jz	2f\n"
    "1:	\\exit\n"
    "	incl	0x2020 + 4 * \\kind\n"
    "	decl	%esi\n"
    "	jnz	1b\n"
    "2:\n"
    "	.endm\n"
    "	.macro touch_next\n"
    "	movb	$0x5a, (%edi)\n"
    "	addl	$0x1000, %edi\n"
    "	.endm\n"
    "guest_code:\n"
    "	loop_of	0, outb %al, $0x10\n"
    "	loop_of	1, hlt\n"
    "	loop_of	2, outb %al, $0x20\n"
    "	loop_of	3, read_apic_base\n"
    "	loop_of	4, cpuid_0\n"
    "	movl	$0x1000000, %edi\n"
    "	loop_of	5, touch_next\n"
    "	loop_of	6, inb $0x21, %al\n" /* the mask of KVM's 8259A */
    "	loop_of	7, hypercall guest_code_call\n"
    "	int3\n" /* with an IDT of size 0: a triple fault */
    "guest_code_end:\n"
    "	.code64\n"
    "	.popsection\n");

_Static_assert(DATA_GPA == 0x2000 && sizeof(uint32_t) * KINDS == 0x20 && TOUCH_GPA == 0x1000000 &&
		       PORT_USER == 0x10 && PORT_KERNEL == 0x20,
	       "as written in the guest's code");

struct options {
	uint32_t counts[KINDS];
	const char *name;
	bool hold;
	bool loop;
	bool stats;
	bool kvm_stats;
	bool reasons;
};

struct vm {
	int kvm;
	int fd;
	int vcpu;
	int kport; /* eventfd that counts the writes to PORT_KERNEL */
	struct kvm_run *run;
	size_t run_size;
	char *code;
	struct data *data;
	char *touch;
	uint64_t seen[KINDS]; /* counted on this side, where it can be */
	uint64_t rounds;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void open_kport(struct vm *vm)
{
	struct kvm_ioeventfd io = {
		.addr = PORT_KERNEL,
		.len = 1,
		.flags = KVM_IOEVENTFD_FLAG_PIO,
	};

	vm->kport = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->kport < 0)
		die("eventfd: %m");
	io.fd = vm->kport;
	if (ioctl(vm->fd, KVM_IOEVENTFD, &io))
		die("KVM_IOEVENTFD port %#x: %m", PORT_KERNEL);
}

static void open_vm(struct vm *vm, const uint32_t *counts)
{
	vm->fd = create_vm(&vm->kvm);
	if (counts[PIC] && ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		die("KVM_CREATE_IRQCHIP: %m");

	vm->code = map_guest_memory(vm->fd, 0, CODE_GPA, PAGE);
	memcpy(vm->code, guest_code, guest_code_end - guest_code);
	use_hypercall(vm->code + (guest_code_call - guest_code));
	vm->data = map_guest_memory(vm->fd, 1, DATA_GPA, PAGE);
	memset(vm->data, 0, PAGE);
	if (counts[TOUCH])
		vm->touch = map_guest_memory(vm->fd, 2, TOUCH_GPA, (size_t)counts[TOUCH] * PAGE);
	open_kport(vm);

	vm->vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	if (vm->vcpu < 0)
		die("KVM_CREATE_VCPU: %m");
	vm->run_size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vm->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		die("cannot map kvm_run: %m");
}

static void close_vm(struct vm *vm)
{
	munmap(vm->run, vm->run_size);
	close(vm->vcpu);
	close(vm->kport);
	close(vm->fd);
	close(vm->kvm);
}

/* Flat 32-bit segments, no paging, an empty IDT, interrupts off: the vCPU at the start of the code. */
static void reset_vcpu(struct vm *vm)
{
	struct kvm_regs regs = { .rip = CODE_GPA, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(vm->vcpu, KVM_GET_SREGS, &sregs))
		die("KVM_GET_SREGS: %m");
	set_flat_segments(&sregs);
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	set_vcpu(vm->vcpu, &sregs, &regs);
}

static void run_to_shutdown(struct vm *vm)
{
	for (;;) {
		if (ioctl(vm->vcpu, KVM_RUN, 0)) {
			if (errno == EINTR)
				continue; /* a round is always finished: counts stay exact */
			die("KVM_RUN: %m");
		}
		switch (vm->run->exit_reason) {
		case KVM_EXIT_IO:
			if (vm->run->io.direction != KVM_EXIT_IO_OUT || vm->run->io.size != 1 ||
			    vm->run->io.count != 1 || vm->run->io.port != PORT_USER)
				die("unexpected I/O exit, port %#x", vm->run->io.port);
			vm->seen[OUT]++;
			break;
		case KVM_EXIT_HLT:
			vm->seen[HLT]++;
			break;
		case KVM_EXIT_SHUTDOWN:
			return;
		case KVM_EXIT_INTERNAL_ERROR:
			die("KVM internal error %u", vm->run->internal.suberror);
		default:
			die("unexpected exit to user space, reason %u", vm->run->exit_reason);
		}
	}
}

static void run_round(struct vm *vm, const uint32_t *counts)
{
	size_t touch_size = (size_t)counts[TOUCH] * PAGE;
	uint64_t kicks;
	uint32_t i;

	/* Fresh pages again: KVM drops its mappings of them, and of nothing else. */
	if (vm->rounds && counts[TOUCH] && madvise(vm->touch, touch_size, MADV_DONTNEED))
		die("cannot drop the touched pages: %m");
	memcpy(vm->data->counts, counts, sizeof(vm->data->counts));
	reset_vcpu(vm);
	run_to_shutdown(vm);
	vm->rounds++;

	if (read(vm->kport, &kicks, sizeof(kicks)) == sizeof(kicks))
		vm->seen[KPORT] += kicks;
	for (i = 0; i < counts[TOUCH]; i++)
		vm->seen[TOUCH] += vm->touch[(size_t)i * PAGE] == 0x5a;
}

/* The guest's counters are 32 bits wide; the differences are what has to be 0. */
static void check_counts(const struct vm *vm, const uint32_t *counts)
{
	int i;

	for (i = 0; i < KINDS; i++) {
		uint64_t want = counts[i] * vm->rounds;

		if (vm->data->done[i] != (uint32_t)want)
			die("%s: the guest counted %u, not %u (modulo 2^32)", kind_name[i],
			    vm->data->done[i], (uint32_t)want);
		if (i != MSR && i != CPUID && i != PIC && i != CALL && vm->seen[i] != want)
			die("%s: seen from outside %lu, not %lu", kind_name[i],
			    (unsigned long)vm->seen[i], (unsigned long)want);
	}
}

static void print_counts(const struct vm *vm, const uint32_t *counts)
{
	int i;

	printf("rounds %lu\n", (unsigned long)vm->rounds);
	for (i = 0; i < KINDS; i++)
		if (counts[i])
			printf("%s %lu\n", kind_name[i], (unsigned long)(counts[i] * vm->rounds));
}

/* What KVM and isolation must have counted, by the architecture's exit reasons. */
static void print_reasons(const struct vm *vm, const uint32_t *counts)
{
	static const struct {
		uint32_t svm, vmx;
	} reason[] = {
		[OUT] = { 0x7b, 30 }, [HLT] = { 0x78, 12 }, [MSR] = { 0x7c, 31 },
		[CPUID] = { 0x72, 10 }, [TOUCH] = { 0x400, 48 }, [CALL] = { 0x81, 18 },
	}, shutdown = { 0x7f, 2 };
	const bool svm = is_svm();
	uint64_t n[KINDS];
	int i;

	for (i = 0; i < KINDS; i++)
		n[i] = counts[i] * vm->rounds;
	n[OUT] += n[KPORT] + n[PIC];
	n[TOUCH] += 2;
	for (i = 0; i < KINDS; i++)
		if (i != KPORT && i != PIC && n[i])
			printf("reason %#x %lu\n", svm ? reason[i].svm : reason[i].vmx,
			       (unsigned long)n[i]);
	printf("reason %#x %lu\n", svm ? shutdown.svm : shutdown.vmx, (unsigned long)vm->rounds);
}

/* This process's lines of asi/stats, as they are. */
static void print_stats(void)
{
	char line[256], mine[16];
	FILE *f = fopen(STATS, "re");

	if (!f)
		die("%s: %m; --stats needs root, debugfs and a kernel with isolation", STATS);
	snprintf(mine, sizeof(mine), "%d ", getpid());
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, mine, strlen(mine)))
			fputs(line, stdout);
	if (ferror(f))
		die("%s: read: %m", STATS);
	fclose(f);
}

static void read_stats(int fd, void *to, size_t size, size_t offset)
{
	if (pread(fd, to, size, (off_t)offset) != (ssize_t)size)
		die("KVM's statistics of the vCPU: %zu bytes at %zu cannot be read: %m", size,
		    offset);
}

/* KVM's own counters of the vCPU, those that only grow (KVM_GET_STATS_FD, Documentation/virt/kvm/api.rst 4.133). */
static void print_kvm_stats(const struct vm *vm)
{
	const int fd = ioctl(vm->vcpu, KVM_GET_STATS_FD, NULL);
	struct kvm_stats_header head;
	struct kvm_stats_desc *desc;
	uint64_t value;
	size_t size;
	uint32_t i;

	if (fd < 0)
		die("KVM_GET_STATS_FD: %m");
	read_stats(fd, &head, sizeof(head), 0);
	size = sizeof(*desc) + head.name_size;
	desc = calloc(1, size);
	if (!desc)
		die("out of memory");
	for (i = 0; i < head.num_desc; i++) {
		read_stats(fd, desc, size, head.desc_offset + i * size);
		if ((desc->flags & KVM_STATS_TYPE_MASK) != KVM_STATS_TYPE_CUMULATIVE ||
		    desc->size != 1)
			continue;
		read_stats(fd, &value, sizeof(value), head.data_offset + desc->offset);
		printf("kvm %s %lu\n", desc->name, (unsigned long)value);
	}
	free(desc);
	close(fd);
}

static void __attribute__((noreturn)) usage(int code)
{
	fprintf(code ? stderr : stdout,
		"usage: tinykvm [--out N] [--hlt N] [--kport N] [--msr N] [--cpuid N] [--touch N] [--pic N]\n"
		"               [--call N] [--loop] [--name NAME] [--reasons] [--stats] [--kvm-stats] [--hold]\n"
		"A VM with one vCPU that makes exactly N VM exits of each kind:\n"
		"  --out     an I/O port that user space handles     --hlt    HLT, to user space\n"
		"  --kport   an I/O port that the kernel handles     --msr    RDMSR, in the kernel\n"
		"  --cpuid   CPUID, in the kernel                    --touch  first touch of a page (N <= %d)\n"
		"  --call    a hypercall that KVM does not know\n"
		"  --pic     a port of KVM's interrupt controller, which the VM then has: not with --hlt\n"
		"Prints `pid PID` first, at the end `rounds N` and a line KIND N for each kind.\n"
		"  --loop     start over until SIGTERM or SIGINT; the round is finished, so counts stay exact\n"
		"  --name     the process's name (15 characters)\n"
		"  --reasons  at the end, `reason EXIT-REASON N`: what the kernel must have counted; host interrupts\n"
		"             (SVM 0x60 and 0x61, VMX 0 and 1) come on top\n"
		"  --stats    at the end, this process's lines of %s\n"
		"  --kvm-stats  at the end, `kvm NAME N` for each counter that KVM itself keeps of the vCPU\n"
		"  --hold     at the end, print `hold`, and keep the VM until a line or the end of standard input\n"
		"Exit code: 0; 1 if anything failed or two counts of one thing differ; 2 wrong usage.\n",
		TOUCH_MAX, STATS);
	exit(code);
}

static void parse(int argc, char **argv, struct options *opt)
{
	enum { NAME = KINDS, REASONS, STATS_, KVM_STATS, HOLD, LOOP, HELP };
	static const struct option longs[] = { { "out", required_argument, NULL, OUT },
					       { "hlt", required_argument, NULL, HLT },
					       { "kport", required_argument, NULL, KPORT },
					       { "msr", required_argument, NULL, MSR },
					       { "cpuid", required_argument, NULL, CPUID },
					       { "touch", required_argument, NULL, TOUCH },
					       { "pic", required_argument, NULL, PIC },
					       { "call", required_argument, NULL, CALL },
					       { "name", required_argument, NULL, NAME },
					       { "reasons", no_argument, NULL, REASONS },
					       { "stats", no_argument, NULL, STATS_ },
					       { "kvm-stats", no_argument, NULL, KVM_STATS },
					       { "hold", no_argument, NULL, HOLD },
					       { "loop", no_argument, NULL, LOOP },
					       { "help", no_argument, NULL, HELP },
					       {} };
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case OUT ... CALL:
			opt->counts[c] = number(optarg, c == TOUCH ? TOUCH_MAX : UINT32_MAX);
			break;
		case NAME:
			opt->name = optarg;
			break;
		case REASONS:
			opt->reasons = true;
			break;
		case STATS_:
			opt->stats = true;
			break;
		case KVM_STATS:
			opt->kvm_stats = true;
			break;
		case HOLD:
			opt->hold = true;
			break;
		case LOOP:
			opt->loop = true;
			break;
		case HELP:
			usage(0);
		default:
			usage(2);
		}
	}
	if (optind != argc || (opt->counts[PIC] && opt->counts[HLT]))
		usage(2);
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_signal };
	struct options opt = { 0 };
	struct vm vm = { 0 };

	parse(argc, argv, &opt);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (opt.name && prctl(PR_SET_NAME, opt.name))
		die("cannot set the name %s: %m", opt.name);
	if (opt.loop) {
		sigaction(SIGTERM, &act, NULL);
		sigaction(SIGINT, &act, NULL);
	}
	printf("pid %d\n", getpid());

	open_vm(&vm, opt.counts);
	/* Where the guest's code page is in this process: for tests that look at guest memory. */
	printf("code %p\n", (void *)vm.code);
	do {
		run_round(&vm, opt.counts);
	} while (opt.loop && !stop);
	check_counts(&vm, opt.counts);

	print_counts(&vm, opt.counts);
	if (opt.reasons)
		print_reasons(&vm, opt.counts);
	if (opt.stats)
		print_stats();
	if (opt.kvm_stats)
		print_kvm_stats(&vm);
	if (opt.hold) {
		puts("hold");
		getchar();
	}
	close_vm(&vm);
	return 0;
}
