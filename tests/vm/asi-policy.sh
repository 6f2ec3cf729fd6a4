#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# asi/policy: a Linux guest under load runs on while the mappings of one owner after the other are taken away and given
# back. Without them functions fault that do not otherwise; asi-faulttop names them.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

policy() { awk -v owner="$1" '$1 == owner { print $2 }' $asi/policy; }

# without OWNER: what faults without its mappings is in them, and does not with them.
without() {
	local owner=$1 before after n

	ranges "$owner" >/tmp/ranges
	before=$(wc -l </tmp/ranges)
	((before > 0)) || fail "$owner has no ranges"
	echo "$owner off" >$asi/policy
	[[ $(policy "$owner") == off ]] || fail "$owner is not off: $(policy "$owner")"
	sound "$owner off"
	hits /tmp/ranges >/tmp/hits
	echo "without $owner ($(ranges "$owner" | wc -l) of $before ranges left): $(head -4 /tmp/hits | tr '\n' ' ')"
	n=$(awk '{ n += $1 } END { print n + 0 }' /tmp/hits)
	((n >= 100)) || { jq -c 'select(.type == "row")' /tmp/top >&2; fail "$owner off: only $n faults in what it had mapped"; }

	echo "$owner on" >$asi/policy
	[[ $(policy "$owner") == on ]] || fail "$owner is not on: $(policy "$owner")"
	after=$(ranges "$owner" | wc -l)
	((after >= before)) || fail "$owner on again: $after ranges, $before before"
	sound "$owner on again"
	hits /tmp/ranges >/tmp/hits
	[[ ! -s /tmp/hits ]] || { cat /tmp/hits >&2; fail "$owner on again: faults in what it has mapped"; }
	ok "$owner: $n faults in $hits_seconds s in what it had mapped without it, none with it"
}

refused() {
	local err

	! err=$({ echo "$1" >$asi/policy; } 2>&1) || fail "taken: $1"
	[[ $err == *"$2"* ]] || fail "$1: $err, not $2"
}

inside() {
	local owner

	for owner in image cea vmemmap percpu asi task; do
		[[ $(policy $owner) == core ]] || fail "$owner is not core"
		refused "$owner off" "Operation not permitted"
	done
	refused "nobody off" "Invalid argument"
	refused "vm" "Invalid argument"
	refused "vm maybe" "Invalid argument"
	ok "what is core stays, and what is not understood is refused"

	linux_start policy 200
	for owner in vm vcpu svm guest; do
		without $owner
	done

	# A VM that comes while an owner is off.
	echo "vcpu off" >$asi/policy
	tiny_start
	[[ $(awk -v pid="$tiny_pid" '$1 == pid && $3 == "vcpu" { n++ } END { print n + 0 }' $asi/ranges) == 0 ]] ||
		fail "a new VM has what is off"
	echo "vcpu on" >$asi/policy
	[[ $(awk -v pid="$tiny_pid" '$1 == pid && $3 == "vcpu" { n++ } END { print n + 0 }' $asi/ranges) -ge 3 ]] ||
		fail "a new VM does not get what is on again"
	sound "a new VM"
	tiny_stop
	ok "a new VM is treated alike"

	linux_stop
	ok "the guest has run on: $(grep -a '^L2 RESULT' /tmp/l2.log | tr -d '\r')"
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	run_inside 200
fi
