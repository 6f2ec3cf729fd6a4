// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "exitcode.h"
#include "jsonw.h"
#include "raslat/files.h"
#include "raslat/print.h"
#include "raslat/raslat.h"
#include "raslat/way.h"
#include "util.h"

/* Times that have a name of their own; they are not parts of one sum. */
static const struct span {
	const char *name, *what;
	enum ras_step from, to;
} spans[] = {
	{ "latent", "poisoned until touched", STEP_POISONED, STEP_TOUCH },
	{ "notify", "touched until the guest's handler runs", STEP_TOUCH, STEP_ABORT },
	{ "qemu", "QEMU: its handler until the guest is entered", STEP_HANDLER, STEP_ENTRY },
	{ "ack", "the guest's handler until it acknowledges", STEP_ABORT, STEP_ACK },
	{ "recover", "the guest's handler until the page is isolated", STEP_ABORT, STEP_ISOLATED },
	{ "signal", "the guest's handler until the victim gets SIGBUS", STEP_ABORT, STEP_VICTIM },
	{ "handling", "touched until the page is isolated", STEP_TOUCH, STEP_ISOLATED },
};

struct figures {
	size_t n; /* without the first error's */
	double first, p50, p90, p99, max; /* ms; the first error is cold, and apart */
	bool has_first;
};

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The smallest value that as many percent of all do not exceed. */
static double percentile(const double *sorted, size_t n, int percent)
{
	size_t rank = (n * percent + 99) / 100;

	return sorted[rank ? rank - 1 : 0];
}

static bool has(const struct ras_way *way, const struct span *span)
{
	/* A recovery that failed is not one that was quick. */
	return way->at[span->from] && way->at[span->to] && !way->disordered &&
	       !(span->to == STEP_ISOLATED && way->result);
}

static double span_ms(const struct ras_way *way, const struct span *span)
{
	return (double)(int64_t)(way->at[span->to] - way->at[span->from]) / 1e6;
}

static int figure(const struct ras_ways *ways, const struct span *span, struct figures *ret)
{
	cleanup_free double *values = calloc(ways->n + 1, sizeof(*values));
	struct figures f = {};

	if (!values)
		return -ENOMEM;
	for (size_t i = 0; i < ways->n; i++) {
		if (!has(&ways->all[i], span))
			continue;
		if (i)
			values[f.n++] = span_ms(&ways->all[i], span);
		else
			f.first = span_ms(&ways->all[i], span);
		f.has_first |= !i;
	}
	if (f.n) {
		qsort(values, f.n, sizeof(*values), by_size);
		f.p50 = percentile(values, f.n, 50);
		f.p90 = percentile(values, f.n, 90);
		f.p99 = percentile(values, f.n, 99);
		f.max = values[f.n - 1];
	}
	*ret = f;
	return 0;
}

/* The stages in the order of their times, as far as that is not given: the last two. */
static enum ras_step nth(const struct ras_way *way, int n)
{
	bool early = way->at[STEP_VICTIM] && way->at[STEP_VICTIM] < way->at[STEP_ISOLATED];

	if (early && n >= STEP_ISOLATED)
		return n == STEP_ISOLATED ? STEP_VICTIM : STEP_ISOLATED;
	return n;
}

