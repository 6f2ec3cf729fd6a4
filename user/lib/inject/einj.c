// SPDX-License-Identifier: GPL-2.0
/* ACPI's error injection: Documentation/firmware-guide/acpi/apei/einj.rst of Linux 6.12. */
#include <errno.h>
#include <string.h>

#include "inject/backend.h"
#include "util.h"

#define DIR "/sys/kernel/debug/apei/einj"
#define TABLE "/sys/firmware/acpi/tables/EINJ"
#define MEMORY_UNCORRECTABLE 0x10 /* non-fatal */
#define FLAG_MEMORY 0x2 /* param1 and param2 are an address and its mask */

/* "0x00000010\tMemory Uncorrectable non-fatal" is one of the lines. */
static int has_memory_error(void)
{
	cleanup_fclose FILE *file = fopen(DIR "/available_error_type", "re");
	unsigned int type;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%x", &type) == 1 && type == MEMORY_UNCORRECTABLE)
			return 1;
	return 0;
}

int einj_usable(char *why, size_t size)
{
	if (access(DIR, F_OK)) {
		if (access(TABLE, F_OK))
			snprintf(why, size,
				 "the firmware has no EINJ table (%s); only firmware with one can "
				 "do it, and its setup may hide it",
				 TABLE);
		else
			snprintf(why, size, "no %s; modprobe einj (CONFIG_ACPI_APEI_EINJ)", DIR);
		return -EOPNOTSUPP;
	}
	if (!has_memory_error())
		snprintf(why, size,
			 "%s/available_error_type has no uncorrectable memory error "
			 "(0x10); take another --backend",
			 DIR);
	else if (access(DIR "/param1", W_OK))
		snprintf(
			why, size,
			"no %s/param1: the firmware takes no address; modprobe einj param_extension=1 "
			"may help",
			DIR);
	else
		return 0;
	return -EOPNOTSUPP;
}

/* The page is not touched here (notrigger): who does, consumes the error. */
int einj_inject(const struct page *page)
{
	const struct {
		const char *path;
		uint64_t value;
	} writes[] = {
		{ DIR "/error_type", MEMORY_UNCORRECTABLE },
		{ DIR "/flags", FLAG_MEMORY },
		{ DIR "/param1", page->pfn << page_shift() },
		{ DIR "/param2", ~((uint64_t)page_size() - 1) },
		{ DIR "/notrigger", 1 },
		{ DIR "/error_inject", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
		int err = backend_write(writes[i].path, writes[i].value);

		if (err)
			return err;
	}
	return 0;
}
