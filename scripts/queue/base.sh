# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared with scripts/patches
#
# Part of scripts/patches: the release that patches are applied to, unpacked.

installed_version() {
	if [[ -n ${PATCHES_VERSION:-} ]]; then
		say "$PATCHES_VERSION"
	else
		"queue_${queue}_version"
	fi
}

# Make index $1 of all files in $work_tree. Hashing them takes longest of all, so it is done by a process
# for each CPU; each writes one pack instead of 45,000 loose objects.
index_all() {
	local index=$1 jobs i
	local -a pids=()
	jobs=$(nproc)
	rm -f "$index" "$index".*
	for ((i = 0; i < jobs; i++)); do
		: >"$index.$i.files"
	done
	# Large and small ones for each.
	find "$work_tree" \( -type f -o -type l \) -printf '%s %P\n' | sort -n |
		awk -v to="$index" -v jobs="$jobs" '
			{ sub(/^[0-9]+ /, ""); print >(to "." NR % jobs ".files") }'
	for ((i = 0; i < jobs; i++)); do
		GIT_INDEX_FILE=$index.$i git -c core.bigFileThreshold=1 -c core.compression=1 \
			update-index --add --stdin <"$index.$i.files" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || die "$Q_SRC: git could not take the files in"
	done
	for ((i = 0; i < jobs; i++)); do
		GIT_INDEX_FILE=$index.$i git ls-files -s -z
	done | GIT_INDEX_FILE=$index git update-index -z --index-info
	rm -f "$index".*
}

# Unpack the package's tarball and make it the commit "base". The commit is the
# same wherever it is made: fixed author, date and message, and the tarball's tree.
unpack() {
	local version=$1 new=$Q_SRC.new upstream tree commit work_tree
	say "patches: unpacking $Q_PACKAGE $version (1 to 2 minutes)"
	rm -rf "$new"
	mkdir -p "$new"
	"queue_${queue}_unpack" "$new"
	upstream=$("queue_${queue}_upstream" "$new")

	[[ -d $Q_SRC/.git ]] || command git init -q --template= -b faultline "$Q_SRC"
	mkdir -p "$Q_SRC/.git/info"
	# Build output stays out by the sources' own .gitignore files; what those
	# do not know is named here. One diff driver, so that the function names
	# in hunk headers do not depend on git's release.
	printf '%s\n' '/debian/' '*.orig' '*.rej' '/configs/devices/*/lab*.mak' >"$Q_SRC/.git/info/exclude"
	printf '%s\n' '* !diff' '*.[chS] diff=queue' >"$Q_SRC/.git/info/attributes"
	git config diff.queue.xfuncname \
		$'!^[A-Za-z_][A-Za-z_0-9]*:[ \t]*($|/[/*])\n^([A-Za-z_].*)$'

	work_tree=$new
	index_all "$Q_SRC/.git/index.base"
	tree=$(GIT_INDEX_FILE=$Q_SRC/.git/index.base git write-tree)
	commit=$(GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z' \
		git commit-tree -m "$Q_PACKAGE $version" "$tree")

	if git rev-parse -q --verify HEAD >/dev/null && have_base; then
		# A newer release: git writes the files that differ, and only those.
		work_tree=$Q_SRC
		git checkout -q -f -B faultline "$commit"
		rm -rf "$new" "$Q_SRC/.git/index.base"
	else
		# The first: the unpacked files themselves become the working tree.
		git update-ref refs/heads/faultline "$commit"
		git symbolic-ref HEAD refs/heads/faultline
		mv "$Q_SRC/.git/index.base" "$Q_SRC/.git/index"
		mv "$Q_SRC/.git" "$new/.git"
		rm -rf "$Q_SRC"
		mv "$new" "$Q_SRC"
		work_tree=$Q_SRC
		git update-index -q --refresh || true
	fi
	git update-ref refs/queue/imported "$commit"
	rm -f "$Q_SRC/.git/queue-hash"
	# The tag comes last: a base without it is taken for unfinished.
	GIT_COMMITTER_DATE='2026-01-01T00:00:00Z' git tag -f -a \
		-m "package $version upstream $upstream" base "$commit" >/dev/null
	say "patches: base is $Q_PACKAGE $version (upstream $upstream)"
}

# Make sure that the base is there and is the release that is installed.
need_base() {
	local version have=
	version=$(installed_version)
	have_base && have=$(base_field package)
	if [[ -z $version ]]; then
		[[ -n $have ]] || die "package $Q_PACKAGE is not installed; run: sudo scripts/setup"
		return 0
	fi
	[[ $have != "$version" ]] || return 0
	if [[ -n $have ]]; then
		say "patches: the base is $have, installed is $version: taking the new one"
		local_work
	fi
	unpack "$version"
}
