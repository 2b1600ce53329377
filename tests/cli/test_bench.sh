#!/bin/sh
# SPDX-License-Identifier: MIT
# test_bench.sh - `weir bench` from outside: options, files, scenarios, what it prints and writes.
# TAP on stdout. The runs are short: what is tested is that the figures fit together.
#
# usage: test_bench.sh WEIR JSON_GET

set -u
weir=$1 json_get=$2
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
command=bench
. "$(dirname "$0")/tap.sh"

# quick ARGUMENT...: two runs of 20 ms as JSON.
quick() { run --duration 20ms --warmup 5ms --repeat 2 --no-yardstick --json "$@"; }

above() { awk -v a="$(get "$1")" -v b="$2" 'BEGIN { exit !(a > b) }'; }
rising() { get "$@" | tr '\t' '\n' | sort -gc 2>"$dir/sort"; }

# -- begun now and looked at below ---------------------------------------------

for signal in INT TERM; do
	later $signal env --default-signal=INT "$weir" bench --json --duration 100s --warmup 0 --no-yardstick
done
later handling env --default-signal=INT "$weir" bench --json --duration 100s --warmup 0 \
	--no-yardstick --on '>:sleep:1s'
later sleeping env --default-signal=INT "$weir" bench --json --duration 100s --warmup 0 \
	--no-yardstick --on '>:sleep=1s'

# busy NAME SIGNAL: when its producer and its dispatcher run (main, keeper, dispatcher, producer).
busy()
{
	eval "pid=\$pid_$1"
	tries=600
	while [ "$(ls "/proc/$pid/task" 2>/dev/null | wc -l)" -lt 4 ] && [ $((tries -= 1)) -gt 0 ]; do
		sleep 0.1
	done
	kill -s "$2" "$pid"
}
busy INT INT
busy TERM TERM
busy sleeping INT

# -- scenarios -------------------------------------------------------------------

run --list
check "--list: exit status" exits 0
"$weir" bench --list | sed -n 's/^\([^ ]*\): .*/\1/p' >"$dir/scenarios"
check "there are 11 scenarios" [ "$(wc -l <"$dir/scenarios")" -eq 11 ]

# Handler calls are a multiple of the events, less what a pool skipped.
calls_fit()
{
	for i in 0 1; do
		get runs/$i/events runs/$i/handler_calls runs/$i/pools/1/skipped_behind |
			awk -v times="$1" '{ exit !($1 > 0 && $2 == times * $1 - $3) }' || return 1
	done
}

# Each producer's events add up, and each pool saw all.
threads_fit()
{
	paths= i=0
	while [ $i -lt 70 ]; do
		paths="$paths runs/0/threads/$i/kind runs/0/threads/$i/events"
		i=$((i + 1))
	done
	# shellcheck disable=SC2086 # words
	sum=$(get $paths | tr '\t' '\n' | awk 'last == "producer" { sum += $1 } { last = $1 } END { print sum }')
	[ "$sum" -eq "$(get runs/0/events)" ] && is runs/0/pools/0/seen "$sum"
}

latency_fits()
{
	all=$(($(get runs/0/events) + $(get runs/1/events)))
	for kind in waiting handling total; do
		for name in p50 p90 p99 p99.9 p99.99 max count; do
			printf 'latency/0/%s/%s ' $kind $name
		done
	done >"$dir/paths"
	# shellcheck disable=SC2046 # words
	get $(cat "$dir/paths") | awk -v all=$all '{
		for (i = 1; i <= NF; i += 7) {
			for (k = i + 1; k < i + 6; k++)
				if ($k < $(k - 1))
					exit 1
			if ($(i + 6) != all)
				exit 1
		}
		exit !($1 > 0 && $1 <= $15)
	}'
}

while read -r scenario; do
	case $scenario in
	1p3c | pipeline | diamond) times=3 open= ;;
	fanout) times=10 open= ;;
	slow-pool) times=2 open=yes ;;
	burst | idle-wake) times=1 open=yes ;;
	*) times=1 open= ;;
	esac
	more=
	[ "$scenario" != many-topics ] || more='--topics 200000'
	# shellcheck disable=SC2086 # words
	run --scenario "$scenario" $more --duration 30ms --repeat 2 --warmup 5ms --no-yardstick --json
	check "$scenario: exit status" exits 0
	check "$scenario: nothing on standard error" silent
	check "$scenario: it is named" is parameters/scenario "$scenario"
	check "$scenario: lost" is lost 0
	check "$scenario: lost by run" [ "$(get runs/0/lost runs/1/lost runs/2/lost)" = "0	0	-" ]
	check "$scenario: nothing came wrong" [ "$(get runs/0/wrong runs/1/wrong)" = "0	0" ]
	check "$scenario: all calls" calls_fit $times
	check "$scenario: all threads" threads_fit
	check "$scenario: events a second" above events_per_second/median 0
	check "$scenario: the spread" rising events_per_second/min events_per_second/quartile_low \
		events_per_second/median events_per_second/quartile_high events_per_second/max
	if [ -n "$open" ]; then
		check "$scenario: percentiles" latency_fits
	else
		check "$scenario: no latency" is latency '[]'
	fi
