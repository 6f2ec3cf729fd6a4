// SPDX-License-Identifier: GPL-2.0
/* asi-faulttop: top of what is missing from the page tables of KVM address space isolation. */
#include "faulttop/app.h"

int main(int argc, char **argv)
{
	struct app app = {};

	options_parse(argc, argv, &app.options);
	if (app.options.schema)
		return print_schema();
	if (app.options.check)
		return live_check();
	settle_terminal(&app.options);
	return app.options.replay ? replay_run(&app) : live_run(&app);
}