static void print_way(const struct ras_way *way, size_t number)
{
	uint64_t start = 0, before = 0;

	printf("\nerror %zu: guest address ", number);
	if (way->gpa)
		printf("%#" PRIx64, way->gpa);
	else
		printf("not known");
	if (way->at[STEP_POISON])
		printf(", host frame %#" PRIx64, way->pfn);
	if (way->at[STEP_RECORD])
		printf(", QEMU's number %" PRIu64, way->sequence);
	if (way->at[STEP_ABORT])
		printf(", victim %u", way->victim);
	if (way->repeats)
		printf(", the access was repeated %u times", way->repeats);
	printf("\n%14s %14s  %-6s %s\n", "FROM START", "SINCE", "WHERE", "STAGE");
	for (int n = 0; n < STEPS; n++) {
		enum ras_step step = nth(way, n);
		uint64_t at = way->at[step];

		if (!at) {
			printf("%14s %14s  %-6s %s\n", "-", "not seen",
			       ras_step_in_guest(step) ? "guest" : "host", ras_step_text(step));
			continue;
		}
		start = start ? start : at;
		printf("%11.3f ms %11.3f ms  %-6s %s", (double)(int64_t)(at - start) / 1e6,
		       before ? (double)(int64_t)(at - before) / 1e6 : 0.0,
		       ras_step_in_guest(step) ? "guest" : "host", ras_step_text(step));
		if (step == STEP_SEA)
			printf("%s%s",
			       way->sea & RAS_SEA_BY_KVM ? ", by KVM" : ", by writing registers",
			       way->sea & RAS_SEA_RECORDED ? "" : ", WITHOUT A RECORD");
		if (step == STEP_ENTRY && way->counted)
			printf(" (QEMU got or set %" PRIu64 " registers)", way->registers);
		if (step == STEP_ISOLATED && way->result)
			printf(": it FAILED (%d)", way->result);
		putchar('\n');
		before = at;
	}
	if (way->disordered)
		puts("a stage is before an earlier one: these times are not used below");
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* What QEMU asked KVM for: not a time, and the same from the first error on. */
static int registers(const struct ras_ways *ways, size_t *ret_n, uint64_t *ret_p50,
		     uint64_t *ret_max)
{
	cleanup_free uint64_t *values = calloc(ways->n + 1, sizeof(*values));
	size_t n = 0;

	if (!values)
		return -ENOMEM;
	for (size_t i = 0; i < ways->n; i++)
		if (ways->all[i].counted)
			values[n++] = ways->all[i].registers;
	qsort(values, n, sizeof(*values), by_number);
	*ret_n = n;
	*ret_p50 = n ? values[(n - 1) / 2] : 0;
	*ret_max = n ? values[n - 1] : 0;
	return 0;
}

static int print_registers(const struct ras_ways *ways)
{
	uint64_t p50, max;
	size_t n;

	if (registers(ways, &n, &p50, &max))
		return -ENOMEM;
	if (n)
		printf("registers that QEMU got or set for an error: %" PRIu64 " (p50), %" PRIu64
		       " (max) of %zu errors\n",
		       p50, max, n);
	return 0;
}

static int print_spans(const struct ras_ways *ways)
{
	printf("\n%-9s %5s %10s %10s %10s %10s %10s  %s\n", "TIME", "N", "P50 ms", "P90 ms",
	       "P99 ms", "MAX ms", "FIRST ms", "FROM ... TO");
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		struct figures f;

		if (figure(ways, &spans[i], &f))
			return -ENOMEM;
		printf("%-9s %5zu ", spans[i].name, f.n);
		if (f.n)
			printf("%10.3f %10.3f %10.3f %10.3f ", f.p50, f.p90, f.p99, f.max);
		else
			printf("%10s %10s %10s %10s ", "-", "-", "-", "-");
		if (f.has_first)
			printf("%10.3f", f.first);
		else
			printf("%10s", "-");
		printf("  %s\n", spans[i].what);
	}
	puts("the first error finds nothing cached; it is in its own column, not in the others");
	return print_registers(ways);
}

static void print_origin(const struct ras_log *log, const char *side)
{
	printf("%s: %s %s; platform: %s\n", side, log->origin.release, log->origin.machine,
	       log->origin.platform);
	for (const char *line = log->origin.missing; *line; line = strchr(line, '\n') + 1)
		printf("%s: not seen: %.*s\n", side, (int)strcspn(line, "\n"), line);
}

static void print_missed(const struct ras_log *log, const char *side)
{
	uint64_t lost = 0;

	for (int i = 0; i < RAS_LOSS_MAX; i++)
		lost += log->end.losses[i];
	if (log->ended)
		printf("%s: %zu events, lost %" PRIu64 "\n", side, log->n, lost);
	else
		printf("%s: %zu events; losses are not known, the recording is cut off\n", side,
		       log->n);
}

static bool emulated(const struct ras_log *host, const struct ras_log *guest)
{
	return (host->origin.flags | guest->origin.flags) & FLR_RAS_EMULATED;
}

static int print_text(const struct ras_log *host, const struct ras_log *guest,
		      const struct ras_ways *ways)
{
	size_t failed = 0;

	print_origin(host, "host");
	print_origin(guest, "guest");
	if (emulated(host, guest))
		puts("the CPU is emulated: times say nothing about hardware");
	for (size_t i = 0; i < ways->n; i++)
		print_way(&ways->all[i], i + 1);
	if (print_spans(ways))
		return -ENOMEM;
	printf("one clock: the guest's counter and its offset; right to %.3f us\n",
	       ways->clock_error_ns / 1e3);
	print_missed(host, "host");
	print_missed(guest, "guest");
	for (size_t i = 0; i < ways->n; i++)
		failed += ways->all[i].at[STEP_ISOLATED] && ways->all[i].result;
	printf("%zu errors; %zu events belong to none of them; memory_failure() of the guest failed %zu times\n",
	       ways->n, ways->strays, failed);
	return 0;
}

