// SPDX-License-Identifier: GPL-2.0
/*
 * The frames that the lab's init writes are those in golden/frames.txt, which lab-frames.py made with
 * Python's own base64 and CRC, and reads with what scripts/vm reads frames with.
 */
#include <stdio.h>

#include "../cm.h"
#include "../vm/init/frame.c" /* init is not in the library */

#define GOLDEN "tests/unit/golden/frames.txt"

static void test_golden(void **state)
{
	static const char exit_line[] = "exit 0 0 976 6 0 0\n";
	char want[FRAME_LINE + 1], got[FRAME_LINE + 1];
	uint8_t bytes[FRAME_DATA];
	struct {
		char kind;
		const void *data;
		size_t len;
	} frames[] = {
		{ 'C', "ready\n", 6 }, { 'O', "", 0 },
		{ 'O', bytes, 256 },   { 'E', "f", 1 },
		{ 'E', "fo", 2 },      { 'E', "foo", 3 },
		{ 'O', bytes, 720 },   { 'C', exit_line, strlen(exit_line) },
	};
	FILE *f = fopen(GOLDEN, "re");
	size_t i;

	assert_non_null(f);
	for (i = 0; i < FRAME_DATA; i++)
		bytes[i] = i;
	assert_non_null(fgets(want, sizeof(want), f)); /* the licence */
	for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		got[frame_encode(got, i, frames[i].kind, frames[i].data, frames[i].len)] = '\0';
		assert_non_null(fgets(want, sizeof(want), f));
		assert_string_equal(got, want);
	}
	assert_null(fgets(want, sizeof(want), f));
	fclose(f);
}

static void test_numbers_are_whole(void **state)
{
	char line[FRAME_LINE];

	assert_int_equal(frame_encode(line, 0xfedcba98, 'O', "x", 1), 8 + 3 + 4 + 1 + 8 + 1);
	assert_memory_equal(line, "fedcba98 O eA== ", 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_numbers_are_whole),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
