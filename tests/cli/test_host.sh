#!/bin/sh
# SPDX-License-Identifier: MIT
# test_host.sh - `weir run --config` and the commands that ask a host, from outside. TAP on stdout.
#
# usage: test_host.sh WEIR JSON_GET UNIX_SEND COUNTER SAMPLE EXAMPLE

set -u
weir=$1 json_get=$2 unix_send=$3 counter=$4 sample=$5 example=$6
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
command=run
. "$(dirname "$0")/tap.sh"

# Where hosts of this test find each other.
XDG_RUNTIME_DIR=$dir/runtime
export XDG_RUNTIME_DIR
mkdir -m 700 "$XDG_RUNTIME_DIR" "$dir/other" "$dir/plugins"
cp "$counter" "$dir/plugins/counter.so" && chmod 755 "$dir/plugins/counter.so"
# Plugins publish, too, when they are switched: what a handler of "in.>" gets is the input alone.
sed 's/"topic":"/&in./' "$sample" >"$dir/in.ndjson"
original=$sample
sample=$dir/in.ndjson
lines=$(wc -l <"$sample")
files=$(grep -c '"in.file\.' "$sample")

# config NAME: a file from standard input, behind what all have.
config()
{
	{ printf '[bus]\nname = %s\nstats_dir = none\n[plugins]\npath = %s/plugins\n' "$1" "$dir"; cat; } >"$dir/$1.ini"
}

# ask COMMAND ARGUMENT...: leaves $dir/out, $dir/err and $code as run does.
ask()
{
	"$weir" "$@" >"$dir/out" 2>"$dir/err" </dev/null
	code=$?
}

# begin NAME ARGUMENT...: a host in the background, with input from the unix socket NAME.in.
begin()
{
	host=$1
	shift
	later "$host" env --default-signal=INT,HUP "$weir" run --config "$dir/$host.ini" "$@" "unix:$dir/$host.in"
	eval "pid=\$pid_$host"
	until_true [ -S "$dir/$host.in" ]
}

# What a print handler wrote is before the report.
reap_report()
{
	reap "$1"
	tail_of
}

# until_true COMMAND...: at most 20 s.
until_true()
{
	tries=1000
	until "$@" >/dev/null 2>&1 || [ $((tries -= 1)) -eq 0 ]; do sleep 0.02; done
}

committed() { [ "$("$weir" pool list --json --pid "$pid" | "$json_get" pools/0/routed)" -ge "$1" ]; }
tail_of() { tail -n 1 "$dir/out" >"$dir/last" && mv "$dir/last" "$dir/out"; }

# -- begun now and looked at below --------------------------------------------------------

config full <<'END'
[pool.last]
after = default
[plugin.all]
file = counter
pool = last
pattern = in.>
END
sed -i 's/^name = full/&\nring_size = 4k/' "$dir/full.ini"
head -n 3 "$sample" >"$dir/few"

term_twice()
{
	XDG_RUNTIME_DIR=$dir/other "$weir" run --config "$dir/full.ini" --json --on '>=print' --on '>=sleep:20s' \
		"$dir/few" >"$dir/twice.seen" &
	pid=$!
	until_true [ -s "$dir/twice.seen" ]
	kill "$pid"
	sleep 1
	kill "$pid"
	wait "$pid"
	code=$?
	cat "$dir/twice.seen"
	return $code
}
later stuck env XDG_RUNTIME_DIR="$dir/other" "$weir" run --config "$dir/full.ini" --json --drain 300ms --on '>=print' --on '>=sleep:20s' "$dir/few"
later twice term_twice
signal stuck TERM

# -- a file, standard input --------------------------------------------------------

config plain <<'END'
[pool.slow]
after = default
[plugin.files]
file = counter
pattern = in.file.>
[plugin.all]
file = counter
pool = slow
pattern = in.>
END
run --config "$dir/plain.ini" "$sample"
check "a file: exit status" exits 0
check "a file: nothing on standard error" silent
check "a file: what was read" shows "^  read  +3,294 lines  +1.01 MB$"
check "a file: the plugins" shows "^  files +enabled +default +$(printf %s "$files" | sed 's/...$/,&/') +0  "
check "a file: the pools" shows "^  slow .* default$"
check "a file: the books" shows '^  0 bad lines, lost 0$'
check "a file: 80 columns" [ "$(wc -L <"$dir/out")" -le 80 ]
check "a file: no line ends with a blank" sh -c "! grep -q ' \$' '$dir/out'"
check "a file: its socket is gone" [ -z "$(ls "$XDG_RUNTIME_DIR/weir")" ]

