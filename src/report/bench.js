// SPDX-License-Identifier: MIT
// bench.js - the parts of the page of `weir bench`.

const KINDS = ['total', 'waiting', 'handling'];
const PERCENTILES = [['p50', 50], ['p90', 90], ['p99', 99], ['p99.9', 99.9], ['p99.99', 99.99]];
const FIGURES = [
	{ name: 'events a second', key: 'events_per_second', quantity: RATE },
	{ name: 'time for an event', key: 'event_ns', quantity: TIME },
	{ name: 'time for an event by the yardstick’s', key: 'yardstick_ratio', quantity: RATIO },
	{ name: 'processor time for an event', key: 'cpu_ns_per_event', quantity: TIME },
	{ name: 'context switches for a million events', key: 'switches_per_million_events', quantity: PLAIN },
];

const onName = (on) => `${words(on.pattern) || 'handler'}${words(on.pool) && on.pool !== 'default' ? ` @${on.pool}` : ''}`;

// Of fewer events than it takes to have one beyond it, a percentile is nothing but the greatest.
function percentileOf(quantiles, name, percent) {
	const count = object(quantiles).count;
	return known(count) && count * (1 - percent / 100) >= 0.9999 ? quantiles[name] : undefined;
}

// A run that was cut short is not in the spread, unless it is all there is.
function benchSpread(runs, key) {
	const whole = runs.filter((run) => run.cut_short !== true);
	return spreadOf((whole.length > 0 ? whole : runs).map((run) => run[key]));
}

// -- in words ------------------------------------------------------------------

function benchHeadline(result, runs) {
	const parameters = object(result.parameters), speed = benchSpread(runs, 'events_per_second');
	const total = object(object(list(result.latency)[0]).total);
	const p50 = percentileOf(total, 'p50', 50), p99 = percentileOf(total, 'p99', 99);
	if (parameters.loop === 'open' && known(p50)) {
		const of = list(result.latency).length > 1 ? ` (${onName(result.latency[0])})` : '';
		return `At ${fixed(parameters.rate, 0)} events a second half of the events were handled within `
			+ `${show(p50, TIME)} of their moment${known(p99) ? `, and 99\u00a0% within ${show(p99, TIME)}` : ''}${of}.`;
	}
	if (!known(speed.median))
		return 'Nothing was measured.';
	const spread = speed.count > 1 ? `, the median of ${plural(speed.count, 'run')} (half of them between ${show(speed.low, RATE)} and ${show(speed.high, RATE)})` : ', in one run';
	const each = benchSpread(runs, 'event_ns').median, ratio = benchSpread(runs, 'yardstick_ratio').median;
	return `${show(speed.median, COUNT)} events a second${spread}: ${show(each, TIME)} for an event`
		+ `${known(ratio) ? `, ${digits(ratio)} times what a bare ring took in the same moments` : ''}.`;
}

function benchWarnings(result, runs) {
	const parameters = object(result.parameters), lost = result.lost;
	const wrong = runs.reduce((sum, run) => sum + (known(run.wrong) ? run.wrong : 0), 0);
	const first = runs.map((run) => words(run.wrong_first)).find((text) => text !== '');
	return [
		known(lost) && lost !== 0 && `${fixed(lost, 0)} events were lost.`,
		!known(lost) && 'Whether events were lost could not be known: not all were handled in the end.',
		wrong > 0 && `${plural(wrong, 'event')} came wrong${first ? `: ${first}` : '.'}`,
		result.rate_reached === false && `The rate was not reached: less than 99\u00a0% of what was to be sent was sent in time.`,
		known(result.signal) && result.signal > 0 && 'It was interrupted by a signal: this is what there was until then.',
		known(parameters.repeat) && runs.length < parameters.repeat && `There are ${runs.length} of ${plural(parameters.repeat, 'run')}.`,
	].filter(Boolean).map((text) => make('p.warning', {}, text));
}

