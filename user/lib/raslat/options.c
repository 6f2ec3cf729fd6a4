// SPDX-License-Identifier: GPL-2.0
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "duration.h"
#include "exitcode.h"
#include "procinfo.h"
#include "raslat/raslat.h"

enum { KEY_FORCE = 0x100 };

static const char doc[] =
	"Measures a memory error's way: from the bad page in the host through KVM and QEMU to the "
	"guest's recovery. It records in the host and in the guest, and merges the two on one clock."
	"\v"
	"EXAMPLES:\n"
	"  raslat host -p $(pidof qemu-system-aarch64) -w host.flr\n"
	"                                   in the host, until ^C\n"
	"  raslat guest -w guest.flr        in the guest, until ^C\n"
	"  raslat merge host.flr guest.flr  each error's way and the times between its stages\n"
	"  raslat host                      print what happens in any QEMU and in the kernel\n"
	"  raslat host -r host.flr          what one side saw\n"
	"\n"
	"EXIT STATUS: 0 fine; 1 runtime error; 2 usage; 3 the kernel or the privileges lack "
	"something; 5 no such process.";

static const struct argp_option argp_options[] = {
	{ NULL, 0, NULL, 0, "What to look at:", 1 },
	{ "pid", 'p', "PID", 0,
	  "host: the QEMU with this pid; without it QEMU's own stages are not seen", 1 },
	{ "duration", 'd', "TIME", 0, "End after this time, such as 30, 1.5s, 500ms", 1 },
	{ NULL, 0, NULL, 0, "What to do with it:", 2 },
	{ "write", 'w', "FILE", 0, "Record to a new file", 2 },
	{ "read", 'r', "FILE", 0, "Print a recording instead", 2 },
	{ "force", KEY_FORCE, NULL, 0, "Overwrite the file", 2 },
	{ "output", 'o', "FORMAT", 0, "text or json", 2 },
	{ "verbose", 'v', NULL, 0, "Also what libbpf says", 3 },
	CLI_COMMON_OPTIONS,
	{},
};

static const struct cli cli = { .tool = TOOL, .options = argp_options };

#define usage(...) cli_usage(&cli, __VA_ARGS__)

struct parse {
	struct raslat_options *options;
	int words;
};

static void parse_word(struct parse *parse, const char *word)
{
	static const char *const verbs[] = { "host", "guest", "merge" };
	struct raslat_options *options = parse->options;
	int n = parse->words++;

	if (!n)
		options->verb = cli_choice(&cli, "verb", word, verbs, VERBS);
	else if (options->verb == VERB_MERGE && n <= 2)
		options->files[n - 1] = word;
	else
		usage("argument '%s' is one too many", word);
}

static void parse_end(const struct parse *parse)
{
	const struct raslat_options *options = parse->options;

	if (!parse->words)
		usage("no verb: host, guest or merge");
	if (options->verb == VERB_MERGE) {
		if (parse->words != 3)
			usage("merge takes the host's recording and the guest's");
		if (options->write || options->replay || options->pid || options->duration_ns)
			usage("merge takes two recordings and -o only");
		return;
	}
	if (options->pid && options->verb == VERB_GUEST)
		usage("-p is the QEMU that runs a guest: give it to host");
	if (options->replay && (options->write || options->duration_ns || options->pid))
		usage("-r prints what was recorded: -p, -d and -w are of recording");
	if (options->force && !options->write)
		usage("--force is of the file of -w, but there is no -w");
}

static error_t parse_opt(int key, char *arg, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json" };
	struct parse *parse = state->input;
	struct raslat_options *options = parse->options;

	switch (key) {
	case 'p':
		options->pid = cli_number(&cli, "pid", arg, 1, MOST_PID);
		break;
	case 'd':
		if (duration_parse(arg, &options->duration_ns))
			usage("time '%s' is not one such as 30, 1.5s, 500ms", arg);
		break;
	case 'w':
		options->write = arg;
		break;
	case 'r':
		options->replay = arg;
		break;
	case KEY_FORCE:
		options->force = true;
		break;
	case 'o':
		options->format = cli_choice(&cli, "output format", arg, formats, 2);
		break;
	case 'v':
		options->verbose = true;
		break;
	case ARGP_KEY_ARG:
		parse_word(parse, arg);
		break;
	case ARGP_KEY_END:
		parse_end(parse);
		break;
	default:
		return cli_common(&cli, key, state);
	}
	return 0;
}

void raslat_options_parse(int argc, char **argv, struct raslat_options *ret_options)
{
	static const struct argp argp = {
		.options = argp_options,
		.parser = parse_opt,
		.args_doc = "host|guest\nmerge HOST.flr GUEST.flr",
		.doc = doc,
	};
	struct parse parse = { .options = ret_options };

	cli_check_options(&cli, argc, argv);
	*ret_options = (struct raslat_options){};
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &parse);
}

int raslat_fail(int code, const char *what, int err, const char *remedy)
{
	fprintf(stderr, TOOL ": %s%s%s%s%s\n", what, err ? ": " : "", err ? strerror(-err) : "",
		remedy ? "; " : "", remedy ? remedy : "");
	return code;
}
