#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The board with ras=on in the arm64 lab: without firmware it starts, and says that ras=on is without effect;
# HEST is byte for byte Debian's QEMU's with a small error block; with a small one and with a large one, what iasl
# decodes of it and the records in the guest's memory are as the specifications have it; a block of another size is
# refused. Without --inside it starts the lab itself.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
debian=/usr/bin/qemu-system-aarch64

fail() {
	echo "ras-board: $*" >&2
	exit 1
}

ok() {
	echo "ok $* ($(cut -d. -f1 /proc/uptime) s)"
}

# A board that is stopped before its first instruction: its exit code, and what it said to /tmp/said.
board() { # QEMU OPTIONS
	local code=0

	timeout 60 "$@" -nodefaults -display none -accel kvm -cpu host -S -monitor stdio <<<quit >/tmp/said 2>&1 || code=$?
	echo $code
}

# shellcheck source=tests/vm/record-lib.sh
. "$repo/tests/vm/record-lib.sh"

# HEST of a guest of this QEMU, without what differs from build to build or boot to boot: the checksum and the
# addresses (of the status block, and of the acknowledgement), as hexadecimal bytes.
hest() { # QEMU OPTIONS
	local name=$1 qemu=$2

	shift 2
	"$repo/scripts/l2-arm64" --name "$name" --qemu "$qemu" start -- "$@" >/dev/null
	"$repo/scripts/l2-arm64" --name "$name" ask table HEST >/tmp/hest."$name"
	[[ $name != theirs ]] || "$repo/scripts/l2-arm64" --name "$name" stop
	tr ' ' '\n' </tmp/hest."$name" | grep . |
		awk 'NR == 10 || (NR > 64 && NR <= 72) || (NR > 108 && NR <= 116) { $0 = "--" } { print }'
}

# The values of a field of HEST, as iasl decodes it, in their order, on one line.
decoded() { # NAME FIELD
	sed -n 's/^\[[^]]*\] *//; s/ \+: /: /; s/ *$//; '"s/^$2: //p" "/tmp/$1.dsl" | paste -sd' '
}

# HEST against what docs/specs/acpi_hest_ghes.rst of QEMU says: first the addresses of all blocks, then all
# acknowledgements, then the blocks. Sets block to where each source has its block.
check_hest() { # NAME SOURCES LENGTH SECTIONS NOTIFICATIONS
	local base want i addresses

	printf %b "$(tr -d ' \n' </tmp/hest."$1" | sed 's/../\\x&/g')" >"/tmp/$1"
	iasl -d "/tmp/$1" >/tmp/iasl.log 2>&1 || fail "iasl does not take HEST: $(cat /tmp/iasl.log)"
	for want in "Error Source Count=$(printf %08X "$2")" "Max Sections Per Record=$4" "Max Raw Data Length=$3" \
		"Error Status Block Length=$3" "Notify Type=$5" \
		"Read Ack Write=$(yes 0000000000000001 | head -n "$2" | paste -sd' ')"
	do
		[[ $(decoded "$1" "${want%%=*}") == "${want#*=}" ]] ||
			fail "$1: HEST says ${want%%=*} $(decoded "$1" "${want%%=*}"), not ${want#*=}"
	done
	# Of each source two: its word with the block's address, and its acknowledgement.
	read -ra addresses < <(decoded "$1" Address)
	base=0x${addresses[0]}
	for ((i = 0; i < $2; i++)); do
		((0x${addresses[2 * i]} == base + 8 * i && 0x${addresses[2 * i + 1]} == base + 8 * ($2 + i))) ||
			fail "$1: source $i has its words at ${addresses[2 * i]} and ${addresses[2 * i + 1]}"
		block[i]=$((base + 16 * $2 + i * 0x${3%% *}))
	done
}

# What is in the guest's memory is this record, but for the status, which Linux clears when it has read the others.
check_record() { # NAME SOURCE RECORD...
	local want there name=$1 source=$2

	shift 2
	want=$(record "$@" | tail -n +5)
	there=$("$repo/scripts/l2-arm64" --name "$name" hmp xp "/$(($(wc -l <<<"$want") + 4))bx" "${block[source]}" |
		sed 's/^[^:]*: *//; s/0x//g' | tr -s ' ' '\n' | sed '/^$/d' | tail -n +5)
	[[ $there == "$want" ]] || fail "$name: the record of source $source is $(tr '\n' ' ' <<<"$there")"
}

