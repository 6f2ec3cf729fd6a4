// SPDX-License-Identifier: GPL-2.0
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exitcode.h"
#include "inject/inject.h"
#include "procinfo.h"

#define PFN_MOST ((1ULL << 52) - 1) /* shifted by a page of 4 KiB it still fits 64 bits */

enum {
	KEY_PFN = 0x100,
	KEY_GPA,
	KEY_QMP,
	KEY_PID,
	KEY_VADDR,
	KEY_BACKEND,
	KEY_DRY_RUN,
	KEY_FORCE,
	KEY_UNDO,
	KEY_CHECK,
	KEY_MEMCG_FILTER,
};

static const char doc[] =
	"Injects a memory error into one page: looks whose it is, refuses what would take more down "
	"than a process, writes down what it does, does it, and verifies that it happened."
	"\v"
	"Numbers are decimal, or hexadecimal with 0x.\n"
	"\n"
	"EXAMPLES:\n"
	"  rasinject --pfn 0x1234 --dry-run   whose page it is, and whether it would be poisoned\n"
	"  rasinject --pfn 0x1234             poison it, and verify\n"
	"  rasinject --pid 99 --vaddr 0x7f5a12345000 --backend soft-offline\n"
	"                                     have the page moved away and taken out of use\n"
	"  rasinject --gpa 0x40000000 --qmp vm.sock\n"
	"                                     poison what is under a guest's page\n"
	"  rasinject --undo                   un-poison all that it poisoned\n"
	"  rasinject --check                  what works here, and what to do about the rest\n"
	"\n"
	"EXIT STATUS: 0 injected and verified; 1 runtime error; 2 usage; 3 the kernel, QEMU or the "
	"privileges lack something; 4 refused for safety; 5 the kernel refused; 6 not verified; 7 "
	"injected, and the kernel could not recover from it.";

static const struct argp_option argp_options[] = {
	{ NULL, 0, NULL, 0, "Which page:", 1 },
	{ "pfn", KEY_PFN, "PFN", 0, "The page frame of this number", 1 },
	{ "pid", KEY_PID, "PID", 0, "Of this process ...", 1 },
	{ "vaddr", KEY_VADDR, "ADDRESS", 0, "... the page at this address", 1 },
	{ "gpa", KEY_GPA, "ADDRESS", 0, "Of a guest, the page at this physical address ...", 1 },
	{ "qmp", KEY_QMP, "SOCKET", 0, "... as the QEMU says that listens there", 1 },
	{ NULL, 0, NULL, 0, "What to do:", 2 },
	{ "backend", KEY_BACKEND, "NAME", 0,
	  "auto, hwpoison, hard-offline, soft-offline, madvise, einj or qmp (auto)", 2 },
	{ "dry-run", KEY_DRY_RUN, NULL, 0, "Only look, and say what would be done", 2 },
	{ "undo", KEY_UNDO, NULL, 0, "Un-poison what was poisoned: all, or that of --pfn", 2 },
	{ "force", KEY_FORCE, NULL, 0, "Do what would be refused, and ask nothing", 2 },
	{ "memcg-filter", KEY_MEMCG_FILTER, NULL, 0,
	  "Have the kernel poison pages of the page's memory cgroup only, meanwhile", 2 },
	{ NULL, 0, NULL, 0, "How to run:", 3 },
	{ "output", 'o', "FORMAT", 0, "text or json", 3 },
	{ "check", KEY_CHECK, NULL, 0, "Say what works here, and stop", 3 },
	{ "verbose", 'v', NULL, 0, "Say on stderr what is being done", 3 },
	CLI_COMMON_OPTIONS,
	{},
};

static const struct cli cli = { .tool = TOOL, .options = argp_options };

#define usage(...) cli_usage(&cli, __VA_ARGS__)

struct parse {
	struct inject_options *options;
	bool pfn, gpa, pid, vaddr, backend;
};

