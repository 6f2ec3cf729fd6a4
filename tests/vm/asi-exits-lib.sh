# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# VM exits by reason and cause, added up by the kernel's histograms of asi_exits: sourced by tests after asi-lib.sh.

tracing=/sys/kernel/tracing
asi_exits=$tracing/events/asi/asi_exits

# Two histograms, since one has room for two values. To be called before the VM that is counted is made.
exits_start() {
	printf 'hist:keys=exit_reason,cause:vals=inside,ended\n' >$asi_exits/trigger
	printf 'hist:keys=exit_reason,cause:vals=outside\n' >>$asi_exits/trigger
}

# "REASON CAUSE INSIDE ENDED OUTSIDE" for each pair, of all residencies since exits_start.
exits() {
	tr -d '{},:' <$asi_exits/hist | awk '
		$1 == "exit_reason" { for (i = 5; i < NF; i += 2) n[$2 " " $4, $i] += $(i + 1); pair[$2 " " $4] }
		END { for (p in pair) print p, n[p, "inside"] + 0, n[p, "ended"] + 0, n[p, "outside"] + 0 }' | sort
}

# Fails if an event found no room.
exits_all_there() {
	[[ $(grep -c '^ *Dropped: 0' $asi_exits/hist) == 2 ]] ||
		fail "the histograms have lost $(awk '$1 == "Dropped:" { n += $2 } END { print n + 0 }' $asi_exits/hist) events"
}

# since BEFORE NOW: the differences.
since() {
	awk 'FILENAME == ARGV[1] { for (i = 3; i <= 5; i++) n[$1 " " $2, i] = $i; next }
		{ print $1, $2, $3 - n[$1 " " $2, 3], $4 - n[$1 " " $2, 4], $5 - n[$1 " " $2, 5] }' "$1" "$2"
}

# The same as a table: a row for each reason, a column for each cause. SVM's reasons (AMD APM vol. 2, appendix C) above
# 64, VMX's (Intel SDM vol. 3, appendix C) below.
matrix() {
	awk '
	BEGIN {
		split("fault sensitive irq sched halt user", cause)
		split("0 exception 1 intr 2 shutdown 7 vintr 10 cpuid 12 hlt 18 vmcall 30 io 31 rdmsr 32 wrmsr 48 ept 49 ept-bad " \
			"96 intr 97 nmi 100 vintr 114 cpuid 120 hlt 123 io 124 msr 127 shutdown 129 vmmcall 1024 npf", word)
		for (i = 1; i in word; i += 2) name[word[i]] = word[i + 1]
		printf "%-9s %8s %8s", "VM-EXIT", "COUNT", "INSIDE"
		for (i = 1; i <= 6; i++) printf " %9s", cause[i]
		printf " %8s\n", "OUTSIDE"
		fflush()
	}
	{ inside[$1] += $3; left[$1, $2 + 1] += $4; outside[$1] += $5; count[$1] += $3 + $4 + $5 }
	END {
		for (reason in count) {
			if (!count[reason]) continue
			line = sprintf("%-9s %8d %8d", reason in name ? name[reason] : sprintf("%#x", reason), count[reason], inside[reason])
			for (i = 1; i <= 6; i++) line = line sprintf(" %9d", left[reason, i])
			print line sprintf(" %8d", outside[reason]) | "sort -k2,2nr"
		}
	}' "$1"
}