function benchTiles(result, runs) {
	const open = object(result.parameters).loop === 'open', total = object(object(list(result.latency)[0]).total);
	const tile = (name, key, quantity) => {
		const spread = benchSpread(runs, key);
		return [name, show(spread.median, quantity), spread.count > 1
			? `${show(spread.least, quantity)} to ${show(spread.most, quantity)}` : null];
	};
	const latency = PERCENTILES.slice(0, 4).map(([name, percent]) => {
		const at = percentileOf(total, name, percent);
		const each = extent(runs.map((run) => percentileOf(object(object(list(run.latency)[0]).total), name, percent)));
		return [`${percent}\u00a0% within`, show(at, TIME), each && runs.length > 1 ? `${show(each[0], TIME)} to ${show(each[1], TIME)}` : null];
	});
	return tiles([
		...(open ? latency : []),
		tile('events a second', 'events_per_second', COUNT),
		...(open ? [] : [tile('for an event', 'event_ns', TIME), tile('of the yardstick’s time', 'yardstick_ratio', RATIO)]),
		tile('processor time an event', 'cpu_ns_per_event', TIME),
		['lost', show(result.lost, WHOLE), null],
	]);
}

// -- the load ------------------------------------------------------------------

function sizesText(size) {
	const each = list(object(size).bytes).filter(known);
	return each.length > 0 ? `${each.map((one) => fixed(one, 0)).join(size.range === true ? ' to ' : ', ')} bytes` : '';
}

function benchLoad(parameters) {
	const open = parameters.loop === 'open';
	return facts([
		['Scenario', joined(words(parameters.scenario), words(parameters.summary))],
		['Producers', joined(numberOr(parameters.producers, (count) => fixed(count, 0)),
			yesNo(parameters.producers_pinned, 'each on its processor', 'on any processor'))],
		['Sent', open ? joined(`open loop: ${show(parameters.rate, WHOLE)} events a second, each at its moment`,
			known(parameters.burst) && parameters.burst > 1 ? `${fixed(parameters.burst, 0)} at once` : null)
			: parameters.loop === 'closed' ? 'closed loop: each event as soon as there is room' : null],
		['Events', joined(sizesText(parameters.size), known(parameters.commit) && parameters.commit > 1
			? `${fixed(parameters.commit, 0)} a commit` : null, yesNo(parameters.in_place, 'written in place', 'copied'))],
		['Topics', joined(numberOr(parameters.topics, (count) => fixed(count, 0)), known(parameters.hot_percent) && parameters.hot_percent > 0
			? `${parameters.hot_percent}\u00a0% of the events to the first` : null)],
		['Keys', known(parameters.keys) && parameters.keys > 0 ? fixed(parameters.keys, 0) : null],
		['Rings', numberOr(parameters.ring_size, bytes)],
		['Runs', joined(numberOr(parameters.repeat, (count) => `${fixed(count, 0)} of ${show(parameters.duration_ns, TIME)}`),
			numberOr(parameters.warmup_ns, (ns) => `after ${show(ns, TIME)} of warm-up`))],
	]);
}

function benchPools(parameters) {
	const pools = list(parameters.pools).map(object), ons = list(parameters.on).map(object);
	return make('div', {},
		pools.length > 0 && [make('h3', {}, 'Pools'), sortable([
			{ title: 'pool', value: (pool) => words(pool.pool) },
			{ title: 'dispatchers', quantity: WHOLE, value: (pool) => pool.dispatchers },
			{ title: 'wait', value: (pool) => words(pool.wait) + (pool.wait_fitted === true ? ' (fitted)' : '') },
			{ title: 'order', value: (pool) => words(pool.order) },
			{ title: 'behind', value: (pool) => words(pool.behind) },
			{ title: 'processors', value: (pool) => words(pool.cpus) },
			{ title: 'after', value: (pool) => list(pool.after).map(words).join(', ') },
		], pools, { label: 'Pools', limit: 50 })],
		ons.length > 0 && [make('h3', {}, 'Handlers'), sortable([
			{ title: 'pattern', value: (on) => words(on.pattern) },
			{ title: 'pool', value: (on) => words(on.pool) },
			{ title: 'times', quantity: WHOLE, value: (on) => on.times },
			{ title: 'cost of a call', value: costText },
		], ons, { label: 'Handlers', limit: 50 })]);
}

