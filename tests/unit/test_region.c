// SPDX-License-Identifier: GPL-2.0
/* Addresses of two made-up kernels, one with four and one with five levels of paging. */
#include <errno.h>

#include <bpf/libbpf.h>

#include "../cm.h"
#include "../tempfile.h"
#include "region.h"
#include "util.h"

static const char table[] = "0000000000000000 A __per_cpu_start\n"
			    "0000000000000000 A fixed_percpu_data\n"
			    "0000000000001000 A cpu_tss_rw\n"
			    "0000000000020000 A __per_cpu_end\n"
			    "ffffffff81000000 T _text\n"
			    "ffffffff81000000 T _stext\n"
			    "ffffffff81000040 T do_thing\n"
			    "ffffffff82000000 T _etext\n"
			    "ffffffff82200000 D __start_rodata\n"
			    "ffffffff82200100 D a_table\n"
			    "ffffffff82400000 D __end_rodata\n"
			    "ffffffff82600000 D _sdata\n"
			    "ffffffff82600040 D jiffies\n"
			    "ffffffff82600100 D page_offset_base\n"
			    "ffffffff82600108 D vmalloc_base\n"
			    "ffffffff82600110 D vmemmap_base\n"
			    "ffffffff82600118 B max_pfn\n"
			    "ffffffff82600120 d pcpu_unit_size\n"
			    "ffffffff82600140 D __per_cpu_offset\n"
			    "ffffffff82700000 D _edata\n"
			    "ffffffff82800000 B __bss_start\n"
			    "ffffffff82800080 b a_lock\n"
			    "ffffffff82900000 B __bss_stop\n"
			    "ffffffff82a00000 T _end\n"
			    "ffffffffc0100000 t mod_init\t[kmod]\n";

struct machine {
	uint64_t direct, vmalloc, vmemmap, max_pfn;
};

static const struct machine level_4 = { 0xffff888000000000, 0xffffc90000000000, 0xffffea0000000000,
					0x100000 };
static const struct machine level_5 = { 0xff11000000000000, 0xffa0000000000000, 0xffd4000000000000,
					0x100000 };

/* each CPU's unit is 1 MiB, high in the first 4 GiB of the direct map */
static uint64_t unit(const struct machine *machine, int cpu)
{
	return machine->direct + 0x80000000 + cpu * 0x100000ULL;
}

static int peek(void *ctx, uint64_t address, uint64_t *ret_value)
{
	const struct machine *machine = ctx;

	switch (address) {
	case 0xffffffff82600100:
		*ret_value = machine->direct;
		return 0;
	case 0xffffffff82600108:
		*ret_value = machine->vmalloc;
		return 0;
	case 0xffffffff82600110:
		*ret_value = machine->vmemmap;
		return 0;
	case 0xffffffff82600118:
		*ret_value = machine->max_pfn;
		return 0;
	case 0xffffffff82600120:
		/* an int: what follows it in memory does not count */
		*ret_value = 0xdeadbeef00100000;
		return 0;
	}
	if (address < 0xffffffff82600140)
		return -EFAULT;
	*ret_value = unit(machine, (address - 0xffffffff82600140) / 8);
	return 0;
}

#define CPUS 2

struct kernel {
	struct ksyms *ksyms;
	struct klayout layout;
};

static struct kernel boot(const struct machine *machine)
{
	struct kernel kernel = {};
	char path[64];
	int fd = tempfile(table, path);

	assert_int_equal(ksyms__load(path, &kernel.ksyms), 0);
	assert_int_equal(klayout__init(&kernel.layout, kernel.ksyms, CPUS, machine ? peek : NULL,
				       (void *)machine),
			 0);
	close(fd);
	return kernel;
}

static void off(struct kernel *kernel)
{
	klayout__fini(&kernel->layout);
	ksyms__free(kernel->ksyms);
}

static void expect(const struct kernel *kernel, uint64_t address, const char *text)
{
	struct region region;
	char buf[128];

	region_decode(&kernel->layout, kernel->ksyms, address, &region);
	region_print(&region, buf, sizeof(buf));
	assert_string_equal(buf, text);
}

static void test_4_level(void **state)
{
	struct kernel kernel = boot(&level_4);

	assert_false(kernel.layout.level_5);
	expect(&kernel, 0xffff888012345678, "direct-map:phys=0x12345678");
	expect(&kernel, 0xffff8880ffffffff, "direct-map:phys=0xffffffff");
	expect(&kernel, 0xffff888100000000, "unknown");
	expect(&kernel, 0xffff887fffffffff, "ldt+0x7fffffffff");
	expect(&kernel, 0xffffc90000001010, "vmalloc+0x1010");
	expect(&kernel, 0xffffc90000000000 + (32ULL << 40) - 1, "vmalloc+0x1fffffffffff");
	expect(&kernel, 0xffffc90000000000 + (32ULL << 40), "unknown");
	expect(&kernel, 0xffffea0000000000 + 64 * 0x1234 + 8, "vmemmap:pfn=0x1234");
	expect(&kernel, 0xffffea0000000000 + 64 * 0x100000, "unknown");
	expect(&kernel, 0x00007fffffffffff, "user");
	expect(&kernel, 0x0000800000000000, "non-canonical");
	expect(&kernel, 0xfffffe0000002040, "cpu-entry-area+0x2040");
	expect(&kernel, 0xffffff0000000001, "espfix+0x1");
	expect(&kernel, 0xffffffff82600048, "data:jiffies+0x8");
	off(&kernel);
}

