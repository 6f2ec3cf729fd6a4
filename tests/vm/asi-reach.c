// SPDX-License-Identifier: GPL-2.0
/*
 * asi-reach - what a VM can reach from inside isolation, and what it cannot
 *
 * Starts two tiny VMs and a process with a page of its own and a page of a file. Then the vCPU of the
 * first VM is asked (asi/selftest) to touch, from inside, what is not its VM's: each of the two call
 * sites has to fault each time. What is mapped must not fault, or the self-test might call anything a
 * fault.
 *
 * It needs nothing but a kernel with isolation on, so it is the same on each engine of the lab.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define TOUCHES 23
#define ASI "/sys/kernel/debug/asi/"
#define WAIT_US 50000
#define WAIT_TRIES 400 /* 20 s */

struct tiny {
	pid_t pid;
	unsigned int vm;
	uint64_t code; /* where its guest's code page is in that process */
};

struct pages {
	uint64_t anon, cache; /* physical addresses */
};

/* What the kernel has, and whether it faults from inside. */
static struct symbol {
	const char *name, *target;
	bool faults;
	uint64_t value;
} symbols[] = {
	/* the state of the random number generator, in the image and per-CPU */
	{ "base_crng", "addr", true, 0 },
	{ "input_pool", "addr", true, 0 },
	{ "crngs", "percpu", true, 0 },
	{ "batched_entropy_u64", "percpu", true, 0 },
	{ "batched_entropy_u32", "percpu", true, 0 },
	{ "batched_entropy_u16", "percpu", true, 0 },
	{ "batched_entropy_u8", "percpu", true, 0 },
	{ "irq_randomness", "percpu", true, 0 },
	/* kernel data, and per-CPU data that entry code needs */
	{ "init_mm", "addr", false, 0 },
	{ "pcpu_hot", "percpu", false, 0 },
};

#define SYMBOLS (sizeof(symbols) / sizeof(*symbols))

static unsigned int checks;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "asi-reach: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static FILE *open_or_die(const char *path)
{
	FILE *f = fopen(path, "re");

	if (!f)
		die("%s: %m; this needs root, debugfs and a kernel with isolation on", path);
	return f;
}

/*
 * The values of all symbols, read in one go: there are a hundred thousand lines, and an emulated CPU
 * is slow. For per-CPU variables the value is an offset.
 */
static void read_symbols(void)
{
	FILE *f = open_or_die("/proc/kallsyms");
	size_t i, left = SYMBOLS;
	char line[512];

	while (left && fgets(line, sizeof(line), f)) {
		char *name = strchr(line, ' ');

		if (!name || strlen(name) < 4)
			continue;
		name += 3; /* past the type */
		name[strcspn(name, "\t\n")] = '\0';
		for (i = 0; i < SYMBOLS; i++)
			if (!symbols[i].value && !strcmp(name, symbols[i].name)) {
				symbols[i].value = strtoul(line, NULL, 16);
				left--;
			}
	}
	fclose(f);
	for (i = 0; i < SYMBOLS; i++)
		if (!symbols[i].value)
			die("no symbol %s in /proc/kallsyms", symbols[i].name);
}

/* The physical address behind an address of a process. */
static uint64_t physical(pid_t pid, uint64_t address)
{
	uint64_t entry = 0;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &entry, sizeof(entry), address / PAGE * 8) != sizeof(entry))
		die("%s at %#lx: %m", path, address);
	close(fd);
	if (!(entry >> 63))
		die("%s: %#lx is not present", path, address);
	return (entry & ((1ULL << 55) - 1)) * PAGE;
}

/* Does this VM have a range that starts there? */
static bool has_range(pid_t pid, uint64_t start)
{
	FILE *f = open_or_die(ASI "ranges");
	uint64_t address;
	bool found = false;
	char line[256];
	int owner;

	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%d %*u %*s %lx", &owner, &address) == 2 && owner == pid &&
			address == start;
	fclose(f);
	return found;
}

/*
 * A range that a VM has under one of two owners and that another VM, if one is given, has not; 0:
 * none. The last one with @last, else the first.
 */
