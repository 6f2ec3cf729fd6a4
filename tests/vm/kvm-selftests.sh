#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# KVM's own selftests (kvm-selftests.list) on kernels that differ in isolation only: off, on, and with TIER=full also the
# kernel without the series. Outcomes are printed side by side; each test whose outcomes differ has to be in
# kvm-selftests.differences with these outcomes and the reason, and what is there has to differ.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

here=$repo/tests/vm
tier=${TIER:-ci}

# The tests of this tier. Those left out on a slow kernel are named on standard error.
names() {
	awk -F ' *[|] *' -v tier="$tier" -v slow="${CHECK_SLOW:-1}" '/^#/ || !NF || (tier != "full" && $2 != "ci") { next }
		slow > 1 && NF > 3 { print "not run on a slow kernel: " $1 ": " $4 >"/dev/stderr"; next }
		{ print $1 }' "$here/kvm-selftests.list"
}

# In the lab: "NAME OUTCOME" for each.
inside() {
	local name code outcome
	local -r limit=$((60 * ${CHECK_SLOW:-1}))

	for name; do
		code=0
		timeout -k 5 $limit "$repo/build/kvm-selftests/$name" >/tmp/log 2>&1 </dev/null || code=$?
		case $code in
		0) outcome=pass ;;
		4) outcome=skip ;;
		124 | 137) outcome=timeout ;;
		*) outcome=fail-$code ;;
		esac
		[[ $outcome == pass || $outcome == skip ]] || { echo "-- $name: $outcome"; tail -n 15 /tmp/log; } >&2
		echo "$name $outcome"
	done
	if [[ $(cat /sys/module/kvm/parameters/address_space_isolation 2>/dev/null || true) == Y ]]; then
		awk '$1 == 0 && $4 == "residencies" { n = $5 } END { print "residencies " n + 0 }' $asi/stats
	fi
}

# run_with WHAT KERNEL APPEND: leaves $tmp/WHAT
run_with() {
	local what=$1 kernel=$2 append=$3

	echo "KVM's selftests, $what:"
	"$repo/scripts/vm" x86_64 ${kernel:+--kernel "$kernel"} --timeout $(((60 + 15 * ${#tests[@]}) * ${CHECK_SLOW:-1})) \
		${append:+--append "$append"} -- "$0" --inside "${tests[@]}" >"$tmp/$what" || fail "$what: the machine has failed"
	[[ $(grep -vc '^residencies ' "$tmp/$what") == "${#tests[@]}" ]] || fail "$what: $(wc -l <"$tmp/$what") outcomes for ${#tests[@]} tests"
}

# The outcomes side by side in $tmp/table, and those lines in which they differ in $tmp/differ.
compare() {
	cp "$tmp/${runs[0]}" "$tmp/table"
	for run in "${runs[@]:1}"; do
		paste -d ' ' "$tmp/table" <(grep -v '^residencies ' "$tmp/$run" | cut -d ' ' -f 2) >"$tmp/wider"
		mv "$tmp/wider" "$tmp/table"
	done
	{ echo "TEST ${runs[*]}" && cat "$tmp/table"; } | awk '{ printf "%-40s", $1; for (i = 2; i <= NF; i++) printf " %-8s", $i; print "" }'
	awk '{ for (i = 3; i <= NF; i++) if ($i != $2) { print; next } }' "$tmp/table" >"$tmp/differ"
}

main() {
	local -a tests runs=(off on)
	local run passed

	"$repo/scripts/kvm-selftests"
	mapfile -t tests < <(names)
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	if [[ $tier == full ]]; then
		runs=(stock off on)
		run_with stock "$repo/build/kernel/x86_64-stock/bzImage" ""
	fi
	run_with off "${KERNEL-}" ""
	run_with on "${KERNEL-}" kvm.address_space_isolation=1
	compare
	awk '$1 == "residencies" { n = $2 } END { print "residencies with isolation on: " n + 0; exit n < 1000 }' "$tmp/on" || fail "isolation was hardly used"

	# What is known: NAME and its outcomes, in the order of the runs.
	awk -F ' *[|] *' -v tier="$tier" '!/^#/ && NF && $1 == tier { print $2 " " $3 }' "$here/kvm-selftests.differences" | sort >"$tmp/known"
	sort "$tmp/differ" | diff "$tmp/known" - >"$tmp/diff" || { cat "$tmp/diff" >&2; fail "outcomes differ (>) where it is not known (<), or do not where it is"; }
	passed=$(awk '$NF == "pass" { n++ } END { print n + 0 }' "$tmp/table")
	[[ $tier == full ]] || ((passed == ${#tests[@]})) || fail "only $passed of ${#tests[@]} pass with isolation on"
	ok "${#tests[@]} selftests, $passed pass with isolation on, $(wc -l <"$tmp/differ") differ, all known"
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	shift
	inside "$@"
else
	main
fi