static void test_5_level(void **state)
{
	struct kernel kernel = boot(&level_5);

	assert_true(kernel.layout.level_5);
	expect(&kernel, 0xff11000012345678, "direct-map:phys=0x12345678");
	expect(&kernel, 0xff10ffffffffffff, "ldt+0xffffffffffff");
	expect(&kernel, 0xffa0000000000000 + (12800ULL << 40) - 1, "vmalloc+0x31ffffffffffff");
	expect(&kernel, 0xffd4000000000040, "vmemmap:pfn=0x1");
	expect(&kernel, 0x0000800000000000, "user");
	expect(&kernel, 0x0100000000000000, "non-canonical");
	/* another machine's direct map is nothing here */
	expect(&kernel, 0xffff888012345678, "unknown");
	expect(&kernel, 0xfffffe0000002040, "cpu-entry-area+0x2040");
	off(&kernel);
}

static void test_image(void **state)
{
	struct kernel kernel = boot(&level_4);

	expect(&kernel, 0xffffffff81000050, "text:do_thing+0x10");
	expect(&kernel, 0xffffffff82200100, "rodata:a_table+0x0");
	expect(&kernel, 0xffffffff82600047, "data:jiffies+0x7");
	expect(&kernel, 0xffffffff82800081, "bss:a_lock+0x1");
	/* between sections; the nearest symbol is in another one, but inside the image */
	expect(&kernel, 0xffffffff82950000, "image:__bss_stop+0x50000");
	expect(&kernel, 0xffffffffc0100010, "module:mod_init[kmod]+0x10");
	/* far from any symbol */
	expect(&kernel, 0xffffffffc0900000, "unknown");
	expect(&kernel, 0xffffffff80000000, "unknown");
	expect(&kernel, 0xffffffffff5fb000, "fixmap+0x5fb000");
	expect(&kernel, 0xffffffffff600000, "vsyscall+0x0");
	off(&kernel);
}

static void test_percpu(void **state)
{
	struct kernel kernel = boot(&level_4);
	uint64_t last = kernel.layout.cpus - 1;
	char text[64];

	assert_int_equal(kernel.layout.cpus, libbpf_num_possible_cpus());
	assert_int_equal(kernel.layout.percpu_unit, 0x100000);
	expect(&kernel, unit(&level_4, 0) + 0x1008, "percpu:cpu_tss_rw+0x8@cpu0");
	snprintf(text, sizeof(text), "percpu:fixed_percpu_data+0x0@cpu%d", (int)last);
	expect(&kernel, unit(&level_4, last), text);
	snprintf(text, sizeof(text), "percpu-dynamic+0x20000@cpu%d", (int)last);
	expect(&kernel, unit(&level_4, last) + 0x20000, text);
	snprintf(text, sizeof(text), "direct-map:phys=0x%x",
		 0x80000000 + 0x100000 * kernel.layout.cpus);
	expect(&kernel, unit(&level_4, last) + 0x100000, text);
	expect(&kernel, unit(&level_4, 0) - 1, "direct-map:phys=0x7fffffff");
	off(&kernel);
}

/* No base may be made up: what cannot be known is unknown. */
static void test_no_peek(void **state)
{
	struct kernel kernel = boot(NULL), nothing = {};

	assert_false(kernel.layout.known);
	expect(&kernel, 0xffff888012345678, "unknown");
	expect(&kernel, 0xffffc90000001010, "unknown");
	expect(&kernel, 0x0000800000000000, "unknown");
	expect(&kernel, 0x00007fffffffffff, "user");
	expect(&kernel, 0xffffffff82600048, "data:jiffies+0x8");
	expect(&nothing, 0xffffffff82600048, "unknown");
	expect(&nothing, 0xffff888012345678, "unknown");
	off(&kernel);
}

static int refuse(void *ctx, uint64_t address, uint64_t *ret_value)
{
	return -EPERM;
}

/* Why memory could not be read is kept, and the lack of symbols is not taken for it. */
static void test_peek_refused(void **state)
{
	struct kernel kernel = boot(&level_4);
	struct klayout layout;

	assert_int_equal(kernel.layout.peek_err, 0);
	assert_int_equal(klayout__init(&layout, kernel.ksyms, CPUS, refuse, NULL), 0);
	assert_false(layout.known);
	assert_int_equal(layout.peek_err, -EPERM);
	klayout__fini(&layout);
	assert_int_equal(klayout__init(&layout, NULL, CPUS, refuse, NULL), 0);
	assert_false(layout.known);
	assert_int_equal(layout.peek_err, 0);
	klayout__fini(&layout);
	off(&kernel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_4_level), cmocka_unit_test(test_5_level),
		cmocka_unit_test(test_image),	cmocka_unit_test(test_percpu),
		cmocka_unit_test(test_no_peek), cmocka_unit_test(test_peek_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
