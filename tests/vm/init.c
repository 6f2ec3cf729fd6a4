// SPDX-License-Identifier: GPL-2.0
/*
 * init of the lab's machines: makes the host's root file system ours (read-only, over 9p), runs
 * one command, and hands its output and its end to scripts/vm over three virtio-serial ports:
 *
 *   faultline.out, faultline.err   the command's stdout and stderr, byte for byte
 *   faultline.ctl                  lines, see below
 *
 * to the runner:
 *   ready                                          the command is started next
 *   exit CODE SIGNAL OUT ERR TAINT_BEFORE TAINT_AFTER
 *                                                  it ended; OUT and ERR are the bytes it wrote
 *   fail TEXT                                      the machine could not be set up
 *                                                  (taint masks; -1: not known)
 * from the runner: one line after `exit`, once all bytes have arrived. Then the machine goes down.
 *
 * The job is the file /job of the initramfs: strings, each ended by a NUL. First KEY=VALUE (repo, env,
 * tty), then the string "argv", then the command's arguments, which may be empty.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define ROOT "/root" /* where the host's root is mounted before we move there */
#define P9_OPTS "trans=virtio,version=9p2000.L,msize=512000"
#define MAX_ARGS 4096
#define MAX_ENV 64

struct job {
	const char *repo;
	const char *tty; /* "ROWS COLUMNS" of an interactive session, or NULL */
	char *env[MAX_ENV + 1];
	char **argv;
};

struct stream {
	int from; /* our end of the command's pipe, -1 once it is closed */
	int to; /* the virtio-serial port */
	unsigned long long bytes;
};

static int ctl = -1;

static void __attribute__((format(printf, 1, 2))) tell(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(line)) {
		n = sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	if (write(ctl < 0 ? STDERR_FILENO : ctl, line, n) != n)
		perror("vm-init: write");
}

static void __attribute__((noreturn)) go_down(void)
{
	char ack;

	/* The runner answers when it has everything; without a runner there is nobody to wait for. */
	if (ctl >= 0 && read(ctl, &ack, 1) < 0)
		perror("vm-init: read");
	sync();
	reboot(RB_AUTOBOOT); /* QEMU runs with -no-reboot: faster than an ACPI power-off */
	for (;;)
		pause();
}

static void __attribute__((noreturn)) die_of(int err, const char *what, const char *which)
{
	tell("fail %s %s: %s\n", what, which, strerror(err));
	go_down();
}

static void __attribute__((noreturn)) die(const char *what, const char *which)
{
	die_of(errno, what, which);
}

static void make_dirs(const char *path)
{
	char part[PATH_MAX];
	size_t i;

	for (i = 1; i < sizeof(part) - 1 && path[i - 1]; i++) {
		if (path[i] != '/' && path[i])
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		mkdir(part, 0755); /* where it fails for a reason, the mount on it will say so */
	}
}

static void mount_at(const char *type, const char *source, const char *dir, unsigned long flags,
		     const char *opts)
{
	make_dirs(dir);
	if (mount(source, dir, type, flags, opts))
		die("mount", dir);
}

/* For file systems that a kernel may not have: whoever needs one sees that it is missing. */
static void mount_if_there(const char *type, const char *dir)
{
	if (mount(type, dir, type, 0, NULL) && errno != ENODEV && errno != ENOENT && errno != EBUSY)
		die("mount", dir);
}

