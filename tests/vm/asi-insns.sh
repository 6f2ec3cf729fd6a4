#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Instructions that a VM exit costs, by kind, on three kernels that differ in isolation only: without the series, with
# isolation off, and on. SVM under QEMU TCG with its clocks counting instructions (make bench-asi-insns), and with ENGINE=bochs
# VMX, whose TSC counts them, too. Handled inside, an exit may cost 20 more with isolation off and 100 more with it on.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

engine=${ENGINE:-qemu}
append=${APPEND-}

# run KERNEL [APPEND]: "KIND MIN MEDIAN MAX" for each kind
run() {
	local options=(--icount --smp 1)

	[[ $engine == qemu ]] || options=(--engine bochs)
	"$repo/scripts/vm" x86_64 "${options[@]}" --kernel "$1" --timeout 240 --append "${2-} $append" -- \
		"$repo/build/x86_64/exitcost"
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
run "$repo/build/kernel/x86_64-stock/bzImage" >"$tmp/stock"
run "$repo/build/kernel/x86_64/bzImage" >"$tmp/off"
run "$repo/build/kernel/x86_64/bzImage" kvm.address_space_isolation=1 >"$tmp/on"

echo "Instructions for a VM exit, the shortest of 200 windows of 20 ($engine${append:+, $append}):"
paste -d ' ' "$tmp/stock" "$tmp/off" "$tmp/on" | awk '
	BEGIN { print "KIND STOCK OFF ON +OFF +ON" }
	{ printf "%s %.1f %.1f %.1f %.1f %.1f\n", $1, $2, $6, $10, $6 - $2, $10 - $2 }' >"$tmp/table"
awk '{ printf "%-8s", $1; for (i = 2; i <= NF; i++) printf " %10s", $i; print "" }' "$tmp/table"
awk '$1 ~ /^(cpuid|msr|pic|call)$/ { n++; if ($5 > 20) { print $1 ": " $5 " more with isolation off, not 20 at most"; bad = 1 }
	if ($6 > 100) { print $1 ": " $6 " more with isolation on, not 100 at most"; bad = 1 } }
	END { exit bad || n != 4 }' "$tmp/table" >&2 || fail "too many instructions"
ok "at most 20 more instructions with isolation off, 100 with it on, for each kind that is handled inside"
echo "$test_name: $checks checks"
