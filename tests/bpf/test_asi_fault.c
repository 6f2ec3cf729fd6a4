// SPDX-License-Identifier: GPL-2.0
/*
 * The real program, run by BPF_PROG_TEST_RUN on made-up arguments, read through the library that
 * the tool reads it with. Needs root; no patched kernel.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "../cm.h"
#include "session.h"

#define N 23

/* TP_PROTO of asi:asi_fault, docs/ABI.md */
struct fault {
	uint64_t pid, vm, vcpu, address, ip, error_code, isa, exit_reason;
};
_Static_assert(sizeof(struct fault) == 8 * 8, "as docs/ABI.md says");

static const struct fault site_a = { 4242, 1,	       0,    0xffff888012345678, 0xffffffff81000040,
				     2,	   FL_ISA_SVM, 0x400 };
static const struct fault site_b = { 4242, 1,	       0,    0xffff888012345678, 0xffffffff81000080,
				     0,	   FL_ISA_SVM, 0x400 };

static struct session *open_session(struct session_config config)
{
	struct session *session = NULL;

	assert_int_equal(session__open(&config, &session), 0);
	return session;
}

static void fault_on(struct session *session, struct fault fault, int cpu)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &fault, .ctx_size_in = sizeof(fault),
		    .flags = cpu < 0 ? 0 : BPF_F_TEST_RUN_ON_CPU, .cpu = cpu < 0 ? 0 : cpu);

	assert_int_equal(bpf_prog_test_run_opts(session__prog_fd(session), &opts), 0);
	assert_int_equal(opts.retval, 0);
}

static void fault(struct session *session, struct fault fault)
{
	fault_on(session, fault, -1);
}

static struct report read_report(struct session *session)
{
	struct snapshot none = {}, now;
	struct report report;

	assert_int_equal(session__read(session, &now), 0);
	assert_int_equal(report__init(&report, &none, &now), 0);
	snapshot__fini(&now);
	report__sort(&report, SORT_IP);
	return report;
}

static void test_two_sites(void **state)
{
	struct session *session = open_session((struct session_config){});
	uint64_t before = session_now_ns(), after;
	struct report report;

	session__arm_detached(session);
	for (int i = 0; i < N; i++) {
		fault(session, site_a);
		fault(session, site_b);
	}
	after = session_now_ns();
	report = read_report(session);
	assert_int_equal(report.n, 2);
	assert_int_equal(report.vms, 1);
	assert_int_equal(report.events, 2 * N);
	assert_int_equal(report.missed, 0);
	assert_int_equal(report__unaccounted(&report), 0);
	for (int i = 0; i < 2; i++) {
		const struct fault *site = i ? &site_b : &site_a;
		const struct row *row = &report.rows[i];

		assert_int_equal(row->count, N);
		assert_int_equal(row->ip, site->ip);
		assert_int_equal(row->address_min, site->address);
		assert_int_equal(row->address_max, site->address);
		assert_int_equal(row->pid, site->pid);
		assert_int_equal(row->vm, site->vm);
		assert_int_equal(row->error_bits, site->error_code);
		assert_int_equal(row->vcpus, 1);
		assert_int_equal(row->stack_id, FL_NO_STACK);
		assert_int_equal(row->n_exits, 1);
		assert_int_equal(row->exits[0].isa, FL_ISA_SVM);
		assert_int_equal(row->exits[0].reason, 0x400);
		assert_true(before <= row->first_ns && row->first_ns < row->last_ns &&
			    row->last_ns <= after);
	}
	report__fini(&report);
	session__close(session);
}

/* Each of these is a site of its own. */
static void test_key(void **state)
{
	struct session *session = open_session((struct session_config){});
	struct fault fields[] = { site_a, site_a, site_a, site_a, site_a };
	struct report report;

	fields[0].pid++;
	fields[1].vm++;
	fields[2].address += 4096;
	fields[3].ip++;
	session__arm_detached(session);
	for (int i = 0; i < 5; i++)
		fault(session, fields[i]);
	report = read_report(session);
	assert_int_equal(report.n, 5);
	assert_int_equal(report.vms, 3);
	for (int i = 0; i < 5; i++)
		assert_int_equal(report.rows[i].count, 1);
	report__fini(&report);
	session__close(session);
}

