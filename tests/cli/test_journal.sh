#!/bin/sh
# SPDX-License-Identifier: MIT
# test_journal.sh - `weir journal` from outside, on journals that weir run has recorded. TAP on stdout.
#
# usage: test_journal.sh WEIR JSON_GET SAMPLE PLUGIN

set -u
weir=$1 json_get=$2 sample=$3 plugin=$4
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
command=journal
. "$(dirname "$0")/tap.sh"

# record NAME SETTING... - the standard input through a host with the journal, in $dir/NAME.db
record()
{
	name=$1
	shift
	{
		printf '[pool.journal]\n[plugin.audit]\nfile=%s\npool=journal\npath=%s\n' "$plugin" \
			"$dir/$name.db"
		for setting; do echo "$setting"; done
	} >"$dir/$name.ini"
	"$weir" run --config "$dir/$name.ini" - >"$dir/$name.run" 2>&1
}

lines() { [ "$(wc -l <"$dir/out")" -eq "$1" ]; }
exists() { [ -f "$dir/$1" ]; }
absent() { ! exists "$1"; }

# Hosts publish events of their own, so topics are chosen.
record audit 'topics=file.> commit.>' rotate_size=200k durability=commit <"$sample"
record small 'topics=order.>, user.>' <<'EOF'
{"topic":"order.after.create","key":7,"time":"2024-05-01T12:00:00Z","traceparent":"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01","data":{"n":1.10,"s":"a\u009bb"}}
{"topic":"order.after.delete","key":"seven","time":"2024-05-02T12:00:00Z"}
{"topic":"user.before.create","time":"2024-05-03T12:00:00.000000001Z","data":null}
EOF

# -- verify --------------------------------------------------------------------

run verify "$dir/audit.db"
check 'verify: a good journal' exits 0
check 'verify: all rows' shows '^3,296 rows: 3,294 events'
check 'verify: files' shows 'audit-000003.db .* ok'
check 'verify: says it is whole, and where it ends' shows '^whole  ends with 3296:[0-9a-f]{64}$'
end=$(sed -n 's/^whole  ends with //p' "$dir/out")
check 'verify: leaves no side files' absent audit-000001.db-shm

run verify --json "$dir/audit.db"
check 'verify --json: whole' is whole true
check 'verify --json: events' is events 3294
run verify --hash "$end" "$dir/audit.db"
check 'verify --hash: the row that was noted' exits 0
run verify --hash "3296:$(echo "$end" | sed 's/.*://; s/^./x/; y/x0123456789abcdef/0123456789abcdef0/')" "$dir/audit.db"
check 'verify --hash: another hash' exits 1
run verify "$dir/audit-000002.db"
check 'verify: one file of several' exits 0
run verify "$dir/audit-000001.db" "$dir/audit-000003.db"
check 'verify: a file is missing in between' exits 1
check 'verify: and which' says 'is file 3, and comes after file 1'
run verify "$dir/nothing.db"
check 'verify: no such journal' exits 66
run verify
check 'verify: no file' exits 64
run look "$dir/audit.db"
check 'what to do is not known' exits 64

# -- show, export --------------------------------------------------------------

run show "$dir/small.db"
check 'show' exits 0
check 'show: opened, events, closed' lines 5
check 'show: a row' shows '^ +2  2024-05-01T12:00:00Z +order.after.create  .*key 7  trace 00-0123'
run show --topic 'order.>' "$dir/small.db"
check 'show --topic' lines 2
run show --json --topic 'weir.>' "$dir/small.db"
check 'show --json --topic weir.>' shows '"topic":"weir.journal.opened".*"kind":"opened","hash":"[0-9a-f]{64}"'
run export --key 7 "$dir/small.db"
check 'export --key, a number' lines 1
run export --key seven "$dir/small.db"
check 'export --key, a text' shows '"topic":"order.after.delete"'
run export --trace 0123456789abcdef0123456789abcdef "$dir/small.db"
check 'export --trace' lines 1
run export --from 2024-05-02T12:00:00Z --to 2024-05-02T12:00:00Z "$dir/small.db"
check 'export --from --to, both included' lines 1
run export --from 1714651201 "$dir/small.db"
check 'export --from, in seconds' lines 1
run export --limit 2 "$dir/small.db"
check 'export --limit' lines 2
run export --key x --key 7 --topic 'order..x' "$dir/small.db"
check 'a pattern that is none' exits 64
run export --from yesterday "$dir/small.db"
check 'a time that is none' exits 64

