#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# asi-faulttop's command line: exit codes, one clear line for each thing that is
# wrong, help and version. No kernel needed; parts that need root say so.

set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
# A copy: another user may not be let into the repository.
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
install -m 755 "$repo/build/asi-faulttop" "$tmp/asi-faulttop"
tool=$tmp/asi-faulttop

say() { printf 'cli.sh: %s\n' "$*"; }
fail() {
	say "FAILED: $*"
	sed 's/^/  stdout | /' "$tmp/out"
	sed 's/^/  stderr | /' "$tmp/err"
	exit 1
}

# expect EXIT PATTERN COMMAND...: the exit code, nothing on stdout, and one line
# on stderr that starts with the tool's name and matches; for a wrong command line
# it ends in where to look.
expect() {
	local want=$1 pattern=$2 got=0
	shift 2
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null || got=$?
	[[ $got == "$want" ]] || fail "$*: exit $got, expected $want"
	[[ ! -s $tmp/out ]] || fail "$*: prints on stdout"
	(($(wc -l <"$tmp/err") == 1)) || fail "$*: not one line"
	[[ $want != 2 ]] || pattern="$pattern.*; see asi-faulttop --help$"
	grep -qE "^asi-faulttop: .*$pattern" "$tmp/err" || fail "$*: no line like: $pattern"
}

expect 2 "unknown option --foo" "$tool" --foo
expect 2 "unknown option --foo" "$tool" 1 --foo=3
expect 2 "unknown option -x" "$tool" -x
expect 2 "unknown option -x" "$tool" --once -bxT
expect 2 "option -p wants a value" "$tool" -bp
expect 2 "option --pid wants a value" "$tool" --pid
expect 2 "option --once takes no value" "$tool" --once=3
expect 2 "option --s is ambiguous: [0-9]+ options start so" "$tool" --s 3
expect 2 "sort key 'bad' is unknown: use one of count, rate, vm" "$tool" -s bad
expect 2 "output format 'bad' is unknown: use one of text, json" "$tool" -o bad
expect 2 "colour choice 'pink' is unknown: use one of auto" "$tool" --color pink
expect 2 "duration '0' is not a time above zero such as" "$tool" -d 0
expect 2 "duration '99999999h' is out of range" "$tool" -d 99999999h
expect 2 "interval 'soon' is not a time" "$tool" soon
expect 2 "count '0' is not a whole number" "$tool" 1 0
expect 2 "argument '3' is one too many" "$tool" 1 2 3
expect 2 "pid '0' is not a whole number from 1" "$tool" -p 0
expect 2 "pid '12x' is not a whole number" "$tool" -p 12x
expect 2 "rows '-1' is not a whole number" "$tool" -n -1
expect 2 "sites '99999999' is not a whole number" "$tool" --sites 99999999
expect 2 "--once and COUNT 3 contradict" "$tool" --once 1 3
expect 2 "--force overwrites the file of -O or -w, but there is neither" "$tool" --force
expect 2 "INTERVAL is of counting, and -r shows" "$tool" -r file 1
expect 2 "-d is of counting, and -r shows" "$tool" -r file -d 1
expect 2 "-w is of counting, and -r shows" "$tool" -r file -w other
expect 2 "--sites is of counting, and -r shows" "$tool" --sites 3 -r file
say "usage: exit 2 and the reason"

# Beyond PID_MAX_LIMIT less one there is no process.
expect 5 "no process 4194304" "$tool" -p 4194304
# A VM belongs to a process: the id of one of its threads would count nothing.
coproc THREADED { exec python3 -c 'if True:
	import sys, threading
	t = threading.Thread(target=sys.stdin.read)
	t.start()
	print(t.native_id, flush=True)
	t.join()'; }
process=$THREADED_PID
read -r thread <&"${THREADED[0]}"
[[ $thread != "$process" ]] || fail "python3 has no thread"
expect 5 "$thread is a thread .*; use its process, -p $process$" "$tool" -p "$thread"
input=${THREADED[1]}
exec {input}>&-
wait "$process"
say "a filter for what does not exist: exit 5"

if ((EUID == 0)); then
	expect 3 "neither CAP_BPF nor CAP_PERFMON; run it as root" \
		setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$tool"
	say "no privileges: exit 3 and the remedy"
	if [[ ! -e /sys/kernel/tracing/events/asi/asi_fault ]] &&
		! bpftool btf dump file /sys/kernel/btf/vmlinux | grep -q "'btf_trace_asi_fault'"; then
		expect 3 "no asi:asi_fault in Linux .*; boot the kernel of 'make kernel'" "$tool"
		expect 3 "no asi:asi_fault" "$tool" -O "$tmp/none" -d 1
		[[ ! -e $tmp/none ]] || fail "a file was made for nothing"
		got=0
		"$tool" --check >"$tmp/out" 2>"$tmp/err" || got=$?
		[[ $got == 3 ]] || fail "--check: exit $got, expected 3"
		grep -q '^MISSING  tracepoint .*make kernel' "$tmp/out" || fail "--check does not name it"
		grep -q '^MISSING  isolation .*make kernel' "$tmp/out" ||
			fail "--check does not say that isolation is missing"
		grep -q '^ok       privileges' "$tmp/out" || fail "--check does not say what is fine"
		say "a kernel without the tracepoint: exit 3 and the remedy, also in --check"
	fi
else
	expect 3 "CAP_.*; run it as root" "$tool"
	say "no privileges: exit 3 and the remedy (as the user that runs this)"
fi

for option in --help -h --version -V --usage; do
	"$tool" $option >"$tmp/out" 2>"$tmp/err" || fail "$option: exit $?"
	[[ -s $tmp/out && ! -s $tmp/err ]] || fail "$option: belongs on stdout"
done
"$tool" --help >"$tmp/out"
grep -q '^EXAMPLES:' "$tmp/out" || fail "--help has no EXAMPLES"
# Every long option of the help is in the man page, and the other way round.
options() { grep -oE -- '--[a-z][a-z-]+' | grep -vxE -- '--(help|usage|version)' | sort -u; }
diff <(grep -E '^ +(-.,)? *--' "$tmp/out" | options) \
	<(sed -n '/^# OPTIONS/,/^# OUTPUT/p' "$repo/man/asi-faulttop.8.scd" | grep '^\*-' | options) \
	>"$tmp/err" || fail "--help and the man page name different options"
say "help and version on stdout; the man page has the same options"
say "all fine"
