# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Sourced by scripts/l2*, with the repository in $repo.
# shellcheck disable=SC2154 # repo

# The first line of a console log that a sound kernel does not print; nothing if there is none.
first_splat() {
	local splats

	splats=$(sed '/^#/d; /^$/d' "$repo/scripts/splat.patterns" | paste -sd '|') || return
	{ grep -m 1 -aE "^(\[ *[0-9]+\.[0-9]+\](\[ *[TC][0-9]+\])? )?($splats)" "$1" || (($? == 1)); } | tr -d '\r'
}
