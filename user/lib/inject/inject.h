/* SPDX-License-Identifier: GPL-2.0 */
/* rasinject, between its command line and its parts. */
#ifndef FAULTLINE_INJECT_INJECT_H
#define FAULTLINE_INJECT_INJECT_H

#include "inject/journal.h"
#include "inject/options.h"
#include "inject/page.h"
#include "inject/signs.h"

#define TOOL "rasinject"

/* After those of exitcode.h up to 3. */
enum inject_exit {
	EXIT_REFUSED = 4, /* for safety, and not forced */
	EXIT_KERNEL = 5, /* the kernel refused */
	EXIT_UNVERIFIED = 6, /* a sign is missing */
	EXIT_UNRECOVERED = 7, /* poisoned, and the kernel could not deal with it */
};

struct injection {
	const struct inject_options *options;
	enum backend backend; /* never auto */
	bool has_page; /* there is a page frame on this machine; else QEMU is asked */
	uint32_t pid; /* whose address it is; 0: nobody's */
	uint64_t vaddr; /* where it has it */
	struct page page;
	uint32_t refusals; /* 1 << REFUSE_... */
	struct journal journal;
	struct journal_entry entry;
	struct signs signs;
	bool injected; /* the backend was asked */
	uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC around that */
	uint64_t start_counter, end_counter; /* CNTVCT or TSC around it; 0: no such counter */
	bool has_sequence;
	uint64_t sequence; /* of the error, as QEMU says */
	int code; /* the exit status */
	char message[400]; /* why it is not 0; "": nothing to say */
};

/*
 * Says on stderr what is wrong, "what, which, why, what to do" without the tool's name, keeps it for the
 * report, and returns the exit status that it is given.
 */
int __attribute__((format(printf, 3, 4)))
inject_fail(struct injection *injection, int code, const char *format, ...);

/* Finds the page that the command line names and fills in pid, vaddr and page.pfn. Exit status. */
int target_resolve(struct injection *injection);

/* Just before the backend is asked, and just after it answered: they note the times. */
void injection_start(struct injection *injection);
void injection_end(struct injection *injection);

/* Each does what its option says, and returns the exit status. */
int inject_run(const struct inject_options *options);
int undo_run(const struct inject_options *options);
int check_run(const struct inject_options *options);

/* In text: the page and its owners, before anything is done; JSON has all of it at the end. */
void report_page(const struct injection *injection);
void report_end(const struct injection *injection);

/* Where the journal is: RASINJECT_JOURNAL in the environment moves it. */
const char *journal_dir(void);

#endif
