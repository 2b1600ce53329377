#!/bin/sh
# SPDX-License-Identifier: MIT
# test_compare.sh - the driver of ./dev peers with fake peers: its arithmetic, its verdicts, its
# manners when a peer fails. TAP on stdout.
#
# usage: test_compare.sh WEIR_PEERS JSON_GET FAKE_PEER

# shellcheck disable=SC2016 # what is written into a fake peer's file expands there
set -u
weir_peers=$1 json_get=$2 fake=$3
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
. "$(dirname "$0")/../cli/tap.sh"

# begin: no peers.
begin()
{
	rm -rf "$dir/programs"
	mkdir "$dir/programs"
}

# peer NAME SETTINGS [ANSWER]: one more; ANSWER is a command that prints the time for an event.
peer()
{
	cp "$fake" "$dir/programs/peer-$1"
	printf '%s\nanswer() { %s; }\n' "$2" "${3-echo 10}" >"$dir/programs/$1.conf"
}

# show ARGUMENT...: leaves $dir/out, $dir/err and $code. The line time is that of $lines.
show()
{
	"$weir_peers" --programs "$dir/programs" --line-times "${lines-100}" \
		--rounds "${rounds-3}" "$@" >"$dir/out" 2>"$dir/err" </dev/null
	code=$?
	echo $code >"$dir/status"
}

# The same as JSON.
run() { show --json "$@"; }


# bar_is WHAT MEMBER VALUE
bar_is()
{
	i=0 paths=
	while [ $i -lt 18 ]; do
		paths="$paths bars/$i/what bars/$i/$2"
		i=$((i + 1))
	done
	# shellcheck disable=SC2086 # words are meant
	"$json_get" $paths <"$dir/out" | tr '\t' '\n' | paste - - | grep -qxF "$1	$3"
}

# -- figures -------------------------------------------------------------------

# weir 5 and 15 in turn: its mean around each peer's run is 10.
begin
peer weir 'kind=weir' 'if [ $((turn % 2)) = 0 ]; then echo 15; else echo 5; fi'
peer ck-ring '' 'case $turn in 0) echo 1 ;; 1) echo 20 ;; 2) echo 40 ;; *) echo 30 ;; esac'
run --scenario 1p1c
first=cells/0/peers/1
check "the peer's time: median" is $first/ns_per_event/median 30
check "the peer's time: quartiles" is $first/ns_per_event/quartiles '[25.0,35.0]'
check "the ratio is taken by the mean of the weirs around it" is $first/ns_by_weirs/median 3
check "the ratio: quartiles" is $first/ns_by_weirs/quartiles '[2.5,3.5]'
check "weir's own time" is cells/0/peers/0/ns_per_event/median 10
check "all rounds are good" is $first/kept 3
check "none is dropped" is $first/dropped 0
check "each round is told" is $first/rounds/1/peer/ns_per_event 40
check "with the weirs around it" is $first/rounds/1/weir/1/ns_per_event 15
check "exit status is 0 if no bar is missed" exits 0
check "the bar of the best bare queue" bar_is 'best bare queue, 1p1c' verdict met
check "what there is no peer for is not measured" \
	bar_is 'LMAX Disruptor, 1p1c' verdict 'not measured'

begin
peer weir 'kind=weir' 'echo $((turn * 10 + 10))'
peer ck-ring '' 'echo 50'
peer boost '' 'echo 70'
rounds=1
run --scenario 1p1c
unset rounds
check "the first peer is between the first two weirs" is $first/ns_by_weirs/median 2
check "the second one between the next" is cells/0/peers/2/ns_by_weirs/median 2

begin
peer weir 'kind=weir'
peer ck-ring 'waits="\"slow\",\"quick\""' \
	'if [ $wait = quick ] && [ $place = free ]; then echo 20; else echo 30; fi'
run --scenario 1p1c
check "the best wait is chosen" is $first/wait quick
check "and the best place" is $first/place free
check "and taken" is $first/ns_per_event/median 20
check "what was tried is told, the best first" is $first/tried/1/score 30

# -- dropped rounds ------------------------------------------------------------

