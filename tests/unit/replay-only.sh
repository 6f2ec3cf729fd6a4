#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Without clang there is still a tool, which replays: built where PATH has none, it
# has no libbpf in it, shows a recording, and says what it cannot do.

set -euo pipefail
shopt -s inherit_errexit

repo=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
: >"$tmp/out"

fail() { echo "replay-only.sh: FAILED: $*"; tail -n 20 "$tmp/out" | sed 's/^/  | /'; exit 1; }

mkdir "$tmp/bin"
for dir in /usr/local/bin /usr/bin; do
	find "$dir" -maxdepth 1 ! -name 'clang*' ! -name 'llvm*' ! -type d -exec ln -sf {} "$tmp/bin/" \;
done
# make() ARGUMENT...: where there is no clang
make() { PATH=$tmp/bin command make -C "$repo" --no-print-directory BUILD="$tmp/build" "$@" >"$tmp/out" 2>&1; }

make WERROR=1 || fail "it does not build"
grep -q '^built for replay only' "$tmp/out" || fail "make does not say that it is for replay only"
grep -q 'missing: clang (package clang).*sudo scripts/setup' "$tmp/out" || fail "make does not say what is missing"
tool=$tmp/build/asi-faulttop
! ldd "$tool" | grep -E 'bpf|elf' || fail "it needs a library that it should not need"
! find "$tmp/build" -name '*.d' -exec grep -l 'include/bpf/' {} + || fail "it is built with libbpf's headers"

for file in "$repo"/tests/replay/*.flr; do
	"$tool" -r "$file" -T -n 12 >"$tmp/out" 2>&1 || fail "$file: exit $?"
	diff "$repo/tests/replay/golden/$(basename "$file" .flr).txt" "$tmp/out" >"$tmp/diff" ||
		fail "$file is shown differently"
done
for arguments in "" --check "-w $tmp/x.flr"; do
	code=0
	# shellcheck disable=SC2086 # a list
	"$tool" $arguments >"$tmp/out" 2>&1 || code=$?
	((code == 3)) || fail "asi-faulttop $arguments: exit $code, expected 3"
	(($(wc -l <"$tmp/out") == 1)) || fail "asi-faulttop $arguments: not one line"
	grep -q 'this build can only replay (-r FILE).*clang.*sudo scripts/setup and make' "$tmp/out" ||
		fail "asi-faulttop $arguments: does not say what to do"
done
[[ ! -e $tmp/x.flr ]] || fail "-w makes a file for nothing"

# rasinject needs no BPF: only a guest's pages are beyond it, without libjansson.
tool=$tmp/build/rasinject
! ldd "$tool" | grep -E 'bpf|elf|jansson' || fail "rasinject needs a library that it should not need"
code=0
RASINJECT_JOURNAL=$tmp/journal "$tool" --gpa 0x1000 --qmp "$tmp/none" --backend qmp >"$tmp/out" 2>&1 || code=$?
((code == 3)) || fail "rasinject --gpa: exit $code, expected 3"
grep -q 'this build cannot talk to QEMU.*libjansson; sudo scripts/setup and make' "$tmp/out" ||
	fail "rasinject --gpa: does not say what to do"

# Asked for everything, it does not settle for less.
! make REPLAY_ONLY=0 || fail "REPLAY_ONLY=0 builds without clang"
grep -q 'missing: clang' "$tmp/out" || fail "REPLAY_ONLY=0 does not say what is missing"
echo "replay-only.sh: all fine"
