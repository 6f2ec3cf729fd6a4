#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The readers of recordings against libFuzzer, asi-faulttop's for SECONDS (60) and
# raslat's for a quarter of that, built with the address and the undefined-behaviour
# sanitizer, from the recordings that are kept and pieces of them. What crashes one
# stays in build/fuzz/.

set -euo pipefail
shopt -s inherit_errexit

cd "$(dirname "$0")/../.."
seconds=${1:-60}
out=build/fuzz
die() { printf 'fuzz: FAILED: %s\n' "$*" >&2; exit 1; }

scripts/setup --need clang /usr/share/doc/libclang-rt-dev
mkdir -p $out/{corpus,seeds}.{replay,ras} $out/crashes
# An archive: what showing a recording does not need is not linked.
# shellcheck disable=SC2054 # commas of the compiler's
flags=(-std=gnu11 -D_GNU_SOURCE -DREPLAY_ONLY -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION -g -O1 -Wall
	-Iuser/lib -Iuser -Ibpf -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all)
mapfile -t sources < <(find user/lib -name '*.c' ! -path 'user/lib/live/*')
rm -rf $out/obj
mkdir -p $out/obj
for source in "${sources[@]}"; do
	clang "${flags[@]}" -c "$source" -o "$out/obj/$(tr / _ <<<"${source%.c}").o"
done
ar rcs $out/obj/all.a $out/obj/*.o
for name in replay ras; do
	clang "${flags[@]}" tests/fuzz/fuzz_$name.c $out/obj/all.a -lz -o $out/fuzz_$name ||
		die "cannot build it; libclang-rt-dev has libFuzzer and the sanitizers (scripts/setup)"
done

# A short file is quickly read and often changed where it matters: a few names of VM exits,
# and up to the first, second, ... snapshot. Checksums do not matter here.
/usr/bin/python3 - $out/seeds.replay tests/replay/*.flr <<'PY'
import os, struct, sys
HEAD, SECTION, EXITS, SNAPSHOT = 24, struct.Struct("=IIQII"), 3, 6
for path in sys.argv[2:]:
    data = open(path, "rb").read()
    seed, at, snapshots = data[:HEAD], HEAD, 0
    while at < len(data):
        kind, number, size, crc, head_crc = SECTION.unpack_from(data, at)
        payload = data[at + SECTION.size : at + SECTION.size + size]
        at += SECTION.size + size
        if kind == EXITS:
            payload = payload[: 2 * 48]
        seed += SECTION.pack(kind, number, len(payload), crc, head_crc) + payload
        if kind == SNAPSHOT:
            snapshots += 1
        if kind == SNAPSHOT and snapshots < 5 or at == len(data):
            name = "%s-%d" % (os.path.basename(path), snapshots)
            open(os.path.join(sys.argv[1], name), "wb").write(seed)
PY

cp tests/replay/ras/*.flr $out/seeds.ras/

fuzz() { # NAME SECONDS PLACES: fewer are reached only if the seeds are refused, and nothing was tested
	local name=$1 seconds=$2 places=$3 runs covered

	"$out/fuzz_$name" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=1024 \
		-print_final_stats=1 -artifact_prefix=$out/crashes/ "$out/corpus.$name" "$out/seeds.$name" \
		>"$out/log.$name" 2>&1 || {
		tail -n 40 "$out/log.$name"
		die "see above; the input is in $out/crashes/, $out/fuzz_$name FILE repeats it"
	}
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/log.$name")
	covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$out/log.$name" | tail -n 1)
	echo "$name: $runs runs in $seconds s, $covered places reached, no crash"
	((runs > 1000 && covered > places)) || die "$name: too few"
}

fuzz replay "$seconds" 500
fuzz ras $(((seconds + 3) / 4)) 100
