#!/bin/sh
# SPDX-License-Identifier: MIT
# test_tune.sh - `weir tune` from outside: options, files, processes, what it prints. TAP on stdout.
# The searches are short: what is tested is that what they print fits together.
#
# usage: test_tune.sh WEIR JSON_GET PTY_DRIVE SAMPLE INCLUDE COMPILER...

set -u
weir=$1 json_get=$2 pty_drive=$3 sample=$4 include=$5
shift 5
compiler=$*
dir=$(mktemp -d) || exit 99
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
command=tune
. "$(dirname "$0")/tap.sh"

XDG_RUNTIME_DIR=$dir/runtime
export XDG_RUNTIME_DIR
mkdir -m 700 "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR/weir"

# quick ARGUMENT...: a second and a half, in trials of 5 ms, as JSON.
quick() { run --budget 1500ms --trial 5ms --json "$@"; }
few='--vary wait=adaptive,park --vary batch=64,1024 --fix cpus --fix ring-size --fix spin --fix sleep'

above() { awk -v a="$(get "$1")" -v b="$2" 'BEGIN { exit !(a > b) }'; }
below() { awk -v a="$(get "$1")" -v b="$2" 'BEGIN { exit !(a < b) }'; }
# varied NAME...: these are, and nothing else.
varied() { [ "$(grep -o '"varied":.*"trials"' "$dir/out" | grep -o '"name":"[^"]*"' | cut -d'"' -f4 | tr '\n' ' ')" = "$* " ]; }

# -- begun now and looked at below -------------------------------------------------------

for signal in INT TERM; do
	later $signal env --default-signal=INT "$weir" tune --budget 100s --trial 5ms --json
done

# -- what is wrong -----------------------------------------------------------------------

# refused CODE TEXT ARGUMENT...: before anything is measured, and nothing is written.
refused()
{
	wanted=$1 text=$2
	shift 2
	run "$@"
	check "refused: $*" exits "$wanted"
	check "refused: $*: told" says "$text"
	check "refused: $*: nothing else" no_output
}

refused 64 "'fast' is not throughput, latency or cpu" --goal fast
refused 64 'needs --rate' --goal latency
refused 64 'needs --rate' --goal cpu
refused 64 'of a closed loop' --goal throughput --rate 1k
refused 64 'of a closed loop' --goal throughput --scenario burst
refused 64 '--p99-max is for --goal cpu' --p99-max 1ms
refused 64 '--p99-max is for --goal cpu' --p99-max 1ms --rate 1k
refused 64 'each event is committed at its moment' --rate 1k --commit-max 4
refused 64 'each event is committed at its moment' --rate 1k --vary commit=1,2
refused 64 '--many with order=key' --many --vary order=producer,key
refused 64 'the load has 4 events a commit' --commit 4 --commit-max 2
for value in 10ms x 2d -1s ''; do
	refused 64 "--budget: '$value'" --budget "$value"
done
refused 64 "--trial: '0'" --trial 0
refused 64 "--seed: '0'" --seed 0
refused 64 "--repeat: '0'" --repeat 0
refused 64 '--repeat: at most 200' --repeat 300
refused 64 "--commit-max: 'x'" --commit-max x
refused 64 '--vary speed=1: there is no such setting' --vary speed=1
refused 64 '--fix speed: there is no such setting' --fix speed
refused 64 '--vary other.wait=spin: there is no such setting' --vary other.wait=spin
refused 64 '--vary wait: which values?' --vary wait
refused 64 'a list of values' --vary wait=
refused 64 'a list of values' --vary wait=spin,
refused 64 'wait: adaptive, spin, yield, poll or park' --vary wait=spin,sleep
refused 64 'not a power of two' --vary ring-size=5k
refused 64 'is not a list of processors' --vary cpus=x
refused 64 'batch: a whole number' --vary batch=0,1
refused 64 'at most 16 values' --vary batch=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17
refused 64 'nothing is left to vary' --fix wait --fix cpus --fix batch --fix ring-size --fix spin --fix sleep
refused 64 'nothing is left to vary' --vary wait=park --vary batch=7 --fix cpus --fix ring-size
refused 64 'more than 20,000 settings' --exhaustive --vary 'batch=1,2,3,4,5,6,7,8,9,10,11,12' \
	--vary commit=1,2,3,4,5,6,7,8,9,10,11,12 --vary ring-size=4k,8k,16k,32k,64k,128k,256k,512k,1m,2m,4m,8m \
	--vary spin=1us,2us,3us,4us,5us,6us,7us,8us,9us,10us,11us,12us
refused 64 '--save-load is for the load of --from' --save-load "$dir/saved"
check "--save-load: nothing is written" [ ! -e "$dir/saved" ]
refused 64 '--from is a load of its own, beside --scenario' --from 1 --scenario 1p1c
refused 64 '--from is a load of its own, beside a FILE' --from 1 "$dir/none.ini"
refused 64 "there is no 'nothing'" --scenario nothing
refused 64 'no INI file can have that name' --pool 'a]b'
refused 64 "there is no --pool 'other'" --on '>@other'
refused 66 "$dir/none.ini" "$dir/none.ini"
printf '[load]\nproducers = 2\nspeed = 3\n' >"$dir/wrong.ini"
refused 64 "weir tune: $dir/wrong.ini:3: speed: there is no such setting" "$dir/wrong.ini"
printf '[load]\nproducers = many\n' >"$dir/wrong.ini"
refused 64 "weir tune: $dir/wrong.ini:2:" "$dir/wrong.ini"

# -- a search ----------------------------------------------------------------------------

# shellcheck disable=SC2086 # words
quick $few
check "search: exit status" exits 0
check "search: nothing on standard error" silent
check "search: one line" [ "$(wc -l <"$dir/out")" -eq 1 ]
check "search: what it is" is kind tune
check "search: the goal" [ "$(get goal/name goal/unit goal/better)" = "throughput	events/s	more" ]
check "search: varied" varied wait batch
check "search: the time it had" below seconds 1.65
check "search: and used" above seconds 0.5
default=$(get default) best=$(get best)
check "search: the default" [ "$(get trials/$default/settings)" = '{"wait":"adaptive","batch":"1024"}' ]
check "search: the best has a median" above trials/$best/median 0
check "search: between its quartiles" sh -c "printf '%s\n' $(get trials/$best/low) $(get trials/$best/median) $(get trials/$best/high) | sort -gc"
counted()
{
	[ "$(grep -o '"values":\[[^]"]*\]' "$dir/out" | tr ',' '\n' | wc -l)" -eq "$(get trial_count)" ]
}
check "search: all trials are there" counted
check "search: a throughput" above trials/$best/throughput 0
check "search: processor time" above trials/$best/cpu 0
check "search: no latency in a closed loop" is trials/$best/p99_ns -
check "search: effects" sh -c "grep -q '\"effects\":\[{\"name\":\"wait\"' '$dir/out'"
check "search: the command" [ "$(get command | cut -c 1-9)" = 'weir tune' ]
seeds()
{
	# shellcheck disable=SC2086 # words
	quick $few --seed 7 && get seed
}
check "search: the seed" [ "$(seeds)" = 7 ]

