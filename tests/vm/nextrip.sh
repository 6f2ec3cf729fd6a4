#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The lab's emulated CPU says where the instruction after an intercepted one begins, so that KVM does not decode those
# that it skips, and a software interrupt that KVM injects returns there. With kvm_amd.nrips=0 the same VM has each one
# decoded. Without --inside it starts the lab itself, twice.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
rounds=1000

fail() {
	echo "nextrip: $*" >&2
	exit 1
}

# inside DECODED: so many of a round's six instructions. An interrupt that is injected is decoded either way; a host
# interrupt that comes between has it injected once more, and without nrips decoded once more.
inside() {
	local said skipped injected decoded

	said=$("$repo/build/x86_64/nextrip" $rounds)
	read -r _ skipped _ injected _ decoded <<<"$said"
	((skipped == 6 * rounds && injected >= 2 * rounds &&
		($1 ? decoded - injected == $1 * rounds : decoded <= injected))) ||
		fail "$said, but $1 instructions of a round are to be decoded"
	echo "nextrip: nrips $(</sys/module/kvm_amd/parameters/nrips): $said"
}

if [[ ${1-} == --inside ]]; then
	inside "$2"
else
	"$repo/scripts/vm" x86_64 --timeout 60 -- "$0" --inside 0
	exec "$repo/scripts/vm" x86_64 --timeout 60 --append kvm_amd.nrips=0 -- "$0" --inside 6
fi
