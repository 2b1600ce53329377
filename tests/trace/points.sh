#!/bin/sh
# SPDX-License-Identifier: MIT
# points.sh POINTS SCRIPT - run POINTS in gdb, which stops at every trace point and shows its arguments;
# compare with what POINTS knows of them. 77: no gdb, or it may not trace.
set -u
points=$1 script=$2
command -v gdb >/dev/null || { echo 'no gdb'; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
status=0

timeout 100 gdb -batch -nx -x "$script" --args "$points" "$work/expected" >"$work/out" 2>&1 </dev/null
if grep -E 'ptrace: Operation not permitted|Could not trace' "$work/out"; then exit 77; fi
grep 'exited normally' "$work/out" || { cat "$work/out"; exit 1; }
grep -E '^[a-z_]+ \| ' "$work/out" >"$work/shown"

# same NAME FILTER...: the lines that pass the filter are the same in both, in order.
same()
{
	name=$1
	shift
	for file in expected shown; do
		grep -E '^[a-z_]+ \| ' "$work/$file" | grep -E "$@" >"$work/$file.part"
	done
	if [ -s "$work/shown.part" ] && diff "$work/expected.part" "$work/shown.part" >"$work/diff"; then
		echo "ok: $name, $(wc -l <"$work/shown.part") stops"
	else
		echo "NOT OK: $name (< expected, > shown)"
		head -n 40 "$work/diff"
		status=1
	fi
}

# counted NAME POINT: as many stops as the bus has counted.
counted()
{
	shown=$(grep -c "^$2 |" "$work/shown")
	expected=$(awk -v name="$1" '$1 == name { print $2 }' "$work/expected")
	if [ "$shown" = "$expected" ] && [ "$shown" != 0 ]; then
		echo "ok: $2, as often as the bus counts $1, $shown"
	else
		echo "NOT OK: $2, $shown stops, the bus counts $expected $1"
		status=1
	fi
}

same 'on one thread' -v '^[a-z_]+ \| (sleepy|slow) \|'
same 'a stuck call' '^stuck'
counted parks park
counted parks wake
counted batches dispatch__begin
counted batches dispatch__end
# Each dispatcher parks and wakes in turn, and one is seen asleep by look_at_sleepers().
if awk -F ' [|] ' '
	/^publish__refused . 2 . 4712 / { for (who in asleep) seen += asleep[who] }
	/^(park|wake) / { who = $2 "/" $3; bad += asleep[who] == ($1 == "park"); asleep[who] = $1 == "park" }
	END { for (who in asleep) bad += asleep[who]; exit bad || !seen }' "$work/shown" &&
	! grep -E '^(park|wake)' "$work/shown" | grep -vE ' (sleepy|slow) \| [01]$'; then
	echo 'ok: park and wake, in turn'
else
	echo 'NOT OK: park and wake, in turn'
	grep -E '^(park|wake)' "$work/shown" | head -n 40
	status=1
fi
exit $status
