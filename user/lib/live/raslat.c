// SPDX-License-Identifier: GPL-2.0
/* Records one side, or prints its events as they come. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "duration.h"
#include "exitcode.h"
#include "flrwrite.h"
#include "output.h"
#include "platform.h"
#include "procinfo.h"
#include "raslat/counter.h"
#include "raslat/print.h"
#include "raslat/raslat.h"
#include "raslat/session.h"
#include "waiter.h"

#define ANCHOR_NS NSEC_PER_SEC

struct recorder {
	const struct raslat_options *options;
	struct ras_session *session;
	struct output output;
	struct flr_writer writer;
	struct ras_log log; /* of -w: those since the last section */
	struct ras_printer printer;
	struct ras_end end;
};

static int libbpf_verbose(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, args);
}

static void fill_origin(const struct raslat_options *options, struct flr_ras_origin *origin)
{
	struct timespec now;
	struct utsname uts;
	char platform[sizeof(origin->platform)];

	uname(&uts);
	origin->side = options->verb == VERB_GUEST ? SIDE_GUEST : SIDE_HOST;
	origin->pid = options->pid;
	origin->page_size = sysconf(_SC_PAGESIZE);
	origin->counter_hz = counter_hz();
	origin->start_ns = waiter_now_ns();
	clock_gettime(CLOCK_REALTIME, &now);
	origin->start_real_ns = now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
	if (platform_print(platform, sizeof(platform)))
		origin->flags |= FLR_RAS_EMULATED;
	flr_copy(origin->tool, sizeof(origin->tool), TOOL " " FAULTLINE_VERSION);
	flr_copy(origin->release, sizeof(origin->release), uts.release);
	flr_copy(origin->machine, sizeof(origin->machine), uts.machine);
	flr_copy(origin->platform, sizeof(origin->platform), platform);
}

static int check_pid(uint32_t pid)
{
	uint32_t tgid;
	int err = pid ? process_check(pid, &tgid) : 0;

	if (!err)
		return EXIT_FINE;
	if (err == -ENOTUNIQ)
		fprintf(stderr, TOOL ": %u is a thread (-p); use its process, -p %u\n", pid, tgid);
	else
		fprintf(stderr,
			TOOL ": no process %u (-p); pidof qemu-system-aarch64 lists QEMUs\n", pid);
	return EXIT_NO_SUCH;
}

static int no_session(const char *what, int err)
{
	if (err == -EPERM)
		return raslat_fail(
			EXIT_LACKING, what, err,
			"run it as root, outside a container, on a kernel that can attach to "
			"functions (CONFIG_FUNCTION_TRACER); -v shows libbpf's reasons");
	if (err == -ENOTSUP)
		return raslat_fail(
			EXIT_LACKING, what, 0,
			"this kernel has no BTF, or cannot attach to any of the functions that it "
			"takes (CONFIG_DEBUG_INFO_BTF, CONFIG_MEMORY_FAILURE)");
	return raslat_fail(EXIT_RUNTIME, what, err, "-v shows libbpf's reasons");
}

static int open_session(struct recorder *r)
{
	struct flr_ras_origin *origin = &r->log.origin;
	int err;

	libbpf_set_print(r->options->verbose ? libbpf_verbose : NULL);
	err = ras_session__open(origin->side, r->options->pid, origin->missing,
				sizeof(origin->missing), &r->session);
	if (err)
		return no_session("cannot load the BPF programs", err);
	err = ras_session__arm(r->session, origin->missing, sizeof(origin->missing));
	if (err)
		return no_session("cannot attach the BPF programs", err);
	return EXIT_FINE;
}

static int write_one(struct recorder *r, enum flr_type type, const void *data, size_t size)
{
	struct flr_draft draft = flr_draft_new();

	flr_add(&draft, data, size);
	return flr_write(&r->writer, &draft, type);
}

static int write_anchor(struct recorder *r)
{
	struct flr_ras_anchor anchor = counter_anchor();

	ras_session__voffset(r->session, &anchor);
	return write_one(r, FLR_RAS_ANCHOR, &anchor, sizeof(anchor));
}

