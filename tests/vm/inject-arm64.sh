#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# rasinject on arm64: both back ends verified, undone, and the victim alone hit; what would take more down is refused,
# and nothing is poisoned then. tests/vm/inject.sh has more, on x86_64. Without --inside it starts the lab itself.
set -euo pipefail
shopt -s inherit_errexit

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tool=$repo/build/arm64/rasinject
hwpoison=/sys/kernel/debug/hwpoison
export RASINJECT_JOURNAL=/tmp/journal

fail() {
	echo "inject-arm64: $*" >&2
	exit 1
}

ok() {
	echo "ok $* ($(cut -d. -f1 /proc/uptime) s)"
}

# shellcheck source=tests/vm/victim-lib.sh
. "$repo/tests/vm/victim-lib.sh"

# expect CODE ARGUMENT...: its exit status; what it prints is in /tmp/out and /tmp/err.
expect() {
	local want=$1 code=0

	shift
	"$tool" "$@" >/tmp/out 2>/tmp/err </dev/null || code=$?
	[[ $code == "$want" ]] || fail "rasinject $*: exit $code, not $want: $(cat /tmp/out /tmp/err)"
}

no_poison() { [[ $(corrupted) == 0 ]] || fail "$1: HardwareCorrupted is $(corrupted) kB"; }

# refuses REASON ARGUMENT...
refuses() {
	local reason=$1

	shift
	"$tool" "$@" --dry-run -o json 2>/dev/null | grep -q "\"refusals\": *\[[^]]*\"$reason\"" || return 1
}

# refused REASON ARGUMENT...: exit 4, for this reason, and nothing is poisoned.
refused() {
	local reason=$1 before

	shift
	before=$(corrupted)
	expect 4 "$@" --dry-run -o json
	grep -q "\"refusals\": *\[[^]]*\"$reason\"" /tmp/out || fail "$* is not refused as $reason: $(cat /tmp/out)"
	expect 4 "$@"
	grep -q 'not injected: .*; --force does it all the same$' /tmp/err || fail "$*: $(cat /tmp/err)"
	[[ $(corrupted) == "$before" ]] || fail "$*: refused, but HardwareCorrupted went to $(corrupted)"
	ok "refused: $reason ($*)"
}

# find_page REASON KPF-BIT: one of 20 page frames with this flag that is refused for this reason. Some belong to the
# looker, and are something else when it has ended.
find_page() {
	local pfn start

	start=$((16#$(awk -F- '/System RAM/ { print $1; exit }' /proc/iomem) / 4096))
	for pfn in $(od -An -v -tu8 -w8 -j $((start * 8)) /proc/kpageflags |
		awk -v bit="$2" -v start="$start" 'int($1 / 2 ^ bit) % 2 && !(int($1 / 2 ^ 19) % 2) { print start + NR - 1 }' |
		shuf -n 20)
	do
		! { refuses "$1" --pfn "$pfn" && refuses "$1" --pfn "$pfn"; } || break
	done
	echo "$pfn"
}

# vaddr PID NAME: the first address of a mapping with that in its name that is in memory.
vaddr() {
	local range start end entry page=4096

	while read -r range _; do
		start=$((16#${range%-*})) end=$((16#${range#*-}))
		for ((; start < end; start += page)); do
			entry=$(od -An -tx8 -j $((start * 8 / page)) -N 8 "/proc/$1/pagemap")
			((16#${entry// } >= 0)) || { printf '%#x\n' "$start"; return; } # bit 63: present
		done
	done < <(grep -F -- "$2" "/proc/$1/maps")
	fail "nothing of $2 of process $1 is in memory"
}

backend() { # NAME
	victim neighbour
	victim "$1"
	expect 0 --pfn "${victim_pfn[$1]}" --backend "$1" --force
	grep -qE '^result +verified$' /tmp/out || fail "$1: $(cat /tmp/out)"
	[[ $(corrupted) == 4 ]] || fail "$1: HardwareCorrupted is $(corrupted) kB, not 4"
	[[ $(says "$1" touch) == "sigbus 4 ${victim_vaddr[$1]}" ]] || fail "$1: the victim says $(tail -1 "/tmp/victim.$1")"
	gone "$1" 3
	[[ $(says neighbour touch) == "value 23" ]] || fail "$1: the neighbour was hit"
	gone neighbour 0
	expect 0 --undo
	no_poison "undo of $1"
	ok "$1: verified, its victim gets SIGBUS, the neighbour lives, undone"
}

own_stack() {
	local address code=0

	address=0x$(setarch aarch64 -R cat /proc/self/maps | awk '/\[stack\]/ { split($1, range, "-"); print range[2] }')
	address=$(printf '%#x' $((address - 4096)))
	# shellcheck disable=SC2016 # the inner shell's pid stays the tool's
	setarch aarch64 -R bash -c 'exec "$0" --pid $$ --vaddr "$1" -o json' "$tool" "$address" >/tmp/out 2>/tmp/err || code=$?
	[[ $code == 4 && $(</tmp/out) == *'"family"'* ]] || fail "its own stack: exit $code: $(cat /tmp/out /tmp/err)"
	no_poison "its own stack"
	ok "refused: its own stack"
}

inside() {
	modprobe hwpoison-inject
	backend hwpoison
	backend hard-offline

	refused reserved --pfn $((16#$(awk -F- '/Kernel code/ { print $1 }' /proc/iomem) / 4096 + 23))
	refused slab --pfn "$(find_page slab 7)"
	refused page-table --pfn "$(find_page page-table 26)"
	refused reserved --pfn "$(find_page reserved 32)"
	refused zero-page --pfn "$(find_page zero-page 24)"
	refused not-ram --pfn 0x10
	refused not-ram --pfn 0xfffffffffffff
	refused shared-file --pid $$ --vaddr "$(vaddr $$ libc)"
	refused init --pid 1 --vaddr "$(vaddr 1 '[stack]')"
	refused family --pid $$ --vaddr "$(vaddr $$ '[stack]')"
	own_stack

	victim twice
	expect 0 --pfn "${victim_pfn[twice]}" --force
	refused poisoned --pfn "${victim_pfn[twice]}"
	gone twice 0
	expect 0 --undo
	no_poison "undo of what was poisoned once"

	victim filtered
	echo 1 >$hwpoison/corrupt-filter-memcg
	echo 1 >$hwpoison/corrupt-filter-enable
	echo 999999 >$hwpoison/corrupt-filter-memcg
	expect 6 --pfn "${victim_pfn[filtered]}" --backend hwpoison --force
	grep -q 'not verified: no memory_failure_event' /tmp/err || fail "filtered: $(cat /tmp/err)"
	no_poison filtered
	echo 0 >$hwpoison/corrupt-filter-enable
	[[ $(says filtered touch) == "value 23" ]] || fail "a filtered page was poisoned"
	gone filtered 0
	ok "a filter drops it: exit 6, not verified"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	exec "$repo/scripts/vm" arm64 --timeout 280 -- "$0" --inside
fi
