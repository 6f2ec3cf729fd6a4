#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# scripts/setup with made-up dpkg-query, apt-get and package list.

set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

fail() { echo "setup.sh: FAILED: $*"; sed 's/^/  | /' "$tmp/out"; exit 1; }
expect() {
	local want=$1 got=0
	shift
	PATH=$tmp/bin:$PATH "$tmp/scripts/setup" "$@" >"$tmp/out" 2>&1 || got=$?
	[[ $got == "$want" ]] || fail "$*: exit $got, expected $want"
}
printed() { grep -qF -- "$1" "$tmp/out" || fail "does not say: $1"; }

mkdir "$tmp/scripts" "$tmp/bin"
cp "$repo/scripts/setup" "$tmp/scripts/"
printf '# a comment\nalpha build sh /etc/passwd\nbeta check nosuchtool /nosuchfile\n' >"$tmp/scripts/packages"
cat >"$tmp/bin/dpkg-query" <<SH
#!/bin/sh
for p; do :; done
[ -e "$tmp/\$p.installed" ] && printf installed || exit 1
SH
cat >"$tmp/bin/apt-get" <<SH
#!/bin/sh
echo "\$@" >>"$tmp/apt.log"
[ ! -e "$tmp/broken" ] || exit 100
case "\$*" in *install*) touch "$tmp/beta.installed" ;; esac
SH
chmod +x "$tmp/bin/"*
touch "$tmp/alpha.installed"
chmod 755 "$tmp"

# Elsewhere than on Debian it says so before anything else.
if ! grep -qE '^VERSION_ID="?1[23]"?$' /etc/os-release || ! grep -q '^ID=debian$' /etc/os-release; then
	expect 1 --check
	printed "not Debian 12 or 13"
else
	expect 1 --check
	printed "missing: beta"
	printed "sudo scripts/setup"
	[[ ! -e $tmp/apt.log ]] || fail "--check called apt-get"
	if ((EUID == 0)); then
		touch "$tmp/broken"
		expect 1
		printed "apt-get update failed"
		rm "$tmp/broken" "$tmp/apt.log"
		expect 0
		grep -q -- '-y install --no-install-recommends beta$' "$tmp/apt.log" || fail "does not install beta alone"
		expect 0
		[[ $(grep -c install "$tmp/apt.log") == 1 ]] || fail "installs again"
	else
		expect 1
		printed "needs root"
		[[ ! -e $tmp/apt.log ]] || fail "called apt-get as a plain user"
		touch "$tmp/beta.installed"
	fi
	expect 0 --check
	printed "all 2 packages are installed"
fi

expect 0 --need sh /etc/passwd
expect 1 --need sh nosuchtool /nosuchfile
printed "nosuchtool (package beta), /nosuchfile (package beta)"
expect 2 --frobnicate

# Every tool that a script asks --need for is in the real list.
while read -r proof; do
	grep -qE "(^|[[:space:]])$proof([[:space:]]|\$)" "$repo/scripts/packages" ||
		fail "scripts/packages does not have $proof"
done < <(sed -e ':a; /\\$/N; s/\\\n//; ta' "$repo/scripts/kernel" | sed -n 's/.*setup" --need //p' | tr -s ' \t' '\n')
echo "setup.sh: all fine"
