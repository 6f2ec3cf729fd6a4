#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A Linux guest with one vCPU boots to user space and powers off with isolation on, ROUNDS (10) times in
# a row; asi/stats has residencies, and VM exits that were handled inside. A splat fails the lab.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

# What all VMs have done that are gone by now: residencies, faults, VM exits handled inside, all VM exits.
totals() {
	awk '$1 == 0 && $4 == "residencies" { residencies = $5 }
		$1 == 0 && $4 == "faults" { faults = $5 }
		$1 == 0 && $4 ~ /^vmexit\./ { all += $5; if ($4 ~ /inside$/) inside += $5 }
		END { print residencies + 0, faults + 0, inside + 0, all + 0 }' $asi/stats
}

inside() {
	local rounds=$1 i before=(0 0 0 0) now

	for ((i = 1; i <= rounds; i++)); do
		"$repo/scripts/l2" --name "l2-$i" --timeout 120 >/tmp/l2.log 2>&1 ||
			{ show_guest /tmp/l2.log; fail "round $i: the guest did not boot and power off"; }
		read -ra now < <(totals)
		echo "round $i: $((now[0] - before[0])) residencies, $((now[1] - before[1])) faults," \
			"$((now[2] - before[2])) of $((now[3] - before[3])) VM exits handled inside"
		((now[0] > before[0] && now[2] > before[2])) ||
			fail "round $i: nothing in asi/stats, or nothing handled inside"
		before=("${now[@]}")
		[[ $(grep -vc '^#' $asi/ranges) == 0 ]] || fail "round $i: ranges left after the VM"
	done
	ok "$rounds boots in a row"
}

if [[ ${1-} == --inside ]]; then
	inside "$2"
else
	run_inside 600 "${ROUNDS:-10}"
fi
