#!/bin/sh
# SPDX-License-Identifier: MIT
# test_watch.sh - `weir stat` and `weir top` on processes that live, hang, stop, close, die, and on
# files that are none. TAP on stdout.
#
# usage: test_watch.sh WEIR JSON_GET PTY_DRIVE

set -u
weir=$1 json_get=$2 pty_drive=$3
dir=$(mktemp -d) || exit 99
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
command=stat
. "$(dirname "$0")/tap.sh"

XDG_RUNTIME_DIR=$dir/runtime
export XDG_RUNTIME_DIR
mkdir -m 700 "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR/weir"

until_true()
{
	tries=1000
	until "$@" >/dev/null 2>&1 || [ $((tries -= 1)) -eq 0 ]; do sleep 0.02; done
}

# begin NAME FD ARGUMENT...: a host that reads from a pipe which stays open at FD; leaves $pid, $file.
begin()
{
	name=$1 fd=$2
	shift 2
	printf '[bus]\nname = %s\n[control]\nsocket = none\n[pool.second]\nafter = default\n' "$name" >"$dir/$name.ini"
	mkfifo "$dir/$name.pipe"
	later "$name" "$weir" run --config "$dir/$name.ini" "$@" "$dir/$name.pipe"
	eval "pid=\$pid_$name; exec $fd<>\"\$dir/\$name.pipe\""
	until_true ls "$XDG_RUNTIME_DIR/weir/$name.$pid.1.weir"
	file=$XDG_RUNTIME_DIR/weir/$name.$pid.1.weir
}

# word NUMBER: eight bytes, in the order of a machine that counts from the low end.
word()
{
	left=$1
	for i in 1 2 3 4 5 6 7 8; do
		printf "\\$(printf %03o $((left % 256)))"
		left=$((left / 256))
	done
}

one_line() { [ "$(wc -l <"$dir/err")" -eq 1 ]; }

# refused NAME CODE TEXT: nothing on standard output, one line on standard error.
refused()
{
	check "$1: exit status" exits "$2"
	check "$1: told" says "$3"
	check "$1: one line" one_line
	check "$1: nothing else" no_output
}

# -- nobody there ------------------------------------------------------------------

run
refused "no process" 69 "no process of this user shows its counters"
run --pid 2147483646
refused "no such process" 69 "there is no such process"
for arguments in "x" "0" "1 x" "1 0" "1 2 3" "1.x" "5ms" "2h" "--pid x" "--pid 0" "--nothing"; do
	# shellcheck disable=SC2086 # words are meant
	run $arguments
	check "usage: $arguments" exits 64
done

# -- one that works --------------------------------------------------------------

begin flow 7 --on 'in.>=sleep:1us' --on 'in.bad=fail:2' --on 'in.>=count@second'
(while echo '{"topic":"in.good","data":1}' && echo '{"topic":"in.bad"}'; do sleep 0.01; done) >&7 2>/dev/null &
feeder=$!
cp "$file" "$dir/whole"

run 0.3 2
check "stat: exit status" exits 0
check "stat: nothing on standard error" silent
check "stat: the title, once" [ "$(grep -c published "$dir/out")" -eq 1 ]
check "stat: two lines" [ "$(wc -l <"$dir/out")" -eq 3 ]
check "stat: 80 columns" [ "$(wc -L <"$dir/out")" -le 80 ]
check "stat: numbers" shows '^ +[0-9.]+ +[0-9.]+ +[0-9.]+ +0 +[0-9]+ +(-|[0-9.]+ [mun]?s) +[<0-9]+ % +0 +(0|-)$'
run
check "stat without an interval: one line" [ "$(wc -l <"$dir/out")" -eq 2 ]
run --json --file "$file" 300ms 2
check "stat --json: exit status" exits 0
check "stat --json: lines" [ "$(grep -c '^{.*}$' "$dir/out")" -eq 2 ]
tail -n 1 "$dir/out" >"$dir/last" && mv "$dir/last" "$dir/out"
check "stat --json: the process" is pid "$pid"
check "stat --json: the name" is name flow
check "stat --json: alive" is state alive
check "stat --json: published" [ "$(get published_per_s | cut -d. -f1)" -gt 0 ]
check "stat --json: failed" [ "$(get failed_per_s | cut -d. -f1)" -gt 0 ]
run --pid "$pid"
check "stat --pid" exits 0
XDG_RUNTIME_DIR=$dir run --file "$file"
check "stat --file: wherever it is" exits 0

top()
{
	"$weir" top "$@" >"$dir/out" 2>"$dir/err" </dev/null
	code=$?
}

