#!/bin/sh
# SPDX-License-Identifier: MIT
# test_run.sh - `weir run` from outside: what it prints, counts and exits with. TAP on stdout.
#
# usage: test_run.sh WEIR JSON_GET SAMPLE

set -u
weir=$1 json_get=$2 sample=$3
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
command=run
. "$(dirname "$0")/tap.sh"

# run_on TEXT ARGUMENT...: the same with TEXT (printf's escapes) as standard input.
run_on()
{
	text=$1
	shift
	printf '%b' "$text" >"$dir/in"
	"$weir" run "$@" >"$dir/out" 2>"$dir/err" <"$dir/in"
	code=$?
}

# -- begun now and looked at below ---------------------------------------------

# What a print handler wrote is before the report.
reap_report()
{
	reap "$1"
	tail -n 1 "$dir/out" >"$dir/last"
	mv "$dir/last" "$dir/out"
}

# In the background sh lets SIGINT be ignored, which is to be respected.
run_ignoring()
{
	{ echo '{"topic":"a"}'; sleep 2; } >"$dir/ignored.pipe" &
	"$weir" run --json "$dir/ignored.pipe" &
	pid=$!
	sleep 1
	kill -s INT $pid
	wait $pid
}

mkfifo "$dir/reading.pipe" "$dir/ignored.pipe"
# And here it is not ignored.
for signal in INT TERM; do
	later publishing_$signal env --default-signal=INT "$weir" run --json --repeat 1000 \
		--on '>=sleep:100us' --on '>=print' "$sample"
done
head -n 25 "$sample" >"$dir/few"
later stuck env --default-signal=INT "$weir" run --json --on '>=print' --on '>=sleep:20s' "$dir/few"
{ echo '{"topic":"a"}'; sleep 5; } >"$dir/reading.pipe" &
later reading env --default-signal=INT \
	timeout --preserve-status -s INT 3 "$weir" run --json "$dir/reading.pipe"
later ignored run_ignoring
if command -v script >/dev/null; then
	for kind in xterm dumb; do
		later "terminal_$kind" env TERM=$kind \
			script -qec "'$weir' run --on '>=sleep:200us' '$sample'" /dev/null
	done
fi

signal stuck TERM
signal publishing_INT INT
signal publishing_TERM TERM

# -- the sample ----------------------------------------------------------------

lines=$(wc -l <"$sample")
run "$sample"
check "the sample is dispatched" exits 0
check "nothing on standard error" silent
check "the table ends with the books" shows '^  0 bad lines, lost 0$'
check "one subscription, all ok" shows '^ +3,294 +3,294 +0 +0  > +count$'
check "the topics, most frequent first" shows '^ +1,598 +48.5 %  file.after.update$'

run --json "$sample"
check "--json: exit status" exits 0
check "--json: one line" [ "$(wc -l <"$dir/out")" -eq 1 ]
check "--json: lines" is read/lines "$lines"
check "--json: bytes" is read/bytes "$(wc -c <"$sample")"
check "--json: events" is dispatch/events "$lines"
check "--json: due" is subscriptions/0/due "$lines"
check "--json: ok" is subscriptions/0/ok "$lines"
check "--json: lost" is lost 0
check "--json: first topic" is topics/0/topic file.after.update
check "--json: its events" is topics/0/events "$(grep -c '"file.after.update"' "$sample")"
check "--json: no fifth topic" is topics/4 -

run --json --repeat 7 --producers 3 --dispatchers 2 "$sample"
check "repeat, producers, dispatchers: events" is dispatch/events $((7 * lines))
check "repeat, producers, dispatchers: ok" is subscriptions/0/ok $((7 * lines))
check "repeat, producers, dispatchers: lost" is lost 0

for wait in adaptive spin park; do
	run --json --wait $wait --batch 16 --ring-size 4k --repeat 3 "$sample"
	check "--wait $wait: ok" is subscriptions/0/ok $((3 * lines))
	check "--wait $wait: lost" is lost 0
done

# -- handlers ------------------------------------------------------------------

