// SPDX-License-Identifier: GPL-2.0
/* rasinject: have the kernel, the firmware or QEMU take a page for bad, carefully, and verify it. */
#include "inject/inject.h"

int main(int argc, char **argv)
{
	struct inject_options options;

	inject_options_parse(argc, argv, &options);
	if (options.check)
		return check_run(&options);
	return options.undo ? undo_run(&options) : inject_run(&options);
}
