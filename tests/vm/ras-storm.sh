#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Many memory errors at once: COUNT (100) pages of a guest with two vCPUs are poisoned in the host, and as many
# processes touch them as fast as they can. Debian's QEMU aborts at the second error that comes before the guest has
# acknowledged the first; with the series every process gets SIGBUS for its own page, and QEMU, the guest and a
# neighbour live. More than 100 are touched 250 at once, in a guest whose console is quiet. Without --inside it starts
# the lab itself, once with each QEMU.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dir=/tmp/l2-storm

fail() {
	echo "ras-storm: $*" >&2
	tail -n 5 "$dir/qemu.log" >&2 2>/dev/null || true
	! cp "$dir/console.log" "$repo/build/ras-storm.console" 2>/dev/null || echo "ras-storm: the guest's console: build/ras-storm.console" >&2
	exit 1
}

ok() {
	echo "ok $* ($(cut -d. -f1 /proc/uptime) s)"
}

l2() {
	"$repo/scripts/l2-arm64" --name storm --timeout $((120 + ${count:-0})) "$@"
}

# How often the log of QEMU has an event of this name.
events() {
	grep -c "^$1 " "$dir/trace" || true
}

# Poisons pages of the guest in the host, 50 after each look at where they are: what is moved meanwhile would be
# somebody else's, the guest's own free memory among it.
poison() { # GPA...
	local hpas hvas=() hpa hva first=$(($1))

	echo never >/sys/kernel/mm/transparent_hugepage/enabled # for khugepaged moves pages
	echo 0 >/proc/sys/vm/compaction_proactiveness
	while (($#)); do
		mapfile -t hpas < <(l2 hpa "${@:1:50}")
		for hpa in "${hpas[@]}"; do
			read -r hpa hva <<<"$hpa"
			hvas+=("$hva")
			echo "$hpa" >/sys/devices/system/memory/hard_offline_page
		done
		shift $(($# < 50 ? $# : 50))
	done
	is_poisoned $((hvas[0] - first)) || fail "not all of ${#hvas[@]} pages are poisoned, or others are"
}

# Of the guest's memory, which begins at 1 GiB, just these pages are gone from QEMU's: not present (bit 63), something
# else (62), and there is no swap here. OFFSET: from the guest's addresses to QEMU's.
is_poisoned() { # OFFSET
	local start=$((1 << 30)) size=$((512 << 20)) gone # 8 bytes for each 4 KiB

	gone=$(dd if="/proc/$(<"$dir/pid")/pagemap" bs=$((size / 512)) skip=$((($1 + start) / 512)) count=1 \
		iflag=skip_bytes,fullblock status=none | od -An -v -w8 -tx8 |
		awk -v start=$start '/^ [4-7]/ { print start + (NR - 1) * 4096 }')
	[[ $gone == "$(printf '%d\n' "${gpas[@]}" | sort -n)" ]]
}

# A guest, $1 victims and a neighbour, each victim's page poisoned.
prepare() { # COUNT QEMU OPTIONS
	local count=$1 mapped gpas

	shift
	l2 start --smp 2 -- "$@" >/dev/null
	mapped=$(l2 ask map $((count + 1)))
	[[ $(wc -l <<<"$mapped") == $((count + 1)) ]] || fail "not $count victims and a neighbour: $mapped"
	for ((n = 0; n < count; n++)); do
		[[ $mapped =~ "victim $n pid "[0-9]+" cpu "[0-9]+" address "(0x[0-9a-f]+)" gpa "(0x[0-9a-f]+) ]] ||
			fail "no page of victim $n: $mapped"
		address[n]=${BASH_REMATCH[1]}
		gpas[n]=${BASH_REMATCH[2]}
	done
	[[ $(printf '%s\n' "${gpas[@]}" | sort -u | wc -l) == "$count" ]] || fail "not $count different pages"
	poison "${gpas[@]}"
	ok "$count pages of the guest are poisoned"
}

stock() {
	local address

	prepare 60
	l2 ask touch 0 59 >/dev/null 2>&1 && fail "Debian's QEMU lives: this test no longer shows anything"
	[[ $(cat "$dir/exit") == 134 ]] || fail "Debian's QEMU ended with $(cat "$dir/exit"), not by abort()"
	ok "Debian's QEMU aborts: $(grep -m 1 -i acknowledge "$dir/qemu.log")"
}

patched() {
	local count=$1 address n said killed kb records overflows told

	# Numbered records: without the numbers Linux takes a second one for the same page, which comes when another
	# CPU's interrupt took the first one along, for the first, and sends a SIGBUS that is of no memory error.
	prepare "$count" -global acpi-ged.x-error-block-size=4096 -trace 'ras_*' -D "$dir/trace"
	# Linux has memory for some 300 errors that it has not handled yet; then it leaves a record unread, and processes
	# are killed whose pages it goes on to use. What it prints of each takes longer than the next one takes to come.
	((count <= 100)) || l2 ask console 1 >/dev/null
	said=
	for ((n = 0; n < count; n += 250)); do
		said+=$(l2 ask touch $n $((n + 250 < count ? n + 249 : count - 1)))$'\n' ||
			fail "the guest does not answer: $(grep -aE 'panic|Out of memory' "$dir/console.log" || true)"
	done
	for ((n = 0; n < count; n++)); do
		grep -qE "^victim $n sigbus code 4 address ${address[n]} lsb 12 ns " <<<"$said" ||
			fail "victim $n: $(grep "^victim $n " <<<"$said" || echo nothing)"
	done
	killed=$(grep -c ' killed 7$' <<<"$said" || true)
	((killed == count)) || fail "$killed of $count victims were killed by SIGBUS"
	ok "$count of $count victims got SIGBUS for their own pages"

	[[ $(l2 ask touch "$count") == "victim $count value $(printf '%#x' $((0xfa170000 + count)))" ]] ||
		fail "the neighbour does not read what it wrote"
	kb=$(l2 ask corrupted)
	[[ $kb == "corrupted $((4 * count))" ]] || fail "the guest has isolated $kb KB, not $((4 * count))"
	# Linux queues 16 for each CPU; one that it drops comes again when the victim goes on. It tells the console.
	overflows=$(grep -c "buffer overflow" "$dir/console.log" || true)
	((count <= 100)) && told="$overflows times" || told="an unknown number of times, for the console is quiet"
	ok "the guest has isolated $count pages, and its neighbour lives; its queue overflowed $told"

	records=$(events ras_record)
	((records >= count + overflows)) || fail "$records records for $count errors and $overflows that the guest dropped"
	[[ $(grep '^ras_sea ' "$dir/trace" | grep -c 'recorded 1, by KVM 1$') == "$records" ]] ||
		fail "not each abort has a record, or KVM did not raise it: $(grep '^ras_sea ' "$dir/trace" | tail -3)"
	[[ $(grep '^ras_record ' "$dir/trace" | grep -o '^ras_record error [0-9]*' | sort -u | wc -l) == "$records" ]] ||
		fail "sequence numbers are used twice"
	[[ $(grep '^ras_record ' "$dir/trace" | grep -o 'guest address 0x[0-9a-f]*' | sort -u | wc -l) == "$count" ]] ||
		fail "not each page has a record of its own"
	[[ $(l2 hmp info status) == "VM status: running" ]] || fail "QEMU does not run the guest"
	[[ $(grep '"MEMORY_FAILURE"' "$dir/events" | grep '"action": "inject"' | grep '"recipient": "guest"' |
		grep -c '"guest-address": ') == "$records" ]] || fail "not $records events MEMORY_FAILURE: $(tail -2 "$dir/events")"
	l2 stop
	ok "QEMU: $records records, $(events ras_retry) repeated accesses, none without a record"
}

case ${1-} in
--inside) shift; "$@" ;;
*)
	"$repo/scripts/vm" arm64 --qemu stock --timeout 200 -- "$0" --inside stock
	"$repo/scripts/vm" arm64 --qemu patched --timeout $((200 + 4 * ${1:-100})) -- "$0" --inside patched "${1:-100}"
	;;
esac