# Four line times a round: every second has one that is 20 % more.
begin
peer weir "kind=weir scenarios='\"1p3c\"'"
peer disruptor 'kind=routed scenarios="\"1p3c\""' \
	'if [ $((turn % 2)) = 0 ]; then echo 1; else echo 20; fi'
lines=100,100,100,100,100,100,120,100
run --scenario 1p3c
check "dropped: counted" is $first/dropped 2
check "dropped: others are measured instead" is $first/kept 3
check "dropped: not in the figures" is $first/ns_by_weirs/quartiles '[2.0,2.0]'
check "dropped: told with its line times" is $first/rounds/1/line_ns '[100.0,100.0,120.0,100.0]'
check "dropped: told as such" is $first/rounds/1/kept false
lines=100,114
run --scenario 1p3c
check "a line time that moves by 14 % drops nothing" is $first/dropped 0
lines=100,116
run --scenario 1p3c
check "when all are dropped it ends" is $first/dropped 9
check "and nothing is claimed" bar_is 'LMAX Disruptor, 1p3c' verdict 'not measured'
unset lines

# -- bars ----------------------------------------------------------------------

# bar PEER SETTINGS ANSWER WHAT VERDICT STATUS: weir takes 10 (open loop: p50 100, p99 300).
bar()
{
	scenario=${4##*, } batches=1
	case $scenario in
	p50 | p99) scenario=1p1c ;;
	*commit) scenario=1p1c batches=1,16,256 ;;
	esac
	begin
	peer weir "kind=weir scenarios='\"$scenario\"' batches=$batches" \
		'if [ $rate = 0 ]; then echo 10; else echo 100 300; fi'
	peer "$1" "scenarios='\"$scenario\"' batches=$batches $2" "$3"
	rounds=1
	run
	unset rounds
	check "bar: $4, of $1: $3: $5" bar_is "$4" verdict "$5"
	check "bar: $4, of $1: $3: exit status" exits "$6"
}

# of CLOSED OPEN: an answer.
of() { echo "if [ \$rate = 0 ]; then echo $1; else echo $2; fi"; }

bar disruptor kind=routed "$(of 15 '200 400')" 'LMAX Disruptor, 1p1c' met 0
bar disruptor kind=routed "$(of 14.9 '200 400')" 'LMAX Disruptor, 1p1c' MISSED 1
bar disruptor kind=routed "$(of 49 0)" 'LMAX Disruptor, 3p1c' MISSED 1
bar disruptor kind=routed "$(of 50 0)" 'LMAX Disruptor, 3p1c' met 0
bar disruptor kind=routed "$(of 14.9 0)" 'LMAX Disruptor, diamond' MISSED 1
bar zeromq kind=waking "$(of 199 '200 400')" 'ZeroMQ inproc, 1p1c' MISSED 1
bar glib kind=waking "$(of 100 '200 400')" "GLib's GAsyncQueue, 1p1c" met 0
bar glib kind=waking "$(of 100 '100 400')" 'all that route or wake, p50' MISSED 1
bar glib kind=waking "$(of 100 '101 300')" 'all that route or wake, p99' MISSED 1
bar boost kind=bare "$(of 15 '86 1')" 'bare queues, p50' met 0
bar boost kind=bare "$(of 15 '84 1')" 'bare queues, p50' MISSED 1
bar boost kind=bare \
	'if [ $batch = 256 ]; then echo 9.9; elif [ $rate = 0 ]; then echo 15; else echo 99; fi' \
	'best bare queue, 1p1c, 256 a commit' MISSED 1
check "bar: the other batch is judged on its own" \
	bar_is 'best bare queue, 1p1c, 16 a commit' verdict met
bar emitter kind=emitter 'echo 1' 'best bare queue, 1p1c' 'not measured' 0

# Of several the best queue counts, and is named.
begin
peer weir 'kind=weir'
peer ck-ring '' 'echo 30'
peer boost '' 'echo 14'
peer moodycamel '' 'echo 20'
show --scenario 1p1c
check "the best of them is the bar" \
	shows 'best bare queue, 1p1c .*1\.40 \[1\.40, 1\.40\] .*MISSED  \(boost\)'
