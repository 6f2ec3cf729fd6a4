// SPDX-License-Identifier: GPL-2.0
/* What rasinject refuses, on made-up pages: each reason, and its absence next to it. */
#include "../cm.h"

#include <errno.h>
#include <stdio.h>

#include "inject/policy.h"
#include "inject/signs.h"
#include "util.h"

#define ANON (KPF(LRU) | KPF(ANON) | KPF(MMAP) | KPF(SWAPBACKED) | KPF(UPTODATE))
#define FILE_PAGE (KPF(LRU) | KPF(MMAP) | KPF(UPTODATE))
#define SHMEM (KPF(LRU) | KPF(MMAP) | KPF(SWAPBACKED) | KPF(UPTODATE) | KPF(DIRTY))
#define ONE(name) (1u << REFUSE_##name)

static const struct {
	struct page page;
	uint32_t refusals;
} cases[] = {
	/* a victim's own page, on an LRU list or not there yet; KSM shows on every one of Linux 6.12 */
	{ { .online = true, .flags = ANON, .mappings = 1, .found = 1, .processes = 1 }, 0 },
	{ { .online = true, .flags = ANON & ~KPF(LRU), .mappings = 1, .found = 1, .processes = 1 },
	  0 },
	{ { .online = true, .flags = ANON | KPF(KSM), .mappings = 1, .found = 1, .processes = 1 },
	  0 },
	{ { .online = true, .flags = ANON | KPF(THP), .mappings = 3, .found = 3, .processes = 3 },
	  0 },
	{ { .online = true, .flags = ANON, .mappings = 4, .found = 4, .processes = 4 }, ONE(MANY) },
	{ { .online = true, .flags = ANON, .mappings = 9, .found = 9, .processes = 1 }, 0 },
	{ { .online = true, .flags = ANON, .mappings = 2, .found = 1, .processes = 1 },
	  ONE(UNKNOWN_OWNER) },
	{ { .online = true,
	    .flags = ANON,
	    .mappings = 1,
	    .found = 1,
	    .processes = 1,
	    .init_maps = true },
	  ONE(INIT) },
	{ { .online = true, .flags = ANON, .mappings = 1, .found = 1, .processes = 1, .family = 99 },
	  ONE(FAMILY) },
	{ { .online = true, .flags = ANON | KPF(HWPOISON) }, ONE(POISONED) },
	/* memory that nobody has */
	{ { .online = true, .flags = KPF(BUDDY) }, 0 },
	{ { .online = true, .flags = KPF(HUGE) | KPF(COMPOUND_HEAD) }, 0 },
	{ { .online = false }, ONE(NOT_RAM) },
	{ { .online = false, .flags = KPF(NOPAGE) }, ONE(NOT_RAM) },
	{ { .online = true, .flags = KPF(OFFLINE) }, ONE(OFFLINE) },
	/* the kernel's */
	{ { .online = true, .flags = KPF(RESERVED) }, ONE(RESERVED) },
	{ { .online = true, .flags = KPF(SLAB) }, ONE(SLAB) },
	{ { .online = true, .flags = KPF(SLAB) | KPF(COMPOUND_TAIL) }, ONE(SLAB) },
	{ { .online = true, .flags = KPF(PGTABLE) }, ONE(PAGE_TABLE) },
	{ { .online = true, .flags = KPF(ZERO_PAGE) | KPF(RESERVED) }, ONE(ZERO_PAGE) },
	{ { .online = true, .flags = KPF(ZERO_PAGE) | KPF(THP) }, ONE(ZERO_PAGE) },
	{ { .online = true, .flags = 0 }, ONE(KERNEL) },
	{ { .online = true, .flags = KPF(COMPOUND_HEAD) }, ONE(KERNEL) },
	/* mapped by a driver into a process: still the kernel's */
	{ { .online = true, .flags = KPF(MMAP), .mappings = 1, .found = 1, .processes = 1 },
	  ONE(KERNEL) },
	{ { .online = true, .flags = KPF(SLAB) | KPF(HWPOISON) }, ONE(SLAB) | ONE(POISONED) },
	/* files */
	{ { .online = true, .flags = FILE_PAGE, .mappings = 1, .found = 1, .processes = 1 }, 0 },
	{ { .online = true, .flags = FILE_PAGE & ~KPF(MMAP) }, 0 },
	{ { .online = true, .flags = FILE_PAGE, .mappings = 2, .found = 2, .processes = 2 },
	  ONE(SHARED_FILE) },
	{ { .online = true, .flags = FILE_PAGE, .mappings = 9, .found = 9, .processes = 9 },
	  ONE(SHARED_FILE) | ONE(MANY) },
	{ { .online = true,
	    .flags = FILE_PAGE | KPF(DIRTY),
	    .mappings = 1,
	    .found = 1,
	    .processes = 1 },
	  ONE(DIRTY_FILE) },
	/* shared memory is nobody's file */
	{ { .online = true, .flags = SHMEM, .mappings = 2, .found = 2, .processes = 2 }, 0 },
};

static void test_decide(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (policy_decide(&cases[i].page) != cases[i].refusals)
			print_message("case %zu\n", i);
		assert_int_equal(policy_decide(&cases[i].page), cases[i].refusals);
	}
}

/* Every reason is met above, has a name of its own and a text. */
static void test_names(void **state)
{
	uint32_t seen = 0;
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		seen |= cases[i].refusals;
	assert_int_equal(seen, (1u << REFUSALS) - 1);
	for (int i = 0; i < REFUSALS; i++) {
		struct page page = { .online = true, .mappings = 5, .found = 2, .family = 99 };

		assert_non_null(policy_name(i));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(policy_name(i), policy_name(j));
		policy_text(&page, i, text, sizeof(text));
		assert_true(strlen(text) > 10);
	}
}

