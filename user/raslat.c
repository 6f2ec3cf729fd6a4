// SPDX-License-Identifier: GPL-2.0
/* raslat: where the time goes between a bad page under a guest and the guest's recovery. */
#include <signal.h>

#include "raslat/raslat.h"

int main(int argc, char **argv)
{
	struct raslat_options options;

	/* writes say -EPIPE instead */
	signal(SIGPIPE, SIG_IGN);
	raslat_options_parse(argc, argv, &options);
	switch (options.verb) {
	case VERB_MERGE:
		return raslat_merge(&options);
	default:
		return options.replay ? raslat_replay(&options) : raslat_record(&options);
	}
}