top --interval 0.3
check "top without a terminal: exit status" exits 0
check "top without a terminal: nothing on standard error" silent
check "top: the bus" shows "^flow  pid $pid  up .* heartbeat .* ago  weir [0-9.]+  topics [0-9]+$"
check "top: pools" shows '^second +[0-9.]+ +<?[0-9]+ % +[0-9]+ +(-|[0-9.]+ [mun]?s) +(-|[0-9.]+ [mun]?s) +(-|[0-9.]+ [mun]?s) +0 +0$'
check "top: dispatchers" shows '^default/0 +[0-9]+ +[0-9.]+ '
check "top: rings" shows '^second/0 +0 +0 +262 kB +0 % +0 % +0 % +-$'
check "top: handlers" shows '^in\.bad +default +[0-9.]+ +[0-9]+ +(-|[0-9.]+ [mun]?s) +(-|<?[0-9]+ %) +[0-9-]+  (active|quarantined)$'
check "top: a handler's pool" shows '^in\.> +second +'
check "top: 80 columns" [ "$(wc -L <"$dir/out")" -le 80 ]
check "top: no line ends with a blank" sh -c "! grep -q ' \$' '$dir/out'"
top --json --interval 0.3 "$pid"
check "top --json: exit status" exits 0
check "top --json: one line" [ "$(wc -l <"$dir/out")" -eq 1 ]
check "top --json: a pool" is pools/1/name second
check "top --json: a handler" is handlers/0/pool default
check "top --json: a pool that is behind" is pools/1/after/0 default
check "top --json: busy" sh -c "'$json_get' pools/0/busy <'$dir/out' | grep -q '^[01]\.'"
check "top --json: its rate" [ "$(get handlers/0/ok_per_s | cut -d. -f1)" -gt 0 ]
top --once --interval 0.3 "$file"
check "top FILE" exits 0
top --interval 1x
check "top: usage" exits 64
top "$pid" "$pid"
check "top: usage, two" exits 64

# screen CODE STEP...: weir top on a terminal of its own.
screen()
{
	wanted=$1
	shift
	TERM=xterm "$pty_drive" "$@" -- "$weir" top --interval 0.1 "$file" >"$dir/out" 2>"$dir/err"
	[ $? -eq "$wanted" ]
}
check "screen: drawn, left with q" screen 0 '=flow' '=POOL' '=second' '=HANDLER' '>q'
check "screen: help" screen 0 '=POOL' '>h' '=Page Up' '>x' '=POOL' '>q'
check "screen: sort" screen 0 '=sort: place' '>s' '@23' '=sort: rate' '>s' '@22' '=sort: busy' '>s' \
	'@21' '=sort: name' '>s' '@20' '=sort: failures' '>s' '@19' '=sort: place' '>q'
check "screen: filter" screen 0 '=POOL' '>/' '=/_' '>sec' '=c_' '>
' '=filter: sec' '>q'
esc=$(printf '\033')
check "screen: filter, dropped" screen 0 '=POOL' '>/' '=/_' '>secx' '=x_' '>'"$(printf '\177')" '@22' '=/sec_' \
	">$esc" '@21' '=place  / filter  h help' '>q'
check "screen: pause" screen 0 '=POOL' '>p' '=[paused]' '>p' '@22' '=mq quit' '>q'
check "screen: down to the end, and up" screen 0 '=POOL' '@8' '=second' \
	">$esc""OB$esc""OB$esc""OB$esc""OB$esc""OB$esc[6~$esc[6~$esc[6~$esc[6~$esc[6~$esc[6~$esc[6~$esc[6~" '=in.bad' \
	'@9' '=in.bad' ">$esc""OA$esc""OA$esc[5~$esc[5~$esc[5~$esc[5~$esc[5~$esc[5~$esc[5~$esc[5~" '=POOL' '>q'
check "screen: resized" screen 0 '=POOL' '@10' '=h help' '@3' '=h help' '@1' '=h help' '@40' '=HANDLER' '>q'
check "screen: SIGTERM" screen 143 '=POOL' '!15'
check "screen: SIGINT" screen 130 '=POOL' '!2'
check "screen: SIGHUP" screen 129 '=POOL' '!1'

check "stat on a wide terminal" "$pty_drive" -w 120 '=busiest' '=%' -- "$weir" stat --file "$file" 0.1 2
check "top --once on a wide terminal" "$pty_drive" -w 120 '=a batch' '=pattern' -- "$weir" top --once "$file"

# -- two of them -----------------------------------------------------------------

first=$pid first_file=$file
begin other 8 --on 'in.>=count'
run
check "two: exit status" exits 69
check "two: both are named" [ "$(grep -c "$XDG_RUNTIME_DIR/weir/.*.weir" "$dir/err")" -eq 2 ]
check "two: nothing else" no_output
run --pid "$pid" --json
check "two: by id" is name other

# -- one that stops ----------------------------------------------------------------

kill -STOP "$pid"
until_true sh -c "test \$(( \$(date +%s) - \$(stat -c %Y '$file') )) -ge 3"
run --pid "$pid" --json 0.1 1
check "stopped: exit status" exits 1
check "stopped: it is shown" is state stale
check "stopped: rates are not claimed" is published_per_s null
check "stopped: told" says "it is stopped, or hangs"
top "$pid" --once
check "stopped, top: exit status" exits 1
check "stopped, top: shown" shows "no heartbeat: the process is stopped, or hangs as a whole"
kill -CONT "$pid"