done <"$dir/scenarios"

# -- the load ----------------------------------------------------------------------

quick --size 5,17,300 --topics 100 --hot '90%' --in-place
check "sizes: exit status" exits 0
# mean_is MEAN DEVIATION: of the payload; how many events there are is up to the machine.
mean_is()
{
	get runs/0/payload_bytes runs/0/events |
		awk -v m="$1" -v s="$2" '{ d = $1 / $2 - m; exit !(d * d * $2 <= 25 * s * s + 1e-6) }'
}
check "sizes: a list is taken in turn" mean_is 107.33333 137
quick --size 8..256
check "sizes: a range" mean_is 132 72
check "sizes: nothing came wrong" is lost 0
quick --size 0 --topics 1
check "sizes: nothing at all" is runs/0/payload_bytes 0
for commit in 1 3 256; do
	for size in 8 48 112 256 40; do
		quick --repeat 1 --commit $commit --size $size --in-place
		check "commit $commit, size $size" is lost 0
	done
done
for size in 8 48 112 256 40 0..100; do
	quick --repeat 1 --commit 300 --many --size $size
	check "many at once, size $size" is lost 0
	check "many at once, size $size: not in place" is parameters/in_place false
done
check "many at once: said so" is parameters/many true
quick --size 48 --repeat 1
check "copied, size 48: the bytes" mean_is 48 0

quick --pool 'keys:order=key,dispatchers=2' --on '>@keys' --producers 2 --commit 3
check "keys: exit status" exits 0
check "keys: there are some" is parameters/keys 1024
check "keys: nothing came wrong" is runs/0/wrong 0
quick --behind skip --cost 20us --ring-size 4k
check "skip: exit status" exits 0
check "skip: some were" above runs/0/pools/0/skipped_behind 0
check "skip: and the others handled" [ $(($(get runs/0/pools/0/skipped_behind) + $(get runs/0/handler_calls))) -eq "$(get runs/0/events)" ]
quick --cost 20us --ring-size 4k
check "cost: rings are full" above runs/0/full_count 0
check "cost: for a time" above runs/0/full_seconds 0
check "cost: an event takes so long" above event_ns/median 20000
quick --rate 2000 --on '>:sleep=200us'
check "sleep: handling takes so long" above latency/0/handling/p50 200000
check "sleep: and is most of the total" rising latency/0/handling/p50 latency/0/total/p50
quick --on 'bench.t000.update' --on 'bench.t001.*:times=2' --topics 4
part() { get runs/0/events runs/0/handler_calls | awk '{ d = $2 / $1 - 0.75; exit !(d * d < 0.0001) }'; }
check "patterns that match some" part

quick --rate 1000M
check "a rate that cannot be: it is said" is rate_reached false
# It was to be sent in the first millisecond, and a full ring is through in less.
check "a rate that cannot be: what is late has waited since its moment" above latency/0/waiting/p50 1000000
check "a rate that cannot be: exit status" exits 0
quick --rate 20k --burst 100 --producers 2
check "bursts: so many were meant" is runs/0/events_meant 400
check "bursts: lost" is lost 0

# -- INI files -----------------------------------------------------------------------

