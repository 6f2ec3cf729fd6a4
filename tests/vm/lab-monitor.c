// SPDX-License-Identifier: GPL-2.0
/*
 * lab-monitor - ask scripts/vm for an action of QEMU's monitor on the machine that this runs in.
 *
 * One line to the virtio-serial port faultline.monitor, "TAG ACTION [ARGUMENT ...]", one back, "TAG ok"
 * or "TAG error WHY"; scripts/lab/monitor.py has the list of actions. QEMU says ok when the event is
 * on its way. Where the kernel counts it (/proc/interrupts), this waits until it has: events that come
 * too close merge into one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define PORTS "/dev/virtio-ports"
#define PORT PORTS "/faultline.monitor"
#define ARRIVAL_LIMIT 10 /* seconds */
#define MCI_STATUS_VAL (1ull << 63)
#define MCI_STATUS_UC (1ull << 61)

static const char usage[] =
	"usage: lab-monitor nmi [COUNT]\n"
	"       lab-monitor mce CPU BANK STATUS MCGSTATUS ADDR MISC\n"
	"       lab-monitor memory-error poison|notify|clear ADDRESS...\n"
	"\n"
	"In a machine of scripts/vm: has QEMU raise events in this machine.\n"
	"  nmi  COUNT non-maskable interrupts (default 1), each after the one before was handled\n"
	"  mce  a machine check error in a bank of a CPU. With UC (bit 61) in STATUS it raises a machine\n"
	"       check exception, which Linux survives on the lab's CPU if it is deferred (bit 44):\n"
	"       lab-monitor mce 0 4 0xb000100000000000 0x5 0 0\n"
	"       Without, the kernel's polling finds it and logs it: see docs/LAB.md. Bank 0 is disabled.\n"
	"  memory-error  (arm64 --ras) of each page at a physical address: poison has every access to it fail\n"
	"       from now on, clear no longer; notify has an interrupt say that it is bad\n"
	"\n"
	"QEMU's TCG delivers a machine check to the L2 guest if that is what the CPU runs at that moment.\n"
	"The kernel then does not see it, which is said, with exit code 1.\n"
	"\n"
	"Exit: 0 done; 1 QEMU refused, or it did not arrive within 10 s; 2 usage; 3 no such machine\n";

static void __attribute__((noreturn, format(printf, 2, 3))) die(int code, const char *fmt, ...)
{
	va_list ap;

	fputs("lab-monitor: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(code);
}

/* The sum over all CPUs of a line of /proc/interrupts, such as "NMI". */
static unsigned long long arrived(const char *name)
{
	unsigned long long sum = 0, n;
	char line[4096], *at, *end;
	FILE *f = fopen("/proc/interrupts", "re");

	if (!f)
		die(3, "cannot read /proc/interrupts: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		at = line + strspn(line, " ");
		if (strncmp(at, name, strlen(name)) || at[strlen(name)] != ':')
			continue;
		for (at += strlen(name) + 1; n = strtoull(at, &end, 10), end != at; at = end)
			sum += n;
	}
	fclose(f);
	return sum;
}

static void wait_for_more(const char *name, unsigned long long before)
{
	struct timespec end, now;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ARRIVAL_LIMIT;
	while (arrived(name) == before) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec)
			die(1, "QEMU has raised it, but the kernel has not seen it in %d s: %s",
			    ARRIVAL_LIMIT, name);
	}
}

/* One at a time: a port can be opened once only. */
static int open_port(void)
{
	int dir = open(PORTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	if (dir < 0 || flock(dir, LOCK_EX))
		die(3, "cannot lock %s: %s; this needs a machine of scripts/vm run by QEMU", PORTS,
		    strerror(errno));
	fd = open(PORT, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(3, "cannot open %s: %s; this needs a machine of scripts/vm run by QEMU", PORT,
		    strerror(errno));
	return fd; /* dir stays open, and locked, as long as we are there */
}

/* The next line that is ours; one for somebody who was killed before may come first. */
static void read_answer(FILE *port, const char *tag, char *line, int size)
{
	do {
		if (!fgets(line, size, port))
			die(1, "no answer on %s: %s", PORT,
			    ferror(port) ? strerror(errno) : "closed");
	} while (strncmp(line, tag, strlen(tag)) || line[strlen(tag)] != ' ');
	line[strcspn(line, "\n")] = '\0';
	memmove(line, line + strlen(tag) + 1, strlen(line) - strlen(tag));
}

/* What QEMU refuses ends the program. */
static void ask(FILE *port, const char *action)
{
	char tag[32], text[512];
	int len;

	snprintf(tag, sizeof(tag), "%d", getpid());
	len = snprintf(text, sizeof(text), "%s %s\n", tag, action);
	if (len >= (int)sizeof(text))
		die(2, "the arguments are too long");
	if (write(fileno(port), text, len) != len)
		die(1, "cannot write to %s: %s", PORT, strerror(errno));
	read_answer(port, tag, text, sizeof(text));
	if (strcmp(text, "ok"))
		die(1, "%s: %s", action, strncmp(text, "error ", 6) ? text : text + 6);
}

static unsigned long long number(const char *text)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (end == text || *end || errno || *text == '-')
		die(2, "not a number: %s (lab-monitor --help)", text);
	return n;
}

static void send_nmis(FILE *port, unsigned long long count)
{
	unsigned long long before;

	while (count--) {
		before = arrived("NMI");
		ask(port, "nmi");
		wait_for_more("NMI", before);
	}
}

static void send_mce(FILE *port, char **args)
{
	unsigned long long before = arrived("MCE"), n[6];
	char action[256];
	int i;

	for (i = 0; i < 6; i++)
		n[i] = number(args[i]);
	snprintf(action, sizeof(action), "mce %llu %llu %#llx %#llx %#llx %#llx", n[0], n[1], n[2],
		 n[3], n[4], n[5]);
	ask(port, action);
	if ((n[2] & MCI_STATUS_VAL) && (n[2] & MCI_STATUS_UC))
		wait_for_more("MCE", before);
}

static void send_memory_errors(FILE *port, const char *mode, char **addresses)
{
	char action[256];

	for (; *addresses; addresses++) {
		snprintf(action, sizeof(action), "memory-error %s %#llx", mode, number(*addresses));
		ask(port, action);
	}
}

int main(int argc, char **argv)
{
	unsigned long long count = 1;
	bool nmi, mce, memory;
	FILE *port;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	nmi = argc >= 2 && argc <= 3 && !strcmp(argv[1], "nmi");
	mce = argc == 8 && !strcmp(argv[1], "mce");
	memory = argc >= 4 && !strcmp(argv[1], "memory-error");
	if (!nmi && !mce && !memory) {
		fputs(usage, stderr);
		return 2;
	}
	if (nmi && argc == 3)
		count = number(argv[2]);
	port = fdopen(open_port(), "r+e");
	if (!port)
		die(3, "cannot use %s: %s", PORT, strerror(errno));
	setvbuf(port, NULL, _IONBF, 0);
	if (nmi)
		send_nmis(port, count);
	else if (mce)
		send_mce(port, argv + 2);
	else
		send_memory_errors(port, argv[2], argv + 3);
	return 0;
}
