// SPDX-License-Identifier: GPL-2.0
/* Programs of raslat that need no function of the kernel, run on made-up arguments on this kernel. */
#include "../cm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "abi.h"
#include "ras.skel.h"
#include "util.h"

#define RUNS 23
#define SIGBUS 7

static struct {
	struct ras *skel;
	struct ring_buffer *ring;
	struct fl_ras_event events[64];
	int n;
} test;

static int on_event(void *ctx, void *data, size_t size)
{
	assert_int_equal(size, sizeof(struct fl_ras_event));
	assert_true(test.n < ARRAY_SIZE(test.events));
	memcpy(&test.events[test.n++], data, size);
	return 0;
}

static int set_up(void **state)
{
	struct bpf_program *program;

	memset(&test, 0, sizeof(test));
	test.skel = ras__open();
	assert_non_null(test.skel);
	bpf_object__for_each_program(program, test.skel->obj)
		bpf_program__set_autoload(program, program == test.skel->progs.ras_entry ||
							   program == test.skel->progs.ras_signal);
	/* the smallest: so that it gets full */
	bpf_map__set_max_entries(test.skel->maps.events, sysconf(_SC_PAGESIZE));
	assert_int_equal(ras__load(test.skel), 0);
	test.ring = ring_buffer__new(bpf_map__fd(test.skel->maps.events), on_event, NULL, NULL);
	assert_non_null(test.ring);
	test.skel->bss->armed = true;
	return 0;
}

static int tear_down(void **state)
{
	ring_buffer__free(test.ring);
	ras__destroy(test.skel);
	return 0;
}

static void run(const struct bpf_program *program, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t args[] = { a, b, c, 0, 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(program), &opts), 0);
	assert_int_equal(opts.retval, 0);
}

static uint64_t lost(enum fl_ras_loss loss)
{
	int cpus = libbpf_num_possible_cpus();
	cleanup_free uint64_t *values = calloc(cpus, sizeof(*values));
	uint32_t key = loss;
	uint64_t sum = 0;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(test.skel->maps.losses), &key, values), 0);
	for (int cpu = 0; cpu < cpus; cpu++)
		sum += values[cpu];
	return sum;
}

/* What bpf/ras.bpf.c keeps for a thread: registers, ioctls. */
static void ask(uint64_t registers, uint64_t ioctls)
{
	const uint64_t asked[] = { registers, ioctls };
	uint32_t tid = syscall(SYS_gettid);

	assert_int_equal(bpf_map_update_elem(bpf_map__fd(test.skel->maps.asked), &tid, asked,
					     BPF_NOEXIST),
			 0);
	test.skel->bss->awaited++;
}

/* An entry is told once, with what QEMU asked for, and only of a vCPU that is awaited. */
static void entry(void **state)
{
	test.skel->bss->counting = true;
	run(test.skel->progs.ras_entry, 0, 0, 0);
	ask(400, 405);
	run(test.skel->progs.ras_entry, 0, 0, 0);
	run(test.skel->progs.ras_entry, 0, 0, 0);
	assert_int_equal(ring_buffer__consume(test.ring), 1);
	assert_int_equal(test.events[0].stage, RAS_ENTRY);
	assert_int_equal(test.events[0].value, 400);
	assert_int_equal(test.events[0].aux, 405);
	assert_int_equal(test.events[0].result, 1);
	assert_int_equal(test.events[0].pid, getpid());
	assert_int_equal(test.events[0].tid, syscall(SYS_gettid));
	assert_true(test.events[0].ns);
	assert_int_equal(test.skel->bss->awaited, 0);
}

/* Without the program that counts, nothing was counted. */
static void not_counted(void **state)
{
	ask(0, 0);
	run(test.skel->progs.ras_entry, 0, 0, 0);
	assert_int_equal(ring_buffer__consume(test.ring), 1);
	assert_int_equal(test.events[0].result, 0);
}

/* Other signals, and pointers that are none: SEND_SIG_NOINFO, SEND_SIG_PRIV. */
static void signals(void **state)
{
	for (uint64_t info = 0; info <= 2; info++)
		run(test.skel->progs.ras_signal, SIGBUS, info, 0);
	run(test.skel->progs.ras_signal, 9, 0x1000, 0);
	/* memory that cannot be read reads as 0, which is no code of a memory error */
	run(test.skel->progs.ras_signal, SIGBUS, 0x1000, 0x1000);
	assert_int_equal(ring_buffer__consume(test.ring), 0);
}

/* What finds no room in the ring is counted: what is read and what is lost are all. */
static void full(void **state)
{
	int n = 0;

	while (!lost(RAS_LOSS_RING)) {
		ask(0, 0);
		run(test.skel->progs.ras_entry, 0, 0, 0);
		assert_true(++n < 10000);
	}
	for (int i = 1; i < RUNS; i++, n++) {
		ask(0, 0);
		run(test.skel->progs.ras_entry, 0, 0, 0);
	}
	assert_int_equal(lost(RAS_LOSS_RING), RUNS);
	test.n = 0;
	ring_buffer__free(test.ring);
	test.ring = NULL;
}

static void disarmed(void **state)
{
	test.skel->bss->armed = false;
	run(test.skel->progs.ras_signal, SIGBUS, 0x1000, 0x1000);
	assert_int_equal(ring_buffer__consume(test.ring), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(entry, set_up, tear_down),
		cmocka_unit_test_setup_teardown(not_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(signals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(disarmed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
