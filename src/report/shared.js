// SPDX-License-Identifier: MIT
// shared.js - the parts that a bench and a tuning have alike.

const parts = document.getElementById('parts'), main = document.getElementById('main');

// A part of the page, if there is anything in it. What goes wrong in one leaves the others whole.
function part(id, title, build) {
	let content;
	try {
		content = build();
	} catch (error) {
		console.error(error);
		content = [make('p.warning', {}, 'This part cannot be shown: the data are not as they should be.')];
	}
	if (!content || content.length === 0)
		return;
	main.append(make('section', { id, 'aria-labelledby': `${id}-title` }, make('h2', { id: `${id}-title` }, title), content));
	parts.append(make('li', {}, make('a', { href: `#${id}` }, title)));
}

function tiles(pairs) {
	return make('dl.tiles', {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== UNKNOWN)
		.map(([name, value, more]) => make('div', {}, make('dt', {}, name),
		                                   make('dd', {}, value, more ? make('small', {}, more) : null))));
}

function figure(title, note, ...children) {
	return make('figure', {}, title ? make('h3', {}, title) : null, children, note ? make('figcaption', {}, note) : null);
}

// "2026-11-26T03:30:51Z" in words, in universal time as it stands there.
function timeText(text) {
	const time = new Date(words(text));
	return Number.isNaN(time.getTime()) ? '' : `${time.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' })}, `
		+ `${time.toISOString().slice(11, 16)} UTC`;
}

const bytes = (value) => {
	const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
	let unit = 0;
	for (; value >= 1024 && unit < 4; unit++)
		value /= 1024;
	return `${digits(value)}\u00a0${units[unit]}`;
};

const numberOr = (value, text) => (known(value) ? text(value) : null);
const yesNo = (value, yes, no) => (typeof value === 'boolean' ? (value ? yes : no) : null);
const joined = (...texts) => texts.filter((text) => text !== null && text !== undefined && text !== '').join(', ');

function machineFacts(machine) {
	const topology = object(machine.topology), memory = object(machine.memory);
	return facts([
		['Processor', words(machine.processor)],
		['Processors', joined(known(machine.processors_allowed) && known(machine.processors)
			? `${machine.processors_allowed} of ${machine.processors} allowed` : null,
		numberOr(machine.quota, (quota) => `a quota of ${digits(quota)}`),
		numberOr(topology.cores, (cores) => plural(cores, 'core')),
		numberOr(topology.nodes, (nodes) => plural(nodes, 'node')))],
		['Virtual', machine.virtual === true ? words(machine.hypervisor) || 'yes' : yesNo(machine.virtual, '', 'no')],
		['Frequency', words(machine.governor) && `governor ${machine.governor}`],
		['Memory', joined(numberOr(memory.bytes, bytes),
			words(memory.huge_pages) && `huge pages ${memory.huge_pages}`,
			numberOr(memory.swap_used_bytes, (used) => (used > 0 ? `${bytes(used)} of swap in use` : null)))],
		['Kernel', joined(words(machine.kernel), yesNo(machine.page_table_isolation, 'page table isolation', ''),
			yesNo(machine.membarrier, 'membarrier', 'no membarrier'))],
		['Clock', joined(words(machine.clock_source),
			numberOr(machine.clock_reading_ns, (ns) => `${show(ns, TIME)} a reading`))],
		['Load before', numberOr(machine.load, digits)],
		['Taken by the hypervisor', numberOr(machine.stolen_share, (share) => (share > 0 ? show(share, SHARE) : 'nothing'))],
		['Made with', joined(words(machine.weir) && `weir ${machine.weir}`, words(machine.compiler), words(machine.libc))],
	]);
}

// What the machine was like beside each run: `runs` have line_ns, yardstick_ns and who else was busy.
function besideRuns(runs) {
	const beside = (name, i) => (run) => list(run[name])[i];
	const columns = [
		{ title: 'run', quantity: WHOLE, value: (run) => run.number },
		{ title: 'line, before', quantity: TIME, value: beside('line_ns', 0) },
		{ title: 'line, after', quantity: TIME, value: beside('line_ns', 1) },
		{ title: 'yardstick, before', quantity: TIME, value: beside('yardstick_ns', 0) },
		{ title: 'yardstick, after', quantity: TIME, value: beside('yardstick_ns', 1) },
		{ title: 'others busy', quantity: named('processors'), value: (run) => run.others_processors },
		{ title: 'not given', quantity: named('processors'), value: (run) => run.stolen_processors },
		{ title: '', still: true, value: (run) => (run.disturbed === true ? 'disturbed' : ''),
		  cell: runs.some((run) => run.disturbed === true)
			? (run) => (run.disturbed === true ? make('span.mark', {}, 'disturbed') : '') : undefined },
	];
	if (!runs.some((run) => list(run.line_ns).some(known) || list(run.yardstick_ns).some(known) || known(run.others_processors)))
		return [];
	return [make('h3', {}, 'Beside each run'), sortable(columns, runs, { label: 'The machine beside each run', limit: 50 }),
	        make('p.note', {}, 'Line: the time of a cache line from one processor to another. Yardstick: an event through a bare ring, '
			+ 'in the same moment. Not given: what the hypervisor gave to others.')];
}

function disturbances(runs) {
	const disturbed = runs.filter((run) => run.disturbed === true);
	const moved = runs.filter((run) => {
		const [before, after] = list(run.line_ns);
		return known(before) && known(after) && Math.max(before, after) > 1.15 * Math.min(before, after);
	});
	const said = runs.filter((run) => typeof run.disturbed === 'boolean').length;
	return make('p', {}, [
		said > 0 ? (disturbed.length > 0
			? `Other processes or the hypervisor disturbed ${disturbed.length} of ${plural(said, 'run')}. `
			: `No run of ${fixed(said, 0)} was disturbed by other processes or the hypervisor. `) : '',
		moved.length > 0 ? `The time of a line moved by more than 15\u00a0% in ${moved.length} of ${plural(runs.length, 'run')}.` : '',
	].join(''));
}

function machinePart(result, runs) {
	const machine = object(result.machine);
	if (Object.keys(machine).length === 0)
		return [];
	return [disturbances(runs), machineFacts(machine), besideRuns(runs)];
}

function repeatPart(result) {
	return [
		words(result.command) && copyable('the command', result.command, true),
		make('p.choices', {}, copyButton('Copy the data as JSON', 'the data as JSON', JSON.stringify(result)),
		     make('span.note', {}, ' All that this page was made of, as --json prints it.')),
	];
}
