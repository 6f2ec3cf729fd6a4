// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "output.h"
#include "tui.h"
#include "util.h"
#include "waiter.h"
#include "render/render.h"
#include "top/keys.h"
#include "top/screen.h"
#include "top/top.h"

/* snapshot files of the same second */
#define MOST_FILES 99

struct top {
	const struct top_config *config;
	struct browse browse;
	struct snapshot zero, last;
	bool last_is_zero, zeroed;
	struct report report;
	uint64_t next_ns;
	bool ended; /* nothing more to read */
	char message[200];
};

static int draw(struct top *top)
{
	const struct top_config *config = top->config;
	const struct screen screen = {
		.report = &top->report,
		.resolver = config->resolver,
		.scope = top->zeroed ? "since zero" : "since start",
		.state = top->ended	    ? "END" :
			 top->browse.paused ? "PAUSED" :
					      "",
		.message = top->message,
		.rows = config->rows,
		.stats = config->stats,
		.stacks = config->stacks,
	};

	report__sort(&top->report, top->browse.sort);
	if (top->browse.reverse)
		report__reverse(&top->report);
	return screen_draw(&screen, &top->browse);
}

/* Makes the report up to now, which becomes the last; now NULL: the last again. */
static int take(struct top *top, struct snapshot *now)
{
	const struct snapshot *last = top->last_is_zero ? &top->zero : &top->last;
	struct report report;
	int err;

	err = report__init_since(&report, &top->zero, last, now ? now : last);
	if (now) {
		snapshot__fini(&top->last);
		top->last = *now;
		top->last_is_zero = false;
	}
	if (err)
		return err;
	report__fini(&top->report);
	top->report = report;
	return 0;
}

static int next(struct top *top)
{
	struct snapshot now;
	int err;

	err = top->config->read(top->config->arg, &now);
	if (err == -ENODATA) {
		top->ended = true;
		top->report.cut_off = top->config->cut_off;
		return draw(top);
	}
	err = err ? err : take(top, &now);
	return err ? err : draw(top);
}

/* In a pause: what is read may be recorded, and the next rates are not of the whole pause. */
static int next_unseen(struct top *top)
{
	struct snapshot now;
	int err;

	err = top->config->read(top->config->arg, &now);
	if (err)
		return err;
	snapshot__fini(&top->last);
	top->last = now;
	top->last_is_zero = false;
	return 0;
}

/* Intervals that were slept through are one long one. */
static void schedule(struct top *top)
{
	uint64_t interval = top->browse.interval_ns, now = waiter_now_ns();

	top->next_ns += interval;
	if (top->next_ns <= now)
		top->next_ns += ((now - top->next_ns) / interval + 1) * interval;
}

/* Counts from now; in a recording, from what is shown. */
static int zero(struct top *top)
{
	struct snapshot now;
	int err = 0;

	if (!top->config->recorded)
		err = top->config->read(top->config->arg, &now);
	else if (top->last_is_zero)
		return 0;
	else
		now = top->last;
	if (err)
		return err;
	if (!top->config->recorded)
		snapshot__fini(&top->last);
	top->last = (struct snapshot){};
	snapshot__fini(&top->zero);
	top->zero = now;
	top->last_is_zero = true;
	top->zeroed = true;
	err = take(top, NULL);
	return err ? err : draw(top);
}

/* All rows of what is shown. */
static int print_report(const struct top *top, char **ret_text, size_t *ret_size)
{
	struct view view;
	FILE *out;
	int err;

	err = view__init(&view, &top->report, top->config->resolver, 0, false);
	if (err)
		return err;
	out = open_memstream(ret_text, ret_size);
	if (out)
		render_json(out, &view);
	view__fini(&view);
	return out && !fclose(out) ? 0 : -ENOMEM;
}

