// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>

#include "need.h"
#include "util.h"

const struct need *need_lacking(const struct need *needs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (needs[i].required && !needs[i].met && !needs[i].unknown)
			return &needs[i];
	return NULL;
}

void need_print(const struct need *needs, size_t n, FILE *out)
{
	for (size_t i = 0; i < n; i++) {
		const struct need *need = &needs[i];
		const char *state = need->met	   ? "ok" :
				    need->unknown  ? "unknown" :
				    need->required ? "MISSING" :
						     "poorer";

		fprintf(out, "%-8s %-14s %s%s%s\n", state, need->what, need->why,
			need->met ? "" : ": ", need->met ? "" : need->remedy);
	}
}

uint64_t need_caps(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	if (syscall(SYS_capget, &header, data))
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

int need_tracefs(const char *name, char *path, size_t size)
{
	static const char *const roots[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		snprintf(path, size, "%s/%s", roots[i], name);
		if (!access(path, F_OK))
			return 0;
	}
	return -errno;
}
