#!/bin/sh
# SPDX-License-Identifier: MIT
# test_orders.sh - the order service of docs/examples/orders, from outside. TAP on stdout.
#
# usage: test_orders.sh ORDERS WEIR JSON_GET SECONDS

set -u
# It goes elsewhere, and meson's paths may be relative.
absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }
orders=$(absolute "$1") weir=$(absolute "$2") json_get=$(absolute "$3") seconds=$4
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
command=
. "$(dirname "$0")/../cli/tap.sh"

TMPDIR=$dir/tmp
export TMPDIR
mkdir "$TMPDIR"
# Paths are shown as they work from here.
cd "$dir" || exit 99

# claims: "TEXT|LEFT|RIGHT|HOLDS" of each row of the table, numbers without commas.
claims()
{
	awk '/  (ok|FAILED)$/ {
		holds = $NF; right = $(NF - 1); left = $(NF - 2)
		gsub(",", "", left); gsub(",", "", right)
		text = $0
		sub(/^ */, "", text); sub(/ +[0-9,]+ +[0-9,]+ +(ok|FAILED)$/, "", text)
		print text "|" left "|" right "|" holds
	}' "$dir/out"
}

# What the table says of itself is not believed: the numbers are compared here, too.
claims_are() { [ "$(claims | wc -l)" -eq "$1" ]; }
claims_hold() { claims | awk -F'|' '$2 != $3 || $4 != "ok" { bad = 1 } END { exit bad || !NR }'; }
only_lost_is_0() { [ "$(claims | awk -F'|' '$2 == 0 { print $1 }')" = 'lost, and not delivered at the end' ]; }
# left_of TEXT: the first number of a row.
left_of() { claims | awk -F'|' -v text="$1" 'index($1, text) == 1 { print $2 }'; }
counts_what_was_accepted() { [ "$(sed -n 's/,//g; s/ accepted = .*//p' "$dir/out")" = "$told" ]; }
nothing_left() { [ -z "$(ls -A "$TMPDIR")" ]; }

# Events of an operation are two, and all of them are in the journal.
two_for_each() { [ "$(left_of 'events of order.>')" -eq $((2 * $(left_of 'requests tried'))) ]; }

journal_has_as_many()
{
	events=$(left_of 'events of order.>')
	"$weir" journal verify --json "$dir/kept/audit.db" >"$dir/verified"
	[ "$("$json_get" events <"$dir/verified")" = "$events" ] &&
		[ "$("$json_get" whole <"$dir/verified")" = true ] &&
		[ "$("$weir" journal export "$dir/kept/audit.db" | wc -l)" -eq "$events" ]
}

# commands: what follows a "$", one a line: one that ends in "|" goes on in the next.
commands() { awk 'sub(/^ *\$ /, "") { on = 1 } on { printf /\|$/ ? "%s" : "%s\n", $0; on = /\|$/ }' "$dir/table"; }
tries() { [ "$(commands | wc -l)" -eq "$1" ]; }
# try N: the N-th of them, as a person would; fails if it does, and if any of its programs complains.
try() { sh -c "$(commands | sed -n "$1p")" >"$dir/out" 2>"$dir/err"; }

as_many_again()
{
	events=$("$json_get" events <"$dir/verified")
	sed 's/,//g' "$dir/out" | grep -qE "^ *$events +$events +0 +0  >" && shows '0 bad lines, lost 0'
}

three_ways() { [ "$(grep -cE '^  (weir|direct calls|a mutex queue) +[1-9]' "$dir/out")" -eq 3 ]; }
# But for the names of programs and files, which are short where ./dev is.
at_most_80() { awk '/^  Next/ { exit } length > 80 { bad = 1 } END { exit bad }' "$dir/out"; }

json_holds()
{
	i=0
	while [ "$(get "claims/$i/id")" != - ]; do
		is "claims/$i/holds" true && [ "$(get "claims/$i/left")" = "$(get "claims/$i/right")" ] ||
			return 1
		i=$((i + 1))
	done
	[ $i -eq 15 ] && is ok true && [ "$(get ways/2/whole_ns/p99)" -gt 0 ]
}

# direct calls wait for two commits: whatever the machine, that is more than writing two events.
announcing_is_cheap() { [ "$(get ways/0/announcing_ns/p50)" -lt "$(get ways/1/announcing_ns/p50)" ]; }

orders() { "$orders" "$@" >"$dir/out" 2>"$dir/err" </dev/null; code=$?; }

orders --seconds "$seconds" --keep "$dir/kept"
cp "$dir/out" "$dir/table"
check 'ends well' exits 0
check 'says nothing on stderr where that is no terminal' silent
told=$(left_of 'events to be told')
check 'fifteen claims' claims_are 15
check 'all of them hold' claims_hold
check 'and are about something' only_lost_is_0
check 'two events for each request' two_for_each
check 'the journal has as many' journal_has_as_many
check 'three ways were measured' three_ways
check 'fits into 80 columns' at_most_80
check 'leaves nothing in the temporary directory' nothing_left

check 'four things to try' tries 4
check 'the first works' try 1
check 'and tells the story of an order' shows 'order\.before\.create .* key 7 '
check 'the second works' try 2
check 'and publishes all of the journal again' as_many_again
check 'the third works' try 3
check 'and counts what was accepted' counts_what_was_accepted
check 'the fourth works' try 4
check 'and publishes real events' shows 'file\.after\.update'

orders --seconds "$seconds" --keep "$dir/kept"
check 'databases that are there are not touched' exits 1
check 'and that is said' says "$dir/kept: is not empty"

orders --seconds "$seconds" --json
check 'as JSON' json_holds
check 'announcing costs less than two commits' announcing_is_cheap
check 'nothing is left of that either' nothing_left

orders --seconds 0
check 'no time at all' exits 64

later stopped "$orders" --seconds 60
tries=600
until [ -S "$(echo "$TMPDIR"/*/orders.sock)" ] || [ $((tries -= 1)) -eq 0 ]; do sleep 0.1; done
kill -TERM "$pid_stopped"
reap stopped
check 'interrupted, it ends' exits 130
check 'without a table' no_output
check 'and cleans up' nothing_left

echo "1..$count"