/* What is not in a row's key is widened, or-ed or listed. */
static void test_merge(void **state)
{
	struct session *session = open_session((struct session_config){});
	struct fault f = site_a;
	struct report report;

	session__arm_detached(session);
	f.address = 0xffff888012345800;
	f.vcpu = 5;
	fault(session, f);
	f.address = 0xffff888012345010;
	f.vcpu = 200;
	f.error_code = 0x10;
	fault(session, f);
	f.exit_reason = FL_EXIT_NONE;
	f.address = 0xffff888012345fff;
	fault(session, f);
	fault(session, f);
	report = read_report(session);
	assert_int_equal(report.n, 1);
	assert_int_equal(report.rows[0].count, 4);
	assert_int_equal(report.rows[0].address_min, 0xffff888012345010);
	assert_int_equal(report.rows[0].address_max, 0xffff888012345fff);
	assert_int_equal(report.rows[0].vcpus, 1ULL << 5 | 1ULL << FL_VCPU_LAST);
	assert_int_equal(report.rows[0].error_bits, 0x12);
	assert_int_equal(report.rows[0].n_exits, 2);
	report__fini(&report);
	session__close(session);
}

static void test_unarmed(void **state)
{
	struct session *session = open_session((struct session_config){});
	struct report report;

	fault(session, site_a);
	session__arm_detached(session);
	fault(session, site_b);
	assert_int_equal(session__disarm(session), 0);
	fault(session, site_a);
	report = read_report(session);
	assert_int_equal(report.events, 1);
	assert_int_equal(report.n, 1);
	assert_int_equal(report.rows[0].ip, site_b.ip);
	report__fini(&report);
	session__close(session);
}

static void test_filter(void **state)
{
	struct session *session = open_session((struct session_config){ .pid = site_a.pid });
	struct fault other = site_b;
	struct report report;

	other.pid++;
	session__arm_detached(session);
	for (int i = 0; i < N; i++) {
		fault(session, site_a);
		fault(session, other);
	}
	report = read_report(session);
	assert_int_equal(report.n, 1);
	assert_int_equal(report.vms, 1);
	assert_int_equal(report.events, N);
	assert_int_equal(report.rows[0].pid, site_a.pid);
	assert_int_equal(report.rows[0].count, N);
	report__fini(&report);
	session__close(session);
}

/* Known sites go on counting when there is no room for new ones, and nothing is lost uncounted. */
static void test_sites_full(void **state)
{
	const int room = 5;
	struct session *session = open_session((struct session_config){ .sites = room });
	struct report report;
	struct fault f = site_a;

	session__arm_detached(session);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < N; i++) {
			f.ip = site_a.ip + i;
			fault(session, f);
		}
	}
	report = read_report(session);
	assert_int_equal(report.n, room);
	assert_int_equal(report.events, 2 * N);
	assert_int_equal(report.counted, 2 * room);
	assert_int_equal(report.losses.n[LOSS_MAP_FULL], 2 * (N - room));
	assert_int_equal(report.missed, 2 * (N - room));
	assert_int_equal(report__unaccounted(&report), 0);
	for (int i = 0; i < room; i++)
		assert_int_equal(report.rows[i].count, 2);
	report__fini(&report);
	session__close(session);
}

static void test_vms_full(void **state)
{
	const int room = 1024, more = 23;
	struct session *session = open_session((struct session_config){});
	struct report report;
	struct fault f = site_a;

	session__arm_detached(session);
	for (int i = 0; i < room + more; i++) {
		f.vm = 1 + i;
		fault(session, f);
	}
	report = read_report(session);
	assert_int_equal(report.vms, room);
	assert_int_equal(report.n, room);
	assert_int_equal(report.events, room + more);
	assert_int_equal(report.losses.n[LOSS_VM_FULL], more);
	assert_int_equal(report.missed, more);
	assert_int_equal(report__unaccounted(&report), 0);
	report__fini(&report);
	session__close(session);
}

static void test_stacks(void **state)
{
	struct session *session = open_session((struct session_config){ .stacks = true });
	const struct stack *stack;
	struct report report;

	session__arm_detached(session);
	for (int i = 0; i < N; i++)
		fault(session, site_a);
	report = read_report(session);
	assert_int_equal(report.n, 1);
	assert_true(report.rows[0].stack_id >= 0);
	assert_int_equal(report.losses.n[LOSS_STACK], 0);
	/* the made-up ip is not in it: all of it is given */
	stack = stacks__find(session__stacks(session), report.rows[0].stack_id);
	assert_non_null(stack);
	assert_true(stack->n > 2 && stack->n < FL_STACK_DEPTH);
	assert_int_equal(stack__start(stack, site_a.ip), 0);
	/* an ip that is in it: from there on */
	assert_int_equal(stack__start(stack, stack->frames[2]), 2);
	assert_null(stacks__find(session__stacks(session), FL_NO_STACK));
	report__fini(&report);
	session__close(session);
}