run --config "$dir/plain.ini" --json "$sample"
check "--json: lines" is read/lines "$lines"
check "--json: events" is read/events "$lines"
check "--json: lost" is lost 0
check "--json: a plugin" is plugins/0/name files
check "--json: what it was due" is plugins/0/due "$files"
check "--json: no signal" is signal null

"$weir" run --config "$dir/plain.ini" --json - <"$sample" >"$dir/out" 2>"$dir/err"
code=$?
check "standard input: exit status" exits 0
check "standard input: events" is read/events "$lines"

printf '\357\273\277{"topic":"a"}\r\n\nx\n{"topic":"weir.x"}\n{"topic":"a","data":"%0100d"}\n{"topic":"b"}' 0 >"$dir/bad"
run --config "$dir/plain.ini" --json --max-line 50 "$dir/bad"
check "bad lines: exit status" exits 0
check "bad lines: told by number" says "bad: line 3: not JSON"
check "bad lines: a topic" says 'line 4: topic "weir.x" is not allowed'
check "bad lines: too long" says 'line 5: longer than 50 bytes'
check "bad lines: counted" is read/bad 3
check "bad lines: the others went on" is read/events 2
check "bad lines: lost" is lost 0
printf 'x\n' >"$dir/bad"
run --config "$dir/plain.ini" "$dir/bad"
check "only bad lines: exit status" exits 1

# An event is handled while the input still has no end.
mkfifo "$dir/pipe"
later streaming "$weir" run --config "$dir/plain.ini" --on '>=print' --json "$dir/pipe"
exec 7>"$dir/pipe"
echo '{"topic":"early"}' >&7
until_true grep -q early "$dir/streaming.out"
check "it streams: handled before the end" grep -q early "$dir/streaming.out"
echo '{"topic":"late"}' >&7
exec 7>&-
reap streaming
check "it streams: exit status" exits 0
check "it streams: all of it" [ "$(grep -c '"topic":"[a-z]*"' "$dir/out")" -eq 2 ]
tail_of
check "it streams: lost" is lost 0

# -- a socket, and the commands -------------------------------------------------------

begin plain
check "a socket: mode" [ "$(stat -c %a "$dir/plain.in")" = 600 ]
check "the control socket: mode" [ "$(stat -c %a "$XDG_RUNTIME_DIR/weir/$pid.sock")" = 600 ]
for i in 1 2 3; do
	"$unix_send" "$dir/plain.in" <"$sample" &
	eval "sender_$i=\$!"
done
for i in 1 2 3; do eval "wait \$sender_$i"; done
until_true committed $((3 * files))
ask drain
check "drain: exit status" exits 0
check "drain: nothing is printed" no_output
ask plugin list
check "plugin list: exit status" exits 0
check "plugin list: a plugin" shows "^  all +enabled +slow +9,882 +0  9882 events$"
check "plugin list: no line ends with a blank" sh -c "! grep -q ' \$' '$dir/out'"
ask plugin
check "plugin: is plugin list" shows "^  all +enabled"
ask plugin list --json --pid "$pid"
check "plugin list --json" is plugins/0/ok $((3 * files))
ask pool list --socket "$XDG_RUNTIME_DIR/weir/$pid.sock"
check "pool list" shows "^  slow +9,8[0-9]+ +0 +9,882 +0 +0  default$"
ask plugin disable files
check "plugin disable: exit status" exits 0
ask plugin list
check "plugin disable: done" shows "^  files +disabled"
ask plugin enable files
check "plugin enable: exit status" exits 0
ask plugin disable nothing --timeout 1s
check "a plugin that is not there: exit status" exits 1
check "a plugin that is not there: told" says "no plugin 'nothing'"

