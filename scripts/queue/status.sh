# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared with scripts/patches
#
# Part of scripts/patches: a table of base, branch and patches.

do_status() {
	local work name P_name P_email P_date P_subject tmp
	say "queue    $Q_DIR"
	say "BASE     $(wanted package) (upstream $(wanted upstream))"
	say "package  $(v=$(installed_version); echo "${v:-not installed; run: sudo scripts/setup}")"
	if have_base; then
		say "base     $(base_field package), unpacked in $Q_SRC"
		find_local_work
		if [[ -n $work ]]; then
			say "branch   $work"
		elif [[ -e $Q_SRC/.git/queue-hash && $(<"$Q_SRC/.git/queue-hash") == "$(queue_hash)" ]]; then
			say "branch   faultline, as the queue"
		else
			say "branch   not as the queue; run: scripts/patches $queue apply"
		fi
	else
		say "base     not unpacked; run: scripts/patches $queue apply"
	fi
	say "patches  $(series | wc -l)"
	tmp=$(mktemp -d)
	printf '\n%-63s %5s %5s %5s  %-55s %s\n' PATCH FILES + - 'ROW OF 2019' TEST
	while read -r name; do
		read_patch "$name" "$tmp"
		printf '%-63s %5s %5s %5s  %-55s %s\n' "${name%.patch}" \
			"$(grep -c '^diff ' "$tmp/diff" || true)" \
			"$(grep -c '^+' <(grep -v '^+++' "$tmp/diff") || true)" \
			"$(grep -c '^-' <(grep -v '^---' "$tmp/diff") || true)" \
			"${Q_TRAILER:+$(trailer "$Q_TRAILER" "$tmp/message")}" \
			"$(table | awk -F '\t' -v p="$P_subject" '$1 == p { gsub(/`/, "", $3); print $3 }')"
	done < <(series)
	rm -rf "$tmp"
}
