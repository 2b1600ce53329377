#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh PROGRAM - short loads of a peer: each scenario, wait, size and batch that it lists at least
# once, and the open loop. Each must end with its checks passed.
set -eu

list=$("$1" --list)

# member NAME - the words of an array of the list
member()
{
	echo "$list" | sed "s/.*\"$1\":\[\([^]]*\)\].*/\1/; s/[\",]/ /g"
}

count=0
load()
{
	line=$("$program" --seconds 0.02 "$@") || { echo "failed: $* $line"; exit 1; }
	case $line in
	'{"peer":"'*'","scenario":"'*'"ns_per_event":'*'"ok":true}') count=$((count + 1)) ;;
	*) echo "$*: $line"; exit 1 ;;
	esac
}

program=$1
for scenario in $(member scenarios); do
	for size in $(member sizes); do
		for batch in $(member batches); do
			load --scenario "$scenario" --size "$size" --batch "$batch"
		done
	done
	load --scenario "$scenario" --place free
done
for wait in $(member waits); do
	load --wait "$wait"
	load --wait "$wait" --rate 20000
done

set +e
"$program" --wait none 2>/dev/null
[ $? = 64 ] || { echo 'a wait that it does not have: not 64'; exit 1; }
echo "$count loads"
