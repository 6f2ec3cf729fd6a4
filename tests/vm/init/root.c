// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "root.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire.h"

#define ROOT "/root" /* where the host's root is mounted before we move there */
#define P9_OPTS "trans=virtio,version=9p2000.L,msize=512000"

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

void root_first_mounts(void)
{
	mount_at("devtmpfs", "devtmpfs", "/dev", 0, NULL);
	mount_at("proc", "proc", "/proc", 0, NULL);
	mount_at("sysfs", "sysfs", "/sys", 0, NULL);
}

static void move_to_host_root(const char *repo)
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
	mount_at("9p", "kernel", "/run/kernel", MS_RDONLY, P9_OPTS ",cache=loose");
	/* Not cached: host and guest both write there. */
	mount_at("9p", "repo", repo, 0, P9_OPTS ",cache=none");
}

/* The rest, alike on both roots. */
static void mount_rest(void)
{
	mount_at("tmpfs", "shm", "/dev/shm", 0, "mode=1777");
	mount_at("devpts", "devpts", "/dev/pts", 0, "ptmxmode=666");
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

void root_from_host(const char *repo)
{
	move_to_host_root(repo);
	mount_rest();
	make_links();
	loopback_up();
}

void root_from_initramfs(const char *repo)
{
	static const char *const dirs[] = { "/tmp", "/run", "/var/tmp" };
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		make_dirs(dirs[i]);
	make_dirs(repo);
	mount_rest();
	make_links();
	loopback_up();
}
