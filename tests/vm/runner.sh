#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# scripts/vm tells a command's end from the machine's failure, and leaves nothing behind.
# LAB_ARCH=arm64 takes machines of that; KERNEL=PATH takes another kernel than the lab's.
set -uo pipefail

. "$(dirname "$0")/runner-lib.sh"

exit_codes() {
	local n

	for n in 0 3 125; do
		run "exit code $n" -- sh -c "exit $n"
		want "$n" ok "exit=$n"
		[[ ! -s $dir/err ]] || fail "something on standard error"
	done
	run "killed by a signal" -- sh -c 'kill -SEGV $$'
	want 139 ok exit=139 signal=11
	run "no such command" -- /no/such/command
	want 127 ok exit=127
}

streams() {
	head -c 1048583 /dev/urandom >"$dir/one"
	head -c 1048573 /dev/urandom >"$dir/two"
	# shellcheck disable=SC2016
	run "streams" -- sh -c 'cat "$1/one" & cat "$1/two" >&2; wait' sh "$dir"
	want 0 ok
	cmp "$dir/one" "$dir/out" || fail "standard output differs"
	cmp "$dir/two" "$dir/err" || { : >"$dir/err"; fail "standard error differs"; }
}

much_output() {
	local sum

	run "50 MB of output" -- sh -c 'seq 100000000 | head -c 50000000; echo "done" >&2; exit 5'
	want 5 ok exit=5
	sum=$(seq 100000000 | head -c 50000000 | sha256sum)
	[[ $(sha256sum <"$dir/out") == "$sum" ]] || fail "standard output differs: $(wc -c <"$dir/out") bytes"
	[[ $(<"$dir/err") == "done" ]] || fail "standard error differs"
}

