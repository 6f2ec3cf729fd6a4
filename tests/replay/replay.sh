#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Each recording of a real run is replayed as its goldens say, and in every other
# way that has to agree with them: filters, formats, cut off, spoilt. No root, no
# kernel. tests/replay/record makes recordings and goldens.

set -euo pipefail
shopt -s inherit_errexit

repo=$(cd "$(dirname "$0")/../.." && pwd)
here=$repo/tests/replay
tool=$repo/build/asi-faulttop
"$repo/scripts/setup" --need jq /usr/lib/python3/dist-packages/jsonschema/__init__.py
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
: >"$tmp/out"
: >"$tmp/err"

say() { printf 'replay.sh: %s\n' "$*"; }
fail() {
	say "FAILED: $*"
	head -n 30 "$tmp/out" | sed 's/^/  stdout | /'
	head -n 30 "$tmp/err" | sed 's/^/  stderr | /'
	exit 1
}
# replay EXIT ARGUMENT...: what it prints is in $tmp/out and $tmp/err
replay() {
	local want=$1 got=0
	shift
	"$tool" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || got=$?
	[[ $got == "$want" ]] || fail "$*: exit $got, expected $want"
}
# refused PATTERN EXIT ARGUMENT...: nothing is shown, and one line says why
refused() {
	local pattern=$1
	shift
	replay "$@"
	[[ ! -s $tmp/out ]] || fail "$*: prints on stdout"
	(($(wc -l <"$tmp/err") == 1)) || fail "$*: not one line on stderr"
	grep -qE "^asi-faulttop: .*$pattern" "$tmp/err" || fail "$*: no line like: $pattern"
}
sum() { jq -s "map(select(.scope == \"total\" and .type == \"row\") | .count) | add // 0" "$tmp/out"; }
of_summary() { jq -s "map(select(.scope == \"total\" and .type == \"summary\"))[0].$1" "$tmp/out"; }

# The schema that the tool prints, by a validator that is not ours.
conforms() {
	"$tool" --schema >"$tmp/schema"
	/usr/bin/python3 - "$tmp/schema" "$@" <<'PY' || fail "not as --schema says"
import json, sys
import jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
check = jsonschema.Draft202012Validator(schema)
n = 0
for path in sys.argv[2:]:
    for number, line in enumerate(open(path), 1):
        if line.startswith("#"):
            continue
        n += 1
        record = json.loads(line)
        # by its type: the error of a oneOf says little
        kind = schema["$defs"].get(record.get("type"))
        assert kind, "%s:%d: type %s" % (path, number, record.get("type"))
        one = jsonschema.Draft202012Validator(dict(kind, **{"$defs": schema["$defs"]}))
        for error in one.iter_errors(record):
            sys.exit("%s:%d: %s: %s" % (path, number, "/".join(map(str, error.path)), error.message))
        check.validate(record)
assert n, "no record to check"
# A schema that lets everything pass shows nothing.
for broken in (dict(record, surprise=1), {k: v for k, v in record.items() if k != "counted"},
               dict(record, events="1"), dict(record, lost={})):
    assert not check.is_valid(broken), "the schema allows %r" % broken
PY
}

check_goldens() {
	local file=$1 ending arguments name
	name=$(basename "$file" .flr)
	while read -r ending arguments; do
		# shellcheck disable=SC2086 # a list
		replay 0 -r "$file" $arguments
		[[ ! -s $tmp/err ]] || fail "$name: says something on stderr"
		diff "$here/golden/$name.$ending" "$tmp/out" >"$tmp/diff" ||
			{ head -n 20 "$tmp/diff"; fail "$name.$ending differs; tests/replay/record --goldens"; }
	done < <("$here/record" --list "$file")
}

check_filters() {
	local file=$1 all one rest pid other
	replay 0 -r "$file" -o json
	conforms "$tmp/out" "$repo/tests/unit/golden/rows.ndjson"
	all=$(sum)
	[[ $all != 0 && $(of_summary counted) == "$all" && $(of_summary unaccounted) == 0 ]] ||
		fail "rows do not add up"
	# what the intervals have is what the total has
	[[ $(jq -s 'map(select(.scope == "interval" and .type == "summary") | .counted) | add' "$tmp/out") -le $all ]] ||
		fail "more faults in intervals than in all"
	mapfile -t pids < <(jq -s 'map(.pid // empty) | unique | .[]' "$tmp/out")
	rest=$all
	for pid in "${pids[@]}"; do
		replay 0 -r "$file" -o json --once -p "$pid"
		conforms "$tmp/out"
		one=$(sum)
		[[ $one != 0 && $(of_summary events) == "$one" ]] || fail "-p $pid: rows do not add up"
		rest=$((rest - one))
	done
	((rest == 0)) || fail "-p: all of them have not as many faults as all"
	other=4194303
	refused "no VM of process $other " 5 -r "$file" -p $other
	replay 0 -r "$file" -n 1 --once
	grep -qE '^total .*; not shown: faults [1-9]' "$tmp/out" || fail "-n 1 does not say what is not shown"
	replay 0 -r "$file" -O "$tmp/copy"
	replay 0 -r "$file"
	cmp "$tmp/copy" "$tmp/out" || fail "-O writes another thing"
	rm "$tmp/copy"
}

