# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For the tests that run the whole tool, live, on a kernel without ASI: it is built
# from its own sources, but for the tracepoint that its program hangs on
# (standin.bpf.c). Sourced first thing, with the test's own "$@". Needs root; goes
# on in a mount namespace of its own, with a tracefs that claims the tracepoint.

set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
standin=$repo/tests/bpf/standin
export PATH=$PATH:/usr/sbin:/sbin
if ((EUID != 0)); then
	echo "needs root"
	exit 77
fi
if [[ -z ${STANDIN_INSIDE:-} ]]; then
	STANDIN_INSIDE=1 exec unshare --mount "$0" "$@"
fi

# standin_make DIR: builds asi-faulttop and fault there, with sanitizers
standin_make() (
	nr=$((0x100000 + $(cksum <<<"$repo" | cut -d ' ' -f 1) % 0x100000))
	cd "$repo"
	clang -target bpf -mcpu=v3 -O2 -g -Wall -D__TARGET_ARCH_x86 -DSTANDIN_NR=$nr -Ibpf \
		-idirafter "/usr/include/$(gcc -print-multiarch)" \
		-c "$standin/standin.bpf.c" -o "$1/asi_fault.bpf.o"
	llvm-strip -g "$1/asi_fault.bpf.o"
	cp "build/$(uname -m)"/bpf/*.skel.h "$1/"
	bpftool gen skeleton "$1/asi_fault.bpf.o" name asi_fault >"$1/asi_fault.skel.h"
	mapfile -t sources < <(find user/lib -name '*.c')
	gcc -std=gnu11 -D_GNU_SOURCE -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
		-Ibpf -Iuser/lib -I"$1" \
		user/asi-faulttop.c "${sources[@]}" "$standin/fail.c" -Wl,--wrap=write \
		-o "$1/asi-faulttop" -lbpf -lelf -ljansson -lz -lncursesw -ltinfo
	gcc -std=gnu11 -D_GNU_SOURCE -DSTANDIN_NR=$nr -I"$standin" "$standin/fault.c" -o "$1/fault"
)

# standin_build DIR: these two, made once for the tests that share them as long as the
# sources are the same; make has to have built the rest.
standin_build() {
	local made stamp
	made=$repo/build/$(uname -m)/standin
	stamp=$made/stamp
	if [[ ! -e $stamp || -n $(find "$repo"/{user,bpf,docs,"build/$(uname -m)/bpf"} "$standin" -newer "$stamp") ]]; then
		touch "$1/stamp"
		standin_make "$1"
		rm -rf "$made"
		mkdir -p "$made"
		cp -p "$1"/{asi-faulttop,fault,stamp} "$made/"
	fi
	cp "$made"/{asi-faulttop,fault} "$1/"
}

# standin_mount DIR: a tracefs with asi:asi_fault, and what this kernel has of kvm:kvm_exit,
# whose format is then also in DIR/format (empty: it has none); isolation is "on".
standin_mount() {
	local format=/sys/kernel/tracing/events/kvm/kvm_exit/format

	mount -t tracefs tracefs /sys/kernel/tracing
	cp "$format" "$1/format" 2>/dev/null || : >"$1/format"
	mount -t tmpfs tmpfs /sys/kernel/tracing
	mkdir -p /sys/kernel/tracing/events/asi/asi_fault "${format%/*}"
	[[ ! -s $1/format ]] || cp "$1/format" "$format"
	mount -t tmpfs tmpfs /sys/module
	mkdir -p /sys/module/kvm/parameters
	echo Y >/sys/module/kvm/parameters/address_space_isolation
}

# symbol NAME: its address
symbol() { awk -v name="$1" '$3 == name { print "0x" $1; exit }' /proc/kallsyms; }

# For tests that run the tool in the background: its output is in $tmp/out and $tmp/err, and $pid is
# its process or nothing. The test removes $tmp when it ends.
tmp=$(mktemp -d)
tool=$tmp/asi-faulttop
pid=

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
fail() {
	say "FAILED: $*"
	head -n 40 "$tmp/out" | sed 's/^/  stdout | /'
	head -n 40 "$tmp/err" | sed 's/^/  stderr | /'
	exit 1
}
# start ARGUMENT...: the tool, armed; its output in $tmp/out unless $to names another file
start() {
	rm -f "$tmp/err"
	"$tool" "$@" >"${to:-$tmp/out}" 2>"$tmp/err" &
	pid=$!
	for _ in $(seq 100); do
		! grep -qx 'asi-faulttop: ready' "$tmp/err" 2>/dev/null || return 0
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	fail "$*: not ready"
}
# stop EXIT [SIGNAL]
stop() {
	local got=0
	[[ -z ${2:-} ]] || kill "-$2" "$pid"
	# else a line of the shell's about a killed job
	wait "$pid" 2>/dev/null || got=$?
	pid=
	[[ $got == "$1" ]] || fail "exit $got, expected $1"
}
fault() { "$tmp/fault" "$@"; }
