// SPDX-License-Identifier: GPL-2.0
/* Whatever a recording of raslat's holds, it is read, printed and joined, or refused: as fuzz_replay.c. */
#include <stdio.h>

#include "flrread.h"
#include "mutate.h"
#include "raslat/print.h"
#include "raslat/way.h"

static void print(const struct ras_log *log, bool json)
{
	char *text = NULL;
	size_t size;
	struct ras_printer printer = { .out = open_memstream(&text, &size), .json = json };

	if (!printer.out)
		abort();
	ras_print_origin(&printer, &log->origin);
	for (size_t i = 0; i < log->n; i++)
		ras_print_event(&printer, &log->events[i]);
	ras_print_losses(printer.out, &log->end);
	fclose(printer.out);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *file = size ? fmemopen((void *)data, size, "r") : NULL;
	struct ras_ways ways;
	struct ras_log log;
	char why[FLR_WHY];
	const char *no;

	if (!file)
		return 0;
	if (!ras_log_read(file, &log, why)) {
		print(&log, false);
		print(&log, true);
		/* with itself: what is in the one is to be in the other */
		if (!ras_ways_join(&log, &log, &ways, &no))
			ras_ways_fini(&ways);
		ras_log_fini(&log);
	}
	fclose(file);
	return 0;
}
