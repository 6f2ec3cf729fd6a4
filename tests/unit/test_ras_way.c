// SPDX-License-Identifier: GPL-2.0
/* Two recordings of made-up errors, written, read, and joined to ways. */
#include "../cm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../tempfile.h"
#include "flrread.h"
#include "flrwrite.h"
#include "raslat/log.h"
#include "raslat/way.h"
#include "util.h"

#define HZ 62500000ULL /* the lab's: 16 ns a tick */
#define BOOT_NS 7000000000ULL /* the guest's CLOCK_MONOTONIC began so much after the host's */
#define VOFFSET (BOOT_NS / 16)
#define AR 4
#define AO 5
#define MS 1000000ULL

static struct ras_log new_log(enum ras_side side)
{
	struct ras_log log = {
		.origin = { .side = side, .pid = 99, .counter_hz = HZ, .page_size = 4096 },
	};

	for (uint64_t ns = 0; ns <= 100 * MS; ns += 50 * MS) {
		struct flr_ras_anchor anchor = { .error_ns = 100 };

		anchor.ns = 10 * 1000 * MS + ns - (side == SIDE_GUEST ? BOOT_NS : 0);
		anchor.counter = anchor.ns / 16;
		if (side == SIDE_HOST)
			anchor.voffset = VOFFSET, anchor.voffset_reads = 3;
		assert_int_equal(ras_log_anchor(&log, &anchor), 0);
	}
	return log;
}

/* At so many milliseconds, by the host's clock. */
static void event(struct ras_log *log, uint64_t ms, uint32_t stage, uint32_t tid, uint64_t value,
		  uint64_t aux, uint32_t to, int result)
{
	struct fl_ras_event e = {
		.ns = 10 * 1000 * MS + ms * MS - (log->origin.side == SIDE_GUEST ? BOOT_NS : 0),
		.value = value,
		.aux = aux,
		.stage = stage,
		.tid = tid,
		.to = to,
		.result = result,
	};

	assert_int_equal(ras_log_event(log, &e), 0);
}

/* The host's part of an error at this time: frame, hva and gpa of page n, on a vCPU's thread. */
static void poison(struct ras_log *host, uint64_t ms, uint64_t n)
{
	event(host, ms, RAS_FAILURE, 50, 0x700 + n, 0, 0, 0);
	event(host, ms + 1, RAS_SIGNAL, 50, 0xaa000 + (n << 12), AO, 99, 0);
	event(host, ms + 1, RAS_SIGBUS, 99, 0xaa000 + (n << 12), 0x40000000 + (n << 12), 0, AO);
	event(host, ms + 2, RAS_FAILURE_END, 50, 0x700 + n, 0, 0, 0);
}

static void fault(struct ras_log *host, uint64_t ms, uint64_t n, uint32_t vcpu)
{
	event(host, ms, RAS_SIGNAL, vcpu, 0xaa000 + (n << 12), AR, vcpu, 0);
	event(host, ms, RAS_HANDLER, vcpu, 0xaa000 + (n << 12), AR, 0, 0);
	event(host, ms, RAS_SIGBUS, vcpu, 0xaa000 + (n << 12), 0x40000000 + (n << 12), 0, AR);
}

static void record(struct ras_log *host, uint64_t ms, uint64_t n, uint32_t vcpu, uint64_t sequence)
{
	event(host, ms, RAS_RECORD, vcpu, sequence, 0x40000000 + (n << 12), 0, 0);
	event(host, ms, RAS_SEA, vcpu, 0, 0x40000000 + (n << 12), 0,
	      RAS_SEA_RECORDED | RAS_SEA_BY_KVM);
	event(host, ms + 1, RAS_ENTRY, vcpu, 3, 4, 0, 1);
}

static void claim(struct ras_log *guest, uint64_t ms, uint32_t victim)
{
	event(guest, ms, RAS_ABORT, victim, 0xffff1000, 0x92000010, 0, 0);
	event(guest, ms, RAS_CLAIM, victim, 0, 0, 0, 0);
	event(guest, ms + 1, RAS_ACK, victim, 0, 0, 0, 0);
}

