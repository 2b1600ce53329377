#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - check one SPIN model: a right one must pass a complete search, a mutant must fail.
#
# usage: run.sh MODEL [-DNAME...]
# A -DBUG_... makes it a mutant. Exit 0: as it must be; 77: spin or gcc is not installed.

set -eu

[ $# -ge 1 ] || { echo "usage: run.sh MODEL [-DNAME...]" >&2; exit 2; }
model=$1
shift
case $0 in
*/*) here=$(cd "${0%/*}" && pwd) ;;
*) here=$(pwd) ;;
esac
for tool in spin gcc; do
	command -v $tool >/dev/null || { echo "$tool is not installed"; exit 77; }
done

mutant=
for define; do
	case $define in
	-DBUG_*)
		mutant=$define
		# A name that the model does not know would test nothing.
		grep -qw "${define#-D}" "$here/$model.pml" || { echo "$model has no $define"; exit 1; }
		;;
	esac
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cp "$here/$model.pml" "$here/tso.pml" "$work"
cd "$work"

spin "$@" -a "$model.pml" >spin.out 2>&1 || { cat spin.out; exit 1; }
# A mutant fails early: compiling is what takes its time. MEMLIM is in megabytes.
[ -z "$mutant" ] && optimize=-O1 || optimize=-O0
gcc -w $optimize -DSAFETY -DCOLLAPSE -DMEMLIM=1400 -o pan pan.c
./pan -m200000 -w22 >pan.out 2>&1 || { cat pan.out; exit 1; }
grep -E '^pan:1|errors:|states, stored|total actual' pan.out || true

# "Search not completed" is also said after an error, so the reasons are looked for one by one.
if grep -Eq 'search depth too small|out of memory|reached -DMEMLIM|hash ?table full' pan.out; then
	cat pan.out
	echo "FAIL: the search was cut short"
	exit 1
fi
if [ -z "$mutant" ]; then
	grep -q 'errors: 0$' pan.out && ! grep -q 'Search not completed' pan.out && exit 0
	echo "FAIL: $model $*: an error in what should be right; the way to it:"
	spin "$@" -t -p "$model.pml" 2>/dev/null | grep -v -e 'sub-sequence' -e '\.(goto)' | tail -100
	exit 1
fi
if grep -q 'errors: 1$' pan.out &&
   grep -Eq '^pan:1: (assertion violated|invalid end state)' pan.out; then
	exit 0
fi
echo "FAIL: $model $*: the mutant survived"
exit 1
