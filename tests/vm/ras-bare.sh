#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What QEMU's emulated Arm board does with memory errors, seen by a guest that makes one access at a time and
# acknowledges only when it is told to: the exact aborts, the exact bytes of the records, an error that comes too
# early, the injection command's answers, COUNT (5000) random commands. SANITIZED=1 has the QEMU with AddressSanitizer
# and UBSan do it. Runs on this machine: nothing but the emulated memory is bad.
set -euo pipefail
shopt -s inherit_errexit

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
count=${1:-5000}
build=${SANITIZED:+sanitized}
qemu=$repo/build/qemu/${build:-x86_64}/qemu-system-aarch64
name=bare.$$
large=(-global acpi-ged.x-error-block-size=4096 -global acpi-ged.x-error-notify=on)
page=0x41000000

l2() {
	"$repo/scripts/l2-arm64" --name "$name" --qemu "$qemu" "$@"
}

# shellcheck source=tests/vm/bare-lib.sh
. "$repo/tests/vm/bare-lib.sh"

clean_up() {
	[[ ! -s $dir/pid || -s $dir/exit ]] || kill "$(<"$dir/pid")" 2>/dev/null || true
	rm -rf "$dir" "$dir.state"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

start() { # QEMU OPTIONS
	start_bare --accel tcg -- "$@"
}

stop() {
	l2 stop
	! grep -qE 'runtime error|Sanitizer' "$dir/qemu.log" || fail "the sanitizers complain"
}

inject() { # MODE ADDRESS
	l2 qmp "{\"execute\":\"x-inject-memory-error\",\"arguments\":{\"address\":$(($2)),\"mode\":\"$1\"}}"
}

clear_error() { # ADDRESS
	l2 qmp "{\"execute\":\"x-clear-memory-error\",\"arguments\":{\"address\":$(($1))}}"
}

poison() {
	local answer

	answer=$(inject poison "$1") || true
	[[ $answer == '{"return": {}}' ]] || fail "poison $1: $answer"
}

refused() { # WHY MODE ADDRESS
	local answer code=0

	answer=$(inject "$2" "$3") || code=$?
	[[ $code == 1 && $answer == '{"error": {'*"$1"* ]] || fail "$2 $3: exit $code, $answer"
}

check_boards() {
	start_bare --accel tcg --machine ras=off --
	refused 'has no error sources' poison $page
	refused 'has no error sources' notify $page
	stop
	start
	refused 'firmware has not said yet' poison $page
	refused 'x-error-notify=on' notify $page
	stop
	start "${large[@]}"
	refused 'firmware has not said yet' poison $page
	refused 'firmware has not said yet' notify $page
	ok "no error source, none of this kind, firmware not ready: an error each"
	place 2 0x1000
	for mode in poison notify; do
		refused 'is not a multiple of 4096' $mode $((page + 8))
		refused 'ROM is there' $mode 0
		refused 'a device is there' $mode 0x09000000
		refused 'nothing is there' $mode 0x7000000000
	done
	refused "does not accept value 'else'" else $page
	[[ $(clear_error $page || true) == '{"error": {'*'there is no poisoned page at 0x41000000'* ]] ||
		fail "clear, where nothing is poisoned: $(clear_error $page || true)"
	[[ ! -s $dir/trace ]] || fail "something happened: $(head -3 "$dir/trace")"
	stop
	ok "unaligned, ROM, a device, nothing there, another mode: an error each, and nothing happens"
}

# What ESR says: the exception class (0x25 data, 0x21 fetch, from the same level), bit 9 (external), bit 6 (a store) and
# the status code 0x10 (synchronous external abort).
check_aborts() {
	local answer

	start -action reboot=reset
	place 1 0x400
	l2 ask write $page 0x1234
	l2 ask write 0x41001000 0xd65f03c0 # a return
	says "value 0x1234" load $page
	says "value 0x41001000" fetch 0x41001000
	poison $page
	refused 'is poisoned already' poison $page
	says "abort esr 0x96000210 far 0x41000008" load 0x41000008
	has 0 1 "" $page
	says "value 0x0" read "$(hex $((base + 8)))" # nobody has acknowledged it
	acknowledge 0
	says "abort esr 0x96000250 far 0x41000ff8" store 0x41000ff8
	has 0 1 "" $page
	acknowledge 0
	says "value 0x0" load 0x41001008
	[[ $(clear_error $page) == '{"return": {}}' ]] || fail "the page is not cleared"
	says "value 0x1234" load $page
	says "value 0x0" load 0x41000ff8
	poison 0x41001000
	says "abort esr 0x86000210 far 0x41001000" fetch 0x41001000
	has 0 1 "" 0x41001000
	acknowledge 0
	clear_error 0x41001000 >/dev/null
	says "value 0x41001000" fetch 0x41001000
	[[ -z $(l2 hmp x_inject_memory_error poison 0x41002000) ]] || fail "the human monitor does not poison"
	says "abort esr 0x96000210 far 0x41002000" load 0x41002000
	acknowledge 0
	[[ $(l2 hmp x_clear_memory_error 0x41002000) == "" ]] || fail "the human monitor does not clear"
	[[ $(l2 hmp x_clear_memory_error 0x41002000) == "Error: there is no poisoned page at 0x41002000"* ]] ||
		fail "the human monitor: $(l2 hmp x_clear_memory_error 0x41002000)"
	[[ $(l2 hmp x_inject_memory_error else 0x41002000) == "Error: invalid parameter value: else"* ]] ||
		fail "the human monitor: $(l2 hmp x_inject_memory_error else 0x41002000)"
	ok "load, store and fetch of a poisoned page: the abort says so, after the record; cleared, it is as before"

	# Nobody but a CPU has an error recorded.
	poison $page
	[[ $(l2 hmp xp /1wx $page) == *"Cannot access memory"* ]] || fail "the monitor reads the page: $(l2 hmp xp /1wx $page)"
	[[ $(events ras_record) == 4 ]] || fail "the monitor's look at the page was recorded"
	answer=$(l2 qmp '{"execute":"migrate","arguments":{"uri":"exec:cat >/dev/null"}}' || true)
	[[ $answer == *'memory has poisoned pages'* ]] || fail "a machine with poisoned pages migrates: $answer"
	l2 hmp system_reset >/dev/null
	l2 again >/dev/null
	says "value 0x1234" load $page
	refused 'firmware has not said yet' poison $page
	answer=$(l2 qmp '{"execute":"query-migrate"}')
	[[ $answer != *blocked-reasons* ]] || fail "after the reset it would not migrate: $answer"
	stop
	ok "a reset makes the pages good; a machine with poisoned pages does not migrate, and says why"
}

# An error of one CPU, while the guest has not acknowledged that of the other.
check_repeats() {
	local before

	start
	place 1 0x400
	poison $page
	poison 0x41001000
	says "abort esr 0x96000210 far $page" load $page
	l2 ask other load 0x41001008
	repeats
	says busy other
	has 0 1 "" $page
	[[ $(events ras_record) == 1 ]] || fail "the record was written over"
	acknowledge 0
	other_says "abort esr 0x96000210 far 0x41001008"
	has 0 1 "" 0x41001000
	# A page that is cleared while its access is repeated has been good all the time.
	l2 ask write 0x41003000 0x1234
	poison 0x41003000
	l2 ask other load 0x41003000
	repeats
	clear_error 0x41003000 >/dev/null
	other_says "value 0x1234"
	[[ $(events ras_record) == 2 ]] || fail "a record for a page that was cleared"
	ok "an error before the last is acknowledged: the access is repeated $(events ras_retry) times, then has its own record"

	# The first CPU waits itself, so nobody acknowledges: 10 s.
	says "abort esr 0x96000210 far $page" load $page
	[[ $(events ras_record) == 2 ]] || fail "a record was written over another"
	[[ $(grep '^ras_sea ' "$dir/trace" | tail -1) == *'recorded 0'* ]] || fail "the abort without a record is not told"
	grep -qE 'not acknowledged the previous error for 1[0-9]{4} ms' "$dir/qemu.log" || fail "QEMU does not say why there is no record"
	# That makes a guest look at the record that is there. Whoever waits too does not follow at once.
	before=$(events ras_retry)
	says "abort esr 0x96000210 far $page" load $page
	(($(events ras_retry) > before + 1000)) || fail "the next abort without a record came after $(($(events ras_retry) - before)) tries"
	stop
	ok "never acknowledged: an abort without a record after 10 s, and one more after 10 s more"
}

# Until the second source has had so many errors recorded.
recorded() {
	local tries

	for ((tries = 100; tries; tries--)); do
		(($(grep -c '^ras_record .*source 1' "$dir/trace") != $1)) || return 0
		sleep 0.1
	done
	fail "not $1 errors recorded by the second source: $(tail -3 "$dir/trace")"
}

check_queue() {
	local pages=() n

	start "${large[@]}"
	place 2 0x1000
	poison $page
	says "abort esr 0x96000210 far $page" load $page
	has 0 0x11 "QEMU error " $page
	acknowledge 0
	for ((n = 0; n < 12; n++)); do
		pages[n]=$((0x42000000 + 4096 * n))
		[[ $(inject notify "${pages[n]}") =~ '"sequence": '$((n + 2))[,}] ]] || fail "error $n is not number $((n + 2))"
		recorded 1
	done
	sequence=2
	has 1 0x11 "QEMU error " "${pages[0]}"
	acknowledge 1
	recorded 9
	sequence=3
	has 1 0x85 "QEMU error " "${pages[@]:1:8}"
	acknowledge 1
	recorded 12
	sequence=11
	has 1 0x35 "QEMU error " "${pages[@]:9:3}"
	stop
	ok "records of both sources are as they should be, byte for byte; those that waited come up to 8 at a time"
}

