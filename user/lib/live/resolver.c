// SPDX-License-Identifier: GPL-2.0
/* Names, as this kernel has them. */
#include <errno.h>
#include <string.h>

#include "caps.h"
#include "platform.h"
#include "util.h"
#include "view.h"

int resolver__init(struct resolver *ret_resolver)
{
	struct resolver resolver = {};
	int err;

	err = ksyms__load(NULL, &resolver.ksyms);
	if (err == -ENOMEM)
		return err;
	if (err == -EPERM)
		caps_symbols_hidden(resolver.symbols, sizeof(resolver.symbols));
	else if (err)
		snprintf(resolver.symbols, sizeof(resolver.symbols),
			 "cannot read /proc/kallsyms: %s", strerror(-err));
	err = klayout__read(&resolver.layout, resolver.ksyms);
	if (!err)
		err = exitnames__load(&resolver.exits);
	if (err == -ENOMEM) {
		resolver__fini(&resolver);
		return err;
	}
	if (!*resolver.symbols && !resolver.layout.known && resolver.layout.peek_err)
		snprintf(resolver.symbols, sizeof(resolver.symbols),
			 "cannot read kernel memory: %s: most regions unknown",
			 strerror(-resolver.layout.peek_err));
	else if (!*resolver.symbols && !resolver.layout.known)
		snprintf(resolver.symbols, sizeof(resolver.symbols),
			 "no data symbols (CONFIG_KALLSYMS_ALL): most regions unknown");
	resolver.emulated = platform_print(resolver.platform, sizeof(resolver.platform));
	*ret_resolver = resolver;
	return 0;
}
