#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh - count the instructions of the hot path in compiled code (path.awk says what counts).
#
#   check.sh publish INCLUDE_DIR LIBRARY   publish, sizes known to the compiler, by gcc and clang
#   check.sh refresh INCLUDE_DIR LIBRARY   the refresh of the limit, in the library as it was built
#   check.sh self                          the checker refuses what it must refuse
#
# A line for each function: COMPILER FUNCTION INSTRUCTIONS ok|REASON.
# Exits 0, 1 if one is not ok, 77 if this machine cannot tell.
set -u
here=$(dirname "$0")
case $(uname -m) in x86_64 | amd64) ;; *) exit 77 ;; esac
command -v objdump >/dev/null || { echo 'check.sh: no objdump' >&2; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
status=0

# judge COMPILER FUNCTION MODE MOST - on $work/code.
judge()
{
	verdict=$(awk -v name="$2" -v mode="$3" -v most="$4" -f "$here/path.awk" "$work/code")
	rc=$?
	echo "$1 $2 $verdict"
	return $rc
}

# disassemble FILE
disassemble()
{
	objdump -d --no-show-raw-insn "$1" >"$work/code"
}

# compile COMPILER SOURCE [OPTION...] - as a shared object, so that calls and jumps are resolved.
compile()
{
	compiler=$1 source=$2
	shift 2
	"$compiler" -std=c11 -O2 -fno-unroll-loops -shared -fPIC "$@" -o "$work/object" "$source" &&
		disassemble "$work/object"
}

found=
for compiler in gcc clang; do
	command -v "$compiler" >/dev/null && found="$found $compiler"
done
[ -n "$found" ] || { echo 'check.sh: neither gcc nor clang' >&2; exit 77; }

check_publish()
{
	for cc in $found; do
		compile "$cc" "$here/publish.c" "-I$1" || exit 1
		for size in 8 48 64; do
			judge "$cc" hot_publish_$size publish 80 || status=1
			judge "$cc" hot_reserve_$size publish 80 || status=1
		done
		judge "$cc" hot_commit publish 80 || status=1
	done
}

check_refresh()
{
	disassemble "$1" || exit 1
	judge library wi_producer_limit refresh 10 || status=1
}

# expect COMPILER FUNCTION MODE MOST REASON
expect()
{
	answer=$(judge "$1" "$2" "$3" "$4")
	case $answer in
	"$1 $2 "*" $5") echo "$answer (expected)" ;;
	*) echo "$answer, expected: $5"; status=1 ;;
	esac
}

check_self()
{
	for cc in $found; do
		compile "$cc" "$here/bad.c" || exit 1
		expect "$cc" bad_loop publish 80 loop
		expect "$cc" bad_lock publish 80 'locked instruction'
		expect "$cc" bad_exchange publish 80 'exchange with memory'
		case $cc in
		gcc) expect "$cc" bad_fence publish 80 'locked instruction' ;;
		*) expect "$cc" bad_fence publish 80 mfence ;;
		esac
		expect "$cc" bad_call publish 80 'no way without a call'
		expect "$cc" bad_tail_call publish 80 'no way without a call'
		expect "$cc" bad_long publish 80 'more than 80 instructions'
		expect "$cc" bad_indirect publish 80 'indirect jump'
		expect "$cc" bad_string publish 80 'repeated string instruction'
		expect "$cc" good_publish publish 80 ok
		expect "$cc" bad_refresh_none refresh 10 '0 backward branches instead of 1'
		expect "$cc" bad_refresh_two refresh 10 '2 backward branches instead of 1'
		expect "$cc" bad_refresh_nested refresh 10 '2 backward branches instead of 1'
		expect "$cc" bad_refresh_long refresh 10 'more than 10 instructions'
		expect "$cc" bad_refresh_lock refresh 10 'locked instruction'
		expect "$cc" good_refresh refresh 10 ok
		expect "$cc" no_such_function publish 80 'not found'
	done
}

case ${1-} in
publish) check_publish "$2" ;;
refresh) check_refresh "$3" ;;
self) check_self ;;
*) sed -n '5,7s/^# *//p' "$0" >&2; exit 64 ;;
esac
exit $status
