#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What guards isolation: it refuses an address space with a hole in it, it breaks off when a fault keeps
# coming back, and not because a missing mapping is hot; and what it prints about missing mappings.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

parameters=/sys/module/kvm/parameters

symbol() {
	awk -v name="$1" '$3 == name { print $1; found = 1; exit } END { exit !found }' /proc/kallsyms ||
		fail "no symbol $1"
}

counter() {
	awk -v pid="$tiny_pid" -v name="$1" '$1 == pid && $4 == name { print $5 }' $asi/stats
}

# The kernel's log has a line that matches $1, at the latest in ten seconds.
logged() {
	local i

	for ((i = 0; i < 100; i++)); do
		! dmesg | grep -q "$1" || return 0
		sleep 0.1
	done
	fail "the kernel did not say: $1"
}

# With a hole at $1 there is no VM, no switching on, and a line that says that $2 is missing.
refused() {
	local before

	before=$(dmesg | grep -c "asi: no isolation: $2 is not mapped at 0x") || true
	echo "hole $1" >$asi/selftest
	if "$repo/build/x86_64/tinykvm" --cpuid 23 >/tmp/refused 2>&1; then
		fail "a VM was made with a hole at $1"
	fi
	echo N >$parameters/address_space_isolation
	if (echo Y >$parameters/address_space_isolation) 2>/dev/null; then
		fail "switched on, with a hole at $1"
	fi
	[[ $(<$parameters/address_space_isolation) == N ]] || fail "refused, and the parameter says on"
	(($(dmesg | grep -c "asi: no isolation: $2 is not mapped at 0x") == before + 2)) ||
		fail "the kernel did not say twice that $2 is missing: $(dmesg | tail -5)"
	echo "hole none" >$asi/selftest
	echo Y >$parameters/address_space_isolation
	ok "refused: an address space with a hole at $1"
}

hole() {
	local what

	[[ $(wc -l <$asi/ranges) == 1 ]] || fail "ranges before the first VM: $(<$asi/ranges)"
	# The name is that of the first of the variables that share the page.
	for what in cpu_tlbstate pcpu_hot asi_cpu irq_stat; do
		refused "percpu:0x$(symbol $what)" "[a-z_]* of CPU 0"
	done
	refused "addr:0x$(symbol _stext)" "kernel text"
	[[ $(wc -l <$asi/ranges) == 1 ]] || fail "a refused address space is still there: $(<$asi/ranges)"
}

reports() {
	local before

	echo N >$parameters/page_fault_stack
	tiny_start
	touch_inside "percpu:0x$(symbol irq_randomness)" 1 >/dev/null
	logged 'KVM isolation: page fault #[0-9]* (0) at asi_selftest_site_b+0x0/0x[0-9a-f]* on .*(0x[0-9a-f]*)$'
	! dmesg | grep -q 'KVM isolation: Call Trace:' || fail "page_fault_stack is off, and there is a stack"
	before=$(dmesg | grep -c 'KVM isolation: page fault.*asi_selftest_site_a')
	touch_inside "percpu:0x$(symbol irq_randomness)" 23 >/dev/null
	[[ $(dmesg | grep -c 'KVM isolation: page fault.*asi_selftest_site_a') == "$before" ]] ||
		fail "a missing mapping was reported twice"
	ok "a missing mapping is reported once, in one line"

	echo Y >$parameters/page_fault_stack
	touch_inside kmalloc:4096 1 >/dev/null
	logged 'KVM isolation: Call Trace:'
	logged 'KVM isolation:  kvm_arch_vcpu_ioctl_run+0x'
	ok "with page_fault_stack the stack is reported, too"
}

# 100,000 faults of the same two instructions on the same address.
hot() {
	local target i before

	target=percpu:0x$(symbol crngs)
	before=$(counter faults)
	for ((i = 0; i < 50; i++)); do
		[[ $(touch_inside "$target" 1000) == *" 1000 1000 1000 1000" ]] ||
			fail "not every touch faulted: $(tail -1 $asi/selftest)"
	done
	(($(counter faults) - before >= 100000)) || fail "$(($(counter faults) - before)) faults, not 100000"
	[[ $(counter refaults) == 0 ]] || fail "refaults: $(counter refaults)"
	! dmesg | grep -q 'isolation is off for this VM' || fail "the breaker tripped over a hot mapping"
	before=$(counter residencies)
	sleep 1
	(($(counter residencies) > before)) || fail "isolation ended, and nothing says why"
	ok "100,000 faults at one address do not trip the breaker"
}

loop() {
	local pid=$tiny_pid vm=$tiny_vm before

	[[ $(touch_inside refault:64 1) == *" 1 3 0 0" ]] ||
		fail "the planted loop: $(tail -1 $asi/selftest); not 1 touch and 3 faults"
	logged "asi: VM $pid:$vm: fault at asi_selftest_site_a+0x0/0x[0-9a-f]* on 0x[0-9a-f]* came 3 times in a row; isolation is off for this VM"
	before=$(counter residencies)
	sleep 1
	[[ $(counter residencies) == "$before" ]] || fail "broken off, and still entered"
	tiny_stop
	tiny_start
	before=$(counter residencies)
	sleep 1
	(($(counter residencies) > before)) || fail "the next VM is not isolated"
	tiny_stop
	ok "a fault that keeps coming back breaks isolation off at the third, for that VM only"
}

inside() {
	hole
	reports
	hot
	loop
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	run_inside 300
fi
