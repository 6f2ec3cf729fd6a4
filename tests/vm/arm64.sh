#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The whole path of a memory error on Arm, once, on stock parts: a process in a KVM guest maps a page, the
# page under it is poisoned in the host by its physical address, the process touches it; QEMU gets SIGBUS,
# writes a CPER record and raises a synchronous external abort; the guest recovers. The victim gets SIGBUS;
# its neighbour, QEMU and the guest live. Without --inside it starts the lab itself.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
checks=0

fail() {
	echo "arm64: $*" >&2
	exit 1
}

ok() {
	checks=$((checks + 1))
	echo "ok $checks $* ($(cut -d. -f1 /proc/uptime) s)"
}

l2() {
	"$repo/scripts/l2-arm64" --name arm64 "$@"
}

corrupted() {
	awk '$1 == "HardwareCorrupted:" { print $2 }' /proc/meminfo
}

# All of the console's lines of the guest, as they are without time stamps.
console() {
	tr -d '\r' </tmp/l2-arm64/console.log | sed 's/^\[ *[0-9.]*\] //'
}

# HEST as the guest's firmware left it: one GHESv2 source, which notifies by SEA and wants an acknowledgement.
check_hest() {
	local bytes want addresses

	bytes=$(l2 ask table HEST)
	printf %b "$(tr -d ' \n' <<<"$bytes" | sed 's/../\\x&/g')" >/tmp/hest
	[[ $(stat -c %s /tmp/hest) == 132 ]] || fail "HEST has $(stat -c %s /tmp/hest) bytes, not 132"
	iasl -d /tmp/hest >/tmp/iasl.log 2>&1 || { cat /tmp/iasl.log >&2; fail "iasl does not take HEST"; }
	sed -n 's/^\[[^]]*\] *//; s/ \+: /: /; s/ *$//; p' /tmp/hest.dsl >/tmp/hest.txt
	for want in "Error Source Count: 00000001" "Subtable Type: 000A [Generic Hardware Error Source V2]" \
		"Error Status Block Length: 00000400" "Notify Type: 08 [SEA]" "Read Ack Write: 0000000000000001"
	do
		grep -qixF -- "$want" /tmp/hest.txt || { cat /tmp/hest.txt >&2; fail "HEST does not say: $want"; }
	done
	# With one source: the address of the block, then the acknowledgement, then the block.
	mapfile -t addresses < <(sed -n 's/^Address: 0*/0x/p' /tmp/hest.txt)
	block=$((addresses[0] + 16))
	((addresses[1] == addresses[0] + 8)) || fail "the acknowledgement is at ${addresses[1]}"
}

# The record, read from the guest's memory: a status block of 20 bytes, an entry of 72, a memory section of 80.
check_record() { # GPA
	local words at want

	mapfile -t words < <(l2 hmp xp /43wx "$(printf %#x "$block")" | sed 's/^[^:]*://' | tr -s ' ' '\n' | sed '/^$/d')
	# Length; the section's GUID, a5bc1114-6f64-4ede-b863-3e83ed7c83b1; what is valid: type and address.
	for want in 3=0x98 5=0xa5bc1114 6=0x4ede6f64 7=0x833e63b8 8=0xb1837ced 23=0x4002 24=0 27="$1" 28=0; do
		at=${want%=*}
		((words[at] == ${want#*=})) || fail "word $at of the record is ${words[at]}, not ${want#*=}: ${words[*]}"
	done
}

inside() {
	local ready mapped address gpa hpa said want page block

	ready=$(l2 start --smp 2)
	[[ $ready == "ready cpus 2 kernel $(uname -r)" ]] || fail "the guest says: $ready"
	ok "a guest with firmware, ACPI and Linux is up under KVM"

	check_hest
	ok "iasl decodes HEST: one GHESv2 source by SEA"

	mapped=$(l2 ask map 2)
	[[ $(wc -l <<<"$mapped") == 2 ]] || fail "not two victims: $mapped"
	read -r address gpa < <(sed -n 's/^victim 0 .* address \(0x[0-9a-f]*\) gpa \(0x[0-9a-f]*\)$/\1 \2/p' <<<"$mapped")
	[[ -n $gpa ]] || fail "no page of victim 0: $mapped"
	read -r hpa _ < <(l2 hpa "$gpa")
	ok "victim 0 has its page at $gpa in the guest, which is $hpa in the host"

	[[ $(corrupted) == 0 ]] || fail "the host has poisoned pages at the start"
	echo "$hpa" >/sys/devices/system/memory/hard_offline_page
	page=$(awk '$1 == "KernelPageSize:" { print $2; exit }' /proc/self/smaps)
	[[ $(corrupted) == "$page" ]] || fail "HardwareCorrupted is $(corrupted) kB, not one page of $page kB"
	[[ $(l2 ask corrupted) == "corrupted 0" ]] || fail "the guest knows of the error before anybody touched the page"
	ok "the page is poisoned, and nobody has touched it"

	said=$(l2 ask touch 0)
	# Code 4 is BUS_MCEERR_AR.
	want="^victim 0 sigbus code 4 address $address lsb 12 ns [0-9]+"$'\n'"victim 0 killed 7$"
	[[ $said =~ $want ]] || fail "victim 0 touched its page: $said"
	ok "victim 0 got SIGBUS for $address: ${said%%$'\n'*}"

	[[ $(l2 ask touch 1) == "victim 1 value 0xfa170001" ]] || fail "victim 1, the neighbour, does not read what it wrote"
	[[ $(l2 ask list) == $'victim 0 killed 7\nvictim 1 alive' ]] || fail "not just the victim is dead"
	ok "its neighbour lives and reads its own page"

	[[ $(l2 ask corrupted) == "corrupted 4" ]] || fail "the guest has not isolated exactly one page"
	for want in "{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 0" \
		"{1}[Hardware Error]: event severity: recoverable" \
		"{1}[Hardware Error]:   section_type: memory error" \
		"{1}[Hardware Error]:   physical_address: $(printf '0x%016x' "$gpa")" \
		"Memory failure: $(printf '%#x' $((gpa / 4096))): recovery action for dirty LRU page: Recovered"
	do
		console | grep -qxF -- "$want" || { console | tail -30 >&2; fail "the guest's log does not say: $want"; }
	done
	ok "the guest's log has the record and the recovery of $gpa"

	check_record "$gpa"
	ok "the record in the guest's memory has the right length, type and address"

	dmesg | grep -q "Memory failure: $(printf '%#x' $((hpa / (page * 1024)))): Sending SIGBUS to qemu-system-aar" ||
		{ dmesg | tail >&2; fail "the host's log does not say that QEMU got SIGBUS"; }
	[[ $(l2 hmp info status) == "VM status: running" ]] || fail "QEMU does not run the guest"
	l2 stop
	ok "QEMU and the guest live, and power off without a splat"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	exec "$repo/scripts/vm" arm64 ${KERNEL:+--kernel "$KERNEL"} --qemu stock --timeout 280 -- "$0" --inside
fi
