#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the test programs of a group that make built: all.sh unit|bpf. All of
# them run, and every one has to pass. cmocka's exit status does not tell of a
# test that skipped itself: then this one skips (77), and names it.

set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
group=${1:?unit or bpf}
arch=$(uname -m)
ran=0 bad=0
skipped=()
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for source in tests/"$group"/test_*.c; do
	name=$(basename "$source" .c)
	ran=$((ran + 1))
	rc=0
	"build/${arch/aarch64/arm64}/tests/$group/$name" >"$out" 2>&1 || rc=$?
	cat "$out"
	mapfile -t -O ${#skipped[@]} skipped < <(sed -n 's/^\[  SKIPPED \] \(test_[a-z0-9_]*\)$/\1/p' "$out" | sort -u)
	((rc == 0)) || { bad=$((bad + 1)); echo "all.sh: $name: exit $rc"; }
done
echo "$ran test programs, $bad failed"
((ran > 0 && bad == 0)) || exit 1
((${#skipped[@]} == 0)) || {
	echo "skipped here: ${skipped[*]}"
	exit 77
}
