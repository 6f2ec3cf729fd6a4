#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Linux on the emulated Arm board whose memory can be poisoned: a process that loads from, stores to or runs into a
# poisoned page makes a precise abort, has its page isolated and gets SIGBUS; a page that is cleared is as it was; one
# that the guest is told of is isolated untouched; of COUNT (40) at once each is. Without --inside it starts the lab.
set -euo pipefail
shopt -s inherit_errexit

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tracing=/sys/kernel/tracing
isolated=0 # pages

fail() {
	echo "ras-emulated: $*" >&2
	exit 1
}

ok() {
	echo "ok $* ($(cut -d. -f1 /proc/uptime) s)"
}

# shellcheck source=tests/vm/victim-lib.sh
. "$repo/tests/vm/victim-lib.sh"

gpa() { printf '%#x' $((victim_pfn[$1] * 4096)); }

has_isolated() { [[ $(corrupted) == $((4 * $1)) ]]; }

expect_isolated() { # MORE
	isolated=$((isolated + $1))
	wait_for 20 has_isolated $isolated || fail "$(corrupted) kB are isolated, not $isolated pages"
}

has_acted() { grep "memory_failure_event: pfn $(printf '%#x' "${victim_pfn[$1]}"):.*: Recovered" $tracing/trace >/dev/null; }

# One process, one access: the abort's syndrome and address, as the kernel's handler gets them.
check_access() { # HOW ESR OFFSET
	local want answer

	victim "$1"
	: >$tracing/trace
	lab-monitor memory-error poison "$(gpa "$1")"
	[[ $(corrupted) == $((4 * isolated)) && $(wc -l < <(grep sea: $tracing/trace)) == 0 ]] || fail "$1: something happened at once"
	answer=$(says "$1" "$1")
	# When the page is isolated, the access is repeated, and the fault that it then makes is what kills.
	[[ $answer == "sigbus 4 $(printf '%#x' $((victim_vaddr[$1] + $3)))" ]] || fail "$1: the process says $answer"
	gone "$1" 3
	want=$(printf 'far=%#x esr=%s' $((victim_vaddr[$1] + $3)) "$2")
	[[ $(grep -o 'far=.*' $tracing/trace | sort -u) == "$want" ]] || fail "$1: not $want: $(grep sea: $tracing/trace)"
	expect_isolated 1
	# Not dmesg: of uncorrected errors the kernel prints two in 5 s (ghes_print_estatus()).
	wait_for 5 has_acted "$1" || fail "$1: no event for the record's address: $(grep memory_failure_event: $tracing/trace)"
	ok "$1: $want, SIGBUS, isolated"
}

many() { # COUNT
	local n

	for ((n = 0; n <= $1; n++)); do
		victim "many$n"
	done
	for ((n = 0; n < $1; n++)); do
		gpa "many$n"
		echo
	done | xargs lab-monitor memory-error poison
	for ((n = 0; n < $1; n++)); do
		echo touch >&"${victim_fd[many$n]}"
	done
	for ((n = 0; n < $1; n++)); do
		wait_for 60 has_lines "many$n" 2 || fail "victim $n of $1 says nothing"
		[[ $(tail -n 1 "/tmp/victim.many$n") == "sigbus 4 ${victim_vaddr[many$n]}" ]] || fail "victim $n: $(tail -n 1 "/tmp/victim.many$n")"
		gone "many$n" 3
	done
	[[ $(says "many$1" touch) == "value 23" ]] || fail "the neighbour does not read its page"
	gone "many$1" 0
	expect_isolated "$1"
	ok "$1 of $1 at once: each process got SIGBUS for its own page, a neighbour lives"
}

inside() {
	mountpoint -q $tracing || mount -t tracefs tracefs $tracing
	echo 'p:sea do_sea far=%x0 esr=%x1' >$tracing/kprobe_events
	echo 1 >$tracing/events/kprobes/sea/enable
	echo 1 >$tracing/events/ras/memory_failure_event/enable

	check_access touch 0x92000210 0
	check_access store 0x92000250 0
	check_access fetch 0x82000210 64

	victim cleared
	lab-monitor memory-error poison "$(gpa cleared)"
	! lab-monitor memory-error poison "$(gpa cleared)" 2>/tmp/err || fail "poisoned twice"
	grep -q 'is poisoned already' /tmp/err || fail "poisoned twice: $(cat /tmp/err)"
	lab-monitor memory-error clear "$(gpa cleared)"
	[[ $(says cleared touch) == "value 23" ]] || fail "a page that was cleared is not as it was"
	gone cleared 0
	ok "poisoned and cleared: the page is as it was"

	victim told
	lab-monitor memory-error notify "$(gpa told)"
	expect_isolated 1
	[[ $(says told touch) == "sigbus 4 ${victim_vaddr[told]}" ]] || fail "a page that is isolated was read"
	gone told 3
	ok "the guest is told of a page that nobody has touched: isolated"

	many "$1"
}

if [[ ${1-} == --inside ]]; then
	inside "$2"
else
	exec "$repo/scripts/vm" arm64 --ras --timeout 240 -- "$0" --inside "${1:-40}"
fi