run export "$dir/small.db"
check 'export: no rows of the journal itself' lines 3
check 'export: numbers and strings as they were' shows '"data":\{"n":1.10,"s":"a\\u009bb"\}'
cp "$dir/out" "$dir/exported"
"$weir" run --on '>=print' "$dir/exported" >"$dir/out" 2>"$dir/err"
check 'export: weir run reads it again' shows '"time":"2024-05-03T12:00:00.000000001Z".*"data":null'
"$weir" run --on '>=print' "$dir/exported" 2>/dev/null | record again 'topics=order.> user.>'
run export "$dir/again.db"
sed 's/,"source.*//' "$dir/out" >"$dir/second"
sed 's/,"source.*//' "$dir/exported" >"$dir/first"
check 'and what that records is the same' cmp -s "$dir/first" "$dir/second"

run export --format cloudevents --source urn:test "$dir/small.db"
check 'cloudevents: specversion' shows '^\{"specversion":"1.0","id":"[0-9a-f-]{36}-2","source":"urn:test"'
head -n 1 "$dir/out" >"$dir/one" && mv "$dir/one" "$dir/out"
check 'cloudevents: type' is type order.after.create
check 'cloudevents: time' is time 2024-05-01T12:00:00Z
check 'cloudevents: traceparent' is traceparent 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01
check 'cloudevents: key' is partitionkey 7
check 'cloudevents: data' shows '"data":\{"n":1.10,'
run export --format xml "$dir/small.db"
check 'another format' exits 64

if command -v script >/dev/null; then
	printf '{"topic":"a","data":"\302\2331m\342\200\256"}\n' | record steer topics=a
	script -qec "'$weir' journal export '$dir/steer.db'" /dev/null >"$dir/out" 2>"$dir/err" </dev/null
	check 'a terminal gets nothing but ASCII' shows '"\\u009b1m\\u202e"'
else
	skip 'a terminal gets nothing but ASCII' 'no script'
fi

# -- damage --------------------------------------------------------------------

cp "$dir/audit-000002.db" "$dir/whole.db"
printf 'XXXX' | dd of="$dir/audit-000002.db" bs=1 seek=100000 conv=notrunc 2>/dev/null
run verify "$dir/audit.db"
check 'damage: found' exits 1
check 'damage: where' says 'audit-000002.db: row'
check 'damage: said in the sum' shows '^BROKEN'
run export "$dir/audit.db"
check 'damage: export says so' exits 1
check 'damage: the rest is exported' test "$(wc -l <"$dir/out")" -gt 3200
dd if="$dir/whole.db" of="$dir/audit-000002.db" bs=4096 count=30 2>/dev/null
run verify --json "$dir/audit.db"
check 'cut: found' is whole false
run export "$dir/audit.db"
check 'cut: other files, and the beginning, are exported' test "$(wc -l <"$dir/out")" -gt 2500
cp "$dir/whole.db" "$dir/audit-000002.db"
run verify "$dir/audit.db"
check 'put back: whole' exits 0

# -- settings ------------------------------------------------------------------

for setting in 'durability=x' 'on_error=x' 'rotate_size=x' 'rotate_time=1w' 'checkpoint_pages=0' \
	'topics=a..b' 'colour=red'; do
	record refused "$setting" </dev/null
	cp "$dir/refused.run" "$dir/err"
	check "a setting that is refused: $setting" says "${setting%%=*}"
done

echo "1..$count"
