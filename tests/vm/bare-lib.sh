# SPDX-License-Identifier: GPL-2.0
# For tests with the bare guest of scripts/l2-arm64, which acknowledges an error only when it is told to. Before it:
# repo, name (of the VM), l2 (a function).
# shellcheck shell=bash
# shellcheck disable=SC2154 # repo, name

# shellcheck source=tests/vm/record-lib.sh
. "$repo/tests/vm/record-lib.sh"

dir=/tmp/l2-$name
started=$SECONDS

fail() {
	echo "$(basename "$0" .sh): $*" >&2
	tail -n 5 "$dir/qemu.log" >&2 2>/dev/null || true
	exit 1
}

ok() {
	echo "ok $* ($((SECONDS - started)) s)"
}

hex() { printf '%#x' "$1"; }

# start_bare OPTIONS OF START -- QEMU OPTIONS: with the trace of what happens to errors.
start_bare() {
	local said

	said=$(l2 start --guest bare --smp 2 "$@" -trace 'ras_*' -D "$dir/trace") || fail "QEMU does not start"
	[[ $said == "ready cpus 2" || $* == *--incoming* ]] || fail "the guest does not start: $said"
}

# How often the log of QEMU has an event of this name.
events() { grep -c "^$1 " "$dir/trace" || true; }

# says WHAT COMMAND...: the guest's answer.
says() {
	local answer want=$1

	shift
	answer=$(l2 ask "$@")
	[[ $answer == "$want" ]] || fail "$*: $answer, not $want"
}

# Until an access is being repeated.
repeats() {
	local tries before

	before=$(events ras_retry)
	for ((tries = 100; tries; tries--)); do
		(($(events ras_retry) == before)) || return 0
		sleep 0.1
	done
	fail "no access is repeated"
}

# What came of the other CPU's access, which has to end.
other_says() {
	local tries

	for ((tries = 300; tries; tries--)); do
		[[ $(l2 ask other) == busy ]] || break
	done
	says "$1" other
}

# The guest takes the error blocks. Sets base, sources, length, and block: where the first source's is.
place() { # SOURCES LENGTH
	local answer

	answer=$(l2 ask place)
	[[ $answer == "place 0x40400000 sources 0x$1 block $2" ]] || fail "place: $answer"
	base=0x40400000 sources=$1 length=$2
	block=$((base + 16 * sources))
}

# acknowledge SOURCE: as Linux does, the status first.
acknowledge() {
	l2 ask write "$(hex $((block + $1 * length)))" 0
	l2 ask write "$(hex $((base + 8 * (sources + $1))))" 1
}

# has SOURCE STATUS TEXT ADDRESS...: what is in this source's block.
has() {
	local want there where

	where=$(hex $((block + $1 * length)))
	shift
	want=$(record "$@")
	there=$(l2 ask bytes "$where" "$(printf %x "$(wc -l <<<"$want")")" | tr ' ' '\n')
	[[ $there == "$want" ]] || fail "the block at $where is not as it should be, at byte $(cmp <(echo "$want") <(echo "$there") |
		sed 's/.*line //'): $there"
}