second=plain2
sed "s/^name = plain/name = $second/" "$dir/plain.ini" >"$dir/$second.ini"
first=$pid
begin $second
ask pool list
check "several hosts: exit status" exits 69
check "several hosts: told" says "choose one with --pid"
check "several hosts: by number" says "$first"
ask pool list --pid "$first"
check "several hosts: --pid" exits 0
kill -9 "$pid"
wait "$pid" 2>/dev/null
check "a dead host leaves its socket" [ -S "$XDG_RUNTIME_DIR/weir/$pid.sock" ]
ask pool list
check "a dead host does not count" exits 0
ask pool list --pid "$pid"
check "a dead host: exit status" exits 69
begin $second
until_true "$unix_send" "$dir/$second.in" </dev/null
check "a dead host's input socket is taken over" kill -0 "$pid"
kill "$pid"
reap $second
check "SIGTERM without input: exit status" exits 0
pid=$first
later third "$weir" run --config "$dir/plain.ini" "unix:$dir/plain.in"
reap third
check "another's input socket: exit status" exits 66
check "another's input socket: told" says "plain.in: another process listens there"

# -- reload -------------------------------------------------------------------------

sed -i 's/^pattern = in.file.>/pattern = in.commit.>/' "$dir/plain.ini"
kill -s HUP "$first"
until_true grep -q 'taken again' "$dir/plain.err"
check "SIGHUP: taken" grep -q 'plain.ini: taken again' "$dir/plain.err"
echo '{"topic":"in.commit.x"}' | "$unix_send" "$dir/plain.in"
until_true committed $((3 * files + 1))
ask plugin list --json
check "SIGHUP: the new settings" is plugins/0/ok $((3 * files + 1))
echo '[oops' >>"$dir/plain.ini"
kill -s HUP "$first"
until_true grep -q 'nothing changed' "$dir/plain.err"
check "SIGHUP, a bad file: told by line" grep -q 'nothing changed: .*plain.ini:[0-9]*: a section is' "$dir/plain.err"
ask plugin reload
check "plugin reload, a bad file: exit status" exits 1
check "plugin reload, a bad file: told by line" says "plain.ini:"
sed -i '$d' "$dir/plain.ini"
ask plugin reload
check "plugin reload: exit status" exits 0
ask plugin reload files
check "plugin reload NAME: exit status" exits 0

# What was sent is read, also the last of it, and a line that is not ended.
mkfifo "$dir/open"
"$unix_send" "$dir/plain.in" <"$dir/open" >/dev/null 2>&1 &
exec 8>"$dir/open"
{ head -n 200 "$sample"; printf '{"topic":"cut'; } >&8
until_true committed $((3 * files + 1 + $(head -n 200 "$sample" | grep -c '"topic":"in.commit')))
kill "$first"
reap plain
exec 8>&-
check "SIGTERM: exit status" exits 0
check "SIGTERM: all was read" shows "^  read  +10,084 lines"
check "SIGTERM: from whom" shows "from 5 connections$"
check "SIGTERM: the line that was cut is told" grep -q 'connection [0-9]*: line 201: not JSON' "$dir/err"
check "SIGTERM: the books" shows '^  1 bad line, lost 0$'
check "SIGTERM: it is told" shows '^  ended by SIGTERM$'
check "SIGTERM: the sockets are gone" [ ! -e "$dir/plain.in" -a ! -e "$XDG_RUNTIME_DIR/weir/$first.sock" ]
ask plugin list
check "no host: exit status" exits 69
check "no host: told" says "no host of this user listens in $XDG_RUNTIME_DIR/weir"

# -- full rings -----------------------------------------------------------------------

for signal in TERM INT; do
	begin full --json --on 'in.>=sleep:50us'
	for i in 1 2 3; do
		"$unix_send" "$dir/full.in" <"$sample" >/dev/null 2>&1 &
	done
	until_true committed 500
	kill -s $signal "$pid"
	reap full
	check "SIG$signal, full rings: exit status" exits 0
	check "SIG$signal, full rings: some was read" [ "$(get read/events)" -ge 500 ]
	check "SIG$signal, full rings: what was read is handled" is plugins/0/ok "$(get read/events)"
	check "SIG$signal, full rings: by each pool" is pools/0/routed "$(get read/events)"
	check "SIG$signal, full rings: no good line was taken for a bad one" [ "$(get read/bad)" -le 3 ]
	check "SIG$signal, full rings: lost" is lost 0
	check "SIG$signal, full rings: it is told" is signal $signal
