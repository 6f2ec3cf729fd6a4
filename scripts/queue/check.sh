# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared with scripts/patches
#
# Part of scripts/patches: what holds for every patch.

bad() { printf 'patches: %s\n' "$*" >&2; errors=$((errors + 1)); }

check_listing() {
	local name
	while read -r name; do
		[[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._-]*\.patch$ ]] ||
			bad "series: $name: not a name of letters, digits, . _ - that ends in .patch"
		[[ -f $Q_DIR/$name ]] || bad "$name: listed in series, but there is no such file"
	done < <(series)
	while read -r name; do
		bad "series: $name is listed twice"
	done < <(series | sort | uniq -d)
	while read -r name; do
		bad "$name: not listed in series; list it or delete it"
	done < <(comm -13 <(series | sort) <(find "$Q_DIR" -maxdepth 1 -name '*.patch' -printf '%f\n' | sort))
}

# From, Date, "area: what" in at most 75 characters, a body that says why, the
# author's own sign-off, and what it answers in the 2019 series.
check_header() {
	local name=$1 tmp=$2 P_name P_email P_date P_subject
	read_patch "$name" "$tmp"
	[[ -n $P_name && -n $P_email ]] || bad "$name: no From line with name and address"
	[[ -n $P_date ]] || bad "$name: no Date line"
	[[ $P_subject =~ ^[A-Za-z0-9][A-Za-z0-9/_,.-]*:\ [^\ ] ]] ||
		bad "$name: subject is not \"area: what it does\": $P_subject"
	((${#P_subject} <= 75)) || bad "$name: subject has ${#P_subject} characters, 75 are allowed"
	grep -qvE '^$|^[A-Za-z0-9-]+: ' <(tail -n +2 "$tmp/message") ||
		bad "$name: no body; say why the patch exists"
	grep -qxF "Signed-off-by: $P_name <$P_email>" "$tmp/message" ||
		bad "$name: no Signed-off-by of its author, $P_name <$P_email>"
	grep -qE '^Series-2019: [^ ]' "$tmp/message" ||
		bad "$name: no Series-2019: line (the row of the 2019 series it answers, or: none, and why)"
	[[ -s $tmp/diff ]] || bad "$name: holds no diff"
}

# Every complaint of checkpatch --strict is an error, but for those listed with
# a reason in checkpatch.ignore: "TYPE PATCH reason", PATCH may be *. A line
# there that nothing needs is an error as well.
check_style() {
	local name=$1 tmp=$2 type patch reason message
	# Without a git directory it leaves the licence lines to tests/lint/spdx.sh:
	# its own look at them wants Python modules that are not installed.
	# It also leaves a cache where it runs.
	(cd "$tmp" && GIT_DIR=/nonexistent perl "$Q_CHECKPATCH" --root="$Q_SRC" --strict --terse \
		--show-types --no-summary "$Q_DIR/$name" >style 2>style.err) || true
	[[ ! -s $tmp/style.err ]] ||
		bad "$name: checkpatch: $(head -1 "$tmp/style.err")"
	while IFS= read -r message; do
		type=$(sed -n 's/^.*[0-9]*: \(ERROR\|WARNING\|CHECK\):\([A-Z0-9_]*\): .*$/\2/p' <<<"$message")
		[[ -n $type ]] || continue
		if reason=$(awk -v t="$type" -v p="$name" '!/^#/ && $1 == t && ($2 == "*" || $2 == p) && NF > 2 {
				print NR; found = 1; exit } END { exit !found }' "$Q_DIR/checkpatch.ignore" 2>/dev/null); then
			say "$reason" >>"$tmp/ignored"
		else
			bad "checkpatch: ${message#"$Q_DIR/"}"
		fi
	done <"$tmp/style"
}

check_ignores() {
	local tmp=$1 n line
	[[ -e $Q_DIR/checkpatch.ignore ]] || return 0
	touch "$tmp/ignored"
	n=0
	while IFS= read -r line; do
		n=$((n + 1))
		[[ -n $line && $line != \#* ]] || continue
		[[ $(wc -w <<<"$line") -gt 2 ]] || bad "checkpatch.ignore:$n: needs TYPE PATCH reason"
		grep -qx "$n" "$tmp/ignored" || bad "checkpatch.ignore:$n: nothing needs it: $line"
	done <"$Q_DIR/checkpatch.ignore"
}

do_check() {
	local errors=0 name tmp tip why
	lock
	check_listing
	((errors == 0)) || die "$errors errors in $Q_DIR"
	need_base
	tmp=$(mktemp -d)
	while read -r name; do
		check_header "$name" "$tmp"
	done < <(series)
	# In a shell of its own, for import_series ends it at the first failure.
	(import_series) || errors=$((errors + 1))
	if [[ -r $Q_CHECKPATCH ]]; then
		while read -r name; do
			check_style "$name" "$tmp"
		done < <(series)
		check_ignores "$tmp"
	else
		bad "$Q_CHECKPATCH: no such file"
	fi
	rm -rf "$tmp"
	((errors == 0)) || die "$errors errors in $Q_DIR"
	why=$(base_matches) && why="as BASE says"
	say "patches: $(series | wc -l) patches are in order on $(base_field package); $why"
}
