#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# No blank at the end of a line, no carriage return, a newline at the end of
# each file. Patches carry context lines as they are, the licence its own text.
. "$(dirname "$0")/files.sh"

mapfile -t files < <(lint_files | grep -vE '\.(patch|flr|png)$|^LICENSE$')
((${#files[@]})) || exit 0
findings=$(grep -nIE -e $'[ \t\r]$' -- "${files[@]}" /dev/null | cut -c1-120) || true
for file in "${files[@]}"; do
	[[ -s $file ]] || continue
	[[ -z $(tail -c 1 "$file" | tr -d '\n' | tr '\0' x) ]] || findings+="${findings:+$'\n'}$file: no newline at its end"
done
finish "remove it"
