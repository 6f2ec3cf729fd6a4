#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The debug kernel (lockdep, DEBUG_VM, kmemleak ... see kernel-patches/6.12/config/debug.config) runs all tests
# of the ci tier that boot the lab's kernel, and what stresses it. A splat in any of them is a failure. What has passed
# on this tree is not run again.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# name | tier | limit | needs | ...
names=$(awk -F ' *\\| *' '!/^#/ && $2 == "ci" && $4 ~ /(^| )kernel( |$)/ && $1 != "abi" { print $1 }' tests/list)
read -ra tests <<<"$(tr '\n' ' ' <<<"$names")"
((${#tests[@]} >= 10)) || { echo "debug-tier: only ${#tests[@]} tests: ${tests[*]}" >&2; exit 1; }

CHECK_SLOW=3 LAB_KERNEL=debug CHECK_LOG_DIR=${CHECK_LOG_DIR:-build/check}/debug \
	exec tests/run -k -n "${tests[@]}" asi-audit asi-events
