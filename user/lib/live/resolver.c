// SPDX-License-Identifier: GPL-2.0
/* Names, as this kernel has them. */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "caps.h"
#include "platform.h"
#include "util.h"
#include "view.h"

/* The note that the linker left: 16 bytes of head and name, then the id. elf(5) */
static uint32_t build_id(uint8_t ret_id[32])
{
	cleanup_fclose FILE *file = fopen("/sys/kernel/notes", "re");
	struct {
		uint32_t name_size, size, type;
	} note;
	uint8_t text[512];

	while (file && fread(&note, sizeof(note), 1, file) == 1) {
		uint32_t name = (note.name_size + 3) / 4 * 4, size = (note.size + 3) / 4 * 4;

		if (name > sizeof(text) || size > sizeof(text) || note.name_size > name ||
		    fread(text, 1, name, file) != name)
			break;
		if (note.type == NT_GNU_BUILD_ID && !memcmp(text, "GNU", 4) && note.size <= 32)
			return fread(ret_id, 1, note.size, file) == note.size ? note.size : 0;
		if (fread(text, 1, size, file) != size)
			break;
	}
	return 0;
}

static void kernel_id(struct kernel_id *ret_id)
{
	struct utsname uts;

	uname(&uts);
	snprintf(ret_id->release, sizeof(ret_id->release), "%s", uts.release);
	snprintf(ret_id->machine, sizeof(ret_id->machine), "%.*s", (int)sizeof(ret_id->machine) - 1,
		 uts.machine);
	ret_id->build_id_size = build_id(ret_id->build_id);
}

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
	kernel_id(&resolver.kernel);
	resolver.emulated = platform_print(resolver.platform, sizeof(resolver.platform));
	*ret_resolver = resolver;
	return 0;
}
