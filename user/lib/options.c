// SPDX-License-Identifier: GPL-2.0
#include <argp.h>
#include <errno.h>
#include <string.h>

#include "cli.h"
#include "duration.h"
#include "exitcode.h"
#include "options.h"
#include "procinfo.h"
#include "util.h"

#define TOOL "asi-faulttop"

#define DEFAULT_ROWS_TEXT 20
#define MOST_SITES (1u << 20)

enum {
	KEY_ONCE = 0x100,
	KEY_FORCE,
	KEY_STRICT,
	KEY_CHECK,
	KEY_SCHEMA,
	KEY_STATS,
	KEY_COLOR,
	KEY_SITES,
};

static const char doc[] =
	"Shows live what is missing from the page tables of KVM address space isolation: which "
	"address, touched by which instruction, for which VM, on which VM exit, how often."
	"\v"
	"INTERVAL is a time such as 500ms, 2 or 1.5s; COUNT intervals are shown, then the report over "
	"all of them. A terminal without COUNT and -b gets a live screen, redrawn every second or "
	"INTERVAL: q quits, h shows all keys, / filters, Enter shows all about a row. Anything else "
	"without INTERVAL gets the report only, at the end: ^C, SIGTERM, or -d.\n"
	"\n"
	"EXAMPLES:\n"
	"  asi-faulttop                   live, until ^C\n"
	"  asi-faulttop -b 5 3            three tables, one every 5 s, then the report\n"
	"  asi-faulttop --once 500ms      half a second, one table\n"
	"  asi-faulttop -p 1234 -S -d 10  VMM 1234 for 10 s, with a stack for each row\n"
	"  asi-faulttop -o json -O out.json -d 1m\n"
	"                                 exact figures as JSON lines (docs/JSON.md)\n"
	"  asi-faulttop -w run.flr -d 1m 10\n"
	"                                 also record it, with a table every 10 s\n"
	"  asi-faulttop -r run.flr -n 3   show the three top rows of each of these tables\n"
	"  asi-faulttop --check           what works here, and what to do about the rest\n"
	"\n"
	"EXIT STATUS: 0 fine, also without a fault; 1 runtime error; 2 usage; 3 the kernel or the "
	"privileges lack something; 4 --strict, and something was lost; 5 no such process (with -r: not in the recording).";

static const struct argp_option argp_options[] = {
	{ NULL, 0, NULL, 0, "What to count:", 1 },
	{ "pid", 'p', "PID", 0, "Only VMs of this VMM (process id)", 1 },
	{ "stacks", 'S', NULL, 0, "Keep the kernel stack of each new site", 1 },
	{ "duration", 'd', "TIME", 0, "Stop after TIME and report", 1 },
	{ "once", KEY_ONCE, NULL, 0, "One interval, as the report of the whole run", 1 },
	{ "sites", KEY_SITES, "N", 0, "Room for N sites (16384)", 1 },
	{ "write", 'w', "FILE", 0, "Record to FILE, which must not exist", 1 },
	{ "replay", 'r', "FILE", 0, "Show what was recorded in FILE, on any kernel", 1 },
	{ NULL, 0, NULL, 0, "What to show:", 2 },
	{ "rows", 'n', "ROWS", 0, "At most ROWS rows, 0: all (20; JSON: all)", 2 },
	{ "sort", 's', "KEY", 0, "Sort by count, rate, vm, ip, address or last (count)", 2 },
	{ "output", 'o', "FORMAT", 0, "text or json", 2 },
	{ "output-file", 'O', "FILE", 0, "Write to FILE, which must not exist", 2 },
	{ "force", KEY_FORCE, NULL, 0, "Let -O and -w overwrite", 2 },
	{ "batch", 'b', NULL, 0, "Print one table after the other, also to a terminal", 2 },
	{ "time", 'T', NULL, 0, "Put the time (UTC) before each table", 2 },
	{ "stats", KEY_STATS, NULL, 0, "Also show what the tool itself costs", 2 },
	{ "color", KEY_COLOR, "WHEN", 0, "auto, always or never; NO_COLOR is heeded", 2 },
	{ NULL, 0, NULL, 0, "How to run:", 3 },
	{ "strict", KEY_STRICT, NULL, 0, "Exit with 4 if anything was lost", 3 },
	{ "check", KEY_CHECK, NULL, 0, "Say what works here, and stop", 3 },
	{ "schema", KEY_SCHEMA, NULL, 0, "Print the JSON Schema of -o json, and stop", 3 },
	{ "verbose", 'v', NULL, 0, "Say on stderr what is being done", 3 },
	CLI_COMMON_OPTIONS,
	{},
};

struct parse {
	struct options *options;
	bool rows_given;
	const char *not_replay; /* an option that says how to count */
	int positional;
};

