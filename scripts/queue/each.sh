# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared with scripts/patches
#
# Part of scripts/patches: the series built patch by patch, in trees of their own.

# shellcheck source=kbuild.sh
. "$repo/scripts/queue/kbuild.sh"

# Configure tree $1 from the fragments $2..., if they or the tree's Kconfig files changed since.
configure_each() {
	local tree=$1 want
	shift
	want=$({ cat "$@"; GIT_INDEX_FILE=$tree/.queue-index git ls-files -s -- '*Kconfig*'; } | sha256sum)
	[[ ! -e $tree/.config || $(cat "$tree/.queue-config" 2>/dev/null) != "$want" ]] || return 0
	cat "$@" >"$tree/.queue-fragment"
	kbuild "$tree" KCONFIG_ALLCONFIG="$tree/.queue-fragment" allnoconfig >"$tree/.queue-log" 2>&1 ||
		die "$tree: allnoconfig failed: $(tail -1 "$tree/.queue-log")"
	say "$want" >"$tree/.queue-config"
}

# for_each NAME FUNCTION FRAGMENT...: call "FUNCTION TREE PATCH COMMIT" for each patch in order, with TREE
# (build/kernel/NAME) as it is after the patch and configured from the fragments. What passed with this
# very tree, configuration and compiler is not repeated.
for_each() {
	local what=$1 function=$2 tree commit name key start tip done_file i=0 kept=0
	local -a names
	shift 2
	"$repo/scripts/setup" --need gcc make bc bison ccache cpio flex /usr/include/libelf.h
	import_series whole >/dev/null
	mapfile -t names < <(series)
	tree=$(dirname "$Q_SRC")/$what
	mkdir -p "$tree"
	done_file=$tree.done
	touch "$done_file"
	while read -r commit; do
		name=${names[i++]}
		key=$({ git rev-parse "$commit^{tree}"; cat "$@" "$repo/scripts/queue/"{each,kbuild}.sh; gcc --version; } |
			sha256sum | cut -c1-40)
		if grep -qxF "$key" "$done_file"; then
			kept=$((kept + 1))
			continue
		fi
		start=$SECONDS
		write_tree "$commit" "$tree"
		configure_each "$tree" "$@"
		"$function" "$tree" "$name" "$commit"
		say "$key" >>"$done_file"
		say "patches: $name: $outcome, $((SECONDS - start)) s"
	done < <(git rev-list --reverse "base..$tip")
	((kept == 0)) || say "patches: $kept of ${#names[@]} passed before as they are"
}

# What make complained of in log $1: the file that failed and the first error.
complaint() {
	local object
	object=$(sed -n 's/^make.*\*\*\* \[[^:]*:[0-9]*: \([^]]*\)\] Error.*/\1/p' "$1" | head -1)
	say "${object:-make} fails: $(grep -m 1 -E '(error|Error|undefined reference|No rule)' "$1")"
}

# ---- compiles what it touches ----------------------------------------------

# The sources among files on standard input that are compiled into the kernel, as objects.
objects() {
	grep -E '\.[cS]$' | grep -vE '^(tools|samples|Documentation|scripts)/' |
		sed -e 's/\.lds\.S$/.lds/; t' -e 's/\.[cS]$/.o/' | "queue_${queue}_objects"
}

# All the objects of files that the series touches anywhere, as far as they exist by now: make does again
# what this patch changes, and what includes a header that it changes.
compile_touched() {
	local tree=$1 name=$2 file targets
	targets=$(while read -r file; do
		[[ ! -e $tree/$file ]] || say "$file"
	done < <(git diff --no-renames --name-only base "$tip") | objects)
	# shellcheck disable=SC2086 # a word each
	kbuild "$tree" -j"$(nproc)" $targets >"$tree/.queue-log" 2>&1 </dev/null ||
		die "$name: $(complaint "$tree/.queue-log"); all of it: $tree/.queue-log"
	outcome="compiles, $(grep -cE '^  (CC|AS|LDS) ' "$tree/.queue-log" || true) files"
}

check_compile() {
	local outcome
	for_each each compile_touched "$Q_DIR"/config/{lab,isolation,boot,compile}.config
}

# ---- builds and boots -------------------------------------------------------

# The tiny VM runs in it, isolated as far as the patches up to here can.
build_and_boot() {
	local tree=$1 name=$2 log
	log=$tree/.queue-log
	kbuild "$tree" -j"$(nproc)" vmlinux bzImage >"$log" 2>&1 </dev/null ||
		die "$name: $(complaint "$log"); all of it: $log"
	"$repo/scripts/vm" x86_64 --kernel "$tree/arch/x86/boot/bzImage" --timeout 120 \
		--append kvm.address_space_isolation=1 \
		-- "$repo/build/x86_64/tinykvm" --out 23 --cpuid 29 >"$log" 2>&1 </dev/null ||
		die "$name: builds, and does not run a VM: $(grep -m 1 '^vm: ' "$log"); all of it: $log"
	outcome="builds, boots, runs a VM"
}

check_boot() {
	local outcome
	[[ -x $repo/build/x86_64/tinykvm ]] || die "build/x86_64/tinykvm: no such file; run: make"
	for_each boot build_and_boot "$Q_DIR"/config/{lab,isolation,boot}.config
}
