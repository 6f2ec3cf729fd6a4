#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# asi/verify finds nothing in a sound table, and each of the faults planted in one by its name and
# address, in that VM and in no other.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

# The findings of VM $1 (PID VM), "KIND ADDRESS" each, sorted; the VM's last line must agree with them.
# One process: the VMs leave little of the CPUs.
findings() {
	awk -v id="$1" '
		index($0, id " ") != 1 { next }
		$4 ~ /^0x/ { found[n++] = $3 " " $4; next }
		{ verdict = $3; last = $0; lines++; said = $NF }
		$4 != "entries" || $5 < 1 || $6 != "ranges" || $7 < 1 || $8 != "tables" || $9 < 1 { bad = 1 }
		END {
			if (lines != 1 || bad || said != n + 0 || verdict != (n ? "bad" : "ok")) {
				print "the last line is not the sum of " n + 0 " findings: " last > "/dev/stderr"
				exit 1
			}
			for (i = 0; i < n; i++) print found[i] | "sort"
		}' $asi/verify || fail "asi/verify of VM $1: $(<$asi/verify)"
}

clean() {
	local id found

	for id in "$@"; do
		found=$(findings "$id")
		[[ -z $found ]] || fail "VM $id is not clean: $found"
	done
}

# What is planted, in the words of asi/verify: KIND ADDRESS, sorted.
planted() {
	awk '!/^#/ { print $3 == "untracked" ? $3 : "stale", $4 }' $asi/plant | sort
}

# The VM has what is planted and nothing else.
must_find() {
	local id=$1 what=$2 want got

	want=$(planted)
	[[ -n $want ]] || fail "$what: nothing is planted"
	got=$(findings "$id")
	[[ $got == "$want" ]] ||
		{ cat $asi/plant $asi/verify >&2; fail "$what: planted < $want > and found < $got >"; }
	ok "found: $what: $got"
}

refused() {
	local why=$1 text=$2

	! { echo "$text" >$asi/plant; } 2>/tmp/refused || fail "asi/plant took \"$text\""
	grep -q "$why" /tmp/refused || { cat /tmp/refused >&2; fail "\"$text\": not $why"; }
}

inside() {
	local first other other_pid what

	tiny_start
	renice -n 19 -p "$tiny_pid" >/dev/null
	other_pid=$tiny_pid
	other="$tiny_pid $tiny_vm"
	tiny_start
	renice -n 19 -p "$tiny_pid" >/dev/null
	first="$tiny_pid $tiny_vm"
	clean "$first" "$other"
	ok "two VMs, nothing found: $(grep "^$first " $asi/verify)"

	(($(</proc/sys/kernel/tainted) & 1 << 18)) && fail "the kernel is tainted by a test already"
	for what in untracked stale moved readonly; do
		echo "$first $what" >$asi/plant
		must_find "$first" $what
		clean "$other"
		echo clear >$asi/plant
		clean "$first" "$other"
	done
	(($(</proc/sys/kernel/tainted) & 1 << 18)) || fail "a planted fault does not taint the kernel"
	ok "clean again after each, and the kernel is tainted"

	# A page of somebody else's is no fault for verify, as long as a range stands for it.
	for what in untracked stale kmalloc:64 moved readonly; do
		echo "$first $what" >$asi/plant
	done
	[[ $(findings "$first" | wc -l) == 4 ]] || { cat $asi/verify >&2; fail "four faults, not four findings"; }
	ok "all at once"

	refused "No such process" "1 1 stale"
	refused "Invalid argument" "$first nonsense"
	refused "Invalid argument" "$first"
	ok "a wrong line is refused"

	# A VM may end with them.
	tiny_stop
	echo clear >$asi/plant
	[[ $(grep -vc '^#' $asi/plant) == 0 ]] || fail "not clear: $(cat $asi/plant)"
	clean "$other"
	tiny_pid=$other_pid
	kill -TERM "$other_pid"
	wait "$other_pid" || fail "the second tiny VM ended with an error"
	[[ $(grep -vc '^#' $asi/verify) == 0 ]] || fail "VMs left: $(cat $asi/verify)"
	ok "a VM ends with faults in its table"
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	run_inside 120
fi
