// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "exitcode.h"
#include "flrread.h"
#include "raslat/files.h"
#include "raslat/print.h"
#include "raslat/raslat.h"
#include "util.h"

int ras_file_read(const char *path, int side, struct ras_log *ret_log)
{
	static const char *const sides[] = { "host", "guest" };
	cleanup_fclose FILE *file = fopen(path, "re");
	char why[FLR_WHY] = "";
	int err;

	if (!file)
		return raslat_fail(EXIT_RUNTIME, path, -errno, NULL);
	err = ras_log_read(file, ret_log, why);
	if (err) {
		fprintf(stderr, TOOL ": %s: %s\n", path, why);
		return EXIT_RUNTIME;
	}
	if (*why)
		fprintf(stderr, TOOL ": %s: %s; what is whole is shown, losses are not known\n",
			path, why);
	if (side >= 0 && ret_log->origin.side != (uint32_t)side) {
		fprintf(stderr, TOOL ": %s is of a %s, not of a %s; merge HOST.flr GUEST.flr\n",
			path, sides[ret_log->origin.side], sides[side]);
		ras_log_fini(ret_log);
		return EXIT_USAGE;
	}
	return EXIT_FINE;
}

int raslat_replay(const struct raslat_options *options)
{
	struct ras_printer printer = { .out = stdout, .json = options->format == FORMAT_JSON };
	struct ras_log log;
	int code = ras_file_read(options->replay, options->verb == VERB_GUEST, &log), err;

	if (code)
		return code;
	err = ras_print_origin(&printer, &log.origin);
	for (size_t i = 0; !err && i < log.n; i++)
		err = ras_print_event(&printer, &log.events[i]);
	if (!err && log.ended)
		ras_print_losses(stderr, &log.end);
	ras_log_fini(&log);
	return !err || err == -EPIPE ? EXIT_FINE : raslat_fail(EXIT_RUNTIME, "stdout", err, NULL);
}

#ifdef REPLAY_ONLY
int raslat_record(const struct raslat_options *options)
{
	return raslat_fail(EXIT_LACKING,
			   "this raslat was built without BPF: it only replays and merges", 0,
			   "scripts/setup says what is missing");
}
#endif
