// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "../cm.h"
#include "../tempfile.h"
#include "ksyms.h"

/* not in order, as kallsyms with modules is not */
static const char table[] = "ffffffff81000000 T _stext\n"
			    "ffffffff81000000 t helper\n"
			    "ffffffff81000000 T startup_64\n"
			    "ffffffffc0200000 t mod_fn\t[mod]\n"
			    "ffffffffc0200040 t mod_other\t[mod]\n"
			    "ffffffffc0300000 t far_fn\t[far]\n"
			    "garbage\n"
			    "\n"
			    "ffffffff81000100 t static_fn\n"
			    "0000000000000000 A fixed_percpu_data\n"
			    "0000000000000000 A __per_cpu_start\n"
			    "ffffffff81000200 T last_fn\n"
			    "ffffffffc0200080 t last_fn\t[mod]\n";

static struct ksyms *load(const char *text)
{
	struct ksyms *ksyms = NULL;
	char path[64];
	int fd = tempfile(text, path);

	assert_int_equal(ksyms__load(path, &ksyms), 0);
	close(fd);
	return ksyms;
}

static void expect(const struct ksyms *ksyms, uint64_t address, const char *name,
		   const char *module, uint64_t start)
{
	struct ksym sym;

	assert_true(ksyms__find(ksyms, address, &sym));
	assert_string_equal(sym.name, name);
	assert_int_equal(sym.address, start);
	if (module)
		assert_string_equal(sym.module, module);
	else
		assert_null(sym.module);
}

static void test_find(void **state)
{
	struct ksyms *ksyms = load(table);

	/* neither the section mark nor the static name */
	expect(ksyms, 0xffffffff81000000, "startup_64", NULL, 0xffffffff81000000);
	expect(ksyms, 0xffffffff810000ff, "startup_64", NULL, 0xffffffff81000000);
	expect(ksyms, 0xffffffff81000100, "static_fn", NULL, 0xffffffff81000100);
	expect(ksyms, 0xffffffffc020003f, "mod_fn", "mod", 0xffffffffc0200000);
	expect(ksyms, 0xffffffffc0200041, "mod_other", "mod", 0xffffffffc0200040);
	expect(ksyms, 0xffffffffc0300000, "far_fn", "far", 0xffffffffc0300000);
	expect(ksyms, UINT64_MAX, "far_fn", "far", 0xffffffffc0300000);
	expect(ksyms, 0, "fixed_percpu_data", NULL, 0);
	ksyms__free(ksyms);
}

static void test_before_first(void **state)
{
	struct ksyms *ksyms = load("ffffffff81000000 T only\n");
	struct ksym sym;

	assert_false(ksyms__find(ksyms, 0xffffffff80ffffff, &sym));
	assert_true(ksyms__find(ksyms, 0xffffffff81000000, &sym));
	assert_false(ksyms__find(NULL, 0xffffffff81000000, &sym));
	ksyms__free(ksyms);
}

/* Every address between, in a table larger than one growth step. */
static void test_many(void **state)
{
	const int n = 10007;
	char *text = malloc(n * 32 + 1), *p = text;
	struct ksyms *ksyms;
	struct ksym sym;

	for (int i = n; i > 0; i--)
		p += sprintf(p, "%016x t f%d\n", i * 16, i);
	ksyms = load(text);
	for (int i = 1; i <= n; i++) {
		for (int offset = 0; offset < 16; offset += 5) {
			char name[16];

			snprintf(name, sizeof(name), "f%d", i);
			assert_true(ksyms__find(ksyms, i * 16 + offset, &sym));
			assert_string_equal(sym.name, name);
		}
	}
	ksyms__free(ksyms);
	free(text);
}

static void test_address(void **state)
{
	struct ksyms *ksyms = load(table);
	uint64_t address = 23;

	assert_true(ksyms__address(ksyms, "__per_cpu_start", &address));
	assert_int_equal(address, 0);
	/* a module's name is not the kernel's */
	assert_true(ksyms__address(ksyms, "last_fn", &address));
	assert_int_equal(address, 0xffffffff81000200);
	assert_false(ksyms__address(ksyms, "mod_fn", &address));
	assert_false(ksyms__address(ksyms, "nothing", &address));
	assert_int_equal(address, 0xffffffff81000200);
	ksyms__free(ksyms);
}

static void test_unusable(void **state)
{
	struct ksyms *ksyms = NULL;
	char path[64];
	int fd;

	fd = tempfile("0000000000000000 T _stext\n0000000000000000 T do_exit\n", path);
	assert_int_equal(ksyms__load(path, &ksyms), -EPERM);
	close(fd);
	fd = tempfile("", path);
	assert_int_equal(ksyms__load(path, &ksyms), -ENODATA);
	close(fd);
	assert_int_equal(ksyms__load("/nonexistent", &ksyms), -ENOENT);
	assert_null(ksyms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),	 cmocka_unit_test(test_before_first),
		cmocka_unit_test(test_many),	 cmocka_unit_test(test_address),
		cmocka_unit_test(test_unusable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
