#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What QEMU asks KVM for from its SIGBUS handler until the vCPU is entered again: the same probes on Debian's QEMU and on
# the patched one, 51 errors each. Debian's reads and writes hundreds of registers, the patched one none. The times'
# ratio is printed, and decides nothing.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
count=51 # a first one, 25 with the guest's console loud, 25 with it quiet
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

fail() {
	echo "ras-cost: $*" >&2
	exit 1
}

for qemu in stock patched; do
	"$repo/scripts/demo-ras" --errors 25 --qemu "$qemu" -o json >"$tmp/$qemu" 2>"$tmp/err" || {
		tail -20 "$tmp/err" >&2
		fail "demo-ras --qemu $qemu failed"
	}
	[[ $(jq -s 'map(select(.type == "error" and .registers != null)) | length' "$tmp/$qemu") == "$count" ]] ||
		fail "$qemu: not $count errors whose registers were counted"
	grep "^from the abort" "$tmp/err" | sed "s/^/$qemu: /"
	jq -rs --arg qemu "$qemu" 'map(select(.type == "error")) | (map(.registers) | sort) as $r |
		(map(.ioctls) | sort) as $i | (map((.ns.entry - .ns.handler) / 1000) | sort) as $t | length as $n |
		"\($qemu): registers got or set \($r[0]) to \($r[-1]), ioctls \($i[0]) to \($i[-1]), " +
		"handler to entry p50 \($t[$n / 2 | floor] | floor) us, of \($n) errors"' "$tmp/$qemu"
done
jq -es 'map(select(.type == "error")) | all(.registers >= 100)' "$tmp/stock" >/dev/null ||
	fail "Debian's QEMU does not get and set hundreds of registers: this shows nothing any more"
jq -es 'map(select(.type == "error")) | all(.registers == 0)' "$tmp/patched" >/dev/null ||
	fail "the patched QEMU gets or sets registers"
jq -rs --slurpfile p "$tmp/patched" 'def p50(x): x | map(select(.type == "error") | .ns.entry - .ns.handler) | sort |
	.[length / 2 | floor]; "ratio of the times, stock : patched, under emulation: \(p50(.) / p50($p) * 10 | floor / 10)"' "$tmp/stock"
