// SPDX-License-Identifier: GPL-2.0
/*
 * What the BPF program does when the kernel refuses an update or CPUs collide, which nothing makes
 * it do on demand: its own source, compiled for here, with a map that refuses.
 */
#include <errno.h>
#include <stdbool.h>
#include <linux/bpf.h>

#include "../cm.h"
#include "loss.h"

#define SEC(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

static struct losses lost;
static long refusal;
static int collisions;

static void *bpf_map_lookup_elem(void *map, const void *key);

static long bpf_map_update_elem(void *map, const void *key, const void *value, uint64_t flags)
{
	return refusal;
}

static long bpf_get_stackid(void *ctx, void *map, uint64_t flags)
{
	return -EEXIST;
}

/* Each of the first few times another CPU was faster, and one step short of what is wanted. */
static uint64_t collide(__u64 *at, uint64_t old, uint64_t new)
{
	uint64_t seen = *at;

	if (collisions) {
		collisions--;
		*at = new < old ? old - 1 : old + 1;
		return *at;
	}
	if (seen == old)
		*at = new;
	return seen;
}

#undef E2BIG
#undef EEXIST
#define __sync_val_compare_and_swap collide
#include "lib/loss.bpf.h"
#include "lib/site.bpf.h"

static void *bpf_map_lookup_elem(void *map, const void *key)
{
	return map == &losses ? &lost.n[*(const uint32_t *)key] : NULL;
}

static int setup(void **state)
{
	lost = (struct losses){};
	refusal = 0;
	collisions = 0;
	sites_full = vms_full = false;
	return 0;
}

/* A fault without a VM's totals was handled all the same: it has to be among the events. */
static void test_vm_refused(void **state)
{
	refusal = -EBUSY;
	assert_null(vm_count(4242, 1));
	assert_null(vm_count(4242, 1));
	assert_false(vms_full);
	refusal = -E2BIG;
	assert_null(vm_count(4242, 1));
	assert_true(vms_full);
	/* latched: the map is not asked again */
	refusal = -EBUSY;
	assert_null(vm_count(4242, 2));
	assert_int_equal(lost.n[LOSS_VM_BUSY], 2);
	assert_int_equal(lost.n[LOSS_VM_FULL], 2);
	assert_int_equal(lost.n[LOSS_BUSY], 0);
	assert_int_equal(losses_no_vm(&lost), 4);
	assert_int_equal(losses_events(&lost), 4);
}

static void test_site_refused(void **state)
{
	const struct fl_site_key key = {};
	struct fl_site hit = { .count = 1 };

	refusal = -EBUSY;
	assert_int_equal(site_new(NULL, &key, &hit), -1 - LOSS_BUSY);
	assert_false(sites_full);
	refusal = -E2BIG;
	assert_int_equal(site_new(NULL, &key, &hit), -1 - LOSS_MAP_FULL);
	assert_true(sites_full);
	/* who counts them is on_fault() */
	assert_false(losses_any(&lost));
}

static void test_widen(void **state)
{
	for (int n = 0; n <= WIDEN_TRIES; n++) {
		struct fl_site site = { .address_min = 0x500, .address_max = 0x500 };
		bool kept = n < WIDEN_TRIES;

		setup(NULL);
		collisions = n;
		site_widen(&site, 0x100);
		assert_int_equal(site.address_min, kept ? 0x100 : 0x500 - n);
		assert_int_equal(lost.n[LOSS_RANGE], !kept);
		collisions = n;
		site_widen(&site, 0x900);
		assert_int_equal(site.address_max, kept ? 0x900 : 0x500 + n);
		assert_int_equal(lost.n[LOSS_RANGE], 2 * !kept);
	}
	/* a detail: the fault itself is counted */
	assert_int_equal(lost.n[LOSS_RANGE], 2);
	assert_int_equal(losses_events(&lost), 0);
	assert_true(losses_any(&lost));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_vm_refused, setup),
		cmocka_unit_test_setup(test_site_refused, setup),
		cmocka_unit_test_setup(test_widen, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
