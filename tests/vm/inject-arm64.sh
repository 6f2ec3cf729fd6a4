#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# rasinject on arm64: both back ends verified, undone, and the victim alone hit; what would take more down is refused,
# and nothing is poisoned then; --undo restores after kill -9. tests/vm/inject.sh has more, on x86_64. Without --inside
# it starts the lab itself.
set -euo pipefail
shopt -s inherit_errexit

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tool=$repo/build/arm64/rasinject

fail() {
	echo "inject-arm64: $*" >&2
	exit 1
}

ok() {
	echo "ok $* ($(cut -d. -f1 /proc/uptime) s)"
}

# shellcheck source=tests/vm/inject-lib.sh
. "$repo/tests/vm/inject-lib.sh"

# Page frames with a flag, in the first 256 MiB (a look at all takes a minute here).
flagged() { # KPF-BIT
	local start

	start=$((16#$(awk '/System RAM/ { split($1, range, "-"); print range[1]; exit }' /proc/iomem) / 4096))
	od -An -v -tu8 -w8 -j $((start * 8)) -N $((65536 * 8)) /proc/kpageflags |
		awk -v bit="$1" -v start="$start" 'int($1 / 2 ^ bit) % 2 && !(int($1 / 2 ^ 19) % 2) { print start + NR - 1 }'
}

# find_page REASON: one of 20 page frames, of those on standard input, that is refused for this reason.
find_page() {
	local pfn

	for pfn in $(shuf -n 20); do
		! { refuses "$pfn" "$1" && refuses "$pfn" "$1"; } || { echo "$pfn"; return; }
	done
	fail "of 20 page frames none is refused as $1"
}

# A page table of processes that stay. The one who looks has page tables, too, and again the same frames at each look.
refused_page_table() {
	local sleepers=() pfn n

	flagged 26 | sort >/tmp/before
	for ((n = 0; n < 40; n++)); do
		sleep 1000 &
		sleepers+=($!)
	done
	flagged 26 | sort | comm -13 /tmp/before - >/tmp/new
	flagged 26 | sort | comm -12 /tmp/new - >/tmp/stay
	(($(wc -l </tmp/stay) >= 80)) || fail "40 processes have $(wc -l </tmp/stay) page tables"
	pfn=$(find_page page-table </tmp/stay)
	refused page-table --pfn "$pfn"
	kill "${sleepers[@]}"
	wait "${sleepers[@]}" 2>/dev/null || true
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

inside() {
	modprobe hwpoison-inject
	backend hwpoison
	backend hard-offline

	refused_kernel_text
	refused slab --pfn "$(flagged 7 | find_page slab)"
	refused_page_table
	refused zero-page --pfn "$(flagged 24 | find_page zero-page)"
	refused not-ram --pfn 0x10
	refused not-ram --pfn 0xfffffffffffff
	refused_mapped
	no_poison "all refusals"
	refused_poisoned
	filtered
	killed_anywhere
}

if [[ ${1-} == --inside ]]; then
	inside
else
	exec "$repo/scripts/vm" arm64 --timeout 280 -- "$0" --inside
fi
