#!/bin/sh
# SPDX-License-Identifier: MIT
# test_replay.sh - `weir replay` from outside: what it takes and refuses, and how it ends. TAP on stdout.
#
# usage: test_replay.sh WEIR JSON_GET PTY_DRIVE JOURNAL_MAKE PLUGIN

set -u
weir=$1 json_get=$2 pty_drive=$3 make=$4 plugin=$5
dir=$(mktemp -d) || exit 99
host=
trap '[ -z "$host" ] || kill "$host"; rm -rf "$dir"' EXIT
command=replay
. "$(dirname "$0")/../cli/tap.sh"

# journal NAME EVENTS ARGUMENT...: in $dir/NAME.db; event N is row N + 1.
journal() { "$make" "$dir/$1.db" "$2" 64 ${3-} ${4-} >/dev/null || exit 99; }
sock=$dir/c.sock
here() { run --config "$dir/here.ini" "$@"; }
there() { run --socket "$sock" "$@"; }
row() { "$json_get" row <"$dir/$1"; }
absent() { [ ! -e "$dir/$1" ]; }

# host_begin SETTING...: one that runs; a handler prints what is replayed.
host_begin()
{
	printf '[control]\nsocket=%s\n' "$sock" >"$dir/there.ini"
	for setting; do echo "$setting"; done >>"$dir/there.ini"
	"$weir" run --config "$dir/there.ini" --replayed --on '>=print' "unix:$dir/in.sock" \
		>"$dir/seen" 2>"$dir/host.err" </dev/null &
	host=$!
	tries=200
	until [ -S "$sock" ] && [ -S "$dir/in.sock" ] || [ $((tries -= 1)) -eq 0 ]; do sleep 0.05; done
}

host_end()
{
	kill -s TERM "$host"
	wait "$host"
	code=$?
	host=
}
seen() { "$weir" pool list --socket "$sock" --json | "$json_get" pools/0/seen; }
host_saw() { [ "$(seen)" -eq "$1" ]; }

printf '[control]\nsocket=none\n' >"$dir/here.ini"
journal a 3000 1000000
journal b 3000 1000000 100000

# -- counting --------------------------------------------------------------------

run --dry-run "$dir/a.db"
check 'dry run' exits 0
check 'dry run: all' shows '^ +3,000  events would be published$'
check 'dry run: by topic' shows '^ +1,000  order.after.create$'
run --dry-run --json --topic 'user.>' "$dir/a.db"
check 'dry run --topic' is topics/user.after.create 1000
check 'dry run --topic: no other' is events 1000
run --dry-run --json --topic 'user.>' --topic '*.after.update' "$dir/b.db"
check 'dry run: two patterns, several files' is events 2000
# Event N is at 2023-11-14T22:13:20Z and N ms.
run --dry-run --json --from 2023-11-14T22:13:21Z --to 1700000002 "$dir/a.db"
check 'dry run --from --to, both included' is events 1001
check 'dry run: publishes nothing' is through 0
run --dry-run --position "$dir/none" "$dir/a.db"
check 'dry run: saves no position' absent none

# -- what is refused -------------------------------------------------------------

run
check 'no journal' exits 64
run --speed fast "$dir/a.db"
check 'a speed that is none' exits 64
run --speed 0 "$dir/a.db"
check 'speed 0' exits 64
run --batch 0 "$dir/a.db"
check 'batch 0' exits 64
run --pause-max 1s "$dir/a.db"
check '--pause-max without a pace' exits 64
run --config x --pid 1 "$dir/a.db"
check 'two hosts' exits 64
run "$dir/a.db" "$dir/b.db"
check 'two journals' exits 64
run --dry-run "$dir/nothing.db"
check 'no such journal' exits 66
check 'and which' says "$dir/nothing.db: there is no such journal"
there "$dir/a.db"
check 'no host' exits 69
run --config "$dir/nothing.ini" "$dir/a.db"
check 'no such configuration' exits 64

# -- in this process ------------------------------------------------------------------

here --json "$dir/a.db"
check 'here' exits 0
check 'here: all through all pools' is through 3000
check 'here: nothing lost' is lost 0
check 'here: to the end' is complete true
printf '[pool.journal]\n[plugin.audit]\nfile=%s\npool=journal\npath=%s\n' "$plugin" "$dir/again.db" >>"$dir/here.ini"
here "$dir/b.db"
check 'here, with a journal: nothing is recorded again' test \
	"$("$weir" journal export --topic 'order.>' --topic 'user.>' "$dir/again.db" | wc -l)" -eq 0

# -- the position -------------------------------------------------------------------

