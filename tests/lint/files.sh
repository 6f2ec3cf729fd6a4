# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For the lint tests: what the tree's own files are. With LINT_ROOT they look at
# another tree, which is how tests/lint/selftest.sh plants faults.

set -euo pipefail

lint_name=$(basename "$0" .sh)
lint_home=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "${LINT_ROOT:-$lint_home/../..}"

# All files of the tree, new ones too, but for what git ignores.
lint_files() {
	if git -c safe.directory='*' rev-parse -q --git-dir >/dev/null 2>&1; then
		git -c safe.directory='*' ls-files --cached --others --exclude-standard
	else
		find . -path ./build -prune -o -path ./.git -prune -o -type f -printf '%P\n'
	fi | sort -u | while IFS= read -r file; do
		[[ ! -f $file || -L $file ]] || printf '%s\n' "$file"
	done
}

# Those whose interpreter (or, without a first line, whose name) says bash or sh.
lint_shell_files() {
	local file first
	while IFS= read -r file; do
		first=
		IFS= read -r first <"$file" 2>/dev/null || true
		case $first in
		'#!'*bash* | '#!/bin/sh'*) printf '%s\n' "$file" ;;
		*) [[ $file != *.sh ]] || printf '%s\n' "$file" ;;
		esac
	done < <(lint_files 2>/dev/null | tr -d '\0')
}

# finish WHAT: fail if $findings is not empty, and print it.
findings=
finish() {
	if [[ -n $findings ]]; then
		printf '%s\n' "$findings"
		printf 'lint: %s: %s\n' "$lint_name" "$1"
		exit 1
	fi
}
