#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A Linux guest with two vCPUs boots, runs a mixed load for LOAD_SECONDS (60) and powers off, isolated, ROUNDS (10)
# times in a row, with a least number of VM exits of each kind. A splat fails the lab; so does the guest's own.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

# What all VMs have done that are gone by now: residencies, faults, bounces, refaults.
gone() {
	awk '$1 == 0 { n[$4] = $5 } END { print n["residencies"] + 0, n["faults"] + 0, n["bounces"] + 0, n["refaults"] + 0 }' \
		$asi/stats
}

# VM exits of all VMs that are gone by now: "REASON COUNT".
reasons() {
	awk '$1 == 0 && $4 ~ /^vmexit\./ { split($4, f, "."); n[f[2]] += $5 } END { for (r in n) print r, n[r] }' $asi/stats
}

# The least of each kind that the load makes in a second, also on the debug kernel (AMD's exit reasons). It makes some
# hundreds on the ordinary one.
least='0x60 interrupt 20
0x64 interrupt-window 5
0x72 CPUID 20
0x78 HLT 20
0x7b I/O 20
0x7c MSR 20
0x400 nested-page-fault 2'

# enough ROUND SECONDS: there were, since /tmp/before.
enough() {
	local reason kind per_second n

	reasons >/tmp/now
	while read -r reason kind per_second; do
		n=$(awk -v r="$reason" '$1 == r { n += FILENAME == "/tmp/now" ? $2 : -$2 } END { print n + 0 }' /tmp/before /tmp/now)
		((n >= per_second * $2)) || fail "round $1: only $n VM exits of kind $kind in $2 s"
		printf '  %s %d' "$kind" "$n"
	done <<<"$least"
	echo
	mv /tmp/now /tmp/before
}

inside() {
	local rounds=$1 seconds=$2 i before=(0 0 0 0) now

	reasons >/tmp/before

	for ((i = 1; i <= rounds; i++)); do
		"$repo/scripts/l2" --name "load-$i" --smp 2 --load mixed --seconds "$seconds" \
			--timeout $((seconds + 240)) >/tmp/l2.log 2>&1 ||
			{ show_guest /tmp/l2.log; fail "round $i: the guest did not run its load and power off"; }
		read -ra now < <(gone)
		echo "round $i: $((now[0] - before[0])) residencies, $((now[1] - before[1])) faults," \
			"$(grep -a '^L2 RESULT' /tmp/l2.log | tr -d '\r')"
		((now[0] - before[0] > 1000)) || fail "round $i: the guest has hardly been inside"
		((now[3] == 0)) || fail "round $i: ${now[3]} faults outside that the full table has no reason for"
		enough "$i" "$seconds"
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