function costText(on) {
	return known(on.cost_ns) && on.cost_ns > 0 ? `${on.cost === 'sleep' ? 'sleeps' : 'works'} ${show(on.cost_ns, TIME)}` : 'none';
}

function benchVaried(result, runs) {
	const parameters = object(result.parameters);
	return [
		make('p', {}, runs.length > 1
			? `Nothing but the moment: the same load ${fixed(runs.length, 0)} times, each with a bus of its own.`
			: 'Nothing: there is one run.'),
		benchLoad(parameters), benchPools(parameters),
	];
}

// -- results -------------------------------------------------------------------

function benchTable(result, runs) {
	const open = object(result.parameters).loop === 'open';
	const total = (run) => object(object(list(run.latency)[0]).total);
	const columns = [
		{ title: 'run', quantity: WHOLE, value: (run) => run.number },
		{ title: 'events', quantity: WHOLE, value: (run) => run.events },
		{ title: 'time', quantity: named('s'), value: (run) => run.seconds },
		{ title: 'events a second', quantity: RATE, value: (run) => run.events_per_second },
		...(open ? [
			...PERCENTILES.map(([name, percent]) => ({ title: name, quantity: TIME, value: (run) => percentileOf(total(run), name, percent) })),
			{ title: 'max', quantity: TIME, value: (run) => (total(run).count > 0 ? total(run).max : undefined) },
			{ title: 'late, at most', quantity: TIME, value: (run) => run.late_max_ns },
		] : [
			{ title: 'for an event', quantity: TIME, value: (run) => run.event_ns },
			{ title: 'of yardstick', quantity: RATIO, value: (run) => run.yardstick_ratio },
		]),
		{ title: 'cpu an event', quantity: TIME, value: (run) => run.cpu_ns_per_event },
		{ title: 'lost', quantity: WHOLE, value: (run) => run.lost },
	];
	if (runs.some((run) => run.cut_short === true || run.disturbed === true))
		columns.push({ title: '', still: true, cell: (run) => [run.cut_short === true && make('span.mark', {}, 'cut short'),
		               run.disturbed === true && make('span.mark', {}, 'disturbed')].filter(Boolean)[0] || '' });
	return [sortable(columns, runs, { label: 'Results by run', limit: 25 }), benchSpreads(runs)];
}

function benchSpreads(runs) {
	const rows = FIGURES.map((figure) => ({ ...figure, spread: benchSpread(runs, figure.key) }))
		.filter((row) => row.spread.count > 0);
	const column = (title, key) => ({ title, quantity: PLAIN, still: true, value: (row) => row.spread[key],
	                                  cell: (row) => show(row.spread[key], row.quantity) });
	if (runs.length < 2)
		return [];
	return [make('h3', {}, 'All runs'), sortable([
		{ title: 'figure', still: true, value: (row) => row.name }, column('median', 'median'), column('lower quartile', 'low'),
		column('upper quartile', 'high'), column('least', 'least'), column('greatest', 'most'),
	], rows, { label: 'Median and spread of all runs' })];
}

function benchSpeed(runs) {
	const figures = FIGURES.filter((figure) => runs.some((run) => known(run[figure.key])));
	if (figures.length === 0)
		return [];
	let chosen = 0, zero = false;
	const plot = chart(() => {
		const { name, key, quantity } = figures[chosen], spread = benchSpread(runs, key);
		const xs = runs.map((run) => run.number);
		const dots = (title, colour, which) => ({ kind: 'dots', name: title, colour, size: 4.5,
		                                          at: runs.filter(which).map((run) => [run.number, run[key]]) });
		return {
			label: `${name} by run: median ${show(spread.median, quantity)}, quartiles ${show(spread.low, quantity)} and ${show(spread.high, quantity)}`,
			height: 260,
			x: { values: xs, label: 'run', text: (x) => (Number.isInteger(x) ? String(x) : '') },
			y: { quantity, zero },
			layers: [
				{ kind: 'band', name: 'quartiles', colour: 'total', low: spread.low, high: spread.high },
				{ kind: 'level', name: 'median', colour: 'total', y: spread.median, dash: [6, 4] },
				dots('a run', 'total', (run) => run.disturbed !== true),
				dots('a run that was disturbed', 'waiting', (run) => run.disturbed === true),
			].filter((layer) => layer.at === undefined || layer.at.length > 0),
			read: (i) => `Run ${runs[i].number}: ${show(runs[i][key], quantity)}${runs[i].disturbed === true ? ', disturbed' : ''}`,
		};
	});
	const box = make('input', { type: 'checkbox' });
	box.addEventListener('change', () => { zero = box.checked; plot.refresh(); });
	return [make('div.choices', {}, choose('Show', figures.map((figure) => figure.name), 0, (index) => { chosen = index; plot.refresh(); }),
	             make('label', {}, box, ' from zero')),
	        figure(null, null, plot.element)];
}