run --json --on 'file.after.*=count' --on 'file.>=count' --on 'commit.after.create=fail:5' "$sample"
check "handlers: exit status is 0 though events failed" exits 0
check "handlers: by pattern *" is subscriptions/0/due "$(grep -c '"file.after' "$sample")"
check "handlers: by pattern >" is subscriptions/1/due "$(grep -c '"file.after' "$sample")"
check "handlers: by name" is subscriptions/2/due "$(grep -c '"commit.after.create"' "$sample")"
check "handlers: each fifth failed" is subscriptions/2/failed $(($(grep -c '"commit.after.create"' "$sample") / 5))
check "handlers: failures by code" is subscriptions/2/failures/0/code 1
check "handlers: lost" is lost 0

run --on 'file.after.delete=print' "$sample"
deletes=$(grep -c '"file.after.delete"' "$sample")
check "print: a line for each event" [ "$(wc -l <"$dir/out")" -eq "$deletes" ]
check "print: the table is on standard error" says "lost 0"
get topic data/repo data/path data/commit >"$dir/printed"
grep '"file.after.delete"' "$sample" >"$dir/out"
get topic data/repo data/path data/commit >"$dir/expected"
check "print: the same events in the same order" cmp -s "$dir/printed" "$dir/expected"

run_on '{"topic":"a.b","time":"2009-02-06T01:06:44.5+01:00","key":18446744073709551615,"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":{ "x" : 0.1 }}' --on '>=print' -
printf '%s\n' '{"topic":"a.b","time":"2009-02-06T00:06:44.500000000Z","key":18446744073709551615,"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":{"x":0.1},"source":N,"sequence":1}' >"$dir/expected"
same_event() { sed 's/"source":[0-9]*/"source":N/' "$dir/out" | cmp -s - "$dir/expected"; }
check "print: every part arrives as it was written" same_event
cp "$dir/out" "$dir/in"
"$weir" run --on '>=print' - <"$dir/in" >"$dir/out" 2>"$dir/err"
check "print: its output can be read again" same_event

run --json --on '>=print' --producers 3 --dispatchers 2 --repeat 3 "$sample"
head -n -1 "$dir/out" >"$dir/printed"
check "print and --json: the report is the last line" [ "$(tail -n 1 "$dir/out" | "$json_get" lost)" = 0 ]
check "print from several threads: whole lines" [ "$("$json_get" topic <"$dir/printed" | grep -c '^[a-z]*\.after\.[a-z]*$')" -eq $((3 * lines)) ]
"$json_get" source sequence <"$dir/printed" >"$dir/sequences"
check "one source for each producer" [ "$(cut -f 1 "$dir/sequences" | sort -u | wc -l)" -eq 3 ]
in_order() { awk '$2 != last[$1] + 1 { exit 1 } { last[$1] = $2 }' "$dir/sequences"; }
check "each source in order, without a gap" in_order
key_in_one_place()
{
	sed 's/.*"key":\([0-9]*\).*"source":\([0-9]*\).*/\1 \2/' "$dir/printed" | sort -u >"$dir/pairs"
	[ "$(wc -l <"$dir/pairs")" -eq "$(cut -d ' ' -f 1 "$dir/pairs" | sort -u | wc -l)" ]
}
check "a key is always published by the same producer" key_in_one_place

run_on '{"topic":"a"}\n{"topic":"a"}\n{"topic":"a"}\n{"topic":"a"}\n' --on '>=print' --producers 2 -
check "without keys the producers take turns" [ "$(get source | sort | uniq -c | awk '{ printf "%s ", $1 }')" = "2 2 " ]

run_on '{"topic":"a"}\n{"topic":"b"}\n' --on 'a=count'
check "what nobody wants is told" shows '^ +1 matched no pattern$'

i=0
while [ $i -lt 25 ]; do
	printf '{"topic":"t%d"}\n' $i
	i=$((i + 1))
done >"$dir/many"
run "$dir/many"
check "20 topics are shown" [ "$(grep -c '4.0 %  t[0-9]*$' "$dir/out")" -eq 20 ]
check "the others are counted" shows '^ +5 +20.0 %  in 5 more topics'
run --all "$dir/many"
check "--all shows all" [ "$(grep -c '4.0 %  t[0-9]*$' "$dir/out")" -eq 25 ]

# -- a full ring ---------------------------------------------------------------