/* Decimal, or hexadecimal with 0x; not octal, which nobody means by a leading 0. */
static uint64_t address(const char *what, const char *text, uint64_t most)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	uint64_t value;
	char *end;

	if (strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != strlen(digits) ||
	    !*digits)
		usage("%s '%s' is not a number such as 4660 or 0x1234", what, text);
	if (!hex && digits[0] == '0' && digits[1])
		usage("%s '%s' starts with 0: hexadecimal starts with 0x", what, text);
	errno = 0;
	value = strtoull(digits, &end, hex ? 16 : 10);
	if (errno || value > most)
		usage("%s '%s' is out of range: the most is %#llx", what, text,
		      (unsigned long long)most);
	return value;
}

static void parse_target(struct parse *parse)
{
	struct inject_options *options = parse->options;

	if (parse->pfn + parse->gpa + parse->vaddr > 1)
		usage("--pfn, --gpa and --vaddr each name a page: give one of them");
	if (parse->vaddr && !parse->pid)
		usage("--vaddr is an address in a process, but there is no --pid");
	if (parse->gpa && !options->qmp)
		usage("--gpa is an address in a guest, but there is no --qmp");
	if (options->qmp && !parse->gpa)
		usage("--qmp is the guest of --gpa, but there is no --gpa");
	if (parse->pid && !parse->vaddr && !parse->gpa)
		usage("--pid is the process of --vaddr, but there is no --vaddr");
	options->target = parse->pfn   ? TARGET_PFN :
			  parse->gpa   ? TARGET_GPA :
			  parse->vaddr ? TARGET_VADDR :
					 TARGET_NONE;
}

static void parse_end(struct parse *parse)
{
	struct inject_options *options = parse->options;

	parse_target(parse);
	if (options->check)
		return;
	if (options->undo) {
		if (options->target > TARGET_PFN)
			usage("--undo undoes what is in the journal: all, or that of --pfn");
		if (parse->backend || options->memcg_filter)
			usage("%s is of injecting, and --undo injects nothing",
			      parse->backend ? "--backend" : "--memcg-filter");
		return;
	}
	if (options->target == TARGET_NONE)
		usage("no page: give --pfn, --pid with --vaddr, or --gpa with --qmp");
	if (options->backend == BACKEND_QMP && options->target != TARGET_GPA)
		usage("backend qmp injects into a guest: give --gpa and --qmp");
	if (options->backend == BACKEND_QMP && options->memcg_filter)
		usage("--memcg-filter is the kernel's, and backend qmp does not ask the kernel");
}

static error_t parse_opt(int key, char *arg, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json" };
	struct parse *parse = state->input;
	struct inject_options *options = parse->options;

	switch (key) {
	case KEY_PFN:
		options->pfn = address("pfn", arg, PFN_MOST);
		parse->pfn = true;
		break;
	case KEY_GPA:
		options->gpa = address("gpa", arg, UINT64_MAX);
		parse->gpa = true;
		break;
	case KEY_VADDR:
		options->vaddr = address("vaddr", arg, UINT64_MAX);
		parse->vaddr = true;
		break;
	case KEY_PID:
		options->pid = cli_number(&cli, "pid", arg, 1, MOST_PID);
		parse->pid = true;
		break;
	case KEY_QMP:
		options->qmp = arg;
		break;
	case KEY_BACKEND:
		options->backend = cli_choice(&cli, "backend", arg, backend_names, BACKENDS);
		parse->backend = true;
		break;
	case KEY_DRY_RUN:
		options->dry_run = true;
		break;
	case KEY_FORCE:
		options->force = true;
		break;
	case KEY_UNDO:
		options->undo = true;
		break;
	case KEY_MEMCG_FILTER:
		options->memcg_filter = true;
		break;
	case KEY_CHECK:
		options->check = true;
		break;
	case 'o':
		options->format = cli_choice(&cli, "output format", arg, formats, 2);
		break;
	case 'v':
		options->verbose = true;
		break;
	case ARGP_KEY_ARG:
		usage("argument '%s' is one too many", arg);
	case ARGP_KEY_END:
		parse_end(parse);
		break;
	default:
		return cli_common(&cli, key, state);
	}
	return 0;
}

void inject_options_parse(int argc, char **argv, struct inject_options *ret_options)
{
	static const struct argp argp = {
		.options = argp_options,
		.parser = parse_opt,
		.doc = doc,
	};
	struct parse parse = { .options = ret_options };

	cli_check_options(&cli, argc, argv);
	*ret_options = (struct inject_options){};
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &parse);
}
