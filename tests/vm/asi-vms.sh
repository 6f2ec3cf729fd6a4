#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# VMs that come and go, PROCESSES (2) at a time, VMS (10) in a row, each with two vCPUs, an interrupt controller, an irqfd,
# ioeventfds and three memory slots of which one moves (every second of its ROUNDS): every interrupt is answered; meanwhile
# asi/verify finds nothing and asi/audit nothing foreign, and afterwards no range is left and no page of memory is gone.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

# Pages that are free, those on the CPUs' own lists too, or slab objects', when nothing is cached that need not
# be. Lost objects are kmemleak's to find; slabs come and go, and as many without isolation.
pages_left() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	# What an RCU callback frees, it has freed after a grace period and a moment.
	sleep 1
	awk '$1 == "nr_free_pages" || $1 == "count:" || $1 ~ /^nr_slab_/ { n += $2 } END { print n }' /proc/zoneinfo
}

# All VMs that there are at the moment. Adds to looks and seen.
look() {
	cat $asi/verify >/tmp/verify
	cat $asi/audit >/tmp/audit
	awk '/^#/ { next } $3 != "ok" { bad = 1 } END { exit bad }' /tmp/verify ||
		{ cat /tmp/verify >&2; fail "asi/verify has found something"; }
	awk '$3 ~ /^(other-vm|page-cache|anonymous)$/ && $5 { bad = 1 } END { exit bad }' /tmp/audit ||
		{ cat /tmp/audit >&2; fail "asi/audit has found something foreign"; }
	looks=$((looks + 1))
	seen=$((seen + $(grep -vc '^#' /tmp/verify || true)))
}

# batch PROCESSES VMS ROUNDS [look]: so many VMs by each of the processes, looked at as long as one of them runs.
batch() {
	local processes=$1 vms=$2 rounds=$3 i pids=() want

	for ((i = 0; i < processes; i++)); do
		"$repo/build/x86_64/stressvm" --vms "$vms" --rounds "$rounds" >"/tmp/vms.$i" &
		pids+=($!)
	done
	while [[ -n ${4-} ]] && kill -0 "${pids[@]}" 2>/dev/null; do
		look
	done
	want="vms $vms rounds $((vms * rounds)) interrupts $((vms * rounds)) moves $((vms * ((rounds + 1) / 2)))"
	for ((i = 0; i < processes; i++)); do
		wait "${pids[i]}" || fail "process $i of VMs ended with an error"
		[[ $(<"/tmp/vms.$i") == "$want "* ]] || { cat "/tmp/vms.$i" >&2; fail "process $i does not say $want"; }
	done
	[[ $(grep -vc '^#' $asi/ranges) == 0 ]] || { cat $asi/ranges >&2; fail "ranges are left"; }
}

inside() {
	local processes=$1 vms=$2 rounds=$3 looks=0 seen=0 before gone

	batch "$processes" "$vms" "$rounds" look
	ok "$((processes * vms)) VMs, $processes at once, with $rounds rounds each: every interrupt answered, and no range left"
	((seen >= processes * vms)) || fail "$looks looks at asi/verify have seen $seen VMs only"
	ok "asi/verify and asi/audit clean in $looks looks, at $seen VMs"

	# Who leaves a page behind leaves one for each VM.
	before=$(pages_left)
	batch 2 100 2
	gone=$((before - $(pages_left)))
	((gone < 100)) || fail "200 VMs have left $gone pages behind"
	ok "no page gone: $gone pages less after 200 VMs"
	kmemleak
	echo "$test_name: $checks checks"
}

# The debug kernel knows which objects nobody points to.
kmemleak() {
	local leaks=/sys/kernel/debug/kmemleak

	[[ -e $leaks ]] || return 0
	echo scan >$leaks
	sleep 5 # it reports what is older than that
	echo scan >$leaks
	[[ -z $(<$leaks) ]] || { cat $leaks >&2; fail "kmemleak has found something"; }
	ok "kmemleak has found nothing"
}

if [[ ${1-} == --inside ]]; then
	inside "${@:2}"
else
	processes=${PROCESSES:-2} vms=${VMS:-10} rounds=${ROUNDS:-503}
	run_inside $((150 + processes * vms * rounds / 40)) "$processes" "$vms" "$rounds"
fi