/* by: whose thread runs memory_failure(), which need not be the victim. */
static void recover(struct ras_log *guest, uint64_t ms, uint64_t n, uint32_t victim, uint32_t by)
{
	event(guest, ms, RAS_QUEUE, by, 0x40000 + n, 0, 0, 0);
	event(guest, ms, RAS_FAILURE, by, 0x40000 + n, 0, 0, 0);
	event(guest, ms + 1, RAS_SIGNAL, by, 0xffff1000, AR, victim, 0);
	event(guest, ms + 2, RAS_FAILURE_END, by, 0x40000 + n, 0, 0, 0);
}

static uint64_t since(const struct ras_way *way, enum ras_step from, enum ras_step to)
{
	assert_true(way->at[from] && way->at[to]);
	return (way->at[to] - way->at[from] + MS / 2) / MS;
}

static struct ras_ways join(struct ras_log *host, struct ras_log *guest)
{
	struct ras_ways ways;
	const char *why;

	assert_int_equal(ras_ways_join(host, guest, &ways, &why), 0);
	ras_log_fini(host);
	ras_log_fini(guest);
	return ways;
}

static void one_way(void **state)
{
	struct ras_log host = new_log(SIDE_HOST), guest = new_log(SIDE_GUEST);
	struct ras_ways ways;

	poison(&host, 10, 1);
	fault(&host, 20, 1, 101);
	record(&host, 21, 1, 101, 1);
	claim(&guest, 24, 300);
	recover(&guest, 27, 1, 300, 300);
	ways = join(&host, &guest);
	assert_int_equal(ways.n, 1);
	assert_int_equal(ways.strays, 0);
	/* both anchors' 100 ns, each rounded up */
	assert_in_range(ways.clock_error_ns, 200, 204);
	assert_int_equal(ways.all[0].gpa, 0x40001000);
	assert_int_equal(ways.all[0].pfn, 0x701);
	assert_int_equal(ways.all[0].sequence, 1);
	assert_int_equal(ways.all[0].victim, 300);
	assert_false(ways.all[0].disordered);
	for (int step = 0; step < STEPS; step++)
		assert_true(ways.all[0].at[step]);
	assert_int_equal(since(&ways.all[0], STEP_POISON, STEP_POISONED), 2);
	assert_int_equal(since(&ways.all[0], STEP_POISONED, STEP_TOUCH), 8);
	assert_int_equal(since(&ways.all[0], STEP_TOUCH, STEP_ABORT), 4);
	assert_int_equal(since(&ways.all[0], STEP_ABORT, STEP_ISOLATED), 5);
	ras_ways_fini(&ways);
}

/* The second vCPU's access is repeated until the first one's record is acknowledged. */
static void two_vcpus(void **state)
{
	struct ras_log host = new_log(SIDE_HOST), guest = new_log(SIDE_GUEST);
	struct ras_ways ways;

	poison(&host, 1, 1);
	poison(&host, 5, 2);
	fault(&host, 10, 1, 101);
	record(&host, 10, 1, 101, 1);
	fault(&host, 11, 2, 102);
	event(&host, 11, RAS_RETRY, 102, 0, 0x40002000, 0, 0);
	event(&host, 11, RAS_ENTRY, 102, 77, 78, 0, 1);
	fault(&host, 12, 2, 102);
	event(&host, 12, RAS_RETRY, 102, 0, 0x40002000, 0, 0);
	fault(&host, 15, 2, 102);
	record(&host, 15, 2, 102, 2);
	claim(&guest, 13, 300);
	claim(&guest, 17, 301);
	/* the second one's interrupt takes both along */
	recover(&guest, 20, 1, 300, 301);
	recover(&guest, 23, 2, 301, 301);
	ways = join(&host, &guest);
	assert_int_equal(ways.n, 2);
	assert_int_equal(ways.strays, 0);
	assert_int_equal(ways.all[0].victim, 300);
	assert_int_equal(ways.all[0].repeats, 0);
	assert_int_equal(since(&ways.all[0], STEP_ABORT, STEP_VICTIM), 8);
	assert_int_equal(ways.all[1].victim, 301);
	assert_int_equal(ways.all[1].repeats, 2);
	assert_int_equal(ways.all[1].registers, 3);
	assert_int_equal(since(&ways.all[1], STEP_TOUCH, STEP_RECORD), 4);
	assert_int_equal(since(&ways.all[1], STEP_ABORT, STEP_VICTIM), 7);
	ras_ways_fini(&ways);
}