# cut BYTES: a copy that ends there
cut() { head -c "$1" "$file" >"$tmp/cut.flr"; }

check_cut() {
	local file=$1 size n
	size=$(stat -c %s "$file")
	cut $((size - 1))
	replay 0 -r "$tmp/cut.flr" --once
	(($(wc -l <"$tmp/err") == 1)) || fail "cut off, and not one line about it"
	grep -qE "cut.flr: cut off after section [0-9]+ \(byte [0-9]+\): what came after .* is missing$" "$tmp/err" ||
		fail "cut off, and the line does not say so"
	grep -qE '^lost at least 0 \(the recording is cut off here\)$' "$tmp/out" || fail "the loss line does not say so"
	replay 4 -r "$tmp/cut.flr" --once --strict
	replay 0 -r "$tmp/cut.flr" --once -o json
	conforms "$tmp/out"
	[[ $(of_summary cut_off) == true && $(of_summary lost_events) == null ]] || fail "JSON does not say so"
	cut 23
	refused "cut off after 23 bytes, in its head" 1 -r "$tmp/cut.flr"
	cut 1000
	refused "cut off after section 1 \(byte [0-9]+\), before its first snapshot" 1 -r "$tmp/cut.flr"
	# half of it: fewer intervals, and the total of these
	n=$("$tool" -r "$file" -n 1 | grep -c '^interval ')
	cut $((size / 2))
	replay 0 -r "$tmp/cut.flr" -o json
	(($(jq -s 'map(select(.scope == "interval" and .type == "summary")) | length' "$tmp/out") < n)) ||
		fail "half of the file has all intervals"
	[[ $(of_summary unaccounted) == null ]] || fail "the program was not stopped, and figures are claimed to add up"
	conforms "$tmp/out"
}

# poke OFFSET BYTES: a copy that has these there
poke() {
	cp "$file" "$tmp/bad.flr"
	printf '%b' "$2" | dd of="$tmp/bad.flr" bs=1 seek="$1" conv=notrunc status=none
}

check_foreign() {
	local file=$1
	poke 0 X
	refused "bad.flr: not a .flr recording" 1 -r "$tmp/bad.flr"
	poke 8 '\x01\x02\x03\x04'
	refused "bad.flr: recorded on a machine of the other byte order" 1 -r "$tmp/bad.flr"
	poke 12 '\x63'
	refused "bad.flr: a recording of version 99, this tool reads up to [0-9]+; use a newer one" 1 -r "$tmp/bad.flr"
	poke 20 '\x09'
	refused "bad.flr: a recording of another tool" 1 -r "$tmp/bad.flr"
	poke $(($(stat -c %s "$file") / 2)) XXXX
	refused "bad.flr: section [0-9]+ \(byte [0-9]+\) is spoilt: its .*checksum is wrong" 1 -r "$tmp/bad.flr"
	refused "not a regular file" 1 -r /dev/null
	refused "No such file" 1 -r "$tmp/none"
	cp "$file" "$tmp/same.flr"
	refused "-O and -r name the same file" 1 -r "$tmp/same.flr" -O "$tmp/same.flr" --force
	cmp "$file" "$tmp/same.flr" || fail "the recording was written to"
}

ran=0
for file in "$here"/*.flr; do
	check_goldens "$file"
	say "$(basename "$file"): as the goldens say"
	check_filters "$file"
	say "$(basename "$file"): filters and formats agree, JSON is as --schema says"
	check_cut "$file"
	say "$(basename "$file"): cut off, it shows what is whole and says what is missing"
	check_foreign "$file"
	say "$(basename "$file"): spoilt and foreign files are refused by name"
	ran=$((ran + 1))
done
((ran > 0)) || fail "no recording in $here"
version=$(sed -n 's/^#define FLR_VERSION //p' "$repo/user/lib/flr.h")
for ((v = 1; v <= version; v++)); do
	compgen -G "$here/v$v*.flr" >/dev/null || fail "no recording of version $v is kept"
done
say "all fine"
