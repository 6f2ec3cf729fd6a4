#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What asi-faulttop records live (on a stand-in tracepoint), replayed, is byte for
# byte what it printed; and what is left when it is killed, or the disk is full.
# Needs root.

. "$(dirname "$0")/standin/lib.sh"

finish() {
	[[ -z $pid ]] || kill "$pid" 2>/dev/null || true
	umount "$tmp/disk" 2>/dev/null || true
	rm -rf "$tmp"
}
trap finish EXIT
touch "$tmp/out" "$tmp/err"
standin_build "$tmp"
standin_mount "$tmp"

a=$(symbol do_exit)
b=$(symbol vprintk)
flr=$tmp/run.flr
npf=0x400
io=0x7b
me=$$
# record ARGUMENT...: the tool in the background, armed, recording to $flr
record() { start -w "$flr" "$@"; }
# Faults on several sites, of two VMs of this process and one of process 1.
some() {
	fault 23 $me 1 0 0xffff888012345678 "$a" $npf
	fault 7 $me 1 5 0xffff888012345680 "$a" $io
	fault 3 $me 2 63 $((b + 8)) "$b" $npf
	fault 5 1 1 1 0x1000 $((a + 4)) $io
}
# same ARGUMENT...: replayed with these, $flr gives what was printed live ($tmp/out)
same() {
	local got=0
	"$tool" -r "$flr" "$@" >"$tmp/again" 2>"$tmp/again.err" || got=$?
	[[ $got == "${exit:-0}" ]] || { cat "$tmp/again.err"; fail "-r $*: exit $got"; }
	cmp "$tmp/out" "$tmp/again" || { diff "$tmp/out" "$tmp/again" | head || true; fail "-r $*: not what was printed live"; }
}
# ran "LIVE ARGUMENTS" SHARED ARGUMENT...: with faults in two intervals of several
ran() {
	local live=$1
	shift
	rm -f "$flr"
	# shellcheck disable=SC2086 # a list
	record $live "$@"
	some
	sleep 0.35
	some
	stop "${exit:-0}" INT
	same "$@"
}

# ---- replay is live --------------------------------------------------------------

ran 300ms
(($(grep -c '^interval ' "$tmp/out") >= 1)) || fail "no interval"
grep -qE '^total .*: faults 76, sites 3, VMs 3;' "$tmp/out" || fail "not the faults there were"
[[ $(stat -c %a "$flr") == 600 ]] || fail "others may read the recording"
ran 300ms -S -T -n 1 -s last
grep -q '^    ' "$tmp/out" || fail "no stacks"
# what was not shown live was recorded, too, with its names
"$tool" -r "$flr" -S -n 0 --once >"$tmp/again"
grep -q " vprintk+0x0 " "$tmp/again" || fail "a row that was not shown has lost its name"
ran 300ms -o json -S --stats
ran 300ms --stats -s ip
ran "" -s address
ran 300ms -p $me
grep -qE '^total .*: faults 66, sites 2, VMs 2;' "$tmp/out" || fail "-p does not count one process"
exit=4 ran "--sites 2 300ms" --strict -o json
say "replay prints what was printed live, in every format, with stacks, filters and losses"

# A process's part of a recording of all: losses cannot be told apart, and that is said.
"$tool" -r "$flr" -p 1 --once >"$tmp/again"
grep -qE '^lost [1-9][0-9]* of all VMMs: map_full [0-9]+ \(raise --sites\)$' "$tmp/again" || {
	cat "$tmp/again"
	fail "losses of all VMMs are not called so"
}
! grep -q '^unaccounted' "$tmp/again" || fail "-p of a recording does not add up"

# ---- killed -----------------------------------------------------------------------

rm -f "$flr"
record -b 300ms
some
sleep 0.8
stop 137 KILL
"$tool" -r "$flr" >"$tmp/out" 2>"$tmp/err" || fail "exit $? for what a killed tool left"
grep -qE 'run.flr: cut off after section [0-9]+ .*: what came after its first 0\.[0-9]+ s is missing$' "$tmp/err" ||
	fail "does not say what is missing"
