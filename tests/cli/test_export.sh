#!/bin/sh
# SPDX-License-Identifier: MIT
# test_export.sh - `weir export` on buses that live, are full, stop and die, on files that are none, and
# over HTTP with clients that are good and bad; docs/metrics.md and the dashboard against it. TAP.
#
# usage: test_export.sh WEIR JSON_GET HTTP_TRY METRICS_CHECK DOCS http|none

set -u
weir=$1 json_get=$2 http_try=$3 metrics_check=$4 docs=$5 http=$6
dir=$(mktemp -d) || exit 99
trap 'kill -9 $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
command=export
. "$(dirname "$0")/tap.sh"

XDG_RUNTIME_DIR=$dir/runtime
export XDG_RUNTIME_DIR
mkdir -m 700 "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR/weir"

# keep NAME: the last output, for promtool in ./dev check.
keep() { [ -z "${WEIR_EXPORT_KEEP-}" ] || cp "$dir/out" "$WEIR_EXPORT_KEEP/$1"; }

until_true()
{
	tries=500
	until "$@" >/dev/null 2>&1 || [ $((tries -= 1)) -eq 0 ]; do sleep 0.02; done
}

# begin NAME FD ARGUMENT...: a host that reads from a pipe which stays open at FD; leaves $pid, $file.
begin()
{
	name=$1 fd=$2
	shift 2
	printf '[bus]\nname = %s\nring_size = 16k\n[control]\nsocket = none\n' "$name" >"$dir/$name.ini"
	mkfifo "$dir/$name.pipe"
	later "$name" "$weir" run --config "$dir/$name.ini" "$@" "$dir/$name.pipe"
	eval "pid=\$pid_$name; exec $fd<>\"\$dir/\$name.pipe\""
	file=$XDG_RUNTIME_DIR/weir/$name.$pid.1.weir
	until_true [ -s "$file" ]
}

# value SERIES: its value in the last output.
value() { sed -n "s/^$1 //p" "$dir/out"; }
has() { [ "$(value "$1")" = "$2" ]; }
one_of_each() { ! grep -v '^#' "$dir/out" | sed 's/ [^ ]*$//' | sort | uniq -d | grep . ; }
shows_soon() { "$weir" export | grep -q "$1"; }

# -- nothing, and wrong usage ------------------------------------------------------

run
keep nothing
check "nothing: exit status" exits 69
check "nothing: told" says "no process of this user shows its counters"
check "nothing: a text all the same" has weir_export_buses 0
for arguments in "0" "99999999999" "--handlers x" "--producers 4097" "--allow-remote" "--nothing"; do
	# shellcheck disable=SC2086 # words are meant
	run $arguments
	check "usage: $arguments" exits 64
	check "usage: $arguments: nothing printed" no_output
done

# A server of its own, where no crowd shortens what a client may take; looked at below.
if [ "$http" = http ]; then
	later quiet "$weir" export --listen 127.0.0.1:0
	until_true grep -q metrics "$dir/quiet.out"
	port=$(sed -n 's,^http://127.0.0.1:\([0-9]*\)/metrics$,\1,p' "$dir/quiet.out")
	later drip "$http_try" "$port" drip 15000
fi

# -- a bus that is full, and one at rest --------------------------------------------

