#!/bin/sh
# SPDX-License-Identifier: MIT
# docs.sh SOURCE_ROOT LIBRARY SERVICE_LIBRARY COMPILER... - the C programs of README.md and docs/api
# compile without a warning, run, and print what the page says. TAP on stdout.
#
# A block that begins with ```c is a whole program; a ```text block right behind it is what it
# prints. What stands in an HTML comment is left out. The tests that the pages name, and the files
# that they link to, must be there.
set -u

source=$1 library=$2 service=$3
shift 3
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
count=0

# extract PAGE: "$work"/N.c, N.text, and N.at for "PAGE:LINE", on from $count.
extract()
{
	awk -v work="$work" -v page="${1#"$source"/}" -v n="$count" '
		/^<!--/ { comment = 1 }
		/-->/ { comment = 0; next }
		comment { next }
		/^```/ && file { close(file); file = ""; next }
		/^```c$/ {
			n++
			print page ":" NR > (work "/" n ".at")
			close(work "/" n ".at")
			file = work "/" n ".c"
			behind = 1
			next
		}
		/^```text$/ && behind { file = work "/" n ".text"; behind = 0; next }
		/^```/ { file = "/dev/null"; next }
		file { print > file; next }
		/[^ ]/ { behind = 0 }
		END { print n }' "$1"
}

# What goes wrong is in $work/said.
compile()
{
	"$@" -std=gnu11 -Wall -Wextra -Werror -I"$source/include" -o "$work/program" "$work/$count.c" \
		-Wl,--as-needed "$service" "$library" \
		-Wl,-rpath,"$(dirname "$library"):$(dirname "$service")" -pthread >"$work/said" 2>&1
}

run()
{
	timeout 60 "$work/program" >"$work/out" 2>"$work/said" || {
		echo "exit status $?" >>"$work/said"
		return 1
	}
	[ ! -e "$work/$count.text" ] || diff "$work/$count.text" "$work/out" >"$work/said"
}

shown() { awk '/^<!--/ { comment = 1 } !comment; /-->/ { comment = 0 }' "$@"; }

# Names of tests, and links within the repository, that lead nowhere.
missing_tests()
{
	shown "$@" | grep -o '`\(test\|fault\)_[a-z_0-9]*' | tr -d '`' | sort -u | while read -r name; do
		grep -rqw "$name" "$source/tests" || echo "no test $name"
	done
}

missing_links()
{
	for page in "$@"; do
		shown "$page" | grep -o ']([^):]*)' | tr -d '()]' | sed 's/#.*//' | sort -u |
			while read -r link; do
				[ -e "${page%/*}/$link" ] ||
					echo "${page#"$source"/}: no file $link"
			done
	done
}

# nothing NAME TEXT: ok if TEXT is empty.
nothing()
{
	count=$((count + 1))
	if [ -z "$2" ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		echo "$2" | sed 's/^/# /'
	fi
}

for page in "$source"/README.md "$source"/docs/api/*.md; do
	count=$(extract "$page")
done
total=$count
echo "1..$((total + 2))"
[ "$total" -gt 0 ] || exit 1
count=0
while [ "$count" -lt "$total" ]; do
	count=$((count + 1))
	if compile "$@" && run; then
		echo "ok $count - $(cat "$work/$count.at")"
	else
		echo "not ok $count - $(cat "$work/$count.at")"
		sed 's/^/# /' "$work/said" | head -n 30
	fi
done
set -- "$source"/README.md "$source"/src/cli/README.md "$source"/docs/*.md "$source"/docs/api/*.md
nothing "tests that are named" "$(missing_tests "$@")"
nothing "links" "$(missing_links "$@")"