cat >"$dir/load.ini" <<'EOF'
# a comment
[load]
producers = 2
size = 8..64
rate = 20k ; another
[bus]
ring-size = 64k
[run]
duration = 20ms
warmup = 0
repeat = 1
[pool.default]
wait = yield
[pool.back]
after = default
dispatchers = 2
[on.first]
pattern = >
[on.second]
pattern = bench.>
pool = back
cost = 1us
times = 2
EOF
run --json --no-yardstick "$dir/load.ini"
check "INI: exit status" exits 0
check "INI: the load" [ "$(get parameters/producers parameters/rate parameters/ring_size parameters/repeat)" = "2	20000	65536	1" ]
check "INI: sizes" [ "$(get parameters/size/range parameters/size/bytes/0 parameters/size/bytes/1)" = "true	8	64" ]
check "INI: pools" [ "$(get parameters/pools/0/wait parameters/pools/1/pool parameters/pools/1/after/0 parameters/pools/1/dispatchers)" = "yield	back	default	2" ]
check "INI: subscriptions" [ "$(get parameters/on/0/pattern parameters/on/1/pattern parameters/on/1/pool parameters/on/1/cost_ns parameters/on/1/times parameters/on/2)" = ">	bench.>	back	1000	2	-" ]
check "INI: all calls" [ "$(get runs/0/handler_calls)" -eq $((3 * $(get runs/0/events))) ]
run --json --no-yardstick --scenario 3p1c "$dir/load.ini" --size 16 --on bench.t000.update
check "INI: options stand over it, it over a scenario" [ "$(get parameters/scenario parameters/producers parameters/size/bytes/0 parameters/on/0/pattern parameters/on/1)" = "3p1c	2	16	bench.t000.update	-" ]

# bad_ini NAME LINE MESSAGE TEXT
bad_ini()
{
	printf "$4" >"$dir/bad.ini"
	run "$dir/bad.ini"
	check "INI: $1: exit status is 64" exits 64
	check "INI: $1: file and line" says "$dir/bad.ini:$2: "
	check "INI: $1: what" says "$3"
	check "INI: $1: nothing is run" no_output
}
bad_ini value 3 "producers: 'many' is not a whole number" '[load]\n\nproducers = many\n'
bad_ini setting 2 'frob: there is no such setting' '[load]\nfrob = 1\n'
bad_ini section 2 'the section is not one of' '[lode]\nproducers = 1\n'
bad_ini line 2 'is neither [SECTION] nor NAME = VALUE' '[load]\nproducers\n'
bad_ini pool 2 "wait: adaptive, spin" '[pool.x]\nwait = soon\n'
bad_ini on 3 "cost: 'long' is not a time" '[on.x]\npattern = >\ncost = long\n'
bad_ini 'on without pattern' 2 'pattern must come first' '[on.x]\ncost = 1us\n'
run "$dir/none.ini"
check "INI: no such file: exit status is 66" exits 66

# -- usage -------------------------------------------------------------------------------

# usage MESSAGE ARGUMENT...
usage()
{
	message=$1
	shift
	run "$@"
	check "usage: $*: exit status is 64" exits 64
	check "usage: $*: $message" says "$message"
	check "usage: $*: nothing is run" no_output
}
usage "unrecognized option '--frob'" --frob
usage "--producers: '0' is not a whole number from 1 to 1000" --producers 0
usage "--rate: 'fast' is not a number of events" --rate fast
usage "--rate: '0' is not" --rate 0
usage "--size: '9..8' is not a size" --size 9..8
usage "--size: 'x' is not a size" --size x
usage "--duration: '0' is not a time" --duration 0
usage "--ring-size: '5000' is not a power of two" --ring-size 5000
usage "--hot: '101%' is not a share" --hot '101%'
usage "--wait: 'wait=now': wait: adaptive" --wait now
usage "--cpus: '0-x' is not a list of processors" --cpus 0-x
usage "--producer-cpus: '1000' names a processor that this process may not use" --producer-cpus 1000
usage "--pool: cpus: '999' names a processor" --pool 'x:cpus=999'
usage "--pool: ':wait=spin' is not NAME" --pool ':wait=spin'
usage "--pool x: it is after a pool that is not given before it" --pool x:after=y
usage "--pool x: an option is not allowed" --pool x:order=key,behind=skip
usage "--on: there is no --pool 'nobody'" --on '>@nobody'
usage "--on: pattern 'a..b': is not allowed" --on 'a..b'
usage "--on: 'frob' is not one of cost=TIME" --on '>:frob=1'
usage "--on: cost: 'x' is not a time" --on '>:cost=x'
usage "--scenario: there is no 'frob'" --scenario frob
usage "--burst needs --rate" --burst 10
usage "--commit with --rate" --rate 1k --commit 2
usage "--size with --rate" --rate 1k --size 4
usage "--many with --in-place" --many --in-place
usage "--many with --rate" --many --rate 1k
usage "--many with --keys" --many --keys 3
usage "--many with order=key" --many --order key
usage "--commit 8000 events of --size 48 do not fit into --ring-size" --many --commit 8000
usage "--hgrm needs --rate" --hgrm "$dir/x"
usage "a quarter of --ring-size" --ring-size 4k --size 2000
usage "more than one FILE" a b
reap handling
check "usage: sleep:1s: exit status is 64" exits 64
"$weir" bench --help >"$dir/out" 2>"$dir/err"
code=$?
check "--help: exit status is 0" exits 0
check "--help: names the program" shows '^Usage: weir bench '

