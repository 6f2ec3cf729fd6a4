// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "faulttop/app.h"
#include "render/render.h"
#include "tui.h"
#include "util.h"

int fail(int code, const char *what, int err, const char *remedy)
{
	fprintf(stderr, TOOL ": %s: %s%s%s\n", what, strerror(-err), remedy ? "; " : "",
		remedy ? remedy : "");
	return code;
}

void settle_terminal(struct options *options)
{
	bool terminal = !options->path && isatty(STDOUT_FILENO);
	const char *no_color = getenv("NO_COLOR");
	char why[128] = "";

	if (terminal)
		tui_unfit(why, sizeof(why));
	if (*why && options->live) {
		fprintf(stderr,
			TOOL
			": no live screen: %s; tables instead, set TERM to what the terminal is\n",
			why);
		options->live = false;
	}
	if (options->color == COLOR_AUTO)
		options->color = terminal && !*why && !(no_color && *no_color) ? COLOR_ALWAYS :
										 COLOR_NEVER;
}

void app_top(const struct app *app, struct top_config *top)
{
	const struct options *options = &app->options;

	top->start = &app->start;
	top->resolver = &app->resolver;
	top->interval_ns = options->interval_ns;
	top->sort = options->sort;
	top->rows = options->screen_rows;
	top->color = options->color == COLOR_ALWAYS;
	top->stats = options->stats;
	top->stacks = options->stacks;
}

static int render(struct app *app, const struct report *report, bool total, char **ret_text,
		  size_t *ret_size)
{
	const struct options *options = &app->options;
	const struct text_style style = {
		.color = options->color == COLOR_ALWAYS,
		.time = options->time,
		.stats = options->stats,
		.stacks = true,
	};
	struct view view;
	int err;
	FILE *out;

	err = view__init(&view, report, &app->resolver, options->rows, total);
	if (err)
		return err;
	out = open_memstream(ret_text, ret_size);
	if (out && options->format == FORMAT_JSON)
		render_json(out, &view);
	else if (out)
		render_text(out, &view, &style);
	view__fini(&view);
	return out && !fclose(out) ? 0 : -ENOMEM;
}

int show(struct app *app, struct report *report, bool total)
{
	cleanup_free char *text = NULL;
	size_t size;
	int err;

	report__sort(report, app->options.sort);
	err = render(app, report, total, &text, &size);
	if (err)
		return err;
	return output_write(app->output.fd, text, size);
}
