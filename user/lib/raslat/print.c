// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "jsonw.h"
#include "raslat/print.h"
#include "raslat/raslat.h"
#include "timestamp.h"

static void timestamp_of(uint64_t real_ns, char time[TIMESTAMP_SIZE])
{
	const struct timespec ts = { .tv_sec = real_ns / 1000000000ULL,
				     .tv_nsec = real_ns % 1000000000ULL };

	timestamp_print(&ts, time);
}

static int flush(FILE *out)
{
	errno = 0;
	return fflush(out) || ferror(out) ? (errno ? -errno : -EIO) : 0;
}

int ras_print_origin(struct ras_printer *printer, const struct flr_ras_origin *o)
{
	struct jsonw json = { .out = printer->out };
	char time[TIMESTAMP_SIZE];

	if (!printer->json) {
		fprintf(printer->out, "%s of a %s, %s %s; platform: %s\n", o->tool,
			o->side == SIDE_HOST ? "host" : "guest", o->release, o->machine,
			o->platform);
		if (o->flags & FLR_RAS_EMULATED)
			fprintf(printer->out,
				"the CPU is emulated: times say nothing about hardware\n");
		fprintf(printer->out, "%12s %12s %4s %8s  %s\n", "SECONDS", "SINCE", "CPU",
			"THREAD", "STAGE");
		return flush(printer->out);
	}
	jsonw_object(&json, NULL);
	jsonw_string(&json, "type", "origin");
	jsonw_string(&json, "tool", o->tool);
	jsonw_string(&json, "side", o->side == SIDE_HOST ? "host" : "guest");
	jsonw_string(&json, "release", o->release);
	jsonw_string(&json, "machine", o->machine);
	jsonw_string(&json, "platform", o->platform);
	jsonw_bool(&json, "emulated", o->flags & FLR_RAS_EMULATED);
	timestamp_of(o->start_real_ns, time);
	jsonw_string(&json, "time", time);
	jsonw_uint(&json, "ns", o->start_ns);
	jsonw_string(&json, "missing", o->missing);
	jsonw_object_end(&json);
	jsonw_line_end(&json);
	return flush(printer->out);
}

static void print_detail(FILE *out, const struct fl_ras_event *e)
{
	switch (e->stage) {
	case RAS_FAILURE:
	case RAS_QUEUE:
		fprintf(out, ": frame %#" PRIx64, (uint64_t)e->value);
		break;
	case RAS_FAILURE_END:
		fprintf(out, ": frame %#" PRIx64 ", returns %d", (uint64_t)e->value, e->result);
		break;
	case RAS_SIGNAL:
		fprintf(out, " to %u: address %#" PRIx64 ", code %" PRIu64, e->to,
			(uint64_t)e->value, (uint64_t)e->aux);
		break;
	case RAS_HANDLER:
		fprintf(out, ": address %#" PRIx64, (uint64_t)e->value);
		break;
	case RAS_RECORD:
		fprintf(out, ": error %" PRIu64 ", guest address %#" PRIx64, (uint64_t)e->value,
			(uint64_t)e->aux);
		break;
	case RAS_SEA:
		fprintf(out, ": guest address %#" PRIx64 "%s%s", (uint64_t)e->aux,
			e->result & RAS_SEA_RECORDED ? "" : ", without a record",
			e->result & RAS_SEA_BY_KVM ? ", by KVM" : ", by writing registers");
		break;
	case RAS_ENTRY:
		if (e->result)
			fprintf(out,
				": QEMU got or set %" PRIu64 " registers, %" PRIu64
				" ioctls in all",
				(uint64_t)e->value, (uint64_t)e->aux);
		break;
	case RAS_SIGBUS:
	case RAS_RETRY:
		fprintf(out, ": guest address %#" PRIx64, (uint64_t)e->aux);
		break;
	case RAS_ABORT:
		fprintf(out, ": FAR %#" PRIx64 ", ESR %#" PRIx64, (uint64_t)e->value,
			(uint64_t)e->aux);
		break;
	case RAS_CLAIM_END:
		fprintf(out, ": %s", e->result ? "no record of it" : "it was a recorded error");
		break;
	}
}

static void print_text(struct ras_printer *printer, const struct fl_ras_event *e)
{
	const char *name = ras_stage_name(e->stage);

	fprintf(printer->out, "%5llu.%06llu ", e->ns / 1000000000ULL, e->ns / 1000ULL % 1000000ULL);
	fprintf(printer->out, "%9.3f ms %4u %8u  ",
		printer->last_ns ? (double)(int64_t)(e->ns - printer->last_ns) / 1e6 : 0.0, e->cpu,
		e->tid);
	if (name)
		fprintf(printer->out, "%s", name);
	else
		fprintf(printer->out, "stage %u", e->stage);
	print_detail(printer->out, e);
	fputc('\n', printer->out);
}

int ras_print_event(struct ras_printer *printer, const struct fl_ras_event *e)
{
	struct jsonw json = { .out = printer->out };

	if (!printer->json) {
		print_text(printer, e);
	} else {
		jsonw_object(&json, NULL);
		jsonw_string(&json, "type", "event");
		jsonw_uint(&json, "ns", e->ns);
		jsonw_uint(&json, "stage", e->stage);
		jsonw_string(&json, "name", ras_stage_name(e->stage));
		jsonw_uint(&json, "cpu", e->cpu);
		jsonw_uint(&json, "pid", e->pid);
		jsonw_uint(&json, "tid", e->tid);
		jsonw_uint(&json, "to", e->to);
		jsonw_hex(&json, "value", e->value);
		jsonw_hex(&json, "aux", e->aux);
		jsonw_int(&json, "result", e->result);
		jsonw_object_end(&json);
		jsonw_line_end(&json);
	}
	printer->last_ns = e->ns;
	return flush(printer->out);
}

void ras_print_losses(FILE *out, const struct ras_end *end)
{
	uint64_t lost = 0;

	for (int i = 0; i < RAS_LOSS_MAX; i++)
		lost += end->losses[i];
	fprintf(out, TOOL ": %llu events, lost %" PRIu64 "\n", (unsigned long long)end->events,
		lost);
	for (int i = 0; i < RAS_LOSS_MAX; i++)
		if (end->losses[i])
			fprintf(out, TOOL ": lost %llu: %s: %s\n",
				(unsigned long long)end->losses[i], ras_loss_name(i),
				ras_loss_remedy(i));
}