static const struct cli cli = { .tool = TOOL, .options = argp_options };

#define usage(...) cli_usage(&cli, __VA_ARGS__)
#define number(...) cli_number(&cli, __VA_ARGS__)
#define choice(...) cli_choice(&cli, __VA_ARGS__)

static uint64_t duration(const char *what, const char *text)
{
	uint64_t ns;
	int err = duration_parse(text, &ns);

	if (err == -ERANGE)
		usage("%s '%s' is out of range: from 1 us to 10 years", what, text);
	if (err)
		usage("%s '%s' is not a time above zero such as 500ms, 2 or 1.5s", what, text);
	return ns;
}

static void parse_positional(struct parse *parse, const char *text)
{
	switch (parse->positional++) {
	case 0:
		parse->options->interval_ns = duration("interval", text);
		parse->not_replay = "INTERVAL";
		break;
	case 1:
		parse->options->count = number("count", text, 1, UINT32_MAX);
		break;
	default:
		usage("argument '%s' is one too many: [INTERVAL [COUNT]]", text);
	}
}

static void parse_end(struct parse *parse)
{
	struct options *options = parse->options;
	bool terminal = !options->path && isatty(STDOUT_FILENO);

	if (options->force && !options->path && !options->record)
		usage("--force overwrites the file of -O or -w, but there is neither");
	if (options->replay && parse->not_replay)
		usage("%s is of counting, and -r shows what was counted before", parse->not_replay);
	if (options->once && options->count > 1)
		usage("--once and COUNT %u contradict each other", options->count);
	if (options->once)
		options->count = 1;
	options->live = terminal && !options->batch && !options->count &&
			options->format == FORMAT_TEXT;
	if (!options->interval_ns && (options->live || options->once))
		options->interval_ns = NSEC_PER_SEC;
	/* that interval is the whole run: its report is made when the figures stand still */
	if (options->once) {
		if (!options->duration_ns || options->interval_ns < options->duration_ns)
			options->duration_ns = options->interval_ns;
		options->interval_ns = 0;
	}
	options->screen_rows = parse->rows_given ? options->rows : 0;
	if (!parse->rows_given && options->format == FORMAT_TEXT)
		options->rows = DEFAULT_ROWS_TEXT;
}

static error_t parse_opt(int key, char *arg, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json" };
	static const char *const colors[] = { "auto", "always", "never" };
	struct parse *parse = state->input;
	struct options *options = parse->options;

	switch (key) {
	case 'p':
		options->pid = number("pid", arg, 1, MOST_PID);
		break;
	case 'n':
		options->rows = number("rows", arg, 0, MOST_SITES);
		parse->rows_given = true;
		break;
	case 's':
		if (row_sort_parse(arg, &options->sort))
			usage("sort key '%s' is unknown: use one of %s", arg, row_sort_names());
		break;
	case 'd':
		options->duration_ns = duration("duration", arg);
		parse->not_replay = "-d";
		break;
	case 'o':
		options->format = choice("output format", arg, formats, 2);
		break;
	case 'O':
		options->path = arg;
		break;
	case 'w':
		options->record = arg;
		parse->not_replay = "-w";
		break;
	case 'r':
		options->replay = arg;
		break;
	case 'S':
		options->stacks = true;
		break;
	case 'b':
		options->batch = true;
		break;
	case 'T':
		options->time = true;
		break;
	case 'v':
		options->verbose = true;
		break;
	case KEY_ONCE:
		options->once = true;
		break;
	case KEY_FORCE:
		options->force = true;
		break;
	case KEY_STRICT:
		options->strict = true;
		break;
	case KEY_CHECK:
		options->check = true;
		break;
	case KEY_SCHEMA:
		options->schema = true;
		break;
	case KEY_STATS:
		options->stats = true;
		break;
	case KEY_COLOR:
		options->color = choice("colour choice", arg, colors, 3);
		break;
	case KEY_SITES:
		options->sites = number("sites", arg, 1, MOST_SITES);
		parse->not_replay = "--sites";
		break;
	case ARGP_KEY_ARG:
		parse_positional(parse, arg);
		break;
	case ARGP_KEY_END:
		parse_end(parse);
		break;
	default:
		return cli_common(&cli, key, state);
	}
	return 0;
}

void options_parse(int argc, char **argv, struct options *ret_options)
{
	static const struct argp argp = {
		.options = argp_options,
		.parser = parse_opt,
		.args_doc = "[INTERVAL [COUNT]]",
		.doc = doc,
	};
	struct parse parse = { .options = ret_options };

	cli_check_options(&cli, argc, argv);
	*ret_options = (struct options){};
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &parse);
}
