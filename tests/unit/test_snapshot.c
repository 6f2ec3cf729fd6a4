// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>

#include "../cm.h"
#include "snapshot.h"

#define NS 1000000000ULL

static struct site site(uint32_t pid, uint64_t ip, uint64_t address, uint32_t reason,
			uint64_t count)
{
	return (struct site){
		.key = { .pid = pid,
			 .vm = 1,
			 .ip = ip,
			 .page = address & FL_PAGE_MASK,
			 .isa = FL_ISA_SVM,
			 .exit_reason = reason },
		.value = { .count = count,
			   .address_min = address,
			   .address_max = address,
			   .first_ns = 100 - count,
			   .last_ns = 100 + count,
			   .vcpus = 1,
			   .stack_id = FL_NO_STACK },
	};
}

static struct snapshot snapshot(struct site *sites, size_t n, uint64_t events)
{
	struct snapshot snapshot = { .sites = sites, .n = n, .events = events, .ns = 5 * NS };

	snapshot__sort(&snapshot);
	return snapshot;
}

/* One row for each VM, ip and page, whatever the VM exit; the reasons are kept. */
static void test_merge(void **state)
{
	struct site sites[] = {
		site(7, 0x10, 0x5008, 0x400, 3), site(7, 0x20, 0x5000, 0x72, 23),
		site(7, 0x10, 0x5010, 0x72, 20), site(9, 0x10, 0x5000, 0x72, 1),
		site(7, 0x10, 0x6000, 0x72, 2),
	};
	struct snapshot now = snapshot(sites, 5, 49), none = {};
	struct report report;

	sites[0].value.stack_id = 4;
	assert_int_equal(report__init(&report, &none, &now), 0);
	assert_int_equal(report.n, 4);
	assert_int_equal(report.counted, 49);
	assert_int_equal(report__unaccounted(&report), 0);
	report__sort(&report, SORT_COUNT);
	/* equal counts keep a fixed order: ip 0x10 before 0x20 */
	assert_int_equal(report.rows[0].count, 23);
	assert_int_equal(report.rows[0].ip, 0x10);
	assert_int_equal(report.rows[1].ip, 0x20);
	assert_int_equal(report.rows[0].address_min, 0x5008);
	assert_int_equal(report.rows[0].address_max, 0x5010);
	assert_int_equal(report.rows[0].n_exits, 2);
	assert_int_equal(report.rows[0].exits[0].reason, 0x72);
	assert_int_equal(report.rows[0].exits[0].count, 20);
	assert_int_equal(report.rows[0].exits[1].count, 3);
	assert_int_equal(report.rows[0].first_ns, 80);
	assert_int_equal(report.rows[0].last_ns, 120);
	report__sort(&report, SORT_VM);
	assert_int_equal(report.rows[3].pid, 9);
	report__sort(&report, SORT_ADDRESS);
	assert_int_equal(report.rows[3].address_min, 0x6000);
	report__fini(&report);
}

static void test_interval(void **state)
{
	struct site old[] = { site(7, 0x10, 0x5000, 1, 10), site(7, 0x20, 0x5000, 1, 5) };
	struct site new[] = { site(7, 0x10, 0x5000, 1, 10), site(7, 0x20, 0x5000, 1, 8),
			      site(7, 0x05, 0x5000, 1, 4) };
	struct snapshot before = snapshot(old, 2, 15), now = snapshot(new, 3, 29);
	struct report report;

	before.ns = 3 * NS;
	now.losses.n[LOSS_MAP_FULL] = 7;
	now.losses.n[LOSS_NESTED] = 2;
	now.losses.n[LOSS_STACK] = 1;
	assert_int_equal(report__init(&report, &before, &now), 0);
	report__sort(&report, SORT_IP);
	assert_int_equal(report.n, 2);
	assert_int_equal(report.rows[0].count, 4);
	assert_int_equal(report.rows[1].count, 3);
	assert_int_equal(report.to_ns - report.from_ns, 2 * NS);
	assert_int_equal(report.counted, 7);
	/* a lost stack is no lost fault */
	assert_int_equal(report.missed, 9);
	/* 14 handled = 7 in rows + 7 lost in the map; those the program never saw are beside it */
	assert_int_equal(report__unaccounted(&report), 0);
	report.events++;
	assert_int_equal(report__unaccounted(&report), 1);
	report__fini(&report);
}

