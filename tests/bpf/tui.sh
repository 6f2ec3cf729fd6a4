#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# asi-faulttop's live screen: the whole tool (tests/bpf/standin) in a real terminal,
# tmux's, with a user who looks at it and presses keys. It waits for what has to come
# on the screen. Needs root.

. "$(dirname "$0")/standin/lib.sh"

socket=tui
tm() { TMUX_TMPDIR=$tmp tmux -L "$socket" -f /dev/null "$@"; }
finish() {
	tm kill-server 2>/dev/null || true
	rm -rf "$tmp"
}
trap finish EXIT
window=x
screen() { tm capture-pane -p -t $window; }
fail() {
	say "FAILED: $*"
	screen | sed 's/^/  screen | /'
	head -n 20 "$tmp/err" | sed 's/^/  stderr | /'
	exit 1
}
touch "$tmp/err"

standin_build "$tmp"
standin_mount "$tmp"
a=$(symbol do_exit)
b=$(symbol vprintk)
# A process that there is not, user memory, and "no VM exit yet": the same everywhere.
vm=4999999
address=0x7f0012345678
none=0xffffffff

# In the terminal: how it was set before and after, and the exit status. Then it stays,
# for what is on the screen to be looked at.
cat >"$tmp/run" <<'RUN'
#!/bin/bash
dir=$1
shift
stty -g >"$dir/before"
rc=0
bash -c 'echo $$ >"$0/pid"; exec "$@"' "$dir" "$@" 2>"$dir/err" || rc=$?
stty -g >"$dir/after"
echo $rc >"$dir/exit"
read -r _
RUN
chmod 755 "$tmp/run"

# until WHAT COMMAND...: at most ten seconds; WHAT never came true otherwise
until_() {
	local what=$1
	shift
	for _ in $(seq 200); do
		! "$@" || return 0
		sleep 0.05
	done
	fail "$what"
}
shows() { screen | grep -qE -- "$1"; }
hides() { ! shows "$1"; }
see() { until_ "never seen: $1" shows "$1"; }
unsee() { until_ "still seen: $1" hides "$1"; }
key() { tm send-keys -t $window "$@"; }
# tmux_says ALTERNATE CURSOR: 1 or 0; whether it is on the alternate screen, the cursor is seen
tmux_says() { [[ $(tm display-message -p -t $window "#{alternate_on} #{cursor_flag}") == "$*" ]]; }
resize() { tm resize-window -t $window -x "$1" -y "$2"; }
# run COMMAND...: in an 80x24 terminal; what the terminal gets, escapes and all, is in $raw
runs=0
run() {
	rm -f "$tmp"/{before,after,exit,pid}
	raw=$tmp/raw.$((++runs))
	tm resize-window -t $window -x 80 -y 24 \; \
		pipe-pane -t $window "exec cat >$raw" \; \
		respawn-pane -k -t $window -c "$tmp" "exec $tmp/run $tmp $*"
}
# top ARGUMENT...: the tool, until it shows its first screen
top() {
	run "$tmp/asi-faulttop" "$@"
	see 'q:quit'
}
# ended EXIT [SIGNAL]: and the terminal is as it was
ended() {
	[[ -z ${2:-} ]] || kill "-$2" "$(cat "$tmp/pid")"
	until_ "the tool does not end ($*)" test -s "$tmp/exit"
	[[ $(cat "$tmp/exit") == "$1" ]] || fail "exit $(cat "$tmp/exit"), expected $1 ($*)"
	cmp -s "$tmp/before" "$tmp/after" || fail "the terminal is set otherwise than before ($*)"
	tmux_says 0 1 || fail "still on the alternate screen, or without a cursor ($*)"
}
on=$'\033\\[\\?1049h'
colours=$'\033\\[([0-9;]*;)?[34][0-7]m'
# logged PATTERN: in what the terminal got, once the report at the end is in it
logged() {
	until_ "the terminal's log has no report" grep -q '^total ' "$raw"
	grep -qE "$1" "$raw"
}
selects() { tm capture-pane -p -e -t $window | grep -E $'\033\\[([0-9;]*;)?7m' | sed 's/\x1b[^m]*m//g' | grep -q "$1"; }
# cell COLUMN ROW: of the table, both from 1
cell() { screen | sed -n "$((2 + $2))p" | awk -v column="$1" '{ print $column }'; }
order() { screen | sed -n '3,5s/.* \([a-z_]*\)+0x0 .*/\1/p' | xargs; }
ordered() { [[ $(order) == "$*" ]]; }
in_order() { until_ "not in the order $*" ordered "$@"; }

