/* SPDX-License-Identifier: GPL-2.0 */
/* rasinject's command line. */
#ifndef FAULTLINE_INJECT_OPTIONS_H
#define FAULTLINE_INJECT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"
#include "inject/backend.h"

enum target {
	TARGET_NONE, /* --undo: everything; --check */
	TARGET_PFN,
	TARGET_GPA,
	TARGET_VADDR,
};

struct inject_options {
	enum target target;
	uint64_t pfn, gpa, vaddr;
	uint32_t pid; /* whose vaddr; with gpa: QEMU, 0: whoever listens on qmp */
	const char *qmp; /* the path of QEMU's socket */
	enum backend backend;
	enum format format;
	bool dry_run, force, undo, check, verbose, memcg_filter;
};

/*
 * Parses, or prints what is wrong and leaves the process with EXIT_USAGE; prints help or version
 * and leaves with 0.
 */
void inject_options_parse(int argc, char **argv, struct inject_options *ret_options);

#endif
