#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# rasinject's command line: exit codes, one clear line for each thing that is wrong, help and man page
# agree; its talk with a QEMU, real and made up. Nothing is injected: this machine is not to be hurt, so
# whatever would get that far is a --dry-run or goes to a made-up QEMU.

set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
# A copy: another user may not be let into the repository.
tmp=$(mktemp -d)
pids=()
finish() {
	((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
	rm -rf "$tmp"
}
trap finish EXIT
chmod 755 "$tmp"
install -m 755 "$repo/build/rasinject" "$tmp/rasinject"
tool=$tmp/rasinject
export RASINJECT_JOURNAL=$tmp/journal
touch "$tmp/out" "$tmp/err"

say() { printf 'inject-cli.sh: %s\n' "$*"; }
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
	[[ $want != 2 ]] || pattern="$pattern.*; see rasinject --help$"
	[[ $want != 2 || ! -s $tmp/out ]] || fail "$*: prints on stdout"
	grep -qE "^rasinject: .*$pattern" "$tmp/err" || fail "$*: no line like: $pattern"
}

# ---- wrong command lines -----------------------------------------------------------------------

expect 2 "no page: give --pfn, --pid with --vaddr, or --gpa with --qmp" "$tool"
expect 2 "unknown option --foo" "$tool" --foo
expect 2 "unknown option -x" "$tool" -x
expect 2 "option --pfn wants a value" "$tool" --pfn
expect 2 "option --force takes no value" "$tool" --force=3
expect 2 "option --p is ambiguous" "$tool" --p 3
expect 2 "argument '0x1234' is one too many" "$tool" 0x1234
for bad in '' x 0x 12x -1 +1 ' 1' 1.5 0x12g; do
	expect 2 "pfn '.*' is not a number such as 4660 or 0x1234" "$tool" --pfn "$bad"
done
expect 2 "pfn '010' starts with 0: hexadecimal starts with 0x" "$tool" --pfn 010
expect 2 "pfn '0x10000000000000' is out of range" "$tool" --pfn 0x10000000000000
expect 2 "pfn '99999999999999999999' is out of range" "$tool" --pfn 99999999999999999999
expect 2 "vaddr 'x' is not a number" "$tool" --pid 1 --vaddr x
expect 2 "gpa 'x' is not a number" "$tool" --gpa x --qmp s
expect 2 "pid '0' is not a whole number from 1" "$tool" --pid 0 --vaddr 1
expect 2 "backend 'bad' is unknown: use one of auto, hwpoison, hard-offline, soft-offline, madvise, einj, qmp" \
	"$tool" --pfn 1 --backend bad
expect 2 "output format 'bad' is unknown: use one of text, json" "$tool" --pfn 1 -o bad
expect 2 "each name a page: give one" "$tool" --pfn 1 --gpa 1 --qmp s
expect 2 "each name a page: give one" "$tool" --pfn 1 --pid 1 --vaddr 1
expect 2 "--vaddr is an address in a process, but there is no --pid" "$tool" --vaddr 1
expect 2 "--pid is the process of --vaddr, but there is no --vaddr" "$tool" --pid 1
expect 2 "--gpa is an address in a guest, but there is no --qmp" "$tool" --gpa 1
expect 2 "--qmp is the guest of --gpa, but there is no --gpa" "$tool" --pfn 1 --qmp s
expect 2 "backend qmp injects into a guest: give --gpa and --qmp" "$tool" --pfn 1 --backend qmp
expect 2 "--memcg-filter is the kernel's" "$tool" --gpa 1 --qmp s --backend qmp --memcg-filter
expect 2 "--undo undoes what is in the journal" "$tool" --undo --pid 1 --vaddr 1
expect 2 "--backend is of injecting" "$tool" --undo --backend hwpoison
expect 2 "--memcg-filter is of injecting" "$tool" --undo --memcg-filter
say "usage: exit 2 and the reason"

# ---- privileges --------------------------------------------------------------------------------

without=()
((EUID != 0)) || without=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all)
expect 3 "no CAP_SYS_ADMIN.*; run it as root" "${without[@]}" "$tool" --pfn 0x1234 --dry-run
expect 3 "no CAP_SYS_ADMIN.*; run it as root" "${without[@]}" "$tool" --undo
"${without[@]}" "$tool" --check >"$tmp/out" 2>"$tmp/err" && fail "--check as nobody is not exit 3"
grep -q '^MISSING  privileges     no CAP_SYS_ADMIN: run it as root$' "$tmp/out" || fail "--check as nobody"
say "no privileges: exit 3 and the remedy, also in --check"

# ---- a made-up QEMU ----------------------------------------------------------------------------

# fake NAME REPLY...: answers qmp_capabilities, and then one reply after the other to whatever is asked.
fake() {
	local name=$1

	shift
	python3 - "$tmp/$name" "$@" <<-'END' >"$tmp/$name.heard" &
	import json, os, socket, sys
	server = socket.socket(socket.AF_UNIX)
	server.bind(sys.argv[1])
	server.listen()
	os.chmod(sys.argv[1], 0o666)
	client, _ = server.accept()
	stream = client.makefile("rw")
	def send(text):
	    try:
	        stream.write(text + "\n")
	        stream.flush()
	    except BrokenPipeError:
	        sys.exit()
	replies = sys.argv[2:]
	if replies and not replies[0].startswith("{"):
	    send(replies.pop(0))
	else:
	    send('{"QMP": {"version": {}, "capabilities": []}}')
	    for line in stream:
	        print(line, end="", flush=True)
	        if json.loads(line)["execute"] == "qmp_capabilities":
	            send('{"return": {}}')
	        elif not replies:
	            break
	        else:
	            for reply in replies.pop(0).split("\n"):
	                send(reply)
	END
	pids+=($!)
	for _ in {1..100}; do
		[[ ! -S $tmp/$name ]] || return 0
		sleep 0.05
	done
	fail "the made-up QEMU does not listen"
}

