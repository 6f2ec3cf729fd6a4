#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A bad page of a host with 16 KiB pages is four of a guest with 4 KiB: with a large error block one record has all
# four, and the guest isolates all of them, though only one was touched. Without --inside it starts the lab itself.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

fail() {
	echo "ras-16k: $*" >&2
	exit 1
}

ok() {
	echo "ok $* ($(cut -d. -f1 /proc/uptime) s)"
}

l2() {
	"$repo/scripts/l2-arm64" --name 16k "$@"
}

inside() {
	local mapped address gpa hpa said want i got

	grep -qx 'KernelPageSize: *16 kB' /proc/self/smaps || fail "the host's pages have not 16 KiB"
	l2 start --kernel "$repo/build/kernel/arm64/vmlinuz" -- -global acpi-ged.x-error-block-size=4096
	mapped=$(l2 ask map 2 wide)
	read -r address gpa < <(sed -n 's/^victim 0 .* address \(0x[0-9a-f]*\) gpa \(0x[0-9a-f]*\)$/\1 \2/p' <<<"$mapped")
	((gpa % 16384 == 0)) || fail "victim 0's page is at $gpa, not the first of four"
	read -r hpa _ < <(l2 hpa "$gpa")
	echo "$hpa" >/sys/devices/system/memory/hard_offline_page
	said=$(l2 ask touch 0)
	[[ $said == *"victim 0 sigbus code 4 address $address lsb 12 "*"victim 0 killed 7" ]] || fail "victim 0: $said"
	[[ $(l2 ask corrupted) == "corrupted 16" ]] || fail "the guest has isolated not four pages: $(l2 ask corrupted)"
	ok "one bad page of 16 KiB, one access: four pages isolated"

	want=$(for i in 0 1 2 3; do printf 'physical_address: 0x%016x\n' $((gpa + i * 4096)); done)
	got=$(tr -d '\r' </tmp/l2-16k/console.log | grep -o '{1}\[Hardware Error\]:   physical_address: 0x[0-9a-f]*' |
		sed 's/.*:   //')
	[[ $got == "$want" ]] || fail "the guest's record has: $got"
	[[ $(tr -d '\r' </tmp/l2-16k/console.log | grep -c '{1}\[Hardware Error\]:  Error [0-3], type: recoverable') == 4 ]] ||
		fail "not four entries"
	! grep -q '{2}\[Hardware Error\]' /tmp/l2-16k/console.log || fail "there is a second record"
	[[ $(l2 ask touch 1) == "victim 1 value 0xfa170001" ]] || fail "victim 1, the neighbour, does not read what it wrote"
	l2 stop
	ok "one record with exactly four entries; the neighbour, the guest and QEMU live"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	# for the guest's kernel
	"$repo/scripts/vm" arm64 -- true
	LAB_KERNEL=16k "$repo/scripts/vm" arm64 --qemu patched --timeout 280 -- "$0" --inside
fi
