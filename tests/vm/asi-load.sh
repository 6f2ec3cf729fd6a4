#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A Linux guest with two vCPUs boots, runs a mixed load for LOAD_SECONDS (60) and powers off, isolated, ROUNDS (10)
# times in a row. A splat fails the lab; so does the guest's own.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

# What all VMs have done that are gone by now: residencies, faults, bounces, refaults.
gone() {
	awk '$1 == 0 { n[$4] = $5 } END { print n["residencies"] + 0, n["faults"] + 0, n["bounces"] + 0, n["refaults"] + 0 }' \
		$asi/stats
}

inside() {
	local rounds=$1 seconds=$2 i before=(0 0 0 0) now

	for ((i = 1; i <= rounds; i++)); do
		"$repo/scripts/l2" --name "load-$i" --smp 2 --load mixed --seconds "$seconds" \
			--timeout $((seconds + 240)) >/tmp/l2.log 2>&1 ||
			{ show_guest /tmp/l2.log; fail "round $i: the guest did not run its load and power off"; }
		read -ra now < <(gone)
		echo "round $i: $((now[0] - before[0])) residencies, $((now[1] - before[1])) faults," \
			"$(grep -a '^L2 RESULT' /tmp/l2.log | tr -d '\r')"
		((now[0] - before[0] > 1000)) || fail "round $i: the guest has hardly been inside"
		((now[3] == 0)) || fail "round $i: ${now[3]} faults outside that the full table has no reason for"
		before=("${now[@]}")
		[[ $(grep -vc '^#' $asi/ranges) == 0 ]] || fail "round $i: ranges left after the VM"
	done
	ok "$rounds guests with two vCPUs, $seconds s of load each, in a row"
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside "$2" "$3"
else
	rounds=${ROUNDS:-10} seconds=${LOAD_SECONDS:-60}
	run_inside $((60 + rounds * (seconds + 60))) "$rounds" "$seconds"
fi
