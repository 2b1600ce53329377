#!/bin/sh
# SPDX-License-Identifier: MIT
# fake_peer.sh - a peer that measures nothing and answers what its test wants.
#
# Called as DIRECTORY/peer-NAME; DIRECTORY/NAME.conf sets kind, waits, scenarios, batches and
# answer(), which prints the time for an event, knowing $scenario, $size, $batch, $wait, $place,
# $rate and $turn: 0 in a trial, else which of the timed runs this is. In open loop it prints p50
# and p99. Who defines before() can do something else.
dir=${0%/*} name=${0##*/peer-}
kind=bare waits='"one"' scenarios='"1p1c"' sizes=48 batches=1
scenario=1p1c size=48 batch=1 wait=one place=split rate=0 seconds=0 turn=0
before() { :; }
# shellcheck source=/dev/null
. "$dir/$name.conf"

if [ "$1" = --list ]; then
	printf '{"peer":"%s","what":"a fake","package":"none","version":"1","kind":"%s",' "$name" "$kind"
	printf '"scenarios":[%s],"sizes":[%s],"batches":[%s],"waits":[%s]}\n' "$scenarios" "$sizes" \
		"$batches" "$waits"
	exit
fi
while [ $# -gt 1 ]; do
	case $1 in
	--scenario | --size | --batch | --wait | --place | --rate | --seconds)
		eval "${1#--}=\$2"
		;;
	*) exit 64 ;;
	esac
	shift 2
done
if [ "$seconds" = 0.2 ]; then
	counter=$dir/$name.$scenario.$size.$batch.$rate
	[ ! -e "$counter" ] || read -r turn <"$counter"
	turn=$((turn + 1))
	echo $turn >"$counter"
fi
before
# shellcheck disable=SC2046 # words are meant
set -- $(answer)
latencies=
if [ "$rate" != 0 ]; then
	latencies=$(printf ',"p50":%s,"p90":%s,"p99":%s,"p999":%s,"max":%s' "$1" "$1" "${2-$1}" \
		"${2-$1}" "${2-$1}")
	set -- 10000
fi
printf '{"peer":"%s","scenario":"%s","size":%s,"batch":%s,"wait":"%s","place":"%s","events":1000,' \
	"$name" "$scenario" "$size" "$batch" "$wait" "$place"
printf '"seconds":0.1,"ns_per_event":%s,"cpu_seconds":0.1,"ok":true%s}\n' "$1" "$latencies"
