/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is in a .flr file: docs/ABI.md. A head, then sections one after the other, each with its
 * length and checksums: what was written whole can be read, wherever the file ends. Numbers are in
 * the byte order of the machine that wrote it.
 */
#ifndef FAULTLINE_FLR_H
#define FAULTLINE_FLR_H

#include "abi.h"

/* as PNG's: not text, and whoever takes it for text spoils it visibly */
#define FLR_MAGIC "\211FLR\r\n\032\n"
#define FLR_VERSION 1
#define FLR_BYTE_ORDER 0x01020304
#define FLR_UNFINISHED 0xffffffff
#define FLR_FINISHED 0

/* what was recorded */
enum flr_subject {
	FLR_ASI_FAULT = 1, /* asi-faulttop */
	FLR_RAS = 2, /* raslat */
};

struct flr_head {
	char magic[8];
	__u32 byte_order; /* FLR_BYTE_ORDER */
	__u32 version;
	__u32 flags; /* FLR_UNFINISHED until everything is written, then FLR_FINISHED */
	__u32 subject;
};
_Static_assert(sizeof(struct flr_head) == 24, "flr_head is ABI");

/* Append-only. The first three come once each, in this order and first; FLR_END is the last. */
enum flr_type {
	FLR_ORIGIN = 1, /* struct flr_origin */
	FLR_LAYOUT = 2, /* struct flr_layout, then each CPU's per-CPU offset, u64 */
	FLR_EXITS = 3, /* struct flr_exit ... */
	FLR_SYMBOLS = 4, /* struct flr_symbol with its two names ... */
	FLR_STACKS = 5, /* struct flr_stack with its frames, u64 ... */
	FLR_SNAPSHOT = 6, /* struct flr_snapshot and what it counts */
	FLR_END = 7, /* struct flr_end */
	/* of FLR_RAS: the first comes once and first; FLR_RAS_END is the last */
	FLR_RAS_ORIGIN = 16, /* struct flr_ras_origin */
	FLR_RAS_EVENTS = 17, /* struct fl_ras_event ... */
	FLR_RAS_ANCHOR = 18, /* struct flr_ras_anchor */
	FLR_RAS_END = 19, /* struct flr_ras_end */
};

struct flr_section {
	__u32 type;
	__u32 number; /* 0, 1, ... in the file */
	__u64 size; /* of the payload, bytes */
	__u32 payload_crc; /* CRC-32 as in zlib */
	__u32 head_crc; /* of the 20 bytes before */
};
_Static_assert(sizeof(struct flr_section) == 24, "flr_section is ABI");

#define FLR_ORIGIN_STACKS 1u /* new sites' stacks were asked for */
#define FLR_ORIGIN_STATS 2u /* the program's cost was asked for */
#define FLR_ORIGIN_EMULATED 4u /* times say nothing about hardware */

/* Strings end in NUL and are filled up with it. */
struct flr_origin {
	__u64 start_ns; /* CLOCK_MONOTONIC when counting began: counts are since then */
	__u64 start_real_ns; /* CLOCK_REALTIME, at the same moment */
	__u32 flags;
	__u32 pid; /* of the only VMM that was looked at; 0: all */
	char tool[32]; /* name and version */
	char release[72], machine[24]; /* uname(2) */
	__u8 build_id[32]; /* the kernel's; the size is 0 when it is not known */
	__u32 build_id_size;
	__u32 pad;
	char platform[192];
	char symbols[160]; /* why names are missing; "": they are not */
};
_Static_assert(sizeof(struct flr_origin) == 544, "flr_origin is ABI");

struct flr_span {
	__u64 start, end; /* [start, end); both 0: not known */
};

/* struct klayout */
struct flr_layout {
	__u32 known, level_5;
	__s32 peek_err;
	__u32 cpus;
	struct flr_span direct, vmalloc, vmemmap;
	struct flr_span text, rodata, data, bss, init, image;
	struct flr_span percpu;
	__u64 percpu_unit;
};
_Static_assert(sizeof(struct flr_layout) == 184, "flr_layout is ABI");

struct flr_exit {
	__u32 isa, reason;
	char name[40];
};
_Static_assert(sizeof(struct flr_exit) == 48, "flr_exit is ABI");

