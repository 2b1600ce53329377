#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bpftrace.py DOCUMENT LIBRARY POINTS - run the document's bpftrace examples of trace points on POINTS.

Each must print something, and those that count as much as POINTS knows. Exits 77 where the kernel,
or whoever runs this, may not.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

PROBE = 'usdt:./libweir.so.0:weir:'


# Before and behind the program, since which probes come first is not said: when both have been seen,
# all are there. (With -c, bpftrace would look for the library before the command has loaded it.)
TICK = ' interval:ms:50 { printf("tick %s\\n"); } '


def bpftrace(directory, program, command):
	"""Its exit status, and what it wrote while the command ran."""
	tracer = subprocess.Popen(['bpftrace', '-B', 'line', '-e', TICK % 'a' + program + TICK % 'b'], cwd=directory,
	                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
	early, waited = [], {'tick a', 'tick b'}
	for line in tracer.stdout:
		early.append(line)
		waited.discard(line.strip())
		if not waited:
			break
	if not waited:
		subprocess.run(command, check=True, timeout=60)
		tracer.send_signal(signal.SIGINT)
	rest = tracer.communicate(timeout=60)[0]
	text = re.sub(r'^(tick [ab]|Attaching.*|.*RLIMIT_MEMLOCK.*)\n', '', ''.join(early) + rest, flags=re.M)
	return tracer.returncode, text.strip()


def expected_lines(path, point):
	with open(path, encoding='utf-8') as file:
		return [line.rstrip('\n').split(' | ') for line in file if line.startswith(point + ' |')]


def expected_sum(program, path):
	"""What the numbers of all "@[...]: N" lines come to; None: no more is known than that there are some."""
	if 'hist(' in program or 'stats(' in program or 'printf' in program:
		return None
	if PROBE + 'publish__refused' in program:
		return len(expected_lines(path, 'publish__refused'))
	if PROBE + 'failure__again' in program:
		return (len(expected_lines(path, 'failure')) +
		        sum(int(line[4]) for line in expected_lines(path, 'failure__again')))
	if PROBE + 'skip' in program:
		return sum(int(last) - int(first) + 1 for *_, first, last in expected_lines(path, 'skip'))
	return None


def main():
	document, library, points = sys.argv[1:]
	directory = os.path.dirname(os.path.realpath(library))
	if not shutil.which('bpftrace'):
		print('no bpftrace')
		return 77
	code, text = bpftrace(directory, 'BEGIN { }', ['true'])
	if code:
		print('bpftrace may not look here:', text)
		return 77
	with open(document, encoding='utf-8') as file:
		found = re.findall(r"^    bpftrace -e '([^']*)'$", file.read(), re.M)
	programs = [program for program in found if PROBE in program]
	status = 0 if programs else 1
	for program in programs:
		with tempfile.NamedTemporaryFile() as expected:
			code, shown = bpftrace(directory, program, [points, expected.name])
			wanted = expected_sum(program, expected.name)
			total = sum(int(n) for n in re.findall(r'^@\w*\[.*\]: (\d+)$', shown, re.M))
		ok = code == 0 and shown and (wanted is None or wanted == total)
		print('ok:' if ok else 'NOT OK:', program.split('{')[0].strip(),
		      '' if wanted is None else f'{total} of {wanted}')
		print(re.sub('^', '    ', shown, flags=re.M))
		status = status or not ok
	return status


sys.exit(main())
