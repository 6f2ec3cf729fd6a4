// SPDX-License-Identifier: GPL-2.0
/* What is recorded is what is read again; a file that ends early or is spoilt is seen to be. */
#include <errno.h>
#include <glob.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "../cm.h"
#include "../tempfile.h"
#include "flr.h"
#include "record.h"
#include "replay.h"
#include "util.h"

#define NS 1000000000ULL
#define SNAPSHOTS 3
#define MOST_SECTIONS 4096

static const char symbols[] = "ffffffff81000000 T _stext\n"
			      "ffffffff81000040 t do_thing\n"
			      "ffffffff81000080 T svm_vcpu_run\n"
			      "ffffffff81000100 T nobody_asks\n"
			      "ffffffff81000200 T _etext\n"
			      "ffffffff82600000 D __start_rodata\n"
			      "ffffffff82600040 D a_variable\n"
			      "ffffffffc0200000 t mod_fn\t[mod]\n";

static struct site site(uint64_t ip, uint64_t address, uint64_t count, int32_t stack_id)
{
	return (struct site){
		.key = { .pid = 7,
			 .vm = 1,
			 .ip = ip,
			 .page = address & FL_PAGE_MASK,
			 .isa = FL_ISA_SVM,
			 .exit_reason = 0x400 },
		.value = { .count = count,
			   .address_min = address,
			   .address_max = address + 8,
			   .first_ns = NS,
			   .last_ns = 2 * NS,
			   .vcpus = 5,
			   .stack_id = stack_id },
	};
}

/* One run: a site, then another one and another VMM, then only more of the first. */
struct run {
	struct snapshot start, snapshots[SNAPSHOTS];
	struct site sites[SNAPSHOTS][3];
	struct vm vms[SNAPSHOTS][2];
	struct comm comms[2];
	struct stacks stacks;
	struct resolver resolver;
};

static void run_init(struct run *run)
{
	const uint64_t frames[] = { 0xffffffff81000044, 0xffffffff81000090, 0xffffffffc0200010 };
	char path[64];
	int fd = tempfile(symbols, path);

	*run = (struct run){
		.start = { .ns = NS, .real_ns = 1800000000 * NS },
		.comms = { { 7, "qemu" }, { 9, "" } },
	};
	assert_int_equal(ksyms__load(path, &run->resolver.ksyms), 0);
	close(fd);
	assert_int_equal(exitnames__new(&run->resolver.exits), 0);
	assert_int_equal(exitnames__add(run->resolver.exits, FL_ISA_SVM, 0x400, "npf"), 0);
	run->resolver.layout.text = (struct kspan){ 0xffffffff81000000, 0xffffffff81000200 };
	run->resolver.layout.cpus = 2;
	run->resolver.layout.percpu_offset = calloc(2, sizeof(uint64_t));
	run->resolver.layout.percpu_offset[1] = 0x1000;
	run->resolver.emulated = true;
	strcpy(run->resolver.platform, "QEMU TCG");
	strcpy(run->resolver.kernel.release, "6.12.1");
	run->resolver.stacks = &run->stacks;
	assert_int_equal(stacks__add(&run->stacks, 4, frames, 3), 0);
	for (int i = 0; i < SNAPSHOTS; i++) {
		struct snapshot *now = &run->snapshots[i];

		run->sites[i][0] = site(0xffffffff81000044, 0xffffffff82600048, 23 + i / 2, 4);
		run->sites[i][1] = site(0xffffffff81000084, 0xffff888000001000, 5, FL_NO_STACK);
		run->sites[i][2] = site(0xffffffffc0200004, 0x1000, 1, FL_NO_STACK);
		run->sites[i][2].key.pid = 9;
		run->vms[i][0] = (struct vm){ { 7, 1 }, { 23 + i / 2 + (i ? 5 : 0), 0 } };
		run->vms[i][1] = (struct vm){ { 9, 1 }, { 3, 2 } };
		*now = (struct snapshot){
			.ns = (2 + i) * NS,
			.real_ns = (1800000001 + i) * NS,
			.sites = run->sites[i],
			.n = i ? 3 : 1,
			.vms = run->vms[i],
			.n_vms = i ? 2 : 1,
			.comms = run->comms,
			.n_comms = i ? 2 : 1,
			.cost = { .state = COST_KNOWN, .ns = 100 * i, .runs = i, .cpu_us = 5 },
		};
		now->losses.n[LOSS_MAP_FULL] = i ? 2 : 0;
		now->losses.n[LOSS_NESTED] = i;
		now->losses.n[LOSS_VM_FULL] = 2;
		now->events = 23 + i / 2 + (i ? 5 + 3 : 0) + 2;
	}
}

