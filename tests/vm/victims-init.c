// SPDX-License-Identifier: GPL-2.0
/*
 * init of the arm64 guest that scripts/l2-arm64 boots: starts processes with a page each, says where the
 * pages are in the guest's physical memory, has them touched, and says what became of the processes.
 *
 * It takes commands, one a line, from the first virtio-serial port, and answers there with lines that end
 * with "ok" or "error TEXT". After the boot it says "ready cpus N kernel RELEASE" and "ok".
 *
 *   map COUNT [wide]    start so many victims, on the CPUs in turn; each says
 *                       victim N pid PID cpu CPU address 0xADDRESS gpa 0xADDRESS
 *                       wide: its page is the first of four, aligned in the guest's physical
 *                       memory, that are all its own
 *   touch FIRST [LAST]  have them read their pages, all at once; each says one of
 *                       victim N value 0xVALUE       what it wrote there before, MARK + N
 *                       victim N sigbus code C address 0xADDRESS lsb L ns T
 *                                                    siginfo, and the time from before the access
 *                       and, since it then runs on into the page, victim N killed 7
 *   list                victim N alive, or exited CODE, or killed SIGNAL
 *   corrupted           corrupted KB: the guest's own count
 *   table NAME          an ACPI table, as lines of hexadecimal bytes
 *   console LEVEL       what is printed on the console from now on, as the kernel's loglevel=
 *   record              start "raslat guest" (which the initramfs has if it was built); what it says,
 *                       until it is ready
 *   recorded            end it: its recording, as lines of hexadecimal bytes
 *   off                 power off
 */
#define _GNU_SOURCE
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
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT "/dev/vport0p1"
#define MOST_VICTIMS 4096
#define MARK 0xfa170000ull
#define WIDE 4 /* guest pages: a host page of 16 KiB under a guest with 4 KiB */
#define WIDE_POOL 512 /* pages, among which there are so many aligned ones */
#define RECORDING "/raslat.flr"
#define CONSOLE_LEVEL 8 /* SYSLOG_ACTION_CONSOLE_LEVEL */
#define ANSWER_LIMIT (60 + victim_count / 2) /* seconds for all victims of one command */

enum state { ALIVE, EXITED, KILLED };

/* What a victim says, over the one pipe of all. */
struct report {
	enum { MAPPED, VALUE, SIGBUS_CAME } kind;
	int number;
	int cpu;
	int code;
	int lsb;
	uint64_t address;
	uint64_t value; /* or the guest physical address, or nanoseconds */
};

struct victim {
	pid_t pid;
	int wake; /* a byte there has it touch its page */
	bool awaited; /* it has not done yet what the command wants */
	bool dying; /* it said SIGBUS: its end is still awaited */
	enum state state;
	int code; /* of its exit, or the signal */
};

static struct victim victims[MOST_VICTIMS];
static int victim_count;
static FILE *commands, *port; /* both ways of the port */
static int reports[2];
static pid_t recorder; /* 0: none */
static volatile int *gate; /* shared with the victims: open, they touch their pages */

/* Of the victim process itself; its signal handler needs them. */
static struct {
	struct report report;
	volatile uint64_t *page;
	uint64_t before_ns;
} self;

static void __attribute__((noreturn)) go_down(void)
{
	if (port)
		fflush(port);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "victims: %s: %m\n", what);
	go_down();
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(port, fmt, ap);
	va_end(ap);
	fputc('\n', port);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* ---- a victim ---- */

static size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static void report(void)
{
	if (write(reports[1], &self.report, sizeof(self.report)) != sizeof(self.report))
		_exit(2);
}

/* The page must not be read here. The handler is gone once it returns, and the access is repeated. */
static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	self.report.kind = SIGBUS_CAME;
	self.report.value = now_ns() - self.before_ns;
	self.report.code = info->si_code;
	self.report.lsb = info->si_addr_lsb;
	self.report.address = (uintptr_t)info->si_addr;
	report();
}

