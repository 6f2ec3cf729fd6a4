# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For scripts/kernel and scripts/patches: how a kernel is built here. Nothing of the place, the time or
# the user gets into an object, so that every clone shares ccache and the same sources give the same
# kernel. No CCACHE_BASEDIR: with it ccache hashes the directory line that it else leaves out. No Rust:
# the version of a rustc that happens to be there would be in the configuration, and so in every object.
# No language: ccache hashes that, too.

export CCACHE_NOHASHDIR=1
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 2026' KBUILD_BUILD_VERSION=1
export KBUILD_BUILD_USER=faultline KBUILD_BUILD_HOST=lab
# Set and empty: no "+" for a git tree without a release tag.
export LOCALVERSION=

# make in source tree $1.
kbuild() {
	local tree=$1
	shift
	env -u LANG -u LC_CTYPE -u LC_MESSAGES LC_ALL=C make -C "$tree" --no-print-directory CC="ccache gcc" RUSTC=false "$@"
}
