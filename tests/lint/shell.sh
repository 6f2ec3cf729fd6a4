#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every shell script passes shellcheck.
. "$(dirname "$0")/files.sh"

mapfile -t files < <(lint_shell_files)
((${#files[@]})) || { echo "lint: no shell script found"; exit 1; }
findings=$(shellcheck -x -P SCRIPTDIR -f gcc "${files[@]}" 2>&1) || true
finish "mend what shellcheck says"
echo "${#files[@]} scripts"
