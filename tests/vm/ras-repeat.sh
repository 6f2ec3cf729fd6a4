#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Under KVM, with pages that are bad in the host: a guest that makes one access at a time and acknowledges only when it
# is told to. An error of one CPU that comes before the other's is acknowledged has its access repeated until there is
# room for its record; after 10 s, an abort without a record. Without --inside it starts the lab itself.
set -euo pipefail
shopt -s inherit_errexit

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
name=repeat
pages=(0x41000000 0x41001000 0x41002000)

l2() {
	"$repo/scripts/l2-arm64" --name "$name" "$@"
}

# shellcheck source=tests/vm/bare-lib.sh
. "$repo/tests/vm/bare-lib.sh"

inside() {
	local page hpa

	start_bare -- -global acpi-ged.x-error-block-size=4096
	place 1 0x1000
	for page in "${pages[@]}"; do
		l2 ask write "$page" 0x1234 # so that it is there in the host
		read -r hpa _ < <(l2 hpa "$page")
		echo "$hpa" >/sys/devices/system/memory/hard_offline_page
	done

	# By KVM: a data abort from the same level, external, and the address.
	says "abort esr 0x96000010 far 0x41000008" load 0x41000008
	[[ $(events ras_record) == 1 ]] || fail "no record of the first error"
	# From here to the acknowledgement there are 10 s of the guest's, who takes one to answer on a slow machine.
	l2 ask other load 0x41001010
	repeats
	[[ $(events ras_record) == 1 ]] || fail "the record was written over"
	acknowledge 0
	other_says "abort esr 0x96000010 far 0x41001010"
	sequence=2
	has 0 0x11 "QEMU error " 0x41001000
	ok "an error before the last is acknowledged: the access is repeated $(events ras_retry) times, then has its own record"

	# Nobody acknowledges: 10 s.
	says "abort esr 0x96000010 far 0x41002018" load 0x41002018
	[[ $(events ras_record) == 2 ]] || fail "a record was written over another"
	[[ $(grep '^ras_sea ' "$dir/trace" | tail -1) == *'recorded 0'* ]] || fail "the abort without a record is not told"
	grep -qE 'not acknowledged the previous error for 1[0-9]{4} ms' "$dir/qemu.log" || fail "QEMU does not say why there is no record"
	l2 stop
	ok "never acknowledged: an abort without a record, after 10 s"
	check_sea_exit
}

# No kernel here has KVM_EXIT_ARM_SEA (6.19); what QEMU does with it is real, and so is the abort.
check_sea_exit() {
	LD_PRELOAD=$repo/build/arm64/sea-exit.so start_bare --
	place 1 0x400
	says "abort esr 0x96000010 far 0x7f000010" load 0x7f000010
	sequence=1
	has 0 1 "" 0x41000000
	[[ $(grep '^ras_sea ' "$dir/trace") == *'recorded 1, by KVM 1' ]] || fail "KVM_EXIT_ARM_SEA: $(cat "$dir/trace")"
	acknowledge 0
	says "abort esr 0x96000010 far 0x7f000410" load 0x7f000410
	says "abort esr 0x96000010 far 0x7f000810" load 0x7f000810
	[[ $(events ras_record) == 1 && $(grep '^ras_sea ' "$dir/trace" | grep -c 'recorded 0, by KVM 1$') == 2 ]] ||
		fail "KVM_EXIT_ARM_SEA: a record for what is not RAM, or for an unknown address: $(cat "$dir/trace")"
	l2 stop
	ok "KVM_EXIT_ARM_SEA, by a stand-in for a kernel that has it: a record and an abort; not of RAM, or without an address: the abort"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	exec "$repo/scripts/vm" arm64 --qemu patched --timeout 240 -- "$0" --inside
fi
