# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared with scripts/patches
#
# Part of scripts/patches: from the queue to commits, and not over work that the
# queue has not.

# Say in $work what the tree has that the queue has not; empty if nothing.
find_local_work() {
	local untracked n
	work=
	if [[ -d $Q_SRC/.git/rebase-merge || -d $Q_SRC/.git/rebase-apply ]]; then
		work="a rebase in progress (finish it: git -C $Q_SRC rebase --continue)"
		return
	fi
	git update-index -q --refresh || true
	if ! git diff-index --quiet HEAD --; then
		work="uncommitted edits in $(git diff-index --name-only HEAD -- | head -1)"
		return
	fi
	untracked=$(git ls-files --others --exclude-standard | head -1)
	if [[ -n $untracked ]]; then
		work="a file that is not committed: $untracked"
		return
	fi
	if [[ $(git rev-parse HEAD) != "$(git rev-parse refs/queue/imported)" ]] ||
	   [[ $(git rev-parse faultline) != "$(git rev-parse refs/queue/imported)" ]]; then
		n=$(git rev-list --count base..HEAD)
		work="commits that were not exported ($n on base)"
	fi
}

local_work() {
	local work
	[[ $discard == 0 ]] || return 0
	find_local_work
	[[ -z $work ]] || die_local "$Q_SRC has $work; keep them: scripts/patches $queue refresh;" \
		"throw them away: scripts/patches $queue apply --discard"
}

# The number of the hunk of file $2 in patch $1 that starts at old line $3.
hunk_number() {
	awk -v file="$2" -v line="$3" '
		/^diff --git / { in_file = 0; n = 0 }
		/^--- a\// { in_file = in_file || substr($0, 7) == file }
		/^\+\+\+ b\// { in_file = in_file || substr($0, 7) == file }
		/^@@ -/ && in_file { n++; split($2, at, /[-,]/); if (at[2] == line) { print n; exit } }
	' "$1"
}

