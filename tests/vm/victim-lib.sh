# SPDX-License-Identifier: GPL-2.0
# For tests in a lab machine: processes with a page that is to be taken for bad, tests/vm/ras-victim.c. Before it: repo,
# fail (a function).
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # repo; what is for who sources this

corrupted() { awk '$1 == "HardwareCorrupted:" { print $2 }' /proc/meminfo; }

declare -A victim_pid=() victim_vaddr=() victim_pfn=() victim_fd=()

# wait_for SECONDS COMMAND...: until it holds.
wait_for() {
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		((SECONDS <= end)) || return 1
		sleep 0.05
	done
}

lines() { wc -l </tmp/victim."$1"; }
has_lines() { (($(lines "$1") >= $2)); }

# victim NAME [--shared]: starts one. Both ends of the pipe are kept open: who writes to the dead is not hit.
victim() {
	local name=$1 fd

	shift
	rm -f "/tmp/pipe.$name"
	: >"/tmp/victim.$name" # of the one before it
	mkfifo "/tmp/pipe.$name"
	exec {fd}<>"/tmp/pipe.$name"
	"$repo/build/$FAULTLINE_VM/ras-victim" "$@" <"/tmp/pipe.$name" >"/tmp/victim.$name" &
	victim_fd[$name]=$fd
	wait_for 10 has_lines "$name" 1 || fail "victim $name does not start"
	# shellcheck disable=SC2162 # no backslashes
	read "victim_pid[$name]" "victim_vaddr[$name]" "victim_pfn[$name]" <"/tmp/victim.$name"
}

# says NAME COMMAND: what it answers.
says() {
	local n

	n=$(($(lines "$1") + 1))
	echo "$2" >&"${victim_fd[$1]}"
	wait_for 10 has_lines "$1" "$n" || fail "victim $1 does not answer to $2"
	tail -n 1 "/tmp/victim.$1"
}

# gone NAME CODE: it ends by itself, with this code.
gone() {
	local code=0 fd=${victim_fd[$1]}

	[[ $2 != 0 ]] || echo quit >&"$fd"
	wait "${victim_pid[$1]}" || code=$?
	exec {fd}>&-
	[[ $code == "$2" ]] || fail "victim $1 ended with $code, not $2: $(cat "/tmp/victim.$1")"
}