begin full 7 --on 'in.>=sleep:1ms' --on 'in.bad=fail:2'
full=$pid full_file=$file
printf '{"topic":"in.bad"}\n' >"$dir/two"
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do cat "$dir/two" "$dir/two" >"$dir/four" && mv "$dir/four" "$dir/two"; done
cat "$dir/two" >&7 &
feeder=$!
begin rest 8 --on 'in.>=count'
rest=$pid
B='{bus="full",pid="'$full'"'
until_true shows_soon 'weir_ring_full_blame_seconds_total{'
run
keep busy
cp "$dir/out" "$dir/all"
check "two buses: exit status" exits 0
check "two buses: nothing on standard error" silent
check "two buses: both" has weir_export_buses 2
check "two buses: up" has "weir_bus_up$B}" 1
check "two buses: at rest" has "weir_bus_lost_events{bus=\"rest\",pid=\"$rest\"}" 0
check "no series twice" one_of_each
check "published" [ "$(value "weir_events_published_total$B,producer=\"#3\"}")" -gt 100 ]
check "invocations" [ "$(value "weir_handler_invocations_total$B,pool=\"default\",handler=\"in.bad\"}")" -gt 10 ]
check "failures" [ "$(value "weir_handler_failures_total$B,pool=\"default\",handler=\"in.bad\"}")" -gt 5 ]
check "the queue" [ "$(value "weir_queue_depth$B,pool=\"default\"}")" -gt 100 ]
check "blame" shows "^weir_ring_full_blame_seconds_total.bus=\"full\",pid=\"$full\",producer=\"#3\",pool=\"default\",handler=\"in.>\". [0-9]+\.[0-9]{9}$"
check "histograms" shows '^weir_handler_duration_seconds_bucket.*handler="in.>",le="0.002097152". [1-9]'
check "docs/metrics.md has what is printed" sh -c "'$metrics_check' names '$docs/metrics.md' <'$dir/all' 2>'$dir/err'"
check "the dashboard fits what is printed" sh -c "'$metrics_check' dashboard '$docs/grafana/weir.json' <'$dir/all' 2>'$dir/err'"
run --handlers 1 "$full"
check "by process: only that" has weir_export_buses 1
check "--handlers 1" shows 'handler="\(others\)"'
run "$full_file" "$rest"
check "by file and process" has weir_export_buses 2

# -- files that are none -----------------------------------------------------------

cp "$full_file" "$dir/whole"
head -c 5000 "$dir/whole" >"$dir/cut.77.1.weir"
run "$dir/cut.77.1.weir" "$rest"
check "cut off: exit status" exits 65
check "cut off: told" says "cut off"
check "cut off: not up" has 'weir_bus_up{bus="cut",pid="77"}' 0
check "cut off: no more of it" [ "$(grep -c 'bus="cut"' "$dir/out")" -eq 1 ]
check "cut off: the other is" has "weir_bus_up{bus=\"rest\",pid=\"$rest\"}" 1
{ head -c 8 "$dir/whole" && printf '\1' && tail -c +10 "$dir/whole"; } >"$dir/layout.weir"
run "$dir/layout.weir"
check "another layout: exit status" exits 65
check "another layout: not up" has 'weir_bus_up{bus="layout.weir",pid="0"}' 0
printf 'nothing' >"$dir/\"q\\.5.1.weir"
run "$dir/\"q\\.5.1.weir" "$dir/\"q\\.5.1.weir" "$dir/nowhere"
check "not a counters file: exit status of the first" exits 65
check "a name with quotes" shows '^weir_bus_up\{bus="\\"q\\\\",pid="5"\} 0$'
check "the same twice: other labels" shows '^weir_bus_up\{bus="\\"q\\\\#2",pid="5"\} 0$'
run "$dir/nowhere"
check "no file" exits 66
check "no file: not up" has 'weir_bus_up{bus="nowhere",pid="0"}' 0
run 2147483646
check "no process: exit status" exits 69
check "no process: not up" has 'weir_bus_up{bus="",pid="2147483646"}' 0

# -- HTTP --------------------------------------------------------------------------

# scrape: as run does.
scrape()
{
	"$http_try" "$port" send 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n' >"$dir/out" 2>"$dir/err"
	code=$?
}
answers() { "$http_try" "$port" send "$2" >"$dir/out" 2>"$dir/err"; head -n 1 "$dir/out" | grep -q " $1 "; }

