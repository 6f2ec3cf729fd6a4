// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "duration.h"
#include "exitcode.h"
#include "faulttop/app.h"
#include "replay.h"
#include "util.h"
#include "waiter.h"

/* What a first look at all of the file found. */
struct survey {
	uint64_t snapshots;
	uint64_t last_ns; /* of the last of them */
	bool final; /* it is the one that was taken when the program was stopped */
	bool pid_seen;
	bool cut_off;
};

static int refuse(const struct app *app, const char *why)
{
	fprintf(stderr, TOOL ": %s: %s\n", app->options.replay, why);
	return EXIT_RUNTIME;
}

static int refuse_empty(const struct app *app, const char *why)
{
	fprintf(stderr, TOOL ": %s: %s, before its first snapshot\n", app->options.replay, why);
	return EXIT_RUNTIME;
}

static int open_recording(const struct app *app, struct replay **ret_replay)
{
	FILE *file = fopen(app->options.replay, "re");
	int err = -EINVAL;
	char why[FLR_WHY];
	struct stat stat;

	if (!file || fstat(fileno(file), &stat)) {
		snprintf(why, sizeof(why), "%s", strerror(errno));
		if (file)
			fclose(file);
		return refuse(app, why);
	}
	/* it is read twice */
	if (!S_ISREG(stat.st_mode))
		snprintf(why, sizeof(why), "not a regular file; copy the recording to one");
	else
		err = replay__open(file, ret_replay, why);
	if (!err)
		return EXIT_FINE;
	fclose(file);
	return err == -ENODATA ? refuse_empty(app, why) : refuse(app, why);
}

/* A spoilt file is refused before any of it is shown. */
static int survey_snapshots(const struct app *app, struct replay *replay, struct survey *survey)
{
	struct snapshot now;
	char why[FLR_WHY];
	uint32_t flags;
	int got;

	while ((got = replay__next(replay, &now, &flags, why)) > 0) {
		survey->snapshots++;
		survey->last_ns = now.ns;
		survey->final = flags & FLR_SNAPSHOT_FINAL;
		for (size_t i = 0; i < now.n_vms; i++)
			survey->pid_seen |= now.vms[i].key.pid == app->options.pid;
		snapshot__fini(&now);
	}
	if (got && got != -ENODATA)
		return refuse(app, why);
	if (!survey->snapshots)
		return refuse_empty(app, why);
	survey->cut_off = got;
	if (survey->cut_off)
		fprintf(stderr, TOOL ": %s: %s: what came after its first %.3f s is missing\n",
			app->options.replay, why,
			(survey->last_ns - replay__origin(replay)->start.ns) / 1e9);
	return EXIT_FINE;
}

/* What the recording does not have cannot be shown. */
static int check_options(const struct app *app, const struct replay_origin *origin,
			 const struct survey *survey)
{
	const struct options *options = &app->options;

	if (options->stacks && !origin->stacks)
		return refuse(app, "there are no stacks in it (-S): it was recorded without -S");
	if (options->stats && !origin->stats)
		return refuse(app, "there is no cost in it (--stats): it was recorded without");
	if (!options->pid || survey->pid_seen || options->pid == origin->pid)
		return EXIT_FINE;
	fprintf(stderr, TOOL ": %s: no VM of process %u (-p) in it\n", options->replay,
		options->pid);
	return EXIT_NO_SUCH;
}

static int survey_recording(const struct app *app, struct survey *survey)
{
	struct replay *replay;
	int code = open_recording(app, &replay);

	if (code)
		return code;
	code = survey_snapshots(app, replay, survey);
	code = code ? code : check_options(app, replay__origin(replay), survey);
	replay__free(replay);
	return code;
}

static void describe(const struct replay *replay)
{
	const struct kernel_id *kernel = &replay__resolver(replay)->kernel;
	const struct replay_origin *origin = replay__origin(replay);

	fprintf(stderr, TOOL ": recorded by %s on Linux %s %s, build id ", origin->tool,
		kernel->release, kernel->machine);
	for (uint32_t i = 0; i < kernel->build_id_size; i++)
		fprintf(stderr, "%02x", kernel->build_id[i]);
	fprintf(stderr, "%s\n", kernel->build_id_size ? "" : "unknown");
}

/* What the options ask for of what was recorded. */
static void choose(const struct app *app, const struct replay *replay, struct snapshot *now)
{
	const struct options *options = &app->options;

	if (options->pid && options->pid != replay__origin(replay)->pid)
		snapshot__keep(now, options->pid);
	if (!options->stats)
		now->cost.state = COST_UNASKED;
}