host_begin
there --json --position "$dir/p" --to 1700000001 "$dir/b.db"
check 'position: a part' is through 1000
check 'position: behind all rows, also those that did not fit' test "$(row p)" -eq 3002
there --position "$dir/p" "$dir/b.db"
check 'position: other --to' exits 65
check 'and that is said' says 'was saved with another --topic, --from or --to'
rm "$dir/p"
there --position "$dir/p" --json "$dir/b-000001.db"
check 'position: one file' is complete true
first=$(get through)
there --position "$dir/p" --json "$dir/b.db"
check 'position: the rest' test "$(get through)" -eq $((3000 - first))
check 'position: from the row behind' is first $((first + 2))
there --position "$dir/p" --json "$dir/b.db"
check 'position: nothing is left' is through 0
there --position "$dir/p" "$dir/a.db"
check 'position: another journal' exits 65
check 'and that is said' says 'is a position in another journal'
sed 's/"row": [0-9]*/"row": 3003/' "$dir/p" >"$dir/q"
there --position "$dir/q" "$dir/b.db"
check 'position: beyond the end' exits 65
check 'and that is said' says 'is behind row 3003, and the journal ends with row 3002'
sed 's/"row": [0-9]*/"row": 1500/' "$dir/p" >"$dir/q"
there --position "$dir/q" "$dir/b.db"
check 'position: not the row that it was' exits 65
for text in '' '[]' '{}' '{"position":2}' '{"position":1,"journal":"x","row":-1,"hash":""}'; do
	echo "$text" >"$dir/q"
	there --position "$dir/q" "$dir/b.db"
	check "position: what is none: '$text'" exits 65
done
before=$(seen)
there --position "$dir/no/such/p" "$dir/b.db"
check 'position: a folder that is not there' exits 65
check 'what was refused has published nothing' host_saw "$before"

# Rows up to the end of a file, then what comes next.
mkdir "$dir/old"
rm -f "$dir/p"
there --json --position "$dir/p" "$dir/b-000001.db"
mv "$dir/b-000001.db" "$dir/old"
there --json --position "$dir/p" "$dir/b.db"
check 'position: the file before was moved away' is complete true
mv "$dir/old/b-000001.db" "$dir/b-000001.db"
rm -f "$dir/p"
there --json --position "$dir/p" "$dir/b-000001.db"
mv "$dir/b-000001.db" "$dir/b-000002.db" "$dir/old"
there --position "$dir/p" "$dir/b.db"
check 'position: rows behind it were moved away' exits 1
check 'and which' says 'are in files that are not there'
there --position "$dir/p" --loose --json "$dir/b.db"
check 'position: --loose goes on behind them' is complete true
mv "$dir/old"/b-00000* "$dir"
host_end
check 'the host ends well' exits 0

# -- a host that runs -------------------------------------------------------------------

host_begin
there --json "$dir/a.db"
check 'there' is through 3000
check 'there: seen by a handler' host_saw 3000
journal slow 40 50000000
there --json --speed 10 "$dir/slow.db"
check 'a pace: 39 pauses of 50 ms, ten times as fast' test "$(get duration_ns)" -gt 190000000
TERM=xterm "$pty_drive" '= events, ' '= left' '!2' -- "$weir" replay --socket "$sock" --speed 0.001 --pause-max 1ms \
	"$dir/slow.db" >"$dir/out" 2>"$dir/err"
check 'on a terminal: how far it is, until a signal ends it' test $? -eq 130
later paced "$weir" replay --socket "$sock" --json --speed 0.1 --position "$dir/s" "$dir/slow.db"
tries=200
until [ -s "$dir/s" ] || [ $((tries -= 1)) -eq 0 ]; do sleep 0.05; done
there --position "$dir/s" "$dir/slow.db"
check 'position: in use' says 'another replay uses it'
kill -s TERM "$pid_paced"
reap paced
check 'a signal: its exit status' exits 143
check 'a signal: what was sent is through' test "$(get through)" -ge 1
check 'a signal: no more than that' is events "$(get through)"
check 'a signal: the position is behind it' test "$(row s)" -eq $(($(get through) + 1))
rest=$((40 - $(get through)))
there --json --position "$dir/s" "$dir/slow.db"
check 'and the rest another time' is through $rest
before=$(seen)
later orphan "$weir" replay --socket "$sock" --speed 0.001 "$dir/slow.db"
tries=200
until [ "$(seen)" -gt "$before" ] || [ $((tries -= 1)) -eq 0 ]; do sleep 0.05; done
host_end
check 'a handler got them with key, time and trace' grep -qaE \
	'"order.after.create","time":"2023-11-14T22:13:20.003000000Z","key":[0-9]+,"traceparent":"00-0303' "$dir/seen"
reap orphan
check 'the host has gone' exits 69
check 'and that is said' says 'the host: it has closed the connection'

host_begin '[bus]' 'ring_size=4k'
"$make" "$dir/wide.db" 10 2000 >/dev/null
there "$dir/wide.db"
check 'larger than this host takes' exits 1
check 'and how large that is' says 'this host takes at most 1080 (a quarter of its ring_size)'
host_end

# -- damage -----------------------------------------------------------------------------

cp "$dir/b-000002.db" "$dir/whole"
printf 'XXXX' | dd of="$dir/b-000002.db" bs=1 seek=100000 conv=notrunc 2>/dev/null
here --position "$dir/d" --json "$dir/b.db"
check 'damage: its exit status' exits 1
check 'damage: where' says 'b-000002.db: row'
check 'damage: it stops before it' says 'stopped before what is damaged'
stopped=$(get last)
check 'damage: nothing behind it' test "$(get through)" -eq $((stopped - 1))
check 'damage: the position is before it' test "$(row d)" -eq "$stopped"
here --position "$dir/d" --json --loose "$dir/b.db"
check 'damage: --loose goes on' is complete true
check 'damage: all but what is damaged' test "$(get through)" -gt $((2900 - stopped))
check 'damage: --loose says it, too' exits 1
cp "$dir/whole" "$dir/b-000002.db"

echo "1..$count"
