#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/run on made-up registries: what must be seen as a failure is.

set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

say() { printf 'runner.sh: %s\n' "$*"; }
fail() { say "FAILED: $*"; sed 's/^/  | /' "$tmp/out"; exit 1; }

export CHECK_LIST_FILE=$tmp/list CHECK_SKIPS_FILE=$tmp/skips CHECK_LOG_DIR=$tmp/logs CHECK_BEAT=1

# expect EXIT LAST-LINE ARGUMENTS: run the registry on stdin.
expect() {
	local want=$1 last=$2 got=0
	shift 2
	cat >"$tmp/list"
	"$repo/tests/run" "$@" >"$tmp/out" 2>&1 || got=$?
	[[ $got == "$want" ]] || fail "exit $got, expected $want"
	[[ $(tail -n 1 "$tmp/out") == "$last" ]] || fail "last line is not: $last"
}
printed() { grep -qF -- "$1" "$tmp/out" || fail "does not say: $1"; }
not_printed() { ! grep -qF -- "$1" "$tmp/out" || fail "says: $1"; }

: >"$tmp/skips"
expect 0 "2 passed, 0 failed, 0 skipped" <<'LIST'
slow | fast | 9 | - | true | passes
quick | ci | 5 | - | echo hidden | passes
huge | full | 5 | - | false | is not of this tier
LIST
not_printed hidden
[[ $(grep -n 'quick .*passed' "$tmp/out" | head -1 | cut -d: -f1) -lt \
   $(grep -n 'slow .*passed' "$tmp/out" | head -1 | cut -d: -f1) ]] || fail "not the fastest first"
grep -q hidden "$tmp/logs/quick.log" || fail "no log is kept"
say "passes, logs, fastest first, tiers"

expect 0 "1 passed, 0 failed, 0 skipped" <<<'one | fast | 9 | - | echo "tool: WARNING: look here"; echo "tool: WARNING: second" | passes'
[[ $(grep -cE '^.*one +passed.*[ (]tool: WARNING: look here' "$tmp/out") == 2 ]] || fail "the warning is not shown, twice"
say "the warning of a test that passes is shown"

for tier in fast ci; do
	for promise in 0 9; do
		CHECK_PROMISE=$promise expect 0 "1 passed, 0 failed, 0 skipped" -t $tier <<-'LIST'
			one | fast | 9 | - | sleep 0.1 | passes
		LIST
		word=$([[ $promise == 0 ]] && echo OVER || echo OK)
		grep -qE "^total +$word +[0-9]+\.[0-9]  promised: $promise s\$" "$tmp/out" || fail "not $word"
	done
	expect 0 "1 passed, 0 failed, 0 skipped" -t $tier <<<'one | fast | 9 | - | true | passes'
	case $tier in
	fast) told=$(sed -n 's/^check-fast: ##@ \([0-9]*\) s @.*/\1/p' "$repo/Makefile") ;;
	ci) told=$(sed -n 's/^check: ##@ \([0-9]*\) min cold.*/\1 * 60/p' "$repo/Makefile") ;;
	esac
	printed "promised: $((told)) s"
done
expect 0 "1 passed, 0 failed, 0 skipped" one <<<'one | fast | 9 | - | true | passes'
not_printed promised
say "the whole time, and whether it is what make help promises for the tier"

expect 1 "1 passed, 1 failed, 0 skipped" -t fast <<'LIST'
good | fast | 9 | - | true | passes
bad | fast | 9 | - | echo the reason; exit 3 | fails
LIST
printed "the reason"
printed "(exit 3)"
[[ $(tail -n 4 "$tmp/out" | head -n 2) == $'FAILED: bad: exit 3\n    the reason' ]] ||
	fail "the end does not name what failed"
say "a failure is counted and its output shown, and named again at the end"

expect 1 "0 passed, 1 failed, 0 skipped" <<'LIST'
dies | ci | 9 | - | echo "vm: splat: BUG: first, RIP: here"; echo "vm: splat: second"; seq 9; exit 125 | a machine that dies
LIST
[[ $(tail -n 8 "$tmp/out" | head -n 6) == $'FAILED: dies: exit 125\n    vm: splat: BUG: first, RIP: here\n    6\n    7\n    8\n    9' ]] ||
	fail "the end does not say what the machine died of"
say "of a machine that dies the end has the first splat, too"

# The limit takes the whole family: a child, one in a session of its own, and
# one that ignores SIGTERM.
start=$SECONDS
expect 1 "0 passed, 1 failed, 0 skipped" <<LIST
late | fast | 2 | - | sleep 1005 & setsid sleep 1006 & (trap '' TERM; sleep 1007); wait | hangs
LIST
printed "ran over its limit of 2 s"
printed "late: 1 s of at most 2"
((SECONDS - start < 20)) || fail "took $((SECONDS - start)) s"
for _ in 1 2 3 4 5 6 7 8; do
	left=$(grep -lsz 'FAULTLINE_TEST=.*\.late$' /proc/[0-9]*/environ || true)
	[[ -n $left ]] || break
	sleep 0.2
done
[[ -z $left ]] || fail "still there: $left"
say "a test over its limit is killed with all it started"

expect 1 "0 passed, 1 failed, 0 skipped" <<LIST
litter | fast | 9 | - | setsid sleep 1008 & true | leaves something running
LIST
printed "left processes running: sleep 1008"
say "processes left behind are a failure"

