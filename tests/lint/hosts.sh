#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# No host but those in hosts.allow, no credential, no path of one machine: the
# tree says nothing about where it was made and fetches from nowhere.
. "$(dirname "$0")/files.sh"

# Each pattern is written so that it does not match itself.
patterns=(
	'-----BEGIN [A-Z ]*PRIVATE KEY-----'
	'AKIA[0-9A-Z]{16}'
	'gh[pousr]_[A-Za-z0-9]{30,}'
	'github_pat[_][A-Za-z0-9_]{20,}'
	'npm_[A-Za-z0-9]{30,}'
	'_auth[T]oken'
	'[a-z]+://[^/ :@]+:[^/ :@]+@'
	'"resolved": *"http'
	'(^|[^A-Za-z0-9_.}-])/(home/[a-z][a-z0-9_-]*|root)/'
)

# The checkout's own path; one of a single directory says too little to be looked for.
top=$(git -c safe.directory='*' rev-parse --show-toplevel 2>/dev/null) || top=$PWD
if [[ $top == /*/* ]]; then
	escaped=$(sed 's/[^A-Za-z0-9_/-]/\\&/g' <<<"$top")
	patterns+=("(^|[^A-Za-z0-9_.}-])$escaped([^A-Za-z0-9_-]|$)")
fi

mapfile -t files < <(lint_files | grep -v '^tests/lint/selftest\.sh$')
((${#files[@]})) || exit 0
for pattern in "${patterns[@]}"; do
	found=$(grep -nIE -e "$pattern" -- "${files[@]}" /dev/null | cut -c1-160) || continue
	findings+="${findings:+$'\n'}$found"
done

while IFS= read -r found; do
	host=$(sed -E 's|.*://||; s|[:/].*||' <<<"$found")
	grep -qxF -- "$host" "$lint_home/hosts.allow" || findings+="${findings:+$'\n'}$found: host is not in tests/lint/hosts.allow"
done < <(grep -noIE -e '(https?|ftp|git|ssh)://[A-Za-z0-9.-]+(:[0-9]+)?' -- "${files[@]}" /dev/null)
finish "leave it out"