# bad_page NAME: sets gpa, of two victims' pages, and has the first one go bad in the host.
bad_page() {
	local mapped hpa

	mapped=$("$repo/scripts/l2-arm64" --name "$1" ask map 2 | sort -k 2n)
	mapfile -t gpa < <(awk '{ print $NF }' <<<"$mapped")
	read -r hpa _ < <("$repo/scripts/l2-arm64" --name "$1" hpa "${gpa[0]}")
	echo "$hpa" >/sys/devices/system/memory/hard_offline_page
}

expect_isolated() { # NAME PAGES
	local tries

	for ((tries = 300; tries; tries--)); do
		[[ $("$repo/scripts/l2-arm64" --name "$1" ask corrupted) != "corrupted $((4 * $2))" ]] || return 0
		sleep 0.1
	done
	fail "$1: not $2 pages are isolated"
}

inside() {
	local theirs ours said gpa=() block=()

	[[ $(board "$debian" -M virt,ras=on) == 134 ]] || fail "Debian's QEMU starts without firmware: $(cat /tmp/said)"
	[[ $(board "$FAULTLINE_QEMU" -M virt,ras=on,gic-version=host) == 0 ]] || fail "no firmware: $(cat /tmp/said)"
	grep -q 'ras=on has no effect' /tmp/said || fail "without firmware nobody says that ras=on is without effect: $(cat /tmp/said)"
	[[ $(board "$FAULTLINE_QEMU" -M virt,gic-version=host) == 0 ]] || fail "ras=off: $(cat /tmp/said)"
	! grep -q 'ras=' /tmp/said || fail "ras=off, and it speaks of it"
	ok "ras=on without firmware: Debian's QEMU aborts, ours says that it is without effect"

	[[ $(board "$FAULTLINE_QEMU" -M virt,ras=on,gic-version=host -bios /usr/share/qemu-efi-aarch64/QEMU_EFI.fd \
		-global acpi-ged.x-error-block-size=2048) == 1 ]] || fail "a block of 2048 bytes: $(cat /tmp/said)"
	grep -q 'x-error-block-size must be 1024 or 4096' /tmp/said || fail "a block of 2048 bytes: $(cat /tmp/said)"
	ok "a block of 2048 bytes is refused"

	theirs=$(hest theirs "$debian")
	ours=$(hest ours "$FAULTLINE_QEMU")
	[[ $(wc -l <<<"$theirs") == 132 && $ours == "$theirs" ]] ||
		fail "HEST is not Debian's: $(diff <(echo "$theirs") <(echo "$ours") | head -5)"
	ok "with a small block HEST is Debian's, but for checksum and addresses"

	check_hest ours 1 00000400 00000001 '08 [SEA]'
	bad_page ours
	said=$("$repo/scripts/l2-arm64" --name ours ask touch 0)
	[[ $said == "victim 0 sigbus code 4 "* ]] || fail "the victim says $said"
	check_record ours 0 1 "" "${gpa[0]}"
	"$repo/scripts/l2-arm64" --name ours stop
	ok "a small block: iasl decodes HEST as it should, the record in the guest's memory is right byte for byte"

	hest large "$FAULTLINE_QEMU" -global acpi-ged.x-error-block-size=4096 -global acpi-ged.x-error-notify=on >/dev/null
	check_hest large 2 "00001000 00001000" "00000010 00000010" '08 [SEA] 07 [GPIO]'
	bad_page large
	expect_isolated large 1
	check_record large 1 0x11 "QEMU error " "${gpa[0]}"
	"$repo/scripts/l2-arm64" --name large qmp "{\"execute\":\"x-inject-memory-error\",\"arguments\":{
		\"address\":$((gpa[1])),\"mode\":\"notify\"}}" >/dev/null
	expect_isolated large 2
	sequence=2
	check_record large 1 0x11 "QEMU error " "${gpa[1]}"
	"$repo/scripts/l2-arm64" --name large stop
	ok "a large block, two sources: the same, for an error of the host and an injected one"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	exec "$repo/scripts/vm" arm64 --qemu patched --timeout 280 -- "$0" --inside
fi