commands='{"return": [{"name": "quit"}, {"name": "x-inject-memory-error"}]}'
qmp=("$tool" --backend qmp --gpa 0x40000000 --qmp)

fake fine "{\"event\": \"STOP\"}"$'\n'"$commands" $'{"event": "RESUME"}\n{"return": {"sequence": 23}}'
"${qmp[@]}" "$tmp/fine" -o json >"$tmp/out" 2>"$tmp/err" || fail "backend qmp: exit $?"
jq -e '.result == "verified" and .sequence == 23 and .gpa == "0x40000000" and .exit == 0' "$tmp/out" >/dev/null ||
	fail "backend qmp: not the answer's sequence number"
tail -1 "$tmp/fine.heard" | jq -e '.execute == "x-inject-memory-error" and
	.arguments == {"address": 1073741824, "mode": "notify"}' >/dev/null || fail "backend qmp asks for something else"
grep -q ' closed .* why=told-guest ' "$tmp/journal/rasinject.journal" || fail "not in the journal"

fake old '{"return": [{"name": "quit"}]}'
expect 3 "this QEMU has no command x-inject-memory-error; take the one of 'make qemu'" "${qmp[@]}" "$tmp/old"
fake refusing "$commands" '{"error": {"class": "GenericError", "desc": "no RAM is there"}}'
expect 5 "QEMU refused: no RAM is there" "${qmp[@]}" "$tmp/refusing"
fake empty "$commands" '{"return": {}}'
expect 6 "not verified: its answer has no sequence number" "${qmp[@]}" "$tmp/empty"
fake garbage "$commands" '}{'
expect 6 "not verified: what it says is no JSON object" "${qmp[@]}" "$tmp/garbage"
fake array "$commands" '[1]'
expect 6 "not verified: what it says is no JSON object" "${qmp[@]}" "$tmp/array"
fake dying "$commands"
expect 6 "not verified: it hung up" "${qmp[@]}" "$tmp/dying"
fake http "HTTP/1.1 400 Bad Request"
expect 1 "what it says is no JSON object" "${qmp[@]}" "$tmp/http"
expect 1 "--qmp: .*/none: No such file or directory" "${qmp[@]}" "$tmp/none"
expect 1 "--qmp: .*: File name too long" "${qmp[@]}" "$tmp/$(printf '%0120d' 0)"
say "backend qmp: QEMU's word is passed on, and nothing else is taken for success"

# ---- a real QEMU, which never runs a guest (tests/vm/inject.sh injects into one) -----------------------------------------------------

if command -v qemu-system-x86_64 >/dev/null; then
	qemu-system-x86_64 -S -M pc -accel tcg -m 64 -display none -nodefaults \
		-qmp "unix:$tmp/real,server=on,wait=off" 2>"$tmp/err" &
	pids+=($!)
	for _ in {1..100}; do
		[[ ! -S $tmp/real ]] || break
		sleep 0.05
	done
	expect 3 "this QEMU has no command" "${qmp[@]}" "$tmp/real"
	say "a real QEMU: it lacks the command, exit 3"
else
	say "no qemu-system-x86_64 here: not tried on a real QEMU"
fi

# ---- help --------------------------------------------------------------------------------------

for option in --help -h --version -V --usage; do
	"$tool" $option >"$tmp/out" 2>"$tmp/err" || fail "$option: exit $?"
	[[ -s $tmp/out && ! -s $tmp/err ]] || fail "$option: belongs on stdout"
done
"$tool" --help >"$tmp/out"
grep -q '^EXAMPLES:' "$tmp/out" || fail "--help has no EXAMPLES"
man=$repo/man/rasinject.8.scd
# Every long option of the help is in the man page, and the other way round.
options() { grep -oE -- '--[a-z][a-z-]+' | grep -vxE -- '--(help|usage|version)' | sort -u; }
diff <(grep -E '^ +(-.,)? *--' "$tmp/out" | options) \
	<(sed -n '/^# OPTIONS/,/^# OWNERS/p' "$man" | grep '^\*-' | options) \
	>"$tmp/err" || fail "--help and the man page name different options"
# Every reason to refuse, and every example, is what the tool itself has.
names=$(sed -n '/^static const char \*const names/,/^}/s/.*= "\(.*\)",/\1/p' "$repo/user/lib/inject/policy.c")
for name in $names; do
	grep -q "^\*$name\*$" "$man" || fail "the man page does not have the refusal $name"
done
while read -r line; do
	# shellcheck disable=SC2086 # words
	"${without[@]}" "$tool" ${line#rasinject } >"$tmp/out" 2>"$tmp/err" </dev/null || {
		got=$?
		((got != 2)) || fail "the man page's example is no command line: $line"
	}
done < <(sed -n '/^# EXAMPLES/,/^# /p' "$man" | grep '^rasinject ')
say "help and version on stdout; the man page has the same options, refusals, and examples that parse"
say "all fine"
