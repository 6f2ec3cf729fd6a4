# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared with scripts/patches
#
# Part of scripts/patches: from commits to the queue.

# File name of commit $1: its subject, un-numbered, at most 60 characters.
slug() {
	local s
	s=$(git log -1 --format=%f "$1")
	if ((${#s} > 60)); then
		s=${s:0:61}
		s=${s%-*}
	fi
	say "${s:0:60}.patch"
}

# Is the base the one that patches are exported against? Else why not.
base_matches() {
	local tree
	tree=$(git rev-parse 'base^{tree}')
	[[ $(wanted tree) != "$tree" ]] || return 0
	say "the base is $(base_field package), the queue is exported against $(wanted package)" \
		"(context lines and blob ids would change)"
	return 1
}

write_base() {
	cat >"$1" <<BASE
# SPDX-License-Identifier: GPL-2.0
# The release that the patches are exported against. On every other one they
# apply with zero fuzz. Written by: scripts/patches $queue refresh --new-base
upstream $(base_field upstream)
package $Q_PACKAGE $(base_field package)
tree $(git rev-parse 'base^{tree}')
BASE
}

# A series file keeps its leading comment through refresh.
series_header() {
	if [[ -e $Q_DIR/series ]]; then
		sed '/^[^#]/,$d; /^$/,$d' "$Q_DIR/series"
	else
		say '# SPDX-License-Identifier: GPL-2.0'
		say '# The order of the patches; written by: scripts/patches '"$queue"' refresh'
	fi
}

do_refresh() {
	local out commit name why tip work n=0
	lock
	have_base || die "$Q_SRC: no base unpacked; run: scripts/patches $queue apply"
	find_local_work
	[[ -z $work || $work == commits* ]] ||
		die_local "$Q_SRC has $work; commit or drop it first, then refresh"
	[[ $(git symbolic-ref -q HEAD || true) == refs/heads/faultline ]] ||
		die_local "$Q_SRC is not on branch faultline; run: git -C $Q_SRC checkout faultline"
	git merge-base --is-ancestor 'base^{commit}' faultline ||
		die "branch faultline does not start at tag base; run: git -C $Q_SRC rebase base"
	[[ -z $(git rev-list --min-parents=2 base..faultline) ]] ||
		die "branch faultline holds a merge; make it linear: git -C $Q_SRC rebase base"
	if [[ $new_base == 0 ]] && ! why=$(base_matches); then
		die "refresh: $why; install that release, or move the queue to this one:" \
			"scripts/patches $queue refresh --new-base"
	fi

	# Export into a new directory beside the queue, then exchange: an export
	# that fails half-way changes nothing.
	out=$Q_DIR/.refresh
	rm -rf "$out"
	mkdir -p "$out"
	series_header >"$out/series"
	while read -r commit; do
		name=$(slug "$commit")
		[[ ! -e $out/$name ]] ||
			die "two commits are called $name; give one another subject"
		git -c core.abbrev=40 format-patch -1 --stdout --zero-commit --no-signature --no-numbered \
			--subject-prefix=PATCH --full-index --no-renames --no-stat -p -U3 \
			--diff-algorithm=myers --no-indent-heuristic --no-attach --no-thread --no-base \
			--no-cover-letter --no-encode-email-headers --no-ext-diff --no-textconv \
			--no-color --no-relative --no-notes --src-prefix=a/ --dst-prefix=b/ \
			"$commit" >"$out/$name"
		say "$name" >>"$out/series"
		n=$((n + 1))
	done < <(git rev-list --reverse base..faultline)

	# What was written must give the same commits again.
	(
		import_from "$out" >/dev/null
		cmp -s <(git log --format='%T %an %ae %ad%n%B' base.."$tip") \
			<(git log --format='%T %an %ae %ad%n%B' base..faultline) ||
			die "refresh: the export does not import as the same commits; does a commit" \
				"message hold a diff, a line of --- or blanks at the end of a line?"
	)

	if [[ $new_base == 1 ]]; then
		write_base "$Q_DIR/BASE"
	fi
	find "$Q_DIR" -maxdepth 1 -name '*.patch' -delete
	find "$out" -maxdepth 1 -name '*.patch' -exec mv -t "$Q_DIR" {} +
	mv "$out/series" "$Q_DIR/series"
	rmdir "$out"

	git update-ref refs/queue/imported "$(git rev-parse faultline)"
	queue_hash >"$Q_SRC/.git/queue-hash"
	say "patches: $n patches exported to $Q_DIR"
}
