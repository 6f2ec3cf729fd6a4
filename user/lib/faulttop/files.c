// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "exitcode.h"
#include "faulttop/app.h"

static bool same(int fd, const char *path)
{
	struct stat a, b;

	return path && !fstat(fd, &a) && !stat(path, &b) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static int open_one(const char *path, bool force, struct output *ret_output)
{
	int err = output_open(path, force, ret_output);

	if (err)
		return fail(EXIT_RUNTIME, path, err,
			    err == -EEXIST ? "--force overwrites it" : NULL);
	return EXIT_FINE;
}

int files_open(struct app *app)
{
	const struct options *options = &app->options;
	int code = open_one(options->path, options->force, &app->output);

	if (code)
		return code;
	if (options->path && same(app->output.fd, options->replay)) {
		output_discard(&app->output);
		return fail(EXIT_RUNTIME, options->path, -EINVAL, "-O and -r name the same file");
	}
	if (!options->record)
		return EXIT_FINE;
	code = open_one(options->record, options->force, &app->recording);
	if (!code && same(app->recording.fd, options->path)) {
		output_discard(&app->recording);
		code = fail(EXIT_RUNTIME, options->record, -EINVAL, "-O and -w name the same file");
	}
	if (code)
		output_discard(&app->output);
	return code;
}

void files_discard(struct app *app)
{
	output_discard(&app->output);
	if (app->options.record)
		output_discard(&app->recording);
}

static int start_one(struct app *app, const struct output *output)
{
	int err = output_start(output);

	if (!err)
		return EXIT_FINE;
	files_discard(app);
	return fail(EXIT_RUNTIME, output->path, err, NULL);
}

int files_start(struct app *app)
{
	int code = start_one(app, &app->output);

	return !code && app->options.record ? start_one(app, &app->recording) : code;
}

int finish(const struct app *app, int err, bool incomplete)
{
	const char *path = app->options.path;

	/* the reader has seen enough: no error, but no proof of completeness either */
	if (err && err != -EPIPE)
		return fail(EXIT_RUNTIME, path ? path : "report", err, NULL);
	if (!incomplete || !app->options.strict)
		return EXIT_FINE;
	fprintf(stderr, TOOL ": incomplete (--strict): %s\n",
		err ? "the losses are in the report that nobody read" :
		      "see the losses in the report");
	return EXIT_INCOMPLETE;
}