run --json --ring-size 4k --on '>=sleep:20us' --producers 2 "$sample"
check "a full ring: producers wait" [ "$(get dispatch/full_waits)" -gt 0 ]
check "a full ring: for a time" [ "$(get dispatch/full_wait_seconds)" != 0 ]
check "a full ring: all arrives" is subscriptions/0/ok "$lines"
check "a full ring: lost" is lost 0

# -- bad lines -----------------------------------------------------------------

long=$(printf '%0300d' 0)
run_on '\0357\0273\0277{"topic":"a"}\r
\n  \t
{"topic":"a","data":
[]
{"topic":"a b"}
{"topic":"a..b"}
{"topic":"weir.x"}
{"topic":"*"}
{"topic":"'"$long"'"}
{"topic":""}
{"topic":"a","topic":"b"}
{"topic":"a\0000b"}
{"topic":"\0377"}
{"topic":"a\\u0000"}
{"topic":"a","key":-1}
{"topic":"a","time":"noon"}
{"topic":"a","traceparent":"00-00000000000000000000000000000000-b7ad6b7169203331-01"}
{"topic":"a","other":{}}
\0033[31mred
{"topic":"a\\nb"}
{"topic":"a"}' --json
check "bad lines: exit status is 0" exits 0
check "bad lines: counted" is read/bad 17
check "bad lines: empty ones are not bad" is read/empty 2
check "bad lines: the others went on" is dispatch/events 3
check "bad lines: each is counted once" is read/lines 22
check "bad lines: lost" is lost 0
bad() { check "bad line $1: $2" grep -q "^weir run: standard input: line $1: .*$2" "$dir/err"; }
bad 4 'not JSON'
bad 5 'not a JSON object'
bad 6 'topic "a b" is not allowed'
bad 7 'topic "a..b" is not allowed'
bad 8 'topic "weir.x" is not allowed'
bad 9 'topic "\*" is not allowed'
bad 10 'at most 255 bytes'
bad 11 'topic "" is not allowed'
bad 12 'duplicate'
bad 13 'NUL byte at column 12'
bad 14 'decode'
bad 15 'NUL'
bad 16 '"key"'
bad 17 '"time"'
bad 18 '"traceparent"'
bad 20 'not JSON'
bad 21 'topic "a?b" is not allowed'
check "bad lines: 17 messages, nothing else" [ "$(wc -l <"$dir/err")" -eq 17 ]
control_free() { ! LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177-\377]')" "$dir/err"; }
check "bad lines: no control bytes in the messages" control_free

i=0
while [ $i -lt 30 ]; do
	echo x
	i=$((i + 1))
done >"$dir/bad"
echo '{"topic":"a"}' >>"$dir/bad"
run --json "$dir/bad"
check "many bad lines: 20 are shown" [ "$(grep -c ': line ' "$dir/err")" -eq 20 ]
check "many bad lines: and the rest is mentioned once" [ "$(grep -c 'only counted' "$dir/err")" -eq 1 ]
check "many bad lines: all are counted" is read/bad 30
run_on 'x\ny\n'
check "only bad lines: exit status is 1" exits 1
check "only bad lines: the table says it" shows '2 bad lines'
run_on ''
check "no lines: exit status is 0" exits 0
check "no lines: lost 0" shows '0 bad lines, lost 0'

run_on '{"topic":"a"}\nx\ny\n' --strict --on '>=print'
check "--strict: exit status is 1" exits 1
check "--strict: the first bad line is told" says 'line 2: '
check "--strict: and no other" [ "$(grep -c ': line ' "$dir/err")" -eq 1 ]
check "--strict: nothing was published" no_output
run --strict "$sample"
check "--strict: a good file is dispatched" exits 0

run_on '{"topic":"a"}\n{"topic":"a","data":"'"$long"'"}\n{"topic":"a"}' --json --max-line 100
check "--max-line: told by number" says 'line 2: longer than 100 bytes'
check "--max-line: the others went on" is dispatch/events 2
{ printf '{"topic":"a","data":"'; head -c 3000000 /dev/zero | tr '\0' x; printf '"}\n{"topic":"a"}\n'; } >"$dir/long"
run --json "$dir/long"
check "a payload too big for the ring: told" says 'line 1: "data" has 3000002 bytes'
check "a payload too big for the ring: the others went on" is dispatch/events 1
run --json --ring-size 16m "$dir/long"
check "a larger ring takes it" is dispatch/events 2
check "a larger ring takes all of it" is dispatch/payload_bytes 3000002

# -- usage and files -----------------------------------------------------------

usage()
{
	name=$1
	message=$2
	shift 2
	run "$@"
	check "usage: $name: exit status is 64" exits 64
	check "usage: $name: says so" says "$message"
	check "usage: $name: nothing on standard output" no_output
}
usage 'unknown option' "unrecognized option '--frob'" --frob "$sample"
usage 'handler' "is not one of count, print" --on '>=frob' "$sample"
usage 'handler without pattern' 'must be PATTERN=HANDLER' --on '=count' "$sample"
usage 'pattern without handler' 'must be PATTERN=HANDLER' --on 'a.b' "$sample"
usage 'pattern' "pattern 'a..b'" --on 'a..b=count' "$sample"
usage 'sleep' 'sleep: takes' --on '>=sleep:soon' "$sample"
usage 'fail' 'fail: takes' --on '>=fail:0' "$sample"
usage 'producers' '--producers' --producers 0 "$sample"
usage 'repeat' '--repeat' --repeat -1 "$sample"
usage 'wait' '--wait' --wait now "$sample"
usage 'ring size' '--ring-size' --ring-size 5000 "$sample"
usage 'two files' 'more than one FILE' "$sample" "$sample"

run "$dir/none"
check "no such file: exit status is 66" exits 66
check "no such file: told by name" says "cannot open $dir/none: No such file"
run "$dir"
check "a directory: exit status is 66" exits 66
run_on '{"topic":"a"}' --json -
check "- is standard input" is dispatch/events 1
run_on '{"topic":"a"}' --json
check "no FILE is standard input" is dispatch/events 1

"$weir" >"$dir/out" 2>"$dir/err"
code=$?
check "no command: exit status is 64" exits 64
"$weir" frob >"$dir/out" 2>"$dir/err"
code=$?
check "unknown command: exit status is 64" exits 64
check "unknown command: told" says "no command 'frob'"
"$weir" --help >"$dir/out" 2>"$dir/err"
code=$?
check "--help: exit status is 0" exits 0
check "--help: lists the commands" shows '^  run '
"$weir" run --help >"$dir/out" 2>"$dir/err"
code=$?
check "run --help: exit status is 0" exits 0
check "run --help: names the program" shows '^Usage: weir run '
"$weir" help run >"$dir/expected" 2>"$dir/err"
check "help run: the same" cmp -s "$dir/out" "$dir/expected"
"$weir" version >"$dir/out" 2>"$dir/err"
check "version" shows '^weir [0-9]'

if [ -w /dev/full ]; then
	"$weir" run --on '>=print' "$sample" >/dev/full 2>"$dir/err"
	code=$?
	check "output that cannot be written: exit status is 1" exits 1
	check "output that cannot be written: told" says 'cannot write to standard output'
fi

# -- signals -------------------------------------------------------------------

# Those that mostly wait were begun at the top.
balanced() { [ "$(get subscriptions/0/ok)" = "$(get dispatch/events)" ]; }
for expected in INT:130 TERM:143; do
	signal=${expected%:*}
	reap_report "publishing_$signal"
	check "SIG$signal while publishing: exit status" exits ${expected#*:}
	check "SIG$signal while publishing: not all was published" [ "$(get dispatch/events)" -lt $((1000 * lines)) ]
	check "SIG$signal while publishing: some was" [ "$(get dispatch/events)" -gt 0 ]
	check "SIG$signal while publishing: what was is delivered" balanced
	check "SIG$signal while publishing: lost" is lost 0
done

reap reading
check "SIGINT while reading: exit status" exits 130
check "SIGINT while reading: what was read is told" is read/events 1
check "SIGINT while reading: nothing was published" is dispatch/events 0

reap ignored
check "SIGINT that is ignored: exit status" exits 0
check "SIGINT that is ignored: all was dispatched" is dispatch/events 1

# -- pools -----------------------------------------------------------------------

run --json --pool journal:wait=yield --pool back:after=journal+default,dispatchers=2 \
	--pool slow:wait=poll,sleep=1ms --on '>=count@journal' --on 'file.>=fail:2@back' \
	--on '>=count@slow' --on '>=count' "$sample"
check "pools: exit status" exits 0
check "pools: lost" is lost 0
check "pools: the first handler's" is subscriptions/0/pool journal
check "pools: each is due all" is subscriptions/0/ok "$lines"
check "pools: behind two others" is subscriptions/1/due "$(grep -c '"file.after' "$sample")"
check "pools: failures stay there" is subscriptions/1/failed $(($(grep -c '"file.after' "$sample") / 2))
check "pools: one that polls" is subscriptions/2/ok "$lines"
check "pools: the default one" is subscriptions/3/pool default

run --json --pool keys:order=key,dispatchers=3 --producers 2 --repeat 3 --on '>=print@keys' "$sample"
sed '$d' "$dir/out" | "$json_get" key sequence >"$dir/sequences"
keys_in_order() { awk '$2 <= last[$1] { exit 1 } { last[$1] = $2 }' "$dir/sequences"; }
check "order=key: all arrive" [ "$(wc -l <"$dir/sequences")" -eq $((3 * lines)) ]
check "order=key: each key's in order" keys_in_order
tail -n 1 "$dir/out" >"$dir/report"
mv "$dir/report" "$dir/out"
check "order=key: lost" is lost 0
check "pools: their names" is pools/1/pool keys
check "pools: what each has seen" is pools/1/seen $((3 * lines))
check "pools: and their sum" is pool/seen $((6 * lines))

skipping="--ring-size 4k --pool tail:behind=skip --on >=sleep:20us@tail --on weir.gap=count@tail"
# shellcheck disable=SC2086 # words
run --json --repeat 3 $skipping "$sample"
check "behind=skip: some were skipped" [ "$(get pools/1/skipped_behind)" -gt 0 ]
check "behind=skip: and the others were handled" [ $(($(get pools/1/skipped_behind) + $(get subscriptions/0/ok))) -eq $((3 * lines)) ]
check "behind=skip: it was told" [ "$(get subscriptions/1/ok)" -gt 0 ]
check "behind=skip: the default pool skips nothing" is pools/0/skipped_behind 0
check "behind=skip: lost" is lost 0
# shellcheck disable=SC2086 # words
run --repeat 3 $skipping "$sample"
check "behind=skip: the table says how many" shows '^ +9,882 +[1-9][0-9,]* +0 +[1-9][0-9,]*  tail$'
run "$sample"
check "pools: no table of the default one alone" sh -c "! grep -q unrouted '$dir/out'"

for bad in x:after=y default : x:order=other x:order=key,dispatchers=17 x:order=key,behind=skip x:behind=jump x:foo=1 x:wait=z x:dispatchers=0 x:after=; do
	run --pool "$bad" "$sample"
	check "pools: $bad: exit status is 64" exits 64
	check "pools: $bad: named" says "--pool"
	check "pools: $bad: nothing is run" no_output
done
run --on '>=count@nobody' "$sample"
check "pools: a handler without one: exit status is 64" exits 64
check "pools: a handler without one: named" says "'nobody'"

# -- a terminal ----------------------------------------------------------------

if command -v script >/dev/null; then
	TERM=xterm script -qec "'$weir' run" /dev/null >"$dir/out" 2>"$dir/err" </dev/null
	code=$?
	check "terminal without FILE: exit status is 64" exits 64
	check "terminal without FILE: a short help" shows 'Usage: weir run'
	reap terminal_xterm
	check "terminal: progress is drawn" shows 'dispatching [0-9,]* of 3,294 events'
	check "terminal: and taken away" shows "$(printf '\r\033\\[K')"
	reap terminal_dumb
	check "dumb terminal: no progress" sh -c "! grep -q dispatching '$dir/out'"
else
	skip "terminal" "there is no script(1)"
fi

# -- a handler that does not come back -----------------------------------------

reap_report stuck
check "a handler that does not come back: exit status" exits 143
check "a handler that does not come back: what is missing is told" [ "$(get in_flight)" -gt 0 ]
check "a handler that does not come back: lost is not claimed" is lost null

echo "1..$count"
