#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# scripts/kernel-config on the configuration of Debian's own kernel: isolation is in what comes out, SEV still is, what
# was changed is printed, and a fragment that would lose something fails, by name.

set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
config=config.amd64_none_amd64

say() { printf 'distribution.sh: %s\n' "$*"; }
fail() { say "FAILED: $*"; sed 's/^/  | /' "$tmp/out"; exit 1; }
expect() {
	local want=$1 got=0
	shift
	"$repo/scripts/kernel-config" "$@" >"$tmp/out" 2>&1 || got=$?
	[[ $got == "$want" ]] || fail "exit $got, expected $want"
}
printed() { grep -qF -- "$1" "$tmp/out" || fail "does not say: $1"; }

: >"$tmp/out"
expect 0 --help
printed bindeb-pkg
expect 2
expect 2 --merge x
expect 1 "$tmp/none"
printed "$tmp/none: cannot be read"
echo CONFIG_ARM64=y >"$tmp/arm"
expect 1 "$tmp/arm"
printed "not a configuration of an x86_64 kernel"
echo text >"$tmp/text.xz"
expect 1 "$tmp/text.xz"
printed "cannot be unpacked"
say "wrong usage and wrong files"

(cd "$tmp" && apt-get -q download linux-config-6.12) >"$tmp/out" 2>&1 || fail "apt cannot fetch linux-config-6.12"
dpkg-deb -x "$tmp"/linux-config-6.12_*.deb "$tmp/package"
xz=$tmp/package/usr/src/linux-config-6.12/$config.xz
[[ -e $xz ]] || fail "the package has no $config: $(ls "$tmp"/package/usr/src/*)"

expect 0 "$xz" "$tmp/result"
cat "$tmp/out"
for line in KVM_ADDRESS_SPACE_ISOLATION KVM KVM_AMD KVM_INTEL KVM_AMD_SEV CRYPTO_DEV_CCP_DD; do
	grep -qx "CONFIG_$line=y" "$tmp/result" || fail "no CONFIG_$line=y"
done
printed "CONFIG_KVM "
printed "nothing else that was set is lost"
[[ $(grep -c '^CONFIG_.*=m$' "$tmp/result") -gt 3000 ]] || fail "not a distribution's kernel any more"
say "Debian's kernel with isolation, and with all that it had"

cp "$tmp/result" "$tmp/again"
expect 0 "$tmp/again" "$tmp/result"
! grep -q ' -> ' "$tmp/out" || fail "what has been merged is changed by merging it again"
say "merged once is merged"

mkdir "$tmp/queue"
cp -r "$repo/kernel-patches/6.12/." "$tmp/queue"
sed -i '/CCP/d' "$tmp/queue/config/distribution.config"
rm "$tmp/result"
PATCHES_DIR=$tmp/queue PATCHES_SRC=$repo/build/kernel/src expect 1 "$xz" "$tmp/result"
printed "CONFIG_KVM_AMD_SEV (was y)"
[[ ! -e $tmp/result ]] || fail "written all the same"
echo CONFIG_NO_SUCH_SYMBOL=y >>"$tmp/queue/config/isolation.config"
PATCHES_DIR=$tmp/queue PATCHES_SRC=$repo/build/kernel/src expect 1 "$xz" "$tmp/result"
printed 'CONFIG_NO_SUCH_SYMBOL: asked for "CONFIG_NO_SUCH_SYMBOL=y", got "nothing"'
say "what would get lost, and what does not come out, is an error and named"
say "all fine"