# Errors that the guest has not been told of go with it; they cannot go to where its tables would be others.
check_migration() {
	local state=$dir.state pages=() n answer

	start "${large[@]}"
	place 2 0x1000
	for ((n = 0; n < 12; n++)); do
		pages[n]=$((0x42000000 + 4096 * n))
		inject notify "${pages[n]}" >/dev/null
		recorded 1
	done
	l2 qmp "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"file:$state\"}}" >/dev/null
	until [[ $(l2 qmp '{"execute":"query-migrate"}') == *'"status": "completed"'* ]]; do sleep 0.1; done
	l2 qmp '{"execute":"quit"}' >/dev/null
	until [[ -s $dir/exit ]]; do sleep 0.1; done

	start_bare --accel tcg --incoming "$state" -- "${large[@]}"
	sequence=1
	has 1 0x11 "QEMU error " "${pages[0]}"
	acknowledge 1
	recorded 8
	sequence=2
	has 1 0x85 "QEMU error " "${pages[@]:1:8}"
	acknowledge 1
	recorded 11
	sequence=10
	has 1 0x35 "QEMU error " "${pages[@]:9:3}"
	[[ $(inject notify $page) =~ '"sequence": 13'[,}] ]] || fail "after the migration errors are numbered anew"
	stop
	# On its way out after such a failure QEMU does not free all that it has.
	answer=$(ASAN_OPTIONS=detect_leaks=0 start_bare --accel tcg --incoming "$state" -- 2>&1) && fail "it goes to where the tables are others"
	[[ $answer == *"error sources are those of"* ]] || fail "a migration to other tables: no reason is given: $answer"
	ok "a migration takes waiting errors along, and is refused where the guest's tables would be others"
}