# shellcheck disable=SC2086 # words
run --budget 1s --trial 5ms $few
check "text: exit status" exits 0
check "text: nothing on standard error" silent
check "text: the load" shows '^  producers   1'
check "text: what is varied" shows '^  varied +wait +adaptive\* park$'
check "text: how many" shows '^  settings +4 that differ; 1.00 s to search them$'
check "text: the best" shows '^  best +(the default|(wait park|batch 64|wait park, batch 64))$'
check "text: beside the default" shows '^ +(nothing was found that is better|[0-9.]+ times the default.s.*)$'
check "text: dimensions" shows '^  wait +(-|park|adaptive) .*(matters|hardly matters|cannot be told from noise)'
check "text: INI" shows '^    \[pool\.default\]$'
check "text: C" shows '^    pool_options\.wait = WEIR_WAIT_(ADAPTIVE|PARK);$'
check "text: no line ends with a blank" sh -c "! grep -q ' \$' '$dir/out'"

refused_page()
{
	timeout 20 "$weir" tune --budget 100s --report "$dir/none/page.html" >"$dir/out2" 2>"$dir/err2"
	[ $? -eq 1 ] && grep -q -- '--report: cannot write .*/none/page.html' "$dir/err2"
}

# What the load says is not varied, and neither is what is promised to others.
# The page says what --json prints; how it looks is told by tests/report.
quick --wait park --batch 7 --report "$dir/page.html"
sed -n 's/.*<script type="application\/json" id="data">\(.*\)<\/script>$/\1/p' "$dir/page.html" >"$dir/data"
check "page: exit status" exits 0
check "page: it has what --json prints" sh -c "[ -s '$dir/data' ] && cmp -s '$dir/data' '$dir/out'"
check "page: a refused one is told before the search" refused_page
check "given: not varied" sh -c "! grep -q '\"name\":\"\(wait\|batch\|order\|commit\)\"' '$dir/out'"
quick --wait park --ring-size 256k --fix cpus --vary batch=1,7
check "given: a ring's size, also that of the default" varied batch
quick --wait park --vary wait=park,yield --fix batch --fix cpus --fix ring-size
check "given: but if it is asked for" varied wait
quick --commit-max 5 --fix wait --fix cpus --fix batch --fix ring-size --fix spin --fix sleep
check "commit: up to what is allowed" [ "$(get varied/0/values)" = '["1","4","5"]' ]
quick --vary order=producer,key --fix wait --fix cpus --fix batch --fix ring-size --fix spin
check "order: where it is asked for" varied order
check "order: the load has keys for both" is load/keys 1024

