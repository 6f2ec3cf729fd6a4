#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# scripts/patches on a made-up base: three files, two patches.

set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

say() { printf 'patches.sh: %s\n' "$*"; }
fail() { say "FAILED: $*"; [[ ! -s $tmp/out ]] || sed 's/^/  | /' "$tmp/out"; exit 1; }

export PATCHES_DIR=$tmp/queue PATCHES_SRC=$tmp/src PATCHES_TARBALL=$tmp/base.tar.xz
export PATCHES_PACKAGE=toy-source PATCHES_VERSION=1.2.3-1 PATCHES_CHECKPATCH=$tmp/checkpatch
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1

# The tool's exit code, its output in $tmp/out.
patches() { "$repo/scripts/patches" kernel "$@" >"$tmp/out" 2>&1; }
expect() {
	local want=$1 got=0
	shift
	patches "$@" || got=$?
	[[ $got == "$want" ]] || fail "$*: exit $got, expected $want"
}
printed() { grep -qF -- "$1" "$tmp/out" || fail "does not say: $1"; }
src() { git -C "$tmp/src" -c user.name=Ann -c user.email=ann@example.org "$@"; }
tree_of() { (cd "$1" && find . -path ./.git -prune -o -type f -print0 | sort -z | xargs -0 sha256sum); }

make_base() {
	local sublevel=$1 i
	rm -rf "$tmp/toy-1.2"
	mkdir -p "$tmp/toy-1.2/lib" "$tmp/queue"
	printf 'VERSION = 1\nPATCHLEVEL = 2\nSUBLEVEL = %s\n' "$sublevel" >"$tmp/toy-1.2/Makefile"
	printf '*.o\n.*\n' >"$tmp/toy-1.2/.gitignore"
	[[ $sublevel == 3 ]] || printf 'a line more\n' >"$tmp/toy-1.2/lib/long.c"
	for i in $(seq 60); do echo "line $i"; done >>"$tmp/toy-1.2/lib/long.c"
	echo 'int other;' >"$tmp/toy-1.2/other.c"
	tar -C "$tmp" -cJf "$PATCHES_TARBALL" toy-1.2
}

make_base 3
printf '# SPDX-License-Identifier: GPL-2.0\n' >"$tmp/queue/series"
# A checkpatch that complains about what it is told to.
cat >"$tmp/checkpatch" <<'PL'
while (my $a = shift) { next if $a =~ /^--/; open(F, $a);
	while (<F>) { print "$a:$.: WARNING:UGLY: ugly line\n" if /^\+.*UGLY/ } }
PL

# ---- an empty series
expect 0 apply
expect 0 refresh --new-base
grep -q '^upstream 1.2.3$' "$tmp/queue/BASE" || fail "BASE does not name 1.2.3"
expect 0 check
say "an empty series applies, is exported and checks"

# ---- edit -> refresh
expect 0 edit
printed 'git -C'
sed -i 's/^line 10$/line ten/; s/^line 50$/line fifty/' "$tmp/src/lib/long.c"
expect 3 apply
printed 'uncommitted edits in lib/long.c'
printed 'scripts/patches kernel refresh'
expect 3 refresh
src commit -q -a --date='2026-02-03T04:05:06+0100' -m 'lib: write numbers as words

They are easier to read.

Series-2019: none, a test
Signed-off-by: Ann <ann@example.org>'
expect 3 apply
printed 'not exported'
expect 0 refresh
echo 'int more; /* UGLY */' >"$tmp/src/new.c"
expect 3 apply
printed 'not committed: new.c'
src add new.c
src commit -q --date='2026-02-03T04:06:06+0100' -m 'new: add a file, [v2] "quoted" and named at such length that it is cut

It is needed for ünïcode.

Series-2019: none, a test
Signed-off-by: Ann <ann@example.org>'
expect 0 refresh
[[ $(grep -vc '^#' "$tmp/queue/series") == 2 ]] || fail "series does not have 2 patches"
[[ -f $tmp/queue/lib-write-numbers-as-words.patch ]] || fail "file name is not the subject"
grep -q '^Date: Tue, 3 Feb 2026 04:05:06 +0100$' "$tmp/queue/lib-write-numbers-as-words.patch" ||
	fail "the author's date is not kept"
say "edits are refused until they are committed, and exported as two patches"

# ---- round trip
cp -r "$tmp/queue" "$tmp/queue.1"
tree_of "$tmp/src" >"$tmp/tree.1"
rm -rf "$tmp/src"
touch -d '2020-01-01' "$tmp/mark"
expect 0 apply
tree_of "$tmp/src" | cmp -s - "$tmp/tree.1" || fail "a fresh import gives another tree"
expect 0 refresh
diff -r "$tmp/queue" "$tmp/queue.1" >"$tmp/out" || fail "apply and refresh change the queue"
expect 0 apply
printed 'applied already'
# Another user's settings do not change a byte.
cat >"$tmp/gitconfig" <<'CFG'
[diff]
	noprefix = true
	algorithm = patience
	renames = copies
