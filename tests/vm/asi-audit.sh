#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What can be reached from inside a running guest with 256 MiB and two vCPUs, told by a walk of its table
# that does not read asi/ranges: nothing of other VMs, of the page cache or of processes, little besides
# the kernel's image. And a page of each of these that is mapped on purpose is told.
set -euo pipefail

# shellcheck source=tests/vm/asi-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/asi-lib.sh"

mib=$((1024 * 1024))
l2_log=/tmp/l2.log

# Reads the audit of the guest once; the functions below look at that.
audit() {
	grep "^$guest " $asi/audit >/tmp/audit || fail "asi/audit says nothing about VM $guest"
}

# sum CLASS [OWNER]: bytes
sum() {
	awk -v class="$1" -v owner="${2-}" '$3 == class && (owner == "" || $4 == owner) { n += $5 }
		END { printf "%d\n", n }' /tmp/audit
}

# All classes together are as many bytes as there are frames.
adds_up() {
	local total parts

	total=$(sum total)
	parts=$(awk '$3 != "alias" && $3 != "total" { n += $5 } END { printf "%d\n", n }' /tmp/audit)
	[[ $total == "$parts" && $total != 0 ]] ||
		{ cat /tmp/audit >&2; fail "the classes sum to $parts bytes, and the total is $total"; }
}

# What must not be there.
nothing_foreign() {
	local class n

	for class in other-vm page-cache anonymous free; do
		grep -q "^$guest $class " /tmp/audit || fail "no line for class $class"
		n=$(sum $class)
		[[ $n == 0 ]] || { cat /tmp/audit >&2; fail "$1: $n bytes of class $class"; }
	done
	n=$(sum image secret)
	[[ $n == 0 ]] || { cat /tmp/audit >&2; fail "$1: $n bytes of the secret part of the image"; }
}

# plant WHAT CLASS OWNER BYTES: that row grows by so much, and nothing else that is not to be there.
must_show() {
	local what=$1 class=$2 owner=$3 bytes=$4 before after

	audit
	before=$(sum "$class" "$owner")
	echo "$guest $what" >$asi/plant || fail "asi/plant refused $what"
	audit
	adds_up
	after=$(sum "$class" "$owner")
	((after - before == bytes)) || {
		cat /tmp/audit >&2
		fail "planted $what: $class $owner has grown by $((after - before)) bytes, not $bytes"
	}
	echo clear >$asi/plant
	audit
	[[ $(sum "$class" "$owner") == "$before" ]] || fail "$what: still there after clear"
	ok "planted and told: $what as $class $owner, $bytes bytes"
}

# An anonymous page and a page of a file: sets anon_phys and cache_phys.
pages_start() {
	local anon cache

	python3 -c '
import mmap, ctypes, time
def address(m): return hex(ctypes.addressof(ctypes.c_char.from_buffer(m)))
anon = mmap.mmap(-1, 1 << 22, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS); anon[0:6] = b"secret"
f = open("/tmp/cached", "w+b"); f.write(b"x" * 4096); f.flush()
cache = mmap.mmap(f.fileno(), 4096); cache[0:1] = b"y"
print(address(anon), address(cache), flush=True); time.sleep(600)' >/tmp/pages &
	pages_pid=$!
	timeout 20 sh -c 'until [ -s /tmp/pages ]; do sleep 0.1; done' || fail "no pages to map"
	read -r anon cache </tmp/pages
	anon_phys=$(pagemap "$pages_pid" "$anon")
	cache_phys=$(pagemap "$pages_pid" "$cache")
}

# The guest under load; it is warm when both vCPUs have been inside a thousand times. Sets guest.
guest_start() {
	mkfifo /tmp/l2.input
	exec 9<>/tmp/l2.input
	"$repo/scripts/l2" --name audit --smp 2 --mem 256 --load mixed --seconds 300 --timeout 360 \
		--input /tmp/l2.input >$l2_log 2>&1 &
	l2_pid=$!
	timeout 180 sh -c "until grep -q '^L2 READY cpus 2 ' $l2_log; do sleep 0.5; done" ||
		{ cat $l2_log >&2; fail "the guest did not come up with two CPUs"; }
	for ((i = 0; i < 300; i++)); do
		guest=$(awk '$1 && $4 == "residencies" && $5 > 1000 { n[$1 " " $2]++ }
			END { for (vm in n) if (n[vm] == 2) print vm }' $asi/stats)
		[[ -z $guest ]] || return 0
		sleep 0.1
	done
	cat $asi/stats >&2
	fail "no VM whose two vCPUs have been inside"
}

# A kernel address of the other VM: first_range OWNER
first_range() {
	awk -v pid="$tiny_pid" -v owner="$1" '$1 == pid && $3 == owner { print $4; exit }' $asi/ranges
}

inside() {
	local l2_pid guest pages_pid anon_phys cache_phys besides

	tiny_start
	renice -n 19 -p "$tiny_pid" >/dev/null
	guest_start
	pages_start

	audit
	adds_up
	nothing_foreign "the guest as it is"
	besides=$(($(sum total) - $(sum image) - $(sum cpu-entry-area) - $(sum vmemmap)))
	((besides <= 16 * mib)) || { cat /tmp/audit >&2; fail "$besides bytes besides image, entry area, vmemmap"; }
	[[ $(sum vm) -gt 0 && $(sum stack own) -gt 0 && $(sum image text) -gt 0 ]] ||
		{ cat /tmp/audit >&2; fail "the VM's own memory is not there: the audit looked at something else"; }
	ok "other VMs, page cache, processes, free memory: 0 bytes"
	ok "besides image, CPU entry area and vmemmap: $besides bytes"
	ok "slab neighbours: $(sum slab) bytes; per-CPU neighbours: $(sum percpu dynamic) bytes"
	cut -d ' ' -f 3- /tmp/audit

	must_show "phys:$anon_phys" anonymous - 4096
	must_show "phys:$cache_phys" page-cache shmem 4096
	must_show "phys:$(pagemap "$tiny_pid" "$(awk '$1 == "code" { print $2 }' "$tiny_out")")" anonymous - 4096
	must_show "addr:$(first_range svm)" other-vm vcpu 4096
	must_show "addr:$(first_range vm)" other-vm kvm 4096
	must_show "addr:$(awk -v pid="$tiny_pid" '$1 == pid && $3 == "asi" { a = $4 } END { print a }' $asi/ranges)" \
		other-vm session 4096
	must_show "addr:0x$(symbol base_crng)" image secret 4096
	must_show kmalloc:64 slab kmalloc-64 4096
	must_show "percpu:0x$(symbol crngs)" percpu static 4096

	audit
	adds_up
	nothing_foreign "at the end"
	grep "^$guest ok " $asi/verify || { cat $asi/verify >&2; fail "asi/verify has found something"; }
	ok "nothing of it is left, and verify is clean"
	kill "$pages_pid"
	tiny_stop
	echo stop >&9
	wait "$l2_pid" || { show_guest $l2_log; fail "the guest did not end well"; }
	ok "$(grep -a '^L2 RESULT' $l2_log | tr -d '\r')"
	echo "$test_name: $checks checks"
}

if [[ ${1-} == --inside ]]; then
	inside
else
	run_inside 400
fi
