// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>

#include "raslat/way.h"
#include "util.h"

#define PAGE_MASK (~0xfffULL)
#define RECORD_SIZE 4096 /* a record is about so much of the guest's memory */
#define BUS_MCEERR_AR 4

static const struct {
	const char *name, *text;
} steps[STEPS] = {
	[STEP_POISON] = { "poison", "memory_failure() begins in the host" },
	[STEP_POISONED] = { "poisoned", "memory_failure() ends in the host" },
	[STEP_TOUCH] = { "touch", "KVM sends SIGBUS: the guest has touched the page" },
	[STEP_HANDLER] = { "handler", "QEMU's SIGBUS handler" },
	[STEP_QEMU] = { "qemu", "QEMU is back from KVM_RUN" },
	[STEP_RECORD] = { "record", "QEMU has written the record" },
	[STEP_SEA] = { "sea", "QEMU has raised the abort" },
	[STEP_ENTRY] = { "entry", "KVM enters the guest" },
	[STEP_ABORT] = { "abort", "do_sea() begins" },
	[STEP_CLAIM] = { "claim", "apei_claim_sea() begins" },
	[STEP_ACK] = { "ack", "the record is acknowledged" },
	[STEP_QUEUE] = { "queue", "memory_failure_queue()" },
	[STEP_FAILURE] = { "failure", "memory_failure() begins in the guest" },
	[STEP_ISOLATED] = { "isolated", "memory_failure() ends in the guest" },
	[STEP_VICTIM] = { "victim", "SIGBUS is sent to the victim" },
};

const char *ras_step_name(enum ras_step step)
{
	return steps[step].name;
}

const char *ras_step_text(enum ras_step step)
{
	return steps[step].text;
}

bool ras_step_in_guest(enum ras_step step)
{
	return step >= STEP_ABORT;
}

/* A page that memory_failure() of the host has taken. */
struct poison {
	uint64_t pfn, hva; /* hva 0: nobody has it */
	uint64_t begin, end;
	uint32_t tid;
	size_t way; /* whose it is; NO_WAY: nobody has touched it */
};

#define NO_WAY ((size_t)-1)

struct join {
	struct ras_way *all;
	size_t n, room;
	struct poison *poisons;
	size_t n_poisons, room_poisons;
	size_t strays;
	uint64_t host_page, guest_page; /* bytes */
	bool failed; /* no memory */
};

static void *append(void **array, size_t *n, size_t *room, size_t size, bool *failed)
{
	size_t more = *room ? 2 * *room : 64;
	void *p;

	if (*n == *room) {
		p = realloc(*array, more * size);
		if (!p) {
			*failed = true;
			return NULL;
		}
		*array = p;
		*room = more;
	}
	return (char *)*array + (*n)++ * size;
}

/* The last way for which test holds. */
#define last_way(join, w, test)                                  \
	({                                                       \
		struct ras_way *found = NULL, *w;                \
		for (size_t i = (join)->n; i-- > 0 && !found;) { \
			w = &(join)->all[i];                     \
			if (test)                                \
				found = w;                       \
		}                                                \
		found;                                           \
	})

static void on_poison(struct join *join, const struct fl_ras_event *e)
{
	struct poison *poison;

	if (e->stage == RAS_FAILURE) {
		poison = append((void **)&join->poisons, &join->n_poisons, &join->room_poisons,
				sizeof(*poison), &join->failed);
		if (poison)
			*poison = (struct poison){
				.pfn = e->value,
				.begin = e->ns,
				.tid = e->tid,
				.way = NO_WAY,
			};
		return;
	}
	for (size_t i = join->n_poisons; i-- > 0;) {
		poison = &join->poisons[i];
		if (poison->tid != e->tid || poison->end)
			continue;
		/* Between begin and end, the signal says where the process has the page. */
		if (e->stage == RAS_SIGNAL)
			poison->hva = e->value & PAGE_MASK;
		else if (poison->pfn == e->value)
			poison->end = e->ns;
		return;
	}
	join->strays++;
}

static void take_poison(struct join *join, const struct ras_way *way)
{
	for (size_t i = join->n_poisons; i-- > 0;) {
		struct poison *poison = &join->poisons[i];

		if (poison->way != NO_WAY || poison->hva != way->hva)
			continue;
		poison->way = way - join->all;
		return;
	}
}