unset NO_COLOR
tm new-session -d -s x -x 80 -y 24 "exec sleep 1000"
tm set-option -g remain-on-exit on

# ---- the first screen ----------------------------------------------------------

top -S 100ms
see 'no fault yet'
tmux_says 1 0 || fail "not on the alternate screen"
fault 46 $vm 1 3 $address "$a" $none
fault 23 $vm 2 0 $((address + 4096)) "$b" $none
fault 5 $vm 2 0 $((address + 8192)) "$b" $none
see ' 23 +0\.0 .* vprintk'
see ' 46 +0\.0 .* do_exit'
until_ "no third row" shows ' 5 +0\.0 .* vprintk'
# The platform is this machine's, and may take two lines.
diff <(screen | sed -E 's/[0-9]{4}-[0-9-]+T[0-9:]+Z$/TIME/; s/ [0-9]+\.[0-9]{3} s:/ N s:/; /^platform:/d; /^$/d
		/^  ([a-z]|\()/d; /^  r/d') - <<'SCREEN' || fail "that is not the first screen"
asi-faulttop  every 100 ms  by count                        TIME
VM        COUNT RATE/s SHARE VM-EXIT FUNCTION    ADDRESS        OBJECT
4999999:1    46    0.0 62.2% -       do_exit+0x0 0x7f0012345678 user
4999999:2    23    0.0 31.1% -       vprintk+0x0 0x7f0012346678 user
4999999:2     5    0.0  6.8% -       vprintk+0x0 0x7f0012347678 user
since start N s: faults 74, sites 3, VMs 2; not shown: faults 0, sites 0
lost 0
q:quit h:help p:pause s:sort r:reverse /:filter Enter:expand z:zero w:write
SCREEN
screen | grep -q '^platform: .' || fail "no platform"
[[ $(screen | sed -n 24p) == q:quit* ]] || fail "the keys are not the last line"
say "80x24: the first screen is right, line by line"

# ---- each key does what it says --------------------------------------------------

for by in rate vm ip address last count; do
	key s
	see "^asi-faulttop .* by $by  "
done
fault 30 $vm 2 0 $address "$((b + 1))" $none
see '\+0x1 '
in_order do_exit vprintk # the second is vprintk+0x1
key r
see 'by count, reversed'
until_ "r does not reverse" shows '^4999999:2 +5 '
[[ $(cell 2 1) == 5 && $(cell 2 4) == 46 ]] || fail "r does not reverse"
key r
see 'by count  '
[[ $(cell 2 1) == 46 && $(cell 2 4) == 5 ]] || fail "r twice is not the old order"

key / vpr
see '/vpr: 3 of 4 sites'
see '^filter: vpr_'
hides ' do_exit\+' || fail "/ leaves what does not match"
see 'not shown: faults 46, sites 1$'
key BSpace BSpace BSpace USER
see '/USER: 4 of 4 sites'
key Enter
see '^q:quit'
see '/USER: 4'
key / zzz
see 'no function or object matches'
key Escape
see '/USER: 4'
key Escape
unsee '/USER'
say "s, r, /: sorted, reversed, filtered by function and by object"

key Enter
see '^    function  do_exit\+0x0, ip 0x0*'"${a#0x}"'$'
see '^    faults    46, 44\.2% of all, 0\.0/s in the last interval$'
see '^    address   0x7f0012345678, no writes$'
see '^    object    user$'
see '^    VM exits  - 46$'
see '^    VM        1 of process 4999999, vCPUs 3$'
see '^    stack     .'
key Down
see 'ip 0x0*'"$(printf %x $((b + 1)))"'$'
key Enter
unsee '^    stack'
until_ "Down does not select" selects 'vprintk+0x1 '
key Home
until_ "Home does not select the first" selects do_exit
key End
until_ "End does not select the last" selects ' 5 .*vprintk+0x0'
key Up
until_ "Up does not select" selects ' 23 .*vprintk+0x0'
# The selection stays on its row, wherever that goes.
fault 100 $vm 2 0 $((address + 4096)) "$b" $none
see '^4999999:2 +123 '
selects ' 123 .*vprintk' || fail "the selection did not follow its row"
key Home
say "Enter, cursor keys: everything about a row; the selection follows it"

key +
see 'every 200 ms'
key + +
see 'every 1 s'
key - - -
see 'every 100 ms'
key p
see '^asi-faulttop  PAUSED'
fault 7 $vm 1 3 $address "$a" $none
sleep 0.3 # three intervals
key h
see 'any key: back'
key h
see '^4999999:1 +46 '
key Space
see '^4999999:1 +53 '
shows PAUSED || fail "reading once ends the pause"
fault 7 $vm 1 3 $address "$a" $none
key p
see '^4999999:1 +60 '
hides PAUSED || fail "p twice is still a pause"
say "+, -, p, space: the pace, a pause, one reading"

key w
see '^wrote asi-faulttop-[0-9TZ]+\.json \(4 rows, JSON\)$'
key w w
files() {
	local all=("$tmp"/asi-faulttop-*.json)
	((${#all[@]} == $1))
}
until_ "no three files" files 3
python3 - "$tmp" <<'PY' || fail "w: not what was on the screen"
import glob, json, os, sys
files = glob.glob(sys.argv[1] + "/asi-faulttop-*.json")
assert len(files) == 3, files
for name in files:
    *rows, summary = map(json.loads, open(name))
    assert [r["count"] for r in rows] == [123, 60, 30, 5], rows
    assert summary["rows"] == 4 and summary["counted"] == 218 and not summary["rows_not_shown"]
    assert os.stat(name).st_mode & 0o777 == 0o600
PY
key z
see '^since zero [0-9.]+ s: faults 0, sites 0'
see 'no fault yet'
fault 5 $vm 1 3 $address "$a" $none
see '^since zero [0-9.]+ s: faults 5, sites 1,'
see '^4999999:1 +5 '
key q
ended 0
see '^total [0-9.]+ s: faults 223, sites 4, VMs 2'
say "w, z, q: a new file each time, counted from now, the report over the whole run"

# ---- sizes -----------------------------------------------------------------------

top -S --sites 30 100ms
for i in $(seq 0 29); do
	fault $((i + 1)) $vm 1 0 $((address + i * 4096)) $((a + i)) $none
done
fault 23 $vm 1 0 $address "$b" $none
see 'lost 23: map_full 23 \(raise --sites\)'
see '^since start .*; not shown: faults [0-9]+,? ?$|^  not shown: faults'
# sized COLUMNS LINES: the whole screen is used, head at the top, keys at the bottom
sized() {
	local lines
	mapfile -t lines < <(screen)
	((${#lines[@]} == $2)) && [[ ${lines[0]} == asi-faulttop* && ${lines[1]} == VM* &&
		${lines[$2 - 1]} == q:quit* ]]
}
resize 60 12
until_ "60x12 is not redrawn" sized 60 12
see '^lost 23: map_full 23 \(raise --sites\)$'
hides 0x7f || fail "60 columns have no room for addresses"
# three lines of foot and two of head: six rows are left
[[ $(screen | grep -c "^$vm:1 ") == 6 ]] || fail "60x12: not six rows"
see '^  not shown: faults 300, sites 24$'
key End
see 'do_exit\+0x0 '
key PageUp
until_ "PageUp does not scroll" hides 'do_exit\+0x0 '
key Home Enter
see '^    function'
hides '^    stack' || fail "60x12: the stack fits, so scrolling is not tested"
key Down Down Down Down Down Down
see '^    stack'
resize 200 50
until_ "200x50 is not redrawn" sized 200 50
see '^ +entry_SYSCALL|^    stack     .'
key Enter
see '0x7f0012345678'
[[ $(screen | grep -c "^$vm:1 ") == 30 ]] || fail "200x50: not all rows"
see 'not shown: faults 0, sites 0$'
# Too small for anything but the losses; then it is all there again.
resize 30 6
see '^lost 23: map_full 23'
resize 10 2
resize 80 24
until_ "80x24 is not redrawn" sized 80 24
key q
ended 0
say "resized: every size is filled, and losses stay in sight"

# ---- every way out ---------------------------------------------------------------

for sig in TERM HUP QUIT; do
	top
	ended 0 $sig
	see '^total .*: faults 0'
done
top
key C-c
ended 0
run "$tmp/asi-faulttop" -d 300ms
ended 0
see '^total [0-9.]+ s: faults 0'
logged "$on" || fail "-d: no screen at all"
# No report, but a terminal that can be used; 128 + signal.
top
ended 134 ABRT
# ^Z gives the terminal back, fg takes it again.
run "bash -c 'exec bash --norc -i 2>/dev/tty'"
see '[$#] *$'
key "stty -g >shell; $tmp/asi-faulttop 2>err; stty -g >again; clear" Enter
see '^q:quit'
key C-z
until_ "^Z: still on the alternate screen" tmux_says 0 1
key "fg" Enter
see '^q:quit'
until_ "fg: not on the alternate screen" tmux_says 1 0
key q
until_ "no end after fg" test -s "$tmp/again"
cmp -s "$tmp/shell" "$tmp/again" || fail "^Z and fg: the terminal is set otherwise"
key exit Enter
ended 0
# The terminal goes away.
top
tool=$(cat "$tmp/pid")
tm respawn-pane -k -t $window "exec sleep 1000"
gone() { ! kill -0 "$1" 2>/dev/null; }
until_ "it outlives its terminal" gone "$tool"
say "^C, signals, -d, a crash, ^Z, no terminal any more: put back in order"

# ---- colours, no terminal, two at once --------------------------------------------

top 100ms
key q
ended 0
logged "$colours" || fail "no colours at all"
for without in "env NO_COLOR=1 $tmp/asi-faulttop" "$tmp/asi-faulttop --color never"; do
	# shellcheck disable=SC2086  # words
	run $without 100ms
	see '^q:quit'
	key q
	ended 0
	! logged "$colours" || fail "colours: $without"
done
run env NO_COLOR=1 "$tmp/asi-faulttop" --color always
see '^q:quit'
key q
ended 0
logged "$colours" || fail "--color always: no colours"
say "NO_COLOR and --color are heeded"

run "bash -c '$tmp/asi-faulttop -d 300ms | cat'"
ended 0
see '^total '
! logged "$on" || fail "| cat uses the alternate screen"
run "$tmp/asi-faulttop" -b -d 300ms
ended 0
! logged "$on" || fail "-b uses the alternate screen"
for term in "" dumb nonsense; do
	run env "TERM=$term" "$tmp/asi-faulttop" -d 300ms 100ms
	ended 0
	shows '^interval ' || fail "TERM='$term': no tables"
	! logged $'\033' || fail "TERM='$term': escapes"
	[[ $(grep -c 'no live screen: .*TERM.*; tables instead' "$tmp/err") == 1 ]] ||
		fail "TERM='$term': not said"
done
say "a pipe, -b, TERM unset, dumb or unknown: tables"

top -p $$ 100ms
tm new-session -d -s y -x 80 -y 24 "exec $tmp/asi-faulttop 100ms 2>/dev/null"
window=y
see '^q:quit'
fault 23 $$ 1 0 $address "$a" $none
fault 7 $vm 1 0 $address "$a" $none
see ': faults 30, sites 2,'
window=x
see ': faults 23, sites 1,'
key q
ended 0
say "two at once: each shows its own"

# ---- a recording -----------------------------------------------------------------

top -S -w run.flr 100ms
fault 23 $vm 1 0 $address "$a" $none
see ': faults 23, '
fault 7 $vm 1 0 $address "$a" $none
see ': faults 30, '
key q
ended 0
top -r run.flr
see ': faults 0, '
key - - -
see ': faults 23, '
see '^asi-faulttop  END '
see ': faults 30, '
key z
see '^since zero .*: faults 0, '
key q
ended 0
see '^total .*: faults 30, '
say "a recording is played, and ends in its report"
say "all fine"
