// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "faulttop/app.h"
#include "render/render.h"
#include "term.h"
#include "util.h"

/* lines of the live screen that are not rows: time, title, four of foot */
#define LIVE_OVERHEAD 6

int fail(int code, const char *what, int err, const char *remedy)
{
	fprintf(stderr, TOOL ": %s: %s%s%s\n", what, strerror(-err), remedy ? "; " : "",
		remedy ? remedy : "");
	return code;
}

static bool use_color(const struct app *app)
{
	const char *no_color = getenv("NO_COLOR");

	if (app->options.color != COLOR_AUTO)
		return app->options.color == COLOR_ALWAYS;
	return isatty(app->output.fd) && !(no_color && *no_color);
}

static int render(struct app *app, const struct report *report, bool total, char **ret_text,
		  size_t *ret_size)
{
	const struct options *options = &app->options;
	bool live = options->live && !total;
	/* a stack does not fit a screen of sites; the final report has it */
	struct text_style style = {
		.color = use_color(app),
		.time = options->time,
		.stats = options->stats,
		.stacks = !live,
	};
	uint32_t rows = options->rows;
	struct view view;
	int err, lines;
	FILE *out;

	if (live) {
		term_size(app->output.fd, &style.columns, &lines);
		lines = lines > LIVE_OVERHEAD ? lines - LIVE_OVERHEAD : 1;
		if (!rows || (uint32_t)lines < rows)
			rows = lines;
	}
	err = view__init(&view, report, &app->resolver, rows, total);
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
	if (app->options.live && !total)
		return term_draw(app->output.fd, text, size);
	return output_write(app->output.fd, text, size);
}