static int write_end(struct recorder *r)
{
	struct flr_ras_end end = { .events = r->end.events, .n_losses = RAS_LOSS_MAX };
	struct flr_draft draft = flr_draft_new();

	flr_add(&draft, &end, sizeof(end));
	flr_add(&draft, r->end.losses, sizeof(r->end.losses));
	return flr_write(&r->writer, &draft, FLR_RAS_END);
}

static int open_file(struct recorder *r)
{
	const char *path = r->options->write;
	int err;

	if (!path)
		return EXIT_FINE;
	err = output_open(path, r->options->force, &r->output);
	if (err)
		return raslat_fail(EXIT_RUNTIME, path, err,
				   err == -EEXIST ? "--force overwrites it" : NULL);
	err = output_start(&r->output);
	err = err ? err : flr_begin(r->output.fd, FLR_RAS, &r->writer);
	if (!err)
		return EXIT_FINE;
	output_discard(&r->output);
	return raslat_fail(EXIT_RUNTIME, path, err, NULL);
}

static int on_event(void *arg, const struct fl_ras_event *event)
{
	struct recorder *r = arg;

	r->end.events++;
	if (r->options->write)
		return ras_log_event(&r->log, event);
	return ras_print_event(&r->printer, event);
}

/* What has come since: a section of it. */
static int take(struct recorder *r)
{
	int err = ras_session__read(r->session, on_event, r);

	if (!err && r->log.n)
		err = write_one(r, FLR_RAS_EVENTS, r->log.events,
				r->log.n * sizeof(*r->log.events));
	r->log.n = 0;
	return err;
}

static int watch(struct recorder *r)
{
	uint64_t now = waiter_now_ns(), next = now + ANCHOR_NS, end = UINT64_MAX;
	enum wake wake;
	int err = 0;

	if (r->options->duration_ns)
		end = now + r->options->duration_ns;
	do {
		wake = waiter_wait(next < end ? next : end, ras_session__fd(r->session));
		if (wake == WAKE_KEY || wake == WAKE_TIME)
			err = take(r);
		if (!err && r->options->write && waiter_now_ns() >= next)
			err = write_anchor(r);
		if (waiter_now_ns() >= next)
			next += ANCHOR_NS;
	} while (!err && wake != WAKE_END && waiter_now_ns() < end);
	return err;
}

static int finish(struct recorder *r)
{
	int err;

	err = ras_session__disarm(r->session);
	err = err ? err : take(r);
	err = err ? err : ras_session__losses(r->session, r->end.losses);
	if (err || !r->options->write)
		return err;
	err = write_anchor(r);
	err = err ? err : write_end(r);
	err = err ? err : flr_finish(&r->writer);
	return err ? err : output_close(&r->output);
}

static int run(struct recorder *r)
{
	const struct flr_ras_origin *origin = &r->log.origin;
	int err = waiter_init(false);

	if (!err && r->options->write) {
		err = write_one(r, FLR_RAS_ORIGIN, origin, sizeof(*origin));
		err = err ? err : write_anchor(r);
	} else if (!err) {
		err = ras_print_origin(&r->printer, origin);
	}
	if (!err) {
		fprintf(stderr, TOOL ": ready\n");
		err = watch(r);
	}
	err = err ? err : finish(r);
	if (err == -EPIPE)
		return EXIT_FINE;
	if (err)
		return raslat_fail(EXIT_RUNTIME, r->options->write ? r->options->write : "stdout",
				   err,
				   r->options->write ? "what was written whole can be read" : NULL);
	ras_print_losses(stderr, &r->end);
	return EXIT_FINE;
}

int raslat_record(const struct raslat_options *options)
{
	struct recorder r = {
		.options = options,
		.printer = { .out = stdout, .json = options->format == FORMAT_JSON },
	};
	int code = check_pid(options->pid);

	fill_origin(options, &r.log.origin);
	code = code ? code : open_session(&r);
	code = code ? code : open_file(&r);
	if (!code) {
		for (const char *line = r.log.origin.missing; *line; line = strchr(line, '\n') + 1)
			fprintf(stderr, TOOL ": not seen: %.*s\n", (int)strcspn(line, "\n"), line);
		code = run(&r);
	}
	ras_session__close(r.session);
	ras_log_fini(&r.log);
	return code;
}
