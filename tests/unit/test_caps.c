// SPDX-License-Identifier: GPL-2.0
/* Which setting hides the kernel's symbols, and the remedy that lifts just that. */
#include "../cm.h"
#include "caps.h"
#include "util.h"

static void test_symbols(void **state)
{
	static const struct {
		int kptr, perf;
		const char *why, *remedy;
	} cases[] = {
		{ 0, 2, "hidden by perf_event_paranoid 2",
		  "give it CAP_SYSLOG, or sysctl kernel.perf_event_paranoid=1" },
		{ 1, 1, "hidden by kptr_restrict 1",
		  "give it CAP_SYSLOG, or sysctl kernel.kptr_restrict=0" },
		{ 1, -1, "hidden by kptr_restrict 1",
		  "give it CAP_SYSLOG, or sysctl kernel.kptr_restrict=0" },
		{ 1, 3, "hidden by kptr_restrict 1 and perf_event_paranoid 3",
		  "give it CAP_SYSLOG, or sysctl kernel.kptr_restrict=0 "
		  "kernel.perf_event_paranoid=1" },
		{ 2, 2, "hidden by kptr_restrict 2",
		  "sysctl kernel.kptr_restrict=1, and give it CAP_SYSLOG" },
		{ -1, -1, "hidden, perhaps by kptr_restrict or perf_event_paranoid",
		  "give it CAP_SYSLOG" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *remedy = NULL;
		char why[160] = "";

		caps_symbols(cases[i].kptr, cases[i].perf, why, sizeof(why), &remedy);
		assert_string_equal(why, cases[i].why);
		assert_string_equal(remedy, cases[i].remedy);
	}
}

/* What nobody can tell stands in nobody's way, and is not called fine. */
static void test_unknown(void **state)
{
	struct need needs[CAPS_NEEDS] = {};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (int i = 0; i < CAPS_NEEDS; i++)
		needs[i] = (struct need){ .what = "it", .met = true, .required = true };
	needs[3] = (struct need){ .what = "isolation",
				  .required = true,
				  .unknown = true,
				  .why = "cannot read it",
				  .remedy = "look" };
	assert_null(need_lacking(needs, CAPS_NEEDS));
	need_print(needs, CAPS_NEEDS, out);
	fclose(out);
	assert_non_null(strstr(text, "\nunknown  isolation      cannot read it: look\n"));
	free(text);
	needs[3].unknown = false;
	assert_ptr_equal(need_lacking(needs, CAPS_NEEDS), &needs[3]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symbols),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