check "and those that are not there are named" shows 'without rte-ring, readerwriter'
check "the count of missed bars" shows '^[12] missed, 0 failed$'
check "a table of the class" shows '^  boost +14\.0  1\.40x'

# -- peers that are not there, or fail ------------------------------------------

begin
peer weir 'kind=weir'
peer ck-ring '' 'echo 30'
show --scenario 1p1c
check "a missing peer is named with its package" \
	shows '^nng: not measured: not built: it needs libnng-dev$'
check "a missing peer: exit status is 0" exits 0
rm "$dir/programs/peer-weir"
show
check "without weir: exit status is 69" exits 69
check "without weir: told" says 'weir: not built'

# In one cell only.
alone='scenarios="\"1p3c\""'

# wrong NAME ANSWER TEXT: a peer that answers this fails with this text.
wrong()
{
	begin
	peer weir "kind=weir $alone"
	peer ck-ring "$alone" 'echo 30'
	peer glib "kind=waking $alone; before() { $2; }"
	rounds=1
	show --timeout "${timeout-20}"
	unset rounds
	check "$1: named, with the cell and what it did" shows "^glib, 1p3c, 48 bytes: FAILED: $3"
	check "$1: the others are measured" shows '^  ck-ring +30\.0  3\.00x'
	check "$1: exit status is 1" exits 1
}

wrong rubbish 'echo hello; exit' 'what it printed is not one JSON object: "hello"'
wrong nothing 'exit' 'what it printed is not one JSON object'
wrong 'two lines' 'echo "{\"peer\":1}"; echo "{}"; exit' 'what it printed is not'
wrong 'no figure' 'answer() { echo 0; }' 'a figure is missing, or is no time'
wrong 'other wait' 'wait=two' 'it answers something else than was asked'
wrong 'a failed check' 'echo "{\"ok\":false,\"error\":\"3 events were lost\"}"; exit 1' \
	'exit status 1: 3 events were lost'
wrong 'a message' 'echo oh no >&2; exit 2' 'exit status 2: oh no'
wrong 'a signal' 'kill -SEGV $$' 'ended by signal 11'
timeout=3
wrong 'one that hangs' "sleep 60 & echo \$! >'$dir/sleeper'; wait" \
	'no answer within 3 s: killed'
unset timeout
gone()
{
	read -r sleeper <"$dir/sleeper"
	! kill -0 "$sleeper" 2>"$dir/err" || grep -q '^State:.Z' "/proc/$sleeper/status"
}
check "one that hangs: killed with what it had started" gone

begin
peer weir "kind=weir $alone"
peer disruptor "kind=routed $alone; before() { [ \$turn -lt 2 ] || exit 1; }" 'echo 30'
show
check "one that fails later: no verdict on it" \
	shows 'LMAX Disruptor, 1p3c .* - +not measured'
check "one that fails later: exit status is 1" exits 1

begin
peer weir "kind=weir $alone"
peer ck-ring "$alone; "'before() { echo only one processor >&2; exit 69; }'
show
check "one that cannot be measured here: told" \
	shows '^ck-ring, .*: not measured: cannot be measured here: only one'
check "one that cannot be measured here: exit status is 0" exits 0

begin
peer weir "kind=weir $alone"
peer ck-ring "$alone" 'echo 30'
rounds=1
printf '#!/bin/sh\necho {}\n' >"$dir/programs/peer-boost"
chmod +x "$dir/programs/peer-boost"
show
unset rounds
check "one that cannot list itself: named" shows '^boost: FAILED: --list: no kind'
check "one that cannot list itself: exit status is 1" exits 1

# -- what is asked for ----------------------------------------------------------