/* A QEMU without probes: the guest says which page it is. */
static void stock(void **state)
{
	struct ras_log host = new_log(SIDE_HOST), guest = new_log(SIDE_GUEST);
	struct ras_ways ways;

	for (uint64_t n = 1; n <= 2; n++) {
		uint64_t ms = 40 * (n - 1);

		poison(&host, ms + 10, n);
		event(&host, ms + 20, RAS_SIGNAL, 101, 0xaa000 + (n << 12), AR, 101, 0);
		event(&host, ms + 20, RAS_HANDLER, 101, 0xaa000 + (n << 12), AR, 0, 0);
		event(&host, ms + 22, RAS_ENTRY, 101, 400, 405, 0, 1);
		claim(&guest, ms + 24, 300 + n);
		recover(&guest, ms + 27, n, 300 + n, 300 + n);
	}
	ways = join(&host, &guest);
	assert_int_equal(ways.n, 2);
	assert_int_equal(ways.strays, 0);
	for (uint64_t n = 1; n <= 2; n++) {
		const struct ras_way *way = &ways.all[n - 1];

		assert_int_equal(way->gpa, 0x40000000 + (n << 12));
		assert_int_equal(way->registers, 400);
		assert_false(way->at[STEP_QEMU] || way->at[STEP_RECORD] || way->at[STEP_SEA]);
		assert_int_equal(since(way, STEP_HANDLER, STEP_ENTRY), 2);
		assert_int_equal(since(way, STEP_ABORT, STEP_ISOLATED), 5);
	}
	ras_ways_fini(&ways);
}

/* A stage that nobody saw stays unseen; what belongs to no error is counted. */
static void missing(void **state)
{
	struct ras_log host = new_log(SIDE_HOST), guest = new_log(SIDE_GUEST);
	struct ras_ways ways;

	event(&host, 1, RAS_ENTRY, 103, 0, 1, 0, 0);
	fault(&host, 20, 1, 101);
	record(&host, 21, 1, 101, 1);
	event(&guest, 2, RAS_ABORT, 44, 0, 0, 0, 0);
	event(&guest, 30, RAS_FAILURE, 7, 0x99999, 0, 0, 0);
	ways = join(&host, &guest);
	assert_int_equal(ways.n, 1);
	assert_int_equal(ways.strays, 3);
	assert_false(ways.all[0].at[STEP_POISON]);
	assert_false(ways.all[0].at[STEP_ABORT]);
	ras_ways_fini(&ways);
}

/* An anchor that is known badly, and moments far from any, make the error larger. */
static void clock_error(void **state)
{
	struct ras_log host = new_log(SIDE_HOST);
	uint64_t error, at = host.anchors[1].ns + 10 * MS;

	assert_int_equal(ras_log_counter(&host, at, &error), at / 16);
	assert_in_range(error, 100, 102);
	host.anchors[2].error_ns = 5000;
	ras_log_counter(&host, at, &error);
	assert_in_range(error, 5000, 5002);
	/* 500 ppm of 10 s */
	at = host.anchors[2].ns + 10000 * MS;
	ras_log_counter(&host, at, &error);
	assert_in_range(error, 5005000, 5005002);
	/* the last stretch runs 1000 ppm faster: a quarter of that of 50 ms */
	host.anchors[2].error_ns = 100;
	host.anchors[2].counter += 50 * MS / 16 / 1000;
	ras_log_counter(&host, host.anchors[0].ns + 10 * MS, &error);
	assert_in_range(error, 12500, 12700);
	ras_log_fini(&host);
}

