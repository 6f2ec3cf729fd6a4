// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdarg.h>
#include <string.h>

#include "cli.h"
#include "exitcode.h"
#include "util.h"

#define KEY_LONG 0x1000 /* and up: long options. Those that are alike, getopt takes for one */

/* what, which, why, what to do */
void cli_usage(const struct cli *cli, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", cli->tool);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; see %s --help\n", cli->tool);
	exit(EXIT_USAGE);
}

uint32_t cli_number(const struct cli *cli, const char *what, const char *text, uint32_t low,
		    uint32_t high)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || end == text || *end || n < low || n > high)
		cli_usage(cli, "%s '%s' is not a whole number from %u to %u", what, text, low,
			  high);
	return n;
}

int cli_choice(const struct cli *cli, const char *what, const char *text, const char *const *names,
	       int n)
{
	char all[128] = "";

	for (int i = 0; i < n; i++) {
		if (!strcmp(text, names[i]))
			return i;
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "",
			 names[i]);
	}
	cli_usage(cli, "%s '%s' is unknown: use one of %s", what, text, all);
}

error_t cli_common(const struct cli *cli, int key, const struct argp_state *state)
{
	switch (key) {
	case 'V':
		printf("%s %s\n", cli->tool, FAULTLINE_VERSION);
		break;
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_BUG_ADDR);
		break;
	case CLI_KEY_USAGE:
		argp_state_help(state, stdout, ARGP_HELP_USAGE);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	exit(EXIT_FINE);
}

static const struct argp_option *option_named(const struct cli *cli, const char *name, size_t size)
{
	for (const struct argp_option *o = cli->options; o->name || o->group; o++)
		if (o->name && !strncmp(o->name, name, size) && !o->name[size])
			return o;
	return NULL;
}

/* word: what was typed, "--foo=3"; short_key: the letter at fault in it, 0: the word is. */
static void __attribute__((noreturn))
usage_option(const struct cli *cli, const char *word, int short_key, bool no_value)
{
	const char *name = word + 2;
	size_t size = strcspn(name, "=");
	int matches = 0;

	if (short_key) {
		if (no_value)
			cli_usage(cli, "option -%c wants a value", short_key);
		cli_usage(cli, "unknown option -%c", short_key);
	}
	if (no_value)
		cli_usage(cli, "option --%.*s wants a value", (int)size, name);
	for (const struct argp_option *o = cli->options; o->name || o->group; o++)
		matches += o->name && !strncmp(o->name, name, size);
	if (matches > 1 && !option_named(cli, name, size))
		cli_usage(cli, "option --%.*s is ambiguous: %d options start so", (int)size, name,
			  matches);
	if (matches)
		cli_usage(cli, "option --%.*s takes no value", (int)size, name);
	cli_usage(cli, "unknown option --%.*s", (int)size, name);
}

void cli_check_options(const struct cli *cli, int argc, char **argv)
{
	cleanup_free char **words = calloc(argc + 1, sizeof(*words));
	cleanup_free struct option *longs = NULL;
	cleanup_free char *shorts = NULL;
	int n = 0, c, count = 0;
	char *s;

	for (const struct argp_option *o = cli->options; o->name || o->group; o++)
		count++;
	longs = calloc(count + 1, sizeof(*longs));
	shorts = calloc(count + 1, 2);
	if (!words || !longs || !shorts)
		return;
	/* a copy: getopt reorders it */
	memcpy(words, argv, argc * sizeof(*words));
	s = shorts;
	*s++ = ':';
	for (const struct argp_option *o = cli->options; o->name || o->group; o++) {
		if (!o->name)
			continue;
		longs[n] = (struct option){ o->name, !!o->arg, NULL, KEY_LONG + n };
		n++;
		if (o->key < 0x100) {
			*s++ = o->key;
			if (o->arg)
				*s++ = ':';
		}
	}
	opterr = 0;
	optind = 0;
	do {
		c = getopt_long(argc, words, shorts, longs, NULL);
		if (c == '?' || c == ':')
			usage_option(cli, words[optind - 1], optopt >= KEY_LONG ? 0 : optopt,
				     c == ':');
	} while (c != -1);
}
