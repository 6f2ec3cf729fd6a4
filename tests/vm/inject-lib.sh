# SPDX-License-Identifier: GPL-2.0
# For tests of rasinject in a lab machine: it and what it says, the refusals and accidents that are the same on each
# architecture. It needs no more than dd, od and awk: the arm64 lab's root has no Python and no jq. Before it: repo,
# tool (rasinject's path), fail, ok (functions).
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # those, and what is for who sources this

hwpoison=/sys/kernel/debug/hwpoison
export RASINJECT_JOURNAL=/tmp/journal
journal=$RASINJECT_JOURNAL/rasinject.journal

# shellcheck source=tests/vm/victim-lib.sh
. "$repo/tests/vm/victim-lib.sh"

# expect CODE ARGUMENT...: its exit status; what it prints is in /tmp/out and /tmp/err.
expect() {
	local want=$1 code=0

	shift
	"$tool" "$@" >/tmp/out 2>/tmp/err </dev/null || code=$?
	if [[ $code != "$want" ]]; then
		cat /tmp/out /tmp/err >&2
		fail "rasinject $*: exit $code, not $want"
	fi
	((want == 0)) || grep -q '^rasinject: .' /tmp/err || fail "rasinject $*: exit $code without a word"
}

printed() { grep -qE -- "$1" /tmp/out || { cat /tmp/out /tmp/err >&2; fail "does not print: $1"; }; }
said() { grep -qE -- "$1" /tmp/err || { cat /tmp/out /tmp/err >&2; fail "does not say: $1"; }; }

no_poison() { [[ $(corrupted) == 0 ]] || fail "$1: HardwareCorrupted is $(corrupted) kB"; }

# No trace instance stays.
no_instance() { [[ -z $(ls /sys/kernel/tracing/instances) ]] || fail "$1: a trace instance is left"; }

# entries FILE NUMBER COUNT: of a file of 8-byte entries, in hexadecimal, a line each.
entries() { dd if="$1" bs=8 skip=$(($2)) count="$3" status=none | od -An -v -w8 -tx8 | tr -d ' '; }