[format]
	signature = hello
	numbered = true
[core]
	abbrev = 8
CFG
GIT_CONFIG_GLOBAL=$tmp/gitconfig expect 0 refresh
diff -r "$tmp/queue" "$tmp/queue.1" >"$tmp/out" || fail "the user's git settings change the queue"
say "the round trip is byte-stable"

# ---- only what differs is written
stat -c '%n %Y %i' "$tmp/src/other.c" "$tmp/src/lib/long.c" >"$tmp/stat.1"
sed -i 's/UGLY/ugly/' "$tmp/queue/new-"*.patch
expect 0 apply
printed '1 files written'
stat -c '%n %Y %i' "$tmp/src/other.c" "$tmp/src/lib/long.c" | cmp -s - "$tmp/stat.1" ||
	fail "apply wrote files that did not change"
cp "$tmp/queue.1/"*.patch "$tmp/queue/"
expect 0 apply
say "apply writes only the files that differ"

# ---- check
expect 1 check
printed 'UGLY'
new=$(basename "$tmp/queue/new-"*.patch)
echo "UGLY $new the test wants it" >"$tmp/queue/checkpatch.ignore"
expect 0 check
echo "OTHER * nothing has it" >>"$tmp/queue/checkpatch.ignore"
expect 1 check
printed 'nothing needs it'
sed -i '$d' "$tmp/queue/checkpatch.ignore"
cp "$tmp/queue/$new" "$tmp/queue/stray.patch"
expect 1 check
printed 'stray.patch: not listed'
mv "$tmp/queue/stray.patch" "$tmp/queue/stray.patch.orig"
expect 1 check
printed 'stray.patch.orig: not listed'
rm "$tmp/queue/stray.patch.orig"
for line in '^From: ' '^Subject: .*' '^Signed-off-by: ' '^Series-2019: ' '^Date: '; do
	sed -i "s/$line/Nothing: /" "$tmp/queue/$new"
	expect 1 check
	cp "$tmp/queue.1/$new" "$tmp/queue/$new"
done
mv "$tmp/queue/$new" "$tmp/away"
expect 1 check
printed "$new: listed in series"
expect 1 apply
mv "$tmp/away" "$tmp/queue/$new"
say "check finds strays, missing patches, missing headers and style, and wants reasons"

# ---- a patch that does not apply: patch, file, hunk; the tree as it was
expect 0 apply
head=$(src rev-parse HEAD)
tree_of "$tmp/src" >"$tmp/tree.1"
bad=lib-write-numbers-as-words.patch
sed -i 's/^-line 50$/-line fivty/' "$tmp/queue/$bad"
expect 1 apply
printed "$bad: lib/long.c: hunk 2 (at line 47) does not apply"
[[ $(src rev-parse HEAD) == "$head" ]] || fail "the branch moved"
tree_of "$tmp/src" | cmp -s - "$tmp/tree.1" || fail "the tree changed"
[[ -z $(src status --porcelain) ]] || fail "the tree is not clean"
cp "$tmp/queue.1/$bad" "$tmp/queue/$bad"
# Context is not fuzzy: one context line that differs is a failure.
sed -i 's/^ line 49$/ line fortynine/' "$tmp/queue/$bad"
expect 1 apply
printed "hunk 2"
cp "$tmp/queue.1/$bad" "$tmp/queue/$bad"
say "a bad patch fails by name, file and hunk, and leaves the tree clean"

# ---- --discard
echo dirt >>"$tmp/src/other.c"
echo stray >"$tmp/src/stray.c"
expect 3 apply
expect 0 apply --discard
tree_of "$tmp/src" | cmp -s - "$tmp/tree.1" || fail "--discard leaves something"
say "--discard gives the series' tree again"

# ---- a newer base: offsets are printed, nothing is exported by mistake
make_base 4
export PATCHES_VERSION=1.2.4-1
expect 0 apply
printed "$bad: hunk 1 applied at 8 (offset 1 line)"
grep -q '^line ten$' "$tmp/src/lib/long.c" || fail "the patch is not applied to the new base"
expect 0 apply
printed 'applied already'
expect 1 refresh
printed 'exported against 1.2.3-1'
printed '--new-base'
diff -r -x checkpatch.ignore "$tmp/queue" "$tmp/queue.1" >"$tmp/out" || fail "a refused refresh changed the queue"
expect 0 refresh --new-base
grep -q '^upstream 1.2.4$' "$tmp/queue/BASE" || fail "BASE does not name 1.2.4"
say "on another base the series applies with offsets, and refresh wants --new-base"

# ---- a commit dropped is a patch deleted
src reset -q --hard HEAD~1
expect 0 refresh
[[ ! -e $tmp/queue/$new && $(grep -vc '^#' "$tmp/queue/series") == 1 ]] || fail "the dropped patch is still there"
say "a dropped commit drops its patch"

expect 2 frobnicate
expect 2 apply --frobnicate
say "all fine"