/* The frames of pages of our own. */
static void find_frames(uintptr_t address, uint64_t *frames, int pages)
{
	ssize_t size = pages * sizeof(*frames);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), i;

	if (fd < 0 || pread(fd, frames, size, address / page_size() * sizeof(*frames)) != size)
		_exit(3);
	close(fd);
	for (i = 0; i < pages; i++) {
		if (!(frames[i] >> 63))
			_exit(4);
		frames[i] &= (1ull << 55) - 1;
	}
}

static bool has(const uint64_t *frames, int pages, uint64_t frame)
{
	while (pages--)
		if (frames[pages] == frame)
			return true;
	return false;
}

/* The first page of WIDE aligned ones that are all ours. */
static int find_wide(const uint64_t *frames, int pages)
{
	int i, next;

	for (i = 0; i < pages; i++) {
		for (next = 0; next < WIDE && frames[i] % WIDE == 0; next++)
			if (!has(frames, pages, frames[i] + next))
				break;
		if (next == WIDE)
			return i;
	}
	_exit(5);
}

/* Our page, its mark, and where it is in the guest's physical memory. */
static void make_page(bool wide)
{
	uint64_t frames[WIDE_POOL];
	int pages = wide ? WIDE_POOL : 1, chosen = 0;
	size_t size = pages * page_size();
	uintptr_t at = (uintptr_t)mmap(NULL, size, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* The kernel splits a bad huge page, and reads what lies next to the bad part. */
	if ((void *)at == MAP_FAILED || madvise((void *)at, size, MADV_NOHUGEPAGE))
		_exit(1);
	memset((void *)at, 1, size);
	find_frames(at, frames, pages);
	if (wide)
		chosen = find_wide(frames, pages);
	self.page = (uint64_t *)(at + chosen * page_size());
	*self.page = MARK + self.report.number;
	self.report.address = (uintptr_t)self.page;
	self.report.value = frames[chosen] * page_size();
}

static void __attribute__((noreturn)) be_victim(int number, int cpu, bool wide, int wake)
{
	struct sigaction act = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_RESETHAND };
	cpu_set_t set;
	char byte;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	self.report = (struct report){ .kind = MAPPED, .number = number, .cpu = cpu };
	make_page(wide);
	if (sched_setaffinity(0, sizeof(set), &set) || sigaction(SIGBUS, &act, NULL))
		_exit(1);
	report();
	while (read(wake, &byte, 1) == 1) {
		while (!*gate)
			sched_yield();
		self.before_ns = now_ns();
		self.report.value = *self.page;
		self.report.kind = VALUE;
		report();
	}
	_exit(0);
}

/* ---- all of them ---- */

static void start_victim(bool wide)
{
	struct victim *v = &victims[victim_count];
	int cpu = victim_count % sysconf(_SC_NPROCESSORS_ONLN), fds[2];

	if (pipe2(fds, O_CLOEXEC))
		die("pipe");
	v->pid = fork();
	if (v->pid < 0)
		die("fork");
	if (!v->pid) {
		close(fds[1]);
		be_victim(victim_count, cpu, wide, fds[0]);
	}
	close(fds[0]);
	v->wake = fds[1];
	v->awaited = true;
	victim_count++;
}

static void take_report(const struct report *r)
{
	struct victim *v = &victims[r->number];

	v->awaited = false;
	switch (r->kind) {
	case MAPPED:
		say("victim %d pid %d cpu %d address %#llx gpa %#llx", r->number, v->pid, r->cpu,
		    (unsigned long long)r->address, (unsigned long long)r->value);
		break;
	case VALUE:
		say("victim %d value %#llx", r->number, (unsigned long long)r->value);
		break;
	case SIGBUS_CAME:
		say("victim %d sigbus code %d address %#llx lsb %d ns %llu", r->number, r->code,
		    (unsigned long long)r->address, r->lsb, (unsigned long long)r->value);
		v->dying = true;
		break;
	}
}

