# SPDX-License-Identifier: GPL-2.0
# For tests of what QEMU writes into an error block.
# shellcheck shell=bash

sequence=1 # the number in the first record's FRU text

little() { # BYTES VALUE
	local i

	for ((i = 0; i < $1; i++)); do
		printf '%02x ' $(($2 >> (8 * i) & 255))
	done
}

zeros() { printf '00 %.0s' $(seq "$1"); }

# record STATUS TEXT ADDRESS...: the bytes that a block has with an entry for each address, a line each: a Generic
# Error Status Block of 20, and for each a Generic Error Data Entry v3.00 of 72 with a Memory Error Section of 80
# (ACPI 6.1: 18.3.2.7.1, UEFI 2.6: N.2.5). TEXT is the FRU text up to the number, of which the first is $sequence;
# "" for none.
record() {
	append_record "$@" | tr -s ' ' '\n' | sed '/^$/d'
}

append_record() {
	local status=$1 text=$2 address fru n=$sequence

	shift 2
	little 4 "$status"; zeros 8; little 4 $(($# * 152)); little 4 0
	for address; do
		printf '14 11 bc a5 64 6f de 4e b8 63 3e 83 ed 7c 83 b1 '
		fru=${text:+$(printf '%s%d' "$text" "$n" | od -An -v -tx1 | tr -d '\n')}
		n=$((n + 1))
		little 4 0; little 2 0x300; little 1 $((${#text} ? 2 : 0)); little 1 0; little 4 80
		zeros 16
		printf '%s ' "$fru"; zeros $((20 - ${#fru} / 3))
		zeros 8
		little 8 0x4002; zeros 8; little 8 "$address"; zeros 56
	done
}
