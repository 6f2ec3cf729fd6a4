# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For the tests that run in the lab with isolation on: sourced by tests/vm/asi-*.sh.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
asi=/sys/kernel/debug/asi
test_name=$(basename "$0" .sh)
checks=0
vm_options=() # what a test adds to scripts/vm's options

fail() {
	echo "$test_name: $*" >&2
	exit 1
}

# A guest's console on standard error: from the first splat or stall on, and the end.
show_guest() { # LOG
	local splat

	# shellcheck source=scripts/lab/splat.sh
	. "$repo/scripts/lab/splat.sh"
	splat=$(first_splat "$1" || true)
	[[ -z $splat ]] || grep -aFm 1 -A 120 -- "$splat" "$1" >&2 || true
	echo "-- the end of $1" >&2
	tail -n 20 "$1" >&2
}

# One thing that holds.
ok() {
	checks=$((checks + 1))
	echo "ok $checks $*"
}

# Starts the lab with isolation on and runs this very script in it. CHECK_SLOW: see tests/run.
run_inside() {
	local timeout=$(($1 * ${CHECK_SLOW:-1}))

	shift
	exec "$repo/scripts/vm" x86_64 ${KERNEL:+--kernel "$KERNEL"} --timeout "$timeout" \
		--append "kvm.address_space_isolation=1" "${vm_options[@]}" -- "$0" --inside "$@"
}

# A tiny VM whose vCPU runs until it is stopped. Sets tiny_pid and tiny_vm.
tiny_start() {
	tiny_out=$(mktemp)
	"$repo/build/x86_64/tinykvm" --loop --cpuid 23 >"$tiny_out" &
	tiny_pid=$!
	local i
	for ((i = 0; i < 100; i++)); do
		tiny_vm=$(awk -v pid="$tiny_pid" '$1 == pid && $4 == "residencies" && $5 > 0 { print $2 }' \
			$asi/stats)
		[[ -z $tiny_vm ]] || return 0
		sleep 0.1
	done
	cat "$tiny_out" >&2
	fail "the tiny VM (process $tiny_pid) was never inside: no residencies in $asi/stats"
}

tiny_stop() {
	kill -TERM "$tiny_pid"
	wait "$tiny_pid" || { cat "$tiny_out" >&2; fail "the tiny VM ended with an error"; }
}

# linux_start NAME SECONDS: a Linux guest with two vCPUs under the mixed load, for so long at most; back when every load
# has run once, and guest memory is there.
linux_start() {
	mkfifo /tmp/l2.input
	exec 9<>/tmp/l2.input
	"$repo/scripts/l2" --name "$1" --smp 2 --load mixed --seconds "$2" --input /tmp/l2.input --timeout $(($2 + 120)) \
		>/tmp/l2.log 2>&1 &
	linux_pid=$!
	until grep -qa '^L2 READY' /tmp/l2.log; do
		kill -0 "$linux_pid" || { show_guest /tmp/l2.log; fail "the guest did not boot"; }
		sleep 0.2
	done
	sleep 5
}

linux_stop() {
	echo stop >&9
	wait "$linux_pid" || { show_guest /tmp/l2.log; fail "the guest did not run its load and power off"; }
}

# touch TARGET COUNT: what the self-test says, "ADDRESS TOUCHED_A FAULTED_A TOUCHED_B FAULTED_B".
touch_inside() {
	echo "$tiny_pid $tiny_vm 0 $1 $2" >$asi/selftest || fail "the self-test refused $1"
	awk '$1 == "address" { print $2, $4, $5, $7, $8 }' $asi/selftest
}

# The physical address of a page of a process: pagemap PID VADDR.
pagemap() {
	python3 - "$1" "$2" <<-'END'
	import struct, sys
	with open(f"/proc/{sys.argv[1]}/pagemap", "rb") as f:
	    f.seek(int(sys.argv[2], 16) // 4096 * 8)
	    entry, = struct.unpack("<Q", f.read(8))
	if not entry >> 63:
	    sys.exit(f"pagemap: {sys.argv[2]} of process {sys.argv[1]} is not present")
	print(hex((entry & (1 << 55) - 1) * 4096))
	END
}

hits_seconds=3
# hits RANGES: "COUNT FUNCTION" of the faults in $hits_seconds that are in these ranges (a file, "START LENGTH"), the most first
hits() {
	"$repo/build/asi-faulttop" --once $hits_seconds -o json --strict 2>/dev/null >/tmp/top || fail "asi-faulttop: exit code $?"
	python3 - "$1" <<-'END'
	import collections, json, sys
	with open(sys.argv[1]) as f:
	    ranges = [(int(start, 16) & -4096, int(start, 16) + int(length) + 4095 & -4096) for start, length in map(str.split, f)]
	count = collections.Counter()
	with open("/tmp/top") as f:
	    for row in map(json.loads, f):
	        if row["type"] == "row" and any(start <= int(row["address_min"], 16) < end for start, end in ranges):
	            count[row["function"]] += row["count"]
	for function, n in count.most_common():
	    print(n, function)
	END
}

# ranges OWNER: "START LENGTH" of each, of all VMs.
ranges() { awk -v owner="$1" '$1 !~ /^#/ && $3 == owner { print $4, $5 }' $asi/ranges; }

# asi/verify finds nothing. $1: when
sound() {
	cat $asi/verify >/tmp/verify
	! grep -E '^[0-9]+ [0-9]+ bad ' /tmp/verify >&2 || { cat /tmp/verify >&2; fail "$1: asi/verify has found something"; }
}

symbol() {
	awk -v name="$1" '$3 == name { print $1; found = 1; exit } END { exit !found }' /proc/kallsyms ||
		fail "no symbol $1"
}