# Every other page, so that each makes two sections of what is above the one before.
check_most() {
	local n commands=()

	start -action reboot=reset
	place 1 0x400
	for ((n = 0; n < 1024; n++)); do
		commands+=("{\"execute\":\"x-inject-memory-error\",\"arguments\":{\"address\":$((page + 8192 * n)),\"mode\":\"poison\"}}")
	done
	[[ $(l2 qmp "${commands[@]}" | grep -c '^{"return": {}}') == 1024 ]] || fail "not 1,024 pages are poisoned"
	refused '1024 pages are poisoned: there cannot be more' poison 0x50000000
	says "value 0x0" load 0x41001000
	says "abort esr 0x96000210 far $(hex $((page + 8192 * 1023)))" load "$(hex $((page + 8192 * 1023)))"
	l2 hmp system_reset >/dev/null
	l2 again >/dev/null
	says "value 0x0" load $page
	stop
	ok "1,024 poisoned pages, and no more; a reset clears all"
}

# Commands with arguments of all kinds, a line each: NOTIFY, POISON or BAD, then the command. The guest has 512 MiB at
# 1 GiB, and what it needs itself in the first 16.
random_commands() {
	awk -v n="$count" 'BEGIN {
		srand(23)
		pages = 1; seen[0] = 1090519040
		split("0 1 134217728 150994944 167772160 268435456 549755813888 9223372036854775808 18446744073709551615", odd)
		split("-1 1.5 \"0x40000000\" null [] {} true 18446744073709551616", no)
		for (; n; n--) {
			kind = int(rand() * 8)
			what = rand() < 0.5 ? "notify" : "poison"
			mode = "\"" what "\""
			page = 1090519040 + 4096 * int(rand() * 126976)
			address = sprintf("%.0f", page)
			what = toupper(what)
			if (kind < 4) what = "BAD"
			if (kind == 0) address = odd[1 + int(rand() * 9)]
			else if (kind == 1) address = no[1 + int(rand() * 8)]
			else if (kind == 2) address = sprintf("%.0f", page + 1 + int(rand() * 4095))
			else if (kind == 3 && rand() < 0.5) address = sprintf("%.0f", 1610612736 + 4096 * int(rand() * 1000000))
			else if (kind == 3) mode = rand() < 0.5 ? "\"else\"" : "7"
			if (rand() < 0.1) {
				if (rand() < 0.5) address = seen[int(rand() * pages)]
				printf "CLEAR {\"execute\":\"x-clear-memory-error\",\"arguments\":{\"address\":%s}}\n", address
				continue
			}
			if (what == "POISON") seen[pages++] = address
			printf "%s {\"execute\":\"x-inject-memory-error\",\"arguments\":{\"address\":%s,\"mode\":%s}}\n", what, address, mode
		}
	}'
}

