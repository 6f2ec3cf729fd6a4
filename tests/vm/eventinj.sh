#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# An interrupt that KVM injects with VMRUN is delivered once by the lab's emulated CPU, also when the CPU is stopped
# before the next VM exit: a guest takes as many as it sends itself while another CPU stops all others all the time.
# Without --inside it starts the lab itself.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
count=20000

inside() {
	local stopper

	taskset 2 "$repo/build/x86_64/misaligned" &
	stopper=$!
	timeout 60 taskset 1 "$repo/build/x86_64/eoivm" <<<"take $count"
	kill $stopper || { echo "eventinj: nothing has stopped the CPUs" >&2; exit 1; }
	echo "eventinj: $count interrupts, each once"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	exec "$repo/scripts/vm" x86_64 --timeout 100 -- "$0" --inside
fi
