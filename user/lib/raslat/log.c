// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "duration.h"
#include "flrread.h"
#include "raslat/log.h"
#include "util.h"

static const char *const stages[] = {
	[RAS_FAILURE] = "memory_failure() begins",
	[RAS_FAILURE_END] = "memory_failure() ends",
	[RAS_SIGNAL] = "SIGBUS is sent",
	[RAS_HANDLER] = "QEMU's SIGBUS handler",
	[RAS_SIGBUS] = "QEMU is back from KVM_RUN",
	[RAS_RETRY] = "QEMU has the guest repeat the access",
	[RAS_RECORD] = "QEMU has written the record",
	[RAS_SEA] = "QEMU has raised the abort",
	[RAS_ENTRY] = "KVM enters the guest",
	[RAS_ABORT] = "do_sea() begins",
	[RAS_CLAIM] = "apei_claim_sea() begins",
	[RAS_ACK] = "the record is acknowledged",
	[RAS_QUEUE] = "memory_failure_queue()",
	[RAS_CLAIM_END] = "apei_claim_sea() ends",
	[RAS_ABORT_END] = "do_sea() ends",
};

static const struct {
	const char *name, *remedy;
} losses[] = {
	[RAS_LOSS_RING] = { "ring_full", "more came at once than was read" },
	[RAS_LOSS_THREADS] = { "threads_full", "more vCPUs than it can wait for at once" },
	[RAS_LOSS_NESTED] = { "nested", "the kernel does not run a program inside itself" },
};

const char *ras_stage_name(enum fl_ras_stage stage)
{
	return stage < ARRAY_SIZE(stages) ? stages[stage] : NULL;
}

const char *ras_loss_name(enum fl_ras_loss loss)
{
	return losses[loss].name;
}

const char *ras_loss_remedy(enum fl_ras_loss loss)
{
	return losses[loss].remedy;
}

static int make_room(void **array, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 64;
	void *p;

	if (n < *room)
		return 0;
	p = realloc(*array, more * size);
	if (!p)
		return -ENOMEM;
	*array = p;
	*room = more;
	return 0;
}

int ras_log_event(struct ras_log *log, const struct fl_ras_event *event)
{
	int err = make_room((void **)&log->events, log->n, &log->room, sizeof(*event));

	if (!err)
		log->events[log->n++] = *event;
	return err;
}

int ras_log_anchor(struct ras_log *log, const struct flr_ras_anchor *anchor)
{
	int err = make_room((void **)&log->anchors, log->n_anchors, &log->room_anchors,
			    sizeof(*anchor));

	if (!err)
		log->anchors[log->n_anchors++] = *anchor;
	return err;
}

void ras_log_fini(struct ras_log *log)
{
	free(log->events);
	free(log->anchors);
	*log = (struct ras_log){};
}

static int bad(const struct flr_payload *payload, char *why, const char *what)
{
	snprintf(why, FLR_WHY, "section %u (byte %llu) is spoilt: %s", payload->number,
		 (unsigned long long)payload->at, what);
	return -EBADMSG;
}

