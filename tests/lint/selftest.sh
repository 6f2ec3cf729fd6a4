#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Each lint test passes on a clean tree and finds the fault planted for it.

set -euo pipefail

lint=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export LINT_ROOT=$tmp/tree

fail() { echo "selftest.sh: FAILED: $*"; sed 's/^/  | /' "$tmp/out"; exit 1; }

spdx='SPDX-License-Identifier: GPL-2.0'
clean_tree() {
	rm -rf "$LINT_ROOT"
	mkdir -p "$LINT_ROOT"
	cp "$lint/../../.clang-format" "$LINT_ROOT/"
	# shellcheck disable=SC2016 # the planted script expands it
	printf '#!/bin/bash\n# %s\necho "$1"\n' "$spdx" >"$LINT_ROOT/good.sh"
	printf '// %s\nint main(void)\n{\n\treturn 0;\n}\n' "$spdx" >"$LINT_ROOT/good.c"
	git -C "$LINT_ROOT" init -q
}

run() { "$lint/$1.sh" >"$tmp/out" 2>&1; }

clean_tree
for name in shell format spdx hosts space; do
	rc=0
	run "$name" || rc=$?
	[[ $rc == 0 || ($name == format && $rc == 77) ]] || fail "$name fails on a clean tree"
done

# plant TEST FILE TEXT: TEXT in FILE is found by TEST, which names the file.
plant() {
	clean_tree
	mkdir -p "$(dirname "$LINT_ROOT/$2")"
	printf '%b' "$3" >"$LINT_ROOT/$2"
	local rc=0
	run "$1" || rc=$?
	[[ $1 != format || $rc != 77 ]] || return 0
	[[ $rc == 1 ]] || fail "$1 does not find: $3"
	grep -qF "$2" "$tmp/out" || fail "$1 does not name $2"
}

plant shell bad.sh "#!/bin/bash\nrm -rf \$1/*\n"
plant shell tool "#!/bin/bash\necho \$foo\n"
plant format bad.c 'int main(void) { return 0; }\n'
plant spdx bad.c 'int x;\n'
plant spdx scripts/tool '#!/bin/bash\n'
plant space bad.c 'int x; \n'
plant space bad.c 'int x;\r\n'
plant space bad.c 'int x;'
plant hosts a.txt 'see https://registry.example.com/x\n'
plant hosts a.txt 'https://kernel.org.example.com/x\n'
plant hosts a.txt 'x //user:pw\nhttp://me:secret@www.kernel.org/\n'
plant hosts a.txt '-----BEGIN RSA PRIVATE KEY-----\n'
plant hosts .npmrc '//h/:_authToken=x\n'
plant hosts a.txt 'ghp_0123456789abcdefghijABCDEFGHIJ012345\n'
plant hosts a.txt 'AKIA0123456789ABCDEF\n'
plant hosts a.txt "cd $(cd "$LINT_ROOT" && pwd -P)\n"
plant hosts a.txt "x=$(cd "$LINT_ROOT" && pwd -P)/build/x\n"
plant hosts a.txt 'cd /home/somebody/src\n'
plant hosts a.txt 'HOME=/root/x\n'
echo "every planted fault is found"
