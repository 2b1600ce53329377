# SPDX-License-Identifier: MIT
# tap.sh - what the tests of programs share: run it, look at what it left, count. TAP on stdout.
#
# The caller has set weir, json_get, command (the tool's) and dir.

count=0

# check NAME COMMAND...: one test, ok if the command succeeds.
check()
{
	name=$1
	shift
	count=$((count + 1))
	if "$@"; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		sed 's/^/# out: /' "$dir/out" | head -n 30
		sed 's/^/# err: /' "$dir/err" | head -n 30
	fi
}

skip()
{
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

# run ARGUMENT...: the tool; leaves $dir/out, $dir/err and $code.
run()
{
	"$weir" $command "$@" >"$dir/out" 2>"$dir/err" </dev/null
	code=$?
}

get() { "$json_get" "$@" <"$dir/out"; }
is() { [ "$(get "$1")" = "$2" ]; }
exits() { [ "$code" -eq "$1" ]; }
says() { grep -qF -- "$1" "$dir/err"; }
shows() { grep -qE -- "$1" "$dir/out"; }
silent() { [ ! -s "$dir/err" ]; }
no_output() { [ ! -s "$dir/out" ]; }

# later NAME COMMAND...: begin what mostly waits; reap NAME: leaves its output and exit status as
# run does.
later()
{
	name=$1
	shift
	"$@" >"$dir/$name.out" 2>"$dir/$name.err" </dev/null &
	eval "pid_$name=\$!"
}

reap()
{
	eval "wait \$pid_$1"
	code=$?
	mv "$dir/$1.out" "$dir/out"
	mv "$dir/$1.err" "$dir/err"
}

# signal NAME SIGNAL: when an event has been handled, which a print handler shows.
signal()
{
	tries=600
	while [ ! -s "$dir/$1.out" ] && [ $((tries -= 1)) -gt 0 ]; do
		sleep 0.1
	done
	eval "kill -s $2 \$pid_$1"
}
