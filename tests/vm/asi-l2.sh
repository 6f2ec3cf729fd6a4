#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A Linux guest with one vCPU boots to user space and powers off with isolation on, ROUNDS (10) times in
# a row; asi/stats has residencies, and VM exits that were handled inside. A splat fails the lab.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

# The counters go with the VM: keep the last that were seen of each.
watch_stats() {
	while sleep 0.3; do
		cat $asi/stats >/tmp/stats.new
		grep -q residencies /tmp/stats.new && mv /tmp/stats.new /tmp/stats
	done
}

inside() {
	local rounds=$1 i watcher

	for ((i = 1; i <= rounds; i++)); do
		rm -f /tmp/stats
		watch_stats &
		watcher=$!
		"$repo/scripts/l2" --name "l2-$i" --timeout 120 >/tmp/l2.log 2>&1 ||
			{ tail -20 /tmp/l2.log >&2; fail "round $i: the guest did not boot and power off"; }
		kill $watcher
		wait $watcher 2>/dev/null || true
		awk -v i="$i" '
			$4 == "residencies" { residencies += $5 }
			$4 == "faults" { faults += $5 }
			$4 ~ /^vmexit\..*\.inside$/ { inside += $5 }
			$4 ~ /^vmexit\..*\.(ended|outside)$/ { other += $5 }
			END {
				printf "round %d: %d residencies, %d faults, %d of %d VM exits handled inside\n",
					i, residencies, faults, inside, inside + other
				exit !(residencies && inside)
			}' /tmp/stats || fail "round $i: nothing in asi/stats, or nothing handled inside"
		[[ $(grep -vc '^#' $asi/ranges) == 0 ]] || fail "round $i: ranges left after the VM"
	done
	ok "$rounds boots in a row"
}

if [[ ${1-} == --inside ]]; then
	inside "$2"
else
	run_inside 600 "${ROUNDS:-10}"
fi