static int open_port_as(const char *name, const char *port)
{
	char path[300], text[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", port);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, name))
		return -1;
	snprintf(path, sizeof(path), "/dev/%s", port);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* The ports appear some milliseconds after the driver. */
static int open_port(const char *name)
{
	struct dirent *entry;
	int fd = -1, tries;
	DIR *dir;

	for (tries = 0; fd < 0 && tries < 500; tries++) {
		if (tries)
			usleep(10000);
		dir = opendir("/sys/class/virtio-ports");
		if (!dir)
			continue;
		while (fd < 0 && (entry = readdir(dir)))
			if (entry->d_name[0] != '.')
				fd = open_port_as(name, entry->d_name);
		closedir(dir);
	}
	if (fd < 0)
		die_of(ENODEV, "find port", name);
	return fd;
}

static void read_job(struct job *job)
{
	static char *argv[MAX_ARGS + 1];
	int envs = 0, args = 0;
	bool in_argv = false;
	struct stat st;
	char *text, *s;
	int fd;

	fd = open("/job", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		die("open", "/job");
	text = malloc(st.st_size + 1);
	if (!text || read(fd, text, st.st_size) != st.st_size)
		die("read", "/job");
	close(fd);
	text[st.st_size] = '\0';

	for (s = text; s < text + st.st_size; s += strlen(s) + 1) {
		if (in_argv && args < MAX_ARGS)
			argv[args++] = s;
		else if (in_argv)
			die_of(E2BIG, "take job", "argv");
		else if (!strcmp(s, "argv"))
			in_argv = true;
		else if (!strncmp(s, "repo=", 5))
			job->repo = s + 5;
		else if (!strncmp(s, "tty=", 4))
			job->tty = s + 4;
		else if (!strncmp(s, "env=", 4) && envs < MAX_ENV)
			job->env[envs++] = s + 4;
		else
			die_of(EINVAL, "take job", s);
	}
	job->argv = argv;
	if (!args || !job->repo)
		die_of(EINVAL, "take job", "argv or repo");
}

static void move_to_host_root(const struct job *job)
{
	mount_at("9p", "root", ROOT, MS_RDONLY, P9_OPTS ",cache=loose");
	if (mount("/dev", ROOT "/dev", NULL, MS_MOVE, NULL) ||
	    mount("/proc", ROOT "/proc", NULL, MS_MOVE, NULL) ||
	    mount("/sys", ROOT "/sys", NULL, MS_MOVE, NULL))
		die("move mount", "/dev, /proc or /sys");
	if (chdir(ROOT) || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		die("switch root", ROOT);

	mount_at("tmpfs", "tmp", "/tmp", 0, "mode=1777");
	mount_at("tmpfs", "run", "/run", 0, "mode=755");
	mount_at("tmpfs", "tmp", "/var/tmp", 0, "mode=1777");
	mount_at("tmpfs", "shm", "/dev/shm", 0, "mode=1777");
	mount_at("devpts", "devpts", "/dev/pts", 0, "ptmxmode=666");
	mount_at("9p", "kernel", "/run/kernel", MS_RDONLY, P9_OPTS ",cache=loose");
	/* Not cached: host and guest both write there. */
	mount_at("9p", "repo", job->repo, 0, P9_OPTS ",cache=none");
	mount_if_there("debugfs", "/sys/kernel/debug");
	mount_if_there("tracefs", "/sys/kernel/tracing");
	mount_if_there("securityfs", "/sys/kernel/security");
	mount_if_there("cgroup2", "/sys/fs/cgroup");
	mount_if_there("bpf", "/sys/fs/bpf");
}

/* What udev would make; shells and tools count on them. */
static void make_links(void)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "fd/0", "/dev/stdin" },
		{ "fd/1", "/dev/stdout" },
		{ "fd/2", "/dev/stderr" },
	};
	size_t i;

	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) && errno != EEXIST)
			die("link", links[i][1]);
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return; /* a kernel without networking */
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		die("bring up", "lo");
	close(fd);
}

/* The kernel's taint mask, or -1 of a kernel without sysctl files. */
static long taint(void)
{
	long mask = -1;
	FILE *f = fopen("/proc/sys/kernel/tainted", "re");

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &mask) != 1)
		die("read", "/proc/sys/kernel/tainted");
	fclose(f);
	return mask;
}

