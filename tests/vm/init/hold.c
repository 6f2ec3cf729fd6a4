// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel patches the scheduler when the first VM is made and when the last is gone (the static key
 * of preemption notifiers, in __schedule()). A QEMU before 8.1 may keep a translation of the breakpoint
 * that stands there meanwhile. A VM that is there all the time leaves nothing to patch.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hold.h"
#include "wire.h"

#define ISOLATION "/sys/module/kvm/parameters/address_space_isolation"

static void set_isolation(int fd, const char *to)
{
	if (pwrite(fd, to, 1, 0) != 1)
		die("write", ISOLATION);
}

void hold_vm(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int isolation = open(ISOLATION, O_RDWR | O_CLOEXEC);
	char was = 'N';

	if (kvm < 0 && errno == ENOENT)
		return;
	if (kvm < 0)
		die("open", "/dev/kvm");
	/* Made while it is off: no address space of its own, no number, no ranges. */
	if (isolation >= 0 && pread(isolation, &was, 1, 0) != 1)
		die("read", ISOLATION);
	if (was == 'Y')
		set_isolation(isolation, "N");
	if (ioctl(kvm, KVM_CREATE_VM, 0) < 0)
		die("make", "a VM");
	if (was == 'Y')
		set_isolation(isolation, "Y");
	close(isolation);
	close(kvm);
}
