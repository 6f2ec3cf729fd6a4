#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# asi/try and asi/learn: what faults does not when it is mapped by hand, or because it has faulted, and does again when that
# is taken back. What could be somebody else's memory some day is refused.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

# refused FILE LINE ERROR
refused() {
	local err

	! err=$({ echo "$2" >"$asi/$1"; } 2>&1) || fail "asi/$1 has taken: $2"
	[[ $err == *"$3"* ]] || fail "asi/$1, $2: $err, not $3"
}

# faulted TARGET: of 20 touches from inside.
faulted() {
	local touches

	touches=$(touch_inside "$1" 10) || exit
	awk '{ print $3 + $5 }' <<<"$touches"
}

must_fault() {
	local n

	n=$(faulted "$1") || exit
	((n == $2)) || fail "$3: of 20 touches of $1 $n faulted, not $2"
}

# How many ranges an owner has.
count() { ranges "$1" | wc -l; }

# learned: "STATE PAGES REFUSED" of the tiny VM.
learned() { awk -v pid="$tiny_pid" '$1 == pid { print $3, $4, $5 }' $asi/learn; }

# An address of vmalloc(). With kptr_restrict 0 they are printed as hashes.
vmalloc() {
	echo 1 >/proc/sys/kernel/kptr_restrict
	awk -F'[- ]' '/pages=/ && /vmalloc/ { print substr($1, 3); exit }' /proc/vmallocinfo
}

by_hand() {
	local percpu phys=phys:100000 addr vm="$tiny_pid $tiny_vm" cpus

	percpu=percpu:$(symbol runqueues)
	cpus=$(getconf _NPROCESSORS_CONF)
	must_fault "$percpu" 20 "not mapped"
	echo "$vm $percpu 64" >$asi/try
	must_fault "$percpu" 0 "mapped by hand"
	(($(count try) == cpus)) || fail "$(count try) ranges of owner try, not one for each of $cpus CPUs"
	sound "mapped by hand"
	echo "drop $vm $percpu" >$asi/try
	must_fault "$percpu" 20 "dropped"
	(($(count try) == 0)) || fail "$(count try) ranges of owner try are left"
	ok "a per-CPU variable: 20 of 20 touches fault, 0 with it mapped, 20 without it again"

	must_fault $phys 20 "not mapped"
	addr=addr:$(awk '$1 == "address" { print $2 }' $asi/selftest)
	echo "$vm $addr 4096" >$asi/try
	must_fault $phys 0 "mapped by hand"
	[[ $(grep -v '^#' $asi/try) == "$vm $addr 4096" ]] || { cat $asi/try >&2; fail "asi/try does not say $vm $addr 4096"; }
	refused try "$vm $addr 4096" "File exists"
	refused try "$vm $addr 0" "Invalid argument"
	refused try "$vm nothing:1 8" "Invalid argument"
	refused try "$vm addr:1000 8" "Invalid argument"
	refused try "$vm percpu:ffffffffffffffff 8" "Invalid argument"
	refused try "$vm addr:$(vmalloc) 8" "not supported"
	refused try "drop $vm addr:1" "No such file"
	refused try "0 $tiny_vm $addr 8" "No such process"
	[[ $(grep -vc '^#' $asi/try) == 1 ]] || { cat $asi/try >&2; fail "what is refused is listed"; }
	ok "a page of the direct map; what is wrong is refused by name"
}

by_itself() {
	local percpu state pages not vm="$tiny_pid $tiny_vm"

	percpu=percpu:$(symbol runqueues)
	refused learn "$vm maybe" "Invalid argument"
	refused learn "0 $tiny_vm on" "No such process"
	echo "$vm on" >$asi/learn
	must_fault "$percpu" 20 "before it is learned" # all on one way into the guest
	must_fault "$percpu" 0 "learned"
	read -r state pages not < <(learned)
	[[ $state == on && $pages -ge 1 && $pages == $(count learned) ]] ||
		fail "asi/learn: $state, $pages pages; asi/ranges: $(count learned)"
	sound "learned"
	must_fault "addr:$(vmalloc)" 20 "a page of vmalloc()"
	must_fault "addr:$(vmalloc)" 20 "a page of vmalloc(), again"
	((not < $(learned | awk '{ print $3 }'))) || fail "what is refused is not counted: $(learned)"
	echo "$vm off" >$asi/learn
	[[ $(learned) == "off 0 0" ]] || fail "asi/learn: $(learned)"
	must_fault "$percpu" 20 "off"
	(($(count learned) == 0)) || fail "$(count learned) ranges of owner learned are left"
	ok "what has faulted is learned, vmalloc() is not, and off forgets ($pages pages)"
}

# Pages that all VMs have learned.
pages() { awk '{ n += $4 } END { print n + 0 }' $asi/learn; }

# Without what the owner "vcpu" has mapped, and then with what of it is learned.
a_guest() {
	local n before after

	linux_start learn 120
	ranges vcpu >/tmp/ranges
	echo "vcpu off" >$asi/policy
	hits /tmp/ranges >/tmp/hits
	n=$(awk '{ n += $1 } END { print n + 0 }' /tmp/hits)
	((n >= 100)) || fail "only $n faults without owner vcpu"
	echo "0 0 on" >$asi/learn
	sleep 2
	before=$(pages)
	hits /tmp/ranges >/tmp/hits
	after=$(awk '{ n += $1 } END { print n + 0 }' /tmp/hits)
	# A page that is touched for the first time in these seconds faults once, or again while another is being learned.
	((after <= 4 * ($(pages) - before))) ||
		{ cat /tmp/hits >&2; fail "$after faults in what is not mapped, and $(($(pages) - before)) pages learned meanwhile"; }
	ok "a guest with $n faults in $hits_seconds s in what is not mapped has $after with it learned, which took $(pages) pages"
	sound "a guest"
	echo "0 0 off" >$asi/learn
	hits /tmp/ranges >/tmp/hits
	n=$(awk '{ n += $1 } END { print n + 0 }' /tmp/hits)
	((n >= 100)) || fail "only $n faults when all is forgotten"
	echo "vcpu on" >$asi/policy
	linux_stop
	(($(count learned) == 0)) || fail "$(count learned) ranges of owner learned are left"
	ok "and $n again when that is forgotten"
}

inside() {
	tiny_start
	by_hand
	by_itself
	tiny_stop
	[[ $(grep -vc '^#' $asi/try || true) == 0 ]] || { cat $asi/try >&2; fail "a VM that is gone is listed"; }

	echo "0 0 on" >$asi/learn
	tiny_start
	[[ $(learned) == "on "* ]] || fail "a new VM does not learn: $(learned)"
	tiny_stop
	echo "0 0 off" >$asi/learn
	ok "VMs to come learn, too"
	a_guest
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	run_inside 200
fi
