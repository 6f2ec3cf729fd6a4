#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The booted kernel's formats are those in tests/abi/golden, and debugfs asi/ has the fields, owners and
# counters that docs/ABI.md names, in files for root. UPDATE=1 writes the golden formats instead.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

events=/sys/kernel/tracing/events/asi
golden=$repo/tests/abi/golden

# The number of an event is given out at boot.
format() {
	sed '/^ID: /d' "$events/$1/format"
}

compare_formats() {
	local event n=0

	for event in $(find $events -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort); do
		n=$((n + 1))
		if [[ $1 == update ]]; then
			format "$event" >"$golden/$event.format"
		else
			diff "$golden/$event.format" <(format "$event") >&2 ||
				fail "$event: < golden format and > the kernel's differ (UPDATE=1 $0 rewrites it)"
		fi
	done
	((n)) || fail "no events in $events"
	ok "formats of $n events"
}

# What stands in backquotes in docs/ABI.md.
documented() {
	grep -o "\`[^\`]*\`" "$repo/docs/ABI.md" | tr -d "\140" | sort -u >/tmp/documented
	awk '/^\| `cause` \|/ { on = 1 } on && !/^\|/ { exit } on { gsub(/[|`]/, " "); print $2 }' \
		"$repo/docs/ABI.md" >/tmp/causes
}

# undocumented FILE: the lines of FILE that docs/ABI.md does not have.
undocumented() {
	sort -u "$1" | grep -vxF -f /tmp/documented || true
}

look_at_files() {
	local file missing

	for file in "$asi"/*; do
		[[ $(stat -c '%a %u' "$file") == "600 0" ]] || fail "$file is not for root alone: $(stat -c %A "$file")"
		grep -qxF "${file##*/}" /tmp/documented || fail "$file is not in docs/ABI.md"
	done
	ok "files for root alone, all of them documented"

	for file in ranges stats policy try learn; do
		head -1 "$asi/$file" | sed 's/^# //' >/tmp/names
		missing=$(undocumented /tmp/names)
		[[ -z $missing ]] || fail "asi/$file: docs/ABI.md does not have the fields \`$missing\`"
	done
	ok "fields of ranges, stats, policy, try and learn"

	awk '!/^#/ { print $3 }' "$asi/ranges" >/tmp/names
	[[ -s /tmp/names ]] || fail "no ranges to look at"
	missing=$(undocumented /tmp/names)
	[[ -z $missing ]] || fail "asi/ranges: docs/ABI.md does not have the owners $missing"
	ok "owners of ranges"
}

look_at_counters() {
	local missing

	# ended.irq as ended.CAUSE if there is such a cause, vmexit.0x72.ended as vmexit.REASON and .ended
	awk 'NR == FNR { cause[$1]; next }
		/^#/ { next }
		{ split($4, part, ".") }
		part[1] == "ended" && part[2] in cause { print "ended.CAUSE"; next }
		part[1] == "vmexit" && part[2] ~ /^0x[0-9a-f]+$/ {
			print part[3] == "inside" ? "vmexit.REASON.inside" : "." part[3]; next }
		{ print $4 }' /tmp/causes "$asi/stats" >/tmp/names
	grep -qx vmexit.REASON.inside /tmp/names || fail "no VM exit in asi/stats"
	missing=$(undocumented /tmp/names)
	[[ -z $missing ]] || fail "asi/stats: docs/ABI.md does not have the counters $missing"
	ok "counters of stats"
}

inside() {
	compare_formats "$1"
	documented
	tiny_start
	look_at_files
	look_at_counters
	tiny_stop
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside "$2"
elif [[ ${UPDATE-} == 1 ]]; then
	run_inside 60 update
else
	run_inside 60 compare
fi