/* One bucket for two different stacks: the second is lost, and counted. */
static void test_stack_lost(void **state)
{
	struct session *session;
	struct report report;

	if (get_nprocs() < 2)
		skip();
	session = open_session((struct session_config){ .stacks = true, .sites = 1 });
	session__arm_detached(session);
	fault(session, site_a);
	/* a run on another CPU comes out of an interrupt there: another stack */
	fault_on(session, site_b, (sched_getcpu() + 1) % get_nprocs());
	report = read_report(session);
	assert_int_equal(report.n, 1);
	assert_true(report.rows[0].stack_id >= 0);
	assert_int_equal(report.losses.n[LOSS_STACK], 1);
	assert_int_equal(report.losses.n[LOSS_MAP_FULL], 1);
	/* the stack is no fault of its own */
	assert_int_equal(report.missed, 1);
	assert_int_equal(report__unaccounted(&report), 0);
	report__fini(&report);
	session__close(session);
}

#define THREADS 4
#define ROUNDS 5003

struct hammer {
	struct session *session;
	int id;
};

static uint64_t hammered(int i, int id)
{
	return (site_a.address & FL_PAGE_MASK) + (i * 37 + id) % 4096;
}

static void *hammer(void *arg)
{
	const struct hammer *h = arg;
	struct fault f = site_a;

	for (int i = 0; i < ROUNDS; i++) {
		/* seven sites shared by all, and new ends of their address ranges */
		f.ip = site_a.ip + i % 7;
		f.vcpu = h->id;
		f.address = hammered(i, h->id);
		fault(h->session, f);
	}
	return NULL;
}

/* All CPUs at once on the same sites: exact all the same. */
static void test_concurrent(void **state)
{
	struct session *session = open_session((struct session_config){});
	struct hammer hammers[THREADS];
	pthread_t threads[THREADS];
	struct report report;
	struct row range[7];
	uint64_t low = 0, high = 0;

	for (int i = 0; i < 7; i++)
		range[i] = (struct row){ .address_min = UINT64_MAX };
	for (int i = 0; i < ROUNDS * THREADS; i++) {
		struct row *row = &range[i / THREADS % 7];
		uint64_t address = hammered(i / THREADS, i % THREADS);

		row->address_min = address < row->address_min ? address : row->address_min;
		row->address_max = address > row->address_max ? address : row->address_max;
	}

	session__arm_detached(session);
	for (int i = 0; i < THREADS; i++) {
		hammers[i] = (struct hammer){ session, i };
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	report = read_report(session);
	assert_int_equal(report.n, 7);
	assert_int_equal(report.events, THREADS * ROUNDS);
	assert_int_equal(report.counted, THREADS * ROUNDS);
	assert_int_equal(report.missed, 0);
	assert_int_equal(report__unaccounted(&report), 0);
	for (int i = 0; i < 7; i++) {
		const struct row *row = &report.rows[i];

		assert_int_equal(row->vcpus, (1 << THREADS) - 1);
		low += row->address_min != range[i].address_min;
		high += row->address_max != range[i].address_max;
	}
	/* an end that is not there was counted */
	assert_true(low + high <= report.losses.n[LOSS_RANGE]);
	report__fini(&report);
	session__close(session);
}

/* The kernel under test lacks the tracepoint: that is one clear error, and not a crash. */
static void test_no_tracepoint(void **state)
{
	struct session *session;

	if (!access("/sys/kernel/tracing/events/asi/asi_fault", F_OK)) {
		print_message("this kernel has asi:asi_fault: attaching works\n");
		session = open_session((struct session_config){});
		assert_int_equal(session__arm(session), 0);
	} else {
		session = open_session((struct session_config){});
		assert_int_equal(session__arm(session), -ENOENT);
	}
	session__close(session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_sites),     cmocka_unit_test(test_key),
		cmocka_unit_test(test_merge),	      cmocka_unit_test(test_unarmed),
		cmocka_unit_test(test_filter),	      cmocka_unit_test(test_sites_full),
		cmocka_unit_test(test_vms_full),      cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_stack_lost),    cmocka_unit_test(test_concurrent),
		cmocka_unit_test(test_no_tracepoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
