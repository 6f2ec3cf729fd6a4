#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The board with ras=on in the arm64 lab: without firmware it starts, and says that ras=on is without effect;
# HEST is byte for byte Debian's QEMU's with a small error block, and has the large one's size and number of
# sections with a large one; a block of another size is refused. Without --inside it starts the lab itself.
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

# HEST of a guest of this QEMU, without what differs from build to build or boot to boot: the checksum and the
# addresses (of the status block, and of the acknowledgement), as hexadecimal bytes.
hest() { # QEMU OPTIONS
	local name=$1 qemu=$2

	shift 2
	"$repo/scripts/l2-arm64" --name "$name" --qemu "$qemu" start -- "$@" >/dev/null
	"$repo/scripts/l2-arm64" --name "$name" ask table HEST >/tmp/hest."$name"
	"$repo/scripts/l2-arm64" --name "$name" stop
	tr ' ' '\n' </tmp/hest."$name" | grep . |
		awk 'NR == 10 || (NR > 64 && NR <= 72) || (NR > 108 && NR <= 116) { $0 = "--" } { print }'
}

# Bytes OFFSET to OFFSET + 3, as a number.
word() { # HEST OFFSET
	local bytes

	mapfile -t bytes < <(sed -n "$(($2 + 1)),$(($2 + 4))p" <<<"$1")
	echo $((16#${bytes[3]}${bytes[2]}${bytes[1]}${bytes[0]}))
}

inside() {
	local theirs ours large

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

	large=$(hest large "$FAULTLINE_QEMU" -global acpi-ged.x-error-block-size=4096)
	# GHESv2 begins at 40: Max Sections Per Record, Max Raw Data Length, and later Error Status Block Length.
	[[ "$(word "$large" 52) $(word "$large" 56) $(word "$large" 100)" == "16 4096 4096" ]] ||
		fail "with a large block, HEST says $(word "$large" 52) $(word "$large" 56) $(word "$large" 100)"
	[[ "$(word "$ours" 52) $(word "$ours" 56) $(word "$ours" 100)" == "1 1024 1024" ]] || fail "the offsets are wrong"
	ok "with a large block HEST has 16 sections and 4096 bytes"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	exec "$repo/scripts/vm" arm64 --qemu patched --timeout 280 -- "$0" --inside
fi