poisoned() { ((16#$(entries /proc/kpageflags "$1" 1) >> 19 & 1)); }

# vaddr PID NAME: the first address of a mapping with that in its name that is in memory.
vaddr() {
	local start end n

	while read -r start end; do
		start=$((16#$start)) end=$((16#$end))
		n=$(entries "/proc/$1/pagemap" $((start / 4096)) $(((end - start) / 4096)) | awk '/^[89a-f]/ && !n { n = NR } END { print n }')
		[[ -z $n ]] || { printf '%#x\n' $((start + (n - 1) * 4096)); return; }
	done < <(awk -v name="$2" 'index($0, name) { split($1, range, "-"); print range[1], range[2] }' "/proc/$1/maps")
	fail "of process $1 nothing of $2 is in memory"
}

# ---- what is refused ---------------------------------------------------------------------------

# refuses PFN REASON: for it alone.
refuses() {
	"$tool" --pfn "$1" --dry-run -o json >/tmp/out 2>/dev/null || true # 4, if it refuses
	grep -qF "\"refusals\":[\"$2\"]" /tmp/out
}

# refused REASON ARGUMENT...: exit 4, with and without --dry-run, for this reason, and nothing is poisoned.
refused() {
	local reason=$1 before after pfn

	shift
	before=$(corrupted)
	expect 4 "$@" --dry-run -o json
	printed "\"refusals\":\[[^]]*\"$reason\".*\"result\":\"refused\",\"exit\":4"
	pfn=$(sed -n 's/.*"pfn":"\([^"]*\)".*/\1/p' /tmp/out)
	expect 4 "$@"
	said 'not injected: .*; --force does it all the same$'
	after=$(corrupted)
	[[ $before == "$after" ]] || fail "$*: refused, but HardwareCorrupted went to $after"
	[[ $reason == poisoned || $reason == not-ram ]] || ! poisoned "$pfn" || fail "$*: refused, but poisoned"
	ok "refused: $reason ($*)"
}

refused_kernel_text() {
	refused reserved --pfn $((16#$(awk '/Kernel code/ { split($1, range, "-"); print range[1]; exit }' /proc/iomem) / 4096 + 23))
	said 'Kernel code'
}

refused_mapped() {
	local sleeper

	sleep 1000 &
	sleeper=$!
	wait_for 10 grep -q libc "/proc/$sleeper/maps" || fail "a process does not start"
	refused shared-file --pid $$ --vaddr "$(vaddr $$ libc)"
	kill $sleeper
	wait $sleeper 2>/dev/null || true
	refused init --pid 1 --vaddr "$(vaddr 1 '[stack]')"
	refused family --pid $$ --vaddr "$(vaddr $$ '[stack]')"
	refused_own_stack
}

# Without randomisation the stack's last pages are at the same place in whatever is run.
refused_own_stack() {
	local code=0 page
	local -A last=([x86_64]=0x7fffffffe000 [aarch64]=0xfffffffff000)

	page=${last[$(uname -m)]}
	# shellcheck disable=SC2016 # the inner shell's pid stays the tool's
	setarch "$(uname -m)" -R bash -c 'exec "$0" --pid $$ --vaddr "$1" -o json' "$tool" "$page" >/tmp/out 2>/tmp/err || code=$?
	[[ $code == 4 ]] || { cat /tmp/out /tmp/err >&2; fail "its own stack: exit $code, not 4"; }
	printed "\"owners\":\[\{[^}]*\"comm\":\"rasinject\"[^}]*\"file\":\"\[stack\]\"\}.*\"refusals\":\[\"family\"\]"
	no_poison "its own stack"
	ok "refused: its own stack"
}

refused_poisoned() {
	victim twice
	expect 0 --pfn "${victim_pfn[twice]}"
	refused poisoned --pfn "${victim_pfn[twice]}"
	expect 5 --pfn "${victim_pfn[twice]}" --force
	said 'the kernel refused: '
	[[ $(corrupted) == 4 ]] || fail "poisoned twice: HardwareCorrupted is $(corrupted) kB"
	gone twice 0
	expect 0 --undo
	no_poison "undo of what was poisoned once"
	ok "already poisoned: refused, and by the kernel when forced"
}

# ---- what is not verified ----------------------------------------------------------------------

filtered() {
	victim filtered
	echo 1 >$hwpoison/corrupt-filter-memcg
	echo 1 >$hwpoison/corrupt-filter-enable
	echo 999999 >$hwpoison/corrupt-filter-memcg
	expect 6 --pfn "${victim_pfn[filtered]}"
	said 'not verified: no memory_failure_event, KPF_HWPOISON, HardwareCorrupted'
	no_poison "filtered"
	[[ $(cat $hwpoison/corrupt-filter-enable) == 1 && $(cat $hwpoison/corrupt-filter-memcg) == 999999 ]] ||
		fail "the filter was changed without being asked"
	ok "filtered: exit 6, although corrupt-pfn said that all is well"

	expect 0 --pfn "${victim_pfn[filtered]}" --memcg-filter
	[[ $(cat $hwpoison/corrupt-filter-enable) == 1 && $(cat $hwpoison/corrupt-filter-memcg) == 999999 ]] ||
		fail "--memcg-filter does not restore the filter"
	grep -q 'filter_changed=1 filter_enable=1 filter_memcg=999999' "$journal" ||
		fail "the filter's old state is not in the journal"
	echo 0 >$hwpoison/corrupt-filter-enable
	echo 0 >$hwpoison/corrupt-filter-memcg
	says filtered touch >/dev/null
	gone filtered 3
	expect 0 --undo
	no_poison "undo of --memcg-filter"
	ok "--memcg-filter: set meanwhile, restored after, in the journal"
}

# ---- killed ------------------------------------------------------------------------------------

stopped() { [[ $(awk '$1 == "State:" { print $2 }' "/proc/$1/status" 2>/dev/null) == T ]]; }

# killed WHERE: at that point of an injection with --memcg-filter.
killed() {
	local pid code=0

	victim killed
	RASINJECT_STOP=$1 "$tool" --pfn "${victim_pfn[killed]}" --memcg-filter >/tmp/out 2>/tmp/err &
	pid=$!
	wait_for 10 stopped $pid || fail "it does not stop at $1"
	kill -KILL $pid
	wait $pid 2>/dev/null || code=$?
	[[ $code == 137 ]] || fail "not killed: $code"
	if [[ $1 == injected ]]; then
		poisoned "${victim_pfn[killed]}" || fail "killed after the injection, but there was none"
		[[ $(cat $hwpoison/corrupt-filter-enable) == 1 ]] || fail "the filter was not set"
	else
		no_poison "killed before the injection"
	fi
	tail -1 "$journal" | grep -q " begun .* pfn=${victim_pfn[killed]} " || fail "the journal has nothing of it"
	victim other
	expect 1 --pfn "${victim_pfn[other]}"
	said 'was cut off; rasinject --undo first'
	gone other 0
	expect 0 --undo
	! poisoned "${victim_pfn[killed]}" || fail "killed at $1: still poisoned after --undo"
	no_poison "killed at $1, undone"
	[[ $(cat $hwpoison/corrupt-filter-enable) == 0 && $(cat $hwpoison/corrupt-filter-memcg) == 0 ]] ||
		fail "killed at $1: the filter is still set after --undo"
	no_instance "killed at $1, undone"
	expect 0 --undo
	printed '^total +un-poisoned 0, not poisoned 0, still poisoned 0$'
	gone killed 0
	ok "killed at $1: --undo restores page, counter, filter and trace instance"
}

killed_anywhere() {
	killed journal
	killed injected
}