// -- latency -------------------------------------------------------------------

function quantilePoints(quantiles) {
	const count = object(quantiles).count;
	if (Array.isArray(object(quantiles).percentiles))
		return inNines(quantiles.percentiles, count);
	return inNines([...PERCENTILES.map(([name, percent]) => [percent, percentileOf(quantiles, name, percent)]),
	                [100, count > 0 ? quantiles.max : undefined]], count);
}

function quantileBand(runs, index, kind) {
	const of = (run) => object(object(list(run.latency)[index])[kind]);
	return PERCENTILES.map(([name, percent]) => [nines(percent), extent(runs.map((run) => percentileOf(of(run), name, percent)))])
		.filter(([, range]) => range !== null).map(([x, range]) => [x, ...range]);
}

function percentilesOfOn(result, runs, index) {
	const on = object(result.latency[index]);
	const dashes = { total: null, waiting: [8, 4], handling: [2, 3] };
	return percentileSpec(`latency by percentile of ${onName(on)}`, 340, KINDS
		.map((kind) => ({ name: kind, colour: kind, dash: dashes[kind], points: quantilePoints(on[kind]),
		                  band: runs.length > 1 && kind !== 'waiting' ? quantileBand(runs, index, kind) : null }))
		.filter((curve) => curve.points.length > 0));
}

function latencyByRun(runs, index) {
	const of = (run) => object(object(list(run.latency)[index]).total);
	const colours = ['total', 'handling', 'waiting', 'fourth', 'fifth', 'dots'];
	const curves = [...PERCENTILES, ['max', 0]].map(([name, percent], i) => ({
		kind: 'line', name, colour: colours[i], dots: true, dash: [[], [10, 3], [6, 3], [3, 3], [10, 3, 2, 3], [2, 2]][i],
		y: runs.map((run) => percentileOf(of(run), name, percent)),
	})).filter((curve) => curve.y.some(known));
	return {
		label: 'latency by run', height: 300, layers: curves,
		x: { values: runs.map((run) => run.number), label: 'run', text: (x) => (Number.isInteger(x) ? String(x) : '') },
		y: { quantity: TIME, log: true },
		read: (i) => `Run ${runs[i].number}: ${curves.filter((curve) => known(curve.y[i])).map((curve) => `${curve.name} ${show(curve.y[i], TIME)}`).join(', ')}`,
	};
}

function latencyTable(ons) {
	const rows = ons.flatMap((on) => KINDS.map((kind) => ({ on, kind, quantiles: object(on[kind]) }))).filter((row) => row.quantiles.count > 0);
	return sortable([
		...(ons.length > 1 ? [{ title: 'handler', value: (row) => onName(row.on) }] : []),
		{ title: 'part', value: (row) => row.kind },
		{ title: 'events', quantity: WHOLE, value: (row) => row.quantiles.count },
		{ title: 'mean', quantity: TIME, each: true, value: (row) => row.quantiles.mean },
		...PERCENTILES.map(([name, percent]) => ({ title: name, quantity: TIME, each: true, value: (row) => percentileOf(row.quantiles, name, percent) })),
		{ title: 'max', quantity: TIME, each: true, value: (row) => row.quantiles.max },
	], rows, { label: 'Latency of all runs', limit: 60 });
}

