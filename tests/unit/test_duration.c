// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "../cm.h"
#include "duration.h"
#include "util.h"

static void test_good(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "2", 2000000000 },
		{ "1.5s", 1500000000 },
		{ "500ms", 500000000 },
		{ ".25", 250000000 },
		{ "3.s", 3000000000 },
		{ "1us", 1000 },
		{ "1.5m", 90000000000 },
		{ "0.0000000014s", 1 },
		{ "87840h", 87840ULL * 3600 * NSEC_PER_SEC },
		{ "0.3333333333333333333333333", 333333333 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint64_t ns = 0;

		assert_int_equal(duration_parse(good[i].text, &ns), 0);
		assert_int_equal(ns, good[i].ns);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		int err;
	} bad[] = {
		{ "", -EINVAL },       { "x", -EINVAL },
		{ "0", -EINVAL },      { ".", -EINVAL },
		{ "-1", -EINVAL },     { "1 s", -EINVAL },
		{ "1e3", -EINVAL },    { "0x10", -EINVAL },
		{ "inf", -EINVAL },    { "1,5", -EINVAL },
		{ "1sm", -EINVAL },    { "0.0001us", -ERANGE },
		{ "87841h", -ERANGE }, { "99999999999999999999999", -ERANGE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t ns = 23;

		assert_int_equal(duration_parse(bad[i].text, &ns), bad[i].err);
		assert_int_equal(ns, 23);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