static void run_fini(struct run *run)
{
	resolver__fini(&run->resolver);
	stacks__fini(&run->stacks);
}

/* The bytes of a recording of the run. */
static char *record(struct run *run, bool finish, size_t *ret_size)
{
	const struct record_config config = { .tool = "a test", .pid = 0, .stacks = true };
	struct record *record;
	char path[64], *bytes;
	int fd = tempfile("", path);

	assert_int_equal(record__start(fd, &config, &run->resolver, &run->start, &record), 0);
	for (int i = 0; i < SNAPSHOTS; i++) {
		uint32_t flags = i == SNAPSHOTS - 1 ? FLR_SNAPSHOT_FINAL : 0;

		assert_int_equal(record__snapshot(record, &run->snapshots[i], flags), 0);
	}
	if (finish)
		assert_int_equal(record__finish(record), 0);
	record__free(record);
	*ret_size = lseek(fd, 0, SEEK_END);
	bytes = malloc(*ret_size);
	assert_int_equal(pread(fd, bytes, *ret_size, 0), *ret_size);
	close(fd);
	return bytes;
}

static int open_bytes(const char *bytes, size_t size, struct replay **ret_replay)
{
	char why[FLR_WHY] = "";
	FILE *file = size ? fmemopen((void *)bytes, size, "r") : fopen("/dev/null", "r");
	int err;

	assert_non_null(file);
	err = replay__open(file, ret_replay, why);
	if (err) {
		assert_true(*why);
		fclose(file);
	}
	return err;
}

/* How reading ends; *ret_n: the snapshots before that. */
static int read_bytes(const char *bytes, size_t size, size_t *ret_n)
{
	struct replay *replay;
	struct snapshot now;
	char why[FLR_WHY] = "";
	uint32_t flags;
	int got;

	*ret_n = 0;
	got = open_bytes(bytes, size, &replay);
	if (got)
		return got;
	while ((got = replay__next(replay, &now, &flags, why)) > 0) {
		snapshot__fini(&now);
		(*ret_n)++;
	}
	assert_true(!got || *why);
	replay__free(replay);
	return got;
}

static void expect_same(const struct snapshot *got, const struct snapshot *want)
{
	assert_int_equal(got->ns, want->ns);
	assert_int_equal(got->real_ns, want->real_ns);
	assert_int_equal(got->n, want->n);
	assert_memory_equal(got->sites, want->sites, want->n * sizeof(*want->sites));
	assert_int_equal(got->n_vms, want->n_vms);
	assert_memory_equal(got->vms, want->vms, want->n_vms * sizeof(*want->vms));
	assert_int_equal(got->n_comms, want->n_comms);
	for (size_t i = 0; i < want->n_comms; i++) {
		assert_int_equal(got->comms[i].pid, want->comms[i].pid);
		assert_string_equal(got->comms[i].name, want->comms[i].name);
	}
	assert_memory_equal(&got->losses, &want->losses, sizeof(want->losses));
	assert_int_equal(got->events, want->events);
	assert_int_equal(got->cost.state, want->cost.state);
	assert_int_equal(got->cost.runs, want->cost.runs);
	assert_int_equal(got->cost.ns, want->cost.ns);
	assert_int_equal(got->cost.cpu_us, want->cost.cpu_us);
}

static void expect_names(const struct resolver *resolver)
{
	struct ksym sym;

	assert_true(ksyms__find(resolver->ksyms, 0xffffffff81000084, &sym));
	assert_string_equal(sym.name, "svm_vcpu_run");
	assert_int_equal(sym.address, 0xffffffff81000080);
	assert_null(sym.module);
	assert_true(ksyms__find(resolver->ksyms, 0xffffffffc0200010, &sym));
	assert_string_equal(sym.name, "mod_fn");
	assert_string_equal(sym.module, "mod");
	/* the part of the table that was asked, no more */
	assert_false(ksyms__address(resolver->ksyms, "nobody_asks", &sym.address));
	assert_int_equal(resolver->layout.cpus, 2);
	assert_int_equal(resolver->layout.percpu_offset[1], 0x1000);
	assert_int_equal(resolver->layout.text.end, 0xffffffff81000200);
	assert_string_equal(resolver->platform, "QEMU TCG");
	assert_string_equal(resolver->kernel.release, "6.12.1");
	assert_true(resolver->emulated);
	assert_int_equal(stacks__find(resolver->stacks, 4)->n, 3);
}

