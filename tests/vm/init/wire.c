// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "frame.h"

static const char kinds[STREAMS] = { 'O', 'E' };
static int ctl = -1, ports[STREAMS] = { -1, -1 };
static int serial = -1;
static uint32_t frames; /* sent over the serial line */

static bool write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, data, len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return false;
		if (n > 0) {
			data += n;
			len -= n;
		}
	}
	return true;
}

static bool write_frames(char kind, const char *data, size_t len)
{
	char line[FRAME_LINE];
	size_t part;

	for (; len; data += part, len -= part) {
		part = len < FRAME_DATA ? len : FRAME_DATA;
		if (!write_all(serial, line, frame_encode(line, frames++, kind, data, part)))
			return false;
	}
	return true;
}

void tell(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	bool told;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(line)) {
		n = sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	if (serial >= 0)
		told = write_frames('C', line, n);
	else
		told = write_all(ctl < 0 ? STDERR_FILENO : ctl, line, n);
	if (!told)
		perror("vm-init: write");
}

void go_down(void)
{
	char ack;

	/* The runner answers when it has everything; without a runner there is nobody to wait for. */
	if (ctl >= 0 && read(ctl, &ack, 1) < 0)
		perror("vm-init: read");
	if (serial >= 0 && tcdrain(serial))
		perror("vm-init: drain");
	sync();
	/* QEMU runs with -no-reboot, which is faster than an ACPI power-off. */
	reboot(serial < 0 ? RB_AUTOBOOT : RB_POWER_OFF);
	for (;;)
		pause();
}

void die_of(int err, const char *what, const char *which)
{
	tell("fail %s %s: %s\n", what, which, strerror(err));
	go_down();
}

void die(const char *what, const char *which)
{
	die_of(errno, what, which);
}

void wire_write(enum stream to, const char *data, size_t len)
{
	if (serial >= 0 ? !write_frames(kinds[to], data, len) : !write_all(ports[to], data, len))
		die("write", "output port");
}

static bool is_port(const char *port, const char *name)
{
	char path[300], text[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", port);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	text[strcspn(text, "\n")] = '\0';
	return !strcmp(text, name);
}

/* The ports appear some milliseconds after the driver. */
static void find_port(const char *name, char *path, size_t size)
{
	bool found = false;
	struct dirent *entry;
	DIR *dir;
	int tries;

	for (tries = 0; !found && tries < 500; tries++) {
		if (tries)
			usleep(10000);
		dir = opendir("/sys/class/virtio-ports");
		if (!dir)
			continue;
		while (!found && (entry = readdir(dir))) {
			found = entry->d_name[0] != '.' && is_port(entry->d_name, name);
			snprintf(path, size, "/dev/%s", entry->d_name);
		}
		closedir(dir);
	}
	if (!found)
		die_of(ENODEV, "find port", name);
}

static int open_port(const char *name)
{
	char path[300];
	int fd;

	find_port(name, path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("open port", name);
	return fd;
}

/* As udev names it. */
static void link_port(const char *name)
{
	char path[300], link[300];

	find_port(name, path, sizeof(path));
	snprintf(link, sizeof(link), "/dev/virtio-ports/%s", name);
	if ((mkdir("/dev/virtio-ports", 0755) && errno != EEXIST) || symlink(path, link))
		die("link", link);
}

void wire_open_ports(void)
{
	ctl = open_port("faultline.ctl");
	ports[STREAM_OUT] = open_port("faultline.out");
	ports[STREAM_ERR] = open_port("faultline.err");
	link_port("faultline.monitor");
}

void wire_open_serial(const char *path)
{
	struct termios raw;
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || tcgetattr(fd, &raw))
		die("open", path);
	cfmakeraw(&raw);
	raw.c_cflag |= CLOCAL;
	cfsetspeed(&raw, B115200);
	if (tcsetattr(fd, TCSANOW, &raw))
		die("set up", path);
	serial = fd;
}
