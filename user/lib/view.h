/* SPDX-License-Identifier: GPL-2.0 */
/* A report with its numbers resolved to names: all that a renderer sees. */
#ifndef FAULTLINE_VIEW_H
#define FAULTLINE_VIEW_H

#include <stdbool.h>
#include <time.h>

#include "exitnames.h"
#include "klayout.h"
#include "ksyms.h"
#include "region.h"
#include "snapshot.h"
#include "stacks.h"

#define VIEW_NAME 160

struct view_frame {
	uint64_t address;
	char name[VIEW_NAME]; /* "function+0x12", or the address */
};

struct view_row {
	const struct row *row;
	char comm[COMM_SIZE]; /* "": not known */
	struct ksym function; /* name NULL: not known */
	uint64_t function_offset;
	char site[VIEW_NAME]; /* "function+0x12", or the address */
	struct region region; /* of address_min */
	char object[VIEW_NAME];
	char exits[ROW_EXITS][64];
	struct view_frame *frames; /* innermost first */
	int n_frames;
};

struct kernel_id {
	char release[72], machine[24];
	uint8_t build_id[32];
	uint32_t build_id_size; /* 0: not known */
};

/*
 * What names are made from; any may be NULL. It is of the kernel that the faults are from, which
 * need not be the one that this runs on.
 */
struct resolver {
	struct kernel_id kernel;
	struct ksyms *ksyms;
	struct klayout layout;
	struct exitnames *exits;
	const struct stacks *stacks;
	char platform[192];
	bool emulated; /* the platform's CPU: times say nothing about hardware */
	char symbols[160]; /* "": fine; else why names are missing */
};

struct view {
	const struct report *report;
	const struct resolver *resolver;
	struct view_row *rows; /* those to show, in order */
	size_t n;
	uint64_t shown; /* faults in them */
	bool total; /* of the whole run, and the program is quiet; else an interval */
	struct timespec time;
};

/* Loads what can be had of this kernel, and is content with less. 0 or -ENOMEM. */
int resolver__init(struct resolver *ret_resolver);
void resolver__fini(struct resolver *resolver);

/* Looks up everything that rows of this site can need, for ksyms__next_found(). */
void resolver__ask(const struct resolver *resolver, const struct site *site);

/* Resolves the first max_rows rows (0: all) of a sorted report. 0 or -ENOMEM. */
int view__init(struct view *ret_view, const struct report *report, const struct resolver *resolver,
	       uint32_t max_rows, bool total);
/* As that, n rows of the report's from rows on, of an interval. */
int view__init_part(struct view *ret_view, const struct report *report,
		    const struct resolver *resolver, const struct row *rows, size_t n);
void view__fini(struct view *view);

/* Whether the row's function or object, as they are shown, contain the text, in whatever case. */
bool view_matches(const struct resolver *resolver, const struct row *row, const char *text);

/* seconds, at least 1 ns: counts are over this */
double view__seconds(const struct view *view);
/* faults a second, of late: see report.recent_ns */
double view__rate(const struct view *view, const struct row *row);

/* RFC 3339, UTC, microseconds */
void view__time(const struct view *view, char buf[40]);

#endif
