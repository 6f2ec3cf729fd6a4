#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Errors that nobody has run into yet, of the host and injected at a guest address: the guest isolates the pages before
# anybody touches them; 64 of them, and none is lost on the way. What cannot be injected is an error that says why, and
# changes nothing. Without --inside it starts the lab itself.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dir=/tmp/l2-notify
count=64
notify=(-global acpi-ged.x-error-block-size=4096 -global acpi-ged.x-error-notify=on)

fail() {
	echo "ras-notify: $*" >&2
	tail -n 5 "$dir/qemu.log" >&2 2>/dev/null || true
	exit 1
}

ok() {
	echo "ok $* ($(cut -d. -f1 /proc/uptime) s)"
}

l2() {
	"$repo/scripts/l2-arm64" --name notify "$@"
}

inject() { # ADDRESS [MODE]
	l2 qmp "{\"execute\":\"x-inject-memory-error\",\"arguments\":{\"address\":$(($1)),\"mode\":\"${2-notify}\"}}"
}

refused() { # PATTERN ADDRESS [MODE]
	local pattern=$1 answer code=0

	shift
	answer=$(inject "$@") || code=$?
	[[ $code == 1 && $answer == '{"error"'*$pattern* ]] || fail "inject $*: $answer"
}

# Until the guest has taken so many pages out of use.
isolated() { # PAGES
	local tries

	for ((tries = 300; tries; tries--)); do
		[[ $(l2 ask corrupted) != "corrupted $((4 * $1))" ]] || return 0
		sleep 0.1
	done
	fail "the guest has isolated $(l2 ask corrupted) kB, not $1 pages"
}

inside() {
	local mapped gpa=() address=() n at frame hpa answer seen commands=()

	l2 start --smp 2 -- "${notify[@]}" -trace 'ras_*' -D $dir/trace >/dev/null
	mapped=$(l2 ask map $((count + 2)))
	# as they got ready: not in the order of their numbers
	while read -r _ n _ _ _ _ _ at _ frame; do
		address[n]=$at
		gpa[n]=$frame
	done <<<"$mapped"

	refused 'is not a multiple of 4096' $((gpa[0] + 8))
	refused 'ROM is there' 0
	refused 'a device is there' 0x09000000
	refused 'nothing is there' 0x7000000000
	refused 'only in emulation (TCG)' "${gpa[0]}" poison
	[[ $(l2 ask corrupted) == "corrupted 0" ]] || fail "the guest was told of something that was refused"
	! grep -q . $dir/trace || fail "something happened: $(cat $dir/trace)"
	ok "unaligned, ROM, a device, nothing there, poison under KVM: an error each, and nothing happens"

	answer=$(inject "${gpa[0]}")
	[[ $answer == '{"return": {"sequence": 1, "waiting": 1}}' || $answer == '{"return": {"waiting": 1, "sequence": 1}}' ]] ||
		fail "inject: $answer"
	isolated 1
	tr -d '\r' <$dir/console.log | grep -q "physical_address: $(printf '0x%016x' "${gpa[0]}")" || fail "the guest's log lacks it"
	tr -d '\r' <$dir/console.log | grep -q 'Hardware Error.*fru_text: QEMU error 1$' || fail "the record has no number"
	[[ $(l2 ask list | grep -c alive) == $((count + 2)) ]] || fail "a process that did not touch its page is dead"
	ok "an injected error: the guest isolates the page, and nobody has touched it"

	# rasinject's back end, for the same: the guest has that page already, and says so.
	RASINJECT_JOURNAL=/tmp/journal "$repo/build/arm64/rasinject" --gpa "${gpa[0]}" --qmp $dir/qmp.sock --backend qmp -o json \
		>/tmp/rasinject 2>&1 || fail "rasinject: $(cat /tmp/rasinject)"
	grep -q '"sequence": *2[,}]' /tmp/rasinject || fail "rasinject does not say that it was error 2: $(cat /tmp/rasinject)"
	seen=0
	RASINJECT_JOURNAL=/tmp/journal "$repo/build/arm64/rasinject" --gpa 0x09000000 --qmp $dir/qmp.sock --backend qmp \
		>/tmp/rasinject 2>&1 || seen=$?
	[[ $seen == 5 && $(cat /tmp/rasinject) == *'QEMU refused: '*'a device is there'* ]] ||
		fail "rasinject, a device: exit $seen: $(cat /tmp/rasinject)"
	ok "rasinject --gpa --backend qmp: told as error 2; a device: exit 5"

	for ((n = 1; n <= count; n++)); do
		read -r hpa _ < <(l2 hpa "${gpa[n]}")
		echo "$hpa" >/sys/devices/system/memory/hard_offline_page
		# Signals do not queue: the next one only when this was taken.
		for ((seen = 0; seen < 100; seen++)); do
			(($(grep -c '^ras_pending ' $dir/trace) <= n + 1)) || break
			sleep 0.05
		done
	done
	isolated $((count + 1))
	! grep -q 'buffer overflow' $dir/console.log || fail "the guest's queue of errors overflowed"
	[[ $(grep -c '^ras_record ' $dir/trace) -ge $((count / 8)) ]] || fail "few records: $(grep -c '^ras_record ' $dir/trace)"
	! grep -q '^ras_sea ' $dir/trace || fail "an abort was raised"
	ok "$count bad pages of the host, untouched: all isolated, in $(grep -c '^ras_record ' $dir/trace) records"

	[[ $(l2 ask touch $((count + 1))) == "victim $((count + 1)) value "* ]] || fail "the neighbour does not read its page"
	answer=$(l2 ask touch 1)
	[[ $answer == *"victim 1 sigbus code 4 address ${address[1]} lsb 12 "* ]] || fail "victim 1 touched its page: $answer"

	l2 hmp stop >/dev/null
	for ((n = 0; n < 256; n++)); do
		commands+=("{\"execute\":\"x-inject-memory-error\",\"arguments\":{\"address\":$((gpa[0])),\"mode\":\"notify\"}}")
	done
	answer=$(l2 qmp "${commands[@]}") || fail "inject, the guest is stopped: $(grep -m 1 error <<<"$answer")"
	refused 'there is no room for more' "${gpa[0]}"
	l2 hmp cont >/dev/null
	[[ $(l2 ask list | grep -c alive) == $((count + 1)) ]] || fail "the guest does not go on"
	ok "a full queue: an error; the guest goes on"

	l2 qmp '{"execute":"quit"}' >/dev/null
}

if [[ ${1-} == --inside ]]; then
	inside
else
	exec "$repo/scripts/vm" arm64 --qemu patched --timeout 540 -- "$0" --inside
fi
