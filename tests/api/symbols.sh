#!/bin/sh
# SPDX-License-Identifier: MIT
# symbols.sh LIBRARY MAP INCLUDE_DIR SONAME NEEDED... - what a library shows to the dynamic linker: the
# symbols that the version map names and nothing else, a SONAME, immediate binding, few dependencies.
set -eu

library=$1 map=$2 include=$3 wanted=$4
shift 4
failed=0

fail()
{
	echo "FAIL: $*"
	failed=1
}

# The words between "global:" and "local:", without comments.
public=$(sed 's,/\*.*\*/,,; s,#.*,,' "$map" | tr '\n' ' ' |
	sed 's/.*global:\(.*\)local:.*/\1/' | tr -d ' \t' | tr ';' ' ')
exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }')
[ -n "$public" ] || fail "$map names no symbol"
[ -n "$exported" ] || fail "$library exports no symbol"
declared=$(cat "$include"/weir/*.h)

for symbol in $exported; do
	known=no
	for pattern in $public; do
		# shellcheck disable=SC2254 # a word of the map may be a pattern
		case $symbol in $pattern) known=yes ;; esac
	done
	[ "$known" = yes ] || fail "$symbol is exported and not in $map"
	case $symbol in weir_*) ;; *) fail "$symbol does not begin with weir_" ;; esac
	case $declared in *"$symbol("*) ;; *) fail "$symbol is in no public header" ;; esac
done
for word in $public; do
	case $word in
	*\**) ;;
	*)
		printf '%s\n' "$exported" | grep -qx "$word" ||
			fail "$word is in $map and not exported"
		;;
	esac
done
# shellcheck disable=SC2086 # one word each
echo "exported: $(printf '%s\n' $exported | wc -l)"

dynamic=$(LC_ALL=C readelf -dW "$library")
tag()
{
	printf '%s\n' "$dynamic" | sed -n "s/.*($1).*\[\(.*\)\]/\1/p"
}
soname=$(tag SONAME)
[ "$soname" = "$wanted" ] || fail "SONAME is '$soname'"
for needed in $(tag NEEDED); do
	known=no
	for pattern in "$@" 'libc.so.*'; do
		# shellcheck disable=SC2254 # a pattern
		case $needed in $pattern) known=yes ;; esac
	done
	[ "$known" = yes ] || fail "needs $needed"
done
# shellcheck disable=SC2046 # one word each
echo "needed:" $(tag NEEDED)
printf '%s\n' "$dynamic" | grep -Eq 'BIND_NOW|FLAGS_1.* NOW' || fail "not linked with -z now"
exit $failed
