#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# scripts/kernel on a made-up kernel: configuration verified, failures shown,
# nothing done when up to date, local edits built and said.

set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

say() { printf 'kernel.sh: %s\n' "$*"; }
fail() { say "FAILED: $*"; sed 's/^/  | /' "$tmp/out"; exit 1; }
expect() {
	local want=$1 got=0
	shift
	"$repo/scripts/kernel" "$@" >"$tmp/out" 2>&1 || got=$?
	[[ $got == "$want" ]] || fail "exit $got, expected $want"
}
printed() { grep -qF -- "$1" "$tmp/out" || fail "does not say: $1"; }
not_printed() { ! grep -qF -- "$1" "$tmp/out" || fail "says: $1"; }

"$repo/scripts/setup" --need ccache bc pahole flex bison cpio depmod >"$tmp/out" 2>&1 || {
	cat "$tmp/out"
	echo "the kernel's tools are not installed"
	exit 77
}

export PATCHES_DIR=$tmp/queue PATCHES_TARBALL=$tmp/base.tar.xz PATCHES_PACKAGE=toy PATCHES_VERSION=6.12.0-1
export KERNEL_BUILD_DIR=$tmp/build
mkdir -p "$tmp/toy" "$tmp/queue/config"
printf '# the order\n' >"$tmp/queue/series"
cat >"$tmp/toy/Makefile" <<'MK'
VERSION = 6
PATCHLEVEL = 12
SUBLEVEL = 0
allnoconfig:
	grep -v CONFIG_NO_SUCH $(KCONFIG_ALLCONFIG) | sed 's/CONFIG_WEAK=y/CONFIG_WEAK=m/' >.config
	mkdir -p include/config arch/x86/boot
	echo 6.12.0-toy$(LOCALVERSION) >include/config/kernel.release
vmlinux.o: source.c
	touch $@
vmlinux: vmlinux.o
	@echo '  CC      source.o'
	if grep -q slow source.c; then sleep 1010; fi
	grep -q '^good' source.c || { echo 'source.c:1: error: not good'; exit 1; }
	if grep -q objtool source.c; then echo 'vmlinux.o: warning: objtool: x() calls y()'; fi
	echo "$$KBUILD_BUILD_USER $(CC)" >vmlinux; cp source.c System.map; cp source.c arch/x86/boot/bzImage
bzImage modules:
modules_install:
	mkdir -p $(INSTALL_MOD_PATH)/lib/modules/6.12.0-toy
MK
echo good >"$tmp/toy/source.c"
printf '*.map\n*.o\nvmlinux\nbzImage\ninclude\n.*\n' >"$tmp/toy/.gitignore"
tar -C "$tmp" -cJf "$PATCHES_TARBALL" toy

: >"$tmp/queue/config/isolation.config"
: >"$tmp/queue/config/kunit.config"
printf '# a comment\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x y"\n' >"$tmp/queue/config/lab.config"
expect 0
for file in vmlinux bzImage System.map config modules/lib/modules/6.12.0-toy release; do
	[[ -e $tmp/build/x86_64/$file ]] || fail "no $file"
done
grep -q '^faultline ccache gcc$' "$tmp/build/x86_64/vmlinux" || fail "not built by ccache as faultline"
expect 0
printed "up to date: 6.12.0-toy"
not_printed building
say "builds, and does nothing when up to date"

CCACHE_DIR=$tmp/cache "$repo/scripts/kernel" --help >"$tmp/out"
printed "$tmp/cache"
say "--help says where the compiler's cache is"

printf 'CONFIG_NO_SUCH=y\nCONFIG_WEAK=y\n' >"$tmp/queue/config/isolation.config"
expect 1
printed 'CONFIG_NO_SUCH: asked for "CONFIG_NO_SUCH=y", got "nothing"'
printed 'CONFIG_WEAK: asked for "CONFIG_WEAK=y", got "CONFIG_WEAK=m"'
not_printed CONFIG_A
not_printed CONFIG_B
printf 'CONFIG_A=m\n' >"$tmp/queue/config/isolation.config"
sed -i 's/CONFIG_A=y/# CONFIG_A is not set/' "$tmp/queue/config/lab.config"
expect 0
say "each line of the fragments that did not come out is named; the last fragment counts"

