// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "caps.h"
#include "exitcode.h"
#include "faulttop/app.h"
#include "procinfo.h"
#include "session.h"
#include "term.h"
#include "waiter.h"

static int libbpf_verbose(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, args);
}

int live_check(void)
{
	struct need needs[CAPS_NEEDS];

	caps_check(needs);
	caps_print(needs, stdout);
	if (fflush(stdout))
		return fail(EXIT_RUNTIME, "cannot write to stdout", -errno, NULL);
	return caps_lacking(needs) ? EXIT_LACKING : EXIT_FINE;
}

static int check_pid(uint32_t pid)
{
	uint32_t tgid;
	int err = process_check(pid, &tgid);

	if (!err)
		return EXIT_FINE;
	if (err == -ENOTUNIQ)
		fprintf(stderr, TOOL ": %u is a thread (-p), not a VMM; use its process, -p %u\n",
			pid, tgid);
	else
		fprintf(stderr, TOOL ": no process %u (-p); pidof qemu-system-x86_64 lists VMMs\n",
			pid);
	return EXIT_NO_SUCH;
}

/* What the command line names comes first: it is wrong on any kernel. */
static int check_start(const struct options *options)
{
	struct need needs[CAPS_NEEDS];
	const struct need *lacking;

	if (options->pid && check_pid(options->pid))
		return EXIT_NO_SUCH;
	caps_check(needs);
	lacking = caps_lacking(needs);
	if (!lacking)
		return EXIT_FINE;
	fprintf(stderr, TOOL ": %s: %s; %s\n", lacking->what, lacking->why, lacking->remedy);
	return EXIT_LACKING;
}

static int app_open(struct app *app)
{
	const struct options *options = &app->options;
	struct session_config config = {
		.pid = options->pid,
		.sites = options->sites,
		.stacks = options->stacks,
		.stats = options->stats,
	};
	int err;

	libbpf_set_print(options->verbose ? libbpf_verbose : NULL);
	err = session__open(&config, &app->session);
	if (err == -EPERM)
		return fail(EXIT_LACKING, "cannot load the BPF program", err,
			    "run it as root, outside a container; -v shows libbpf's reasons");
	if (err)
		return fail(EXIT_RUNTIME, "cannot load the BPF program", err,
			    "-v shows libbpf's reasons");
	err = resolver__init(&app->resolver);
	if (err)
		return fail(EXIT_RUNTIME, "cannot read the kernel's symbols", err, NULL);
	app->resolver.stacks = session__stacks(app->session);
	return EXIT_FINE;
}

static int app_attach(struct app *app)
{
	int err = session__arm(app->session);

	if (err == -ENOENT)
		return fail(EXIT_LACKING, "no tracepoint asi:asi_fault", err,
			    "boot the kernel of 'make kernel' with kvm.address_space_isolation=1");
	if (err)
		return fail(EXIT_RUNTIME, "cannot attach to asi:asi_fault", err, NULL);
	return EXIT_FINE;
}

static int app_arm(struct app *app)
{
	const struct options *options = &app->options;
	int err, code;

	/* first: from here on a signal leaves no file without a report */
	waiter_init(options->live);
	err = output_open(options->path, options->force, &app->output);
	if (err)
		return fail(EXIT_RUNTIME, options->path, err,
			    err == -EEXIST ? "--force overwrites it" : NULL);
	code = app_attach(app);
	if (code) {
		output_discard(&app->output);
		return code;
	}
	err = output_start(&app->output);
	if (err) {
		output_discard(&app->output);
		return fail(EXIT_RUNTIME, options->path, err, NULL);
	}
	session_now(&app->start);
	fputs(TOOL ": ready\n", stderr);
	return EXIT_FINE;
}

static int show_interval(struct app *app)
{
	struct snapshot now;
	struct report report;
	int err;

	err = session__read(app->session, &now);
	if (err)
		return err;
	err = report__init(&report, &app->last, &now);
	snapshot__fini(&app->last);
	app->last = now;
	if (err)
		return err;
	report__fini(&app->shown);
	app->shown = report;
	return show(app, &app->shown, false);
}

/* What was last shown, once more: the interval that is running stays whole. */
static int redraw(struct app *app)
{
	return app->shown.rows ? show(app, &app->shown, false) : 0;
}

static int suspend(struct app *app)
{
	term_leave();
	waiter_stop();
	term_enter(app->output.fd);
	return redraw(app);
}

/* Until the time is over, enough is shown, or a signal comes. 0 or negative errno. */
static int app_run(struct app *app)
{
	const struct options *options = &app->options;
	uint64_t end = options->duration_ns ? app->start.ns + options->duration_ns : UINT64_MAX;
	uint64_t next = options->interval_ns ? app->start.ns + options->interval_ns : UINT64_MAX;
	uint32_t shown = 0;
	enum wake wake;
	int err = 0;

	app->last.ns = app->start.ns;
	if (options->live)
		term_enter(app->output.fd);
	while (!err) {
		wake = waiter_wait(next < end ? next : end);
		if (wake == WAKE_END || (wake == WAKE_TIME && end < next))
			break;
		if (wake != WAKE_TIME) {
			err = wake == WAKE_STOP ? suspend(app) : redraw(app);
			continue;
		}
		err = show_interval(app);
		if (++shown == options->count)
			break;
		/* intervals that were slept through are one long one */
		next += (session_now_ns() - next) / options->interval_ns * options->interval_ns;
		next += options->interval_ns;
	}
	term_leave();
	return err;
}

/* The whole run, with the program quiet. *ret_incomplete: something was lost. */
static int app_report(struct app *app, bool *ret_incomplete)
{
	struct snapshot now;
	struct report report;
	int err, moving;

	moving = session__disarm(app->session);
	if (moving)
		fail(0, "cannot wait for the program to end", moving,
		     "the report may lack a fault a CPU");
	err = session__read(app->session, &now);
	if (err)
		return err;
	err = report__init(&report, &app->start, &now);
	snapshot__fini(&now);
	if (err)
		return err;
	*ret_incomplete = moving || losses_any(&report.losses) || report__unaccounted(&report);
	err = show(app, &report, true);
	report__fini(&report);
	return err;
}

/* err: of the intervals, the report or the end of the output, whichever was first */
static int app_finish(const struct app *app, int err, bool incomplete)
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

/* Armed to the end. The report is tried for whatever happened before: it has the whole run. */
static int app_observe(struct app *app)
{
	bool incomplete = false;
	int err[3], first = 0;

	err[0] = app_run(app);
	err[1] = app_report(app, &incomplete);
	err[2] = output_close(&app->output);
	for (int i = 0; i < 3; i++)
		if (err[i] && (!first || first == -EPIPE))
			first = err[i];
	return app_finish(app, first, incomplete);
}

static void app_close(struct app *app)
{
	session__close(app->session);
	resolver__fini(&app->resolver);
	snapshot__fini(&app->last);
	report__fini(&app->shown);
}

int live_run(struct app *app)
{
	int code = check_start(&app->options);

	code = code ? code : app_open(app);
	code = code ? code : app_arm(app);
	code = code ? code : app_observe(app);
	app_close(app);
	return code;
}
