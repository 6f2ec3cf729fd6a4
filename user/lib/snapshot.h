/* SPDX-License-Identifier: GPL-2.0 */
/* What the maps held at one moment, and the rows that two such moments make. */
#ifndef FAULTLINE_SNAPSHOT_H
#define FAULTLINE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "loss.h"

struct site {
	struct fl_site_key key;
	struct fl_site value;
};

struct vm {
	struct fl_vm_key key;
	struct fl_vm_count count;
};

#define COMM_SIZE 32

/* What a VMM is called. */
struct comm {
	uint32_t pid;
	char name[COMM_SIZE]; /* "": not known */
};

/* What the program itself costs, as the kernel counts it if asked. */
struct cost {
	enum { COST_UNASKED, COST_UNKNOWN, COST_KNOWN } state;
	int err; /* COST_UNKNOWN: why, negative errno */
	uint64_t ns, runs;
	uint64_t cpu_us; /* of this process since it started, user and system */
};

struct snapshot {
	uint64_t ns; /* CLOCK_MONOTONIC */
	uint64_t real_ns; /* CLOCK_REALTIME, at the same moment */
	struct site *sites; /* ordered by pid, vm, ip, page, then VM-exit reason */
	size_t n;
	struct losses losses;
	uint64_t events; /* faults handled, whether kept in a site or lost */
	struct vm *vms;
	size_t n_vms;
	struct comm *comms; /* of the processes in sites, ordered by pid */
	size_t n_comms;
	struct cost cost;
	bool lost_of_all; /* losses are of all VMMs, everything else is of one */
};

/* Orders sites, which a map hands out in any order. */
void snapshot__sort(struct snapshot *snapshot);
void snapshot__fini(struct snapshot *snapshot);

/* 0 or -ENOMEM */
int snapshot__copy(struct snapshot *ret_copy, const struct snapshot *snapshot);

/*
 * Puts in sites, which are ordered: new ones, and later figures of those that are there. 0, -ENOMEM,
 * or -EBADMSG: not ordered, or a count went back.
 */
int snapshot__merge(struct snapshot *snapshot, const struct site *sites, size_t n);

/* Puts in a name, or another one for its process. 0 or -ENOMEM. */
int snapshot__set_comm(struct snapshot *snapshot, const struct comm *comm);

/*
 * Only this process's VMs stay. Losses are not kept by VM: they stay, and with them stands
 * lost_of_all, as do the events of VMs that there was no room for.
 */
void snapshot__keep(struct snapshot *snapshot, uint32_t pid);

#define ROW_EXITS 8

struct row_exit {
	uint32_t isa, reason;
	uint64_t count;
};

/* row.error_bits: page-fault error codes, arch/x86/include/asm/trap_pf.h */
#define ROW_ERROR_WRITE (1 << 1)
#define ROW_ERROR_FETCH (1 << 4)

/* One VM, instruction and page: over all VM-exit reasons. */
struct row {
	uint32_t pid, vm;
	char comm[COMM_SIZE]; /* "": not known */
	uint64_t ip, page;
	uint64_t count;
	uint64_t recent; /* of count: in the report's last recent_ns */
	uint64_t address_min, address_max; /* since arming, as are the fields to error_bits */
	uint64_t first_ns, last_ns;
	uint64_t vcpus, error_bits;
	int32_t stack_id;
	struct row_exit exits[ROW_EXITS]; /* most frequent first */
	unsigned int n_exits;
	uint64_t exits_other; /* faults of reasons beyond ROW_EXITS */
};

struct report {
	uint64_t from_ns, to_ns;
	uint64_t recent_ns; /* row.recent and rates are over this last part of it */
	uint64_t to_real_ns;
	struct row *rows; /* only those with a fault in the interval */
	size_t n;
	uint64_t counted; /* in rows */
	uint64_t events; /* handled by the program: rows + lost in maps, once it is quiet */
	uint64_t missed; /* faults in no row, of every kind */
	struct losses losses;
	size_t vms;
	struct cost cost;
	uint64_t lost_in_vms; /* faults of the VMs seen that are in no row */
	bool lost_of_all; /* missed and losses are of all VMMs, everything else is of one */
	bool quiet; /* the program was stopped: the figures add up */
	bool cut_off; /* of a recording that is not whole: what was lost besides is not known */
};

/* SORT_RATE is SORT_COUNT where recent is all of the report */
enum row_sort { SORT_COUNT, SORT_RATE, SORT_VM, SORT_IP, SORT_ADDRESS, SORT_LAST, SORT_MAX };

/* "count" and so on; -EINVAL */
int row_sort_parse(const char *name, enum row_sort *ret_sort);
const char *row_sort_name(enum row_sort sort);
/* "count, vm, ..." */
const char *row_sort_names(void);
/* By pid, VM, ip and page, which together are a row's name: < 0, 0, > 0. */
int row_place_cmp(const struct row *a, const struct row *b);

/* What came between the two; before may be empty (all zero): everything. 0 or -ENOMEM. */
int report__init(struct report *ret_report, const struct snapshot *before,
		 const struct snapshot *now);
/* As that, from zero; rates are of what came after last, which is not before zero. */
int report__init_since(struct report *ret_report, const struct snapshot *zero,
		       const struct snapshot *last, const struct snapshot *now);
/* Rows that are equal by the key are always in the same order. */
void report__sort(struct report *report, enum row_sort sort);
void report__reverse(struct report *report);
void report__fini(struct report *report);

/*
 * What the program handled, but is neither in a row nor lost in a map. Zero once the program is
 * quiet; while it runs, what came between reading two maps (so it can be off by a few either way).
 */
int64_t report__unaccounted(const struct report *report);

#endif
