// SPDX-License-Identifier: GPL-2.0
/* Undoing what is in the journal, whether or not the run that wrote it came to its end. */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "exitcode.h"
#include "inject/inject.h"
#include "jsonw.h"
#include "need.h"
#include "util.h"

#define UNPOISON HWPOISON_DIR "/unpoison-pfn"

struct undo {
	struct injection injection; /* for its options, journal, and what is said */
	char boot[40];
	unsigned int restored, nothing, failed;
};

static void report(const struct undo *undo, uint64_t pfn, const char *result)
{
	if (undo->injection.options->format == FORMAT_JSON) {
		struct jsonw json = { .out = stdout };

		jsonw_object(&json, NULL);
		jsonw_string(&json, "type", "undo");
		jsonw_uint(&json, "schema", 1);
		jsonw_hex(&json, "pfn", pfn);
		jsonw_string(&json, "result", result);
		jsonw_object_end(&json);
		jsonw_line_end(&json);
		return;
	}
	printf("undo      pfn %#" PRIx64 ": %s\n", pfn, result);
}

/* unpoison-pfn's word is no more believed than corrupt-pfn's. */
static int unpoison(struct undo *undo, uint64_t pfn)
{
	struct injection *injection = &undo->injection;
	uint64_t before = 0, after = 0, flags;
	int err;

	signs_corrupted(&before);
	err = backend_write(UNPOISON, pfn);
	if (err == -ENOENT)
		return inject_fail(injection, EXIT_LACKING,
				   "pfn %#" PRIx64 ": no " UNPOISON "; " HWPOISON_REMEDY, pfn);
	if (err)
		return inject_fail(injection, EXIT_KERNEL,
				   "pfn %#" PRIx64 ": the kernel does not un-poison it: %s%s", pfn,
				   strerror(-err),
				   err == -EOPNOTSUPP ?
					   "; after a real memory error it never does" :
					   "; dmesg may say who still holds the page");
	if (page_flags(pfn, &flags) || flags & KPF(HWPOISON))
		return inject_fail(injection, EXIT_UNVERIFIED,
				   "pfn %#" PRIx64 ": not verified: it is still poisoned", pfn);
	if (signs_corrupted(&after) || after >= before)
		return inject_fail(injection, EXIT_UNVERIFIED,
				   "pfn %#" PRIx64
				   ": not verified: HardwareCorrupted did not go down from %" PRIu64
				   " kB",
				   pfn, before);
	return EXIT_FINE;
}

static int close_entry(struct undo *undo, const struct journal_entry *entry, const char *why)
{
	struct injection *injection = &undo->injection;
	int err = journal_mark(&injection->journal, entry->id, JOURNAL_CLOSED, why);

	syslog(LOG_WARNING, "%s: undo, pfn %#" PRIx64 ": %s", entry->id, entry->pfn, why);
	if (!err)
		return EXIT_FINE;
	return inject_fail(injection, EXIT_RUNTIME, "journal: %s: %s", injection->journal.path,
			   strerror(-err));
}

static int restore_filter(struct undo *undo, const struct journal_entry *entry)
{
	int err = filter_write(&entry->filter);

	/* the module is gone, and its filter with it */
	if (!err || err == -ENOENT)
		return EXIT_FINE;
	return inject_fail(&undo->injection, EXIT_RUNTIME, "cannot restore the kernel's filter: %s",
			   strerror(-err));
}

static int undo_entry(struct undo *undo, const struct journal_entry *entry)
{
	const char *why = "undone";
	uint64_t flags = 0;
	int code = EXIT_FINE;

	/* a run that came to its end has restored it itself, and it may be somebody else's by now */
	if (entry->filter_changed && entry->state == JOURNAL_BEGUN)
		code = restore_filter(undo, entry);
	if (code)
		return code;
	if (!entry->has_pfn || page_flags(entry->pfn, &flags) || !(flags & KPF(HWPOISON)))
		why = "not-poisoned";
	else if (entry->flags & KPF(HWPOISON))
		why = "poisoned-before";
	else
		code = unpoison(undo, entry->pfn);
	if (code) {
		undo->failed++;
		report(undo, entry->pfn, "still poisoned");
		return code;
	}
	if (strcmp(why, "undone"))
		undo->nothing++;
	else
		undo->restored++;
	report(undo, entry->pfn, why);
	return close_entry(undo, entry, why);
}