static void take_end(pid_t pid, int status)
{
	int n;

	for (n = 0; n < victim_count; n++) {
		struct victim *v = &victims[n];

		if (v->pid != pid || v->state != ALIVE)
			continue;
		v->state = WIFSIGNALED(status) ? KILLED : EXITED;
		v->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
		v->awaited = v->dying = false;
		close(v->wake);
		say("victim %d %s %d", n, v->state == KILLED ? "killed" : "exited", v->code);
	}
}

/* Say what has happened until now. What a victim said comes before its end. */
static void take_news(void)
{
	siginfo_t ended;
	struct report r;
	int status;

	do {
		/* The end is only looked at, until what was said before it has been read. */
		ended.si_pid = 0;
		waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT);
		while (read(reports[0], &r, sizeof(r)) == sizeof(r))
			take_report(&r);
		if (ended.si_pid && waitpid(ended.si_pid, &status, 0) > 0)
			take_end(ended.si_pid, status);
	} while (ended.si_pid);
}

static int first_awaited(void)
{
	int n;

	for (n = 0; n < victim_count; n++)
		if (victims[n].awaited || victims[n].dying)
			return n;
	return -1;
}

/* Until each has done what the command wants, or the time is over. */
static void wait_for_all(void)
{
	uint64_t end = now_ns() + ANSWER_LIMIT * 1000000000ull;

	while (first_awaited() >= 0 && now_ns() < end) {
		struct pollfd fd = { .fd = reports[0], .events = POLLIN };

		take_news();
		if (first_awaited() >= 0)
			poll(&fd, 1, 5); /* the end of a process does not show there */
	}
}

static void answer(void)
{
	int n = first_awaited();

	if (n >= 0)
		say("error victim %d has not answered within %d s", n, ANSWER_LIMIT);
	else
		say("ok");
}

static void map(int count, bool wide)
{
	int n = victim_count;

	if (count < 1 || count > MOST_VICTIMS - victim_count) {
		say("error from 1 to %d victims", MOST_VICTIMS - victim_count);
		return;
	}
	while (count--)
		start_victim(wide);
	for (wait_for_all(); n < victim_count; n++)
		if (victims[n].state != ALIVE) {
			say("error victim %d could not be set up", n);
			return;
		}
	answer();
}

static void touch(int first, int last)
{
	int n;

	if (first < 0 || last < first || last >= victim_count) {
		say("error there are %d victims", victim_count);
		return;
	}
	for (n = first; n <= last; n++)
		victims[n].awaited = victims[n].state == ALIVE;
	*gate = 0;
	for (n = first; n <= last; n++)
		if (victims[n].awaited && write(victims[n].wake, "", 1) != 1 && errno != EPIPE)
			die("wake");
	*gate = 1;
	wait_for_all();
	answer();
}

static void list(void)
{
	int n;

	for (n = 0; n < victim_count; n++) {
		if (victims[n].state == ALIVE)
			say("victim %d alive", n);
		else
			say("victim %d %s %d", n, victims[n].state == KILLED ? "killed" : "exited",
			    victims[n].code);
	}
	say("ok");
}

static void corrupted(void)
{
	char line[256];
	long kb = -1;
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "HardwareCorrupted: %ld kB", &kb) == 1)
			break;
	if (f)
		fclose(f);
	if (kb < 0) {
		say("error the kernel does not say");
		return;
	}
	say("corrupted %ld", kb);
	say("ok");
}

static void print_file(const char *path)
{
	int byte, n = 0;
	FILE *f = fopen(path, "re");

	if (!f) {
		say("error no %s", path);
		return;
	}
	while ((byte = getc(f)) != EOF)
		fprintf(port, "%02x%s", byte, ++n % 16 ? " " : "\n");
	fclose(f);
	say("%sok", n % 16 ? "\n" : "");
}

static void table(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/firmware/acpi/tables/%.4s", name);
	print_file(path);
}

