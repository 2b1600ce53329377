#!/bin/sh
# SPDX-License-Identifier: MIT
# test_rebuild.sh - docs/examples/rebuild, twice, over one journal. TAP on stdout.
#
# usage: test_rebuild.sh REBUILD WEIR PLUGIN SOURCE

set -u
rebuild=$1 weir=$2 plugin=$3 source=$4
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
command=
. "$(dirname "$0")/../cli/tap.sh"

sed -e "s|^socket = .*|socket = $dir/c.sock|" -e "s|^path = .*|path = $dir/audit.db|" \
	-e "s|^file = .*|file = $plugin|" "$source" >"$dir/weir.ini"
rebuild() { "$rebuild" "$dir/weir.ini" "$dir/audit.db" "$weir" >"$dir/out" 2>"$dir/err" </dev/null; code=$?; }
rows() { [ "$("$weir" journal export "$dir/audit.db" | wc -l)" -eq "$1" ]; }

rebuild
check 'the first run' exits 0
check 'both are the same' shows '^kept: 10000 orders; rebuilt: 10000; equal$'
check 'what was replayed is not recorded again' rows 10000
rebuild
check 'the second run begins with what the journal holds' shows '^kept: 20000 orders; rebuilt: 20000; equal$'
check 'and ends well' exits 0
check 'as many rows as orders' rows 20000

echo "1..$count"
