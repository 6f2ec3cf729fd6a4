#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# .ci/run with made-up registries and a made-up setup: the last line and the
# exit code, whatever happens.

set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

expect() {
	local want=$1 last=$2 got=0
	"$tmp/.ci/run" >"$tmp/out" 2>&1 || got=$?
	if [[ $got != "$want" || $(tail -n 1 "$tmp/out") != "$last" ]]; then
		echo "ci.sh: FAILED: exit $got, expected $want and the last line: $last"
		sed 's/^/  | /' "$tmp/out"
		exit 1
	fi
}
# Without arguments it would install: an empty line. The Makefile asks it for single programs.
setup_is() { printf '#!/bin/sh\necho "$@" >>"%s/setup.log"\n%s\n' "$tmp" "$1" >"$tmp/scripts/setup"; }

unset CHECK_LOG_DIR CHECK_LIST_FILE CHECK_SKIPS_FILE
# Not a part of the make that runs this test.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES T
mkdir "$tmp/.ci" "$tmp/tests" "$tmp/scripts"
cp "$repo/.ci/run" "$tmp/.ci/"
cp "$repo/Makefile" "$tmp/"
cp "$repo/tests/run" "$tmp/tests/"
: >"$tmp/tests/skips"
setup_is 'exit 0'
chmod +x "$tmp/scripts/setup"

echo 'a | fast | 9 | - | true | passes' >"$tmp/tests/list"
expect 0 "1 passed, 0 failed, 0 skipped"
! grep -qx "" "$tmp/setup.log" || { echo "ci.sh: FAILED: installs what is there"; exit 1; }
echo 'b | ci | 9 | - | false | fails' >>"$tmp/tests/list"
expect 2 "1 passed, 1 failed, 0 skipped"
echo 'b | fast | 9' >>"$tmp/tests/list"
expect 1 "0 passed, 1 failed, 0 skipped"
echo 'c | fast | 99 | - | sleep 1011 | is too slow for CI' >"$tmp/tests/list"
CI_LIMIT=2 expect 124 "0 passed, 1 failed, 0 skipped"

# A bare machine: it installs, and a set-up that fails is a result, too.
echo 'a | fast | 9 | - | true | passes' >"$tmp/tests/list"
rm "$tmp/setup.log"
setup_is '[ $# = 0 ]'
expect 0 "1 passed, 0 failed, 0 skipped"
grep -qx "" "$tmp/setup.log" || { echo "ci.sh: FAILED: does not install"; exit 1; }
setup_is 'exit 1'
expect 1 "0 passed, 1 failed, 0 skipped"
echo "ci.sh: all fine"