/* An interactive session has the second serial line as its terminal. */
static void take_terminal(const char *size)
{
	struct winsize ws = { 0 };
	int fd;

	setsid();
	fd = open("/dev/ttyS1", O_RDWR);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0))
		_exit(126);
	if (sscanf(size, "%hu %hu", &ws.ws_row, &ws.ws_col) == 2)
		ioctl(fd, TIOCSWINSZ, &ws);
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static void __attribute__((noreturn)) run_command(const struct job *job, int out, int err)
{
	int in, i;

	if (job->tty) {
		take_terminal(job->tty);
	} else {
		setsid();
		in = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (in < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
		    dup2(err, STDERR_FILENO) < 0)
			_exit(126);
	}
	clearenv();
	for (i = 0; job->env[i]; i++)
		putenv(job->env[i]);
	if (chdir(job->repo)) {
		fprintf(stderr, "vm: cannot enter %s in the guest: %m\n", job->repo);
		_exit(126);
	}
	execvp(job->argv[0], job->argv);
	i = errno == ENOENT ? 127 : 126; /* as a shell would */
	fprintf(stderr, "vm: cannot run %s in the guest: %m\n", job->argv[0]);
	_exit(i);
}

static void write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, data, len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			die("write", "output port");
		if (n > 0) {
			data += n;
			len -= n;
		}
	}
}

static void copy(struct stream *s)
{
	static char data[65536];
	ssize_t n;

	n = read(s->from, data, sizeof(data));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close(s->from);
		s->from = -1;
		return;
	}
	write_all(s->to, data, n);
	s->bytes += n;
}

static void on_child(int sig)
{
	(void)sig; /* only there to interrupt ppoll() */
}

/*
 * Copy until the command has ended and nobody holds its pipes any more. What it leaves running in
 * the background is killed: it would have no machine left anyway.
 */
static int copy_until_end(pid_t pid, struct stream *streams, const sigset_t *unblocked)
{
	int status = 0, got, i;
	bool ended = false;
	pid_t child;

	for (;;) {
		struct pollfd fds[2] = { { .fd = streams[0].from, .events = POLLIN },
					 { .fd = streams[1].from, .events = POLLIN } };

		while ((child = waitpid(-1, &got, WNOHANG)) > 0) {
			if (child != pid)
				continue;
			status = got;
			ended = true;
			kill(-1, SIGKILL);
		}
		if (ended && streams[0].from < 0 && streams[1].from < 0)
			break;
		if (ppoll(fds, 2, NULL, unblocked) < 0)
			continue;
		for (i = 0; i < 2; i++)
			if (fds[i].revents)
				copy(&streams[i]);
	}
	while (waitpid(-1, &got, 0) > 0)
		;
	return status;
}

static void make_pipe(int *ours, int *theirs)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		die("make", "pipe");
	*ours = fds[0];
	*theirs = fds[1];
}

/* Everything that the command counts on; the runner's ports first, for what fails later. */
static void set_up(struct job *job, struct stream *streams)
{
	mount_at("devtmpfs", "devtmpfs", "/dev", 0, NULL);
	mount_at("proc", "proc", "/proc", 0, NULL);
	mount_at("sysfs", "sysfs", "/sys", 0, NULL);
	ctl = open_port("faultline.ctl");
	streams[0].to = open_port("faultline.out");
	streams[1].to = open_port("faultline.err");
	read_job(job);
	move_to_host_root(job);
	make_links();
	loopback_up();
}

/* Run the command to its end; its wait status. */
static int run_job(const struct job *job, struct stream *streams)
{
	struct sigaction act = { .sa_handler = on_child };
	sigset_t blocked, unblocked;
	int out, err;
	pid_t pid;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, &unblocked);
	sigaction(SIGCHLD, &act, NULL);

	make_pipe(&streams[0].from, &out);
	make_pipe(&streams[1].from, &err);
	tell("ready\n");
	pid = fork();
	if (pid < 0)
		die("start", job->argv[0]);
	if (!pid) {
		sigprocmask(SIG_SETMASK, &unblocked, NULL);
		signal(SIGCHLD, SIG_DFL);
		run_command(job, out, err);
	}
	close(out);
	close(err);
	return copy_until_end(pid, streams, &unblocked);
}

int main(void)
{
	struct stream streams[2] = { 0 };
	struct job job = { 0 };
	long taint_before;
	int status;

	set_up(&job, streams);
	taint_before = taint();
	status = run_job(&job, streams);
	tell("exit %d %d %llu %llu %ld %ld\n",
	     WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
	     WIFSIGNALED(status) ? WTERMSIG(status) : 0, streams[0].bytes, streams[1].bytes,
	     taint_before, taint());
	go_down();
}