# One producer's ring is one dispatcher's; who spins leaves a processor to who publishes.
quick --exhaustive --repeat 2 --vary dispatchers=1,2,3 --vary wait=adaptive,park --fix batch --fix cpus \
	--fix ring-size --fix spin --fix sleep --producers 2
check "exhaustive: exit status" exits 0
check "exhaustive: two dispatchers and not three, since there are two producers" is trial_count 8
check "exhaustive: as often as that" [ "$(get trials/0/values | tr ',' '\n' | wc -l)" -eq 2 ]
check "exhaustive: it says so" is exhaustive true
quick --exhaustive --repeat 1 --vary "dispatchers=1,$(nproc)" --vary wait=spin,park --fix batch --fix cpus \
	--fix ring-size --fix spin --fix sleep --producers "$(nproc)"
check "exhaustive: not all processors spin" sh -c "! grep -q '\"settings\":{\"wait\":\"spin\",\"dispatchers\":\"$(nproc)\"}' '$dir/out'"
quick --exhaustive --repeat 1 --vary wait=adaptive,park --vary spin=5us,9us --fix batch --fix cpus --fix ring-size
check "exhaustive: how long it spins means nothing where it does not" is trial_count 3

# -- goals -------------------------------------------------------------------------------

# shellcheck disable=SC2086 # words
quick --rate 20k $few
check "latency: is the goal where there is a rate" [ "$(get goal/name goal/unit goal/better goal/rate)" = "latency	ns	less	20000" ]
best=$(get best)
check "latency: percentiles" [ "$(get trials/$best/p50_ns trials/$best/p99_ns trials/$best/p999_ns | tr '\t' '\n' | sort -gc 2>&1)" = '' ]
check "latency: the value is the p99" [ "$(get trials/$best/p99_ns)" = "$(get trials/$best/median)" ]
check "latency: six percentiles" is trials/$best/percentiles/5/0 100
# shellcheck disable=SC2086 # words
quick --goal cpu --rate 20k --p99-max 1h $few
check "cpu: exit status" exits 0
check "cpu: the value is the processor time" [ "$(get trials/0/cpu)" = "$(get trials/0/median)" ]
check "cpu: the limit" is goal/p99_max_ns 3600000000000
check "cpu: and something was used" above trials/0/cpu 0
# shellcheck disable=SC2086 # words
run --goal cpu --rate 20k --p99-max 1ns --budget 1s --trial 5ms $few
check "cpu: a limit that cannot be kept: it is said" shows 'no setting was found whose p99 is at most 1.00 ns'

# -- what it prints is right -------------------------------------------------------------

