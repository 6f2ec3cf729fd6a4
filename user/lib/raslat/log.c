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
	if (o->side > SIDE_GUEST || !is_text(o->tool, sizeof(o->tool)) ||
	    !is_text(o->release, sizeof(o->release)) || !is_text(o->machine, sizeof(o->machine)) ||
	    !is_text(o->platform, sizeof(o->platform)) || !is_text(o->missing, sizeof(o->missing)))
		return bad(payload, why, "not an origin");
	return 0;
}

static int take_section(struct ras_log *log, struct flr_payload *payload, char *why)
{
	struct flr_ras_anchor anchor;
	struct fl_ras_event event;
	int err = 0;

	if (!payload->number != (payload->type == FLR_RAS_ORIGIN))
		return bad(payload, why, "the origin is not first, or not alone");
	if (log->ended)
		return bad(payload, why, "it comes after the end");
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
		if (log->n_anchors && log->anchors[log->n_anchors - 1].ns >= anchor.ns)
			return bad(payload, why, "an anchor that is not later than the last");
		err = ras_log_anchor(log, &anchor);
		break;
	case FLR_RAS_END:
		if (!flr_get(payload, &log->end, sizeof(log->end)))
			return bad(payload, why, "another size than an end has");
		log->ended = true;
		break;
	default:
		return bad(payload, why, "not a section of raslat's");
	}
	if (err)
		snprintf(why, FLR_WHY, "no memory for section %u", payload->number);
	return err ? err : payload->left ? bad(payload, why, "too long") : 0;
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
	if (err == -ENODATA && reader.sections)
		err = 0;
	else if (!err)
		*why = '\0';
	if (err) {
		ras_log_fini(&log);
		return err;
	}
	*ret_log = log;
	return 0;
}

/*
 * The line through the two anchors around the moment, or through the first and the last if it is
 * outside; one anchor alone: with the counter's own rate.
 */
static void line(const struct ras_log *log, uint64_t at, bool by_counter,
		 const struct flr_ras_anchor **ret_from, double *ret_ns_per_tick)
{
	const struct flr_ras_anchor *from = log->anchors, *to = from + log->n_anchors - 1;

	for (size_t i = 0; i + 1 < log->n_anchors; i++) {
		const struct flr_ras_anchor *a = &log->anchors[i];

		if (at >= (by_counter ? a[0].counter : a[0].ns) &&
		    at < (by_counter ? a[1].counter : a[1].ns)) {
			from = a;
			to = a + 1;
			break;
		}
	}
	*ret_from = from;
	*ret_ns_per_tick = to->counter > from->counter ?
				   (double)(to->ns - from->ns) / (to->counter - from->counter) :
				   (double)NSEC_PER_SEC / log->origin.counter_hz;
}

uint64_t ras_log_counter(const struct ras_log *log, uint64_t ns, uint64_t *ret_error_ns)
{
	const struct flr_ras_anchor *from;
	double rate;

	line(log, ns, false, &from, &rate);
	*ret_error_ns = from->error_ns;
	return from->counter + (int64_t)((double)(int64_t)(ns - from->ns) / rate);
}

uint64_t ras_log_ns(const struct ras_log *log, uint64_t counter, uint64_t *ret_error_ns)
{
	const struct flr_ras_anchor *from;
	double rate;

	line(log, counter, true, &from, &rate);
	*ret_error_ns = from->error_ns;
	return from->ns + (int64_t)((double)(int64_t)(counter - from->counter) * rate);
}
