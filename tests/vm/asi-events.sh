#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What comes from outside while VMs run isolated: MCES (20) machine checks, NMIS (1,000) NMIs, CYCLES (20) times
# a CPU goes offline and online; NMIs and CPUs with Linux guests under load, too. Every one is counted, the VMs
# go on, and the kernel has no splat.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

cpu1=/sys/devices/system/cpu/cpu1/online

interrupts() {
	awk -v name="$1:" '$1 == name { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i } END { print n + 0 }' \
		/proc/interrupts
}

# Residencies of all VMs that run.
residencies() { awk '$1 && $4 == "residencies" { n += $5 } END { print n + 0 }' $asi/stats; }

stress_start() {
	"$repo/build/x86_64/stressvm" --rounds 0 >/tmp/stress &
	stress=$!
	for ((i = 0; i < 100; i++)); do
		(($(residencies) > 100)) && return 0
		sleep 0.1
	done
	fail "the VM was never inside"
}

# Sets machine_checks: those that the guest got.
stress_stop() {
	kill -TERM "$stress"
	wait "$stress" || { cat /tmp/stress >&2; fail "the VM ended with an error"; }
	machine_checks=$(sed 's/.* machine-checks //' /tmp/stress)
	echo "the VM: $(</tmp/stress)"
}

# Linux guests with two vCPUs, one after the other, until they are told to stop.
guests() {
	local n

	for ((n = 1; ; n++)); do
		"$repo/scripts/l2" --name "events-$n" --smp 2 --load mixed --seconds 15 --timeout 300 >/tmp/l2.log 2>&1 ||
			{ show_guest /tmp/l2.log; fail "guest $n did not end well"; }
		echo "guest $n: $(grep -a '^L2 RESULT' /tmp/l2.log | tr -d '\r')"
		[[ ! -e /tmp/stop ]] || return 0
	done
}

guests_start() {
	guests &
	guests=$!
	# For as long as it takes: scripts/l2 and the machine have limits of their own.
	until grep -qs '^L2 READY cpus 2 ' /tmp/l2.log; do
		kill -0 "$guests" 2>/dev/null || fail "the guest did not come up with two CPUs"
		sleep 0.5
	done
}

guests_stop() {
	touch /tmp/stop
	wait "$guests" || fail "a guest did not end well"
}

# Both VMs have run isolated while $1 happened.
must_have_run() {
	local now

	now=$(residencies)
	((now > runs)) || fail "$1: nothing was inside meanwhile"
	ok "$1, with $((now - runs)) residencies meanwhile"
}

nmis() {
	local n=$1 before runs

	before=$(interrupts NMI)
	runs=$(residencies)
	lab-monitor nmi "$n"
	[[ $(interrupts NMI) == $((before + n)) ]] ||
		fail "$n NMIs sent, $(($(interrupts NMI) - before)) counted"
	must_have_run "$n NMIs, each counted"
}

# One to CPU $1. TCG gives it to the guest if that is what the CPU runs: the guest counts it, but QEMU's own
# word that one is being handled (MCG_STATUS.MCIP, MSR 0x17a) is left for us to take back.
machine_check() {
	lab-monitor mce "$1" 4 0xb000100000000000 0x5 0 0 2>/tmp/mce && return
	grep -q 'has not seen it' /tmp/mce || { cat /tmp/mce >&2; fail "the machine check was refused"; }
	to_guest=$((to_guest + 1))
	python3 -c '
import os, sys
os.pwrite(os.open(f"/dev/cpu/{sys.argv[1]}/msr", os.O_WRONLY), bytes(8), 0x17a)' "$1"
}

mces() {
	local n=$1 before runs to_guest=0 i

	before=$(interrupts MCE)
	runs=$(residencies)
	for ((i = 0; $(interrupts MCE) - before < n; i++)); do
		((to_guest <= 10)) || fail "$to_guest of $i machine checks went to the guest"
		machine_check $((i % 2))
	done
	must_have_run "$n machine checks of $i counted by the kernel, $to_guest went to the guest"
	stress_stop
	[[ $machine_checks == "$to_guest" ]] ||
		fail "the guest counted $machine_checks machine checks, and $to_guest did not come to the kernel"
}

hotplug() {
	local n=$1 runs i

	runs=$(residencies)
	for ((i = 0; i < n; i++)); do
		echo 0 >$cpu1
		[[ $(<$cpu1) == 0 ]] || fail "CPU 1 is not offline"
		sleep 0.2
		echo 1 >$cpu1
		[[ $(<$cpu1) == 1 ]] || fail "CPU 1 is not online"
		sleep 0.2
	done
	must_have_run "CPU 1 offline and online $n times"
}

clean() {
	awk '/^#/ { next } $3 != "ok" { bad = 1 } END { exit bad }' $asi/verify ||
		{ cat $asi/verify >&2; fail "$1: asi/verify has found something"; }
	awk '$4 == "refaults" && $5 { bad = 1 } END { exit bad }' $asi/stats ||
		{ cat $asi/stats >&2; fail "$1: faults outside that the full table has no reason for"; }
}

inside() {
	local stress guests machine_checks

	stress_start
	mces "$2"

	stress_start
	guests_start
	nmis "$1"
	clean "after NMIs"
	hotplug "$3"
	clean "after CPU hotplug"
	stress_stop
	guests_stop
	[[ $(grep -vc '^#' $asi/ranges) == 0 ]] || { cat $asi/ranges >&2; fail "ranges are left"; }
	ok "the VMs went on, and nothing of them is left"
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside "${@:2}"
else
	run_inside 900 "${NMIS:-1000}" "${MCES:-20}" "${CYCLES:-20}"
fi
