// SPDX-License-Identifier: GPL-2.0
/*
 * init of the lab's machines: makes a root file system, runs one command in it, and hands its output
 * and its end to scripts/vm over the wire (wire.h says how).
 *
 * The job is the file /job of the initramfs: strings, each ended by a NUL. First KEY=VALUE, then the
 * string "argv", then the command's arguments, which may be empty. The keys:
 *   repo    the repository, the command's working directory
 *   env     VARIABLE=VALUE of the command's environment; may come again
 *   tty     "DEVICE ROWS COLUMNS" of an interactive session's terminal
 *   serial  the wire is this serial line, and the root is the initramfs; otherwise it is virtio-serial,
 *           and the root is the host's, over 9p
 * Files in /modules are kernel modules, which are loaded first.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "modules.h"
#include "root.h"
#include "wire.h"

#define MAX_ARGS 4096
#define MAX_ENV 64

struct job {
	char *text; /* of the file */
	size_t size;
	const char *repo;
	const char *tty; /* or NULL */
	const char *serial; /* or NULL */
	char *env[MAX_ENV + 1];
	char **argv;
};

/* One of the command's pipes. */
struct pipe {
	int from; /* our end, -1 once it is closed */
	unsigned long long bytes;
};

static void load_job(struct job *job)
{
	struct stat st;
	int fd;

	fd = open("/job", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		die("open", "/job");
	job->size = st.st_size;
	job->text = malloc(job->size + 1);
	if (!job->text || read(fd, job->text, job->size) != (ssize_t)job->size)
		die("read", "/job");
	close(fd);
	job->text[job->size] = '\0';
	if (!strncmp(job->text,
		     "serial=", 7)) /* it comes first: the wire is needed for what fails later */
		job->serial = job->text + 7;
}

static void read_job(struct job *job)
{
	static char *argv[MAX_ARGS + 1];
	int envs = 0, args = 0;
	bool in_argv = false;
	char *s;

	for (s = job->text; s < job->text + job->size; s += strlen(s) + 1) {
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
		else if (s != job->text || !job->serial)
			die_of(EINVAL, "take job", s);
	}
	job->argv = argv;
	if (!args || !job->repo)
		die_of(EINVAL, "take job", "argv or repo");
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

static void take_terminal(const char *tty)
{
	struct winsize ws = { 0 };
	char device[64] = "";
	int fd, n;

	n = sscanf(tty, "%63s %hu %hu", device, &ws.ws_row, &ws.ws_col);
	setsid();
	fd = open(device, O_RDWR);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0))
		_exit(126);
	if (n == 3)
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

static void copy(struct pipe *pipe, enum stream to)
{
	static char data[65536];
	ssize_t n;

	n = read(pipe->from, data, sizeof(data));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close(pipe->from);
		pipe->from = -1;
		return;
	}
	wire_write(to, data, n);
	pipe->bytes += n;
}

static void on_child(int sig)
{
	(void)sig; /* only there to interrupt ppoll() */
}

/*
 * Copy until the command has ended and nobody holds its pipes any more. What it leaves running in
 * the background is killed: it would have no machine left anyway.
 */
static int copy_until_end(pid_t pid, struct pipe *pipes, const sigset_t *unblocked)
{
	int status = 0, got, i;
	bool ended = false;
	pid_t child;

	for (;;) {
		struct pollfd fds[2] = { { .fd = pipes[0].from, .events = POLLIN },
					 { .fd = pipes[1].from, .events = POLLIN } };

		while ((child = waitpid(-1, &got, WNOHANG)) > 0) {
			if (child != pid)
				continue;
			status = got;
			ended = true;
			kill(-1, SIGKILL);
		}
		if (ended && pipes[0].from < 0 && pipes[1].from < 0)
			break;
		if (ppoll(fds, 2, NULL, unblocked) < 0)
			continue;
		for (i = 0; i < 2; i++)
			if (fds[i].revents)
				copy(&pipes[i], i);
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

/* Everything that the command counts on; the wire first, for what fails later. */
static void set_up(struct job *job)
{
	root_first_mounts();
	load_job(job);
	if (job->serial)
		wire_open_serial(job->serial);
	else
		wire_open_ports();
	read_job(job);
	load_modules();
	if (job->serial)
		root_from_initramfs(job->repo);
	else
		root_from_host(job->repo);
}

/* Run the command to its end; its wait status. */
static int run_job(const struct job *job, struct pipe *pipes)
{
	struct sigaction act = { .sa_handler = on_child };
	sigset_t blocked, unblocked;
	int out, err;
	pid_t pid;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, &unblocked);
	sigaction(SIGCHLD, &act, NULL);

	make_pipe(&pipes[0].from, &out);
	make_pipe(&pipes[1].from, &err);
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
	return copy_until_end(pid, pipes, &unblocked);
}

int main(void)
{
	struct pipe pipes[STREAMS] = { 0 };
	struct job job = { 0 };
	long taint_before;
	int status;

	set_up(&job);
	taint_before = taint();
	status = run_job(&job, pipes);
	tell("exit %d %d %llu %llu %ld %ld\n",
	     WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
	     WIFSIGNALED(status) ? WTERMSIG(status) : 0, pipes[STREAM_OUT].bytes,
	     pipes[STREAM_ERR].bytes, taint_before, taint());
	go_down();
}
