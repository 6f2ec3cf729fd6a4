# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For the tests of scripts/vm: sourced by tests/vm/runner*.sh, which may set ENGINE before.
# LAB_ARCH=arm64 takes machines of that; KERNEL=PATH takes another kernel than the lab's.
# shellcheck disable=SC2034 # code and machine are for those

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
mkdir -p "$repo/build/vm"
dir=$(mktemp -d "$repo/build/vm/runner-test.XXXXXX")
status=$dir/status
case_name=
runner=
engine=(${ENGINE:+--engine "$ENGINE"})
arch=${LAB_ARCH:-x86_64}
qemu="qemu-system-x86_64"
[[ $arch != arm64 ]] || qemu="qemu-system-aarch64"
emulator=${qemu:0:15}	# as the kernel cuts it
until=ready
ready_limit=60
[[ ${ENGINE-} != bochs ]] || emulator=bochs-bin

clean_up() {
	[[ -z $runner ]] || kill "$runner" 2>/dev/null
	rm -rf "$dir"
}
trap clean_up EXIT

fail() {
	echo "runner: $case_name: $*" >&2
	sed 's/^/  /' "$status" "$dir/err" >&2
	exit 1
}

vm() {
	"$repo/scripts/vm" "$arch" "${engine[@]}" ${KERNEL:+--kernel "$KERNEL"} "$@"
}

# run CASE OPTION... -- COMMAND...: code, and the output in $dir/out and $dir/err
run() {
	case_name=$1
	shift
	: >"$status"
	vm --status "$status" "$@" >"$dir/out" 2>"$dir/err"
	code=$?
}

# want CODE RESULT [KEY=VALUE...]: the runner's code and what the status file must say
want() {
	local line

	[[ $code == "$1" ]] || fail "exit code $code, not $1"
	shift
	for line in "result=$1" "${@:2}"; do
		grep -qxF -- "$line" "$status" || fail "the status file does not say $line"
	done
}

no_exit_field() {
	! grep -q '^exit=' "$status" || fail "the status file has an exit code of a command that did not end"
}

wait_for() { # SECONDS COMMAND...
	local tries=$(($1 * 10))

	shift
	while ((tries--)); do
		"$@" && return
		sleep 0.1
	done
	return 1
}

gone() {
	[[ ! -e /proc/$1 ]] || grep -q '^State:.Z' "/proc/$1/status"
}

# start CASE COMMAND...: a run in the background, which has said $until; its pid in $runner and the
# emulator's in $machine
start() {
	case_name=$1
	shift
	: >"$status"
	: >"$dir/err"
	# not by vm(): its pid has to be the runner's
	"$repo/scripts/vm" "$arch" "${engine[@]}" ${KERNEL:+--kernel "$KERNEL"} -v --status "$status" "$@" \
		>"$dir/out" 2>"$dir/err" &
	runner=$!
	wait_for "$ready_limit" grep -q "^vm: $until" "$dir/err" || fail "never $until"
	machine=$(pgrep -P "$runner" -x "$emulator") || fail "no $emulator below the runner"
}

