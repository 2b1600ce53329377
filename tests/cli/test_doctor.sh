#!/bin/sh
# SPDX-License-Identifier: MIT
# test_doctor.sh WEIR JSON_GET SAMPLE INCLUDE COMPILER... - the real machine, whatever it is. TAP.
set -u

weir=$1 json_get=$2 sample=$3 include=$4 command=doctor
shift 4
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
. "${0%/*}/tap.sh"

above() { awk "BEGIN { exit !($(get "$1") > $2) }"; }
narrow() { [ "$(awk '{ if (length > m) m = length } END { print m }' "$dir/out")" -le 80 ]; }
# Warnings are the machine's, but the exit status must be theirs.
fits() { [ "$code" -eq "$([ "$(get warnings)" -gt 0 ] && echo 1 || echo 0)" ]; }
verdicts() { grep -o '"verdict":"'"$1"'"' "$dir/out" | wc -l; }

# -- all of it -----------------------------------------------------------------------

run --json
check "exit status is that of the warnings" fits
check "nothing on standard error" silent
check "as many warnings as it counts" [ "$(verdicts warning)" -eq "$(get warnings)" ]
check "as many notes as it counts" [ "$(verdicts note)" -eq "$(get notes)" ]
check "each check that is not ok says what to do" [ "$(grep -o '"advice":"' "$dir/out" | wc -l)" -eq \
	$(($(get warnings) + $(get notes))) ]
check "processors allowed" is machine/processors_allowed "$(nproc)"
check "a clock reading" above machine/clock_reading_ns 0
check "a system call" above measured/system_call_ns 0
check "gaps" above measured/gaps_ns/0/max 0
check "gaps: p50 is at most the longest" sh -c "[ $(get measured/gaps_ns/0/p50 | cut -d . -f 1) -le $(get measured/gaps_ns/0/max | cut -d . -f 1) ]"
if [ "$(nproc)" -gt 1 ]; then
	check "lines between all pairs" above measured/lines/ns/0/1 0
	check "lines: there is as back" [ "$(get measured/lines/ns/0/1)" = "$(get measured/lines/ns/1/0)" ]
	check "lines: none from a processor to itself" is measured/lines/ns/0/0 null
	check "waking" above measured/futex_wake_ns/p50 0
fi
cp "$dir/out" "$dir/doctor.json"
get recommended/ini >"$dir/weir.ini"
get recommended/c >"$dir/body"

# -- what it recommends is right ---------------------------------------------------------

"$weir" run --config "$dir/weir.ini" --json "$sample" >"$dir/out" 2>"$dir/err"
code=$?
check "the INI: a host begins with it" exits 0
check "the INI: lost" is lost 0
{
	printf '#include <weir/weir.h>\nint main(void);\nint main(void)\n{\n\tweir_bus *bus;\n\tweir_status status;\n'
	cat "$dir/body"
	printf '\treturn status;\n}\n'
} >"$dir/c.c"
"$@" -std=gnu11 -Wall -Wextra -Werror -I"$include" -fsyntax-only "$dir/c.c" >"$dir/out" 2>"$dir/err"
code=$?
check "the C: it compiles" exits 0

# -- quick ---------------------------------------------------------------------------------

run --quick --json
check "--quick: exit status" fits
check "--quick: nothing is measured" is measured null
check "--quick: the ring is as by default" is recommended/ring_size 262144
run --quick
check "text: begins with its name" shows '^weir doctor$'
check "text: at most 80 columns" narrow
check "text: says that nothing was measured" shows '; nothing was measured$'
check "text: the machine as weir bench shows it" sh -c \
	"'$weir' bench --duration 1ms --warmup 0 --repeat 1 --no-yardstick | grep -qF \"\$(sed -n 4p '$dir/out')\""
taskset -c "$(sed -n 's/^Cpus_allowed_list:[[:space:]]*\([0-9]*\).*/\1/p' /proc/self/status)" \
	"$weir" doctor --quick --json >"$dir/out" 2>"$dir/err"
code=$?
check "one processor: exit status is 1" exits 1
check "one processor: it is a warning" is checks/0/verdict warning
check "one processor: nobody is to spin" is recommended/wait park
mkdir -m 700 "$dir/run" && mkdir "$dir/run/weir" && chmod 777 "$dir/run/weir"
XDG_RUNTIME_DIR=$dir/run "$weir" doctor --quick >"$dir/out" 2>"$dir/err"
code=$?
check "a directory that others may write: exit status is 1" exits 1
check "a directory that others may write: it is said" shows '^  directory +warning'

# -- usage -----------------------------------------------------------------------------------

run --frob
check "usage: exit status is 64" exits 64
check "usage: nothing on standard output" no_output
run a
check "usage: no arguments" exits 64
"$weir" help doctor >"$dir/out" 2>"$dir/err"
code=$?
check "help" exits 0
check "help: names the program" shows '^Usage: weir doctor '
if [ -w /dev/full ]; then
	"$weir" doctor --quick >/dev/full 2>"$dir/err"
	code=$?
	check "output that cannot be written: exit status is 1" exits 1
	check "output that cannot be written: it is told" says 'cannot write to standard output'
fi

echo "1..$count"
