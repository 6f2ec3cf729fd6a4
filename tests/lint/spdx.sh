#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every file names its licence in its first three lines, but for the licence
# itself, data, and patches (they are under the licence of what they patch).
. "$(dirname "$0")/files.sh"

while IFS= read -r file; do
	case $file in
	LICENSE | *.md | *.patch | *.json | *.flr | *.png | *.svg | *.ndjson | */golden/*) continue ;;
	esac
	[[ -s $file ]] || continue
	if ! head -n 3 "$file" | grep -aq 'SPDX-License-Identifier: GPL-2\.0'; then
		findings+="${findings:+$'\n'}$file: no SPDX-License-Identifier: GPL-2.0 in its first three lines"
	fi
done < <(lint_files)
finish "add the line"