# Nobody takes anything out of the queue: the guest acknowledges nothing.
check_random() {
	local notified poisoned cleared

	start "${large[@]}"
	place 2 0x1000
	# All at once, past l2-arm64, which is a process for each.
	random_commands >"$dir/commands"
	cut -d' ' -f2- "$dir/commands" >"$dir/qmp.in" &
	timeout 300 head -n "$count" <"$dir/qmp.out" | tr -d '\r' >"$dir/answers"
	[[ $(wc -l <"$dir/answers") == "$count" ]] || fail "$count commands, $(wc -l <"$dir/answers") answers"
	! grep -vE '^\{"(return|error)": ' "$dir/answers" || fail "neither an answer nor an error"
	paste -d' ' "$dir/commands" "$dir/answers" >"$dir/both"
	! grep '^BAD .*{"return": ' "$dir/both" || fail "what cannot be done was done"
	! grep -E '^(NOTIFY|POISON) .*{"error": ' "$dir/both" |
		grep -vE 'there is no room for more|is poisoned already|there cannot be more' || fail "a page of RAM was refused"
	notified=$(grep -c '^NOTIFY .*{"return": ' "$dir/both")
	poisoned=$(grep -c '^POISON .*{"return": ' "$dir/both")
	cleared=$(grep -c '^CLEAR .*{"return": ' "$dir/both" || true)
	! grep -q 'there is no room for more' "$dir/answers" || ((notified == 256 + $(grep -c '^ras_record .*source 1' "$dir/trace"))) ||
		fail "$notified accepted by a queue for 256"
	((poisoned - cleared <= 1024)) || fail "more pages are poisoned than can be"
	(($(events ras_pending) == notified)) || fail "not each that was accepted is in the queue"
	(($(grep -c '^ras_poison .*poisoned 1' "$dir/trace") == poisoned)) || fail "not each that was said to be is poisoned"
	(($(grep -c '^ras_poison .*poisoned 0' "$dir/trace") == cleared)) || fail "not each that was said to be is cleared"
	says "value 0x0" read 0x40300000
	stop
	ok "$count random inputs: $notified told of, $poisoned poisoned, $cleared cleared, $((count - notified - poisoned - cleared)) errors; QEMU lives"
}

[[ -x $qemu ]] || { echo "ras-bare: no $qemu: scripts/qemu builds it" >&2; exit 1; }
check_boards
check_aborts
check_repeats
check_queue
check_migration
check_most
check_random
