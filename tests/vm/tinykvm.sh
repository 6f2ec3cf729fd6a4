#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# tinykvm's own counts of its VM exits are those that KVM's tracepoint sees, for every reason.
# KERNEL=PATH takes another kernel than the lab's. Without --inside it starts the lab itself.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tracing=/sys/kernel/tracing
counts=(--out 23 --hlt 29 --kport 31 --msr 37 --cpuid 41 --touch 43 --call 47)

fail() {
	echo "tinykvm: $*" >&2
	exit 1
}

# What the kernel saw: "reason REASON N", host interrupts and NMIs left out.
traced_reasons() {
	awk '/ kvm_exit: / { for (i = 1; i < NF; i++) if ($i ~ /^exit_reason=/) n[substr($i, 13)]++ }
	     END { for (r in n) if (r != "0x60" && r != "0x61") print "reason", r, n[r] }' "$1" | sort
}

inside() {
	local out trace

	out=$(mktemp)
	trace=$(mktemp)
	echo fields >$tracing/trace_options	# numbers, not names
	echo 8192 >$tracing/buffer_size_kb
	echo 1 >$tracing/events/kvm/kvm_exit/enable
	"$repo/build/x86_64/tinykvm" "${counts[@]}" --reasons >"$out"
	echo 0 >$tracing/events/kvm/kvm_exit/enable
	cat $tracing/trace >"$trace"
	grep -qE 'entries-in-buffer/entries-written: ([0-9]+)/\1 ' "$trace" || fail "the trace lost events"
	diff <(grep '^reason' "$out" | sort) <(traced_reasons "$trace") >&2 ||
		{ tail -3 "$trace" >&2; fail "< tinykvm's counts and > KVM's differ"; }

	# A loop stops after a whole round, and its counts are multiples.
	"$repo/build/x86_64/tinykvm" --loop --cpuid 23 --touch 7 >"$out" &
	sleep 3
	kill -TERM $!
	wait $! || fail "--loop failed on SIGTERM"
	awk '$1 == "rounds" { r = $2 } $1 == "cpuid" { c = $2 } $1 == "touch" { t = $2 }
	     END { exit !(r > 1 && c == 23 * r && t == 7 * r) }' "$out" ||
		{ cat "$out" >&2; fail "--loop: the counts are not multiples of the rounds"; }
	echo "tinykvm: every reason's count agrees; $(grep -m1 rounds "$out") of a loop"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	exec "$repo/scripts/vm" x86_64 ${KERNEL:+--kernel "$KERNEL"} --timeout 60 -- "$0" --inside
fi
