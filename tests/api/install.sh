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

# What a package would do: the files stand where weir.pc and weir-service.pc say they are.
sed -i "s|^prefix=.*|prefix=$root|" "$lib"/pkgconfig/weir*.pc
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

examples='hello pipeline diamond epoll service'

package_of()
{
	case $1 in
	service) echo weir-service ;;
	*) echo weir ;;
	esac
}

# compile_examples PKG_CONFIG_OPTION...
# shellcheck disable=SC2046 # pkg-config prints words
compile_examples()
{
	for example in $examples; do
		compile -o "$work/$example" "$source/docs/examples/$example/$example.c" \
			$(pkg-config "$@" --cflags --libs "$(package_of "$example")") -pthread
	done
}

# The plugins link nothing of weir: neither as a library nor as a symbol.
# shellcheck disable=SC2046 # pkg-config prints words
check_plugin()
{
	for level in -O0 -O2; do
		for plugin in counter tell; do
			compile "$level" -Wall -Wextra -Werror -shared -fPIC -o "$work/$plugin.so" \
				"$source/docs/examples/plugin/$plugin.c" $(pkg-config --cflags weir)
			if needs_libweir "$work/$plugin.so"; then return 1; fi
			if nm -D --undefined-only "$work/$plugin.so" | grep weir_; then return 1; fi
		done
		WEIR_PLUGIN_MODULES=$work "$build/tests/plugin/plugin_states" example
	done
}

# check_host PKG_CONFIG_OPTION...: the example of a host, with the one of a plugin.
# shellcheck disable=SC2046 # pkg-config prints words
check_host()
{
	[ -f "$lib/pkgconfig/weir-host.pc" ] || return 0
	sed -i "s|^prefix=.*|prefix=$root|" "$lib/pkgconfig/weir-host.pc"
	mkdir -m 755 "$work/plugins"
	cp "$build/tests/plugin/counter.so" "$work/plugins" && chmod 755 "$work/plugins/counter.so"
	sed "s|^socket = .*|socket = $work/host.sock|; s|^path = .*|path = $work/plugins|" \
		"$source/docs/examples/host/weir.ini" >"$work/weir.ini"
	compile -Wall -Wextra -Werror -o "$work/host" "$source/docs/examples/host/host.c" \
		$(pkg-config "$@" --cflags --libs weir-host)
	[ "$("$work/host" "$work/weir.ini")" = 'handled 1000, lost 0' ]
}

# shellcheck disable=SC2046 # pkg-config prints words
case $kind in
shared)
	check_plugin
	check_host
	compile_examples
	for example in $examples; do needs_libweir "$work/$example"; done
	;;
static)
	rm "$lib"/libweir*.so*
	check_host --static
	compile_examples --static
	for example in $examples; do
		if needs_libweir "$work/$example"; then exit 1; fi
	done
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
for example in $examples; do
	echo "$example:"
	"$work/$example" || status=$?
done >"$work/examples.out"
diff - "$work/examples.out" <<'EOF'
hello:
order.after.create: order 42, 1999 cents
handled 1, failed 0, lost 0
pipeline:
safe 10000, handled 10000, too early 0, lost 0
diamond:
shipped 10000, too early 0, failed 0, lost 0
epoll:
report.after.create 1
report.after.create 2
report.after.create 3
report.after.create 4
report.after.create 5
5 reports, the timer ticked meanwhile
service:
order.after.create {"number": 1, "pieces": 2}: 1 left
order.failed.create {"number": 2, "pieces": 2}: not that many left
order.failed.create {"number": 3, "pieces": 0}: the operation was left without a result
before 3, after 1, failed 2, refused 0
EOF
exit $status