static void test_round_trip(void **state)
{
	cleanup_free char *bytes = NULL;
	char name[40], why[FLR_WHY];
	struct replay *replay;
	struct snapshot now;
	uint32_t flags;
	struct run run;
	size_t size;

	run_init(&run);
	bytes = record(&run, true, &size);
	assert_int_equal(open_bytes(bytes, size, &replay), 0);
	assert_int_equal(replay__origin(replay)->start.ns, NS);
	assert_true(replay__origin(replay)->stacks);
	assert_false(replay__origin(replay)->stats);
	assert_string_equal(replay__origin(replay)->tool, "a test");
	for (int i = 0; i < SNAPSHOTS; i++) {
		assert_int_equal(replay__next(replay, &now, &flags, why), 1);
		expect_same(&now, &run.snapshots[i]);
		assert_int_equal(flags, i == SNAPSHOTS - 1 ? FLR_SNAPSHOT_FINAL : 0);
		snapshot__fini(&now);
	}
	assert_int_equal(replay__next(replay, &now, &flags, why), 0);
	expect_names(replay__resolver(replay));
	exitnames__print(replay__resolver(replay)->exits, FL_ISA_SVM, 0x400, name, sizeof(name));
	assert_string_equal(name, "npf");
	replay__free(replay);
	run_fini(&run);
}

/* Where sections start, and the end of the file; returns how many starts. */
static size_t sections(const char *bytes, size_t size, size_t ret_at[MOST_SECTIONS])
{
	struct flr_section head;
	size_t n = 0;

	for (size_t at = sizeof(struct flr_head); at < size; at += sizeof(head) + head.size) {
		assert_true(n < MOST_SECTIONS - 1);
		ret_at[n++] = at;
		memcpy(&head, bytes + at, sizeof(head));
	}
	ret_at[n] = size;
	return n;
}

static void expect_cut(const char *bytes, size_t size, size_t cut)
{
	static size_t at[MOST_SECTIONS];
	size_t n = sections(bytes, size, at), whole = 0, snapshots = 0, got;
	struct flr_section head;
	int err;

	for (; whole < n && at[whole + 1] <= cut; whole++) {
		memcpy(&head, bytes + at[whole], sizeof(head));
		snapshots += head.type == FLR_SNAPSHOT;
	}
	err = read_bytes(bytes, cut, &got);
	if (cut == size)
		assert_int_equal(err, 0);
	else if (!cut)
		assert_int_equal(err, -EPROTONOSUPPORT);
	else
		assert_int_equal(err, -ENODATA);
	if (got != snapshots)
		fail_msg("cut at %zu: %zu snapshots, not %zu", cut, got, snapshots);
}

static void test_cut_anywhere(void **state)
{
	cleanup_free char *bytes = NULL;
	struct run run;
	size_t size;

	run_init(&run);
	bytes = record(&run, true, &size);
	for (size_t cut = 0; cut <= size; cut++)
		expect_cut(bytes, size, cut);
	run_fini(&run);
}

static void test_flip_any_bit(void **state)
{
	cleanup_free char *bytes = NULL;
	struct run run;
	size_t size, n;
	int err;

	run_init(&run);
	bytes = record(&run, true, &size);
	for (size_t bit = 0; bit < 8 * size; bit++) {
		bytes[bit / 8] ^= 1 << bit % 8;
		err = read_bytes(bytes, size, &n);
		if (err != -EBADMSG && err != -EPROTONOSUPPORT)
			fail_msg("bit %zu of byte %zu: %d", bit % 8, bit / 8, err);
		bytes[bit / 8] ^= 1 << bit % 8;
	}
	run_fini(&run);
}