# try_out NAME: the INI with a host, the load with weir bench, the C with the compiler.
try_out()
{
	get ini >"$dir/best.ini"
	get load_ini >"$dir/load.ini"
	get c >"$dir/body"
	cp "$dir/out" "$dir/tuned"
	"$weir" run --config "$dir/best.ini" --json "$sample" >"$dir/out" 2>"$dir/err"
	code=$?
	check "$1: the INI: a host begins with it" exits 0
	check "$1: the INI: lost" is lost 0
	"$weir" bench --duration 5ms --warmup 0 --repeat 1 --json "$dir/load.ini" >"$dir/out" 2>"$dir/err"
	code=$?
	check "$1: the load: weir bench takes it" exits 0
	{
		printf '#include <weir/weir.h>\nint main(void);\nint main(void)\n{\n\tweir_bus *bus;\n\tweir_status status;\n'
		printf '\tweir_pool *pool_2, *pool_3;\n\t(void)pool_2; (void)pool_3;\n'
		cat "$dir/body"
		printf '\treturn status;\n}\n'
	} >"$dir/c.c"
	# shellcheck disable=SC2086 # words
	$compiler -std=gnu11 -Wall -Wextra -Werror -I"$include" -c -o "$dir/c.o" "$dir/c.c" >"$dir/cc" 2>"$dir/err"
	code=$?
	check "$1: the C: it compiles" exits 0
}

quick --exhaustive --repeat 1 --fix first.dispatchers --fix default.dispatchers --fix last.dispatchers --fix first.cpus \
	--fix last.cpus --fix last.batch --producers 2 --size 8..64 --rate 5k --pool first:wait=poll,sleep=70us --pool 'last:behind=skip,wait=park' \
	--pool default:batch=3,cpus=any,wait=adaptive,spin=7us --on '>@first:cost=1us,times=2' --on '>@last:sleep=50us' --on 'bench.*.update' \
	--hot 10% --vary first.batch=5,6 --vary ring-size=64k,128k
check "three pools: each pool's own" sh -c "grep -q '\"name\":\"first.batch\",\"values\":\[\"5\",\"6\"\]' '$dir/out'"
check "three pools: what is given is not varied" sh -c "! grep -q '\"name\":\"\(first.wait\|last.wait\|default.wait\|default.spin\)\"' '$dir/out'"
try_out "three pools"
check "three pools: the load's own stays" [ "$(grep -c -e 'spin = 7us' -e 'sleep = 70us' -e 'behind = skip' -e '^batch = 3$' "$dir/best.ini")" -eq 4 ]
check "three pools: the handlers' time" [ "$(grep -c -e 'cost = 1000ns' -e 'sleep = 50000ns' -e 'times = 2' -e 'size = 8..64' -e 'hot = 10' "$dir/load.ini")" -eq 5 ]
quick --exhaustive --repeat 1 --fix batch --fix ring-size --fix commit --vary second.wait=yield --vary third.wait=park \
	--pool second:after=default --pool 'third:after=default+second,order=key,dispatchers=2' --on '>@third' --commit-max 4 \
	--fix cpus --vary default.wait=yield,poll --vary default.sleep=30us,40us
try_out "one after the other"
check "one after the other: C" grep -q 'pool_3_options.after = (weir_pool \*const\[\]){weir_bus_default_pool(bus), pool_2};' "$dir/body"

# -- signals -----------------------------------------------------------------------------

# busy NAME: when it measures; between two trials it is alone.
busy()
{
	eval "pid=\$pid_$1"
	tries=600
	sleep 1 # it has tried something
	while [ "$(ls "/proc/$pid/task" 2>/dev/null | wc -l)" -lt 2 ] && [ $((tries -= 1)) -gt 0 ]; do
		sleep 0.01
	done
	kill -s "$1" "$pid"
}
ended() { busy $1 && reap $1 && exits $2; }
check "SIGINT: exit status" ended INT 130
check "SIGINT: it shows what there is" is signal 2
check "SIGINT: a best" above trials/$(get best)/median 0
check "SIGINT: the settings" sh -c "grep -q 'pool_options.wait' '$dir/out'"
check "SIGTERM: exit status" ended TERM 143
check "SIGTERM: it shows what there is" is signal 15
TERM=xterm "$pty_drive" '=[#' '= trials of ' '= s left' '!2' -- "$weir" tune --budget 20s --trial 5ms >"$dir/out" 2>"$dir/err"
code=$?
check "a terminal: a bar with an estimate, then SIGINT" exits 130

# -- a running process -------------------------------------------------------------------

until_true()
{
	tries=1000
	until "$@" >/dev/null 2>&1 || [ $((tries -= 1)) -eq 0 ]; do sleep 0.02; done
}

