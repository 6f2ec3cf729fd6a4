#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# rasinject in the x86_64 lab: each backend's injection is verified, hits its victim and nobody else; what
# would take more down is refused, and nothing is poisoned then; --undo restores after kill -9.
# CYCLES=N injects and undoes N times. KERNEL=PATH takes another kernel than the lab's. Arguments name parts of the
# test, functions below, to run in place of all.
set -euo pipefail
shopt -s inherit_errexit

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

cycles=${CYCLES:-23}
module='/run/kernel/modules/lib/modules/*/kernel/mm/hwpoison-inject.ko'
tool=$repo/build/rasinject

# shellcheck source=tests/vm/inject-lib.sh
. "$repo/tests/vm/inject-lib.sh"

# ---- pages -------------------------------------------------------------------------------------

# find_page REASON SET CLEAR: a page frame beyond the first megabytes with these KPF bits and without those, in
# hexadecimal; "none" as SET: without any flag, as kernel stacks are. Some are those of the looker, or of rasinject
# itself, and something else when it has ended: the first of 20 that it has this reason against, twice.
find_page() {
	local reason=$1 page

	shift
	find_pages "$@" | shuf -n 20 --random-source=/proc/kallsyms >/tmp/pages
	while read -r page; do
		! { refuses "$page" "$reason" && refuses "$page" "$reason"; } || break
	done </tmp/pages
	[[ -n $page ]] || fail "no page is refused as $reason, of $(wc -l </tmp/pages) tried"
	echo "$page"
}