# -- one that ends while it is watched ---------------------------------------------

later closing "$weir" stat --pid "$pid" 0.1
until_true [ -s "$dir/closing.out" ]
kill "$pid"
reap other
reap closing
check "closed: exit status" exits 0
check "closed: told" says "the bus has been closed"
check "closed: what was seen" shows "published"

later dying "$weir" stat --pid "$first" 0.1
until_true [ -s "$dir/dying.out" ]
kill -9 "$first"
reap dying
check "killed: exit status" exits 69
check "killed: told" says "process $first is gone"
kill "$feeder" 2>/dev/null
exec 7>&-
wait "$first" 2>/dev/null
run --pid "$first"
refused "of a dead process, by id" 69 "is gone; it wrote this"
run --file "$first_file"
refused "of a dead process, by file" 69 "is gone; it wrote this"
run
refused "of a dead process, found" 69 "files of processes that are gone: $first_file"

top "$first" --once
refused "of a dead process, top" 69 "is gone; it wrote this"
top --dead --json "$first"
check "of a dead process, top --dead: exit status" exits 0
check "of a dead process, top --dead: shown" is state gone

# -- one whose rings fill ------------------------------------------------------------

begin jam 9 --on 'in.>=count' --on 'in.>=sleep:5ms@second'
line='{"topic":"in.slow","data":"'$(printf %03000d 0)'"}'
(while echo "$line"; do :; done) >&9 2>/dev/null &
feeder=$!
is_full() { "$weir" top --json --interval 0.2 "$file" | "$json_get" full | grep -qv '^0\(\.0*\)\?$'; }
until_true is_full
top --interval 0.5 "$file"
check "full: why" shows '^ring #[0-9]+ full for [0-9.]+ m?s \([0-9]+ % of the last [0-9.]+ s\), [0-9]+ % of it in in\.> \(pool'
check "full: since it was opened" shows '^ring #[0-9]+ was full for [0-9.]+ m?s, [0-9,]+ times?, [0-9]+ % of it in in\.> \(pool second'
check "full: when it became full last" shows '^  when it became full last: second/0 in in\.>$'
check "full: the ring" shows '^#[0-9]+ .* 262 kB +9[0-9] % +(9[0-9]|100) % +[0-9]+ %  second$'
check "full: the pool" shows '^second +[0-9.]+ +(9[0-9]|100) % +[0-9]+ +[0-9.]+ m?s +[0-9.]+ m?s +[0-9.]+ m?s +0 +0$'
check "full: the handler" shows '^in\.> +second +[0-9.]+ +0 +[0-9.]+ ms +([5-9][0-9]|100) % +-  active$'
kill "$feeder" "$pid" 2>/dev/null
exec 9>&-

# -- files that are none -------------------------------------------------------------

run --file "$dir/nothing"
refused "no file" 66 "nothing: No such file or directory"
run --file "$dir"
refused "a directory" 65 "not a file"
run --file "$dir/flow.pipe"
refused "a pipe" 65 "not a file"
run --file /dev/zero
refused "a device" 65 "not a file"
: >"$dir/empty"
run --file "$dir/empty"
refused "an empty file" 65 "too short for a counters file: 0 bytes"
run --file "$dir/flow.ini"
refused "another file" 65 "too short for a counters file"
sed 's/^WEIRCNT1/WEIRCNT2/' "$dir/whole" >"$dir/magic"
run --file "$dir/magic"
refused "no magic" 65 "not a counters file"
# put OFFSET NUMBER: a copy of the file with other eight bytes there.
put()
{
	cp "$dir/whole" "$dir/put"
	word "$2" | dd of="$dir/put" bs=1 seek="$1" conv=notrunc 2>/dev/null
}
put 8 $(((272 << 32) + 1))
run --file "$dir/put"
refused "another layout" 65 "of layout 1, and this program knows layout 2"
head -c 5000 "$dir/whole" >"$dir/cut"
run --file "$dir/cut"
refused "cut off" 65 "cut off: it has 5000 bytes of"
put 152 $((1 << 62))
run --file "$dir/put"
refused "a section outside" 65 "damaged: its pools cannot lie where it says"
put 256 $(((1 << 52) + 1072))
run --file "$dir/put"
refused "times outside" 65 "damaged: its times cannot lie where it says"
put 16 $((1 << 62))
run --file "$dir/put"
refused "a size that is not there" 65 "cut off"
put 24 1
run --file "$dir/put"
refused "cut in a writing, by a process that is gone" 69 "is gone"
if [ "$(id -u)" = 0 ] && setpriv --reuid=65534 --clear-groups "$weir" version >/dev/null 2>&1; then
	setpriv --reuid=65534 --clear-groups "$weir" stat --file "$first_file" >"$dir/out" 2>"$dir/err" </dev/null
	code=$?
	refused "another user's" 66 "Permission denied"
else
	skip "another user's" "needs root, and a place that others may read"
fi

echo "1..$count"