/* At the end: the guest can touch a page before the host's memory_failure() is done with it. */
static void set_poisons(struct join *join)
{
	for (size_t i = 0; i < join->n_poisons; i++) {
		const struct poison *poison = &join->poisons[i];

		if (poison->way == NO_WAY)
			continue;
		join->all[poison->way].pfn = poison->pfn;
		join->all[poison->way].at[STEP_POISON] = poison->begin;
		join->all[poison->way].at[STEP_POISONED] = poison->end;
	}
}

static void on_touch(struct join *join, const struct fl_ras_event *e)
{
	uint64_t hva = e->value & PAGE_MASK;
	struct ras_way *way =
		last_way(join, w, w->vcpu == e->to && !w->at[STEP_SEA] && !w->at[STEP_ENTRY]);

	/* The same access again. */
	if (way && way->hva == hva)
		return;
	way = append((void **)&join->all, &join->n, &join->room, sizeof(*way), &join->failed);
	if (!way)
		return;
	*way = (struct ras_way){ .hva = hva, .vcpu = e->to, .at[STEP_TOUCH] = e->ns };
	take_poison(join, way);
}

static void on_host_event(struct join *join, const struct fl_ras_event *e)
{
	struct ras_way *way;

	switch (e->stage) {
	case RAS_SIGNAL:
		if (e->aux == BUS_MCEERR_AR) {
			on_touch(join, e);
			return;
		}
		/* fall through */
	case RAS_FAILURE:
	case RAS_FAILURE_END:
		on_poison(join, e);
		return;
	case RAS_SIGBUS:
		/* QEMU's main thread gets to know of a page that nobody has touched. */
		if (e->result != BUS_MCEERR_AR)
			return;
	}
	way = last_way(join, w, w->vcpu == e->tid && !w->at[STEP_ENTRY]);
	if (!way) {
		join->strays++;
		return;
	}
	switch (e->stage) {
	case RAS_HANDLER:
		way->at[STEP_HANDLER] = e->ns;
		break;
	case RAS_SIGBUS:
		way->at[STEP_QEMU] = e->ns;
		way->gpa = e->aux;
		break;
	case RAS_RETRY:
		way->repeats++;
		break;
	case RAS_RECORD:
		way->at[STEP_RECORD] = e->ns;
		way->sequence = e->value;
		break;
	case RAS_SEA:
		way->at[STEP_SEA] = e->ns;
		way->sea = e->result;
		break;
	case RAS_ENTRY:
		/* Not when the access is only repeated. */
		if (way->at[STEP_QEMU] && !way->at[STEP_SEA])
			break;
		way->at[STEP_ENTRY] = e->ns;
		way->counted = e->result;
		way->registers = e->value;
		way->ioctls = e->aux;
		break;
	default:
		join->strays++;
	}
}

/* When QEMU was done with it; 0: not yet. Of a QEMU without probes it is known that KVM went on. */
static uint64_t raised(const struct ras_way *way)
{
	return way->at[STEP_SEA] ? way->at[STEP_SEA] : way->at[STEP_ENTRY];
}

/* Any page of the guest that is in the host's bad page. */
static struct ras_way *way_of_frame(struct join *join, uint64_t pfn, uint64_t ns)
{
	uint64_t host_page = join->host_page, address = pfn * join->guest_page;

	return last_way(join, w,
			w->gpa && w->gpa / host_page == address / host_page && raised(w) &&
				raised(w) <= ns);
}

/* The only way whose page nobody has said yet, and whose abort has come; else NULL. */
static struct ras_way *only_unknown(struct join *join)
{
	struct ras_way *only = NULL;

	for (size_t i = 0; i < join->n; i++) {
		struct ras_way *way = &join->all[i];

		if (way->gpa || !way->at[STEP_ABORT])
			continue;
		if (only)
			return NULL;
		only = way;
	}
	return only;
}

static void set(struct ras_way *way, enum ras_step step, uint64_t ns)
{
	if (!way->at[step])
		way->at[step] = ns;
}