static uint64_t range_of(pid_t pid, const char *owner, const char *or_owner, bool last,
			 pid_t but_not)
{
	FILE *f = open_or_die(ASI "ranges");
	uint64_t address, found = 0;
	char line[256], name[32];
	int of;

	while ((last || !found) && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%d %*u %31s %lx", &of, name, &address) != 3 || of != pid ||
		    (strcmp(name, owner) && strcmp(name, or_owner)))
			continue;
		if (!but_not || !has_range(but_not, address))
			found = address;
	}
	fclose(f);
	return found;
}

static uint64_t range(pid_t pid, const char *owner, const char *or_owner, bool last, pid_t but_not)
{
	uint64_t address = range_of(pid, owner, or_owner, last, but_not);

	if (!address)
		die("process %d has no range of %s in " ASI "ranges", pid, owner);
	return address;
}

/* The number of the VM of a process, when it has been inside; 0: not yet. */
static unsigned int vm_inside(pid_t pid)
{
	FILE *f = open_or_die(ASI "stats");
	unsigned int vm, found = 0;
	char line[256], name[64];
	uint64_t value;
	int of;

	while (!found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%d %u %*u %63s %lu", &of, &vm, name, &value) == 4 && of == pid &&
		    !strcmp(name, "residencies") && value)
			found = vm;
	fclose(f);
	return found;
}

static void start_tiny(struct tiny *tiny, const char *path)
{
	char line[128];
	int fds[2], i;
	FILE *out;

	if (pipe2(fds, O_CLOEXEC))
		die("pipe: %m");
	tiny->pid = fork();
	if (tiny->pid < 0)
		die("fork: %m");
	if (!tiny->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fds[1], 1);
		execl(path, "tinykvm", "--loop", "--cpuid", "23", NULL);
		die("%s: %m", path);
	}
	close(fds[1]);
	/* Kept open: it writes its counts at the end, and there is room for them in the pipe. */
	out = fdopen(fds[0], "r");
	tiny->code = 0;
	while (!tiny->code && fgets(line, sizeof(line), out))
		if (sscanf(line, "code %lx", &tiny->code) != 1)
			tiny->code = 0;
	if (!tiny->code)
		die("%s did not start a VM", path);

	for (i = 0; i < WAIT_TRIES; i++) {
		tiny->vm = vm_inside(tiny->pid);
		if (tiny->vm)
			return;
		usleep(WAIT_US);
	}
	die("the VM of process %d was never inside: no residencies in " ASI "stats", tiny->pid);
}

static void stop_tiny(const struct tiny *tiny)
{
	int status;

	kill(tiny->pid, SIGTERM);
	if (waitpid(tiny->pid, &status, 0) != tiny->pid || status)
		die("the tiny VM (process %d) ended with status %#x", tiny->pid, status);
}

/* What the child does: it has the pages and keeps them until its parent is gone. */
static void __attribute__((noreturn)) hold_pages(int tell)
{
	char *anon = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	uint64_t address[2];
	char *cache;

	if (fd < 0 || ftruncate(fd, PAGE))
		die("cannot make a file in /tmp: %m");
	cache = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (anon == MAP_FAILED || cache == MAP_FAILED)
		die("mmap: %m");
	strcpy(anon, "secret");
	strcpy(cache, "secret");
	address[0] = (uintptr_t)anon;
	address[1] = (uintptr_t)cache;
	if (write(tell, address, sizeof(address)) != sizeof(address))
		die("write: %m");
	for (;;)
		pause();
}

static pid_t start_holder(struct pages *pages)
{
	uint64_t address[2];
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		die("pipe: %m");
	pid = fork();
	if (pid < 0)
		die("fork: %m");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		hold_pages(fds[1]);
	}
	close(fds[1]);
	if (read(fds[0], address, sizeof(address)) != sizeof(address))
		die("the process with the pages did not start");
	close(fds[0]);
	pages->anon = physical(pid, address[0]);
	pages->cache = physical(pid, address[1]);
	return pid;
}

