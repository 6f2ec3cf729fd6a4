#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# raslat's command line and its reading of recordings: exit codes, one clear line for each thing that is
# wrong, help and man page agree; the recordings of a real run are printed and merged as the goldens say.
# "tests/unit/raslat-cli.sh regenerate" writes the goldens, for review in the diff.

set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
tool=$repo/build/raslat
replay=$repo/tests/replay/ras
host=$replay/v1-host.flr
guest=$replay/v1-guest.flr
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
touch "$tmp/out" "$tmp/err"

say() { printf 'raslat-cli.sh: %s\n' "$*"; }
fail() {
	say "FAILED: $*"
	sed 's/^/  stdout | /' "$tmp/out"
	sed 's/^/  stderr | /' "$tmp/err"
	exit 1
}

# expect EXIT PATTERN COMMAND...: the exit code, and one line on stderr that starts with the tool's name and
# matches; a wrong command line prints nothing else, and ends in where to look.
expect() {
	local want=$1 pattern=$2 got=0
	shift 2
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null || got=$?
	[[ $got == "$want" ]] || fail "$*: exit $got, expected $want"
	(($(wc -l <"$tmp/err") == 1)) || fail "$*: not one line"
	[[ ! -s $tmp/out ]] || fail "$*: prints on stdout"
	grep -qE "^raslat: .*$pattern" "$tmp/err" || fail "$*: no line like: $pattern"
}

wrong() { # PATTERN ARGUMENTS...
	local pattern=$1

	shift
	expect 2 "$pattern.*; see raslat --help$" "$tool" "$@"
}

# golden NAME COMMAND...: what it prints is the golden's.
golden() {
	local file=$replay/golden/$1

	shift
	"$@" >"$tmp/out" 2>"$tmp/err" || fail "$*: exit $?"
	[[ $mode != regenerate ]] || cp "$tmp/out" "$file"
	diff "$file" "$tmp/out" >"$tmp/err" || fail "$*: not what ${file##*/} says"
}

mode=${1-}

# ---- wrong command lines -----------------------------------------------------------------------

wrong "no verb: host, guest or merge"
wrong "verb 'gost' is unknown: use one of host, guest, merge" gost
wrong "argument 'guest' is one too many" host guest
wrong "merge takes the host's recording and the guest's" merge "$host"
wrong "argument 'x' is one too many" merge "$host" "$guest" x
wrong "merge takes two recordings and -o only" merge "$host" "$guest" -d 3
wrong "unknown option --foo" host --foo
wrong "option -p wants a value" host -p
wrong "pid 'x' is not a whole number" host -p x
wrong "pid '0' is not a whole number" host -p 0
wrong "time 'soon' is not one such as" host -d soon
wrong "output format 'xml' is unknown" merge "$host" "$guest" -o xml
wrong "give it to host" guest -p 1
wrong "-r prints what was recorded" host -r "$host" -w "$tmp/new"
wrong "--force is of the file of -w" host --force
expect 5 "no process 4194303 \(-p\)" "$tool" host -p 4194303
say "wrong command lines: a line, exit 2 or 5, nothing else"

# ---- recordings --------------------------------------------------------------------------------

expect 1 "nothing/there: No such file or directory" "$tool" host -r nothing/there
expect 1 "README.md: not a .flr recording$" "$tool" host -r "$repo/README.md"
expect 1 "a recording of another tool" "$tool" host -r "$repo/tests/replay/v1-linux-guest.flr"
expect 2 "is of a guest, not of a host" "$tool" host -r "$guest"
expect 2 "is of a host, not of a guest" "$tool" merge "$host" "$host"
golden v1-host.txt "$tool" host -r "$host"
golden v1-guest.json "$tool" guest -r "$guest" -o json
golden v1.txt "$tool" merge "$host" "$guest"
golden v1.json "$tool" merge "$host" "$guest" -o json
jq -es 'map(select(.type == "error")) | length > 0 and all(.ns.poison <= .ns.touch and .ns.touch <= .ns.abort and
	.ns.abort <= .ns.ack and .ns.ack <= .ns.isolated)' <"$replay/golden/v1.json" >/dev/null ||
	fail "the stages in v1.json are not in order"
say "recordings of a real run: as the goldens say, stages in order"

head -c -100 "$host" >"$tmp/cut.flr"
"$tool" merge "$tmp/cut.flr" "$guest" >"$tmp/out" 2>"$tmp/err" || fail "a recording that is cut off: exit $?"
grep -q 'cut off after section' "$tmp/err" || fail "a recording that is cut off: nobody says so"
grep -q 'host: .* losses are not known' "$tmp/out" || fail "a recording that is cut off has a loss count"
printf x | dd of="$tmp/cut.flr" bs=1 seek=1200 conv=notrunc status=none
expect 1 "is spoilt: its checksum is wrong" "$tool" host -r "$tmp/cut.flr"
# A reader that has gone already.
code=0
{ sleep 0.5; "$tool" merge "$host" "$guest" 2>"$tmp/err" || code=$?; echo $code >"$tmp/out"; } | :
[[ $(cat "$tmp/out") == 0 && ! -s $tmp/err ]] || fail "| head -1"
cp "$host" "$tmp/more.flr"
echo more >>"$tmp/more.flr"
expect 1 "there is something after its end" "$tool" host -r "$tmp/more.flr"
cp "$host" "$tmp/unfinished.flr"
# The flags are at 16: all ones until everything is written.
printf '\377\377\377\377' | dd of="$tmp/unfinished.flr" bs=1 seek=16 conv=notrunc status=none
"$tool" host -r "$tmp/unfinished.flr" >"$tmp/out" 2>"$tmp/err" || fail "an unfinished recording: exit $?"
grep -q 'not marked as finished' "$tmp/err" || fail "an unfinished recording: nobody says so"
# shellcheck disable=SC2016 # the other shell's
expect 1 "stdout: No space left on device" bash -c 'exec "$0" merge "$1" "$2" >/dev/full' "$tool" "$host" "$guest"
say "cut off, spoilt, | head -1, a full disk"

# ---- help and man page -------------------------------------------------------------------------

man=$repo/man/raslat.8.scd
options() { grep -oE -- '--[a-z][a-z-]*' | sort -u; }
diff <("$tool" --help | grep -E '^ +(-.,)? *--' | options) \
	<(sed -n '/^# OPTIONS/,/^# STAGES/p' "$man" | grep '^\*-' | options) >"$tmp/err" ||
	fail "--help and the man page name different options"
for name in latent notify qemu ack recover signal handling; do
	grep -q "^\*$name\*$" "$man" || fail "the man page does not have the time $name"
	grep -q "^$name " "$replay/golden/v1.txt" || fail "merge does not print the time $name"
done
say "help and man page agree"
