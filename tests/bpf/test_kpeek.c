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
	struct ksyms *ksyms = NULL;
	uint64_t address;
	struct fl_kpeek word, again;

	assert_int_equal(ksyms__load(NULL, &ksyms), 0);
	assert_true(ksyms__address(ksyms, "_stext", &address));
	word = peek(address + 64);
	again = peek(address + 65);
	assert_int_equal(word.err, 0);
	/* the same memory, a byte further */
	assert_int_equal(again.value & 0xffffffffffffff, word.value >> 8);
	assert_int_not_equal(word.value, 0);
	ksyms__free(ksyms);
}

static void test_unmapped(void **state)
{
	/* the guard hole below the kernel's image, and user space */
	assert_int_equal(peek(0xffffffff7ffff000).err, -EFAULT);
	assert_int_equal(peek(0x1000).err, -ERANGE);
	assert_int_equal(peek(0x1000).value, 0);
}

/* What the layout says agrees with what else is known of this kernel. */
static void test_layout(void **state)
{
	struct ksyms *ksyms = NULL;
	struct klayout layout;
	uint64_t address;

	assert_int_equal(ksyms__load(NULL, &ksyms), 0);
	assert_int_equal(klayout__read(&layout, ksyms), 0);
	assert_int_equal(layout.known, ksyms__address(ksyms, "page_offset_base", &address));
	if (layout.known) {
		assert_true(layout.direct.start < layout.direct.end);
		assert_true(layout.direct.end <= layout.vmalloc.start);
		assert_true(layout.vmalloc.end <= layout.vmemmap.start);
	}
	if (ksyms__address(ksyms, "__per_cpu_offset", &address))
		assert_int_equal(layout.cpus, libbpf_num_possible_cpus());
	klayout__fini(&layout);
	ksyms__free(ksyms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_word),
		cmocka_unit_test(test_unmapped),
		cmocka_unit_test(test_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
