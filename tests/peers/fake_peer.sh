#!/bin/sh
# SPDX-License-Identifier: MIT
# fake_peer.sh - a peer that measures nothing and answers what its test wants.
#
# Called as DIRECTORY/peer-NAME; DIRECTORY/NAME.conf sets kind, waits, scenarios, batches and answer(),
# which prints the time for an event, knowing $scenario, $size, $batch, $wait, $place, $rate and
# $turn: 0 in a trial, else which of the timed runs this is. In open loop it prints p50 and p99.
# Who defines before() can do something else.
dir=${0%/*} name=${0##*/peer-}
kind=bare waits='"one"' scenarios='"1p1c"' sizes=48 batches=1
scenario=1p1c size=48 batch=1 wait=one place=split rate=0 seconds=0 turn=0
before() { :; }
# shellcheck source=/dev/null
. "$dir/$name.conf"

if [ "$1" = --list ]; then
	cat <<END
{"peer":"$name","what":"a fake","package":"none","version":"1","kind":"$kind",
"scenarios":[$scenarios],"sizes":[$sizes],"batches":[$batches],"waits":[$waits]}
END
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
last=${2-$1}
[ "$rate" = 0 ] || set -- 10000 ",\"p50\":$1,\"p90\":$1,\"p99\":$last,\"p999\":$last,\"max\":$last"
cat <<END
{"peer":"$name","scenario":"$scenario","size":$size,"batch":$batch,"wait":"$wait","place":"$place",
"events":1000,"seconds":0.1,"ns_per_event":$1,"cpu_seconds":0.1,"ok":true${2-}}
END
