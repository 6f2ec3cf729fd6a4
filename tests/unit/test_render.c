// SPDX-License-Identifier: GPL-2.0
/*
 * Renderers against goldens in tests/unit/golden/; UPDATE_GOLDEN=1 rewrites them, for review in the
 * diff.
 */
#include <errno.h>
#include <stdio.h>

#include "../cm.h"
#include "render/render.h"
#include "util.h"

#define GOLDEN "tests/unit/golden/"
/* the first line of each golden, as of every file; not of the output */
#define LICENCE "# SPDX-License-Identifier: GPL-2.0\n"
#define NS 1000000000ULL

static const struct row rows[] = {
	{ .pid = 4242,
	  .vm = 1,
	  .ip = 0xffffffff81000040,
	  .page = 0xffff888012345000,
	  .count = 23,
	  .recent = 23,
	  .address_min = 0xffff888012345678,
	  .address_max = 0xffff888012345678,
	  .first_ns = 11,
	  .last_ns = 22,
	  .vcpus = 1,
	  .error_bits = 2,
	  .n_exits = 1,
	  .exits = { { 2, 0x400, 23 } } },
	{ .pid = 4242,
	  .vm = 1,
	  .ip = 0xffffffff81000080,
	  .page = 0xffffffff82600000,
	  .count = 23,
	  .recent = 23,
	  .address_min = 0xffffffff82600048,
	  .address_max = 0xffffffff82600050,
	  .first_ns = 12,
	  .last_ns = 23,
	  .vcpus = 1ULL << 63 | 2,
	  .error_bits = 0x10,
	  .n_exits = 2,
	  .exits = { { 2, 0x7b, 20 }, { 2, 0xffffffff, 3 } } },
	{ .pid = 77,
	  .vm = 2,
	  .ip = 0x1234,
	  .page = 0x5000,
	  .count = 1,
	  .recent = 1,
	  .address_min = 0x5000,
	  .address_max = 0x5000,
	  .n_exits = 1,
	  .exits = { { 2, 0x72, 1 } } },
};

static struct view_frame frames[] = {
	{ 0xffffffff81000040, "do_thing+0x0" },
	{ 0xffffffff81000010, "svm_vcpu_run+0x10" },
};

static struct view_row view_rows[] = {
	{ .row = &rows[0],
	  .comm = "qemu-system-x86",
	  .site = "do_thing+0x0",
	  .function = { .name = "do_thing", .address = 0xffffffff81000040 },
	  .region = { .kind = REGION_DIRECT_MAP, .offset = 0x12345678, .cpu = -1 },
	  .object = "direct-map:phys=0x12345678",
	  .exits = { "npf" },
	  .frames = frames,
	  .n_frames = 2 },
	{ .row = &rows[1],
	  .comm = "qemu-system-x86",
	  .site = "a_function_with_a_rather_long_name[kvm_amd]+0x40",
	  .function = { .name = "a_function_with_a_rather_long_name", .module = "kvm_amd" },
	  .function_offset = 0x40,
	  .region = { .kind = REGION_PERCPU, .sym = { .name = "runqueues" }, .offset = 8, .cpu = 1 },
	  .object = "percpu:runqueues+0x8@cpu1",
	  .exits = { "io", "-" } },
	{ .row = &rows[2],
	  .site = "0x1234",
	  .region = { .kind = REGION_USER, .cpu = -1 },
	  .object = "user",
	  .exits = { "cpuid" } },
};

static struct resolver resolver = { .platform = "QEMU TCG" };

static struct report report = { .from_ns = NS,
				.to_ns = 3 * NS,
				.recent_ns = 2 * NS,
				.n = 5,
				.counted = 50,
				.events = 50,
				.vms = 2,
				.quiet = true };

static struct view view(bool total)
{
	return (struct view){ .report = &report,
			      .resolver = &resolver,
			      .rows = view_rows,
			      .n = 3,
			      .shown = 47,
			      .total = total,
			      .time = { .tv_sec = 1800000000, .tv_nsec = 123456789 } };
}

