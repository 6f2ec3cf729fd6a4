#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# From inside isolation, memory that is not this VM's faults every time it is touched, and memory that
# is mapped does not. Each fault is counted by asi-faulttop and by the kernel.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

# asi-faulttop sees what the self-test did: 23 from each site, the address, nothing lost; and the kernel's
# own counters agree with both.
counted() {
	local out=/tmp/faulttop.json target=$1 got address top before after

	"$repo/build/asi-faulttop" -p "$tiny_pid" -o json -n 0 >$out 2>/tmp/faulttop.err &
	top=$!
	timeout 20 sh -c 'until grep -q ready /tmp/faulttop.err; do sleep 0.1; done' ||
		{ cat /tmp/faulttop.err >&2; fail "asi-faulttop did not get ready"; }
	before=$(counter faults)
	got=$(touch_inside "$target" 23)
	after=$(counter faults)
	[[ ${got#* } == "23 23 23 23" ]] || fail "$target: touched and faulted, by site: ${got#* }"
	((after - before >= 46)) || fail "asi/stats counts $((after - before)) faults, not 46 or more"
	address=${got%% *}
	kill -INT $top
	wait $top || { cat /tmp/faulttop.err >&2; fail "asi-faulttop failed"; }

	python3 - "$out" "$address" "$tiny_pid" "$tiny_vm" <<-'END' || fail "asi-faulttop's figures are wrong"
	import json, sys
	rows = [json.loads(line) for line in open(sys.argv[1])]
	address, pid, vm = int(sys.argv[2], 16), int(sys.argv[3]), int(sys.argv[4])
	symbols = {}
	for line in open("/proc/kallsyms"):
	    value, _, name = line.split()[:3]
	    if name.startswith("asi_selftest_site_"):
	        symbols[name] = int(value, 16)
	summary = rows[-1]
	for name in "asi_selftest_site_a", "asi_selftest_site_b":
	    mine = [r for r in rows if r["type"] == "row" and r["function"] == name]
	    print(name, [(r["count"], r["ip"], r["address_min"], r["address_max"]) for r in mine])
	    assert len(mine) == 1 and mine[0]["count"] == 23
	    assert mine[0]["pid"] == pid and mine[0]["vm"] == vm and mine[0]["vcpus"] == [0], mine[0]
	    assert int(mine[0]["ip"], 16) == symbols[name]
	    assert int(mine[0]["address_min"], 16) == int(mine[0]["address_max"], 16) == address
	    # A read, of what is not present, before any VM exit of that residency; but the first residency is the one
	    # that was there when the touches were asked for, and may have answered CPUIDs.
	    assert not mine[0]["write"] and not mine[0]["fetch"], mine[0]
	    exits = {e["reason"]: e["count"] for e in mine[0]["vm_exits"]}
	    assert exits.pop(0xffffffff) >= 22 and set(exits) <= {0x72}, mine[0]
	assert summary["type"] == "summary" and summary["lost_events"] == 0, summary
	assert not any(summary["lost"].values()), summary
	assert summary["unaccounted"] == 0 and summary["events"] == summary["counted"], summary
	END
	ok "asi-faulttop: 23 and 23, right address, right ip, lost 0; the kernel's counters agree"
}

counter() {
	awk -v pid="$tiny_pid" -v name="$1" '$1 == pid && $4 == name { print $5 }' $asi/stats
}

# The parameter at run time: from the next entry on the guest runs without isolation, and with it again.
switched_off() {
	local parameter=/sys/module/kvm/parameters/address_space_isolation before outside

	echo N >$parameter
	sleep 1
	before=$(counter residencies)
	outside=$(counter vmexit.0x72.outside)
	sleep 1
	[[ $(counter residencies) == "$before" ]] || fail "switched off, and still entered"
	(($(counter vmexit.0x72.outside) > outside)) || fail "switched off, and the VM stands still"
	echo Y >$parameter
	sleep 1
	(($(counter residencies) > before)) || fail "switched on again, and not entered"
	ok "the parameter switches isolation off and on at run time"
}

inside() {
	"$repo/build/x86_64/asi-reach" "$repo/build/x86_64/tinykvm" || fail "asi-reach failed"

	tiny_start
	switched_off
	counted kmalloc:64
	tiny_stop
	[[ $(grep -vc '^#' $asi/ranges) == 0 ]] || fail "ranges left after the last VM: $(cat $asi/ranges)"
	ok "no range left after the last VM"
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	run_inside 240
fi
