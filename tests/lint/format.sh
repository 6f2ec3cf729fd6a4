#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The C sources are formatted as .clang-format says. Other releases of
# clang-format format some things differently: only 14 is asked.
. "$(dirname "$0")/files.sh"

tool=clang-format
! command -v clang-format-14 >/dev/null || tool=clang-format-14
version=$("$tool" --version | sed 's/.*version \([0-9]*\).*/\1/')
if [[ $version != 14 ]]; then
	echo "clang-format is $version, not 14"
	exit 77
fi
mapfile -t files < <(lint_files | grep -E '\.[ch]$')
((${#files[@]})) || { echo "lint: no C source found"; exit 1; }
findings=$("$tool" --style=file --dry-run -Werror "${files[@]}" 2>&1 | grep -E '(error|warning):') || true
finish "run: clang-format -i FILE"
echo "${#files[@]} files"