grep -qE '^total 0\.[0-9]+ s: faults 38, sites 3' "$tmp/out" || fail "not the faults up to there"
grep -qE '^lost at least 0 \(the recording is cut off here\)$' "$tmp/out" || fail "the loss line is silent"
! grep -q '^unaccounted' "$tmp/out" || fail "claims that figures should add up"
code=0
"$tool" -r "$flr" --strict >"$tmp/out" 2>"$tmp/err" || code=$?
((code == 4)) || fail "--strict of a cut off recording: exit $code"
say "killed, it leaves a recording up to its last whole section, which says so"

# ---- files ------------------------------------------------------------------------

# refused PATTERN ARGUMENT...: before anything is counted
refused() {
	local pattern=$1 code=0
	shift
	"$tool" -d 100ms "$@" >"$tmp/out" 2>"$tmp/err" || code=$?
	((code == 1)) || fail "$*: exit $code, expected 1"
	(($(wc -l <"$tmp/err") == 1)) || fail "$*: not one line"
	grep -qE "^asi-faulttop: .*$pattern" "$tmp/err" || fail "$*: no line like: $pattern"
}
cp "$flr" "$tmp/old.flr"
refused "run.flr: File exists; --force overwrites it" -w "$flr"
refused "run.flr: File exists" -w "$flr" -O "$tmp/o"
[[ ! -e $tmp/o ]] || fail "-O leaves a file when -w is refused"
refused "/dev/null: .*; -w writes to a regular file" -w /dev/null --force
refused "nowhere/x: No such file" -w "$tmp/nowhere/x"
: >"$tmp/o"
refused "-O and -w name the same file" -w "$tmp/o" -O "$tmp/o" --force
rm "$tmp/o"
FAIL=attach refused "cannot attach" -w "$flr" --force
cmp "$flr" "$tmp/old.flr" || fail "a refused run spoils the old file"
FAIL=attach refused "cannot attach" -w "$tmp/new.flr"
[[ ! -e $tmp/new.flr ]] || fail "a refused run leaves a file"
record --force -d 100ms
stop 0
same
say "-w overwrites with --force only, and not for nothing"

# A disk that has no room for the run: its report is made, and one line says what there is.
mkdir "$tmp/disk"
mount -t tmpfs -o size=16k tmpfs "$tmp/disk"
flr=$tmp/disk/run.flr
rm -f "$tmp/err"
record -b 50ms
# On a busy machine all of it may come in one interval: one that is small has to be there before.
for ((i = 0; i < 1000; i++)); do
	! grep -q '^interval ' "$tmp/out" || break
	sleep 0.02
done
grep -q '^interval ' "$tmp/out" || fail "no interval is printed"
for ((i = 0; i < 200; i++)); do
	fault 1 $me 1 0 0xffff888012345678 $((a + i)) $npf
done
stop 1
(($(wc -l <"$tmp/err") == 2)) || fail "not one line about a full disk"
grep -qE 'disk/run.flr: No space left on device; the recording ends after [0-9]+ snapshots?$' "$tmp/err" ||
	fail "a full disk is not reported"
grep -q '^total ' "$tmp/out" || fail "no report on a full disk"
n=$(sed -n 's/.*ends after \([0-9]*\) snapshot.*/\1/p' "$tmp/err")
"$tool" -r "$flr" -b -n 1 >"$tmp/again" 2>"$tmp/again.err" || { cat "$tmp/again.err"; fail "it cannot be read"; }
[[ $(grep -c '^interval ' "$tmp/again") == "$n" ]] || fail "not the $n snapshots that there should be"
grep -q 'cut off after section' "$tmp/again.err" || fail "replay does not say that something is missing"
say "a full disk: one line, exit 1, and what was written is read"
say "all fine"
