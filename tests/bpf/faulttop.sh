#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The whole tool, live, on a kernel without ASI: built from its own sources, but
# for the tracepoint that its program hangs on (tests/bpf/standin). What it says
# must be what was done to it. Needs root.

. "$(dirname "$0")/standin/lib.sh"

finish() {
	[[ -z $pid ]] || kill "$pid" 2>/dev/null || true
	rm -rf "$tmp"
}
trap finish EXIT
touch "$tmp/out" "$tmp/err"

# ---- build ---------------------------------------------------------------------

standin_build "$tmp"
standin_mount "$tmp"

a=$(symbol do_exit)
b=$(symbol vprintk)
address=0xffff888012345678
# npf and io of SVM; not every kernel names them
npf=0x400
io=0x7b
me=$$

# ---- helpers -------------------------------------------------------------------

printed() { grep -qE -- "$1" "$tmp/out" || fail "does not print: $1"; }
row() { printed "^ *$me:1\($comm\) +$1 +[0-9.]+ +[0-9.]+% +$2 +$3\+0x0 +$4 "; }
comm=$(tr ' ' '_' <"/proc/$me/comm")

# ---- counts --------------------------------------------------------------------

start
fault 23 $me 1 0 $address "$a" $npf
fault 23 $me 1 0 $address "$b" $npf
stop 0 INT
row 23 '[a-z0-9:]+' do_exit $address
row 23 '[a-z0-9:]+' vprintk $address
printed '^total .*: faults 46, sites 2, VMs 1; not shown: faults 0, sites 0$'
printed '^lost 0$'
printed '^platform: .'
! grep -q unaccounted "$tmp/out" || fail "does not add up"
if [[ -s $tmp/format ]]; then
	row 23 npf do_exit $address
fi
say "23 and 23, right address, right ip, lost 0"

start -o json -S
fault 23 $me 1 0 $address "$a" $npf
fault 4 $me 1 5 $((address + 8)) "$a" $io
fault 7 $me 2 0 $address "$b" $npf
stop 0 TERM
python3 - "$tmp/out" $me $address "$a" "$b" <<'PY' || fail "the JSON is not right"
import json, sys
path, me, address, a, b = sys.argv[1], int(sys.argv[2]), *(int(x, 16) for x in sys.argv[3:])
*rows, summary = [json.loads(line) for line in open(path)]
assert [r["type"] for r in rows] == ["row"] * 2 and summary["type"] == "summary"
first, second = rows
assert (first["pid"], first["vm"], first["count"]) == (me, 1, 27), first
assert int(first["ip"], 16) == a and first["function"] == "do_exit" and not first["function_offset"]
assert int(first["address_min"], 16) == address and int(first["address_max"], 16) == address + 8
assert first["vcpus"] == [0, 5] and not first["vcpus_beyond"]
assert [(e["reason"], e["count"]) for e in first["vm_exits"]] == [(0x400, 23), (0x7b, 4)]
assert len(first["stack"]) > 2 and first["first_ns"] < first["last_ns"] <= first["mono_ns"]
assert (second["vm"], second["count"], int(second["ip"], 16)) == (2, 7, b)
assert summary["events"] == summary["counted"] == 34 and summary["rows"] == 2
assert summary["lost_events"] == 0 and not any(summary["lost"].values())
assert summary["unaccounted"] == 0 and summary["vms"] == 2
PY
say "JSON has the same, and the stack"

start -p $me
fault 23 $me 1 0 $address "$a" $npf
fault 23 1 1 0 $address "$b" $npf
stop 0 INT
printed '^total .*: faults 23, sites 1, VMs 1'
say "-p counts one VMM only"

start -n 3 -s ip
for i in 0 1 2 3 4; do
	fault $((i + 1)) $me 1 0 $address $((a + i)) $npf
done
stop 0 INT
printed '^total .*: faults 15, sites 5, VMs 1; not shown: faults 9, sites 2$'
say "-n says what is not shown"

# ---- intervals -----------------------------------------------------------------

start 300ms 3
fault 23 $me 1 0 $address "$a" $npf
stop 0
[[ $(grep -c '^interval ' "$tmp/out") == 3 ]] || fail "not three intervals"
[[ $(grep -c '^total ' "$tmp/out") == 1 ]] || fail "not one report"
[[ $(grep -c ' do_exit+0x0 ' "$tmp/out") == 2 ]] || fail "not in one interval and the report"
start 200ms 1
fault 23 $me 1 0 $address "$a" $npf
stop 0
[[ $(grep -c '^interval ' "$tmp/out") == 1 && $(grep -c '^total ' "$tmp/out") == 1 ]] ||
	fail "INTERVAL 1 is not one interval and the report"
start --once 200ms
fault 23 $me 1 0 $address "$a" $npf
stop 0
[[ $(grep -c '^VM ' "$tmp/out") == 1 ]] || fail "--once is not one table"
row 23 '[a-z0-9:]+' do_exit $address
start -d 200ms --stats -T
stop 0
printed '^total 0\.[23][0-9]* s: faults 0'
printed '^cost: [0-9]+ runs of [0-9]+ ns in the kernel'
start -d 200ms --stats -o json
stop 0
printed '"bpf_runs":[0-9]+,"bpf_run_ns":[0-9]+}$'
drop="setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin"
full=$tool tool=$tmp/without
printf '#!/bin/sh\nexec %s %s "$@"\n' "$drop" "$full" >"$tool"
chmod 755 "$tool"
start -d 200ms --stats
stop 0
printed '^cost: not measured: needs CAP_SYS_ADMIN; '
start -d 200ms --stats -o json
stop 0
printed '"bpf_runs":null,"bpf_run_ns":null}$'
"$tool" --check >"$tmp/out"
printed '^poorer   --stats +no CAP_SYS_ADMIN'
tool=$full
start -d 200ms -T
stop 0
printed '^20[0-9-]+T[0-9:.]+Z$'
say "intervals, --once, -d, --stats, -T"