begin
peer weir 'kind=weir' 'if [ $rate = 0 ]; then echo 10; else echo 10 10; fi'
peer ck-ring '' 'if [ $rate = 0 ]; then echo 30; else echo 30 30; fi'
peer boost '' 'if [ $rate = 0 ]; then echo 40; else echo 40 40; fi'
run --peer boost
check "--peer: this one" is $first/peer boost
check "--peer: and no other" is cells/0/peers/2 -
run --quick
check "--quick: fewer cells" is cells/2 -
check "--quick: says so" is quick true
show --list
check "--list: exit status is 0" exits 0
check "--list: what is there" shows '^boost +bare +1 +a fake$'
check "--list: what is not" shows '^rte-ring +bare +- +not built: it needs libdpdk-dev$'
check "--list: the bars" shows '^ZeroMQ inproc, 1p1c +at least 20 x'
for bad in '--peer nobody' '--scenario 9p9c' '--rounds 0' '--update-docs --quick' --frob; do
	# shellcheck disable=SC2086 # words
	show $bad
	check "$bad: exit status is 64" exits 64
done

# -- chart and pages -------------------------------------------------------------

mkdir -p "$dir/bin" "$dir/root/docs"
cat >"$dir/bin/gnuplot" <<'END'
#!/bin/sh
cat "$1" >"${0%/*}/script"
echo '<svg>'
echo '<desc>made up</desc>'
echo '</svg>'
END
chmod +x "$dir/bin/gnuplot"
for page in docs/benchmarks.md README.md; do
	printf 'above\n<!-- peers -->\nold\n<!-- /peers -->\nbelow\n' >"$dir/root/$page"
done
PATH="$dir/bin:$PATH" show --update-docs --root "$dir/root"
check "--update-docs: exit status" exits 0
check "--update-docs: the chart, fit for dark pages" \
	grep -q prefers-color-scheme "$dir/root/docs/peers.svg"
check "--update-docs: with the ratios" grep -q '"ck-ring" 3 3 3 "3.00 x" 0x4493d8' "$dir/bin/script"
check "--update-docs: the table" \
	grep -qF '| boost | 40.0; 4.00 [4.00, 4.00] x |' "$dir/root/docs/benchmarks.md"
check "--update-docs: the bars" \
	grep -qF '| at least 1.5 x its events/s | 3.00 [3.00, 3.00] (ck-ring) | met |' "$dir/root/README.md"
around() { [ "$(sed -n '1p;2p' "$1")" = "above
<!-- peers -->" ] && [ "$(tail -n 2 "$1")" = "<!-- /peers -->
below" ] && ! grep -q old "$1"; }
check "--update-docs: what stands around stays" around "$dir/root/docs/benchmarks.md"
cp "$dir/root/docs/benchmarks.md" "$dir/before"
PATH="$dir/bin:$PATH" show --update-docs --root "$dir/root"
check "--update-docs: a second time changes nothing" \
	cmp -s "$dir/before" "$dir/root/docs/benchmarks.md"
echo >"$dir/root/README.md"
PATH="$dir/bin:$PATH" show --update-docs --root "$dir/root"
check "--update-docs: without the lines: exit status is 1" exits 1
check "--update-docs: without the lines: told" says 'README.md: no lines <!-- peers -->'
printf '#!/bin/sh\nexit 1\n' >"$dir/bin/gnuplot"
PATH="$dir/bin:$PATH" show --chart "$dir/chart.svg"
check "--chart: without gnuplot the figures are there" exits 0
check "--chart: told" says 'no chart: gnuplot'
check "--chart: no half of one" [ ! -e "$dir/chart.svg" ]

# -- interrupted -----------------------------------------------------------------

begin
peer weir 'kind=weir' \
	"if [ \$turn = 3 ]; then echo \$PPID >'$dir/driver'; sleep 60; fi; echo 10"
peer ck-ring '' 'echo 30'
# A shell without job control lets what runs behind it ignore SIGINT; SIGTERM is the same to it.
show --scenario 1p1c &
until [ -s "$dir/driver" ]; do sleep 0.05; done
kill -TERM "$(cat "$dir/driver")"
wait $!
check "interrupted: what there is, is printed" shows '^  ck-ring +30\.0  3\.00x'
check "interrupted: it says so" shows '^  INTERRUPTED'
check "interrupted: exit status" [ "$(cat "$dir/status")" = 143 ]

echo "1..$count"
