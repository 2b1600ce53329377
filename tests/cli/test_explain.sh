#!/bin/sh
# SPDX-License-Identifier: MIT
# test_explain.sh - `weir explain` on arguments, on configurations and on processes that live, hang and
# are gone; and that nothing is run for it. TAP on stdout.
#
# usage: test_explain.sh WEIR JSON_GET PTY_DRIVE COUNTER_PLUGIN

set -u
weir=$1 json_get=$2 pty_drive=$3 counter=$4
dir=$(mktemp -d) || exit 99
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
command=explain
. "$(dirname "$0")/tap.sh"

XDG_RUNTIME_DIR=$dir/runtime
export XDG_RUNTIME_DIR
mkdir -m 700 "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR/weir"

until_true()
{
	tries=1000
	until "$@" >/dev/null 2>&1 || [ $((tries -= 1)) -eq 0 ]; do sleep 0.02; done
}

begins() { head -n 1 "$dir/err" | grep -qF -- "$1"; }

# Who loads a plugin asks that nobody else may have written it.
cp "$counter" "$dir/counter.so" && chmod 755 "$dir/counter.so"

# refused NAME CODE TEXT: nothing on standard output, and the problem in the first line.
refused()
{
	check "$1: exit status" exits "$2"
	check "$1: told" begins "$3"
	check "$1: nothing else" no_output
}