# A process with 512 page tables. Sets tables_pid.
many_page_tables() {
	python3 -c 'if True:
		import mmap, sys
		memory = mmap.mmap(-1, 1 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
		memory.madvise(mmap.MADV_NOHUGEPAGE)
		for i in range(0, 1 << 30, 1 << 21):
		    memory[i] = 23
		print("ready", flush=True)
		sys.stdin.read()' <>/tmp/hold >/tmp/tables &
	tables_pid=$!
	wait_for 20 test -s /tmp/tables || fail "page tables are not made"
}

# A page table of that process: in the middle of the longest stretch of them. Each process that looks has some, too, and
# takes them along when it ends; but so many in a row has none.
page_table_pfn() {
	python3 - <<-'END'
	import array, os, sys
	pages = array.array("Q")
	fd = os.open("/proc/kpageflags", os.O_RDONLY)
	while chunk := os.read(fd, 1 << 20):
	    pages.frombytes(chunk)
	tables, longest, middle = 0, 0, 0
	for pfn, flags in enumerate(pages):
	    tables = tables + 1 if flags & 0x4000000 else 0
	    if tables > longest:
	        longest, middle = tables, pfn - tables // 2
	if longest < 32:
	    sys.exit(f"no more than {longest} page tables in a row")
	print(hex(middle))
	END
}

find_pages() {
	python3 - "$@" <<-'END'
	import array, os, sys
	none = sys.argv[1] == "none"
	want, without = (0, (1 << 64) - 1) if none else (int(x, 16) for x in sys.argv[1:3])
	pages = array.array("Q")
	fd = os.open("/proc/kpageflags", os.O_RDONLY)
	while chunk := os.read(fd, 1 << 20):
	    pages.frombytes(chunk)
	for page in sorted(hex(pfn) for pfn, flags in enumerate(pages)
	                   if pfn > 4096 and flags & want == want and not flags & without):
	    print(page)
	END
}

# A free page in the middle of the longest free stretch: nobody takes it soon.
free_pfn() {
	python3 - <<-'END'
	import array, os
	pages = array.array("Q")
	fd = os.open("/proc/kpageflags", os.O_RDONLY)
	while chunk := os.read(fd, 1 << 20):
	    pages.frombytes(chunk)
	free, longest, middle = 0, 0, 0
	for pfn, flags in enumerate(pages):
	    free = free + 1 if flags == 0x400 else 0
	    if free > longest:
	        longest, middle = free, pfn - free // 2
	print(hex(middle))
	END
}

# ---- what is injected --------------------------------------------------------------------------

# The signs that docs and man page promise for each, and what the victim sees.
backend_kills() {
	local backend=$1

	shift
	victim neighbour
	victim "$backend" "$@"
	expect 0 --pid "${victim_pid[$backend]}" --vaddr "${victim_vaddr[$backend]}" --backend "$backend"
	printed "^page +pfn ${victim_pfn[$backend]},"
	printed "^owner +${victim_pid[$backend]} ras-victim at ${victim_vaddr[$backend]}, "
	printed '^sign +memory_failure_event: .*: Recovered$'
	printed '^sign +KPF_HWPOISON: set$'
	printed '^sign +HardwareCorrupted: 0 kB before, 4 kB after$'
	printed '^result +verified$'
	[[ $(corrupted) == 4 ]] || fail "$backend: HardwareCorrupted is $(corrupted) kB, not 4"
	poisoned "${victim_pfn[$backend]}" || fail "$backend: the page is not poisoned"
	[[ $(says "$backend" touch) == "sigbus 4 ${victim_vaddr[$backend]}" ]] ||
		fail "$backend: the victim says $(tail -1 "/tmp/victim.$backend")"
	gone "$backend" 3
	[[ $(says neighbour touch) == "value 23" ]] || fail "$backend: the neighbour was hit"
	gone neighbour 0
	expect 0 --undo
	printed "^undo +pfn ${victim_pfn[$backend]}: undone$"
	printed '^total +un-poisoned 1, not poisoned 0, still poisoned 0$'
	no_poison "undo of $backend"
	no_instance "$backend"
	ok "$backend: verified, its victim gets SIGBUS, the neighbour lives, undone"
}

soft_offline_moves() {
	victim neighbour
	victim soft
	expect 0 --pfn "${victim_pfn[soft]}" --backend soft-offline
	printed '^sign +KPF_HWPOISON: set$'
	printed '^sign +HardwareCorrupted: 0 kB before, 4 kB after$'
	! grep -q memory_failure_event /tmp/out || fail "soft-offline claims an event"
	poisoned "${victim_pfn[soft]}" || fail "soft-offline: the page is not poisoned"
	[[ $(says soft touch) == "value 23" ]] || fail "soft-offline: the victim lost its page"
	[[ $(says soft where) != "pfn ${victim_pfn[soft]}" ]] || fail "soft-offline: the page was not moved"
	[[ $(says neighbour touch) == "value 23" ]] || fail "soft-offline: the neighbour was hit"
	gone soft 0
	gone neighbour 0
	expect 0 --undo
	no_poison "undo of soft-offline"
	ok "soft-offline: verified without an event, its victim keeps what was in the page"
}

free_page() {
	expect 0 --pfn "$(free_pfn)"
	printed '^sign +memory_failure_event: free buddy page: Recovered$'
	expect 0 --undo --pfn "$(awk '/^page/ { sub(",", "", $3); print $3 }' /tmp/out)"
	no_poison "undo of a free page"
	ok "a free page"
}

json_and_dry_run() {
	victim json
	expect 0 --pfn "${victim_pfn[json]}" --dry-run -o json
	no_poison "--dry-run"
	jq -e '.result == "dry-run" and .exit == 0 and .refusals == [] and .owners[0].comm == "ras-victim"' \
		/tmp/out >/dev/null || fail "JSON of --dry-run: $(cat /tmp/out)"
	expect 0 --pfn "${victim_pfn[json]}" -o json
	jq -e '.result == "verified" and .exit == 0 and .message == null and .end_ns > .start_ns and
		.end_counter > .start_counter and .signs.KPF_HWPOISON and .signs.memory_failure_event and
		.signs.HardwareCorrupted and .signs.event_result == "Recovered"' \
		/tmp/out >/dev/null || fail "JSON: $(cat /tmp/out)"
	says json touch >/dev/null
	gone json 3
	expect 0 --undo -o json
	jq -e '.type == "undo" and .result == "undone"' /tmp/out >/dev/null || fail "JSON of --undo: $(cat /tmp/out)"
	no_poison "JSON"
	ok "JSON, and --dry-run does nothing"
}

# ---- what is refused ---------------------------------------------------------------------------

refusals() {
	local page

	refused_kernel_text
	refused slab --pfn "$(find_page slab 80 80000)"
	many_page_tables
	page=$(page_table_pfn) || fail "the process with 512 page tables has them all over the place"
	refused page-table --pfn "$page"
	kill $tables_pid
	wait $tables_pid || true
	refused reserved --pfn "$(find_page reserved 100000000 1000000)"
	refused zero-page --pfn "$(find_page zero-page 1000000 400000)"
	refused not-ram --pfn 0x4000000
	refused not-ram --pfn 0xfffffffffffff
	refused reserved --pfn 0xa8
	refused kernel --pfn "$(find_page kernel none)"
	refused_mapped
	refused_many
	no_poison "all refusals"
}

refused_many() {
	local pid address

	# shellcheck disable=SC2016 # python's
	python3 -c 'if True:
		import ctypes, mmap, os, sys, time
		page = mmap.mmap(-1, 4096)
		page[0] = 23
		ready, go = os.pipe(), os.pipe()
		for i in range(4):
		    if not os.fork():
		        page[0]
		        os.write(ready[1], b"x")
		        os.read(go[0], 1)
		        os._exit(0)
		for i in range(4):
		    os.read(ready[0], 1)
		print(os.getpid(), hex(ctypes.addressof(ctypes.c_char.from_buffer(page))), flush=True)
		sys.stdin.read(1)
		os.write(go[1], b"x" * 4)' <>/tmp/hold >/tmp/many &
	wait_for 20 test -s /tmp/many || fail "five processes with one page do not start"
	read -r pid address </tmp/many
	refused many --pid "$pid" --vaddr "$address"
	[[ $(jq .processes <("$tool" --pid "$pid" --vaddr "$address" --dry-run -o json 2>/dev/null || true)) == 5 ]] ||
		fail "five processes are not five"
	pkill -P "$pid" || true
	kill "$pid"
	wait "$pid" || true
}

# ---- what the kernel refuses -------------------------------------------------------------------

kernel_refuses() {
	expect 5 --pfn 0x4000000 --force
	said 'the kernel refused: No such device or address'
	expect 5 --pfn 0x4000000 --force --backend hard-offline
	no_poison "refused by the kernel"
	echo 0 >/proc/sys/vm/enable_soft_offline
	expect 3 --pfn "$(free_pfn)" --backend soft-offline
	said 'vm.enable_soft_offline=1'
	echo 1 >/proc/sys/vm/enable_soft_offline
	echo 0 >/proc/sys/vm/memory_failure_recovery
	expect 4 --pfn "$(free_pfn)"
	said 'the kernel would panic'
	echo 1 >/proc/sys/vm/memory_failure_recovery
	expect 3 --pfn "$(free_pfn)" --backend einj
	said 'EINJ'
	victim private
	expect 3 --pfn "${victim_pfn[private]}" --backend madvise
	said 'madvise reaches only shared memory'
	gone private 0
	ok "the kernel refuses, or lacks something: exit 5, 3, 4"
}

# ---- accidents ---------------------------------------------------------------------------------

# Between journal and injection the victim goes: its page is somebody else's by then, and is left alone.
changes_hands() {
	local pid code=0

	victim leaving
	RASINJECT_STOP=journal "$tool" --pfn "${victim_pfn[leaving]}" >/tmp/out 2>/tmp/err &
	pid=$!
	wait_for 10 stopped $pid || fail "it does not stop after the journal"
	gone leaving 0
	kill -CONT $pid
	wait $pid || code=$?
	[[ $code == 4 ]] || fail "the page changed hands: exit $code, not 4"
	said 'the page changed hands after it was looked at'
	no_poison "the page changed hands"
	tail -1 "$journal" | grep -q ' closed .* why=not-injected ' || fail "the journal does not say that nothing was injected"
	ok "a page that changes hands meanwhile is left alone"
}

# Told to end while the filter is set, it first puts everything in order.
terminated() {
	local pid code=0

	victim ended
	RASINJECT_STOP=injected "$tool" --pfn "${victim_pfn[ended]}" --memcg-filter >/tmp/out 2>/tmp/err &
	pid=$!
	wait_for 10 stopped $pid || fail "it does not stop after the injection"
	[[ $(cat $hwpoison/corrupt-filter-enable) == 1 ]] || fail "the filter is not set"
	kill -TERM $pid
	kill -CONT $pid
	wait $pid 2>/dev/null || code=$?
	[[ $code == 143 ]] || fail "SIGTERM: exit $code"
	[[ $(cat $hwpoison/corrupt-filter-enable) == 0 ]] || fail "SIGTERM leaves the filter set"
	no_instance "SIGTERM"
	tail -1 "$journal" | grep -q ' injected .* why=verified ' || fail "SIGTERM: the journal has no end"
	gone ended 0
	expect 0 --undo
	no_poison "SIGTERM, undone"
	ok "SIGTERM meanwhile: filter and trace instance are put in order first"
}

damaged_journal() {
	victim damaged
	expect 0 --pfn "${victim_pfn[damaged]}"
	sed -i '$ s/injected/injekted/' "$journal"
	printf 'rasinject1 begun cut off' >>"$journal"
	expect 1 --undo
	said '2 damaged lines left out'
	printed "^undo +pfn ${victim_pfn[damaged]}: undone$"
	no_poison "a damaged journal"
	expect 4 --undo --pfn "${victim_pfn[damaged]}"
	gone damaged 0
	rm "$journal"
	ok "a damaged journal: what can be read is undone, the rest is told"
}

many_cycles() {
	local i

	for ((i = 0; i < cycles; i++)); do
		victim cycle
		expect 0 --pfn "${victim_pfn[cycle]}"
		expect 0 --undo
		gone cycle 0
	done
	no_poison "$cycles cycles"
	ok "$cycles times injected and undone: HardwareCorrupted is back to 0"
}

# A guest that never runs: its memory is there, and QEMU has no reason to touch it.
guest_page() {
	local qemu

	qemu-system-x86_64 -S -M pc -accel tcg -m 32 -mem-prealloc -display none -nodefaults \
		-qmp unix:/tmp/qmp,server=on,wait=off &
	qemu=$!
	wait_for 30 test -S /tmp/qmp || fail "QEMU does not start"
	expect 1 --gpa 0xf0000000 --qmp /tmp/qmp
	said 'QEMU says: No memory is mapped at address 0xf0000000'
	expect 3 --gpa 0x1234567 --qmp /tmp/qmp --backend qmp
	said 'this QEMU has no command x-inject-memory-error'
	no_poison "a QEMU without the command"
	expect 0 --gpa 0x1234567 --qmp /tmp/qmp -o json
	jq -e --argjson pid $qemu '.result == "verified" and .gpa == "0x1234567" and .owners[0].pid == $pid' \
		/tmp/out >/dev/null || fail "--gpa: $(cat /tmp/out)"
	# it asks for SIGBUS at once, and under TCG does not survive it
	kill -KILL $qemu 2>/dev/null || true
	wait $qemu 2>/dev/null || true
	expect 0 --undo
	no_poison "undo of a guest's page"
	ok "--gpa: a page of QEMU's process, verified, undone; an address without memory is told"
}

# Last: what nobody can undo.
not_recovered() {
	local pfn

	pfn=$(find_page slab 80 80000)
	expect 7 --pfn "$pfn" --force
	said 'could not deal with it: .*: (Ignored|Failed)$'
	poisoned "$pfn" || fail "exit 7, but not poisoned"
	ok "forced on a slab page: exit 7"
}

every_backend() {
	backend_kills hwpoison
	backend_kills hard-offline
	backend_kills madvise --shared
	soft_offline_moves
	free_page
}

# Poison that nobody can undo comes last.
parts=(every_backend json_and_dry_run refusals refused_poisoned filtered kernel_refuses killed_anywhere changes_hands terminated
	damaged_journal many_cycles guest_page not_recovered)

inside() {
	local part

	mkfifo /tmp/hold # what reads from it waits for ever
	# shellcheck disable=SC2086 # a pattern
	insmod $module
	expect 0 --check
	printed '^ok +hwpoison '
	printed '^ok +event '
	no_poison "to begin with"
	for part in "$@"; do
		$part
	done
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside "${@:2}"
else
	(($# == 0)) || parts=("$@")
	exec "$repo/scripts/vm" x86_64 ${KERNEL:+--kernel "$KERNEL"} --timeout $((260 + cycles * 4)) -- \
		env CYCLES="$cycles" "$0" --inside "${parts[@]}"
fi