# -- text ------------------------------------------------------------------------------------

# A dispatcher may not have begun when the first run does.
: >"$dir/seconds"
for i in 1 2 3 4 5; do
	"$weir" bench --json --duration 1ms --warmup 0 --repeat 1 --no-yardstick --producers 3 \
		--pool default:dispatchers=8 | grep -o '"cpu_seconds":[0-9.e+-]*' >>"$dir/seconds"
done
check "threads that begin late: processor time" sh -c \
	"[ -s '$dir/seconds' ] && awk -F : '\$2 + 0 > 10 { bad = 1 } END { exit bad }' '$dir/seconds'"

run --duration 20ms --warmup 0 --repeat 3
check "text: exit status" exits 0
check "text: nothing on standard error" silent
first_line() { [ "$(grep -nE "$1" "$dir/out" | head -n 1 | cut -d : -f 1)" -lt "$(grep -nE "$2" "$dir/out" | head -n 1 | cut -d : -f 1)" ]; }
check "text: parameters come first" first_line '^  producers ' '^  machine '
check "text: then the runs" first_line '^  machine ' '^  run '
check "text: three of them" [ "$(grep -cE '^ {2,8}[123] ' "$dir/out")" -eq 3 ]
check "text: it ends with the books" [ "$(tail -n 1 "$dir/out")" = '  lost 0' ]
check "text: at most 80 columns" [ "$(awk '{ if (length > m) m = length } END { print m }' "$dir/out")" -le 80 ]
check "text: a closed loop has no latency" shows 'no latency: in a closed loop'
if [ "$(nproc)" -gt 1 ]; then
	check "text: beside a yardstick" shows '^  x yardstick '
fi
run --rate 100M --duration 20ms --warmup 0 --repeat 1
check "text: a rate that cannot be" shows '^  Target rate not achieved: '
run --scenario slow-pool --duration 20ms --warmup 0 --repeat 1
check "text: slow-pool: at most 80 columns" [ "$(awk '{ if (length > m) m = length } END { print m }' "$dir/out")" -le 80 ]
taskset -c 0 "$weir" bench --duration 20ms --warmup 0 --repeat 1 >"$dir/out" 2>"$dir/err"
code=$?
check "one processor: exit status" exits 0
check "one processor: no yardstick, and it is said" shows 'no line time and no yardstick: they need two'
check "one processor: nobody spins" shows 'wait adaptive$'
if [ -w /dev/full ]; then
	"$weir" bench --duration 1ms --warmup 0 --repeat 1 --json --no-yardstick >/dev/full 2>"$dir/err"
	code=$?
	check "output that cannot be written: exit status is 1" exits 1
fi

# -- files for HdrHistogram's tools ---------------------------------------------------------------

run --json --rate 10k --duration 20ms --warmup 0 --repeat 2 --no-yardstick \
	--hgrm "$dir/hdr" --hlog "$dir/hdr.hlog"
check "files: exit status" exits 0
count_of() { sed -n 's/^#\[Max .*Total count *= *\([0-9]*\)\]$/\1/p' "$dir/hdr-1-$1.hgrm"; }
for kind in waiting handling total; do
	check "files: .hgrm of $kind has all" [ "$(count_of $kind)" = "$(get latency/0/$kind/count)" ]
done
check "files: an interval of each run and kind" [ "$(grep -c '^Tag=1-[a-z]*,[0-9.]*,[0-9.]*,[0-9.]*,HISTF' "$dir/hdr.hlog")" -eq 6 ]
run --rate 1k --duration 10ms --hlog "$dir/none/x"
check "files: one that cannot be written: exit status is 1" exits 1
check "files: and it is told" says "cannot write $dir/none/x"

# -- a page ------------------------------------------------------------------------------------------

# What is in the page is what --json prints; how it looks is told by tests/report.
page() { quick --repeat 1 --report "$dir/page.html" "$@"; }
data() { sed -n 's/.*<script type="application\/json" id="data">\(.*\)<\/script>$/\1/p' "$dir/page.html"; }
beside() { find "$dir" -name 'page.html*' | wc -l; }

