#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The kernel's own tests of the page tables of restricted address spaces (KUnit, run at boot): all pass, none is
# skipped.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
results=/sys/kernel/debug/kunit/asi_pgtable/results

fail() {
	echo "asi-kunit: $*" >&2
	exit 1
}

inside() {
	local planned cases

	[[ -r $results ]] || fail "no $results: the kernel has no KUnit tests of isolation, or has not run them"
	cat "$results"
	planned=$(sed -n 's/^  *1\.\.//p' "$results")
	cases=$(grep -cE '^ +ok [0-9]+ ' "$results" || true)
	! grep -E 'not ok|# SKIP' "$results" || fail "not all of $planned tests have passed"
	[[ $planned == "$cases" && $cases != 0 ]] || fail "$cases of ${planned:-?} tests have passed"
	grep -qx 'ok [0-9]* asi_pgtable' "$results" || fail "the suite has not passed"
	echo "asi-kunit: $cases tests passed"
}

case ${1-} in
--inside) inside ;;
*) exec "$repo/scripts/vm" x86_64 --timeout $((60 * ${CHECK_SLOW:-1})) --append "kunit.enable=1" -- "$0" --inside ;;
esac