static int show_interval(struct app *app, const struct snapshot *now)
{
	struct report report;
	int err = report__init(&report, &app->last, now);

	if (err)
		return err;
	err = show(app, &report, false);
	report__fini(&report);
	return err;
}

static int show_total(struct app *app, const struct snapshot *now, const struct survey *survey,
		      bool *ret_incomplete)
{
	struct report report;
	int err = report__init(&report, &app->start, now);

	if (err)
		return err;
	report.quiet = survey->final;
	report.cut_off = survey->cut_off;
	*ret_incomplete |= losses_any(&report.losses) || report.cut_off ||
			   (report.quiet && report__unaccounted(&report));
	err = show(app, &report, true);
	report__fini(&report);
	return err;
}

/* 0 or negative errno */
static int show_all(struct app *app, struct replay *replay, const struct survey *survey,
		    bool *ret_incomplete)
{
	char why[FLR_WHY];
	int err = 0;

	for (uint64_t i = 1; !err && i <= survey->snapshots; i++) {
		struct snapshot now;
		uint32_t flags;

		/* it was read before: it was changed since */
		if (replay__next(replay, &now, &flags, why) <= 0)
			return -EIO;
		choose(app, replay, &now);
		if (!(flags & FLR_SNAPSHOT_FINAL) && !app->options.once && !app->options.live)
			err = show_interval(app, &now);
		if (flags & FLR_SNAPSHOT_MOVING)
			*ret_incomplete = true;
		if (!err && i == survey->snapshots)
			err = show_total(app, &now, survey, ret_incomplete);
		snapshot__fini(&app->last);
		app->last = now;
	}
	return err;
}

static void use(struct app *app, const struct replay *replay)
{
	app->resolver = *replay__resolver(replay);
	if (!app->options.stacks)
		app->resolver.stacks = NULL;
	app->start = replay__origin(replay)->start;
}

struct player {
	struct app *app;
	struct replay *replay;
	uint64_t left; /* snapshots */
};

static int read_recorded(void *arg, struct snapshot *ret_snapshot)
{
	struct player *player = arg;
	char why[FLR_WHY];
	uint32_t flags;

	if (!player->left)
		return -ENODATA;
	/* it was read before: it was changed since */
	if (replay__next(player->replay, ret_snapshot, &flags, why) <= 0)
		return -EIO;
	player->left--;
	choose(player->app, player->replay, ret_snapshot);
	return 0;
}

/* On a terminal: the intervals, at the user's pace. */
static int replay_play(struct app *app, struct replay *replay, const struct survey *survey)
{
	struct player player = { .app = app, .replay = replay, .left = survey->snapshots };
	struct top_config top = {
		.read = read_recorded,
		.arg = &player,
		.recorded = true,
		.cut_off = survey->cut_off,
		.end_ns = UINT64_MAX,
	};
	int err;

	use(app, replay);
	app_top(app, &top);
	err = waiter_init(true);
	err = err ? err : top_run(&top);
	return err ? fail(EXIT_RUNTIME, app->options.replay, err, NULL) : EXIT_FINE;
}

static int replay_show(struct app *app, struct replay *replay, const struct survey *survey)
{
	bool incomplete = false;
	int code, err, close_err;

	code = files_open(app);
	if (code)
		return code;
	code = files_start(app);
	if (code)
		return code;
	use(app, replay);
	if (app->options.verbose)
		describe(replay);
	app->last = app->start;
	err = show_all(app, replay, survey, &incomplete);
	close_err = output_close(&app->output);
	snapshot__fini(&app->last);
	return finish(app, err && err != -EPIPE ? err : close_err ? close_err : err, incomplete);
}

typedef int shown_fn(struct app *app, struct replay *replay, const struct survey *survey);

static int replay_with(struct app *app, const struct survey *survey, shown_fn *shown)
{
	struct replay *replay;
	int code = open_recording(app, &replay);

	if (code)
		return code;
	code = shown(app, replay, survey);
	replay__free(replay);
	return code;
}

int replay_run(struct app *app)
{
	struct survey survey = {};
	int code;

	/* writes say -EPIPE */
	signal(SIGPIPE, SIG_IGN);
	code = survey_recording(app, &survey);
	if (!code && app->options.live)
		code = replay_with(app, &survey, replay_play);
	/* after the screen: the report over the whole run */
	return code ? code : replay_with(app, &survey, replay_show);
}

#ifdef REPLAY_ONLY
int replay_only(void)
{
	fputs(TOOL ": this build can only replay (-r FILE): it was made without clang, bpftool or "
		   "libbpf; run sudo scripts/setup and make again\n",
	      stderr);
	return EXIT_LACKING;
}
#endif
