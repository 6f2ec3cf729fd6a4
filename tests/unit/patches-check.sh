#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# scripts/patches check on a made-up base: the queue's table, other releases that
# apt offers, and that each patch compiles what it touches.

set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

say() { printf 'patches-check.sh: %s\n' "$*"; }
fail() { say "FAILED: $*"; [[ ! -s $tmp/out ]] || sed 's/^/  | /' "$tmp/out"; exit 1; }

"$repo/scripts/setup" --need gcc ccache bc flex bison cpio >"$tmp/out" 2>&1 || {
	cat "$tmp/out"
	echo "the kernel's tools are not installed"
	exit 77
}

export PATCHES_DIR=$tmp/queue/1.2 PATCHES_SRC=$tmp/build/src PATCHES_TARBALL=$tmp/base.tar.xz
export PATCHES_PACKAGE=toy-source PATCHES_VERSION=1.2.3-1 PATCHES_CHECKPATCH=$tmp/checkpatch
export PATCHES_OFFERED='' GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1

expect() {
	local want=$1 got=0
	shift
	"$repo/scripts/patches" kernel "$@" >"$tmp/out" 2>&1 || got=$?
	[[ $got == "$want" ]] || fail "$*: exit $got, expected $want"
}
printed() { grep -qF -- "$1" "$tmp/out" || fail "does not say: $1"; }
not_printed() { ! grep -qF -- "$1" "$tmp/out" || fail "says: $1"; }
commit() {
	git -C "$PATCHES_SRC" add -A
	git -C "$PATCHES_SRC" -c user.name=Ann -c user.email=ann@example.org commit -q -m "$1

The reason.

Series-2019: $2
Signed-off-by: Ann <ann@example.org>"
}

# A release: sublevel $1, its tarball $2, line 20 of lib/long.c as $3.
make_base() {
	rm -rf "$tmp/toy-1.2"
	mkdir -p "$tmp/toy-1.2/lib" "$PATCHES_DIR/config"
	printf 'VERSION = 1\nPATCHLEVEL = 2\nSUBLEVEL = %s\n' "$1" >"$tmp/toy-1.2/Makefile"
	cat >>"$tmp/toy-1.2/Makefile" <<'MK'
CFLAGS = -Werror -Iinclude $(shell grep -q WIDE .config && echo -DWIDE)
allnoconfig:
	cp $(KCONFIG_ALLCONFIG) .config
%.o: %.c include/toy.h
	@echo '  CC      $@'; $(CC) $(CFLAGS) -c $< -o $@ || { echo 'make[9]: *** [Makefile:9: $@] Error 1'; exit 1; }
MK
	printf '*.o\n.*\n' >"$tmp/toy-1.2/.gitignore"
	mkdir "$tmp/toy-1.2/include"
	echo 'int toy(void);' >"$tmp/toy-1.2/include/toy.h"
	{
		[[ $1 == 3 ]] || echo '/* a line more */'
		echo '#include <toy.h>'
		for i in $(seq 60); do echo "int line$i;"; done
	} | sed "s/^int line20;/$3/" >"$tmp/toy-1.2/lib/long.c"
	printf '#include <toy.h>\nint other;\n' >"$tmp/toy-1.2/other.c"
	tar -C "$tmp" -cJf "$2" toy-1.2
}

make_base 3 "$PATCHES_TARBALL" 'int line20;'
echo 'while (shift) { }' >"$tmp/checkpatch"
printf '# SPDX-License-Identifier: GPL-2.0\n' >"$PATCHES_DIR/series"
: >"$PATCHES_DIR/config/lab.config"
: >"$PATCHES_DIR/config/isolation.config"
: >"$PATCHES_DIR/config/boot.config"
: >"$PATCHES_DIR/config/compile.config"
expect 0 apply
expect 0 refresh --new-base
sed -i 's/^int line20;/int twenty;/' "$PATCHES_SRC/lib/long.c"
commit 'lib: Name a number' 'row one; row two'
sed -i 's/other/another/' "$PATCHES_SRC/other.c"
commit 'other: Name another' 'none, a test'
expect 0 refresh
expect 0 check
one=lib-Name-a-number.patch two=other-Name-another.patch

# ---- the table
table() {
	{
		printf '# Words | with bars\n| patch | row of 2019 | test |\n|---|---|---|\n'
		printf '| %s | %s | %s |\n' "$@"
		printf '\nMore words.\n'
	} >"$tmp/queue/README.md"
}
# shellcheck disable=SC2016 # they are backticks
good=('lib: Name a number' 'row one; row two' '`build`, `unit`'
	'other: Name another' '-' 'none yet: nothing runs it')
