#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""code.py - what trace points are in the machine code, and what they cost while nobody looks.

  code.py notes LIBRARY DOCUMENT     the points of the library are those that the document has, with
                                     the same arguments
  code.py places LIBRARY OTHER       no point is in a hot function or in a loop over events; the hot
                                     functions are the same, instruction for instruction, in OTHER,
                                     which was built without points
  code.py counts PROGRAM OTHER COMPILER    count.c with the library, and without points: batches
                                     execute the points' nops more, each event nothing
"""
import re
import subprocess
import sys

# The inside of loops over events, and what publishers run inline.
HOT = ('walk', 'walk_keyed', 'deliver_to_list', 'deliver_by_state', 'copy_out', 'scout', 'change_flags',
       'weir_publish', 'weir_reserve', 'weir_commit', 'wi_producer_limit', 'wi_dispatch_watch')
# Once for each of several handlers: of a batch, or of an event whose times are taken.
FOR_EACH_HANDLER = ('failure__again', 'handler__sampled')
# Arguments by their type: what readelf shows before the "@".
WIDTHS = {'u32': '4', 'i32': '-4', 'u64': '8', 'char *': '8'}

failed = False


def judge(ok, what):
	global failed
	failed = failed or not ok
	print(('ok: ' if ok else 'NOT OK: ') + what)


def run(*command):
	return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def notes(library):
	"""(name, address, semaphore, [argument]) of each place where a point is."""
	found = []
	for part in run('readelf', '-n', library).split('Provider: ')[1:]:
		line = part.split('\n')
		if line[0] != 'weir':
			continue
		place = re.match(r'\s*Location: (\w+), Base: \w+, Semaphore: (\w+)', line[2])
		found.append((line[1].split()[1], int(place[1], 16), int(place[2], 16),
		              line[3].split(':', 1)[1].split()))
	return found


def documented(path):
	"""name -> [type], from the rows | `name` | when | `type name`, ... |"""
	points = {}
	with open(path, encoding='utf-8') as document:
		for line in document:
			row = re.match(r'\| `([a-z_]+)` \|.*\|([^|]*)\|$', line)
			if row:
				points[row[1]] = re.findall(r'`(u32|i32|u64|char \*) ?\w+`', row[2])
	return points


def check_notes(library, document):
	expected = documented(document)
	found = notes(library)
	names = {name for name, *_ in found}
	# No call of it yet: it is there as soon as one is.
	missing = set(expected) - names
	judge(expected and not missing, f'{len(names)} of {len(expected)} documented points are in the library '
	      + ' '.join(sorted(missing)))
	for name, address, semaphore, arguments in found:
		types = expected.get(name)
		ok = (types is not None and semaphore != 0 and
		      [a.split('@')[0] for a in arguments] == [WIDTHS[t] for t in types])
		judge(ok, f'{name} at {address:#x}: {" ".join(arguments)}, documented: {types}')


class Function:
	def __init__(self, name):
		self.name = name
		self.code = []          # (address, operation, operands)

	def plain(self):
		"""Without padding, addresses and registers' numbers in them: to be compared."""
		lines = []
		for _, operation, operands in self.code:
			if re.match(r'(nop|data16|cs$)', operation) or (operation, operands) == ('xchg', '%ax,%ax'):
				continue
			operands = re.sub(r'[0-9a-f]+ <[^>]*>', 'PLACE', operands)
			operands = re.sub(r'-?0x[0-9a-f]+\(%rip\)', 'PLACE', operands)
			lines.append(f'{operation} {operands}'.strip())
		return lines

	def on_cycle(self, address):
		"""Can the instruction at the address come back to itself?"""
		at = {a: i for i, (a, _, _) in enumerate(self.code)}
		def after(i):
			_, operation, operands = self.code[i]
			target = re.match(r'\*?([0-9a-f]+) ', operands + ' ')
			if operation.startswith('j') and target and int(target[1], 16) in at:
				yield at[int(target[1], 16)]
			if operation not in ('jmp', 'ret', 'ud2', 'hlt') and i + 1 < len(self.code):
				yield i + 1
		start = at[address]
		seen, todo = set(), list(after(start))
		while todo:
			i = todo.pop()
			if i == start:
				return True
			if i not in seen:
				seen.add(i)
				todo += after(i)
		return False


def functions(library):
	found, function = {}, None
	for line in run('objdump', '-d', '--no-show-raw-insn', library).split('\n'):
		head = re.match(r'[0-9a-f]+ <(.*)>:$', line)
		if head:
			# What the compiler has split or specialized is the function still.
			name = re.sub(r'\.(isra|constprop|part|lto_priv)\.\d+', '', head[1])
			function = Function(name)
			found.setdefault(name, []).append(function)
			continue
		instruction = re.match(r' *([0-9a-f]+):\t(\S+) *(.*)$', line)
		if instruction:
			function.code.append((int(instruction[1], 16), instruction[2], instruction[3]))
	return found


def check_places(library, other):
	code, plain = functions(library), functions(other)
	judge(not notes(other), 'no points without -Dtrace')
	for name, address, *_ in notes(library):
		inside = [f for parts in code.values() for f in parts if any(a == address for a, _, _ in f.code)]
		operation = [o for f in inside for a, o, _ in f.code if a == address]
		judge(len(inside) == 1 and operation == ['nop'], f'{name} at {address:#x} is a nop')
		for f in inside:
			judge(f.name.removesuffix('.cold') not in HOT, f'{name}: {f.name} is not a hot function')
			judge(name in FOR_EACH_HANDLER or not f.on_cycle(address), f'{name}: in no loop of {f.name}')
	for name in HOT:
		# wi_dispatch_watch and change_flags may be inline in their callers.
		a, b = ([f.plain() for f in table.get(name, [])] for table in (code, plain))
		judge(a == b, f'{name}: the same code without points, {sum(map(len, a))} instructions')
		judge(not any('_semaphore' in operands for f in code.get(name, []) for *_, operands in f.code),
		      f'{name} asks for no semaphore')


def check_counts(program, other, compiler):
	a, b = (dict(line.split() for line in run(p).splitlines()) for p in (program, other))
	# clang loads into registers what gcc leaves where it is.
	batch = 2 if compiler == 'gcc' else 10
	# Some copy memory or read the clock, which takes a few more or less from process to process.
	most = {'publish': 0, 'publish-key': 24, 'reserve-key': 24, 'refused': 24, 'batch-1': batch, 'batch-64': batch,
	        'batch-64-failing': 40}
	judge(set(a) == set(b) == set(most), 'all are counted')
	for name, bar in most.items():
		with_points, without = int(a[name]), int(b[name])
		judge(with_points - without <= bar,
		      f'{name}: {with_points} instructions, {without} without points, at most {bar} more')
	each = [int(c['batch-64']) - int(c['batch-1']) for c in (a, b)]
	judge(each[0] == each[1], f'63 events more in a batch: {each[0]} instructions, {each[1]} without points')


def main():
	checks = {'notes': (check_notes, 2), 'places': (check_places, 2), 'counts': (check_counts, 3)}
	if len(sys.argv) < 2 or sys.argv[1] not in checks or len(sys.argv) - 2 != checks[sys.argv[1]][1]:
		sys.exit(__doc__)
	checks[sys.argv[1]][0](*sys.argv[2:])
	sys.exit(failed)


main()
