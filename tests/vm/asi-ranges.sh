#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who adds up asi_map and takes off asi_unmap has asi/ranges, while VMs come and go and their memory slots move, and
# has nothing left when the last is gone.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

trace=/sys/kernel/tracing/instances/ranges

# What is mapped by the events, "PID VM OWNER START LENGTH" as in asi/ranges, sorted. One that was unmapped more often
# than mapped begins with "-".
by_events() {
	awk 'match($0, /: asi_(map|unmap): vm=.*/) {
			split(substr($0, RSTART + 2), field, /[ :=]+/)
			key = field[3] " " field[4] " " field[6] " " field[8] " " field[10]
			n[key] += field[1] == "asi_map" ? 1 : -1
			events++
		}
		END {
			for (key in n)
				for (i = n[key] < 0 ? -n[key] : n[key]; i; i--)
					print (n[key] < 0 ? "-" : "") key
			print events + 0 >"/tmp/events"
		}' $trace/trace | sort
}

same_ranges() {
	awk '!/^#/' $asi/ranges | sort >/tmp/ranges
	by_events >/tmp/by-events
	diff /tmp/ranges /tmp/by-events >/tmp/diff || { head -20 /tmp/diff >&2; fail "$1: asi/ranges (<) and the events (>) differ"; }
	! grep -hE '^(overrun|commit overrun|dropped events): *[1-9]' $trace/per_cpu/cpu*/stats >&2 || fail "events are lost"
	ok "$1: $(wc -l </tmp/ranges) ranges, as by $(</tmp/events) events"
}

inside() {
	mkdir $trace
	echo 16384 >$trace/buffer_size_kb
	echo 1 >$trace/events/asi/asi_map/enable
	echo 1 >$trace/events/asi/asi_unmap/enable

	tiny_start
	same_ranges "a VM"
	(($(wc -l </tmp/ranges) > 20)) || fail "a VM has only $(wc -l </tmp/ranges) ranges"
	"$repo/build/x86_64/stressvm" --vms 5 --rounds 20 >/tmp/stress || fail "stressvm ended with an error"
	same_ranges "after 5 more that are gone"
	# A table that is only made to see whether it can be made is nobody's.
	echo Y >/sys/module/kvm/parameters/address_space_isolation
	same_ranges "after a trial"
	tiny_stop
	same_ranges "no VM"
	[[ ! -s /tmp/ranges ]] || fail "ranges are left"
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	run_inside 120
fi
