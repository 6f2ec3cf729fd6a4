#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A Linux guest with two vCPUs under a mixed load of SECONDS (20): not more than one VM exit in 1,000 makes a fault, and
# CPUID is handled inside. Prints why VM exits leave, by reason, and each fault (make bench-asi). What the tracepoints say of
# the guest's whole life is what asi/stats says.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

tracing=/sys/kernel/tracing
trigger=$tracing/events/asi/asi_exits/trigger
histograms=("hist:keys=exit_reason,cause:vals=inside,ended" "hist:keys=exit_reason,cause:vals=outside") # two values each

# "REASON CAUSE INSIDE ENDED OUTSIDE" for each pair, of all residencies until now.
exits() {
	tr -d '{},:' <$tracing/events/asi/asi_exits/hist | awk '
		$1 == "exit_reason" { for (i = 5; i < NF; i += 2) n[$2 " " $4, $i] += $(i + 1); pair[$2 " " $4] }
		END { for (p in pair) print p, n[p, "inside"] + 0, n[p, "ended"] + 0, n[p, "outside"] + 0 }' | sort
}

# What the two histograms had no room for.
dropped() { awk '$1 == "Dropped:" { n += $2 } END { print n + 0 }' $tracing/events/asi/asi_exits/hist; }

# since BEFORE NOW: the differences.
since() {
	awk 'FNR == NR { for (i = 3; i <= 5; i++) n[$1 " " $2, i] = $i; next }
		{ print $1, $2, $3 - n[$1 " " $2, 3], $4 - n[$1 " " $2, 4], $5 - n[$1 " " $2, 5] }' "$1" "$2"
}

matrix() {
	awk '
	BEGIN {
		split("fault sensitive irq sched halt user", cause)
		split("96 intr 97 nmi 100 vintr 114 cpuid 120 hlt 123 io 124 msr 129 vmmcall 1024 npf", word)
		for (i = 1; i in word; i += 2) name[word[i]] = word[i + 1]
		printf "%-8s %8s %8s", "VM-EXIT", "COUNT", "INSIDE"
		for (i = 1; i <= 6; i++) printf " %9s", cause[i]
		printf " %8s\n", "OUTSIDE"
	}
	{ inside[$1] += $3; left[$1, $2 + 1] += $4; outside[$1] += $5; count[$1] += $3 + $4 + $5 }
	END {
		for (reason in count) {
			if (!count[reason]) continue
			printf "%-8s %8d %8d", reason in name ? name[reason] : sprintf("%#x", reason), count[reason], inside[reason]
			for (i = 1; i <= 6; i++) printf " %9d", left[reason, i]
			printf " %8d\n", outside[reason]
		}
	}' "$1"
}

# The guest under load, watched for some seconds. Leaves /tmp/window: exits, and /tmp/sites: missing mappings.
watch_guest() {
	local seconds=$1

	linux_start linux $((seconds + 120))
	exits >/tmp/before
	"$repo/build/asi-faulttop" --once "$seconds" -o json --strict >/tmp/sites || fail "asi-faulttop: exit code $?"
	exits >/tmp/now
	linux_stop
	since /tmp/before /tmp/now >/tmp/window
}

# Of a guest that is warm at most one VM exit in 1,000 makes a fault, those apart that bring in guest memory (npf, 0x400).
few_faults() {
	local faults exits

	read -r faults exits < <(awk '{ exits += $3 + $4 + $5 } $2 == 0 && $1 != 1024 { faults += $4 } END { print faults + 0, exits + 0 }' /tmp/window)
	((faults * 1000 <= exits)) || fail "$faults of $exits VM exits made a fault: more than one in 1,000"
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

# The tracepoints' sums and the counters, over the guest's life.
same_counts() {
	exits | awk '{ inside[$1] += $3; ended[$1] += $4; outside[$1] += $5 }
		END { for (r in inside) printf "0x%x %d %d %d\n", r, inside[r], ended[r], outside[r] }' | sort >/tmp/traced
	awk '$1 == 0 && $4 ~ /^vmexit\./ { split($4, f, "."); n[f[2], f[3]] = $5; reason[f[2]] }
		END { for (r in reason) print r, n[r, "inside"] + 0, n[r, "ended"] + 0, n[r, "outside"] + 0 }' \
		$asi/stats | sort >/tmp/counted
	diff -u /tmp/traced /tmp/counted >&2 || fail "the tracepoints' sums (-) and asi/stats (+) differ"
	ok "the tracepoints' sums are those of asi/stats, for each of $(wc -l </tmp/counted) reasons"
}

inside() {
	printf '%s\n' "${histograms[0]}" >$trigger
	printf '%s\n' "${histograms[1]}" >>$trigger
	watch_guest "$1"
	same_counts
	[[ $(grep -c '^ *Dropped: 0' $tracing/events/asi/asi_exits/hist) == 2 ]] || fail "the histograms have lost $(dropped) events"
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
	seconds=${1:-20}
	run_inside $((seconds + 200)) "$seconds"
fi