static void json_way(struct jsonw *json, const struct ras_way *way, size_t number)
{
	jsonw_object(json, NULL);
	jsonw_string(json, "type", "error");
	jsonw_uint(json, "number", number);
	if (way->gpa)
		jsonw_hex(json, "gpa", way->gpa);
	jsonw_hex(json, "hva", way->hva);
	if (way->at[STEP_POISON])
		jsonw_hex(json, "host_pfn", way->pfn);
	if (way->at[STEP_RECORD])
		jsonw_uint(json, "sequence", way->sequence);
	jsonw_uint(json, "vcpu_thread", way->vcpu);
	if (way->at[STEP_ABORT])
		jsonw_uint(json, "victim_thread", way->victim);
	jsonw_uint(json, "repeats", way->repeats);
	if (way->at[STEP_SEA]) {
		jsonw_bool(json, "recorded", way->sea & RAS_SEA_RECORDED);
		jsonw_bool(json, "by_kvm", way->sea & RAS_SEA_BY_KVM);
	}
	if (way->counted) {
		jsonw_uint(json, "registers", way->registers);
		jsonw_uint(json, "ioctls", way->ioctls);
	}
	if (way->at[STEP_ISOLATED])
		jsonw_int(json, "recovery", way->result);
	jsonw_bool(json, "disordered", way->disordered);
	jsonw_object(json, "ns");
	for (int step = 0; step < STEPS; step++)
		if (way->at[step])
			jsonw_uint(json, ras_step_name(step), way->at[step]);
	jsonw_object_end(json);
	jsonw_object_end(json);
	jsonw_line_end(json);
}

static int json_span(struct jsonw *json, const struct ras_ways *ways, const struct span *span)
{
	struct figures f;

	if (figure(ways, span, &f))
		return -ENOMEM;
	jsonw_object(json, span->name);
	jsonw_uint(json, "n", f.n);
	if (f.has_first)
		jsonw_double(json, "first_ms", f.first);
	if (f.n) {
		jsonw_double(json, "p50_ms", f.p50);
		jsonw_double(json, "p90_ms", f.p90);
		jsonw_double(json, "p99_ms", f.p99);
		jsonw_double(json, "max_ms", f.max);
	}
	jsonw_object_end(json);
	return 0;
}

static void json_side(struct jsonw *json, const struct ras_log *log, const char *side)
{
	jsonw_object(json, side);
	jsonw_string(json, "release", log->origin.release);
	jsonw_string(json, "platform", log->origin.platform);
	jsonw_string(json, "missing", log->origin.missing);
	jsonw_uint(json, "events", log->n);
	jsonw_bool(json, "whole", log->ended);
	if (log->ended) {
		jsonw_object(json, "lost");
		for (int i = 0; i < RAS_LOSS_MAX; i++)
			jsonw_uint(json, ras_loss_name(i), log->end.losses[i]);
		jsonw_object_end(json);
	}
	jsonw_object_end(json);
}

static int print_json(const struct ras_log *host, const struct ras_log *guest,
		      const struct ras_ways *ways)
{
	struct jsonw json = { .out = stdout };

	for (size_t i = 0; i < ways->n; i++)
		json_way(&json, &ways->all[i], i + 1);
	jsonw_object(&json, NULL);
	jsonw_string(&json, "type", "summary");
	json_side(&json, host, "host");
	json_side(&json, guest, "guest");
	jsonw_bool(&json, "emulated", emulated(host, guest));
	jsonw_uint(&json, "clock_error_ns", ways->clock_error_ns);
	jsonw_uint(&json, "errors", ways->n);
	jsonw_uint(&json, "strays", ways->strays);
	jsonw_object(&json, "times");
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++)
		if (json_span(&json, ways, &spans[i]))
			return -ENOMEM;
	jsonw_object_end(&json);
	jsonw_object_end(&json);
	jsonw_line_end(&json);
	return 0;
}

static int merge(const struct raslat_options *options, const struct ras_log *host,
		 const struct ras_log *guest)
{
	struct ras_ways ways = {};
	const char *why;
	int err = ras_ways_join(host, guest, &ways, &why);

	if (err == -ENODATA) {
		fprintf(stderr, TOOL ": cannot merge: %s\n", why);
		return EXIT_RUNTIME;
	}
	if (!err)
		err = options->format == FORMAT_JSON ? print_json(host, guest, &ways) :
						       print_text(host, guest, &ways);
	ras_ways_fini(&ways);
	errno = 0;
	if (!err && (fflush(stdout) || ferror(stdout)))
		err = errno == EPIPE ? 0 : errno ? -errno : -EIO;
	return err ? raslat_fail(EXIT_RUNTIME, "stdout", err, NULL) : EXIT_FINE;
}

int raslat_merge(const struct raslat_options *options)
{
	struct ras_log host = {}, guest = {};
	int code = ras_file_read(options->files[0], SIDE_HOST, &host);

	code = code ? code : ras_file_read(options->files[1], SIDE_GUEST, &guest);
	code = code ? code : merge(options, &host, &guest);
	ras_log_fini(&host);
	ras_log_fini(&guest);
	return code;
}
