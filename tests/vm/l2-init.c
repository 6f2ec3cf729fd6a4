// SPDX-License-Identifier: GPL-2.0
/*
 * init of the Linux guest that scripts/l2 boots: says READY, runs a load, says how much of it it did
 * in one line `L2 RESULT ok ...`, and powers off. Everything goes to the console, which is the serial
 * line. A failed step says `L2 RESULT fail ...` instead. A line on the console ends the load early.
 *
 * Kernel arguments: l2.load=boot|idle|mixed, l2.seconds=N.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PCI_CONFIG "/sys/bus/pci/devices/0000:00:00.0/config"
#define DISK "/dev/vda"
#define DISK_BLOCK 4096
#define DISK_BLOCKS 256
#define CONSOLE "/dev/hvc0"
#define CHURN_PAGES 256
#define BURST 200 /* steps of a busy load between two looks at the clock */

static void __attribute__((noreturn)) go_down(void)
{
	fflush(NULL);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *fmt, ...)
{
	va_list ap;

	printf("L2 RESULT fail ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	go_down();
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("cannot run on CPU %d: %s", cpu, strerror(errno));
}

/* Each load does some steps and returns their number, or 0 for a failure with errno set. */

static uint64_t timer_sleeps(void)
{
	struct timespec ms = { .tv_nsec = 1000000 };
	int i;

	for (i = 0; i < 10; i++)
		if (nanosleep(&ms, NULL))
			return 0;
	return i;
}

/* Each read is a write to port 0xcf8 and a read from 0xcfc: two I/O exits to user space. */
static uint64_t pci_reads(void)
{
	static int fd;
	uint32_t word;
	int i;

	if (!fd)
		fd = open(PCI_CONFIG, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	for (i = 0; i < BURST; i++)
		if (pread(fd, &word, sizeof(word), 0) != sizeof(word))
			return 0;
	return i;
}

static uint64_t cpuids(void)
{
	uint32_t a, b, c, d;
	int i;

	for (i = 0; i < BURST; i++)
		__cpuid_count(0, 0, a, b, c, d);
	return i;
}

/* IA32_APIC_BASE, which KVM always intercepts and answers itself. */
static uint64_t msr_reads(void)
{
	static int fd;
	char path[32];
	uint64_t value;
	int i;

	if (!fd) {
		snprintf(path, sizeof(path), "/dev/cpu/%d/msr", sched_getcpu());
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return 0;
	for (i = 0; i < BURST; i++)
		if (pread(fd, &value, sizeof(value), 0x1b) != sizeof(value))
			return 0;
	return i;
}

/* Past the page cache: each read and each write is a request of virtio, a doorbell and an interrupt. */
static uint64_t disk_blocks(void)
{
	static char block[DISK_BLOCK] __attribute__((aligned(DISK_BLOCK)));
	static int fd, at;
	int i;

	if (!fd)
		fd = open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return 0;
	for (i = 0; i < 20; i++) {
		at = (at + 1) % DISK_BLOCKS;
		block[0] = at;
		if (pwrite(fd, block, sizeof(block), at * DISK_BLOCK) != sizeof(block) ||
		    pread(fd, block, sizeof(block), at * DISK_BLOCK) != sizeof(block))
			return 0;
		/* The other CPU's process writes the same. */
		if (block[0] != (char)at) {
			errno = EIO;
			return 0;
		}
	}
	return i;
}

static uint64_t console_lines(void)
{
	static const char line[] = "a line for a virtio console\n";
	static int fd;
	int i;

	if (!fd)
		fd = open(CONSOLE, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	for (i = 0; i < 20; i++)
		if (write(fd, line, sizeof(line) - 1) != sizeof(line) - 1)
			return 0;
	return i;
}

static uint64_t page_churn(void)
{
	size_t size = CHURN_PAGES * 4096;
	char *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i;

	if (mem == MAP_FAILED)
		return 0;
	for (i = 0; i < CHURN_PAGES; i++)
		mem[i * 4096] = 1;
	munmap(mem, size);
	return i;
}

/* With a process on the next CPU, if there is one: each byte wakes it up. */
static uint64_t pings(void)
{
	static int to[2], from[2];
	static pid_t child;
	char byte = 0;
	int i;

	if (!child) {
		if (pipe(to) || pipe(from))
			return 0;
		child = fork();
		if (child < 0)
			return 0;
		if (!child) {
			run_on((sched_getcpu() + 1) % sysconf(_SC_NPROCESSORS_ONLN));
			while (read(to[0], &byte, 1) == 1)
				if (write(from[1], &byte, 1) != 1)
					_exit(1);
			_exit(0);
		}
	}
	for (i = 0; i < BURST; i++)
		if (write(to[1], &byte, 1) != 1 || read(from[0], &byte, 1) != 1)
			return 0;
	return i;
}

static uint64_t syscalls(void)
{
	int i;

	for (i = 0; i < BURST; i++)
		syscall(SYS_getppid);
	return i;
}

struct load {
	const char *name;
	uint64_t (*some)(void);
	uint64_t done;
};

/* True when there is a line on the console, in at most ms milliseconds. */
static bool told_to_stop(int ms)
{
	struct pollfd console = { .fd = 0, .events = POLLIN };
	char line[64];

	return poll(&console, 1, ms) == 1 && read(0, line, sizeof(line)) > 0;
}

static void run_loads(struct load *loads, int n, unsigned int seconds, const volatile bool *stop)
{
	uint64_t end = now_ns() + seconds * 1000000000ull, steps;
	int i;

	/* Every load at least once: a result means that all of them worked. */
	do {
		for (i = 0; i < n; i++) {
			steps = loads[i].some();
			if (!steps)
				fail("%s: %s", loads[i].name, strerror(errno));
			loads[i].done += steps;
		}
	} while (now_ns() < end && !*stop);
}

/* One process on each CPU runs all of them; the sums are told. */
static void mixed(unsigned int seconds)
{
	static const struct load loads[] = {
		{ "sleeps", timer_sleeps, 0 }, { "pcireads", pci_reads, 0 },
		{ "cpuids", cpuids, 0 },       { "pages", page_churn, 0 },
		{ "pings", pings, 0 },	       { "syscalls", syscalls, 0 },
		{ "msrs", msr_reads, 0 },      { "blocks", disk_blocks, 0 },
		{ "lines", console_lines, 0 },
	};
	const int n = sizeof(loads) / sizeof(loads[0]);
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), status = -1, left = cpus, i, j;
	struct load *done = mmap(NULL, cpus * sizeof(loads) + sizeof(bool), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile bool *stop = (volatile bool *)(done + cpus * n);
	uint64_t sum;

	if (done == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	for (j = 0; j < cpus; j++) {
		memcpy(done + j * n, loads, sizeof(loads));
		if (!fork()) {
			run_on(j);
			run_loads(done + j * n, n, seconds, stop);
			_exit(0);
		}
	}
	while (left) {
		i = waitpid(-1, &status, WNOHANG);
		if (i < 0 || (i > 0 && status))
			fail("a worker ended with wait status %#x", status);
		if (i > 0)
			left--;
		else if (told_to_stop(200))
			*stop = true;
	}
	printf("L2 RESULT ok load mixed cpus %d", cpus);
	for (i = 0; i < n; i++) {
		for (sum = 0, j = 0; j < cpus; j++)
			sum += done[j * n + i].done;
		printf(" %s %lu", loads[i].name, (unsigned long)sum);
	}
	putchar('\n');
}

static void mount_or_fail(const char *type, const char *dir)
{
	mkdir(dir, 0755);
	if (mount(type, dir, type, 0, NULL))
		fail("mount %s: %s", dir, strerror(errno));
}

static const char *argument(char *cmdline, const char *name)
{
	static char value[32];
	char *at = strstr(cmdline, name);

	if (!at || sscanf(at + strlen(name), "%31s", value) != 1)
		fail("no %s among the kernel arguments", name);
	return value;
}

int main(void)
{
	char cmdline[4096] = "", load[32];
	unsigned int seconds;
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	mount_or_fail("proc", "/proc");
	mount_or_fail("sysfs", "/sys");
	mount_or_fail("devtmpfs", "/dev");
	fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, cmdline, sizeof(cmdline) - 1) < 0)
		fail("read /proc/cmdline: %s", strerror(errno));
	close(fd);
	seconds = strtoul(argument(cmdline, "l2.seconds="), NULL, 10);
	snprintf(load, sizeof(load), "%s", argument(cmdline, "l2.load="));

	printf("L2 READY cpus %ld uptime %.2f\n", sysconf(_SC_NPROCESSORS_ONLN), now_ns() / 1e9);
	if (!strcmp(load, "boot")) {
		puts("L2 RESULT ok load boot");
	} else if (!strcmp(load, "idle")) {
		told_to_stop(seconds * 1000);
		printf("L2 RESULT ok load idle seconds %u\n", seconds);
	} else if (!strcmp(load, "mixed")) {
		mixed(seconds);
	} else {
		fail("no load %s", load);
	}
	go_down();
}
