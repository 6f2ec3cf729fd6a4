// SPDX-License-Identifier: GPL-2.0
/* --check: what works here. */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "exitcode.h"
#include "inject/inject.h"
#include "need.h"
#include "util.h"

#define FIXED 5
#define FIRST_BACKEND BACKEND_HWPOISON
#define NEEDS (FIXED + BACKENDS - FIRST_BACKEND)

static void check_privileges(struct need *need)
{
	*need = (struct need){ .what = "privileges",
			       .required = true,
			       .met = need_caps() & 1ULL << CAP_SYS_ADMIN,
			       .remedy = "run it as root" };
	snprintf(need->why, sizeof(need->why), "%s CAP_SYS_ADMIN", need->met ? "has" : "no");
}

static void check_page_state(struct need *need)
{
	struct page page;
	int err = page_read(0, &page);

	*need = (struct need){ .what = "page state",
			       .required = true,
			       .met = !err,
			       .remedy = "root, on a kernel with CONFIG_PROC_PAGE_MONITOR" };
	snprintf(need->why, sizeof(need->why), "/proc/kpageflags, /proc/kpagecount: %s",
		 err ? strerror(-err) : "readable");
}

static void check_event(struct need *need)
{
	struct signs signs;
	char why[sizeof(need->why)] = "memory_failure_event in tracefs";
	int err = signs_arm(&signs, SIGN_EVENT, why, sizeof(why));

	signs_disarm(&signs);
	*need = (struct need){ .what = "event",
			       .met = !err,
			       .remedy =
				       "mount -t tracefs tracefs /sys/kernel/tracing, on a kernel "
				       "with CONFIG_RAS and CONFIG_MEMORY_FAILURE" };
	snprintf(need->why, sizeof(need->why), "%s", why);
}

static void check_undo(struct need *need)
{
	*need = (struct need){ .what = "--undo",
			       .met = !access(HWPOISON_DIR "/unpoison-pfn", W_OK),
			       .remedy = HWPOISON_REMEDY };
	snprintf(need->why, sizeof(need->why), "%s " HWPOISON_DIR "/unpoison-pfn",
		 need->met ? "may write" : "cannot write");
}

static void check_journal(struct need *need)
{
	struct journal journal;
	int err = journal_open(journal_dir(), &journal);

	if (!err)
		journal_close(&journal);
	*need = (struct need){ .what = "journal",
			       .required = true,
			       .met = !err || err == -EWOULDBLOCK,
			       .remedy =
				       "make the directory, or name another in RASINJECT_JOURNAL" };
	snprintf(need->why, sizeof(need->why), "%.100s: %s", journal_dir(),
		 err ? strerror(-err) : "can be written");
}

/* The remedy is part of what a backend says is missing. */
static void check_backend(enum backend backend, struct need *need)
{
	*need = (struct need){ .what = backend_names[backend],
			       .remedy = "or take another --backend" };
	if (backend == BACKEND_QMP) {
		need->unknown = true;
		need->remedy = "--gpa with --qmp and --backend qmp will tell";
		snprintf(need->why, sizeof(need->why), "depends on the QEMU");
		return;
	}
	need->met = !backend_usable(backend, need->why, sizeof(need->why));
	if (need->met)
		snprintf(need->why, sizeof(need->why), "backend can be used");
}

int check_run(const struct inject_options *options)
{
	struct need needs[NEEDS];
	bool any = false;

	check_privileges(&needs[0]);
	check_page_state(&needs[1]);
	check_journal(&needs[2]);
	check_event(&needs[3]);
	check_undo(&needs[4]);
	for (int b = FIRST_BACKEND; b < BACKENDS; b++) {
		check_backend(b, &needs[FIXED + b - FIRST_BACKEND]);
		any |= needs[FIXED + b - FIRST_BACKEND].met;
	}
	need_print(needs, NEEDS, stdout);
	if (fflush(stdout))
		return EXIT_RUNTIME;
	return any && !need_lacking(needs, NEEDS) ? EXIT_FINE : EXIT_LACKING;
}
