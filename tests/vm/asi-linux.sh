#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A Linux guest with two vCPUs under a mixed load of SECONDS (60): not more than one VM exit in 1,000 makes a fault, and
# CPUID is handled inside. Prints why VM exits leave, by reason, and each fault (make bench-asi). What the tracepoints say of
# the guest's life is what asi/stats says, and KVM's own statistics.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

# shellcheck source=tests/vm/asi-exits-lib.sh
. "$repo/tests/vm/asi-exits-lib.sh"

guest_memory=/sys/module/kvm/parameters/address_space_isolation_guest

# Holds the guest: when each of its threads has stopped, no vCPU is in KVM_RUN, and what is counted stands still.
hold() {
	kill -STOP "$1"
	timeout 10 sh -c "while grep -L '^State:.T' /proc/$1/task/*/status | grep .; do sleep 0.1; done" >/tmp/runs ||
		fail "the guest (process $1) does not stop"
}

# What KVM's statistics have of the VM for one reason: "REASON COUNT"; of all VM exits: "exits COUNT".
kvm_counted() {
	local pid=$1 reason name

	while read -r reason name; do
		echo "$reason $(cat /sys/kernel/debug/kvm/"$pid"-*/"$name")"
	done <<-END | sort
		exits exits
		0x60 irq_exits
		0x64 irq_window_exits
		0x78 halt_exits
		0x7b io_exits
	END
}

# The guest's life until now: the tracepoints' sums, the counters of isolation and those of KVM.
same_counts() {
	local pid

	pid=$(awk '$4 == "residencies" && $1 > 0 { print $1; exit }' $asi/stats)
	hold "$pid"
	exits | awk '{ inside[$1] += $3; ended[$1] += $4; outside[$1] += $5 }
		END { for (r in inside) printf "0x%x %d %d %d\n", r, inside[r], ended[r], outside[r] }' | sort >/tmp/traced
	awk -v pid="$pid" '$1 == pid && $4 ~ /^vmexit\./ { split($4, f, "."); n[f[2], f[3]] += $5; reason[f[2]] }
		END { for (r in reason) print r, n[r, "inside"] + 0, n[r, "ended"] + 0, n[r, "outside"] + 0 }' \
		$asi/stats | sort >/tmp/counted
	kvm_counted "$pid" >/tmp/kvm
	kill -CONT "$pid"
	diff -u /tmp/traced /tmp/counted >&2 || fail "the tracepoints' sums (-) and asi/stats (+) differ"
	ok "the tracepoints' sums are those of asi/stats, for each of $(wc -l </tmp/counted) reasons"
	awk 'FNR == NR { n[$1] += $2 + $3 + $4; n["exits"] += $2 + $3 + $4; next } { print $1, n[$1] + 0 }' \
		/tmp/counted /tmp/kvm >/tmp/counted_too
	diff -u /tmp/kvm /tmp/counted_too >&2 || fail "KVM's own statistics (-) and asi/stats (+) differ"
	ok "KVM's own statistics are those of asi/stats: $(paste -sd, /tmp/kvm)"
}

# What KVM looks up in a VM exit is mapped: asi/audit finds some of each; and the kernel has told no fault, from the
# guest's boot on, of the functions that look.
looked_up() {
	local object function

	cat $asi/audit >/tmp/audit
	for object in kvm vcpu run pio fpu lapic lapic-regs cpuid mce pic ioapic pit lapic-map irq-routing bus memslot srcu; do
		awk -v object=$object '$3 == "vm" && $4 == object { n += $5 } END { exit !n }' /tmp/audit ||
			{ grep ' vm ' /tmp/audit >&2; fail "nothing of the VM's $object is mapped"; }
	done
	dmesg >/tmp/dmesg
	grep 'KVM isolation: page fault' /tmp/dmesg >/tmp/missing || fail "the kernel's log has no missing mapping at all"
	for function in kvm_irq_map_gsi kvm_irq_map_chip_pin kvm_set_msr_common kvm_get_msr_common kvm_cpuid; do
		! grep " at $function+" /tmp/missing >&2 || fail "$function makes faults"
	done
	ok "what KVM looks up in a VM exit is mapped: of $(wc -l </tmp/missing) missing mappings none is of that"
}

# The guest under load, watched for some seconds. Leaves /tmp/window: exits, and /tmp/sites: missing mappings.
watch_guest() {
	local seconds=$1

	linux_start linux $((seconds + 120))
	exits >/tmp/before
	"$repo/build/asi-faulttop" --once "$seconds" -o json --strict >/tmp/sites || fail "asi-faulttop: exit code $?"
	exits >/tmp/now
	same_counts
	looked_up
	linux_stop
	since /tmp/before /tmp/now >/tmp/window
}

# Of a guest that is warm at most one VM exit in 1,000 makes a fault, those apart that bring in guest memory (npf, 0x400).
# Without the page by which interrupts are ended there are as many as interrupts: that is only said.
few_faults() {
	local faults exits

	read -r faults exits < <(awk '{ exits += $3 + $4 + $5 } $2 == 0 && $1 != 1024 { faults += $4 } END { print faults + 0, exits + 0 }' /tmp/window)
	((faults * 1000 <= exits)) || [[ $(<$guest_memory) == N ]] || fail "$faults of $exits VM exits made a fault: more than one in 1,000"
	ok "of $exits VM exits $faults made a fault"
}

# The kinds of VM exit that the load is made of, and that KVM can answer by itself.
enough_inside() {
	awk '{ count[$1] += $3 + $4 + $5; inside[$1] += $3 }
		END { for (r in count) print r, count[r], inside[r] }' /tmp/window >/tmp/kinds
	awk '{ n[$1] = $2 } END { exit !(n[114] >= 1000 && n[120] >= 1000 && n[123] >= 1000 && n[124] >= 1000 && n[96] >= 500) }' \
		/tmp/kinds || { cat /tmp/kinds >&2; fail "the load does not make 1,000 of each kind of VM exit"; }
	awk '$1 == 114 { exit !($3 * 10 >= $2 * 8) }' /tmp/kinds || fail "of CPUIDs fewer than 8 in 10 were handled inside"
	ok "of $(awk '$1 == 114 { print $2 " CPUIDs " $3 }' /tmp/kinds) were handled inside"
}

inside() {
	exits_start
	watch_guest "$1"
	exits_all_there
	[[ $(awk '$4 == "refaults" { n += $5 } END { print n + 0 }' $asi/stats) == 0 ]] ||
		fail "faults outside that the full table has no reason for"
	echo "VM exits in $1 s, none lost, and what ended the residency ($(jq -r 'select(.type == "summary") | .platform' /tmp/sites), 2 vCPUs):"
	matrix /tmp/window
	jq -r 'select(.type == "row") | "\(.count)\t\(.function)\t\(.object)\ton \(.vm_exits[0].name)"' /tmp/sites
	few_faults
	enough_inside
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside "$2"
else
	seconds=${1:-60}
	run_inside $((seconds + 200)) "$seconds"
fi