/* The tool was killed: everything is there but the end. */
static void test_unfinished(void **state)
{
	cleanup_free char *bytes = NULL;
	struct run run;
	size_t size, n;

	run_init(&run);
	bytes = record(&run, false, &size);
	assert_int_equal(read_bytes(bytes, size, &n), -ENODATA);
	assert_int_equal(n, SNAPSHOTS);
	free(bytes);
	/* between the last section and the mark in the head */
	bytes = record(&run, true, &size);
	memset(bytes + offsetof(struct flr_head, flags), 0xff, sizeof(uint32_t));
	assert_int_equal(read_bytes(bytes, size, &n), -ENODATA);
	assert_int_equal(n, SNAPSHOTS);
	run_fini(&run);
}

static void expect_refused(const char *bytes, size_t size, int want, const char *says)
{
	FILE *file = fmemopen((void *)bytes, size, "r");
	char why[FLR_WHY] = "";
	struct replay *replay;

	assert_int_equal(replay__open(file, &replay, why), want);
	if (!strstr(why, says))
		fail_msg("'%s' does not say '%s'", why, says);
	fclose(file);
}

static void test_foreign(void **state)
{
	cleanup_free char *bytes = NULL;
	struct flr_head *head;
	struct run run;
	size_t size, n;

	run_init(&run);
	bytes = record(&run, true, &size);
	head = (void *)bytes;
	head->version = FLR_VERSION + 1;
	expect_refused(bytes, size, -EPROTONOSUPPORT, "version 2, this tool reads up to 1");
	head->version = FLR_VERSION;
	head->byte_order = __builtin_bswap32(head->byte_order);
	head->version = __builtin_bswap32(head->version);
	expect_refused(bytes, size, -EPROTONOSUPPORT, "other byte order");
	head->byte_order = FLR_BYTE_ORDER;
	head->version = FLR_VERSION;
	head->subject = 99;
	expect_refused(bytes, size, -EPROTONOSUPPORT, "another tool (subject 99)");
	head->subject = FLR_ASI_FAULT;
	expect_refused("#!/bin/sh\nexit 0\n", 17, -EPROTONOSUPPORT, "not a .flr recording");
	/* something was appended */
	bytes = realloc(bytes, size + 1);
	bytes[size] = 0;
	assert_int_equal(read_bytes(bytes, size + 1, &n), -EBADMSG);
	run_fini(&run);
}

/* Cuts around each section of the recordings that are kept, and at many other places. */
static void test_kept_recordings(void **state)
{
	static size_t at[MOST_SECTIONS];
	glob_t found;

	assert_int_equal(glob("tests/replay/*.flr", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		cleanup_fclose FILE *file = fopen(found.gl_pathv[i], "r");
		cleanup_free char *bytes = NULL;
		size_t room = 0, size, n;

		assert_non_null(file);
		fseek(file, 0, SEEK_END);
		size = room = ftell(file);
		rewind(file);
		bytes = malloc(room);
		assert_int_equal(fread(bytes, 1, size, file), size);
		n = sections(bytes, size, at);
		for (size_t s = 0; s <= n; s++)
			for (size_t cut = at[s] - 1; cut <= at[s] + 1 && cut <= size; cut++)
				expect_cut(bytes, size, cut);
		for (size_t cut = 0; cut < size; cut += 997)
			expect_cut(bytes, size, cut);
		for (size_t bit = 0; bit < 8 * size; bit += 7919) {
			bytes[bit / 8] ^= 1 << bit % 8;
			assert_true(read_bytes(bytes, size, &n) < 0);
			bytes[bit / 8] ^= 1 << bit % 8;
		}
	}
	globfree(&found);
}

/* Sorted, and the process's VMs only; what was lost cannot be told apart. */
static void test_keep(void **state)
{
	struct snapshot now, none = {};
	struct report report;
	struct run run;

	run_init(&run);
	assert_int_equal(snapshot__copy(&now, &run.snapshots[2]), 0);
	snapshot__keep(&now, 9);
	assert_int_equal(report__init(&report, &none, &now), 0);
	assert_int_equal(report.n, 1);
	assert_int_equal(report.counted, 1);
	assert_int_equal(report.events, 3);
	assert_int_equal(report.vms, 1);
	assert_true(report.lost_of_all);
	/* map_full 2, vm_full 2, nested 2 */
	assert_int_equal(report.missed, 6);
	assert_int_equal(report__unaccounted(&report), 0);
	report__fini(&report);
	snapshot__fini(&now);
	run_fini(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_flip_any_bit), cmocka_unit_test(test_unfinished),
		cmocka_unit_test(test_foreign),	     cmocka_unit_test(test_kept_recordings),
		cmocka_unit_test(test_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