# begin NAME FD COMMAND...: a process that reads from a pipe which stays open at FD; leaves $pid, $file.
begin()
{
	name=$1 fd=$2
	shift 2
	mkfifo "$dir/$name.pipe"
	later "$name" "$@" "$dir/$name.pipe"
	eval "pid=\$pid_$name; exec $fd<>\"\$dir/\$name.pipe\""
	until_true sh -c "ls '$XDG_RUNTIME_DIR'/weir/*.$pid.1.weir"
	file=$(ls "$XDG_RUNTIME_DIR"/weir/*."$pid".1.weir)
}

same() { cmp "$1" "$2" >&2; }

# -- arguments that are wrong ------------------------------------------------------

run
refused "no topic" 64 "there is no TOPIC"
run a b
refused "two topics" 64 "'b' is too much"
run 'order.*'
refused "a pattern" 64 "'order.*' is a pattern"
run 'order..x'
refused "no name" 64 "'order..x' is not allowed: words of A-Z a-z 0-9 _ -"
run weir.other
refused "one of the bus's own that is not there" 64 'below "weir." there are only'
run --pid x a
refused "no id" 64 "--pid: 'x' is not a process id"
run --pid 1 --file x a
refused "two buses" 64 "--pid and --file both name a bus"
run --pid 1 a -- --on 'a=count'
refused "a process and arguments" 64 "--pid is for a process, and -- for none"
run --dead a --config x
refused "a process and a configuration" 64 "--dead is for a process, and --config for none"
run --config x a -- --config y
refused "a configuration that is not there" 64 "y: No such file or directory"
printf '[pool.p]\n' >"$dir/p.ini"
run --config "$dir/p.ini" a -- --config "$dir/p.ini"
refused "two configurations" 64 "--config is given twice"
run a -- --nothing
refused "no option of weir run" 64 "nothing"
run a -- --on 'a'
refused "no handler" 64 "--on: 'a': it must be PATTERN=HANDLER"
run a -- --on 'a..=count'
refused "no pattern" 64 "--on: pattern 'a..': is not allowed"
run a -- --on 'a=count@q'
refused "no such pool" 64 "--on: there is no --pool 'q'"
run a -- --pool p:after=q
refused "after nobody" 64 "--pool p: it is after a pool that is not given before it"
run a -- --pool p:behind=skip --pool q:after=p
refused "after one that skips" 64 "--pool q: an option is not allowed"
run a -- --pool p --pool p
refused "a name twice" 64 "--pool p: an option is not allowed, or the name is taken"
run a -- --pool p:order=key,dispatchers=16
refused "too many places" 64 "--pool p: a ring has 16 places"
run a -- --ring-size 2k
refused "a ring too small" 64 "cannot open a bus with these options"
run a --config "$dir/p.ini" -- --pool q
refused "not beside a configuration" 64 "--pool is not for --config"
printf '[pool.p]\nafter = q\n' >"$dir/q.ini"
run a --config "$dir/q.ini"
refused "a wrong configuration" 64 "q.ini:2: [pool.p] after: there is no pool 'q'"
run a --config "$dir/p.ini" -- --on 'a=count@q'
refused "no such pool of the configuration" 64 "--on: there is no pool 'q'"

# -- nobody there ------------------------------------------------------------------

run a
refused "no process" 69 "weir explain: no process of this user shows its counters"
run --pid 2147483646 a
refused "no such process" 69 "there is no such process"
run --file "$dir/nothing" a
refused "no file" 66 "nothing: No such file or directory"
run --file "$dir/p.ini" a
refused "another file" 65 "too short for a counters file"

# -- arguments of weir run -----------------------------------------------------------

set -- --pool first --pool left:after=first,dispatchers=2,order=key,wait=park \
	--pool right:after=first+default,batch=7 --pool last:after=left+right --pool side:behind=skip \
	--on '>=print@side' --on 'in.*=count@last' --on 'in.>=count@left' --on 'in.a=sleep:1us@left' \
	--on 'out.a=count' --on '*.a=fail:1' --on 'weir.>=count' --on 'weir.gap=count@side'
run in.a -- "$@"
check "arguments: exit status" exits 0
check "arguments: nothing on standard error" silent
cat >"$dir/wanted" <<'END'
in.a: 5 of 8 subscriptions get it
weir run with these options

default: 1 dispatcher, order=producer, behind=hold, wait=adaptive
    1  *.a   active
first: 1 dispatcher, order=producer, behind=hold, wait=adaptive
    -  nobody
  left (after first): 2 dispatchers, order=key, behind=hold, wait=park
      1  in.>  active
      2  in.a  active
  right (after default + first): 1 dispatcher, order=producer, behind=hold, wait=adaptive
      -  nobody
    last (after left + right): 1 dispatcher, order=producer, behind=hold, wait=adaptive
        1  in.*  active
side: 1 dispatcher, order=producer, behind=skip, wait=adaptive
    1  >     active

A pool that is after others gets the event once they are through with it;
all others run side by side.
One with behind=skip may miss it, if it is too far behind.
In a pool the handlers are called in this order, one after the other.
Handlers of --on get no replayed events.
END
sed 's/^\( *[0-9]  [^ ]*\)  *active$/\1 active/' "$dir/wanted" >"$dir/narrow"
sed 's/^\( *[0-9]  [^ ]*\)  *active$/\1 active/' "$dir/out" >"$dir/shown"
check "arguments: the text" same "$dir/narrow" "$dir/shown"
check "arguments: in columns" [ "$(grep ' active$' "$dir/out" | awk '{ print length($0) }' | sort -u | wc -l)" -eq 1 ]
check "arguments: no bus is left" [ -z "$(ls "$XDG_RUNTIME_DIR/weir")" ]
mkdir -m 700 "$dir/empty"
XDG_RUNTIME_DIR=$dir/empty run in.a -- "$@"
check "arguments: no counters file is made" [ -z "$(ls "$dir/empty")" ]
run --json in.a -- "$@"
get pools >"$dir/planned"
check "arguments: their number" is getting 5
check "arguments: the source" is source options
check "arguments: no bus" is bus null
check "arguments: no replayed events" is pools/0/handlers/0/replayed false
run weir.gap -- "$@"
check "a gap: exit status" exits 0
check "a gap: only who skips" shows '^weir.gap: 1 of 8 subscriptions gets it$'
check "a gap: not who never does" shows '^    -  weir\.>    active  its pool never skips$'
check "a gap: no other pools" sh -c "! grep -q '^first' '$dir/out'"
run weir.failed.deliver -- "$@"
check "a failure: who asked for the bus's own" shows '^weir.failed.deliver: 1 of 8 subscriptions gets it$'
run in.b.c.d -- --on 'in.b=count' --on 'out.>=count'
check "nobody: exit status" exits 1
check "nobody: told" shows '^in.b.c.d: nobody gets it: 2 subscriptions, none matches$'
check "nobody: who is near" shows '^  in\.b  in pool default$'
check "nobody: not who is far" sh -c "! grep -q 'out' '$dir/out'"
run weir.gap -- --on 'weir.gap=count'
check "no pool skips: exit status" exits 1
check "no pool skips: told" shows '^weir.gap: nobody gets it: 1 of 1 subscription matches, none takes it$'
run weir.gap -- --on '>=count'
check "weir. needs weir.: told" shows '^Only patterns that begin with "weir." match it.$'
run a -- "$dir/nothing"
check "a FILE is not opened" exits 0
run a -- --ring-size 2g --dispatchers 8 --wait spin
check "the bus is small" exits 0
check "on a terminal" sh -c \
	"'$pty_drive' '=a: 1 of 1 subscription gets it' -- '$weir' explain a -- --on 'a=count' >'$dir/out' 2>'$dir/err'"

# -- the same, running ---------------------------------------------------------------

begin plain 7 "$weir" run "$@"
until_true sh -c "test \"\$('$weir' explain --json in.a | '$json_get' subscriptions getting)\" = '8	5'"
run --json in.a
get pools >"$dir/running"
check "running: as its arguments say" same "$dir/planned" "$dir/running"
check "running: exit status" exits 0
check "running: the source" is source process
check "running: the process" is bus/pid "$pid"
check "running: no replayed events" is pools/0/handlers/0/replayed false
XDG_RUNTIME_DIR=$dir run --file "$file" in.a
check "running: its file" exits 0
run --pid "$pid" out.a
check "running: two" shows '^out.a: 3 of 8 subscriptions get it$'
kill -9 "$pid"
wait "$pid" 2>/dev/null
run in.a
refused "gone" 69 "no process of this user shows its counters; there are files of processes that are gone"
run --pid "$pid" in.a
refused "gone, by id" 69 "is gone; it wrote this"
run --dead --json in.a
check "gone, --dead: exit status" exits 0
check "gone, --dead: shown" is bus/state gone
rm "$file"

# -- a host ---------------------------------------------------------------------------

cat >"$dir/host.ini" <<END
[bus]
name = shop
[control]
socket = none
[pool.work]
after = journal
wait = park
dispatchers = 3
[pool.journal]
behind = hold
[pool.mail]
behind = skip
[plugin.files]
file = $dir/counter.so
pool = journal
pattern = in.>
[plugin.off]
file = $dir/counter.so
enabled = no
pattern = in.>
END
run --config "$dir/host.ini" in.a
check "configuration: nobody that is known" exits 1
check "configuration: told" shows '^in.a: nobody that is known here gets it: 0 subscriptions, none matches$'
check "configuration: its plugin" shows '^  files in pool journal$'
check "configuration: not one that is off" sh -c "! grep -q '^  off' '$dir/out'"
set -- --on 'in.*=count@work' --on 'in.slow=sleep:60s@journal' --on '*.a=count@mail'
run --config "$dir/host.ini" --json in.a -- "$@"
get pools >"$dir/planned"
check "configuration: exit status" exits 0
check "configuration: the source" is source config
check "configuration: who runs plugins" is plugins/0/pool journal
check "configuration: no other plugin" is plugins/1 -
run in.a -- --config "$dir/host.ini" "$@"
check "configuration: behind --" shows "^a host by $dir/host.ini\$"
check "configuration: no bus is left" [ -z "$(ls "$XDG_RUNTIME_DIR/weir")" ]
sed "s|^file = .*|file = /nowhere/at.so|; s|^socket = .*|socket = $dir/there.sock|" "$dir/host.ini" >"$dir/other.ini"
run --config "$dir/other.ini" in.a -- "$@"
check "configuration: no plugin is loaded" exits 0
check "configuration: no socket is made" [ ! -e "$dir/there.sock" ]

begin shop 8 "$weir" run --config "$dir/host.ini" "$@"
until_true sh -c "test \"\$('$weir' explain --json in.a | '$json_get' subscriptions getting)\" = '4	3'"
run --json in.a
check "host: its plugin" is pools/1/handlers/0/name "files: in.>"
check "host: the plugin's pattern" is pools/1/handlers/0/pattern "in.>"
get pools | sed 's/{"place":[0-9.]*,"name":"files: [^}]*}//' >"$dir/running"
check "host: otherwise as its configuration says" same "$dir/planned" "$dir/running"
echo '{"topic":"in.slow"}' >&8
until_true sh -c "'$weir' explain in.a | grep -q stuck:"
run in.a
check "stuck: who, and in what" shows '^  stuck: journal/0, in in\.slow for at least [0-9.]+ s$'
check "stuck: what waits behind it" sh -c "grep -A 1 '^  work (after journal): 3 dispatchers,' '$dir/out' | grep -q '^    waiting: 1\$'"
run --json in.a
check "stuck, --json" is pools/1/stuck/0/in in.slow
kill -STOP "$pid"
until_true sh -c "test \$(( \$(date +%s) - \$(stat -c %Y '$file') )) -ge 3"
run in.a
check "stopped: exit status" exits 0
check "stopped: told" says "it is stopped, or hangs"
check "stopped: shown" shows "^bus shop, pid $pid, stale\$"
kill -CONT "$pid"

# -- two of them ----------------------------------------------------------------------

begin other 9 "$weir" run --on '>=count'
run in.a
check "two: exit status" exits 69
check "two: both are named" [ "$(grep -c "$XDG_RUNTIME_DIR/weir/.*.weir" "$dir/err")" -eq 2 ]

echo "1..$count"
