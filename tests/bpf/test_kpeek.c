// SPDX-License-Identifier: GPL-2.0
/* The peeking program reads this kernel's memory, and says so when it cannot. Needs root. */
#include <errno.h>
#include <stdio.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../cm.h"
#include "abi.h"
#include "klayout.h"
#include "kpeek.skel.h"
#include "region.h"

static struct ksyms *ksyms;
static struct klayout layout;

static struct fl_kpeek peek(uint64_t address)
{
	struct fl_kpeek word = { .address = address, .value = 23 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &word, .ctx_size_in = sizeof(word));
	struct kpeek *skel = kpeek__open_and_load();

	assert_non_null(skel);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.kpeek), &opts), 0);
	kpeek__destroy(skel);
	return word;
}

/* Read twice, a byte apart: the second has the first one's bytes. */
static void test_word(void **state)
{
	struct fl_kpeek word, again;
	uint64_t address;

	assert_true(ksyms__address(ksyms, "_stext", &address));
	word = peek(address + 64);
	again = peek(address + 65);
	assert_int_equal(word.err, 0);
	/* the same memory, a byte further */
	assert_int_equal(again.value & 0xffffffffffffff, word.value >> 8);
	assert_int_not_equal(word.value, 0);
}

static void test_unmapped(void **state)
{
	/* the guard hole below the kernel's image, and user space */
	assert_int_equal(peek(0xffffffff7ffff000).err, -EFAULT);
	assert_int_equal(peek(0x1000).err, -ERANGE);
	assert_int_equal(peek(0x1000).value, 0);
}

/* The physical address of the kernel's text, which /proc/iomem knows without any of our arithmetic. */
static uint64_t text_physical(void)
{
	FILE *file = fopen("/proc/iomem", "r");
	unsigned long long start, found = 0;
	char line[256];

	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file))
		if (strstr(line, "Kernel code") && sscanf(line, " %llx-", &start) == 1)
			found = start;
	fclose(file);
	assert_int_not_equal(found, 0);
	return found;
}

/*
 * A kernel without CONFIG_KALLSYMS_ALL does not say where its variables are. Then nothing may be
 * made up: the place is in no region that a base would be needed for, and has no name.
 */
static bool nameless(const char *symbol, uint64_t place)
{
	struct region region;
	uint64_t address;

	if (ksyms__address(ksyms, symbol, &address))
		return false;
	print_message("this kernel has no symbol %s: its place has to be unknown\n", symbol);
	region_decode(&layout, ksyms, place, &region);
	assert_int_equal(region.kind, REGION_UNKNOWN);
	assert_null(region.sym.name);
	return true;
}

static int setup(void **state)
{
	return ksyms__load(NULL, &ksyms) || klayout__read(&layout, ksyms);
}

static int teardown(void **state)
{
	klayout__fini(&layout);
	ksyms__free(ksyms);
	return 0;
}

/* The bases are known wherever the kernel has variables for them and kallsyms lists data. */
static void test_known(void **state)
{
	uint64_t address;

	assert_int_equal(layout.known, ksyms__address(ksyms, "page_offset_base", &address));
}

/* The kernel's text is mapped twice; the second time in the direct map. */
static void test_direct_map(void **state)
{
	uint64_t physical = text_physical(), text;
	struct region region;

	/* where the direct map is without KASLR */
	if (nameless("page_offset_base", 0xffff888000000000 + physical))
		return;
	assert_true(layout.known);
	assert_true(ksyms__address(ksyms, "_stext", &text));
	for (int i = 0; i < 1024; i += 8)
		assert_int_equal(peek(layout.direct.start + physical + i).value,
				 peek(text + i).value);
	region_decode(&layout, ksyms, layout.direct.start + physical, &region);
	assert_int_equal(region.kind, REGION_DIRECT_MAP);
	assert_int_equal(region.offset, physical);
	assert_true(layout.direct.end <= layout.vmalloc.start);
	assert_true(layout.vmalloc.end <= layout.vmemmap.start);
}

/* Each CPU has a per-CPU variable that holds its own offset. */
static void test_percpu(void **state)
{
	uint64_t address;

	if (nameless("this_cpu_off", 0xffff888000000000)) {
		assert_int_equal(layout.cpus, 0);
		return;
	}
	assert_true(ksyms__address(ksyms, "this_cpu_off", &address));
	assert_int_equal(layout.cpus, libbpf_num_possible_cpus());
	for (unsigned int cpu = 0; cpu < layout.cpus; cpu++) {
		uint64_t mine = layout.percpu_offset[cpu] + address;
		struct region region;
		char text[64], want[64];

		assert_int_equal(peek(mine).value, layout.percpu_offset[cpu]);
		region_decode(&layout, ksyms, mine, &region);
		region_print(&region, text, sizeof(text));
		snprintf(want, sizeof(want), "percpu:this_cpu_off+0x0@cpu%u", cpu);
		assert_string_equal(text, want);
	}
}

/* A variable's own name, in its own section. */
static void test_data(void **state)
{
	struct region region;
	uint64_t address;
	char text[64];

	if (nameless("page_offset_base", 0xffffc90000000000))
		return;
	assert_true(ksyms__address(ksyms, "page_offset_base", &address));
	region_decode(&layout, ksyms, address + 4, &region);
	region_print(&region, text, sizeof(text));
	assert_non_null(strstr(text, ":page_offset_base+0x4"));
	assert_int_equal(region.sym.address, address);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_word),   cmocka_unit_test(test_unmapped),
		cmocka_unit_test(test_known),  cmocka_unit_test(test_direct_map),
		cmocka_unit_test(test_percpu), cmocka_unit_test(test_data),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