done

# -- what does not end ------------------------------------------------------------------

# Begun at the top.
reap_report stuck
check "a handler that does not come back: exit status" exits 1
check "a handler that does not come back: what is missing is told" [ "$(get in_flight)" -gt 0 ]
check "a handler that does not come back: lost is not claimed" is lost null
reap_report twice
check "a second signal: exit status" exits 143
check "a second signal: lost is not claimed" is lost null

# More than is read at once: the rest is still in the socket when the signal comes.
begin full --json --on 'in.>=sleep:300us'
head -n 1200 "$sample" | "$unix_send" "$dir/full.in"
kill "$pid"
reap full
check "what is in the socket: all was read" is read/events 1200
check "what is in the socket: and handled" is plugins/0/ok 1200
check "what is in the socket: lost" is lost 0

# Who waits for room longer than a look at the clock goes on waiting.
begin full --json --on 'in.>=sleep:70ms'
head -n 40 "$sample" | "$unix_send" "$dir/full.in"
kill "$pid"
reap full
check "a long wait for room: all was read" is read/events 40
check "a long wait for room: and handled" is plugins/0/ok 40

# -- usage, bad files -------------------------------------------------------------------

refused()
{
	name=$1 status=$2 message=$3
	shift 3
	ask "$@"
	check "$name: exit status" exits "$status"
	check "$name: told" says "$message"
	check "$name: nothing on standard output" no_output
}
refused 'no such file' 64 "none.ini: No such file or directory" run --config "$dir/none.ini" "$sample"
refused 'no such input' 66 "cannot open $dir/none" run --config "$dir/full.ini" "$dir/none"
refused 'a directory as input' 66 "Is a directory" run --config "$dir/full.ini" "$dir"
refused 'a relative socket' 64 "needs a path from / on" run --config "$dir/full.ini" unix:x
refused 'a file in the place of a socket' 66 "is there, and is no socket" run --config "$dir/full.ini" "unix:$dir/full.ini"
refused 'an option of the other kind' 64 "--pool is not for --config" run --config "$dir/full.ini" --pool x "$sample"
refused 'another one' 64 "--producers is not for --config" run --config "$dir/full.ini" -p 2 "$sample"
refused 'drain without config' 64 "--drain is for --config" run --drain 1s "$sample"
refused 'a handler in no pool' 64 "there is no pool 'x'" run --config "$dir/full.ini" --on '>=count@x' "$sample"
printf '[pool.a]\nafter = b\n' >"$dir/wrong.ini"
refused 'a bad file' 64 "wrong.ini:2: [pool.a] after: there is no pool 'b'" run --config "$dir/wrong.ini" "$sample"
printf '[plugin.a]\nfile = /nowhere.so\n' >"$dir/wrong.ini"
refused 'no such plugin' 64 "wrong.ini:1: [plugin.a]: " run --config "$dir/wrong.ini" "$sample"
refused 'plugin: no such action' 64 "'start' is not one of list, enable, disable, reload" plugin start x
refused 'plugin: no name' 64 "enable needs the NAME" plugin enable
refused 'plugin: a name too many' 64 "list takes no NAME" plugin list x
refused 'plugin: a time for nothing' 64 "--timeout is for disable" plugin list --timeout 1s
refused 'plugin: no time' 64 "--timeout: 'soon' is not a time" plugin disable x --timeout soon
refused 'pool: no such action' 64 "'close' is not list" pool close
refused 'drain: an argument' 64 "Too many arguments" drain x
refused 'no process id' 64 "--pid: 'x' is not a process id" pool list --pid x
refused 'no such socket' 69 "no host answers at $dir/none.sock" pool list --socket "$dir/none.sock"
refused 'no socket' 69 "no host answers at $dir/full.ini" drain --socket "$dir/full.ini"

# -- the example ------------------------------------------------------------------------

sed "s|^socket = .*|socket = $dir/example.sock|; s|^path = .*|path = $dir/plugins|" "$example" >"$dir/example.ini"
run --config "$dir/example.ini" "$original"
check "the example: exit status" exits 0
check "the example: nothing on standard error" silent
check "the example: a plugin" shows "^  all +enabled +slow +3,29[0-9] +0  329[0-9] events$"

echo "1..$count"
