#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# VM exits by reason: the tiny program's own counts = the sums of asi_exits = asi/stats.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

tracing=/sys/kernel/tracing
counts=(--out 23 --hlt 29 --kport 31 --msr 37 --cpuid 41 --touch 43)

# Host interrupts and NMIs come from outside: 0x60 and 0x61 are compared with each other only.
from_guest() { awk '$2 != "0x60" && $2 != "0x61"' | sort; }

traced() {
	awk '/ asi_exits: / {
		reason = ""
		for (i = 1; i <= NF; i++) {
			split($i, f, "=")
			if (f[1] == "exit_reason") reason = f[2]
			if (f[1] == "inside" || f[1] == "ended" || f[1] == "outside") n[reason] += f[2]
		} }
		END { for (r in n) print "reason", r, n[r] }' /tmp/trace | sort
}

counted() {
	awk '$4 ~ /^vmexit\./ { split($4, f, "."); n[f[2]] += $5 }
		END { for (r in n) print "reason", r, n[r] }' /tmp/tiny | sort
}

inside() {
	echo 16384 >$tracing/buffer_size_kb
	echo 1 >$tracing/events/asi/asi_exits/enable
	# The last thing it prints is asi/stats, before it closes the VM.
	"$repo/build/x86_64/tinykvm" "${counts[@]}" --reasons --stats >/tmp/tiny ||
		{ cat /tmp/tiny >&2; fail "the tiny program failed"; }
	echo 0 >$tracing/events/asi/asi_exits/enable
	cat $tracing/trace >/tmp/trace
	grep -qE 'entries-in-buffer/entries-written: ([0-9]+)/\1 ' /tmp/trace || fail "the trace lost events"

	diff <(traced) <(counted) >&2 || fail "< asi_exits and > asi/stats differ"
	ok "asi_exits = asi/stats, for every reason"
	diff <(grep '^reason' /tmp/tiny | from_guest) <(traced | from_guest) >&2 ||
		fail "< the program's own counts and > asi_exits differ"
	ok "the program's own counts = asi_exits, for each of" \
		"$(grep -c '^reason' /tmp/tiny) reasons that it causes"
	grep -E 'residencies|faults|ended|vmexit' /tmp/tiny
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	run_inside 120
fi
