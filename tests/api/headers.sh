#!/bin/sh
# SPDX-License-Identifier: MIT
# headers.sh c|c++ INCLUDE_DIR COMPILER... - each public header compiles alone, and twice over, as
# C11 or as C++17, and its *_INIT values can be used.
set -eu

language=$1 include=$2
shift 2
[ -n "$*" ] || { echo "no $language compiler"; exit 77; }
case $language in
c) standard=c11 ;;
c++) standard=c++17 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for header in "$include"/weir/*.h*; do
	case $language.$header in c.*.hpp) continue ;; esac
	if grep -q 'Private: use <weir/' "$header"; then continue; fi
	name=weir/${header##*/}
	{
		printf '#include <%s>\n#include <%s>\nvoid use(void);\nvoid\nuse(void)\n{\n' \
			"$name" "$name"
		# "#define WEIR_X_INIT WEIR_INIT_(weir_x)": a variable of each type, set to it.
		sed -n 's/^#define \(WEIR_[A-Z_]*_INIT\)[[:space:]]*WEIR_INIT_(\(.*\))$/\2 \1/p' \
			"$header" | while read -r type value; do
			printf '\t{ %s value = %s; (void)value; }\n' "$type" "$value"
		done
		printf '}\n'
	} >"$work/use"
	for options in -O0 -O2 '-O2 -DWEIR_NO_INLINE'; do
		echo "+ $* -x $language -std=$standard $options $name"
		# shellcheck disable=SC2086 # words
		"$@" -x "$language" -std="$standard" $options -Wall -Wextra -Werror -pedantic \
			-I"$include" -c -o "$work/use.o" "$work/use"
	done
done