static void golden(const char *name, const char *text)
{
	cleanup_fclose FILE *file = NULL;
	cleanup_free char *want = NULL;
	char path[128];
	size_t room = 0;

	snprintf(path, sizeof(path), GOLDEN "%s", name);
	if (getenv("UPDATE_GOLDEN")) {
		file = fopen(path, "w");
		assert_non_null(file);
		fprintf(file, LICENCE "%s", text);
		return;
	}
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s: no such file; run from the top of the repository", path);
	assert_true(getdelim(&want, &room, '\0', file) > strlen(LICENCE));
	assert_memory_equal(want, LICENCE, strlen(LICENCE));
	assert_string_equal(text, want + strlen(LICENCE));
}

static char *text_of(const struct view *v, const struct text_style *style)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (style)
		render_text(out, v, style);
	else
		render_json(out, v);
	fclose(out);
	return text;
}

static void test_wide(void **state)
{
	const struct text_style style = { .time = true, .stacks = true };
	struct view v = view(true);
	cleanup_free char *text = text_of(&v, &style);

	golden("wide.txt", text);
}

/* No line is longer than the terminal is wide, and nothing is left of a cut name but a '~'. */
static void test_narrow(void **state)
{
	struct view v = view(false);

	v.rows[0].n_frames = 0;
	for (int columns = 40; columns <= 200; columns += 20) {
		const struct text_style style = { .columns = columns };
		cleanup_free char *text = text_of(&v, &style);
		char *line = text;

		/* the table; the foot wraps as it likes */
		for (int i = 0; i < 4; i++) {
			int n = strcspn(line, "\n");

			assert_true(n <= columns);
			line += n + 1;
		}
		if (columns == 80)
			golden("80.txt", text);
	}
	v.rows[0].n_frames = 2;
}

static void test_losses(void **state)
{
	const struct text_style style = {};
	struct report lossy = report;
	struct view v = view(true);
	cleanup_free char *text = NULL;

	lossy.losses.n[LOSS_MAP_FULL] = 5;
	lossy.losses.n[LOSS_NESTED] = 2;
	lossy.losses.n[LOSS_STACK] = 3;
	lossy.missed = 7;
	/* one of 56 is nowhere */
	lossy.events = 56;
	v.report = &lossy;
	v.n = 0;
	v.shown = 0;
	text = text_of(&v, &style);
	golden("losses.txt", text);
}

/* What could not be measured is not 0, and no "no runs". */
static void test_cost(void **state)
{
	const struct text_style style = { .stats = true };
	struct report costly = report;
	struct view v = view(true);
	char *text;

	v.report = &costly;
	costly.cost = (struct cost){ .state = COST_UNKNOWN, .err = -EPERM };
	text = text_of(&v, &style);
	assert_non_null(strstr(text, "\ncost: not measured: needs CAP_SYS_ADMIN; "));
	free(text);
	text = text_of(&v, NULL);
	assert_non_null(strstr(text, ",\"bpf_runs\":null,\"bpf_run_ns\":null}"));
	free(text);
	costly.cost = (struct cost){ .state = COST_KNOWN, .runs = 23, .ns = 2300 };
	text = text_of(&v, &style);
	assert_non_null(strstr(text, "\ncost: 23 runs of 100 ns in the kernel, "));
	free(text);
	resolver.emulated = true;
	text = text_of(&v, &style);
	assert_non_null(
		strstr(text, "\ncost: 23 runs of 100 ns (under emulation) in the kernel, "));
	free(text);
	resolver.emulated = false;
	text = text_of(&v, NULL);
	assert_non_null(strstr(text, ",\"bpf_runs\":23,\"bpf_run_ns\":2300}"));
	free(text);
}

static void test_json(void **state)
{
	struct view v = view(true);
	cleanup_free char *text = text_of(&v, NULL);

	golden("rows.ndjson", text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wide),   cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_losses), cmocka_unit_test(test_json),
		cmocka_unit_test(test_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
