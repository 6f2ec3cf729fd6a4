#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# VM exits by reason: the tiny program's own counts = the sums of asi_exits = asi/stats = what KVM's own statistics
# of the vCPU say, of those reasons that they have.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

tracing=/sys/kernel/tracing
counts=(--out 23 --hlt 29 --kport 31 --msr 37 --cpuid 41 --touch 43 --call 47)

# Host interrupts and NMIs come from outside (SVM 0x60, 0x61, VMX 0x1, 0x0): they are compared with each other only.
from_guest() { awk '$2 != "0x60" && $2 != "0x61" && $2 != "0x0" && $2 != "0x1"' | sort; }

traced() {
	awk '/ asi_exits: / {
		reason = ""
		for (i = 1; i <= NF; i++) {
			split($i, f, "=")
			if (f[1] == "exit_reason") reason = f[2]
			if (f[1] == "inside" || f[1] == "ended" || f[1] == "outside") n[reason] += f[2]
		} }
		END { for (r in n) print "reason", r, n[r] }' /tmp/trace | sort >/tmp/traced
}

counted() {
	awk '$4 ~ /^vmexit\./ { split($4, f, "."); n[f[2]] += $5 }
		END { for (r in n) print "reason", r, n[r] }' /tmp/tiny | sort >/tmp/counted
}

# tiny WHEN ARGUMENT...: runs the tiny program traced; /tmp/trace, and /tmp/tiny with asi/stats from before the VM ended.
tiny() {
	local when=$1

	shift
	echo >$tracing/trace
	echo 1 | tee $tracing/events/asi/asi_{exits,fault}/enable >/dev/null
	"$repo/build/x86_64/tinykvm" "$@" --reasons --stats --kvm-stats >/tmp/tiny ||
		{ cat /tmp/tiny >&2; fail "the tiny program failed$when"; }
	echo 0 | tee $tracing/events/asi/asi_{exits,fault}/enable >/dev/null
	cat $tracing/trace >/tmp/trace
	grep -qE 'entries-in-buffer/entries-written: ([0-9]+)/\1 ' /tmp/trace || fail "the trace lost events$when"
}

# KVM counts all exits, and of the causes some: "exits N", "REASON N".
kvm_counted() {
	awk -v io=0x$io -v hlt="$hlt" -v irq="$irq" '
		BEGIN { is["exits"] = "exits"; is["io_exits"] = io; is["halt_exits"] = hlt; is["irq_exits"] = irq }
		$1 == "kvm" && $2 in is { print is[$2], $3 }' /tmp/tiny | sort >/tmp/kvm
	awk -v io=0x$io -v hlt="$hlt" -v irq="$irq" '
		{ n["exits"] += $3; n[$2] += $3 }
		END { print "exits", n["exits"] + 0; print io, n[io] + 0; print hlt, n[hlt] + 0; print irq, n[irq] + 0 }' \
		/tmp/counted | sort >/tmp/counted_too
}

# Runs the tiny program, and compares the four.
compare() {
	local when=$1

	tiny "$when" "${counts[@]}"
	! grep -m 3 ' asi_fault: .* ip=asi_' /tmp/trace >&2 || fail "what switches, or counts, is not mapped itself$when"

	traced
	counted
	diff -u /tmp/traced /tmp/counted >&2 || fail "asi_exits (-) and asi/stats (+) differ$when"
	ok "asi_exits = asi/stats, for every reason$when"
	kvm_counted
	diff -u /tmp/kvm /tmp/counted_too >&2 || fail "KVM's own statistics (-) and asi/stats (+) differ$when"
	ok "KVM's own statistics = asi/stats: of all VM exits, and of I/O, HLT and interrupts$when"
	grep '^reason' /tmp/tiny | from_guest >/tmp/own
	from_guest </tmp/traced >/tmp/from_guest
	diff -u /tmp/own /tmp/from_guest >&2 || fail "the program's own counts (-) and asi_exits (+) differ$when"
	ok "the program's own counts = asi_exits, for each of $(wc -l </tmp/own) reasons that it causes$when"
}

