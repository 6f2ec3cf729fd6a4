#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# scripts/vm --engine bochs: the same contract as with QEMU, and VMX in there.
set -uo pipefail

ENGINE=bochs
. "$(dirname "$0")/runner-lib.sh"
ready_limit=200

# The command's own end and streams, and a VM under VMX that makes the exits that it was asked for.
command_ends() {
	seq 20000 >"$dir/one"
	seq 7 5 90000 >"$dir/two"
	# shellcheck disable=SC2016
	run "a command" --append pti=on --file "$dir/two" --file "$dir/one:/one" --file "$repo/build/x86_64/tinykvm" \
		-- sh -c '
		cat /one & cat "$1" >&2; wait
		grep PTI /sys/devices/system/cpu/vulnerabilities/meltdown || echo no PTI
		for flag in vmx ept vpid pcid invpcid; do
			grep -qw "$flag" /proc/cpuinfo || echo "no $flag"
		done
		test "$FAULTLINE_ENGINE" = bochs || echo not in Bochs
		tinykvm --out 23 --hlt 29 --kport 31 --msr 37 --cpuid 41 --touch 43 --call 47 --reasons | grep -v ^code
		exit 125' sh "$dir/two"
	want 125 ok exit=125
	cmp "$dir/two" "$dir/err" || fail "standard error differs"
	{
		cat "$dir/one"
		echo "Mitigation: PTI"
		sed 's/^  *//' <<-'END'
			rounds 1
			out 23
			hlt 29
			kport 31
			msr 37
			cpuid 41
			touch 43
			call 47
			reason 0x1e 54
			reason 0xc 29
			reason 0x1f 37
			reason 0xa 41
			reason 0x30 45
			reason 0x12 47
			reason 0x2 1
		END
	} >"$dir/want"
	diff "$dir/want" <(grep -v '^pid ' "$dir/out") >&2 || fail "standard output differs"
}

failures() {
	run "panic" --append nopti -- sh -c 'cat /sys/devices/system/cpu/vulnerabilities/meltdown
		echo c >/proc/sysrq-trigger; exit 3'
	want 125 splat
	no_exit_field
	[[ $(<"$dir/out") == Vulnerable ]] || fail "output before the panic is missing, or nopti has no effect"
	grep -q '^vm: splat: .*panic' "$dir/err" || fail "does not name the panic"

	run "garbage on the result channel" -- sh -c 'echo before; sleep 1; echo garbage >/dev/ttyS1; exit 0'
	want 125 lost
	no_exit_field
	[[ $(<"$dir/out") == before ]] || fail "output before the damage is missing"
	grep -q '^vm: lost: the result channel is damaged: .*garbage' "$dir/err" || fail "does not name the garbage"

	run "no such program" -- no-such-program
	want 125 setup
	run "no such file" --file /no/such/file -- true
	want 125 setup
}

ends() {
	until=booting
	start "SIGINT" -- sleep 1000
	kill -s INT "$runner"
	wait "$runner"
	code=$?
	want 130 interrupted
	wait_for 2 gone "$machine" || fail "Bochs is still there"

	start "SIGKILL" -- sleep 1000
	kill -KILL "$runner"
	wait "$runner" 2>/dev/null
	code=$?
	wait_for 5 gone "$machine" || fail "Bochs is still there"
	want 137 no-result
}

command_ends
failures
ends
echo "runner-bochs: all cases passed"
