#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# VMX, with PCIDs and TLB entries that are really global: what asi-counts and asi-isolates show on SVM.
# With page table isolation and without: only without it the kernel's entries are global.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

# Faults of the tiny program's VM, until now.
faults() { awk -v pid="$tiny_pid" '$1 == pid && $4 == "faults" { n += $5 } END { print n + 0 }' $asi/stats; }

# without OWNER: the tiny program's VM faults all the time without its mappings, and hardly with them.
without() {
	local owner=$1 before n

	echo "$owner off" >$asi/policy
	before=$(faults)
	sleep 2
	n=$(($(faults) - before))
	((n >= 20)) || fail "$owner off: only $n faults"
	echo "$owner on" >$asi/policy
	sleep 1
	before=$(faults)
	sleep 2
	before=$(($(faults) - before))
	((before <= 2)) || fail "$owner on again: $before faults"
	ok "$owner: $n faults in 2 s without it, $before with it"
}

inside() {
	local pti=$1

	grep -qw vmx /proc/cpuinfo || fail "the CPU has no VMX"
	grep -qw pcid /proc/cpuinfo || fail "the CPU has no PCID"
	case $pti in
	pti=on) grep -qw pti /proc/cpuinfo || fail "no page table isolation in spite of $pti" ;;
	nopti) ! grep -qw pti /proc/cpuinfo || fail "page table isolation in spite of $pti" ;;
	esac
	ok "an Intel CPU with VMX and PCID, $pti"
	"$repo/tests/vm/asi-counts.sh" --inside
	tiny_start
	without vm
	without vcpu
	tiny_stop
	"$repo/build/x86_64/asi-reach" "$repo/build/x86_64/tinykvm"
}

# One boot for each; their output comes under a heading.
outside() {
	local pti files=(tests/vm/asi-lib.sh tests/vm/asi-counts.sh build/x86_64/tinykvm build/x86_64/asi-reach)

	for pti in pti=on nopti; do
		echo "== $pti"
		"$repo/scripts/vm" x86_64 --engine bochs ${KERNEL:+--kernel "$KERNEL"} --timeout 400 \
			--append "kvm.address_space_isolation=1 $pti" "${files[@]/#/--file=$repo/}" \
			-- "$0" --inside $pti
	done
}

if [[ ${1-} == --inside ]]; then
	inside "$2"
else
	outside
fi