static void test_same(void **state)
{
	struct page before = { .online = true, .flags = ANON, .mappings = 1 };
	struct page now = before;

	now.flags |= KPF(REFERENCED) | KPF(ACTIVE) | KPF(LOCKED);
	now.flags &= ~KPF(LRU);
	assert_true(policy_same(&before, &now));
	now.mappings = 2;
	assert_false(policy_same(&before, &now));
	now = before;
	now.flags |= KPF(HWPOISON);
	assert_false(policy_same(&before, &now));
	now.flags = KPF(BUDDY);
	assert_false(policy_same(&before, &now));
	now = before;
	now.online = false;
	assert_false(policy_same(&before, &now));
}

static void test_flag_names(void **state)
{
	char text[64];

	page_flag_names(KPF(LRU) | KPF(ANON) | 1ULL << 63, text, sizeof(text));
	assert_string_equal(text, "lru anon bit63");
	page_flag_names(0, text, sizeof(text));
	assert_string_equal(text, "");
	page_flag_names(~0ULL, text, sizeof(text));
	assert_true(strlen(text) == sizeof(text) - 1);
}

/* What the kernel prints, 6.12; another page's, and another event's line, are none. */
static void test_event(void **state)
{
	const char *line = "  rasinject-93  [000] .....  7.41: memory_failure_event: pfn 0x57b8a: "
			   "recovery action for dirty LRU page: Recovered\n";
	struct signs signs = {};

	assert_false(signs_parse_event(line, 0x57b8b, &signs));
	assert_false(signs_parse_event("# tracer: nop\n", 0x57b8a, &signs));
	assert_false(
		signs_parse_event("x-1 [0] 7: memory_failure_event: pfn 0x57b8a", 0x57b8a, &signs));
	assert_string_equal(signs.event_result, "");
	assert_true(signs_parse_event(line, 0x57b8a, &signs));
	assert_string_equal(signs.event_page, "dirty LRU page");
	assert_string_equal(signs.event_result, "Recovered");
}

#define ALL (SIGN_EVENT | SIGN_FLAG | SIGN_COUNTER)

static void test_judge(void **state)
{
	static const struct {
		struct signs signs;
		int err;
		bool was_poisoned;
		enum verdict verdict;
	} judged[] = {
		{ { ALL, ALL, "page", "Recovered" }, 0, false, VERDICT_VERIFIED },
		{ { ALL, ALL, "page", "Delayed" }, 0, false, VERDICT_VERIFIED },
		{ { ALL, ALL, "page", "Ignored" }, 0, false, VERDICT_NOT_RECOVERED },
		{ { ALL, ALL, "page", "Failed" }, -EBUSY, false, VERDICT_NOT_RECOVERED },
		{ { ALL, ALL, "page", "Recovered" }, -EBUSY, false, VERDICT_NOT_RECOVERED },
		/* one sign is not enough, whichever */
		{ { ALL, 0 }, 0, false, VERDICT_NOT_VERIFIED },
		{ { ALL, ALL & ~SIGN_EVENT }, 0, false, VERDICT_NOT_VERIFIED },
		{ { ALL, ALL & ~SIGN_FLAG, "page", "Recovered" }, 0, false, VERDICT_NOT_VERIFIED },
		{ { ALL, ALL & ~SIGN_COUNTER, "page", "Recovered" },
		  0,
		  false,
		  VERDICT_NOT_VERIFIED },
		{ { SIGN_FLAG | SIGN_COUNTER, SIGN_FLAG | SIGN_COUNTER },
		  0,
		  false,
		  VERDICT_VERIFIED },
		{ { SIGN_FLAG | SIGN_COUNTER, SIGN_FLAG }, 0, false, VERDICT_NOT_VERIFIED },
		/* a backend that shows nothing is never verified */
		{ { 0, 0 }, 0, false, VERDICT_NOT_VERIFIED },
		{ { ALL, 0 }, -ENXIO, false, VERDICT_KERNEL_REFUSED },
		/* poisoned before: the flag is no sign */
		{ { ALL, SIGN_FLAG | SIGN_EVENT, "already poisoned", "Failed" },
		  -EHWPOISON,
		  true,
		  VERDICT_KERNEL_REFUSED },
		{ { SIGN_FLAG | SIGN_COUNTER, SIGN_FLAG }, 0, true, VERDICT_NOT_VERIFIED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(judged); i++)
		assert_int_equal(signs_judge(&judged[i].signs, judged[i].err,
					     judged[i].was_poisoned),
				 judged[i].verdict);
}

/* The table of docs and man page. */
static void test_signs(void **state)
{
	assert_int_equal(backend_signs(BACKEND_HWPOISON), ALL);
	assert_int_equal(backend_signs(BACKEND_HARD_OFFLINE), ALL);
	assert_int_equal(backend_signs(BACKEND_MADVISE), ALL);
	assert_int_equal(backend_signs(BACKEND_SOFT_OFFLINE), SIGN_FLAG | SIGN_COUNTER);
	assert_int_equal(backend_signs(BACKEND_EINJ), 0);
	assert_int_equal(backend_signs(BACKEND_QMP), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decide), cmocka_unit_test(test_names),
		cmocka_unit_test(test_same),   cmocka_unit_test(test_flag_names),
		cmocka_unit_test(test_event),  cmocka_unit_test(test_judge),
		cmocka_unit_test(test_signs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