# One line on why git refused patch $1, from what it printed ($2).
explain() {
	local name=$1 log=$2 file line n
	line=$(sed -n 's/^error: patch failed: \(.*\):\([0-9]*\)$/\1 \2/p' "$log" | head -1)
	if [[ -n $line ]]; then
		file=${line% *} line=${line##* }
		n=$(hunk_number "$Q_DIR/$name" "$file" "$line")
		say "$name: $file: hunk ${n:-?} (at line $line) does not apply"
	else
		line=$(sed -n 's/^error: //p' "$log" | grep -v '^while searching' | head -1)
		say "$name: ${line:-git apply failed}"
	fi
}

# Split patch $1 of the queue into $2/message, $2/diff and P_name, P_email,
# P_date, P_subject; what is missing is empty.
read_patch() {
	local patch=$Q_DIR/$1 tmp=$2
	[[ -f $patch ]] || die "$1: listed in series, but there is no such file"
	LC_ALL=C git mailinfo -b --encoding=UTF-8 "$tmp/body" "$tmp/diff" <"$patch" >"$tmp/info" ||
		die "$1: not a patch in mail format (git mailinfo refuses it)"
	P_name=$(sed -n 's/^Author: //p' "$tmp/info")
	P_email=$(sed -n 's/^Email: //p' "$tmp/info")
	P_date=$(sed -n 's/^Date: //p' "$tmp/info")
	P_subject=$(sed -n 's/^Subject: \(\[PATCH\] *\)\?//p' "$tmp/info")
	{
		say "$P_subject"
		[[ ! -s $tmp/body ]] || { echo; cat "$tmp/body"; }
	} | git stripspace >"$tmp/message"
}

# The value of the first line "$1: value" in message file $2.
trailer() { sed -n "s/^$1: //p" "$2" | head -1; }

# Import the series onto the base in a temporary index; $tip is the last commit.
# Nothing but objects is written. Offsets are printed, fuzz does not exist. With
# "parts", in place of "whole", only the files that the series names are there, which is faster.
import_series() {
	local name tmp index tree P_name P_email P_date P_subject
	local -a files
	tmp=$(mktemp -d)
	# shellcheck disable=SC2064 # the name is wanted as it is now
	trap "rm -rf '$tmp'" EXIT
	index=$tmp/index
	tip=$(git rev-parse 'base^{commit}')
	if [[ $1 == parts ]]; then
		mapfile -t files < <(named)
		git ls-tree -r "$tip" -- "${files[@]}" | GIT_INDEX_FILE=$index git update-index --index-info
	else
		GIT_INDEX_FILE=$index git read-tree "$tip"
	fi
	while read -r name; do
		read_patch "$name" "$tmp"
		[[ -s $tmp/diff ]] || die "$name: holds no diff"
		if ! GIT_INDEX_FILE=$index LC_ALL=C git apply --cached -v --whitespace=nowarn \
			"$Q_DIR/$name" >"$tmp/log" 2>&1; then
			die "$(explain "$name" "$tmp/log") (zero fuzz; base $(base_field package));" \
				"the tree is as it was"
		fi
		sed -n "s/^Hunk #\([0-9]*\) succeeded at \(.*\)$/patches: $name: hunk \1 applied at \2/p" \
			"$tmp/log"
		tree=$(GIT_INDEX_FILE=$index git write-tree)
		[[ -n $P_name && -n $P_date && -n $P_subject ]] ||
			die "$name: needs From, Date and Subject lines"
		tip=$(GIT_AUTHOR_NAME=$P_name GIT_AUTHOR_EMAIL=$P_email GIT_AUTHOR_DATE=$P_date \
			GIT_COMMITTER_DATE=$P_date \
			git commit-tree -p "$tip" -F "$tmp/message" "$tree") ||
			die "$name: git refuses its From or Date line"
	done < <(series)
	rm -rf "$tmp"
	trap - EXIT
}

# The same from another directory.
import_from() {
	local Q_DIR=$1
	import_series whole
}

do_apply() {
	local tip n hash before
	lock
	need_base
	local_work
	hash=$(queue_hash) || die "a patch that is listed in series cannot be read"
	if [[ $discard == 0 && -e $Q_SRC/.git/queue-hash && $(<"$Q_SRC/.git/queue-hash") == "$hash" ]]; then
		say "patches: $(series | wc -l) patches are applied already"
		return
	fi
	import_series whole
	before=$(git rev-parse HEAD)
	if [[ $discard == 1 ]]; then
		git rebase --quit 2>/dev/null || true
		git clean -q -f -d
		git checkout -q -f -B faultline "$tip"
	else
		git checkout -q -B faultline "$tip" || die "$Q_SRC: git could not check out the series"
	fi
	git update-ref refs/queue/imported "$tip"
	say "$hash" >"$Q_SRC/.git/queue-hash"
	n=$(git diff --name-only "$before" "$tip" | wc -l)
	say "patches: $(series | wc -l) patches applied to $(base_field package), $n files written"
}

do_edit() {
	do_apply
	cat <<HELP
The series is branch "faultline" of $Q_SRC, one commit a patch, on tag "base".
  see it       git -C $Q_SRC log --oneline base..
  add          edit, git commit -s
  change       edit, git commit --fixup=COMMIT, git rebase -i --autosquash base
  reorder      git rebase -i base
  build it     make $queue            (takes the tree as it is)
  export       scripts/patches $queue refresh, then commit the queue
  give up      scripts/patches $queue apply --discard
HELP
}

# The branch in another directory, to build it there with another configuration.
do_checkout() {
	local work
	[[ -n $directory ]] || { usage >&2; exit 2; }
	lock
	have_base || die "$Q_SRC: no base unpacked; run: scripts/patches $queue apply"
	find_local_work
	[[ -z $work || $work == commits* ]] ||
		die_local "$Q_SRC has $work; only what is committed there gets into another directory"
	write_tree "$commit" "$(realpath -m "$directory")"
}
