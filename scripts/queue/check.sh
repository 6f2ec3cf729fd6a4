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
	done < <(comm -13 <({ series; printf '%s\n' BASE checkpatch.ignore config series; } | sort) \
		<(find "$Q_DIR" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort))
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
	[[ -z $Q_TRAILER ]] || grep -qE "^$Q_TRAILER: [^ ]" "$tmp/message" ||
		bad "$name: no Series-2019: line (the row of the 2019 series it answers, or: none, and why)"
	[[ -s $tmp/diff ]] || bad "$name: holds no diff"
}

# What checkpatch says of each patch, in $1/NAME/style; as many at once as there are CPUs.
# It leaves a cache where it runs. Without a git directory it leaves the licence lines to
# tests/lint/spdx.sh: its own look at them wants Python modules that are not installed.
run_checkpatch() {
	local tmp=$1 name jobs
	jobs=$(nproc)
	while read -r name; do
		mkdir "$tmp/$name"
		(
			cd "$tmp/$name" || exit
			GIT_DIR=/nonexistent perl "$Q_CHECKPATCH" --root="$Q_SRC" --strict --terse \
				"${Q_CHECKPATCH_OPTIONS[@]}" --no-summary "$Q_DIR/$name" >style 2>style.err || true
		) &
		((--jobs)) || { wait -n; jobs=1; }
	done < <(series)
	wait
}

# Every complaint of checkpatch --strict is an error, but for those listed with
# a reason in checkpatch.ignore: "TYPE PATCH reason", PATCH may be *. A line
# there that nothing needs is an error as well.
check_style() {
	local name=$1 tmp=$2 type reason message
	[[ ! -s $tmp/$name/style.err ]] ||
		bad "$name: checkpatch: $(head -1 "$tmp/$name/style.err")"
	while IFS= read -r message; do
		# QEMU's checkpatch has no types: the kind stands for it.
		type=$(sed -n -e 's/^.*[0-9]*: \(ERROR\|WARNING\|CHECK\):\([A-Z0-9_]*\): .*$/\2/p' \
			-e 's/^.*[0-9]*: \(ERROR\|WARNING\|CHECK\): .*$/\1/p' <<<"$message")
		[[ -n $type ]] || continue
		if reason=$(awk -v t="$type" -v p="$name" '!/^#/ && $1 == t && ($2 == "*" || $2 == p) && NF > 2 {
				print NR; found = 1; exit } END { exit !found }' "$Q_DIR/checkpatch.ignore" 2>/dev/null); then
			say "$reason" >>"$tmp/ignored"
		else
			bad "checkpatch: ${message#"$Q_DIR/"}"
		fi
	done <"$tmp/$name/style"
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

# The rows "| PATCH | ROW | TEST |" of the queue's table, as PATCH, ROW and TEST with tabs between.
table() {
	[[ ! -e $Q_TABLE ]] || awk -F ' *[|] *' -v OFS='\t' '
		$2 == "patch" && $4 == "test" { on = 1; next }
		on && !/^[|]/ { exit }
		on && $2 !~ /^-+$/ { print $2, $3, $4 }' "$Q_TABLE"
}

# The table has the series' patches in its order; ROW is the patch's Series-2019: line, or - or a
# remark in parentheses where that says "none"; TEST names tests, or says "none" and why.
check_table() {
	local tmp=$1 name row test patch named P_name P_email P_date P_subject
	[[ -e $Q_TABLE ]] || return 0
	while read -r name; do
		read_patch "$name" "$tmp"
		printf '%s\t%s\n' "$P_subject" "${Q_TRAILER:+$(trailer "$Q_TRAILER" "$tmp/message")}"
	done < <(series) >"$tmp/series.table"
	table >"$tmp/table"
	if ! cmp -s <(cut -f 1 "$tmp/series.table") <(cut -f 1 "$tmp/table"); then
		bad "${Q_TABLE##*/}: not the series' patches in its order (< series, > table):" \
			"$(diff <(cut -f 1 "$tmp/series.table") <(cut -f 1 "$tmp/table") | grep '^[<>]' | head -2 | paste -sd ';')"
		return
	fi
	while IFS=$'\t' read -r patch row test && IFS=$'\t' read -r _ named <&3; do
		if [[ -z $Q_TRAILER || $named == none* ]]; then
			[[ $row == - || $row == \(*\) ]] ||
				bad "${Q_TABLE##*/}: $patch: has row \"$row\", the patch says: ${named:-nothing}"
		else
			[[ $row == "$named" ]] ||
				bad "${Q_TABLE##*/}: $patch: has row \"$row\", the patch says: $named"
		fi
		check_tests "$patch" "$test"
	done <"$tmp/table" 3<"$tmp/series.table"
}

check_tests() {
	local patch=$1 test=$2 name
	if [[ $test != *\`* ]]; then
		[[ $test =~ ^none.*[a-z] && ${#test} -gt 10 ]] ||
			bad "${Q_TABLE##*/}: $patch: names no test in \`\`, and does not say: none, and why"
		return
	fi
	while read -r name; do
		grep -qE "^$name +[|]" "$Q_TESTS" || bad "${Q_TABLE##*/}: $patch: there is no test $name"
	done < <(tr '`' '\n' <<<"$test" | sed -n 'n; p')
}

do_check() {
	local errors=0 warnings=0 name tmp tip why note
	lock
	check_listing
	((errors == 0)) || die "$errors errors in $Q_DIR"
	need_base
	tmp=$(mktemp -d)
	# shellcheck disable=SC2064 # the name is wanted as it is now
	trap "rm -rf '$tmp'" EXIT
	while read -r name; do
		check_header "$name" "$tmp"
	done < <(series)
	check_table "$tmp"
	# In a shell of its own, for import_series ends it at the first failure.
	(import_series parts) || errors=$((errors + 1))
	if [[ -r $Q_CHECKPATCH ]]; then
		run_checkpatch "$tmp"
		while read -r name; do
			check_style "$name" "$tmp"
		done < <(series)
		check_ignores "$tmp"
	else
		bad "$Q_CHECKPATCH: no such file"
	fi
	[[ -z $Q_RELEASES ]] || check_releases "$tmp"
	((errors == 0)) || die "$errors errors in $Q_DIR"
	why=$(base_matches) && why="as BASE says"
	say "patches: $(series | wc -l) patches are in order on $(base_field package); $why"
	((warnings == 0)) || say "patches: WARNING: $warnings other release(s) refuse the series, see above"
	rm -rf "$tmp"
	trap - EXIT
	[[ $compile == 0 ]] || check_compile
	[[ $build == 0 ]] || check_boot
}