/* ---- the recorder ---- */

static void record(void)
{
	char line[256] = "";
	int fds[2];
	FILE *f;

	if (recorder || pipe2(fds, O_CLOEXEC)) {
		say("error %s", recorder ? "it runs already" : "no pipe");
		return;
	}
	recorder = fork();
	if (!recorder) {
		dup2(fds[1], STDERR_FILENO);
		execl("/raslat", "raslat", "guest", "-w", RECORDING, "--force", NULL);
		dprintf(STDERR_FILENO, "/raslat: %s\n", strerror(errno));
		_exit(127);
	}
	close(fds[1]);
	f = fdopen(fds[0], "r");
	while (f && fgets(line, sizeof(line), f) && strcmp(line, "raslat: ready\n"))
		fprintf(port, "%s", line);
	if (strcmp(line, "raslat: ready\n")) {
		waitpid(recorder, NULL, 0);
		recorder = 0;
		say("error it did not start");
		return;
	}
	/* It says little more; the pipe stays, or it would end by SIGPIPE. */
	say("ok");
}

static void recorded(void)
{
	int status = 0;

	if (!recorder || kill(recorder, SIGINT) || waitpid(recorder, &status, 0) != recorder ||
	    status) {
		say("error %s", recorder ? "it failed" : "it does not run");
		recorder = 0;
		return;
	}
	recorder = 0;
	print_file(RECORDING);
}

static void obey(const char *line)
{
	int first, last, n;

	n = sscanf(line, "touch %d %d", &first, &last);
	if (n >= 1)
		touch(first, n == 2 ? last : first);
	else if (sscanf(line, "map %d", &first) == 1)
		map(first, strstr(line, " wide"));
	else if (!strncmp(line, "table ", 6))
		table(line + 6);
	else if (sscanf(line, "console %d", &first) == 1)
		say(klogctl(CONSOLE_LEVEL, NULL, first) ? "error the kernel does not take that" :
							  "ok");
	else if (!strcmp(line, "record"))
		record();
	else if (!strcmp(line, "recorded"))
		recorded();
	else if (!strcmp(line, "list"))
		list();
	else if (!strcmp(line, "corrupted"))
		corrupted();
	else if (!strcmp(line, "off"))
		say("ok");
	else
		say("error no such command");
	fflush(port);
}

static void mount_or_die(const char *type, const char *dir)
{
	mkdir(dir, 0755);
	if (mount(type, dir, type, 0, NULL) && errno != EBUSY)
		die(dir);
}

static void set_up(void)
{
	const struct rlimit files = { MOST_VICTIMS + 64, MOST_VICTIMS + 64 };
	struct utsname name;
	int fd = -1, tries;

	mount_or_die("proc", "/proc");
	mount_or_die("sysfs", "/sys");
	mount_or_die("devtmpfs", "/dev");
	for (tries = 0; fd < 0 && tries < 1000; tries++) {
		fd = open(PORT, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			usleep(10000);
	}
	if (fd < 0)
		die(PORT);
	commands = fdopen(fd, "r");
	port = fdopen(dup(fd), "w");
	gate = mmap(NULL, sizeof(*gate), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (gate == MAP_FAILED || !commands || !port || pipe2(reports, O_CLOEXEC) ||
	    fcntl(reports[0], F_SETFL, O_NONBLOCK) || setrlimit(RLIMIT_NOFILE, &files) ||
	    uname(&name))
		die("set-up");
	say("ready cpus %ld kernel %s", sysconf(_SC_NPROCESSORS_ONLN), name.release);
	say("ok");
	fflush(port);
}

int main(void)
{
	char line[256];

	set_up();
	while (fgets(line, sizeof(line), commands)) {
		line[strcspn(line, "\n")] = '\0';
		take_news(); /* of those that ended since */
		obey(line);
		if (!strcmp(line, "off"))
			go_down();
	}
	die("read");
}