static bool wanted(const struct undo *undo, const struct journal_entry *entry)
{
	const struct inject_options *options = undo->injection.options;

	if (entry->state == JOURNAL_CLOSED || strcmp(entry->boot, undo->boot))
		return false;
	return options->target == TARGET_NONE || (entry->has_pfn && entry->pfn == options->pfn);
}

/* Newest first: the filter ends up as it was before the oldest. The first failure's status stays. */
static int undo_entries(struct undo *undo, const struct journal_entry *entries, size_t n)
{
	const struct inject_options *options = undo->injection.options;
	int code = EXIT_FINE, one;
	bool any = false;

	for (size_t i = n; i-- > 0;) {
		if (!wanted(undo, &entries[i]))
			continue;
		any = true;
		if (options->dry_run) {
			report(undo, entries[i].pfn, "would be undone");
			continue;
		}
		one = undo_entry(undo, &entries[i]);
		code = code ? code : one;
	}
	if (any || options->target == TARGET_NONE)
		return code;
	if (!options->force)
		return inject_fail(&undo->injection, EXIT_REFUSED,
				   "pfn %#" PRIx64 ": not in the journal: " TOOL
				   " did not poison it, "
				   "or has undone it; --force un-poisons it all the same",
				   options->pfn);
	code = options->dry_run ? EXIT_FINE : unpoison(undo, options->pfn);
	if (!code)
		report(undo, options->pfn, options->dry_run ? "would be undone" : "undone");
	undo->restored += !code;
	undo->failed += !!code;
	return code;
}

static int undo_locked(struct undo *undo)
{
	cleanup_free struct journal_entry *entries = NULL;
	struct injection *injection = &undo->injection;
	unsigned int damaged;
	size_t n;
	int code, err = journal_load(&injection->journal, &entries, &n, &damaged);

	if (err)
		return inject_fail(injection, EXIT_RUNTIME, "journal: %s: %s",
				   injection->journal.path, strerror(-err));
	signs_remove_leftover();
	code = undo_entries(undo, entries, n);
	/* what stood there may be poisoned: not fine, whatever the rest is */
	if (damaged) {
		fprintf(stderr,
			TOOL ": journal: %s: %u damaged lines left out; --undo --pfn --force "
			     "un-poisons a page that was in one\n",
			injection->journal.path, damaged);
		code = code ? code : EXIT_RUNTIME;
	}
	if (injection->options->format == FORMAT_TEXT)
		printf("total     un-poisoned %u, not poisoned %u, still poisoned %u\n",
		       undo->restored, undo->nothing, undo->failed);
	return code;
}

int undo_run(const struct inject_options *options)
{
	struct undo undo = { .injection.options = options };
	const char *dir = journal_dir();
	int code, err;

	if (!(need_caps() & 1ULL << CAP_SYS_ADMIN))
		return inject_fail(&undo.injection, EXIT_LACKING,
				   "privileges: no CAP_SYS_ADMIN; run it as root");
	openlog(TOOL, LOG_PID, LOG_USER);
	journal_boot_id(undo.boot);
	err = journal_open(dir, &undo.injection.journal);
	if (err == -EWOULDBLOCK)
		return inject_fail(&undo.injection, EXIT_RUNTIME,
				   "journal: %s: another " TOOL " is at work; wait for it", dir);
	if (err)
		return inject_fail(&undo.injection, EXIT_RUNTIME, "journal: %s: %s", dir,
				   strerror(-err));
	code = undo_locked(&undo);
	journal_close(&undo.injection.journal);
	return code;
}