arguments() {
	# shellcheck disable=SC1003,SC2016
	local args=('' ' a  b ' $'new\nline' "it's" '"$HOME"' '*' '\' '--' $'\xff\xfe' '-v' 'é')

	run "arguments" -- printf '%s\0' "${args[@]}"
	want 0 ok
	cmp "$dir/out" <(printf '%s\0' "${args[@]}") || fail "arguments differ"
}

surroundings() {
	# shellcheck disable=SC2016
	run "surroundings" -- sh -ec '
		test "$PWD" = "$1"
		test "$(id -u)" = 0
		test "$(cat)" = ""
		test -r "$FAULTLINE_KERNEL"
		test -w /dev/kvm
		for d in /tmp /run /var/tmp "$2"; do echo x >"$d/written"; done
		test -e /sys/kernel/debug/kvm
		test -e /sys/kernel/tracing/events
		! touch /etc/written 2>/dev/null
		echo pipe >/dev/stderr
		sleep 1000 &' sh "$repo" "$dir"
	want 0 ok
	[[ $(cat "$dir/written") == x ]] || fail "what the guest wrote in the repository is not here"
	[[ ! -e /etc/written && ! -e /tmp/written ]] || fail "the guest wrote on this machine"
	[[ $(cat "$dir/err") == pipe ]] || fail "standard error differs"
}

# What a program in the machine has QEMU do to the machine.
monitor() {
	# shellcheck disable=SC2016
	run "monitor" -- sh -ec '
		nmis() { awk "/NMI:/ { for (i = 2; \$i ~ /^[0-9]+\$/; i++) n += \$i } END { print n }" /proc/interrupts; }
		before=$(nmis)
		lab-monitor nmi 25
		test "$(nmis)" = $((before + 25))
		lab-monitor mce 1 4 0xb000100000000000 0x5 0x1234 0
		grep -q "MCE: *0  *1  *Machine check exceptions" /proc/interrupts
		echo 1 >/sys/devices/system/machinecheck/machinecheck0/check_interval
		lab-monitor mce 1 5 0x9000000000000135 0 0 0
		timeout 20 sh -c "until dmesg | grep -q Bank.5:.9000000000000135; do :; done"
		! lab-monitor mce 2 4 0xb000100000000000 0x5 0 0 2>&1
		! lab-monitor mce 1 99 0xb000100000000000 0x5 0 0 2>&1
		for i in 1 2 3 4 5; do lab-monitor nmi 5 & done
		wait
		test "$(nmis)" = $((before + 50))
		exec 3<>/dev/virtio-ports/faultline.monitor
		echo 1 quit >&3
		read -r answer <&3
		echo "$answer"'
	want 0 ok exit=0
	sed -i 's/^\(lab-monitor: mce [^:]*\) 0xb[^:]*/\1/' "$dir/out"
	diff - "$dir/out" <<-'END' || fail "unexpected answers"
		lab-monitor: mce 2 4: there is no CPU 2, the machine has 2
		lab-monitor: mce 1 99: Invalid MCE bank number
		1 error no such action; there are nmi, mce, memory-error
	END
}

two_at_once() {
	local other

	case_name="two at once"
	vm --status "$dir/status2" -- sh -c 'sleep 2; echo two; exit 2' >"$dir/out2" 2>&1 &
	other=$!
	run "$case_name" -- sh -c 'sleep 2; echo one; exit 1'
	want 1 ok exit=1
	[[ $(cat "$dir/out") == one ]] || fail "the first one's output"
	wait "$other"
	code=$?
	status=$dir/status2 want 2 ok exit=2
	[[ $(cat "$dir/out2") == two ]] || fail "the second one's output"
}

failures() {
	run "panic" -- sh -c 'echo before; echo c >/proc/sysrq-trigger; exit 3'
	want 125 splat
	no_exit_field
	grep -q '^before$' "$dir/out" || fail "output before the panic is missing"
	grep -q '^vm: splat: .*panic' "$dir/err" || fail "does not name the panic"
	grep -qE "^vm: qemu: ([^ ]*/)?$qemu " "$dir/err" || fail "no QEMU command"
	grep -q 'sysrq triggered crash' "$dir/err" || fail "no console lines"

	run "splat of a kernel that goes on" -- \
		sh -c 'echo "<4>WARNING: CPU: 0 PID: 1 at planted" >/dev/kmsg; exit 0'
	want 125 splat exit=0

	run "taint" -- sh -c 'echo 512 >/proc/sys/kernel/tainted'
	want 125 splat exit=0

	run "a message that is no splat" -- \
		sh -c 'echo "<4>Some CPU: WARNING: this is a mere remark" >/dev/kmsg'
	want 0 ok exit=0

	run "hang" --timeout $((10 * ${CHECK_SLOW:-1})) -- sh -c 'echo up; sleep 1000'
	want 125 timeout
	no_exit_field
	grep -q '^up$' "$dir/out" || fail "output before the time-out is missing"

	run "reboot" -- sh -c 'echo b >/proc/sysrq-trigger; sleep 1000'
	want 125 no-result
	no_exit_field

	run "no init" --timeout $((15 * ${CHECK_SLOW:-1})) --append rdinit=/none -- true
	want 125 splat

	ACCEL=KVM run "no such accelerator" -- true
	want 125 setup
	grep -q '^vm: setup: ACCEL=KVM: ' "$dir/err" || fail "does not name it"

	run "no kernel" --kernel /no/kernel -- true
	want 125 setup

	run "no command" --
	want 125 setup

	run "unknown option" --frobnicate -- true
	want 125 setup
}

# A stand-in for QEMU that ends without a word, or after writing for 15 s without a pause, which no emulated
# machine is fast enough for; or that says what init says, or worse.
make_stand_in() {
	cat >"$dir/qemu" <<-END
		#!/bin/bash
		if [[ \$DOES == write ]]; then
			for port in out err; do
				fd=\$(sed "s/.*id=\$port,fd=\([0-9]*\).*/\1/" <<<"\$*")
				timeout 15 yes >&"\$fd" &
			done
			wait
			exit 0
		fi
		if [[ \$DOES == say ]]; then
			ctl=\$(sed "s/.*id=ctl,fd=\([0-9]*\).*/\1/" <<<"\$*")
			printf '%b' "\$SAYS" >&"\$ctl"
			read -r -t 10 -u "\$ctl"
		fi
		exit 0
	END
	chmod +x "$dir/qemu"
}

# stand_in DOES CASE...: a run with it
stand_in() {
	LAB_QEMU=$dir/qemu DOES=$1 run "${@:2}"
}

# Of the runs only the newest 50 stay, and those that are not over.
old_runs() {
	local runs=$repo/build/vm old

	for old in 1 2; do
		mkdir -p "$runs/x86_64-20000101-00000$old-planted$old"
		echo x >"$runs/x86_64-20000101-00000$old-planted$old/console.log"
	done
	for ((old = 10; old < 60; old++)); do
		mkdir -p "$runs/x86_64-20000101-0001$old-planted$old"
	done
	exec 8<"$runs/x86_64-20000101-000001-planted1"
	flock -s 8
	stand_in '' "old runs" -- true
	want 125 lost
	[[ -e $runs/x86_64-20000101-000001-planted1/console.log ]] || fail "a run that is not over is gone"
	[[ ! -e $runs/x86_64-20000101-000002-planted2 ]] || fail "an old run is still there"
	exec 8<&-
	[[ -d $(sed -n 's|^console=\(.*\)/.*|\1|p' "$status") ]] || fail "the run's own directory is gone"
	rm -rf "$runs"/x86_64-20000101-*
}

every_exit_code() {
	local n

	for ((n = 0; n < 256; n++)); do
		SAYS="ready\nexit $n 0 0 0 0 0\n" stand_in say "exit code $n of a stand-in" -- true
		want "$n" ok "exit=$n"
	done
}

# What init does not say is never taken for what it says.
garbage() {
	local says

	for says in 'x\n' '\n' 'ready\nready\n' 'exit 0 0 0 0 0 0\n' 'ready\nexit\n' 'ready\nexit 0 0 0 0 0\n' \
		'ready\nexit 0 0 0 0 0 x\n' 'ready\nexit 0 0 0 0 0 0 0\n' 'ready\nexit 0 0 -1 0 0 0\n' \
		'ready\n\0377\0376\n' 'ready \n' 'ready\r\n' \
		'ready\nexit 0 0 0 0 0 0\nexit 0 0 0 0 0 0\n'; do
		SAYS=$says stand_in say "garbage $says" -- true
		want 125 lost
		grep -q '^vm: lost: the result channel has what init did not say' "$dir/err" ||
			fail "does not say what is wrong"
	done
	SAYS='ready\nexit 0 0 1 0 0 0\n' stand_in say "output that never came" -- true
	want 125 lost
	SAYS='ready\nexit 0 0 0 0 0 ' stand_in say "an end that is cut off" -- true
	want 125 no-result
	no_exit_field
}

# A machine that never ends, goes down, or does not start, before anything could be seen of it.
never_up() {
	case_name="steady writer"
	: >"$dir/err"
	LAB_QEMU=$dir/qemu DOES=write \
		vm --timeout 2 --status "$status" -- true >/dev/null 2>/dev/null
	code=$?
	want 125 timeout
	[[ $(sed -n 's/^elapsed=\(.*\)\..*/\1/p' "$status") -lt 6 ]] || fail "ended long after its time"
	stand_in '' "never up" -- true
	want 125 lost
	no_exit_field
	head -c 4096 /dev/zero >"$dir/no-kernel"
	run "QEMU does not start" --kernel "$dir/no-kernel" -- true
	want 125 lost
	grep -q '^vm: lost: QEMU exited with' "$dir/err" || fail "does not say how QEMU ended"
	# shellcheck disable=SC2046
	run "the machine's init gives up" -- true $(seq 5000)
	want 125 lost
	no_exit_field
}

ends() {
	local sig

	for sig in INT TERM; do
		start "SIG$sig" -- sleep 1000
		kill -s "$sig" "$runner"
		wait "$runner"
		code=$?
		want $((128 + $(kill -l "$sig"))) interrupted
		wait_for 2 gone "$machine" || fail "QEMU is still there"
	done

	start "SIGKILL" -- sleep 1000
	kill -KILL "$runner"
	wait "$runner" 2>/dev/null
	code=$?
	wait_for 5 gone "$machine" || fail "QEMU is still there"
	want 137 no-result

	start "QEMU killed" -- sleep 1000
	kill -KILL "$machine"
	wait "$runner"
	code=$?
	want 125 lost
	no_exit_field

	case_name="reader gone"
	vm --status "$status" -- sh -c 'yes' 2>"$dir/err" | head -n 1 >"$dir/out"
	code=${PIPESTATUS[0]}
	want 141 interrupted
}

exit_codes
streams
much_output
arguments
surroundings
two_at_once
failures
ends
if [[ $arch == x86_64 ]]; then
	monitor
	# The runner's own part, which is the same for every machine.
	make_stand_in
	old_runs
	every_exit_code
	garbage
	never_up
fi
echo "runner: all cases passed"
