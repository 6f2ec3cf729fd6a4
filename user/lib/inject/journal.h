/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was going to be done, on disk before it is done: a text file of one record a line, each with
 * its checksum, only ever appended to. A line that a crash cut off or something spoilt is counted and
 * left out; the ones around it are read.
 */
#ifndef FAULTLINE_INJECT_JOURNAL_H
#define FAULTLINE_INJECT_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inject/backend.h"
#include "inject/filter.h"

#define JOURNAL_DIR "/var/lib/faultline"
#define JOURNAL_FILE "rasinject.journal"

enum journal_state {
	JOURNAL_BEGUN, /* nobody knows whether it was injected */
	JOURNAL_INJECTED,
	JOURNAL_CLOSED, /* there is nothing to undo */
};

struct journal_entry {
	char id[24];
	char boot[40]; /* the boot's id: poison of software does not outlive it */
	bool has_pfn; /* else QEMU was asked, and there is nothing to undo here */
	uint64_t pfn;
	enum backend backend;
	uint64_t flags; /* KPF() as they were */
	bool filter_changed;
	struct filter filter; /* as it was, if it was going to be changed */
	enum journal_state state;
};

struct journal {
	int fd, dir;
	char path[256];
};

/*
 * Opens or makes the journal in that directory, and locks out other rasinjects until it is closed:
 * the kernel's filter and the counters are everybody's. -EWOULDBLOCK: one is at work.
 */
int journal_open(const char *dir, struct journal *ret_journal);
void journal_close(struct journal *journal);

/* Gives the entry an id and this boot's, and has it on disk when it returns 0. */
int journal_begin(struct journal *journal, struct journal_entry *entry);

/* Also on disk. why: one word. */
int journal_mark(struct journal *journal, const char *id, enum journal_state state,
		 const char *why);

/*
 * All entries, oldest first, each in its last state; free() them. *ret_damaged: lines left out.
 * 0 or negative errno.
 */
int journal_load(const struct journal *journal, struct journal_entry **ret_entries, size_t *ret_n,
		 unsigned int *ret_damaged);

/* "a5bc…", from /proc; "unknown" where it cannot be read. */
void journal_boot_id(char boot[40]);

#endif
