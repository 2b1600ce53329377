#!/bin/sh
# SPDX-License-Identifier: MIT
# install.sh shared|static|c++ SOURCE_ROOT BUILD_ROOT PREFIX COMPILER... - install the build, then
# compile and run a user of the library with nothing but pkg-config.
set -eu

kind=$1 source=$2 build=$3 prefix=$4
shift 4
compiler=$*
[ -n "$compiler" ] || { echo "no $kind compiler"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
meson install -C "$build" --no-rebuild --destdir "$work/root" >"$work/install.log"
root=$work/root$prefix
lib=$(dirname "$(find "$root" -name libweir.so.0)")

# What a package would do: the files stand where weir.pc says they are.
sed -i "s|^prefix=.*|prefix=$root|" "$lib/pkgconfig/weir.pc"
export PKG_CONFIG_PATH="$lib/pkgconfig"
export LD_LIBRARY_PATH="$lib"

compile()
{
	echo "+ $compiler $*"
	$compiler "$@"
}

needs_libweir()
{
	LC_ALL=C readelf -d "$1" | grep 'NEEDED.*\[libweir\.so'
}

# shellcheck disable=SC2046 # pkg-config prints words
case $kind in
shared)
	compile -o "$work/hello" "$source/docs/examples/hello/hello.c" \
		$(pkg-config --cflags --libs weir)
	needs_libweir "$work/hello"
	compile -o "$work/epoll" "$source/docs/examples/epoll/epoll.c" \
		$(pkg-config --cflags --libs weir) -pthread
	needs_libweir "$work/epoll"
	;;
static)
	rm "$lib"/libweir.so*
	compile -o "$work/hello" "$source/docs/examples/hello/hello.c" \
		$(pkg-config --static --cflags --libs weir)
	if needs_libweir "$work/hello"; then exit 1; fi
	compile -o "$work/epoll" "$source/docs/examples/epoll/epoll.c" \
		$(pkg-config --static --cflags --libs weir) -pthread
	;;
c++)
	for level in -O0 -O2; do
		compile -std=c++17 "$level" -Wall -Wextra -Werror -o "$work/client" \
			"$source/tests/api/client.cc" $(pkg-config --cflags --libs weir)
		"$work/client"
	done
	exit 0
	;;
esac

status=0
"$work/hello" >"$work/hello.out" || status=$?
diff - "$work/hello.out" <<'EOF'
order.after.create: order 42, 1999 cents
handled 1, failed 0, lost 0
EOF
"$work/epoll" >"$work/epoll.out" || status=$?
diff - "$work/epoll.out" <<'EOF'
report.after.create 1
report.after.create 2
report.after.create 3
report.after.create 4
report.after.create 5
5 reports, the timer ticked meanwhile
EOF
exit $status
