/* SPDX-License-Identifier: GPL-2.0 */
/* What the command lines of all tools have in common: one line for each thing that is wrong. */
#ifndef FAULTLINE_CLI_H
#define FAULTLINE_CLI_H

#include <argp.h>
#include <stdint.h>

#ifndef FAULTLINE_VERSION
#define FAULTLINE_VERSION "0.1"
#endif

enum format { FORMAT_TEXT, FORMAT_JSON };

struct cli {
	const char *tool; /* its name, before each message */
	const struct argp_option *options; /* ends with an empty one */
};

/* --usage, which has no letter. */
#define CLI_KEY_USAGE 0x2000

/* The options that all tools have, for the end of their lists. */
#define CLI_COMMON_OPTIONS                                                        \
	{ "version", 'V', NULL, 0, "Print the version", -1 },                     \
		{ "help", 'h', NULL, 0, "Print this help", -1 },                  \
	{                                                                         \
		"usage", CLI_KEY_USAGE, NULL, 0, "Print the options in short", -1 \
	}

/* Does what such an option says and leaves with 0; ARGP_ERR_UNKNOWN if it is none. */
error_t cli_common(const struct cli *cli, int key, const struct argp_state *state);

/* "TOOL: what is wrong; see TOOL --help" on stderr, and leaves with EXIT_USAGE. */
void __attribute__((noreturn, format(printf, 2, 3)))
cli_usage(const struct cli *cli, const char *format, ...);

/* A decimal number from low to high, or leaves as above. what: "pid". */
uint32_t cli_number(const struct cli *cli, const char *what, const char *text, uint32_t low,
		    uint32_t high);

/* Which of the names text is, or leaves as above. */
int cli_choice(const struct cli *cli, const char *what, const char *text, const char *const *names,
	       int n);

/*
 * Leaves as above at the first option that is unknown, ambiguous, or lacks its value. argp says so
 * in two lines that are not ours, or not at all: this asks the getopt that is under it first.
 */
void cli_check_options(const struct cli *cli, int argc, char **argv);

#endif