/*
 * Symbols that a look-up of an address in the snapshots so far came to, or comes to in the next
 * one. The names follow, without NUL.
 */
struct flr_symbol {
	__u64 address;
	__u32 name_size;
	__u16 module_size; /* 0: the kernel's own */
	char type; /* as nm(1) writes it */
	__u8 pad;
};
_Static_assert(sizeof(struct flr_symbol) == 16, "flr_symbol is ABI");

struct flr_stack {
	__s32 id;
	__u32 n; /* frames, at most FL_STACK_DEPTH, innermost first */
};
_Static_assert(sizeof(struct flr_stack) == 8, "flr_stack is ABI");

#define FLR_SNAPSHOT_FINAL 1u /* the program was stopped; no snapshot comes after it */
#define FLR_SNAPSHOT_MOVING 2u /* there was no way to wait for the program's end */

struct flr_comm {
	__u32 pid;
	char name[32]; /* "": not known */
};
_Static_assert(sizeof(struct flr_comm) == 36, "flr_comm is ABI");

struct flr_vm {
	struct fl_vm_key key;
	struct fl_vm_count count;
};
_Static_assert(sizeof(struct flr_vm) == 24, "flr_vm is ABI");

struct flr_site {
	struct fl_site_key key;
	struct fl_site value;
};
_Static_assert(sizeof(struct flr_site) == 96, "flr_site is ABI");

/* What the maps held. All counters are since start_ns. */
struct flr_snapshot {
	__u64 ns, real_ns; /* CLOCK_MONOTONIC and CLOCK_REALTIME when the maps were read */
	__u32 flags;
	__u32 n_losses; /* u64 ..., by enum fl_loss; these four follow in this order */
	__u32 n_vms; /* struct flr_vm ...; all */
	__u32 n_comms; /* struct flr_comm ...; new ones and changed ones */
	__u64 n_sites; /* struct flr_site ...; new ones and changed ones, ordered by key */
	__u32 cost_state; /* 0 not asked for, 1 not known, 2 known */
	__s32 cost_err; /* why it is not known, negative errno */
	__u64 cost_ns, cost_runs; /* of the program */
	__u64 cpu_us; /* of the process that recorded */
};
_Static_assert(sizeof(struct flr_snapshot) == 72, "flr_snapshot is ABI");

struct flr_end {
	__u64 snapshots;
};
_Static_assert(sizeof(struct flr_end) == 8, "flr_end is ABI");

#define FLR_RAS_EMULATED 1u /* times say nothing about hardware */

struct flr_ras_origin {
	__u32 flags;
	__u32 side; /* enum ras_side of raslat: 0 host, 1 guest */
	__u32 pid; /* of the only QEMU that was looked at; 0: all */
	__u32 page_size; /* of this kernel, bytes */
	__u64 start_ns, start_real_ns; /* CLOCK_MONOTONIC and CLOCK_REALTIME, at the same moment */
	__u64 counter_hz; /* of the anchors' counter; 0: the machine has none that is known */
	char tool[32];
	char release[72], machine[24]; /* uname(2) */
	char platform[192];
	char missing[1024]; /* hooks that are not there, a line each with the reason; each ends in \n */
};
_Static_assert(sizeof(struct flr_ras_origin) == 1384, "flr_ras_origin is ABI");

/* The same moment by two clocks. */
struct flr_ras_anchor {
	__u64 ns; /* CLOCK_MONOTONIC, which the events' times are of */
	__u64 counter; /* arm64: CNTVCT_EL0 */
	__u64 error_ns; /* the moment is known to this, either way */
	__u64 voffset; /* host: what the guest's counter is behind; valid if voffset_reads */
	__u64 voffset_reads, voffset_changes; /* since the start */
};
_Static_assert(sizeof(struct flr_ras_anchor) == 48, "flr_ras_anchor is ABI");

struct flr_ras_end {
	__u64 events;
	__u64 n_losses; /* u64 ..., by enum fl_ras_loss, follow */
};
_Static_assert(sizeof(struct flr_ras_end) == 16, "flr_ras_end is ABI");

#endif
