#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Why VM exits leave the address space, by reason: SVM and VMX, with page table isolation and without, the guest's own
# memory mapped or not. Of the kinds of VM exit that KVM answers itself 99.9 % of the tiny program's leave for an interrupt
# only; of a Linux guest that is warm (SVM) one VM exit in 1,000 makes a fault. asi-matrix.sh [svm|vmx]... (make bench-asi)
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"
# shellcheck source=tests/vm/asi-exits-lib.sh
. "$repo/tests/vm/asi-exits-lib.sh"

# The tiny program's VM exits. Leaves /tmp/window.
tiny() {
	exits >/tmp/before
	"$repo/build/x86_64/tinykvm" "$@" >/tmp/tiny || { cat /tmp/tiny >&2; fail "the tiny program failed"; }
	exits >/tmp/now
	since /tmp/before /tmp/now >/tmp/window
}

# stays COUNT REASON...: of each of these at least COUNT, and 1 in 1,000 at most left for a cause but an interrupt (2).
stays() {
	local count=$1 reason n left

	shift
	for reason; do
		read -r n left < <(awk -v reason="$reason" '$1 == reason { n += $3 + $4 + $5; left += $5; if ($2 != 2) left += $4 }
			END { print n + 0, left + 0 }' /tmp/window)
		((n >= count)) || fail "only $n VM exits of reason $reason, not $count"
		((left * 1000 <= n)) || fail "of $n VM exits of reason $reason $left left, not for an interrupt: over 0.1 %"
		ok "of $n VM exits of reason $reason $left left for another cause than an interrupt"
	done
}

inside() {
	local title=$1 count=$2 seconds=$3 kinds='114 124 129 123'

	! grep -qw vmx /proc/cpuinfo || kinds='10 31 18 30'
	exits_start
	echo "-- $title, the tiny program: $count each of CPUID, RDMSR, a hypercall and a port of KVM's 8259A"
	tiny --cpuid "$count" --msr "$count" --call "$count" --pic "$count"
	matrix /tmp/window
	read -ra kinds <<<"$kinds"
	stays "$count" "${kinds[@]}"
	echo "-- $title, the tiny program: 1000 each of a port of user space, HLT, a port with an eventfd, a page's first touch"
	tiny --out 1000 --hlt 1000 --kport 1000 --touch 1000
	matrix /tmp/window
	exits_all_there
	echo "$test_name: $checks checks"
	((seconds == 0)) || {
		echo "-- $title, a Linux guest, warm"
		"$repo/tests/vm/asi-linux.sh" --inside "$seconds"
	}
}

# A boot for each combination.
outside() {
	local vendor=$1 pti guest append files=(tests/vm/asi-lib.sh tests/vm/asi-exits-lib.sh build/x86_64/tinykvm)

	for pti in pti=on nopti; do
		for guest in 1 0; do
			append="kvm.address_space_isolation=1 kvm.address_space_isolation_guest=$guest $pti"
			case $vendor in
			svm)
				"$repo/scripts/vm" x86_64 ${KERNEL:+--kernel "$KERNEL"} --timeout 400 --append "$append" \
					-- "$0" --inside "SVM (QEMU TCG), $pti, guest memory $guest" 20000 "${LOAD_SECONDS:-30}"
				;;
			vmx)
				"$repo/scripts/vm" x86_64 --engine bochs ${KERNEL:+--kernel "$KERNEL"} --timeout 400 \
					--append "$append" "${files[@]/#/--file=$repo/}" \
					-- "$0" --inside "VMX (Bochs), $pti, guest memory $guest" 5000 0
				;;
			esac
		done
	done
}

if [[ ${1-} == --inside ]]; then
	inside "${@:2}"
else
	(($#)) || set -- svm vmx
	for vendor; do
		[[ $vendor == svm || $vendor == vmx ]] || { echo "asi-matrix: svm or vmx, not $vendor" >&2; exit 2; }
		outside "$vendor"
	done
fi
