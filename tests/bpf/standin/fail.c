// SPDX-License-Identifier: GPL-2.0
/*
 * Linked into the tool that faulttop.sh tests: makes what $FAIL names fail, all of it words.
 *   attach       the tracepoint cannot be attached to
 *   membarrier   as on a kernel with nohz_full
 *   map-in-map   no map of maps can be made
 *   write        the first write of data, once
 */
#include <errno.h>
#include <dlfcn.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);

static bool fails(const char *what)
{
	const char *names = getenv("FAIL");

	return names && strstr(names, what);
}

static int refusal(long nr, const long arg[6])
{
	const union bpf_attr *attr = (const void *)arg[1];

	if (nr == __NR_membarrier && fails("membarrier"))
		return EINVAL;
	if (nr != __NR_bpf)
		return 0;
	if (arg[0] == BPF_RAW_TRACEPOINT_OPEN && fails("attach"))
		return ENOMEM;
	if (arg[0] == BPF_MAP_CREATE && attr->map_type == BPF_MAP_TYPE_ARRAY_OF_MAPS &&
	    fails("map-in-map"))
		return ENOMEM;
	return 0;
}

/*
 * In place of libc's, for libbpf too. Like libc's it passes six arguments on, however many there
 * are, so what it reads is not always the caller's to give.
 */
__attribute__((no_sanitize("address"))) long syscall(long nr, ...)
{
	static long (*real)(long nr, ...);
	long arg[6];
	va_list args;

	va_start(args, nr);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	errno = refusal(nr, arg);
	if (errno)
		return -1;
	if (!real)
		real = (long (*)(long nr, ...))dlsym(RTLD_NEXT, "syscall");
	return real(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

/* The linker's --wrap=write */
ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	static bool failed;

	if (fd == STDERR_FILENO || failed || !fails("write"))
		return __real_write(fd, data, size);
	failed = true;
	errno = EIO;
	return -1;
}