/* Each site touches the target so often, and faults each time or never. */
static void __attribute__((format(printf, 4, 5)))
check(const struct tiny *tiny, bool faults, const char *what, const char *fmt, ...)
{
	unsigned int got[4], want = faults ? TOUCHES : 0;
	char target[64], line[128];
	va_list ap;
	FILE *f;
	int fd;

	va_start(ap, fmt);
	vsnprintf(target, sizeof(target), fmt, ap);
	va_end(ap);

	snprintf(line, sizeof(line), "%d %u 0 %s %d", tiny->pid, tiny->vm, target, TOUCHES);
	fd = open(ASI "selftest", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line))
		die("%s: " ASI "selftest refused '%s': %m", what, line);
	close(fd);

	f = open_or_die(ASI "selftest");
	while (fgets(line, sizeof(line), f))
		if (line[0] != '#')
			break;
	fclose(f);
	if (sscanf(line, "address %*s site_a %u %u site_b %u %u", &got[0], &got[1], &got[2],
		   &got[3]) != 4)
		die("%s: " ASI "selftest says '%s'", what, line);
	if (got[0] != TOUCHES || got[1] != want || got[2] != TOUCHES || got[3] != want)
		die("%s (%s): touched and faulted, by site: %u %u %u %u; not %u %u %u %u", what,
		    target, got[0], got[1], got[2], got[3], TOUCHES, want, TOUCHES, want);
	printf("ok %u %s: %s\n", ++checks, faults ? "faults" : "does not fault", what);
}

static void check_other_vm(const struct tiny *tiny, const struct tiny *other)
{
	check(tiny, true, "another VM's struct kvm", "addr:%lx",
	      range(other->pid, "vm", "vm", false, 0));
	check(tiny, true, "another VM's vCPU registers", "addr:%lx",
	      range(other->pid, "svm", "vmx", false, tiny->pid));
	check(tiny, true, "another VM's FPU state", "addr:%lx",
	      range(other->pid, "vcpu", "vcpu", true, 0));
	check(tiny, true, "another VM's guest memory", "phys:%lx",
	      physical(other->pid, other->code));
}

static void check_symbols(const struct tiny *tiny)
{
	const struct symbol *s;

	for (s = symbols; s < symbols + SYMBOLS; s++)
		check(tiny, s->faults, s->name, "%s:%lx", s->target, s->value);
}

static void check_fresh_objects(const struct tiny *tiny)
{
	static const unsigned int size[] = { 8, 32, 96, 192, 512, 1024, 4096, 8192 };
	char what[64];
	size_t i;

	for (i = 0; i < sizeof(size) / sizeof(*size); i++) {
		snprintf(what, sizeof(what), "a fresh kmalloc object of %u bytes", size[i]);
		check(tiny, true, what, "kmalloc:%u", size[i]);
	}
}

static void check_mapped(const struct tiny *tiny)
{
	check(tiny, false, "this VM's own struct kvm", "addr:%lx",
	      range(tiny->pid, "vm", "vm", false, 0));
	check(tiny, false, "this VM's own vCPU registers", "addr:%lx",
	      range(tiny->pid, "svm", "vmx", false, 0));
}

static void check_no_range(void)
{
	FILE *f = open_or_die(ASI "ranges");
	char line[256];

	while (fgets(line, sizeof(line), f))
		if (line[0] != '#')
			die("a range is left after the last VM: %s", line);
	fclose(f);
	printf("ok %u no range left after the last VM\n", ++checks);
}

int main(int argc, char **argv)
{
	struct tiny tiny, other;
	struct pages pages;
	pid_t holder;

	if (argc != 2) {
		fprintf(stderr, "usage: asi-reach TINYKVM\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	read_symbols();

	start_tiny(&tiny, argv[1]);
	holder = start_holder(&pages);
	check(&tiny, true, "another process's anonymous page", "phys:%lx", pages.anon);
	check(&tiny, true, "a page of the page cache", "phys:%lx", pages.cache);
	kill(holder, SIGKILL);

	start_tiny(&other, argv[1]);
	check_other_vm(&tiny, &other);
	stop_tiny(&other);

	check_symbols(&tiny);
	check_fresh_objects(&tiny);
	check_mapped(&tiny);
	stop_tiny(&tiny);
	check_no_range();
	printf("asi-reach: %u checks\n", checks);
	return 0;
}