page --on '>' --on 'bench.*.update:cost=1us'
check "page: exit status" exits 0
check "page: nothing on standard error" silent
check "page: it has what --json prints" sh -c "grep -qF '\"rate\":0,\"burst\":1' '$dir/page.html'"
data >"$dir/data"
check "page: as one JSON object" [ "$("$json_get" runs/0/events latency <"$dir/data")" = "$(get runs/0/events latency)" ]
check "page: no address to load from" sh -c "! grep -qE '(src|href)=\"?(https?:)?//' '$dir/page.html'"
check "page: it alone is there" [ "$(beside)" -eq 1 ]
check "page: JSON has kind and version" [ "$(get kind)" = bench ]
check "page: JSON has the command" is command \
	"weir bench --duration 20ms --warmup 5ms --repeat 2 --no-yardstick --json --repeat 1 --report $dir/page.html --on '>' --on 'bench.*.update:cost=1us'"
(umask 027 && "$weir" bench --duration 5ms --warmup 0 --repeat 1 --no-yardstick --report "$dir/mode.html" >"$dir/out" 2>"$dir/err")
check "page: its mode is that of any file" [ "$(stat -c %a "$dir/mode.html")" = 640 ]
"$json_get" command <"$dir/data" >"$dir/command"
PATH=${weir%/*}:$PATH sh -c "$(cat "$dir/command")" >"$dir/out" 2>"$dir/err"
code=$?
check "page: its command can be given to a shell" exits 0
check "page: and is the same again" [ "$(get command)" = "$(cat "$dir/command")" ]

# A way to the page that is a link stays one.
ln -s page.html "$dir/link.html"
quick --repeat 1 --report "$dir/link.html"
check "page: a link stays a link" [ -h "$dir/link.html" ]
check "page: and leads to the new one" sh -c "grep -qF link.html '$dir/page.html'"

# What is there stays until another is whole. 8 blocks are less than a page.
cp "$dir/page.html" "$dir/before"
(trap '' XFSZ && ulimit -f 8 && exec "$weir" bench --duration 5ms --warmup 0 --repeat 1 --no-yardstick \
	--report "$dir/page.html" >"$dir/out" 2>"$dir/err")
code=$?
check "page: no room for it: exit status" exits 1
check "page: no room for it: it is told" says "--report: cannot write $dir/page.html: File too large"
check "page: no room for it: the old one is there" cmp -s "$dir/before" "$dir/page.html"
check "page: no room for it: nothing else" [ "$(beside)" -eq 1 ]

# refused PATH WHY: in one line, and nothing was measured.
refused()
{
	"$weir" bench --duration 100s --report "$1" >"$dir/out" 2>"$dir/err"
	code=$?
	check "page: '$1': exit status" exits 1
	check "page: '$1': why" says "weir bench: --report: cannot write $1: $2"
	check "page: '$1': one line" [ "$(wc -l <"$dir/err")" -eq 1 ]
	check "page: '$1': nothing was begun" no_output
}
refused "$dir/none/x.html" 'No such file or directory'
refused "$dir/page.html/x.html" 'Not a directory'
refused "$dir" 'it is a directory'
refused /dev/null 'it is not a regular file'
check "page: /dev/null is what it was" [ -c /dev/null ]
refused "$dir/$(printf '%0300d' 0)" 'File name too long'
if [ "$(id -u)" != 0 ]; then
	mkdir -m 555 "$dir/closed"
	refused "$dir/closed/x.html" 'Permission denied'
fi

# -- signals -----------------------------------------------------------------------------------

for expected in INT:130:2 TERM:143:15; do
	signal=${expected%%:*} number=${expected##*:} expected=${expected%:*}
	reap $signal
	check "SIG$signal: exit status" exits "${expected#*:}"
	check "SIG$signal: what there is is shown" above runs/0/events 0
	check "SIG$signal: it was cut short" is runs/0/cut_short true
	check "SIG$signal: there is no second run" is runs/1 -
	check "SIG$signal: it is told" is signal $number
	check "SIG$signal: lost" is lost 0
done
reap sleeping
check "SIGINT with handlers that sleep: exit status" exits 130
check "SIGINT with handlers that sleep: lost" is lost 0

# -- a terminal -----------------------------------------------------------------------------------

if command -v script >/dev/null; then
	for kind in xterm dumb; do
		TERM=$kind script -qec "'$weir' bench --duration 300ms --warmup 0 --repeat 1 --no-yardstick" \
			/dev/null >"$dir/out" 2>"$dir/err" </dev/null
		[ $kind = xterm ] || break
		check "terminal: progress is drawn" shows 'run 1 of 1, publishing: '
	done
	check "dumb terminal: no progress" sh -c "! grep -q 'run 1 of 1' '$dir/out'"
else
	skip "terminal" "there is no script(1)"
fi

echo "1..$count"