static bool is_text(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

static int take_origin(struct ras_log *log, struct flr_payload *payload, char *why)
{
	struct flr_ras_origin *o = &log->origin;

	if (!flr_get(payload, o, sizeof(*o)) || payload->left)
		return bad(payload, why, "another size than an origin has");
	if (o->page_size < 4096 || o->page_size & (o->page_size - 1))
		return bad(payload, why, "a page size that is none");
	if (*o->missing && o->missing[strnlen(o->missing, sizeof(o->missing)) - 1] != '\n')
		return bad(payload, why, "its list of missing hooks has no end");
	if (o->side > SIDE_GUEST || !is_text(o->tool, sizeof(o->tool)) ||
	    !is_text(o->release, sizeof(o->release)) || !is_text(o->machine, sizeof(o->machine)) ||
	    !is_text(o->platform, sizeof(o->platform)) || !is_text(o->missing, sizeof(o->missing)))
		return bad(payload, why, "not an origin");
	return 0;
}

static int take_end(struct ras_log *log, struct flr_payload *payload, char *why)
{
	struct flr_ras_end end;

	if (!flr_get(payload, &end, sizeof(end)) || payload->left != end.n_losses * sizeof(__u64))
		return bad(payload, why, "another size than an end has");
	if (end.n_losses > RAS_LOSS_MAX) {
		snprintf(why, FLR_WHY,
			 "it has a kind of loss that this tool does not know; use a newer one");
		return -EPROTONOSUPPORT;
	}
	log->end.events = end.events;
	flr_get(payload, log->end.losses, end.n_losses * sizeof(__u64));
	log->ended = true;
	return 0;
}

static int take_section(struct ras_log *log, struct flr_payload *payload, char *why)
{
	struct flr_ras_anchor anchor;
	struct fl_ras_event event;
	int err = 0;

	if (!payload->number != (payload->type == FLR_RAS_ORIGIN))
		return bad(payload, why, "the origin is not first, or not alone");
	switch (payload->type) {
	case FLR_RAS_ORIGIN:
		return take_origin(log, payload, why);
	case FLR_RAS_EVENTS:
		while (!err && flr_get(payload, &event, sizeof(event)))
			err = ras_log_event(log, &event);
		break;
	case FLR_RAS_ANCHOR:
		if (!flr_get(payload, &anchor, sizeof(anchor)))
			return bad(payload, why, "another size than an anchor has");
		if (log->n_anchors && (log->anchors[log->n_anchors - 1].ns >= anchor.ns ||
				       log->anchors[log->n_anchors - 1].counter > anchor.counter))
			return bad(payload, why, "an anchor that is not later than the last");
		err = ras_log_anchor(log, &anchor);
		break;
	case FLR_RAS_END:
		return take_end(log, payload, why);
	default:
		return bad(payload, why, "not a section of raslat's");
	}
	if (err)
		snprintf(why, FLR_WHY, "no memory for section %u", payload->number);
	return err ? err : payload->left ? bad(payload, why, "too long") : 0;
}

/* After the end: nothing may come, and the head has to agree. */
static int check_end(struct flr_reader *reader, char *why)
{
	if (fgetc(reader->file) != EOF) {
		snprintf(why, FLR_WHY, "there is something after its end");
		return -EBADMSG;
	}
	if (!reader->finished) {
		snprintf(why, FLR_WHY, "not marked as finished");
		return -ENODATA;
	}
	*why = '\0';
	return 0;
}

int ras_log_read(FILE *file, struct ras_log *ret_log, char *why)
{
	struct flr_payload payload;
	struct flr_reader reader;
	struct ras_log log = {};
	int err = flr_open(&reader, file, FLR_RAS, why);

	while (!err && !log.ended) {
		err = flr_next(&reader, &payload);
		if (err)
			break;
		err = take_section(&log, &payload, why);
		flr_payload_fini(&payload);
	}
	err = err ? err : check_end(&reader, why);
	/* What is whole is in the log. */
	if (err == -ENODATA && reader.sections) {
		log.ended = false;
		err = 0;
	}
	if (err) {
		ras_log_fini(&log);
		return err;
	}
	*ret_log = log;
	return 0;
}

/* ---- the clocks ---- */

#define SLEW_PPM 500 /* the most that adjtime(2) and NTP make of it */

static double max_of(double a, double b)
{
	return a > b ? a : b;
}

/* Nanoseconds a tick between this anchor and the next; of the counter itself if they tell nothing. */
static double rate(const struct ras_log *log, size_t i)
{
	const struct flr_ras_anchor *a = &log->anchors[i];

	if (i + 1 < log->n_anchors && a[1].counter > a[0].counter)
		return (double)(a[1].ns - a[0].ns) / (double)(a[1].counter - a[0].counter);
	return (double)NSEC_PER_SEC / (double)log->origin.counter_hz;
}

/* The last anchor before the moment; the first if there is none. */
static size_t anchor_before(const struct ras_log *log, uint64_t at, bool by_counter)
{
	size_t i = 0;

	while (i + 1 < log->n_anchors &&
	       (by_counter ? log->anchors[i + 1].counter : log->anchors[i + 1].ns) <= at)
		i++;
	return i;
}

/*
 * How far off a moment may be that is so many nanoseconds after anchor i. Between two anchors the rate may
 * have changed half-way, from that of the stretch before to that of the stretch after.
 */
static double error_at(const struct ras_log *log, size_t i, double since_ns)
{
	const struct flr_ras_anchor *a = &log->anchors[i];
	double error = (double)a->error_ns, here, differ = 0;

	if (i + 1 == log->n_anchors || since_ns < 0)
		return error + (since_ns < 0 ? -since_ns : since_ns) * SLEW_PPM / 1e6;
	here = rate(log, i);
	if (i)
		differ = max_of(differ, __builtin_fabs(rate(log, i - 1) / here - 1));
	if (i + 2 < log->n_anchors)
		differ = max_of(differ, __builtin_fabs(rate(log, i + 1) / here - 1));
	return max_of(error, (double)a[1].error_ns) + differ * (double)(a[1].ns - a[0].ns) / 4;
}

static uint64_t saturate(double value)
{
	return value < 0 ? 0 : value < 1e18 ? (uint64_t)value : (uint64_t)1e18;
}

uint64_t ras_log_counter(const struct ras_log *log, uint64_t ns, uint64_t *ret_error_ns)
{
	size_t i = anchor_before(log, ns, false);
	const struct flr_ras_anchor *a = &log->anchors[i];
	double since = (double)ns - (double)a->ns;

	*ret_error_ns = saturate(error_at(log, i, since) + 1);
	return saturate((double)a->counter + since / rate(log, i));
}

uint64_t ras_log_ns(const struct ras_log *log, uint64_t counter, uint64_t *ret_error_ns)
{
	size_t i = anchor_before(log, counter, true);
	const struct flr_ras_anchor *a = &log->anchors[i];
	double since = ((double)counter - (double)a->counter) * rate(log, i);

	*ret_error_ns = saturate(error_at(log, i, since) + 1);
	return saturate((double)a->ns + since);
}