# ---- losses --------------------------------------------------------------------

start --sites 2 --strict
for i in 0 1 2; do
	fault 23 $me 1 0 $address $((a + i)) $npf
done
stop 4 INT
printed '^total .*: faults 46, sites 2'
printed '^lost 23: map_full 23 \(raise --sites\)$'
grep -q 'incomplete (--strict)' "$tmp/err" || fail "--strict does not say so"
start --sites 2
for i in 0 1 2; do
	fault 23 $me 1 0 $address $((a + i)) $npf
done
stop 0 INT
printed '^lost 23: '
start --strict
stop 0 INT
# No grace period: the other way to wait, and without that one, too, a report and a word about it.
for how in membarrier "membarrier map-in-map"; do
	FAIL=$how start
	fault 23 $me 1 0 $address "$a" $npf
	stop 0 INT
	row 23 '[a-z0-9:]+' do_exit $address
	printed '^lost 0$'
	words=1
	[[ $how == membarrier ]] || words=2
	(($(wc -l <"$tmp/err") == words)) || fail "membarrier fails: not $words lines"
done
grep -q 'cannot wait for the program to end: Cannot allocate memory; the report may' "$tmp/err" ||
	fail "figures that may move are not named"
FAIL="membarrier map-in-map" start --strict
stop 4 INT
FAIL="membarrier" start --strict
stop 0 INT
say "losses are counted, named, and fail under --strict only"

# ---- where the output goes -----------------------------------------------------

to=/dev/full start
stop 1 INT
grep -q 'report: No space left on device' "$tmp/err" || fail "a full disk is not reported"
(($(wc -l <"$tmp/err") == 2)) || fail "more than one line about a full disk"

# The reader goes after the first line; the next write meets a closed pipe.
mkfifo "$tmp/pipe"
head -n 1 "$tmp/pipe" >"$tmp/head" &
reader=$!
to=$tmp/pipe start 100ms
wait "$reader"
stop 0
[[ $(cat "$tmp/head") == VM* ]] || fail "no first line"
[[ $(cat "$tmp/err") == "asi-faulttop: ready" ]] || fail "a closed pipe is not quiet"
# --strict: nobody read it, but it is incomplete all the same. Here and below the first write ends the run, and the
# faults have to be made before: a busy machine needs more than 100 ms to start the program that makes them.
head -n 1 "$tmp/pipe" >"$tmp/head" &
reader=$!
to=$tmp/pipe start --strict --sites 1 1s
fault 23 $me 1 0 $address "$a" $npf
fault 23 $me 1 0 $address "$b" $npf
wait "$reader"
stop 4
grep -q 'incomplete (--strict): the losses are in the report that nobody read' "$tmp/err" ||
	fail "a closed pipe hides the losses from --strict"
# An interval that cannot be written: exit 1, but the report has the whole run.
FAIL="write" start 1s 3
fault 23 $me 1 0 $address "$a" $npf
stop 1
row 23 '[a-z0-9:]+' do_exit $address
[[ $(grep -c '^total ' "$tmp/out") == 1 ]] || fail "no report after a failed interval"
grep -q 'report: Input/output error' "$tmp/err" || fail "a failed interval is not reported"
say "a full disk fails with one line, a closed pipe ends quietly"

start -O "$tmp/file" -d 100ms
stop 0
grep -q '^total ' "$tmp/file" || fail "-O: nothing written"
[[ ! -s $tmp/out ]] || fail "-O writes to stdout, too"
got=0
"$tool" -O "$tmp/file" -d 100ms 2>"$tmp/err" || got=$?
[[ $got == 1 ]] || fail "-O over a file: exit $got, expected 1"
grep -q 'File exists; --force overwrites it' "$tmp/err" || fail "-O does not say what to do"
# Somebody's old file stays until the tool is armed; one made for nothing goes.
echo old >"$tmp/old"
chmod 644 "$tmp/old"
for args in "$tmp/old --force" "$tmp/new"; do
	got=0
	# shellcheck disable=SC2086  # two words
	FAIL=attach "$tool" -d 100ms -O $args 2>"$tmp/err" || got=$?
	[[ $got == 1 ]] || fail "-O without a tracepoint: exit $got, expected 1"
	grep -q 'cannot attach to asi:asi_fault: Cannot allocate memory' "$tmp/err" ||
		fail "a failed attachment is not reported"
done
[[ $(cat "$tmp/old") == old ]] || fail "--force empties a file for nothing"
[[ ! -e $tmp/new ]] || fail "-O leaves an empty file when attaching fails"
start -O "$tmp/old" --force -d 100ms
stop 0
[[ $(stat -c %a "$tmp/old") == 600 && $(stat -c %a "$tmp/file") == 600 ]] ||
	fail "others may read the file of -O"
[[ $(head -n 1 "$tmp/old") == VM* ]] || fail "--force leaves old text"
start -O /dev/null --force -d 100ms
stop 0
[[ -c /dev/null && $(stat -c %a /dev/null) == 666 ]] || fail "--force changes a device"
start -O "$tmp/file" --force -o json -d 100ms
stop 0
[[ $(head -c 1 "$tmp/file") == "{" ]] || fail "--force does not overwrite"
say "-O overwrites with --force only, and not for nothing; only its owner reads the file"

say "all fine"