/* A new file of that second; its name in buf. Negative errno: of the last name tried. */
static int open_file(const struct top *top, char *buf, size_t size, struct output *ret_output)
{
	time_t seconds = top->report.to_real_ns / 1000000000;
	char time[32];
	struct tm tm;
	int err = -EEXIST;

	gmtime_r(&seconds, &tm);
	strftime(time, sizeof(time), "%Y%m%dT%H%M%SZ", &tm);
	for (int i = 1; err == -EEXIST && i <= MOST_FILES; i++) {
		snprintf(buf, size, i > 1 ? "asi-faulttop-%s-%d.json" : "asi-faulttop-%s.json",
			 time, i);
		err = output_open(buf, false, ret_output);
	}
	return err;
}

static int write_file(struct top *top)
{
	cleanup_free char *text = NULL;
	struct output output;
	char name[80];
	size_t size;
	int err;

	err = print_report(top, &text, &size);
	if (err)
		return err;
	err = open_file(top, name, sizeof(name), &output);
	if (!err) {
		err = output_write(output.fd, text, size);
		if (err)
			output_discard(&output);
		else
			err = output_close(&output);
	}
	if (err)
		snprintf(top->message, sizeof(top->message), "cannot write %s: %s", name,
			 strerror(-err));
	else
		snprintf(top->message, sizeof(top->message), "wrote %s (%zu rows, JSON)", name,
			 top->report.n);
	return draw(top);
}

static int act(struct top *top, enum browse_action action, bool *ret_quit)
{
	switch (action) {
	case BROWSE_QUIT:
		*ret_quit = true;
		return 0;
	case BROWSE_NEXT:
		top->next_ns = waiter_now_ns();
		schedule(top);
		return next(top);
	case BROWSE_PACE:
		top->next_ns = waiter_now_ns();
		schedule(top);
		return draw(top);
	case BROWSE_ZERO:
		return zero(top);
	case BROWSE_WRITE:
		return write_file(top);
	case BROWSE_DRAW:
		return draw(top);
	default:
		return 0;
	}
}

static int keys(struct top *top, bool *ret_quit)
{
	int key, err = 0;

	while (!err && !*ret_quit && (key = tui_key()) != TUI_NONE) {
		enum browse_action action = browse_key(&top->browse, key);

		/* a message stays until the next key */
		if (action == BROWSE_NOTHING && *top->message)
			action = BROWSE_DRAW;
		*top->message = '\0';
		err = act(top, action, ret_quit);
	}
	return err;
}

static int suspend(struct top *top)
{
	int err;

	tui_leave();
	waiter_stop();
	err = tui_enter(top->config->color);
	return err ? err : draw(top);
}

static int step(struct top *top, enum wake wake, bool *ret_quit)
{
	switch (wake) {
	case WAKE_TIME:
		if (waiter_now_ns() >= top->config->end_ns) {
			*ret_quit = true;
			return 0;
		}
		schedule(top);
		return top->browse.paused ? next_unseen(top) : next(top);
	case WAKE_KEY:
		return keys(top, ret_quit);
	case WAKE_STOP:
		return suspend(top);
	case WAKE_RESIZE:
	case WAKE_CONTINUED:
		tui_resize();
		return draw(top);
	case WAKE_END:
		*ret_quit = true;
	}
	return 0;
}

int top_run(const struct top_config *config)
{
	struct top top = {
		.config = config,
		.browse = { .sort = config->sort, .interval_ns = config->interval_ns },
		.last_is_zero = true,
		.next_ns = waiter_now_ns(),
	};
	bool quit = false;
	int err;

	/* the start is not ours to free */
	top.zero.ns = config->start->ns;
	top.zero.real_ns = config->start->real_ns;
	err = take(&top, NULL);
	err = err ? err : tui_enter(config->color);
	err = err ? err : draw(&top);
	schedule(&top);
	while (!err && !quit) {
		bool still = top.ended || (top.browse.paused && config->recorded);
		uint64_t until = still || config->end_ns < top.next_ns ? config->end_ns :
									 top.next_ns;

		err = step(&top, waiter_wait(until, tui_keyboard()), &quit);
	}
	tui_leave();
	snapshot__fini(&top.zero);
	snapshot__fini(&top.last);
	report__fini(&top.report);
	return err;
}