function benchLatency(result, runs) {
	const ons = list(result.latency).map(object);
	let index = 0;
	if (!ons.some((on) => object(on.total).count > 0))
		return object(result.parameters).loop === 'closed'
			? [make('p', {}, 'There is none: in a closed loop an event waits for those before it. With --rate each event has a moment of its own.')] : [];
	const curve = chart(() => percentilesOfOn(result, runs, index)), byRun = chart(() => latencyByRun(runs, index));
	return [
		make('p', {}, 'Waiting is from the moment at which an event was meant to be sent until its handler is entered, handling the call, total both.'),
		ons.length > 1 && make('div.choices', {}, choose('Handler', ons.map(onName), 0, (chosen) => {
			index = chosen;
			curve.refresh();
			byRun.refresh();
		})),
		figure('By percentile', runs.length > 1 ? 'All runs together; the upright lines, of total and handling, are from the least to the greatest of the runs.' : null, curve.element),
		latencyTable(ons),
		runs.length > 1 && figure('By run', null, byRun.element),
	];
}

// -- threads -------------------------------------------------------------------

function addUp(runs, listName, nameKey) {
	const sums = new Map();
	for (const one of runs.flatMap((run) => list(run[listName]).map(object))) {
		const sum = sums.get(one[nameKey]) || new Map();
		for (const [key, value] of Object.entries(one))
			if (known(value))
				sum.set(key, (sum.get(key) || 0) + value);
		sums.set(one[nameKey], sum);
	}
	return [...sums].map(([name, sum]) => ({ name: words(name), get: (key) => sum.get(key) }));
}

const quotient = (a, b) => (known(a) && b > 0 ? a / b : undefined);

function benchThreads(runs) {
	const threads = addUp(runs, 'threads', 'thread'), pools = addUp(runs, 'pools', 'pool');
	const sum = (title, key, quantity = WHOLE) => ({ title, quantity, value: (one) => one.get(key) });
	if (threads.length + pools.length === 0)
		return [];
	return [make('div', {},
		threads.length > 0 && make('div', {}, make('h3', {}, 'Threads'), sortable([
			{ title: 'thread', value: (one) => one.name }, sum('events', 'events'),
			{ title: 'cpu an event', quantity: TIME, value: (one) => quotient(one.get('cpu_seconds') * 1e9, one.get('events')) },
			sum('slept', 'voluntary_switches'), sum('taken off', 'involuntary_switches'), sum('ring full', 'full_count'),
		], threads, { label: 'Threads', limit: 30 })),
		pools.length > 0 && make('div', {}, make('h3', {}, 'Pools'), sortable([
			{ title: 'pool', value: (one) => one.name }, sum('seen', 'seen'), sum('skipped', 'skipped_behind'), sum('batches', 'batches'),
			{ title: 'a batch', quantity: named('events'), value: (one) => quotient(one.get('seen'), one.get('batches')) },
			sum('parks', 'parks'), sum('steals', 'steals'),
		], pools, { label: 'Pools', limit: 30 }))),
	make('p.note', {}, 'All runs together. Slept: context switches of a thread that waited; taken off: of one that did not.')];
}

function showBench(result) {
	const runs = list(result.runs).map((run, i) => ({ ...object(run), number: i + 1 }));
	const parameters = object(result.parameters);
	part('result', 'Result', () => [make('p.headline', {}, benchHeadline(result, runs)), benchWarnings(result, runs), benchTiles(result, runs)]);
	part('varied', 'What was varied', () => benchVaried(result, runs));
	if (runs.length > 0) {
		part('table', 'Runs', () => benchTable(result, runs));
		part('throughput', 'Throughput', () => benchSpeed(runs));
		part('latency', 'Latency', () => benchLatency(result, runs));
		part('threads', 'Threads and pools', () => benchThreads(runs));
	}
	part('machine', 'Machine', () => machinePart(result, runs));
	part('repeat', 'Repeat it', () => repeatPart(result));
	return joined(words(parameters.scenario), parameters.loop === 'open' ? `latency at ${show(parameters.rate, WHOLE)} events a second` : 'throughput');
}
