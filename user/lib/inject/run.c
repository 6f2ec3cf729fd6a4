// SPDX-License-Identifier: GPL-2.0
/* The way of an injection: look, decide, write down, look again, inject, verify. */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "duration.h"
#include "exitcode.h"
#include "inject/guest.h"
#include "inject/inject.h"
#include "inject/policy.h"
#include "need.h"
#include "platform.h"
#include "util.h"

#define RECOVERY_SYSCTL "/proc/sys/vm/memory_failure_recovery"

int inject_fail(struct injection *injection, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(injection->message, sizeof(injection->message), format, args);
	va_end(args);
	fprintf(stderr, TOOL ": %s\n", injection->message);
	injection->code = code;
	return code;
}

const char *journal_dir(void)
{
	const char *dir = getenv("RASINJECT_JOURNAL");

	return dir && *dir ? dir : JOURNAL_DIR;
}

/* For the tests, which kill it there. */
static void stop_for_test(const char *where)
{
	const char *stop = getenv("RASINJECT_STOP");

	if (stop && !strcmp(stop, where))
		raise(SIGSTOP);
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* The counter that other machines' clocks can be held against. */
static uint64_t counter(void)
{
#if defined(__x86_64__)
	return __rdtsc();
#elif defined(__aarch64__)
	uint64_t value;

	asm volatile("isb; mrs %0, cntvct_el0" : "=r"(value)::"memory");
	return value;
#else
	return 0;
#endif
}

static int check_privileges(struct injection *injection)
{
	if (need_caps() & 1ULL << CAP_SYS_ADMIN)
		return EXIT_FINE;
	return inject_fail(
		injection, EXIT_LACKING,
		"privileges: no CAP_SYS_ADMIN, without which the kernel neither shows page "
		"frames nor poisons them; run it as root");
}

static int choose_backend(struct injection *injection)
{
	char why[240];

	injection->backend = injection->options->backend;
	if (injection->backend == BACKEND_AUTO) {
		injection->backend = backend_choose(why, sizeof(why));
		if (injection->backend == BACKEND_AUTO)
			return inject_fail(injection, EXIT_LACKING, "backend auto: %s", why);
	}
	injection->has_page = injection->backend != BACKEND_QMP;
	if (backend_usable(injection->backend, why, sizeof(why)))
		return inject_fail(injection, EXIT_LACKING, "backend %s: %s",
				   backend_names[injection->backend], why);
	return EXIT_FINE;
}

static int look(struct injection *injection)
{
	uint64_t pfn = injection->page.pfn;
	int err = page_read(pfn, &injection->page);

	if (!err)
		err = page_find_owners(&injection->page);
	if (err)
		return inject_fail(injection, EXIT_LACKING,
				   "pfn %#" PRIx64 ": cannot tell whose it is: /proc/kpageflags, "
				   "/proc/kpagecount: %s; run it as root on a kernel with "
				   "CONFIG_PROC_PAGE_MONITOR",
				   pfn, strerror(-err));
	injection->refusals = policy_decide(&injection->page);
	return EXIT_FINE;
}

/* The page's own refusals first, then the machine's. */
static int decide(struct injection *injection)
{
	const struct inject_options *options = injection->options;
	uint64_t pfn = injection->page.pfn, recovery;
	char why[256];

	if (injection->refusals && !options->force) {
		policy_text(&injection->page, __builtin_ctz(injection->refusals), why, sizeof(why));
		return inject_fail(injection, EXIT_REFUSED,
				   "pfn %#" PRIx64
				   ": not injected: %s; --force does it all the same",
				   pfn, why);
	}
	if (!options->force && !backend_read(RECOVERY_SYSCTL, &recovery) && !recovery)
		return inject_fail(injection, EXIT_REFUSED,
				   "pfn %#" PRIx64 ": not injected: the kernel would panic; sysctl "
				   "vm.memory_failure_recovery=1, or --force",
				   pfn);
	if (injection->backend == BACKEND_MADVISE &&
	    madvise_reaches(&injection->page, why, sizeof(why)))
		return inject_fail(injection, EXIT_LACKING, "backend madvise: %s", why);
	if (options->memcg_filter && !injection->page.memcg)
		return inject_fail(injection, EXIT_REFUSED,
				   "pfn %#" PRIx64
				   ": no memory cgroup has it, so the filter would let "
				   "nothing through; leave out --memcg-filter",
				   pfn);
	return EXIT_FINE;
}

/* A machine that is real has memory, and users, that others count on. */
static int confirm(struct injection *injection)
{
	const struct inject_options *options = injection->options;
	char line[64] = "", want[32];

	if (options->force || platform_virtual())
		return EXIT_FINE;
	if (!isatty(STDIN_FILENO))
		return inject_fail(injection, EXIT_REFUSED,
				   "pfn %#" PRIx64
				   ": not injected: this is no virtual machine, and "
				   "there is no terminal to confirm it at; --force",
				   injection->page.pfn);
	snprintf(want, sizeof(want), "%#" PRIx64, injection->page.pfn);
	fprintf(stderr, TOOL ": this is no virtual machine; to poison the page, type %s: ", want);
	if (fgets(line, sizeof(line), stdin))
		line[strcspn(line, "\n")] = '\0';
	if (!strcmp(line, want))
		return EXIT_FINE;
	return inject_fail(injection, EXIT_REFUSED, "pfn %s: not injected: not confirmed", want);
}

/* Until everything that was set is restored, only kill -9 ends this: the journal is for that. */
static void hold_signals(bool hold)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* Open entries of a run that was killed: its filter would be taken for the kernel's own. */
static int check_leftover(struct injection *injection)
{
	cleanup_free struct journal_entry *entries = NULL;
	unsigned int damaged;
	char boot[40];
	size_t n;
	int err = journal_load(&injection->journal, &entries, &n, &damaged);

	if (err)
		return inject_fail(injection, EXIT_RUNTIME, "journal: %s: %s",
				   injection->journal.path, strerror(-err));
	if (damaged && injection->options->verbose)
		fprintf(stderr, TOOL ": journal: %s: %u damaged lines left out\n",
			injection->journal.path, damaged);
	journal_boot_id(boot);
	for (size_t i = 0; i < n; i++)
		if (entries[i].state == JOURNAL_BEGUN && !strcmp(entries[i].boot, boot))
			return inject_fail(injection, EXIT_RUNTIME,
					   "journal: %s: an injection (pfn %#" PRIx64 ") was cut "
					   "off; " TOOL " --undo first",
					   injection->journal.path, entries[i].pfn);
	return EXIT_FINE;
}

static int write_down(struct injection *injection)
{
	struct journal_entry *entry = &injection->entry;
	int err;

	*entry = (struct journal_entry){
		.has_pfn = injection->has_page,
		.pfn = injection->page.pfn,
		.backend = injection->backend,
		.flags = injection->page.flags,
		.filter_changed = injection->options->memcg_filter,
	};
	if (entry->filter_changed && filter_read(&entry->filter))
		return inject_fail(injection, EXIT_LACKING,
				   "--memcg-filter: no " HWPOISON_DIR
				   "/corrupt-filter-memcg; " HWPOISON_REMEDY);
	err = journal_begin(&injection->journal, entry);
	if (err)
		return inject_fail(injection, EXIT_RUNTIME, "journal: %s: %s; nothing was injected",
				   injection->journal.path, strerror(-err));
	syslog(LOG_WARNING, "%s: injecting a memory error, pfn %#" PRIx64 ", backend %s", entry->id,
	       entry->pfn, backend_names[entry->backend]);
	return EXIT_FINE;
}

static int mark(struct injection *injection, enum journal_state state, const char *why)
{
	int err = journal_mark(&injection->journal, injection->entry.id, state, why);

	syslog(LOG_WARNING, "%s: %s", injection->entry.id, why);
	if (!err)
		return EXIT_FINE;
	return inject_fail(injection, EXIT_RUNTIME, "journal: %s: %s", injection->journal.path,
			   strerror(-err));
}

/* As close to the injection as can be. */
static int look_again(struct injection *injection)
{
	const struct page *page = &injection->page;
	bool same;
	struct page now;
	uint64_t pfn;

	same = !page_read(page->pfn, &now) && policy_same(page, &now);
	for (uint32_t i = 0; same && i < page->found && i < PAGE_OWNERS; i++)
		same = !page_of_process(page->owners[i].pid, page->owners[i].vaddr, &pfn) &&
		       pfn == page->pfn;
	if (same)
		return EXIT_FINE;
	return inject_fail(injection, EXIT_REFUSED,
			   "pfn %#" PRIx64
			   ": not injected: the page changed hands after it was looked "
			   "at; try again",
			   page->pfn);
}

void injection_start(struct injection *injection)
{
	injection->injected = true;
	injection->start_ns = monotonic_ns();
	injection->start_counter = counter();
}

void injection_end(struct injection *injection)
{
	injection->end_counter = counter();
	injection->end_ns = monotonic_ns();
}

static int ask(struct injection *injection)
{
	int err;

	injection_start(injection);
	err = backend_inject(injection->backend, &injection->page);
	injection_end(injection);
	return err;
}

/* With the filter set, if it is asked for. *ret_err: what the backend says. */
static int inject(struct injection *injection, int *ret_err)
{
	const struct journal_entry *entry = &injection->entry;
	struct filter filter = { .enable = 1, .memcg = injection->page.memcg };
	int code, err = 0;

	if (entry->filter_changed)
		err = filter_write(&filter);
	code = err ? inject_fail(injection, EXIT_RUNTIME, "--memcg-filter: cannot set it: %s",
				 strerror(-err)) :
		     look_again(injection);
	if (!code)
		*ret_err = ask(injection);
	stop_for_test("injected");
	if (!entry->filter_changed)
		return code;
	err = filter_write(&entry->filter);
	return err ? inject_fail(
			     injection, EXIT_RUNTIME,
			     "--memcg-filter: cannot restore it: %s; while it is set, real errors "
			     "are hidden: " TOOL " --undo",
			     strerror(-err)) :
		     code;
}

static void missing_signs(const struct signs *signs, char *buf, size_t size)
{
	size_t used = 0;

	*buf = '\0';
	for (int i = 0; i < SIGN_COUNT && used < size; i++)
		if (signs->wanted & ~signs->seen & 1u << i)
			used += snprintf(buf + used, size - used, "%s%s", used ? ", " : "",
					 sign_names[i]);
}

static int judge(struct injection *injection, int err)
{
	const struct signs *signs = &injection->signs;
	uint64_t pfn = injection->page.pfn;
	char missing[100];
	int code = EXIT_FINE;

	signs_collect(&injection->signs, pfn);
	switch (signs_judge(signs, err, injection->page.flags & KPF(HWPOISON))) {
	case VERDICT_VERIFIED:
		break;
	case VERDICT_KERNEL_REFUSED:
		inject_fail(injection, EXIT_KERNEL, "pfn %#" PRIx64 ": the kernel refused: %s", pfn,
			    strerror(-err));
		code = mark(injection, JOURNAL_CLOSED, "refused");
		return code ? code : injection->code;
	case VERDICT_NOT_RECOVERED:
		code = inject_fail(injection, EXIT_UNRECOVERED,
				   "pfn %#" PRIx64
				   ": poisoned, and the kernel could not deal with it: "
				   "%s: %s",
				   pfn, *signs->event_page ? signs->event_page : strerror(-err),
				   *signs->event_result ? signs->event_result : "failed");
		break;
	case VERDICT_NOT_VERIFIED:
		missing_signs(signs, missing, sizeof(missing));
		code = inject_fail(injection, EXIT_UNVERIFIED,
				   "pfn %#" PRIx64 ": not verified: %s%s", pfn,
				   *missing ? "no " : "nothing shows here before it is touched",
				   missing);
		break;
	}
	if (signs->seen & SIGN_FLAG)
		err = mark(injection, JOURNAL_INJECTED, code ? "unverified" : "verified");
	else
		err = mark(injection, JOURNAL_CLOSED, "no-poison");
	return err ? err : code;
}

/* From here on something can be left over, and the journal says so. */
static int inject_journalled(struct injection *injection)
{
	int code = write_down(injection), err = 0;

	if (code)
		return code;
	stop_for_test("journal");
	code = inject(injection, &err);
	if (injection->injected)
		err = judge(injection, err);
	else
		err = mark(injection, JOURNAL_CLOSED, "not-injected");
	return code ? code : err;
}

static int inject_watched(struct injection *injection)
{
	char why[160];
	int code;

	hold_signals(true);
	if (signs_arm(&injection->signs, backend_signs(injection->backend), why, sizeof(why)) &&
	    !injection->options->force)
		code = inject_fail(injection, EXIT_LACKING,
				   "verification: %s; --force injects unverified", why);
	else
		code = inject_journalled(injection);
	signs_disarm(&injection->signs);
	hold_signals(false);
	return code;
}

static int inject_locked(struct injection *injection)
{
	const char *dir = journal_dir();
	int code, err = journal_open(dir, &injection->journal);

	if (err == -EWOULDBLOCK)
		return inject_fail(injection, EXIT_RUNTIME,
				   "journal: %s: another " TOOL " is at work; wait for it", dir);
	if (err)
		return inject_fail(injection, EXIT_RUNTIME,
				   "journal: %s: %s; without it nothing is injected", dir,
				   strerror(-err));
	code = check_leftover(injection);
	if (!code)
		code = injection->has_page ? inject_watched(injection) : guest_inject(injection);
	journal_close(&injection->journal);
	return code;
}

static int inject_decided(struct injection *injection)
{
	int code = injection->has_page ? decide(injection) : EXIT_FINE;

	if (!code && !injection->options->dry_run)
		code = injection->has_page ? confirm(injection) : EXIT_FINE;
	if (!code && !injection->options->dry_run)
		code = inject_locked(injection);
	return code;
}

int inject_run(const struct inject_options *options)
{
	struct injection injection = { .options = options };
	int code = check_privileges(&injection);

	if (!code)
		code = choose_backend(&injection);
	if (!code)
		code = target_resolve(&injection);
	if (!code && injection.has_page)
		code = look(&injection);
	if (code)
		return code;
	openlog(TOOL, LOG_PID, LOG_USER);
	report_page(&injection);
	injection.code = inject_decided(&injection);
	report_end(&injection);
	return injection.code;
}