if [ "$http" = http ]; then
	for arguments in "0.0.0.0:0" "[::]:0" "10.1.2.3:9464" "localhost" "x:1" "127.0.0.1:65536"; do
		run --listen "$arguments"
		check "usage: --listen $arguments" exits 64
	done
	later server "$weir" export --listen 127.0.0.1:0
	until_true grep -q metrics "$dir/server.out"
	port=$(sed -n 's,^http://127.0.0.1:\([0-9]*\)/metrics$,\1,p' "$dir/server.out")
	check "the port is printed" [ -n "$port" ]
	run --listen "127.0.0.1:$port"
	check "a port that is taken" exits 69
	check "a port that is taken: told" says "Address already in use"
	scrape
	check "GET /metrics" shows '^HTTP/1.1 200 OK'
	check "GET /metrics: type" shows '^Content-Type: text/plain; version=0.0.4; charset=utf-8'
	check "GET /metrics: up" has "weir_bus_up$B}" 1
	check "another path" answers 404 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
	check "another path, longer" answers 404 'GET /metrics/ HTTP/1.1\r\nHost: x\r\n\r\n'
	for method in POST PUT DELETE OPTIONS HEAD; do
		check "$method" answers 405 "$method /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	done
	check "a body is not waited for" answers 405 'POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n'
	check "no HTTP" sh -c "'$http_try' $port send 'x\\r\\n\\r\\n' >/dev/null; '$http_try' $port good 5000"
	later mute "$http_try" "$port" mute 3000
	check "1 MB of headers" "$http_try" "$port" big
	check "after it" "$http_try" "$port" good 5000
	check "clients that go at once" "$http_try" "$port" early 300
	check "after them" "$http_try" "$port" good 5000
	check "200 connections with half a request" "$http_try" "$port" crowd 200 5000
	check "400 connections with half a request" "$http_try" "$port" crowd 400 8000
	check "after all" "$http_try" "$port" good 5000
	descriptors() { find "/proc/$pid_server/fd" | wc -l; }
	check "no descriptor is left" [ "$(descriptors)" -lt 16 ]
fi

# -- one that stops, one that dies ---------------------------------------------------

kill -STOP "$rest"
until_true sh -c "test \$(( \$(date +%s) - \$(stat -c %Y '$XDG_RUNTIME_DIR/weir/rest.$rest.1.weir') )) -ge 3"
run
check "stopped: exit status" exits 1
check "stopped: told" says "it is stopped, or hangs"
check "stopped: not up" has "weir_bus_up{bus=\"rest\",pid=\"$rest\"}" 0
check "stopped: what it wrote last" has "weir_pool_dispatchers{bus=\"rest\",pid=\"$rest\",pool=\"default\"}" 1
kill -CONT "$rest"
kill "$feeder" 2>/dev/null
kill -9 "$full"
wait "$full" 2>/dev/null
run "$full"
check "killed: exit status" exits 69
check "killed: not up" has "weir_bus_up$B}" 0
check "killed: no more of it" [ "$(grep -c 'bus="full"' "$dir/out")" -eq 1 ]
run
check "killed, not asked for: exit status" exits 0
check "killed, not asked for: its file is counted" has weir_export_dead_files 1
check "killed, not asked for: the other" has weir_export_buses 1

if [ "$http" = http ]; then
	scrape
	check "HTTP: the one that was killed is gone" has weir_export_buses 1
	kill -TERM "$pid_server"
	reap server
	check "SIGTERM: exit status" exits 0
	check "SIGTERM: nothing on standard error" silent
	later server "$weir" export --listen 127.0.0.1:0 "$full"
	until_true grep -q metrics "$dir/server.out"
	port=$(sed -n 's,^http://127.0.0.1:\([0-9]*\)/metrics$,\1,p' "$dir/server.out")
	scrape
	check "HTTP: one that is gone" has "weir_bus_up$B}" 0
	kill -INT "$pid_server" # which a shell has its background ignore
	kill -TERM "$pid_server"
	reap server
	check "SIGTERM: nothing is said of what was shown" silent
fi
kill "$rest"
reap rest
if [ "$http" = http ]; then
	reap drip
	check "a client that drips bytes is ended" exits 0
	kill "$pid_quiet"
fi

echo "1..$count"
