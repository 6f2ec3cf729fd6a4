// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "caps.h"
#include "cli.h"
#include "exitcode.h"
#include "faulttop/app.h"
#include "flr.h"
#include "procinfo.h"
#include "record.h"
#include "session.h"
#include "waiter.h"

static int libbpf_verbose(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, args);
}

int live_check(void)
{
	struct need needs[CAPS_NEEDS];

	caps_check(needs);
	need_print(needs, CAPS_NEEDS, stdout);
	if (fflush(stdout))
		return fail(EXIT_RUNTIME, "cannot write to stdout", -errno, NULL);
	return need_lacking(needs, CAPS_NEEDS) ? EXIT_LACKING : EXIT_FINE;
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
	lacking = need_lacking(needs, CAPS_NEEDS);
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

static int record_begin(struct app *app)
{
	const struct options *options = &app->options;
	const struct record_config config = {
		.tool = TOOL " " FAULTLINE_VERSION,
		.pid = options->pid,
		.stacks = options->stacks,
		.stats = options->stats,
	};
	int err;

	if (!options->record)
		return EXIT_FINE;
	err = record__start(app->recording.fd, &config, &app->resolver, &app->start, &app->record);
	if (!err)
		return EXIT_FINE;
	files_discard(app);
	return fail(EXIT_RUNTIME, options->record, err,
		    err == -EINVAL ? "-w writes to a regular file" : NULL);
}

/* All that there is is read, written down, and then shown. flags: FLR_SNAPSHOT_* */
static int collect(struct app *app, uint32_t flags, struct snapshot *ret_snapshot)
{
	int err = session__read(app->session, ret_snapshot);

	if (err || !app->record)
		return err;
	err = record__snapshot(app->record, ret_snapshot, flags);
	/* the report is made all the same, but nothing comes after it */
	app->record_err = err;
	return 0;
}

static int app_arm(struct app *app)
{
	int err, code;

	/* first: from here on a signal leaves no file without a report */
	err = waiter_init(app->options.live);
	if (err)
		return fail(EXIT_RUNTIME, "cannot wait for signals", err, NULL);
	code = files_open(app);
	if (code)
		return code;
	code = app_attach(app);
	if (code) {
		files_discard(app);
		return code;
	}
	code = files_start(app);
	if (code)
		return code;
	session_now(&app->start);
	code = record_begin(app);
	if (code)
		return code;
	fputs(TOOL ": ready\n", stderr);
	return EXIT_FINE;
}

static int show_interval(struct app *app)
{
	struct snapshot now;
	struct report report;
	int err;

	err = collect(app, 0, &now);
	if (err)
		return err;
	err = report__init(&report, &app->last, &now);
	snapshot__fini(&app->last);
	app->last = now;
	if (err)
		return err;
	err = show(app, &report, false);
	report__fini(&report);
	return err ? err : app->record_err;
}

static uint64_t end_of(const struct app *app)
{
	uint64_t duration = app->options.duration_ns;

	return duration ? app->start.ns + duration : UINT64_MAX;
}

/* Until the time is over, enough is shown, or a signal comes. 0 or negative errno. */
static int app_batch(struct app *app)
{
	const struct options *options = &app->options;
	uint64_t end = end_of(app);
	uint64_t next = options->interval_ns ? app->start.ns + options->interval_ns : UINT64_MAX;
	uint32_t shown = 0;
	enum wake wake;
	int err = 0;

	app->last.ns = app->start.ns;
	while (!err) {
		wake = waiter_wait(next < end ? next : end, -1);
		if (wake == WAKE_END || (wake == WAKE_TIME && end < next))
			break;
		if (wake != WAKE_TIME)
			continue;
		err = show_interval(app);
		if (++shown == options->count)
			break;
		/* intervals that were slept through are one long one */
		next += (session_now_ns() - next) / options->interval_ns * options->interval_ns;
		next += options->interval_ns;
	}
	return err;
}

static int read_now(void *arg, struct snapshot *ret_snapshot)
{
	struct app *app = arg;
	int err = collect(app, 0, ret_snapshot);

	if (!err && app->record_err)
		snapshot__fini(ret_snapshot);
	return err ? err : app->record_err;
}

static int app_run(struct app *app)
{
	struct top_config top = { .read = read_now, .arg = app, .end_ns = end_of(app) };

	app_top(app, &top);
	return app->options.live ? top_run(&top) : app_batch(app);
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
	err = collect(app, FLR_SNAPSHOT_FINAL | (moving ? FLR_SNAPSHOT_MOVING : 0), &now);
	if (err)
		return err;
	err = report__init(&report, &app->start, &now);
	snapshot__fini(&now);
	if (err)
		return err;
	report.quiet = true;
	*ret_incomplete = moving || losses_any(&report.losses) || report__unaccounted(&report);
	err = show(app, &report, true);
	report__fini(&report);
	return err;
}

static int record_end(struct app *app)
{
	char remedy[80];
	int err;

	if (!app->record)
		return EXIT_FINE;
	err = record__finish(app->record);
	if (!err)
		err = output_close(&app->recording);
	if (!err)
		return EXIT_FINE;
	snprintf(remedy, sizeof(remedy), "the recording ends after %" PRIu64 " snapshots",
		 record__snapshots(app->record));
	return fail(EXIT_RUNTIME, app->options.record, err, remedy);
}

/* Armed to the end. The report is tried for whatever happened before: it has the whole run. */
static int app_observe(struct app *app)
{
	bool incomplete = false;
	int err[3], first = 0, code;

	err[0] = app_run(app);
	err[1] = app_report(app, &incomplete);
	err[2] = output_close(&app->output);
	code = record_end(app);
	/* a failed recording ended the run, and is told */
	for (int i = 0; i < 3; i++)
		if (err[i] && err[i] != app->record_err && (!first || first == -EPIPE))
			first = err[i];
	if (code && (!first || first == -EPIPE))
		return code;
	return finish(app, first, incomplete);
}

static void app_close(struct app *app)
{
	record__free(app->record);
	session__close(app->session);
	resolver__fini(&app->resolver);
	snapshot__fini(&app->last);
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
