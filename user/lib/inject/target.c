// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "exitcode.h"
#include "inject/guest.h"
#include "inject/inject.h"
#include "procinfo.h"

/* The page of pid at vaddr, which is this machine's; what it is called for the user comes first. */
static int resolve_vaddr(struct injection *injection, const char *what)
{
	uint32_t pid = injection->pid, tgid;
	int err = process_check(pid, &tgid);

	if (err == -ESRCH)
		return inject_fail(injection, EXIT_RUNTIME, "%s: no process %u", what, pid);
	err = page_of_process(pid, injection->vaddr, &injection->page.pfn);
	if (err == -ENODATA)
		return inject_fail(injection, EXIT_RUNTIME,
				   "%s: process %u has no page in memory at %#" PRIx64
				   "; have it touch the page first",
				   what, pid, injection->vaddr);
	if (err)
		return inject_fail(injection, EXIT_LACKING,
				   "%s: /proc/%u/pagemap: %s; run it as root", what, pid,
				   strerror(-err));
	return EXIT_FINE;
}

int target_resolve(struct injection *injection)
{
	const struct inject_options *options = injection->options;
	int code;

	switch (options->target) {
	case TARGET_PFN:
		injection->page.pfn = options->pfn;
		return EXIT_FINE;
	case TARGET_VADDR:
		injection->pid = options->pid;
		injection->vaddr = options->vaddr;
		return resolve_vaddr(injection, "--vaddr");
	default:
		if (!injection->has_page)
			return EXIT_FINE;
		code = guest_resolve(injection);
		return code ? code : resolve_vaddr(injection, "--gpa");
	}
}
