/* SPDX-License-Identifier: GPL-2.0 */
/* One fault, from whichever program saw it: filter, count, account for it when it is lost. */
#ifndef FAULTLINE_FAULT_BPF_H
#define FAULTLINE_FAULT_BPF_H

const volatile __u32 filter_pid = 0; /* 0: every VMM */

/* Set last, when everything is attached, and cleared first. */
bool armed;

static __always_inline int on_fault(void *ctx, const struct fl_site_key *key, __u32 vcpu,
				    __u64 address, __u64 error_code)
{
	struct fl_vm_count *total;
	struct fl_site *site;
	struct fl_site hit = {
		.count = 1,
		.address_min = address,
		.address_max = address,
		.vcpus = 1ULL << (vcpu < FL_VCPU_LAST ? vcpu : FL_VCPU_LAST),
		.error_bits = error_code,
		.stack_id = FL_NO_STACK,
	};
	int err;

	if (!armed || (filter_pid && key->pid != filter_pid))
		return 0;
	total = vm_count(key->pid, key->vm);
	if (!total)
		return 0;
	total->events++;
	hit.first_ns = hit.last_ns = bpf_ktime_get_ns();
	site = bpf_map_lookup_elem(&sites, key);
	if (site) {
		site_hit(site, &hit);
		return 0;
	}
	err = site_new(ctx, key, &hit);
	if (err) {
		total->lost++;
		loss_inc(-err - 1);
	}
	return 0;
}

#endif /* FAULTLINE_FAULT_BPF_H */
