// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdio.h>

#include "../cm.h"
#include "jsonw.h"

static char text[512];

static struct jsonw begin(void)
{
	memset(text, 0, sizeof(text));
	return (struct jsonw){ .out = fmemopen(text, sizeof(text), "w") };
}

static void expect(struct jsonw *json, const char *want)
{
	fclose(json->out);
	assert_string_equal(text, want);
}

static void test_nesting(void **state)
{
	struct jsonw json = begin();

	for (int i = 0; i < 2; i++) {
		jsonw_object(&json, NULL);
		jsonw_array(&json, "empty");
		jsonw_array_end(&json);
		jsonw_array(&json, "a");
		jsonw_int(&json, NULL, -1);
		jsonw_object(&json, NULL);
		jsonw_bool(&json, "t", true);
		jsonw_object_end(&json);
		jsonw_object(&json, NULL);
		jsonw_object_end(&json);
		jsonw_array_end(&json);
		jsonw_string(&json, "s", NULL);
		jsonw_object_end(&json);
		jsonw_line_end(&json);
	}
	expect(&json, "{\"empty\":[],\"a\":[-1,{\"t\":true},{}],\"s\":null}\n"
		      "{\"empty\":[],\"a\":[-1,{\"t\":true},{}],\"s\":null}\n");
}

static void test_numbers(void **state)
{
	struct jsonw json = begin();

	jsonw_array(&json, NULL);
	jsonw_uint(&json, NULL, UINT64_MAX);
	jsonw_int(&json, NULL, INT64_MIN);
	jsonw_hex(&json, NULL, 0xffff888012345678);
	jsonw_double(&json, NULL, 0.25);
	jsonw_double(&json, NULL, NAN);
	jsonw_double(&json, NULL, INFINITY);
	jsonw_array_end(&json);
	expect(&json, "[18446744073709551615,-9223372036854775808,\"0xffff888012345678\","
		      "0.250000,null,null]");
}

static void test_strings(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "\"\"" },
		{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "\t\n\x01\x7f", "\"\\u0009\\u000a\\u0001\\u007f\"" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		  "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		/* stray, overlong, surrogate, beyond Unicode, cut short */
		{ "\x80z", "\"\\ufffdz\"" },
		{ "\xc0\xaf", "\"\\ufffd\\ufffd\"" },
		{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },
		{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
		{ "\xe2\x82", "\"\\ufffd\\ufffd\"" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct jsonw json = begin();

		jsonw_string(&json, NULL, cases[i].in);
		expect(&json, cases[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
