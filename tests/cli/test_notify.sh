#!/bin/sh
# SPDX-License-Identifier: MIT
# test_notify.sh - `weir notify` from outside, on a spool that weir run with the plugin has left, and on one
# that is in use. TAP on stdout.
#
# usage: test_notify.sh WEIR JSON_GET PLUGIN

set -u
weir=$1 json_get=$2 plugin=$3
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
command=notify
. "$(dirname "$0")/tap.sh"

spool=$dir/spool.db

# config EXPIRE: nobody listens at the endpoint.
config()
{
	cat >"$dir/weir.ini" <<EOF
[control]
socket = none
[pool.notify]
behind = skip
[plugin.notify]
file = $plugin
pool = notify
spool = $spool
channel.alerts.type = webhook
channel.alerts.url = http://127.0.0.1:1/secret-path
channel.alerts.allow = http, private
channel.alerts.digest = 0
channel.alerts.retry = 10ms..20ms
channel.alerts.expire = $1
rule.failed = order.failed.> to #alerts
EOF
}

events()
{
	echo '{"topic":"order.failed.create","data":{"n":1}}'
	echo '{"topic":"order.failed.delete","data":{"n":2}}'
	echo '{"topic":"order.after.create","data":{"n":3}}'
}

# until_says NAME VALUE: the status has it, within 20 s.
until_says()
{
	tries=200
	while run status --json "$spool"; ! is "$1" "$2" && [ $((tries -= 1)) -gt 0 ]; do
		sleep 0.1
	done
	is "$1" "$2"
}

config 1h
events | "$weir" run --config "$dir/weir.ini" - >"$dir/run" 2>&1

# -- what waits ----------------------------------------------------------------
run status "$spool"
check 'status: the counts' shows '^2 accepted = 0 sent \+ 0 given up \+ 2 waiting \+ 0 suppressed \+ 0 in digests$'
check 'status: nobody uses it' shows 'no process uses it$'
check 'status: the channel' shows 'alerts +(fails|on) +2 +0 '
check 'status: 0' exits 0
run status --json "$spool"
check 'status --json: waiting' is waiting 2
check 'status --json: not in use' is in_use false
check 'status --json: the channel' is channels/0/waiting 2
run failed "$spool"
check 'failed: none' no_output
check 'failed: none is no failure' exits 0

# -- what has failed, while it is in use ---------------------------------------
rm "$spool"
config 1s
{ events; sleep 6; } | "$weir" run --config "$dir/weir.ini" - >"$dir/run" 2>&1 &
running=$!
check 'status: given up when their time is over' until_says given_up 2
check 'status: in use' is in_use true
run failed "$spool"
check 'failed: a line for each' [ "$(grep -c 'alerts.*order.failed' "$dir/out")" = 2 ]
check 'failed: why' shows 'order.failed.create .*time was over; before: '
check 'failed: no address' sh -c "! grep -q secret-path '$dir/out'"
run failed --json "$spool"
id=$(get failed/0/id)
check 'failed --json: channel, topic' [ "$(get failed/0/channel failed/1/topic)" = "alerts	order.failed.delete" ]
check 'failed --json: tries' [ "$(get failed/0/tries)" -ge 1 ]
run retry "$spool" "$id"
check 'retry ID: one' shows '^messages that wait again: 1, '
run retry "$spool" "$id"
check 'retry ID: it waits already, or has failed again' [ "$code" -le 1 ]
check 'the running process tries it again, and gives it up again' until_says given_up 2
wait $running

# -- when nobody uses it -------------------------------------------------------
run retry "$spool" nobody-1
check 'retry: no such message' says "no failed message has the id 'nobody-1'"
check 'retry: no such message is a failure' exits 1
run retry --json "$spool" --channel alerts
check 'retry --channel' is messages 2
run status --json "$spool"
check 'they wait' is waiting 2
run retry "$spool" --all
check 'retry --all: none left' shows '^messages that wait again: 0, channels that are on again: 0$'

# -- wrong usage, wrong files --------------------------------------------------
for wrong in '' 'look' 'status' "status $spool x" "failed $spool --all" "retry $spool" \
	"retry $spool x --all" "status $spool --colour"; do
	# shellcheck disable=SC2086 # words are meant
	run $wrong
	check "usage: '$wrong'" exits 64
done
run status "$dir/nowhere.db"
check 'no such file' exits 66
check 'no such file: named' says nowhere.db
check 'it is not made' [ ! -e "$dir/nowhere.db" ]
echo text >"$dir/text"
run status "$dir/text"
check 'not a spool' exits 66
ln -s "$spool" "$dir/link"
run status "$dir/link"
check 'a link' exits 66
mkfifo "$dir/fifo"
run status "$dir/fifo"
check 'a pipe' exits 66

echo "1..$count"