/* The record is written before the access: no clock is that wrong. */
static void disordered(void **state)
{
	struct ras_log host = new_log(SIDE_HOST), guest = new_log(SIDE_GUEST);
	struct ras_ways ways;

	fault(&host, 20, 1, 101);
	record(&host, 10, 1, 101, 1);
	ways = join(&host, &guest);
	assert_int_equal(ways.n, 1);
	assert_true(ways.all[0].disordered);
	ras_ways_fini(&ways);
}

static void no_clock(void **state)
{
	struct ras_log host = new_log(SIDE_HOST), guest = new_log(SIDE_GUEST);
	struct ras_ways ways;
	const char *why;

	host.origin.pid = 0;
	assert_int_equal(ras_ways_join(&host, &guest, &ways, &why), -ENODATA);
	assert_non_null(strstr(why, "without -p"));
	host.origin.pid = 99;
	host.anchors[2].voffset_changes = 1;
	assert_int_equal(ras_ways_join(&host, &guest, &ways, &why), -ENODATA);
	assert_non_null(strstr(why, "changed"));
	host.anchors[2].voffset_changes = host.anchors[2].voffset_reads = 0;
	assert_int_equal(ras_ways_join(&host, &guest, &ways, &why), -ENODATA);
	assert_non_null(strstr(why, "while the guest runs"));
	guest.origin.counter_hz = 1;
	assert_int_equal(ras_ways_join(&host, &guest, &ways, &why), -ENODATA);
	assert_non_null(strstr(why, "counter in common"));
	ras_log_fini(&host);
	ras_log_fini(&guest);
}

static void put(struct flr_writer *writer, enum flr_type type, const void *data, size_t size)
{
	struct flr_draft draft = flr_draft_new();

	flr_add(&draft, data, size);
	assert_int_equal(flr_write(writer, &draft, type), 0);
}

/* Cut at any byte, a recording is read to its last whole section, or refused if there is none. */
static void cut(void **state)
{
	struct ras_log host = new_log(SIDE_HOST), log;
	const struct {
		struct flr_ras_end head;
		uint64_t losses[RAS_LOSS_MAX];
	} end = { { .events = 4, .n_losses = RAS_LOSS_MAX }, { 1, 2, 3 } };
	struct flr_writer writer;
	char path[64], why[FLR_WHY];
	int fd = tempfile("", path), whole = 0;
	size_t size;

	poison(&host, 1, 1);
	assert_int_equal(flr_begin(fd, FLR_RAS, &writer), 0);
	put(&writer, FLR_RAS_ORIGIN, &host.origin, sizeof(host.origin));
	put(&writer, FLR_RAS_ANCHOR, &host.anchors[0], sizeof(host.anchors[0]));
	put(&writer, FLR_RAS_EVENTS, host.events, host.n * sizeof(*host.events));
	put(&writer, FLR_RAS_END, &end, sizeof(end));
	assert_int_equal(flr_finish(&writer), 0);
	size = writer.size;
	for (size_t n = size; n-- > 0;) {
		cleanup_fclose FILE *file = fopen(path, "r");

		if (n + 1 == size) {
			assert_int_equal(ras_log_read(file, &log, why), 0);
			assert_string_equal(why, "");
			assert_true(log.ended && log.n == 4 && log.n_anchors == 1 &&
				    log.end.losses[2] == 3);
			ras_log_fini(&log);
			rewind(file);
		}
		assert_int_equal(ftruncate(fd, n), 0);
		if (ras_log_read(file, &log, why))
			continue;
		assert_false(log.ended);
		assert_true(*why);
		ras_log_fini(&log);
		whole++;
	}
	/* any byte after the origin */
	assert_int_equal(whole, size - 24 - 24 - sizeof(host.origin));
	close(fd);
	ras_log_fini(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_way),     cmocka_unit_test(two_vcpus),
		cmocka_unit_test(missing),     cmocka_unit_test(stock),
		cmocka_unit_test(clock_error), cmocka_unit_test(disordered),
		cmocka_unit_test(no_clock),    cmocka_unit_test(cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