/* ns: by the host's clock. slack: how wrong that may be. */
static void on_guest_event(struct join *join, const struct fl_ras_event *e, uint64_t ns,
			   uint64_t slack)
{
	struct ras_way *way = NULL;

	switch (e->stage) {
	case RAS_ABORT:
		/* There is one record at a time: the abort after it is its own. */
		way = last_way(join, w, raised(w) && raised(w) <= ns + slack);
		if (way && !way->at[STEP_ABORT]) {
			way->at[STEP_ABORT] = ns;
			way->victim = e->tid;
			return;
		}
		way = NULL;
		break;
	case RAS_CLAIM:
	case RAS_ACK:
		way = last_way(join, w, w->at[STEP_ABORT] && w->victim == e->tid);
		if (way)
			set(way, e->stage == RAS_CLAIM ? STEP_CLAIM : STEP_ACK, ns);
		break;
	case RAS_QUEUE:
		/* One CPU's interrupt takes another one's record along: not by the thread. */
		way = only_unknown(join);
		if (way && !way_of_frame(join, e->value, ns + slack))
			way->gpa = e->value * join->guest_page;
		/* fall through */
	case RAS_FAILURE:
		way = way_of_frame(join, e->value, ns + slack);
		if (way)
			set(way, e->stage == RAS_QUEUE ? STEP_QUEUE : STEP_FAILURE, ns);
		break;
	case RAS_FAILURE_END:
		way = way_of_frame(join, e->value, ns + slack);
		if (way && !way->at[STEP_ISOLATED]) {
			way->at[STEP_ISOLATED] = ns;
			way->result = e->result;
		}
		break;
	case RAS_SIGNAL:
		way = last_way(join, w, w->at[STEP_ABORT] && w->victim == e->to);
		if (way)
			set(way, STEP_VICTIM, ns);
		break;
	case RAS_CLAIM_END:
	case RAS_ABORT_END:
		return;
	}
	join->strays += !way;
}

static const char *why_no_clock(const struct ras_log *host, const struct ras_log *guest)
{
	const struct flr_ras_anchor *last;

	if (!host->origin.counter_hz || host->origin.counter_hz != guest->origin.counter_hz)
		return "the two have no counter in common (arm64 has)";
	if (!host->origin.pid)
		return "the host was recorded without -p: whose offset to the counter it has is not known";
	if (!host->n_anchors || !guest->n_anchors)
		return "a recording ends before its clock was read";
	last = &host->anchors[host->n_anchors - 1];
	if (!last->voffset_reads)
		return "the guest's offset to the host's counter is not known: record the host while the "
		       "guest runs, on Linux 6.4 or later";
	if (last->voffset_changes)
		return "the guest's offset to the host's counter changed meanwhile: another VM of that "
		       "process, or the guest was stopped; record again";
	return NULL;
}

static void check_order(struct ras_ways *ways)
{
	for (size_t i = 0; i < ways->n; i++) {
		struct ras_way *way = &ways->all[i];
		uint64_t before = 0;

		for (int step = 0; step < STEPS; step++) {
			if (!way->at[step])
				continue;
			if (step == STEP_VICTIM)
				before = way->at[STEP_FAILURE];
			if (way->at[step] + ways->clock_error_ns < before)
				way->disordered = true;
			before = way->at[step];
		}
	}
}

int ras_ways_join(const struct ras_log *host, const struct ras_log *guest,
		  struct ras_ways *ret_ways, const char **ret_why)
{
	uint64_t voffset, error, worst = 0;
	struct ras_ways ways = {};
	struct join join = {
		.host_page = host->origin.page_size > RECORD_SIZE ? host->origin.page_size :
								    RECORD_SIZE,
		.guest_page = guest->origin.page_size,
	};

	*ret_why = why_no_clock(host, guest);
	if (*ret_why)
		return -ENODATA;
	voffset = host->anchors[host->n_anchors - 1].voffset;
	for (size_t i = 0; i < host->n; i++)
		on_host_event(&join, &host->events[i]);
	for (size_t i = 0; i < guest->n; i++) {
		const struct fl_ras_event *e = &guest->events[i];
		uint64_t counter = ras_log_counter(guest, e->ns, &error) + voffset, ns, sum = error;

		ns = ras_log_ns(host, counter, &error);
		sum += error;
		worst = sum > worst ? sum : worst;
		on_guest_event(&join, e, ns, sum);
	}
	set_poisons(&join);
	free(join.poisons);
	ways = (struct ras_ways){
		.all = join.all,
		.n = join.n,
		.clock_error_ns = worst,
		.strays = join.strays,
	};
	if (join.failed) {
		ras_ways_fini(&ways);
		return -ENOMEM;
	}
	check_order(&ways);
	*ret_ways = ways;
	return 0;
}

void ras_ways_fini(struct ras_ways *ways)
{
	free(ways->all);
	*ways = (struct ras_ways){};
}
