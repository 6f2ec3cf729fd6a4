/* SPDX-License-Identifier: GPL-2.0 */
/* Faults aggregated by site, and each VM's totals that the sites must add up to. */
#ifndef FAULTLINE_SITE_BPF_H
#define FAULTLINE_SITE_BPF_H

#define E2BIG 7
#define EEXIST 17
#define WIDEN_TRIES 4

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct fl_site_key);
	__type(value, struct fl_site);
} sites SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct fl_vm_key);
	__type(value, struct fl_vm_count);
} vms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16384);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, FL_STACK_DEPTH * sizeof(__u64));
} stacks SEC(".maps");

const volatile bool want_stacks = false;

/* Set once a map is full: updating a full map costs microseconds each time. */
bool sites_full;
bool vms_full;

static __always_inline struct fl_vm_count *vm_count(__u32 pid, __u32 vm)
{
	struct fl_vm_key key = { .pid = pid, .vm = vm };
	struct fl_vm_count zero = {};
	struct fl_vm_count *count = bpf_map_lookup_elem(&vms, &key);
	long err;

	if (count)
		return count;
	if (vms_full) {
		loss_inc(LOSS_VM_FULL);
		return NULL;
	}
	err = bpf_map_update_elem(&vms, &key, &zero, BPF_NOEXIST);
	if (err == -E2BIG)
		vms_full = true;
	count = bpf_map_lookup_elem(&vms, &key);
	if (!count)
		loss_inc(err == -E2BIG ? LOSS_VM_FULL : LOSS_VM_BUSY);
	return count;
}

/*
 * Another CPU may widen the same range at the same time: retry, so that neither's end is lost. The
 * verifier wants an end to that; an end that did not get in by then is counted.
 */
static __always_inline void site_widen(struct fl_site *site, __u64 address)
{
	__u64 old, seen;
	int i;

	old = site->address_min;
	for (i = 0; i < WIDEN_TRIES && address < old; i++) {
		seen = __sync_val_compare_and_swap(&site->address_min, old, address);
		if (seen == old)
			break;
		old = seen;
	}
	if (i == WIDEN_TRIES && address < old)
		loss_inc(LOSS_RANGE);
	old = site->address_max;
	for (i = 0; i < WIDEN_TRIES && address > old; i++) {
		seen = __sync_val_compare_and_swap(&site->address_max, old, address);
		if (seen == old)
			break;
		old = seen;
	}
	if (i == WIDEN_TRIES && address > old)
		loss_inc(LOSS_RANGE);
}

static __always_inline void site_hit(struct fl_site *site, const struct fl_site *hit)
{
	__sync_fetch_and_add(&site->count, 1);
	site->last_ns = hit->last_ns;
	if (~site->vcpus & hit->vcpus)
		__sync_fetch_and_or(&site->vcpus, hit->vcpus);
	if (~site->error_bits & hit->error_bits)
		__sync_fetch_and_or(&site->error_bits, hit->error_bits);
	site_widen(site, hit->address_min);
}

/* 0: hit is counted in a site; else the enum fl_loss that says why not, negated and less one. */
static __always_inline int site_new(void *ctx, const struct fl_site_key *key, struct fl_site *hit)
{
	struct fl_site *site;
	long err;

	if (sites_full)
		return -1 - LOSS_MAP_FULL;
	if (want_stacks) {
		hit->stack_id = bpf_get_stackid(ctx, &stacks, 0);
		if (hit->stack_id < 0) {
			hit->stack_id = FL_NO_STACK;
			loss_inc(LOSS_STACK);
		}
	}
	err = bpf_map_update_elem(&sites, key, hit, BPF_NOEXIST);
	if (!err)
		return 0;
	if (err == -E2BIG) {
		sites_full = true;
		return -1 - LOSS_MAP_FULL;
	}
	/* another CPU was first */
	site = err == -EEXIST ? bpf_map_lookup_elem(&sites, key) : NULL;
	if (!site)
		return -1 - LOSS_BUSY;
	site_hit(site, hit);
	return 0;
}

#endif /* FAULTLINE_SITE_BPF_H */
