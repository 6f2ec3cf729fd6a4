#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The one page of its own memory that a VM's address space has: that with the word by which the guest and KVM end
# interrupts (PV EOI). Interrupts are taken without a fault for it; a page that the VMM drops is not reachable from inside
# any more, also while the vCPU is halted; without the parameter there is none.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

tracing=/sys/kernel/tracing

# Starts the VM: ask() talks to it. Sets eoi_pid and page, the word's page in the VMM.
vm_start() {
	coproc eoivm { exec "$repo/build/x86_64/eoivm" 2>&1; }
	# shellcheck disable=SC2154 # coproc sets it
	eoi_pid=$eoivm_PID
	read -rt 200 -u "${eoivm[0]}" _ page || fail "the VM does not start"
}

# ask COMMAND: the VM's answer, in answer.
ask() {
	echo "$*" >&"${eoivm[1]}"
	read -rt 200 -u "${eoivm[0]}" answer || fail "no answer to: $*"
}

vm_stop() {
	local fd=${eoivm[1]}

	exec {fd}>&-
	wait "$eoi_pid" || fail "the VM ended with an error"
}

faults() { awk -v pid="$eoi_pid" '$1 == pid && $4 == "ended.fault" { n += $5 } END { print n + 0 }' $asi/stats; }

# Where the VM's address space has guest memory: the physical addresses, as far as the direct map's base leaves them.
mapped() {
	awk -v pid="$eoi_pid" '$1 == pid && $3 == "guest" { print $4 }' $asi/ranges | while read -r addr; do
		printf '%#x\n' $((addr & 0x3fffffff))
	done
}

where() { printf '%#x\n' $(($(pagemap "$eoi_pid" "$page") & 0x3fffffff)); }

sound() {
	cat $asi/verify >/tmp/verify
	grep "^$eoi_pid [0-9]* ok " /tmp/verify >/dev/null || { grep "^$eoi_pid " /tmp/verify >&2; fail "$1: asi/verify has found something"; }
	cat $asi/audit >/tmp/audit
	awk -v pid="$eoi_pid" '$1 == pid && $3 ~ /^(other-vm|page-cache|anonymous|free)$/ { n += $5; rows++ }
		END { exit n || rows < 4 }' /tmp/audit || { grep "^$eoi_pid " /tmp/audit >&2; fail "$1: something foreign is mapped"; }
	[[ $(awk -v pid="$eoi_pid" '$1 == pid && $4 == "guest-memory" { n += $5 } END { print n + 0 }' /tmp/audit) == "$2" ]] ||
		{ grep "^$eoi_pid " /tmp/audit >&2; fail "$1: not $2 bytes of guest memory"; }
}

with_page() {
	local before old

	vm_start
	ask take 100
	before=$(faults)
	ask take 10000
	echo "the VM: $answer"
	before=$(($(faults) - before))
	[[ $answer =~ ^took\ 10000\ by-word\ ([0-9]+) && ${BASH_REMATCH[1]} -ge 9000 ]] || fail "the word is not used: $answer"
	((before < 100)) || { cat $asi/stats >&2; fail "$before faults"; }
	ok "10,000 interrupts, ${BASH_REMATCH[1]} ended by the word, with $before faults"

	old=$(where)
	[[ $(mapped) == "$old" ]] || fail "mapped: $(mapped), the page: $old"
	sound "as it is" 4096
	ok "the page is mapped, once, and nothing else of the guest"

	# The old page is kept until the vCPU runs, so the one that the VMM writes to is another.
	ask drop
	[[ $(where) != "$old" ]] || fail "the page was not dropped"
	ask take 100
	[[ $(mapped) == "$(where)" ]] || fail "mapped: $(mapped), the page: $(where), before: $old"
	sound "dropped" 4096
	ok "another page in its place is mapped in its place"

	ask halt
	timeout 10 sh -c "until grep -qx 1 /sys/kernel/debug/kvm/$eoi_pid-*/vcpu0/blocking /sys/kernel/debug/kvm/$eoi_pid-*/blocking 2>/dev/null; do sleep 0.1; done" ||
		fail "the vCPU does not halt"
	echo 1 >$tracing/events/asi/asi_unmap/enable
	ask drop
	timeout 10 sh -c "until grep -q asi_unmap: $tracing/trace; do sleep 0.1; done" || fail "a halted vCPU keeps the page"
	echo 0 >$tracing/events/asi/asi_unmap/enable
	for ((i = 0; i < 100; i++)); do
		[[ $(mapped) != "$(where)" ]] || break
		sleep 0.1
	done
	[[ $(mapped) == "$(where)" ]] || fail "mapped: $(mapped), the page: $(where)"
	sound "dropped while it was halted" 4096
	ask wake
	ok "the page is given back while the vCPU is halted"

	ask take 30000 200
	echo "the VM: $answer, the page dropped 200 times"
	ask take 100
	sound "dropped while it ran" 4096
	ok "the page is dropped 200 times while interrupts are taken"
	vm_stop
	[[ -z $(mapped) ]] || fail "left: $(mapped)"
	ok "nothing of it is left"
}

without_page() {
	local before

	vm_start
	ask take 100
	before=$(faults)
	ask take 1000
	before=$(($(faults) - before))
	((before >= 900)) || fail "only $before faults"
	[[ -z $(mapped) ]] || fail "mapped: $(mapped)"
	sound "without" 0
	vm_stop
	ok "with the parameter off no guest memory is mapped: 1,000 interrupts, $before faults"
}

case ${1-} in
--inside)
	"$2"
	echo "$test_name: $checks checks"
	;;
*)
	(run_inside 120 with_page)
	vm_options=(--append kvm.address_space_isolation_guest=0)
	run_inside 60 without_page
	;;
esac
