// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <syslog.h>

#include "exitcode.h"
#include "inject/guest.h"
#include "qmp.h"

static int open_qmp(struct injection *injection, struct qmp **ret_qmp)
{
	const char *path = injection->options->qmp;
	char why[QMP_WHY];

	if (!qmp__open(path, ret_qmp, why))
		return EXIT_FINE;
	return inject_fail(injection, EXIT_RUNTIME, "--qmp: %s: %s", path, why);
}

int guest_resolve(struct injection *injection)
{
	const struct inject_options *options = injection->options;
	char why[QMP_WHY];
	struct qmp *qmp;
	int code = open_qmp(injection, &qmp), err;

	if (code)
		return code;
	injection->pid = options->pid ? options->pid : qmp__peer(qmp);
	err = qmp__gpa2hva(qmp, options->gpa, &injection->vaddr, why);
	qmp__free(qmp);
	if (err)
		return inject_fail(injection, EXIT_RUNTIME, "--gpa: %#" PRIx64 ": QEMU says: %s",
				   options->gpa, why);
	if (injection->options->verbose)
		fprintf(stderr, TOOL ": --gpa: %#" PRIx64 " is at %#" PRIx64 " of process %u\n",
			options->gpa, injection->vaddr, injection->pid);
	return EXIT_FINE;
}

static int check_command(struct injection *injection, struct qmp *qmp)
{
	char why[QMP_WHY];
	int has = qmp__has(qmp, QMP_INJECT, why);

	if (has > 0)
		return EXIT_FINE;
	if (has < 0)
		return inject_fail(injection, EXIT_RUNTIME, "--qmp: %s: %s",
				   injection->options->qmp, why);
	return inject_fail(injection, EXIT_LACKING,
			   "backend qmp: this QEMU has no command " QMP_INJECT
			   "; take the one of 'make qemu', or a backend of this machine");
}

/* The number that QEMU gave the error is the sign: nothing else of it shows on this machine. */
static int ask(struct injection *injection, struct qmp *qmp)
{
	struct journal_entry *entry = &injection->entry;
	char why[QMP_WHY];
	int err, closed;

	*entry = (struct journal_entry){ .pfn = injection->options->gpa, .backend = BACKEND_QMP };
	err = journal_begin(&injection->journal, entry);
	if (err)
		return inject_fail(injection, EXIT_RUNTIME, "journal: %s: %s; nothing was injected",
				   injection->journal.path, strerror(-err));
	syslog(LOG_WARNING, "%s: injecting a memory error, guest address %#" PRIx64 ", by QEMU",
	       entry->id, injection->options->gpa);
	injection_start(injection);
	err = qmp__inject(qmp, injection->options->gpa, &injection->sequence, why);
	injection_end(injection);
	injection->has_sequence = !err;
	closed = journal_mark(&injection->journal, entry->id, JOURNAL_CLOSED,
			      err ? "refused" : "told-guest");
	if (err == -EPROTO || err == -ETIMEDOUT || err == -ECONNRESET)
		return inject_fail(injection, EXIT_UNVERIFIED, "--qmp: not verified: %s", why);
	if (err)
		return inject_fail(injection, EXIT_KERNEL, "--gpa: %#" PRIx64 ": QEMU refused: %s",
				   injection->options->gpa, why);
	return closed ? inject_fail(injection, EXIT_RUNTIME, "journal: %s: %s",
				    injection->journal.path, strerror(-closed)) :
			EXIT_FINE;
}

int guest_inject(struct injection *injection)
{
	struct qmp *qmp;
	int code = open_qmp(injection, &qmp);

	if (code)
		return code;
	code = check_command(injection, qmp);
	if (!code)
		code = ask(injection, qmp);
	qmp__free(qmp);
	return code;
}