/* Counts from zero, rates of what came last; a row that was quiet stays, and is slowest. */
static void test_since(void **state)
{
	struct site first[] = { site(7, 0x20, 0x5000, 1, 5) };
	struct site second[] = { site(7, 0x10, 0x5000, 1, 10), site(7, 0x20, 0x5000, 1, 5),
				 site(7, 0x20, 0x5000, 2, 1) };
	struct site third[] = { site(7, 0x05, 0x5000, 1, 4), site(7, 0x10, 0x5000, 1, 10),
				site(7, 0x20, 0x5000, 1, 8), site(7, 0x20, 0x5000, 2, 2) };
	struct snapshot zero = snapshot(first, 1, 5), last = snapshot(second, 3, 16),
			now = snapshot(third, 4, 24);
	struct report report;

	zero.ns = NS;
	last.ns = 3 * NS;
	last.losses.n[LOSS_MAP_FULL] = 7;
	now.losses.n[LOSS_MAP_FULL] = 7;
	assert_int_equal(report__init_since(&report, &zero, &last, &now), 0);
	assert_int_equal(report.to_ns - report.from_ns, 4 * NS);
	assert_int_equal(report.recent_ns, 2 * NS);
	/* what was lost since zero stays in sight */
	assert_int_equal(report.missed, 7);
	report__sort(&report, SORT_RATE);
	assert_int_equal(report.n, 3);
	/* equal rates: the higher count first, then the lower ip */
	assert_int_equal(report.rows[0].ip, 0x20);
	assert_int_equal(report.rows[0].count, 5);
	assert_int_equal(report.rows[0].recent, 4);
	assert_int_equal(report.rows[1].ip, 0x05);
	assert_int_equal(report.rows[1].recent, 4);
	assert_int_equal(report.rows[2].ip, 0x10);
	assert_int_equal(report.rows[2].count, 10);
	assert_int_equal(report.rows[2].recent, 0);
	report__reverse(&report);
	assert_int_equal(report.rows[0].ip, 0x10);
	assert_int_equal(report.rows[1].ip, 0x05);
	assert_int_equal(report.rows[2].ip, 0x20);
	report__fini(&report);
	assert_int_equal(report__init_since(&report, &now, &now, &now), 0);
	assert_int_equal(report.n, 0);
	report__reverse(&report);
	report__fini(&report);
}

static void test_many_exits(void **state)
{
	struct site sites[ROW_EXITS + 3];
	struct snapshot now, none = {};
	struct report report;
	uint64_t sum = 0;

	for (int i = 0; i < ROW_EXITS + 3; i++)
		sites[i] = site(7, 0x10, 0x5000, i, 1 + (i * 5) % 11);
	now = snapshot(sites, ROW_EXITS + 3, 66);
	assert_int_equal(report__init(&report, &none, &now), 0);
	assert_int_equal(report.n, 1);
	assert_int_equal(report.rows[0].n_exits, ROW_EXITS);
	for (int i = 0; i < ROW_EXITS; i++) {
		sum += report.rows[0].exits[i].count;
		/* 11, 10, ... 4: the rarest three are the others */
		assert_int_equal(report.rows[0].exits[i].count, 11 - i);
	}
	assert_int_equal(report.rows[0].exits_other, 1 + 2 + 3);
	assert_int_equal(sum + report.rows[0].exits_other, report.rows[0].count);
	report__fini(&report);
}

static void test_empty(void **state)
{
	struct snapshot none = {};
	struct report report;

	assert_int_equal(report__init(&report, &none, &none), 0);
	report__sort(&report, SORT_COUNT);
	assert_int_equal(report.n, 0);
	assert_int_equal(report.missed, 0);
	report__fini(&report);
}

static void test_sort_names(void **state)
{
	enum row_sort sort = SORT_MAX;
	char names[128], *save, *name;
	int n = 0;

	/* every name that the error message offers is one */
	snprintf(names, sizeof(names), "%s", row_sort_names());
	for (name = strtok_r(names, ", ", &save); name; name = strtok_r(NULL, ", ", &save), n++)
		assert_int_equal(row_sort_parse(name, &sort), 0);
	assert_int_equal(n, SORT_MAX);
	assert_int_equal(row_sort_parse("bad", &sort), -EINVAL);
	assert_int_equal(row_sort_parse("", &sort), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),	   cmocka_unit_test(test_interval),
		cmocka_unit_test(test_many_exits), cmocka_unit_test(test_empty),
		cmocka_unit_test(test_sort_names), cmocka_unit_test(test_since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