expect 1 "0 passed, 2 failed, 0 skipped" <<'LIST'
shy | fast | 9 | - | echo no tool; exit 77 | skips
after | fast | 9 | shy | touch "$CHECK_LOG_DIR/ran" | does not run
LIST
printed "tests/skips does not list it: no tool"
[[ ! -e $tmp/logs/ran ]] || fail "a test ran though what it needs did not"
printf '%s\n' '# name | reason | why' 'shy | no tool* | not in every Debian' \
	'after | needs shy* | follows' >"$tmp/skips"
expect 0 "0 passed, 0 failed, 2 skipped" <<'LIST'
shy | fast | 9 | - | echo no tool at all; exit 77 | skips
after | fast | 9 | shy | true | does not run
LIST
expect 1 "0 passed, 1 failed, 0 skipped" <<'LIST'
shy | fast | 9 | - | echo another reason; exit 77 | skips
LIST
printf 'shy | no tool* |\n' >"$tmp/skips"
expect 1 "0 passed, 1 failed, 0 skipped" <<'LIST'
shy | fast | 9 | - | echo no tool; exit 77 | skips
LIST
say "a skip has to be listed, for that reason, with a why"

# The real registry, as a plain user: what needs root is skipped, which is no failure.
unlisted=$(awk -F ' *[|] *' '
	/^#/ || NF == 0 { next }
	FNR == NR { if ($2 == "needs root" && $3 != "") listed[$1] = 1; next }
	(" " $4 " ") ~ / root / && !($1 in listed) { print $1 }' "$repo/tests/skips" "$repo/tests/list")
[[ -z $unlisted ]] || fail "need root, and tests/skips has no line for that: ${unlisted//$'\n'/, }"
say "every test that needs root may be skipped for it"

expect 1 "1 passed, 2 failed, 0 skipped" last <<'LIST'
last | fast | 1 | mid | true | needs mid
mid | fast | 9 | first | false | fails
first | fast | 9 | - | true | passes
other | fast | 9 | - | false | is not asked for
LIST
printed "not run: mid failed"
say "a test alone runs with what it needs, and not if that failed"

expect 0 "2 passed, 0 failed, 0 skipped" -n last mid <<'LIST'
first | fast | 9 | - | false | is not named
mid | fast | 9 | first | true | passes
last | fast | 1 | mid | true | needs mid
LIST
[[ $(grep -n 'mid .*passed' "$tmp/out" | head -1 | cut -d: -f1) -lt \
   $(grep -n 'last .*passed' "$tmp/out" | head -1 | cut -d: -f1) ]] || fail "not in order"
expect 2 "tests/run: -n: name the tests to run" -n <<<'one | fast | 9 | - | true | passes'
say "-n: only the tests named"

expect 2 "tests/run: $tmp/list: tests need one another in a circle" <<'LIST'
a | fast | 9 | b | true | x
b | fast | 9 | a | true | x
LIST
expect 2 "tests/run: $tmp/list:1: has 3 fields of 6" <<'LIST'
a | fast | 9
LIST
expect 2 "tests/run: nix: no such test; see: make check-list" nix <<'LIST'
a | fast | 9 | - | true | x
LIST
say "a broken registry and an unknown name are usage errors"

# Kept results: the same tree is not tested twice, another one is, and a
# failure is not kept.
mkdir "$tmp/repo" "$tmp/repo/tests"
cp "$repo/tests/run" "$tmp/repo/tests/"
git -C "$tmp/repo" init -q
printf '/count\n/logs/\n' >"$tmp/repo/.gitignore"
cat >"$tmp/list" <<'LIST'
once | full | 9 | - | echo x >>count | is kept
bad | full | 9 | - | echo x >>count; false | is not
LIST
full() { CHECK_LOG_DIR=$tmp/repo/logs "$tmp/repo/tests/run" -k -t full >"$tmp/out" 2>&1 || true; }
full
full
printed "kept: passed in"
[[ $(wc -l <"$tmp/repo/count") == 3 ]] || fail "$(wc -l <"$tmp/repo/count") runs, expected 3"
echo edit >"$tmp/repo/file"
full
[[ $(wc -l <"$tmp/repo/count") == 5 ]] || fail "an edited tree is not tested again"
cat >"$tmp/list" <<'LIST'
once | full | 9 | - | echo x >>count | is kept
patches-kernel | full | 9 | - | echo x >>count | the kernel's patches
boots | full | 9 | patches-kernel | echo x >>count | depends on them
LIST
full
[[ $(wc -l <"$tmp/repo/count") == 7 ]] || fail "a test is run again since others are new"
mkdir "$tmp/repo/kernel-patches"
echo edit >"$tmp/repo/kernel-patches/file"
full
[[ $(wc -l <"$tmp/repo/count") == 9 ]] || fail "not: again what needs the kernel's patches, and only that"
sed -i '/^patches-kernel/s/count/count; true/' "$tmp/list"
full
[[ $(wc -l <"$tmp/repo/count") == 11 ]] || fail "not: again what needs a test that is another one, and only that"
say "make check-full repeats what depends on what has changed, and nothing else"

# ^C: the test ends, the summary comes.
cat >"$tmp/list" <<'LIST'
long | fast | 99 | - | sleep 1009 | is interrupted
LIST
"$repo/tests/run" >"$tmp/out" 2>&1 &
pid=$!
sleep 1
kill -TERM "$pid"
got=0
wait "$pid" || got=$?
[[ $got == 130 ]] || fail "exit $got after SIGTERM, expected 130"
[[ $(tail -n 1 "$tmp/out") == "0 passed, 1 failed, 0 skipped" ]] || fail "no summary after SIGTERM"
[[ -z $(grep -lsz 'FAULTLINE_TEST=.*\.long$' /proc/[0-9]*/environ || true) ]] || fail "the test runs on"
say "an interrupted run ends its test and sums up"
say "all fine"