printf '[bus]\nname = flow\n[control]\nsocket = none\n[pool.second]\nafter = default\n' >"$dir/flow.ini"
mkfifo "$dir/pipe"
later flow "$weir" run --config "$dir/flow.ini" --on 'in.>=count' --on 'in.bad=count@second' "$dir/pipe"
host=$pid_flow
exec 7<>"$dir/pipe"
file=$XDG_RUNTIME_DIR/weir/flow.$host.1.weir
until_true ls "$file"
refused 69 'nothing was published' --from "$file"
# As many as the pipe takes, each 32 bytes of payload; a half of them is "bad".
(while printf '{"topic":"in.good","data":"0123456789abcdef0123456789abc"}\n%.0s{"topic":"in.bad","data":"0123456789abcdef0123456789abc"}\n' 1 2 3 4 5 6 7 8; do
	sleep 0.002
done) >&7 2>/dev/null &
feeder=$!
flows()
{
	"$weir" stat --json --file "$file" 0.1 1 >"$dir/stat" && "$json_get" published_per_s <"$dir/stat" | grep -q '^[1-9]'
}
until_true flows

from() { run --budget 1s --trial 5ms --fix cpus --fix ring-size --fix spin --fix sleep "$@"; }
from --from "$host" --goal throughput --vary wait=adaptive,park --save-load "$dir/saved.ini"
check "--from: exit status" exits 0
check "--from: nothing on standard error" silent
check "--from: it shows the load" shows '^; what process [0-9]+ \(flow\) did$'
check "--from: and saves it" sh -c "grep -q '^rate = [1-9]' '$dir/saved.ini'"
check "--from: producers" grep -q '^producers = 1$' "$dir/saved.ini"
check "--from: the size" grep -q '^size = 3[0-9]$' "$dir/saved.ini"
check "--from: a pool after another" sh -c "grep -A 3 'pool.second' '$dir/saved.ini' | grep -q '^after = default$'"
check "--from: who gets all" grep -q '^pattern = bench.\*.update$' "$dir/saved.ini"
check "--from: who gets a half: that many of 16 topics" sh -c "n=\$(grep -c '^pool = second$' '$dir/saved.ini') && [ \$n -ge 6 ] && [ \$n -le 10 ]"
check "--from: both pools are varied" shows '^ +second.wait +adaptive\* park$'
cp "$dir/saved.ini" "$dir/load.ini"
"$weir" bench --duration 20ms --warmup 0 --repeat 1 --json "$dir/load.ini" >"$dir/out" 2>"$dir/err"
code=$?
check "--from: weir bench takes it" exits 0
from --from "$file" --json --exhaustive --repeat 1 --vary default.wait=adaptive,park --fix second.wait --fix batch --trial 20ms
check "--from FILE: exit status" exits 0
check "--from FILE: its rate is the goal's" [ "$(get goal/name)" = latency ]
refused 66 "$dir/none" --from "$dir/none"
refused 69 'there is no such process' --from 2147483646
kill -STOP "$host"
sleep 2.2
refused 69 'it is stopped, or hangs' --from "$file"
kill -CONT "$host"

# What is wrong with a file: in one line, and nothing is written.
damaged()
{
	refused "$2" "$3" --from "$dir/copy" --save-load "$dir/not"
	check "$1: one line" [ "$(wc -l <"$dir/err")" -eq 1 ]
	check "$1: nothing is written" [ ! -e "$dir/not" ]
}
head -c 100 "$file" >"$dir/copy"
damaged "cut in its header" 65 'too short for a counters file'
head -c 1500 "$file" >"$dir/copy"
damaged "cut behind it" 65 'cut off'
cp "$file" "$dir/copy" && printf '\003' | dd of="$dir/copy" bs=1 seek=8 conv=notrunc 2>/dev/null
damaged "of another version" 65 'layout 3'
head -c 5000 /dev/urandom >"$dir/copy"
damaged "anything" 65 'not a counters file'
: >"$dir/copy"
damaged "nothing" 65 'too short'
cp "$file" "$dir/copy"
damaged "nobody writes it" 69 'copy'
kill "$feeder" 2>/dev/null
kill -KILL "$host" 2>/dev/null
wait "$host" 2>/dev/null
cp "$file" "$dir/copy"
damaged "of a dead process" 69 'is gone'

echo "1..$count"