# stays_inside WHAT REASONS COUNT LEAST: of the VM exits in /tmp/trace, at least so many are handled inside; besides
# those only an interrupt ends a residency, or a mapping that is missing at the first touch.
stays_inside() {
	local what=$1 reasons=$2 count=$3 least=$4 inside irq left

	read -r inside irq left < <(awk -v line=" asi_exits: .* exit_reason=0x($reasons) " '$0 ~ line {
		for (i = 1; i <= NF; i++) { split($i, f, "="); v[f[1]] = f[2] }
		inside += v["inside"]
		left += v["outside"]
		if (v["cause"] == "irq") irq += v["ended"]; else left += v["ended"]
		} END { print inside + 0, irq + 0, left + 0 }' /tmp/trace)
	((inside + irq + left == count && inside >= least && left <= 6)) || {
		grep -E " asi_(exits|fault): .* exit_reason=0x($reasons)" /tmp/trace | grep -v cause=irq | head -12 >&2
		fail "of $count exits for $what $inside were handled inside (at least $least), $irq ended by an" \
			"interrupt, $left left for another cause (at most 6)"
	}
	ok "of $count exits for $what $inside were handled inside, $irq ended by an interrupt, $left left"
}

# A vCPU's ranges and its VM's while the tiny program holds the VM: how many of this owner.
held_ranges() { # OWNER ARGUMENT...
	local owner=$1 n

	shift
	"$repo/build/x86_64/tinykvm" "$@" --hold </tmp/hold >/tmp/held &
	until grep -q '^hold$' /tmp/held; do
		kill -0 $! || fail "the tiny program failed"
		sleep 0.1
	done
	n=$(awk -v pid=$! -v owner="$owner" '$1 == pid && $3 == owner { n++ } END { print n + 0 }' $asi/ranges)
	echo >/tmp/hold
	wait $! || fail "the tiny program failed"
	echo "$n"
}

# What KVM finds by looking: a slot for each piece of guest memory, the devices of its own and the buses they are on.
looks_are_mapped() {
	local plain slot

	mkfifo /tmp/hold
	exec 3<>/tmp/hold
	plain=$(held_ranges vm --cpuid 1)
	slot=$(held_ranges vm --cpuid 1 --touch 1)
	exec 3>&-
	((slot == plain + 1)) || fail "with a memory slot more $slot ranges of the VM, with one less $plain"
	ok "each memory slot is a range of its own, of $slot"
	tiny ", with KVM's interrupt controller" --pic 2000
	stays_inside "ports of KVM's own" "$io" 2000 1000
}

# The tracer's buffer is not mapped. Both vendors call this function a few instructions before VM entry, VMX after
# it has told the CPU what to load into CR3 at the VM exit: that has to be the full table then.
fault_before_entry() {
	echo kvm_wait_lapic_expire >$tracing/set_ftrace_filter
	echo function >$tracing/current_tracer
	compare ", with a fault right before each VM entry"
	echo nop >$tracing/current_tracer
	awk '$4 == "ended.fault" { faults = $5 } $4 == "refaults" { back = $5 } $4 ~ /\.outside$/ { outside += $5 }
		$4 ~ /\.(inside|ended)$/ { in_ += $5 }
		END { exit !(faults > 200 && outside > 200 && !in_ && back == 0) }' /tmp/tiny ||
		{ grep -E 'faults|ended|vmexit' /tmp/tiny >&2; fail "not all VM exits were outside, or faults came back"; }
	ok "all its VM exits were outside then, and no fault came back"
}

inside() {
	# Exit reasons: CPUID, RDMSR and hypercalls; a port; HLT; an interrupt of the host.
	local intercepted='72|7c|81' io=7b hlt=0x78 irq=0x60

	! grep -qw vmx /proc/cpuinfo || intercepted='a|1f|12' io=1e hlt=0xc irq=0x1
	echo 16384 >$tracing/buffer_size_kb
	compare ""
	grep -E 'residencies|faults|ended|vmexit' /tmp/tiny
	stays_inside "CPUID, RDMSR and hypercalls" "$intercepted" 125 100
	looks_are_mapped
	fault_before_entry
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	run_inside 120
fi
