# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # variables are shared with scripts/patches
#
# Part of scripts/patches: the series on other releases than the one unpacked.

# "VERSION" or "VERSION TARBALL" a line, oldest first: every release that apt offers.
# PATCHES_OFFERED is for tests/unit/patches.sh.
offered() {
	if [[ -n ${PATCHES_OFFERED+set} ]]; then
		printf '%s' "$PATCHES_OFFERED"
	elif command -v apt-cache >/dev/null; then
		apt-cache madison "$Q_PACKAGE" 2>/dev/null | awk -F ' *[|] *' '/ Packages$/ { print $2 }'
	fi | sort -u -V
}

newer() { [[ $1 != "$2" && $(printf '%s\n' "$1" "$2" | sort -V | tail -1) == "$1" ]]; }

# Write release $1's package to directory $2. 150 MB.
fetch() {
	mkdir -p "$2"
	[[ -z $(find "$2" -mindepth 1 -name '*.deb') ]] || return 0
	say "patches: fetching (150 MB)"
	(cd "$2" && apt-get -q download "$Q_PACKAGE=$1") >"$2/apt.log" 2>&1 || {
		say "patches: $(grep '^E: ' "$2/apt.log" | head -1)"
		return 1
	}
}

# Unpack only what is needed of release $1 into Q_SRC and make that a base.
unpack_named() {
	local version=$1 tarball=$2 want upstream
	[[ -z $tarball || -r $tarball ]] || { say "patches: $tarball: no such file"; return 1; }
	want=$(named; sha256sum <"${tarball:-/dev/null}")
	! have_base || [[ $(<"$Q_SRC/.named") != "$want" ]] || return 0
	[[ -n $tarball ]] || fetch "$version" "$Q_SRC.package" || return
	rm -rf "$Q_SRC"
	mkdir -p "$Q_SRC"
	{ say Makefile; named; } | sed 's,^,*/,' >"$Q_SRC/.list"
	# What a release does not have is told by the patch that wants it.
	if [[ -n $tarball ]]; then
		xz -dc -T0 "$tarball"
	else
		dpkg-deb --fsys-tarfile "$Q_SRC.package/"*.deb | tar -xO --wildcards "*/$Q_PACKAGE.tar.xz" | xz -dc -T0
	fi | tar -x -C "$Q_SRC" --strip-components=1 --wildcards --no-wildcards-match-slash \
		-T "$Q_SRC/.list" 2>"$Q_SRC/.log" || true
	if [[ ! -e $Q_SRC/Makefile ]] || grep -qvE 'Not found in archive|Exiting with failure' "$Q_SRC/.log"; then
		say "patches: does not unpack: $(head -1 "$Q_SRC/.log")"
		return 1
	fi
	rm -f "$Q_SRC/.list" "$Q_SRC/.log"
	upstream=$("queue_${queue}_upstream" "$Q_SRC")
	command git init -q --template= -b faultline "$Q_SRC"
	git add -A -f .
	git commit -q -m "$Q_PACKAGE $version, in parts"
	git tag -a -m "package $version upstream $upstream" base
	say "$want" >"$Q_SRC/.named"
}

# The series on release $1, in a shell of its own.
check_release() (
	# shellcheck disable=SC2030 # that is why it has its own shell
	Q_SRC=$Q_RELEASES/$1
	unpack_named "$1" "${2:-}" || exit 3
	import_series whole
)

# One line a patch in place of one a hunk.
sum_offsets() {
	awk -v of="$1" '
		match($0, /: hunk [0-9]+ applied at [0-9]+ \(offset -?[0-9]+ lines?\)/) {
			patch = substr($0, 1, RSTART - 1)
			offset = $0
			sub(/.*\(offset /, "", offset)
			offset += 0
			if (patch != last) { flush(); last = patch; low = high = offset }
			if (offset < low) low = offset
			if (offset > high) high = offset
			n++
			next
		}
		{ flush(); sub(/^patches: /, ""); print "patches: " of ": " $0 }
		END { flush() }
		function flush() {
			if (n) {
				sub(/^patches: /, "", last)
				printf "patches: %s: %s: %d hunks at offsets %d to %d\n", of, last, n, low, high
			}
			n = 0; last = ""
		}'
}

# Zero fuzz on what apt offers besides the base. On BASE, if that is another release than the one unpacked,
# it is a must. On a newer one it is with --all, and gets a warning without. Older ones, which are looked
# at with --all only, get a warning: nobody builds them any more.
check_releases() {
	local tmp=$1 version tarball have base rc
	have=$(base_field package)
	base=$(wanted package)
	while read -r version tarball; do
		[[ $version != "$have" ]] || continue
		[[ $all == 1 || $version == "$base" ]] || newer "$version" "${base:-$have}" || continue
		rc=0
		check_release "$version" "$tarball" >"$tmp/release" 2>&1 || rc=$?
		sum_offsets "$version" <"$tmp/release"
		if ((rc == 0)); then
			say "patches: $version: the series applies"
		elif [[ $version == "$base" ]] || { [[ $all == 1 ]] && newer "$version" "${base:-$have}"; }; then
			bad "$version: apt offers it, and the series does not apply there, see above"
		else
			warnings=$((warnings + 1))
			say "patches: WARNING: apt offers $version and the series does not apply there, see above"
		fi
	done < <(offered)
}
