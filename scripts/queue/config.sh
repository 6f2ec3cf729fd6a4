# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For scripts/kernel and scripts/kernel-config: kernel configurations compared.

# awk's: the symbol that a line of a configuration or a fragment is about, "" for another line.
# shellcheck disable=SC2016 # it is awk's
config_symbol='
	function symbol(line) {
		if (match(line, /^CONFIG_[A-Za-z0-9_]+=/)) return substr(line, 1, RLENGTH - 1)
		if (match(line, /^# CONFIG_[A-Za-z0-9_]+ is not set$/)) return $2
		return ""
	}'

# config_wrong CONFIG FRAGMENT: the lines of a fragment that did not come out, and what is there instead. Of two lines
# for one symbol the later counts; what is not there is not set.
config_wrong() {
	awk "$config_symbol"'
		FNR == NR { s = symbol($0); if (s != "") got[s] = $0; next }
		{ s = symbol($0); if (s != "") want[s] = $0 }
		END {
			for (s in want) {
				have = s in got ? got[s] : "nothing"
				if (want[s] == have || (want[s] ~ /^#/ && !(s in got))) continue
				printf "  %s: asked for \"%s\", got \"%s\"\n", s, want[s], have
			}
		}' "$1" "$2" | sort
}

# config_changes BEFORE AFTER: "SYMBOL OLD NEW" for each symbol that is another one; n: not set, or not there.
config_changes() {
	awk "$config_symbol"'
		function value(line) { return line ~ /^#/ ? "n" : substr(line, index(line, "=") + 1) }
		{ s = symbol($0) }
		s == "" { next }
		FNR == NR { old[s] = value($0); all[s]; next }
		{ new[s] = value($0); all[s] }
		END {
			for (s in all) {
				a = s in old ? old[s] : "n"
				b = s in new ? new[s] : "n"
				if (a != b) print s, a, b
			}
		}' "$1" "$2" | sort
}