table "${good[@]}"
expect 0 check
table "${good[@]:3:3}" "${good[@]:0:3}"
expect 1 check
printed "not the series' patches in its order"
table "${good[@]:0:3}"
expect 1 check
printed '< other: Name another'
table "${good[@]:0:1}" 'row one' "${good[@]:2}"
expect 1 check
printed 'has row "row one", the patch says: row one; row two'
table "${good[@]:0:4}" 'row nine' "${good[@]:5}"
expect 1 check
printed 'has row "row nine", the patch says: none, a test'
# shellcheck disable=SC2016
table "${good[@]:0:2}" '`build`, `no-such`' "${good[@]:3}"
expect 1 check
printed 'there is no test no-such'
table "${good[@]:0:5}" 'none'
expect 1 check
printed 'names no test'
table "${good[@]}"
expect 0 status
grep -qE '^lib-Name-a-number +1 +1 +1 +row one; row two +build, unit$' "$tmp/out" || fail "the status of $one"
grep -qE '^other-Name-another +1 +1 +1 +none, a test +none yet: nothing' "$tmp/out" || fail "the status of $two"
say "the table has to be that of the series; status prints it with sizes"

# ---- other releases
make_base 2 "$tmp/older.tar.xz" 'int wrong;'
make_base 5 "$tmp/newer.tar.xz" 'int line20;'
make_base 6 "$tmp/newest.tar.xz" 'int  line20;'
older="1.2.2-1 $tmp/older.tar.xz"$'\n' newer="1.2.5-1 $tmp/newer.tar.xz"$'\n' newest="1.2.6-1 $tmp/newest.tar.xz"$'\n'
PATCHES_OFFERED=$older'1.2.3-1'$'\n'$newer
expect 0 check
printed "1.2.5-1: $one: 1 hunks at offsets 1 to 1"
printed '1.2.5-1: the series applies'
not_printed 1.2.2-1
[[ ! -e $tmp/build/releases/1.2.5-1/other.o && -e $tmp/build/releases/1.2.5-1/other.c ]] || fail "not unpacked"
[[ ! -e $tmp/build/releases/1.2.5-1/include ]] || fail "more is unpacked than the series touches"
PATCHES_OFFERED=$newer$newest
expect 0 check
printed "1.2.6-1: $one: lib/long.c: hunk 1 (at line 18) does not apply"
printed 'WARNING: apt offers 1.2.6-1 and the series does not apply there'
printed 'WARNING: 1 other'
expect 1 check --all
printed '1.2.6-1: apt offers it, and the series does not apply there'
PATCHES_OFFERED=$older
expect 0 check --all
printed "1.2.2-1: $one: lib/long.c: hunk 1"
printed 'WARNING: apt offers 1.2.2-1'
PATCHES_OFFERED="1.2.7-1 $tmp/no-such.tar.xz"
expect 1 check --all
printed "1.2.7-1: $tmp/no-such.tar.xz: no such file"
echo not a tarball >"$tmp/no-such.tar.xz"
expect 1 check --all
printed '1.2.7-1: does not unpack'
# Not on BASE itself: that is no matter of a warning.
sed -i 's/1.2.3-1$/1.2.6-1/' "$PATCHES_DIR/BASE"
PATCHES_OFFERED=$newest
expect 1 check
printed '1.2.6-1: apt offers it'
sed -i 's/1.2.6-1$/1.2.3-1/' "$PATCHES_DIR/BASE"
PATCHES_OFFERED=
say "a newer release that refuses the series is a warning, with --all and for BASE a failure; an older one is a warning"

# ---- each patch compiles what it touches
expect 0 check --compile
printed "$one: compiles, 2 files"
printed "$two: compiles, 1 files"
expect 0 check --compile
printed '2 of 2 passed before as they are'
not_printed 'compiles,'
echo 'int toy(int);' >"$PATCHES_SRC/include/toy.h"
commit 'toy: Change a header' 'none, a test'
sed -i 's/$/ x/' "$PATCHES_SRC/other.c"
commit 'other: Break it' 'none, a test'
printf '#include <toy.h>\nint another;\n' >"$PATCHES_SRC/other.c"
commit 'other: Mend it' 'none, a test'
expect 0 refresh
rm "$tmp/queue/README.md"
expect 0 check
expect 1 check --compile
printed 'toy-Change-a-header.patch: compiles, 2 files'
printed 'other-Break-it.patch: other.o fails: other.c:'
not_printed 'other-Mend-it'
git -C "$PATCHES_SRC" reset -q --hard HEAD~2
expect 0 refresh
expect 0 check --compile
printed '3 of 3 passed before'
# With a configuration that shows it.
printf '#ifdef WIDE\n#error too wide\n#endif\n' >>"$PATCHES_SRC/lib/long.c"
commit 'lib: Refuse to be wide' 'none, a test'
expect 0 refresh
expect 0 check --compile
echo CONFIG_WIDE=y >"$PATCHES_DIR/config/compile.config"
expect 1 check --compile
printed 'lib-Refuse-to-be-wide.patch: lib/long.o fails: lib/long.c:'
say "a patch that does not compile is named with its file, whatever mends it later"
say "all fine"
