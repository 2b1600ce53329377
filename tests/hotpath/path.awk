# SPDX-License-Identifier: MIT
# path.awk - judge one function in the output of objdump -d --no-show-raw-insn (x86-64, AT&T).
#
#   awk -v name=FUNCTION -v mode=publish|refresh -v most=N -f path.awk
#
# Prints "COUNT ok" or "COUNT REASON" and exits 0 or 1.
#
# publish: the fast path is every way from the entry to a return that makes no
#   call and does not leave the function (to a .cold part, or by a tail call).
#   There must be one; none of its instructions may be locked, fence, repeat, or
#   jump through a register; none may lie on a cycle. COUNT is the longest way.
# refresh: instructions that lie on a cycle form the loop. There must be exactly
#   one loop, closed by one backward branch; it holds no call and nothing locked.
#   COUNT is the number of its instructions: no turn can take more.

function finish(reason)
{
	print count + 0, reason
	exit reason != "ok"
}

# Is instruction i one that the hot path must not have? The reason, or "".
function forbidden(i)
{
	if (op[i] == "lock" || op[i] ~ /^(xacquire|xrelease)/)
		return "locked instruction"
	if (op[i] ~ /^xchg/ && args[i] ~ /\(/)
		return "exchange with memory"
	if (op[i] ~ /^(mfence|cpuid|syscall|int|sysenter)/)
		return op[i]
	if (op[i] ~ /^rep/ && args[i] !~ /^ret/)
		return "repeated string instruction"
	if (op[i] ~ /^j/ && args[i] ~ /^\*/)
		return "indirect jump"
	return ""
}

# The next instruction after i in one step, and where its jump goes; 0: nowhere.
function link_up(i,    target)
{
	follow[i] = i + 1
	if (i == n || op[i] ~ /^(ret|ud2|hlt)/ || op[i] ~ /^(repz|bnd)$/ && args[i] ~ /^ret/)
		follow[i] = 0
	if (op[i] ~ /^call/)
		calls[i] = 1
	if (op[i] !~ /^j/ || args[i] ~ /^\*/)
		return
	target = args[i]
	sub(/[ \t].*/, "", target)
	branch[i] = (target in at) ? at[target] : 0
	if (!branch[i] && op[i] ~ /^jmp/)
		calls[i] = 1
	if (op[i] ~ /^jmp/)
		follow[i] = 0
}

# A way may go on from i to j. In publish mode a call ends it.
function mark_forward(i)
{
	while (i && !(i in reached)) {
		reached[i] = 1
		if (mode == "publish" && calls[i])
			return
		if (branch[i])
			mark_forward(branch[i])
		i = follow[i]
	}
}

# Sweeps until nothing changes; functions are short.
function mark_returning(    i, changed)
{
	do {
		changed = 0
		for (i = n; i >= 1; i--) {
			if (i in returning || mode == "publish" && calls[i])
				continue
			if (op[i] ~ /^ret/ || op[i] ~ /^(repz|bnd)$/ && args[i] ~ /^ret/ ||
			    (branch[i] && (branch[i] in returning)) ||
			    (follow[i] && (follow[i] in returning))) {
				returning[i] = 1
				changed = 1
			}
		}
	} while (changed)
}

function fast(i)
{
	return i && (i in reached) && (i in returning)
}

# The longest way from i, by depth first; open[i] marks the way that led here.
function longest(i,    best, other)
{
	if (i in length_of)
		return length_of[i]
	if (i in open) {
		cyclic = 1
		return 0
	}
	open[i] = 1
	best = 0
	if (fast(branch[i]))
		best = longest(branch[i])
	if (fast(follow[i])) {
		other = longest(follow[i])
		best = other > best ? other : best
	}
	delete open[i]
	return length_of[i] = best + 1
}

function judge_publish(    i, reason)
{
	mark_forward(1)
	mark_returning()
	if (!fast(1))
		finish("no way without a call")
	for (i = 1; i <= n; i++)
		if (fast(i) && (reason = forbidden(i)) != "")
			finish(reason)
	count = longest(1)
	if (cyclic)
		finish("loop")
	finish(count > most ? "more than " most " instructions" : "ok")
}

# Can i come back to itself?
function on_cycle(i,    j)
{
	for (j in reached)
		delete reached[j]
	mark_forward(branch[i])
	mark_forward(follow[i])
	return i in reached
}

function judge_refresh(    i, reason, back)
{
	for (i = 1; i <= n; i++)
		if (on_cycle(i))
			looping[i] = 1
	for (i = 1; i <= n; i++) {
		if (!(i in looping))
			continue
		count++
		if ((reason = forbidden(i)) != "")
			finish(reason)
		if (calls[i])
			finish("call in the loop")
		back += branch[i] && branch[i] <= i
	}
	if (back != 1)
		finish(back + 0 " backward branches instead of 1")
	finish(count > most ? "more than " most " instructions" : "ok")
}

/^[0-9a-f]+ <.*>:$/ {
	inside = $2 == "<" name ">:"
	next
}

inside && /^ *[0-9a-f]+:\t/ {
	split($0, part, "\t")
	address = part[1]
	gsub(/[ :]/, "", address)
	text = part[2]
	sub(/[ \t]*(#.*)?$/, "", text)
	# What only pads or hints is an instruction, but its prefixes hide its name.
	sub(/^((cs|ds|data16|notrack|bnd) +)+/, "", text)
	at[address] = ++n
	op[n] = text
	sub(/[ \t].*/, "", op[n])
	args[n] = text
	sub(/^[^ \t]+[ \t]*/, "", args[n])
}

END {
	if (!n)
		finish("not found")
	for (i = 1; i <= n; i++)
		link_up(i)
	if (mode == "publish")
		judge_publish()
	judge_refresh()
}
