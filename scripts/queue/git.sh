# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared with scripts/patches
#
# Part of scripts/patches: git on the queue's tree, and what the queue holds.

# Whatever the user's configuration says.
git() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_DIR=$Q_SRC/.git \
	GIT_WORK_TREE=${work_tree:-$Q_SRC} GIT_OPTIONAL_LOCKS=0 \
		command git -c safe.directory='*' -c gc.auto=0 -c core.autocrlf=false \
		-c core.quotePath=false -c user.name=faultline -c user.email=faultline@localhost "$@"
}

have_base() { [[ -d $Q_SRC/.git ]] && git rev-parse -q --verify 'base^{commit}' >/dev/null; }

# Field $1 of tag base: package (its version), upstream.
base_field() {
	git tag -l --format='%(contents:subject)' base |
		awk -v f="$1" '{ for (i = 1; i < NF; i += 2) if ($i == f) print $(i + 1) }'
}

# Field $1 of the BASE file, or nothing.
wanted() { [[ ! -e $Q_DIR/BASE ]] || awk -v f="$1" '$1 == f { print $NF }' "$Q_DIR/BASE"; }

# Hold the queue's tree for this process: two at once would mix their indexes.
lock() {
	mkdir -p "$(dirname "$Q_SRC")"
	exec 8>"$Q_SRC.lock"
	flock -w 600 8 || die "$Q_SRC: another scripts/patches has it, for more than 10 minutes"
}

series() { [[ ! -e $Q_DIR/series ]] || sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$Q_DIR/series"; }

# The files that the series names.
named() {
	local name
	while read -r name; do
		sed -nE 's,^(--- a|\+\+\+ b)/,,p' "$Q_DIR/$name"
	done < <(series) | sort -u
}

# What the queue holds, as one hash: the same hash, the same commits.
queue_hash() {
	local name
	{
		git rev-parse 'base^{commit}'
		while read -r name; do
			say "$name"
			cat "$Q_DIR/$name"
		done < <(series)
	} | sha256sum | cut -d' ' -f1
}

# Write the tree of commit $1 into directory $2, which has an index of its own:
# only what differs from what was written there before is touched. What was
# built there stays.
write_tree() {
	local commit=$1 work_tree=$2
	mkdir -p "$work_tree"
	# With the directory itself gone its index is gone.
	GIT_INDEX_FILE=$work_tree/.queue-index git read-tree -u --reset "$commit"
}
