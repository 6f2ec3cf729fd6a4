#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The patched kernel with isolation off, which is the default: VMs run as ever, nothing of the series
# shows, and asi-faulttop says what to do.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

inside() {
	local code=0 tiny

	[[ $(</sys/module/kvm/parameters/address_space_isolation) == N ]] ||
		fail "isolation is not off by default"
	# Looked at while the VM is there: the tiny program holds it until it gets a line.
	mkfifo /tmp/hold
	"$repo/build/x86_64/tinykvm" --out 23 --cpuid 23 --touch 23 --hold </tmp/hold >/tmp/tiny &
	tiny=$!
	exec 3>/tmp/hold
	timeout 20 sh -c 'until grep -q hold /tmp/tiny; do sleep 0.1; done' ||
		fail "the tiny program did not get through with isolation off"
	ok "a VM runs with isolation off"
	[[ $(cat $asi/ranges $asi/stats | grep -c '^#') == 2 ]] ||
		fail "no $asi/ranges or no $asi/stats to look at"
	[[ $(grep -vc '^#' $asi/ranges) == 0 ]] || fail "there are ranges: $(cat $asi/ranges)"
	[[ $(awk '!/^#/ { n += $5 } END { print n + 0 }' $asi/stats) == 0 ]] ||
		fail "something was counted: $(cat $asi/stats)"
	ok "no address space was made"
	echo >&3
	wait $tiny || fail "the tiny program failed with isolation off"

	"$repo/build/asi-faulttop" --once 100ms >/tmp/out 2>/tmp/err || code=$?
	cat /tmp/err
	((code == 3)) || fail "asi-faulttop ended with $code, not 3"
	grep -q 'kvm.address_space_isolation=1' /tmp/err || fail "the remedy is not named"
	[[ ! -s /tmp/out && $(wc -l </tmp/err) == 1 ]] || fail "not one line on stderr"
	ok "asi-faulttop: exit code 3, and the remedy"

	code=0
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$repo/build/asi-faulttop" --once 100ms >/tmp/out 2>/tmp/err || code=$?
	cat /tmp/err
	((code == 3)) || fail "asi-faulttop without privileges ended with $code, not 3"
	[[ ! -s /tmp/out && $(wc -l </tmp/err) == 1 ]] || fail "not one line on stderr"
	ok "asi-faulttop without privileges: exit code 3"
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	exec "$repo/scripts/vm" x86_64 ${KERNEL:+--kernel "$KERNEL"} --timeout 90 -- "$0" --inside
fi