echo bad >"$tmp/build/src/source.c"
expect 1
printed "with the work that the queue has not"
printed "source.c:1: error: not good"
printed "build.log"
echo good again >"$tmp/build/src/source.c"
expect 0
printed "with the work that the queue has not"
grep -q again "$tmp/build/x86_64/System.map" || fail "the edited tree was not built"
expect 0
not_printed "up to date"
git -C "$tmp/build/src" checkout -q source.c
expect 0
grep -qx good "$tmp/build/x86_64/System.map" || fail "the edit is still in the results"
say "a failed build shows its error, and an edited tree is built and never taken for the series"

# Another configuration: on top, in directories of its own.
printf 'CONFIG_A=y\nCONFIG_DEBUG=y\n' >"$tmp/queue/config/debug.config"
expect 0 --config debug
grep -qx CONFIG_DEBUG=y "$tmp/build/x86_64-debug/config" || fail "not the debug configuration"
grep -qx 'CONFIG_C="x y"' "$tmp/build/x86_64-debug/config" || fail "not on top of the lab's"
! grep -q DEBUG "$tmp/build/x86_64/config" || fail "the lab's own kernel has it, too"
expect 0 --config debug
printed "up to date: 6.12.0-toy in $tmp/build/x86_64-debug"
expect 0
printed "up to date: 6.12.0-toy in $tmp/build/x86_64"
echo bad >"$tmp/build/src/source.c"
expect 1 --config debug
printed "uncommitted edits in source.c"
git -C "$tmp/build/src" checkout -q source.c
expect 1 --config nosuch
printed "nosuch: no such configuration"
expect 2 --config
say "--config NAME builds another kernel beside it, of what is committed"

printf 'CONFIG_A=y\nCONFIG_STOCK=y\n' >"$tmp/queue/config/stock.config"
printf 'CONFIG_KUNIT=y\n' >"$tmp/queue/config/kunit.config"
echo good, with a commit >"$tmp/build/src/source.c"
git -C "$tmp/build/src" -c user.name=x -c user.email=x@localhost commit -qam "a commit"
expect 0 --config stock
grep -qx good "$tmp/build/x86_64-stock/System.map" || fail "what is committed is in the kernel without the series"
! grep -q KUNIT "$tmp/build/x86_64-stock/config" || fail "the tests of the series are in the kernel without it"
grep -qx CONFIG_STOCK=y "$tmp/build/x86_64-stock/config" || fail "not the stock configuration"
expect 0 --config debug
grep -q 'a commit' "$tmp/build/x86_64-debug/System.map" || fail "what is committed is not in another configuration"
git -C "$tmp/build/src" reset -q --hard HEAD~1
say "--config stock builds what the series is based on"

# objtool's warnings end no build of the kernel, but ours, each time.
sed -i 's/^good/good with objtool/' "$tmp/build/src/source.c"
expect 1
printed "objtool complains"
expect 1
printed "objtool complains"
git -C "$tmp/build/src" checkout -q source.c
expect 0
say "a warning of objtool is a failure"

# SIGTERM to the script alone ends its make, too.
echo good but slow >"$tmp/build/src/source.c"
"$repo/scripts/kernel" >"$tmp/out" 2>&1 &
pid=$!
for _ in $(seq 50); do
	! grep -q 'CC  ' "$tmp/build/build.log" || break
	sleep 0.1
done
sleep 0.2
kill -TERM "$pid"
got=0
wait "$pid" || got=$?
[[ $got == 1 ]] || fail "exit $got after SIGTERM, expected 1"
printed "interrupted"
! pgrep -f "$tmp/build/src" >/dev/null || fail "make runs on"
say "ends its make when it is ended"
say "all fine"
