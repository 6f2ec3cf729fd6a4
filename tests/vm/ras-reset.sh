#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A reset after 20 poisoned pages: the guest boots again and uses those addresses; and until its firmware has run there
# is no place for a record. Without --inside it starts the lab itself.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
count=20
# A victim of this kind takes 512 pages: 180 have 360 of the guest's 512 MiB.
wide=180

fail() {
	echo "ras-reset: $*" >&2
	tail -n 5 /tmp/l2-reset/qemu.log >&2 2>/dev/null || true
	exit 1
}

ok() {
	echo "ok $* ($(cut -d. -f1 /proc/uptime) s)"
}

l2() {
	"$repo/scripts/l2-arm64" --name reset "$@"
}

inject() {
	l2 qmp "{\"execute\":\"x-inject-memory-error\",\"arguments\":{\"address\":$(($1)),\"mode\":\"notify\"}}"
}

inside() {
	local gpas hpa n said answer

	l2 start --smp 2 -- -action reboot=reset -global acpi-ged.x-error-block-size=4096 -global acpi-ged.x-error-notify=on \
		>/dev/null
	mapfile -t gpas < <(l2 ask map $count | grep -o '0x[0-9a-f]*$')
	while read -r hpa _; do
		echo "$hpa" >/sys/devices/system/memory/hard_offline_page
	done < <(l2 hpa "${gpas[@]}")
	said=$(l2 ask touch 0 $((count - 1)))
	[[ $(grep -c ' killed 7$' <<<"$said") == "$count" ]] || fail "not all of $count victims were killed by SIGBUS: $said"
	ok "$count pages are poisoned, and their victims dead"

	l2 hmp stop >/dev/null
	l2 qmp '{"execute":"system_reset"}' >/dev/null
	answer=$(inject "${gpas[0]}") && fail "after the reset there is a place for a record: $answer"
	[[ $answer == *'firmware has not said yet'* ]] || fail "after the reset: $answer"
	l2 hmp cont >/dev/null
	said=$(l2 again)
	[[ $said == "ready cpus 2 kernel "* ]] || fail "after the reset the guest says: $said"
	ok "between reset and firmware no record; the guest boots again"

	# QEMU reads them itself: it would die of one that is still poisoned.
	for n in "${gpas[@]}"; do
		[[ $(l2 hmp xp /1wx "$n") == *": 0x"* ]] || fail "$n cannot be read after the reset"
	done
	said=$(l2 ask map $wide wide)
	[[ $(wc -l <<<"$said") == "$wide" ]] || fail "not $wide victims: $(tail -1 <<<"$said")"
	said=$(l2 ask touch 0 $((wide - 1)))
	[[ $(grep -c ' value 0x' <<<"$said") == "$wide" ]] || fail "a page cannot be used: $(grep -v value <<<"$said" | head -1)"
	[[ $(l2 ask corrupted) == "corrupted 0" ]] || fail "the guest has bad pages after the reset: $(l2 ask corrupted)"
	l2 stop
	ok "QEMU reads all $count addresses, the guest writes 360 of its 512 MiB"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	exec "$repo/scripts/vm" arm64 --qemu patched --timeout 280 -- "$0" --inside
fi
