// SPDX-License-Identifier: MIT
// tune.js - the parts of the page of `weir tune`.

const CURVE_COLOURS = ['total', 'waiting', 'handling', 'fourth', 'fifth', 'sixth'];
const CURVE_DASHES = [null, [8, 4], [2, 3], [10, 3, 2, 3], [4, 4], [12, 4]];

// What is not told of a trial is worked out from its values, and absent without any.
function makeTrial(trial, index) {
	const spread = spreadOf(list(trial.values));
	const or = (value, other) => (known(value) ? value : other);
	return { ...trial, index, settings: object(trial.settings), values: list(trial.values).filter(known),
	         median: or(trial.median, spread.median), low: or(trial.low, spread.low), high: or(trial.high, spread.high) };
}

const settingText = (value) => (typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value));

function makeTuning(result) {
	const goal = object(result.goal), trials = list(result.trials).map((trial, i) => makeTrial(object(trial), i));
	const varied = list(result.varied).map(object).map((one) => ({ name: settingText(one.name), values: list(one.values).map(settingText) }));
	return {
		result, goal, trials, varied,
		less: goal.better === 'less',
		quantity: quantityOf(words(goal.unit)),
		goalName: words(goal.name) || 'goal',
		best: trials[result.best], fallback: trials[result.default],
		alike: list(result.alike).map((index) => trials[index]).filter((trial) => trial && trial.index !== result.best),
		valueOf: (trial, name) => (Object.hasOwn(trial.settings, name) ? settingText(trial.settings[name]) : ''),
	};
}

// As `wait=spin batch=256`; what is the same in all trials says nothing.
function nameOf(tuning, trial) {
	const told = tuning.varied.filter((one) => one.values.length > 1).map(({ name }) => [name, tuning.valueOf(trial, name)])
		.filter(([, value]) => value !== '');
	return told.length > 0 ? told.map(([name, value]) => `${name}=${value}`).join(' ') : `setting ${trial.index + 1}`;
}

// So many times better than the other; below 1: worse.
function timesBetter(tuning, trial, other) {
	if (!trial || !other || !known(trial.median) || !known(other.median) || !(trial.median > 0) || !(other.median > 0))
		return undefined;
	return tuning.less ? other.median / trial.median : trial.median / other.median;
}

const percentMore = (times) => (times >= 1.995 ? `${digits(times)} times` : `${digits((times - 1) * 100)}\u00a0%`);

// -- in words ------------------------------------------------------------------

function tuneHeadline(tuning) {
	const { best, fallback, goal } = tuning;
	if (!best || !known(best.median))
		return 'No setting was found to be the best.';
	const rate = known(goal.rate) && goal.rate > 0 ? ` at ${fixed(goal.rate, 0)} events a second` : '';
	const gain = timesBetter(tuning, best, fallback);
	const same = tuning.alike.includes(fallback) || object(tuning.result.over_default).told === false;
	const versus = best === fallback ? 'That is the default.'
		: same ? 'It could not be told apart from the default.'
		: known(gain) && gain > 1 ? `That is ${percentMore(gain)} better than the default, ${show(fallback.median, tuning.quantity)}.` : '';
	return `${nameOf(tuning, best)} is the best for ${tuning.goalName}${rate}: ${show(best.median, tuning.quantity)}. ${versus}`;
}

function tuneAlike(tuning) {
	const names = tuning.alike.map((trial) => nameOf(tuning, trial));
	if (names.length === 0)
		return make('p', {}, 'No other setting was found to be as good.');
	return [make('p', {}, `${plural(names.length, 'setting')} could not be told apart from it:`),
	        make('ul', {}, names.slice(0, 12).map((name) => make('li', {}, name)),
	             names.length > 12 && make('li', {}, `and ${fixed(names.length - 12, 0)} more, marked in the table`))];
}

function tuneTiles(tuning) {
	const { best, fallback, quantity, goalName } = tuning;
	const range = (trial) => (known(trial.low) && known(trial.high) && trial.low !== trial.high ? `${show(trial.low, quantity)} to ${show(trial.high, quantity)}` : null);
	const gain = timesBetter(tuning, best, fallback);
	return tiles([
		best && [`${goalName}, best`, show(best.median, quantity), range(best)],
		fallback && fallback !== best && [`${goalName}, default`, show(fallback.median, quantity), range(fallback)],
		known(gain) && fallback !== best && ['better than the default', show(gain, RATIO), null],
		['settings measured', show(tuning.trials.filter((trial) => known(trial.median)).length, WHOLE), null],
		['as good as the best', show(tuning.alike.length, WHOLE), null],
	].filter(Boolean));
}

// -- what was varied -------------------------------------------------------------

function tuneLoad(load) {
	return facts(Object.entries(load).map(([name, value]) => [name.replaceAll('_', ' '),
		known(value) ? fixed(value, Number.isInteger(value) ? 0 : 3) : settingText(value)]));
}

const verdictText = (effect) => (effect.verdict === 'hardly' ? 'hardly' : yesNo(effect.matters, 'yes', 'not seen') || '');
const chanceText = (p) => (known(p) ? (p < 0.001 ? '< 0.001' : fixed(p, 3)) : UNKNOWN);

function tuneVaried(tuning) {
	const effects = new Map(list(tuning.result.effects).map(object).map((effect) => [settingText(effect.name), effect]));
	const rows = tuning.varied.map((one) => ({ ...one, effect: effects.get(one.name) || {} }));
	const load = object(tuning.result.load);
	return [
		rows.length > 0 && sortable([
			{ title: 'setting', value: (row) => row.name },
			{ title: 'values', still: true, value: (row) => row.values.join(', ') },
			{ title: 'best', value: (row) => settingText(row.effect.best_value) },
			{ title: 'gain', quantity: SHARE, value: (row) => row.effect.gain },
			{ title: 'p', quantity: PLAIN, value: (row) => row.effect.p, cell: (row) => chanceText(row.effect.p) },
			{ title: 'does it matter', value: (row) => verdictText(row.effect) },
		], rows, { label: 'What was varied' }),
		rows.some((row) => known(row.effect.p)) && make('p.note', {}, 'p: how often chance alone would make so great a difference.'),
		Object.keys(load).length > 0 && [make('h3', {}, 'Under this load'),
			words(load.loop) !== '' ? [benchLoad({ ...load, repeat: undefined, duration_ns: undefined, warmup_ns: undefined }), benchPools(load)] : tuneLoad(load)],
	].filter(Boolean);
}

// -- results -------------------------------------------------------------------

const TRIAL_FIGURES = [
	{ title: 'events a second', key: 'throughput', quantity: RATE }, { title: 'p50', key: 'p50_ns', quantity: TIME },
	{ title: 'p99', key: 'p99_ns', quantity: TIME }, { title: 'p99.9', key: 'p999_ns', quantity: TIME },
	{ title: 'processors', key: 'cpu', quantity: PLAIN },
];

function marksOf(tuning, trial) {
	return [
		trial === tuning.best && make('span.mark.strong', {}, 'best'),
		tuning.alike.includes(trial) && make('span.mark', {}, 'as good'),
		trial === tuning.fallback && make('span.mark', {}, 'default'),
		trial.disturbed === true && make('span.mark', {}, 'disturbed'),
	].filter(Boolean);
}

const rankOfMark = (tuning, trial) => (trial === tuning.best ? 'a' : tuning.alike.includes(trial) ? 'b' : trial === tuning.fallback ? 'c' : '');

// The best, what is as good, the default; then by their medians.
function inOrder(tuning) {
	const rank = (trial) => 'abc'.indexOf(rankOfMark(tuning, trial) || 'd') >>> 0;
	return byMedian(tuning).sort((a, b) => rank(a) - rank(b));
}

function byMedian(tuning) {
	return sortRows(tuning.trials, { quantity: tuning.quantity, value: (trial) => trial.median }, !tuning.less);
}

function tuneTable(tuning, curves) {
	const hasCurves = tuning.trials.some((trial) => list(trial.percentiles).length > 1);
	const cell = (trial) => {
		const box = make('input', { type: 'checkbox', 'aria-label': `Curve of ${nameOf(tuning, trial)}` });
		box.checked = curves.chosen.has(trial);
		box.disabled = list(trial.percentiles).length < 2;
		box.addEventListener('change', () => curves.toggle(trial, box));
		return box;
	};
	const columns = [
		...(hasCurves ? [{ title: 'curve', still: true, screen: true, cell }] : []),
		{ title: '', value: (trial) => rankOfMark(tuning, trial), still: true, cell: (trial) => marksOf(tuning, trial) },
		...tuning.varied.map(({ name }) => ({ title: name, value: (trial) => tuning.valueOf(trial, name) })),
		{ title: `${tuning.goalName}, median`, quantity: tuning.quantity, value: (trial) => trial.median },
		{ title: 'low', quantity: tuning.quantity, value: (trial) => trial.low },
		{ title: 'high', quantity: tuning.quantity, value: (trial) => trial.high },
		{ title: 'runs', quantity: WHOLE, value: (trial) => trial.values.length || undefined },
		{ title: 'by default', quantity: RATIO, value: (trial) => timesBetter(tuning, trial, tuning.fallback) },
		...TRIAL_FIGURES.map(({ title, key, quantity }) => ({ title, quantity, value: (trial) => trial[key] })),
	];
	return [
		sortable(columns, inOrder(tuning), { label: 'Results by setting', limit: 25,
			rowClass: (trial) => (trial === tuning.best ? 'best' : tuning.alike.includes(trial) ? 'alike' : '') }),
		make('p.note', {}, 'Low and high: the quartiles of a setting’s runs. By default: so many times better than the default. '
			+ 'With few runs a setting may look better than the best by chance'
			+ `${hasCurves ? '. Curve: shown under Percentiles' : ''}.`),
	];
}

// -- charts --------------------------------------------------------------------

// Far apart, only a logarithm shows the small ones.
const wantsLog = (values) => {
	const range = extent(values.filter((value) => value > 0));
	return range !== null && range[1] / range[0] > 8 && values.every((value) => !known(value) || value > 0);
};

function goalBySetting(tuning) {
	const figures = [{ title: tuning.goalName, key: 'median', quantity: tuning.quantity, spread: true }, ...TRIAL_FIGURES]
		.filter((figure) => tuning.trials.some((trial) => known(trial[figure.key])));
	if (figures.length === 0)
		return [];
	let chosen = 0;
	const order = byMedian(tuning)
		.filter((trial) => known(trial.median) || figures.some((figure) => known(trial[figure.key])));
	const plot = chart(() => settingsSpec(tuning, order, figures[chosen]));
	return [
		figures.length > 1 && make('div.choices', {}, choose('Show', figures.map((figure) => figure.title), 0, (index) => { chosen = index; plot.refresh(); })),
		figure(null, 'From the best to the worst. Lines are from low to high, small dots the runs.', plot.element),
	].filter(Boolean);
}

function settingsSpec(tuning, order, { title, key, quantity, spread }) {
	const xs = order.map((trial, i) => i + 1), at = (trials) => trials.map((trial) => [order.indexOf(trial) + 1, trial[key]]).filter(([x]) => x > 0);
	const special = new Set([tuning.best, tuning.fallback, ...tuning.alike]);
	const shown = spread ? order.flatMap((trial) => [trial.low, trial.median, trial.high, ...trial.values]) : order.map((trial) => trial[key]);
	return {
		label: `${title} of ${plural(order.length, 'setting')}`, height: 320,
		x: { values: xs, label: 'settings', text: (x) => (Number.isInteger(x) && x > 0 ? String(x) : '') },
		y: { quantity, log: wantsLog(shown) },
		layers: [
			...(spread ? [{ kind: 'ranges', colour: 'dots', at: order.map((trial, i) => [i + 1, trial.low, trial.high]) },
				{ kind: 'dots', colour: 'dots', faint: true, size: order.length > 200 ? 1 : 2, at: order.flatMap((trial, i) => trial.values.map((value) => [i + 1, value])) }] : []),
			{ kind: 'dots', name: spread ? 'median of a setting' : 'a setting', colour: 'dots', size: order.length > 200 ? 2 : 4, at: order.map((trial, i) => [i + 1, special.has(trial) ? null : trial[key]]) },
			{ kind: 'dots', name: tuning.alike.length > 0 ? 'as good as the best' : null, colour: 'sixth', size: 5, at: at(tuning.alike) },
			{ kind: 'dots', name: tuning.fallback ? 'default' : null, colour: 'waiting', size: 5, at: at(tuning.fallback ? [tuning.fallback] : []) },
			{ kind: 'dots', name: tuning.best ? 'best' : null, colour: 'total', size: 6, at: at(tuning.best ? [tuning.best] : []) },
		],
		read: (i) => `${nameOf(tuning, order[i])}: ${show(order[i][key], quantity)}${spread && known(order[i].low) ? `, ${show(order[i].low, quantity)} to ${show(order[i].high, quantity)}` : ''}`,
	};
}

// Those that are like the best in all but this one setting.
function alongOne(tuning, name) {
	const others = tuning.varied.map((one) => one.name).filter((other) => other !== name);
	if (!tuning.best)
		return new Map();
	return new Map(tuning.trials.filter((trial) => others.every((other) => tuning.valueOf(trial, other) === tuning.valueOf(tuning.best, other)))
		.map((trial) => [tuning.valueOf(trial, name), trial]));
}

// Beside each other, so that not all of them are in one place; the same in each drawing.
const beside = (i) => ((i * 0.618034) % 1 - 0.5) * 0.5;

function dimensionSpec(tuning, { name, values }) {
	const { quantity } = tuning, along = alongOne(tuning, name), xs = values.map((value, i) => i + 1);
	const place = new Map(values.map((value, i) => [value, i + 1]));
	const all = tuning.trials.filter((trial) => place.has(tuning.valueOf(trial, name)));
	const like = values.map((value) => along.get(value));
	const spreads = values.map((value) => spreadOf(all.filter((trial) => tuning.valueOf(trial, name) === value).map((trial) => trial.median)));
	return {
		label: `${tuning.goalName} by ${name}`, height: 240,
		x: { values: xs, range: [0.4, values.length + 0.6], splits: xs, text: (x) => shortened(values[x - 1] || '', values.length) },
		y: { quantity, log: wantsLog(all.map((trial) => trial.median)) },
		layers: [
			{ kind: 'dots', name: 'all settings', colour: 'dots', faint: true, size: all.length > 200 ? 1.5 : 2.5, at: all.map((trial, i) => [place.get(tuning.valueOf(trial, name)) + beside(i), trial.median]) },
			{ kind: 'ranges', colour: 'total', at: like.map((trial, i) => [i + 1, trial && trial.low, trial && trial.high]) },
			{ kind: 'line', name: 'others as in the best', colour: 'total', dots: true, y: like.map((trial) => (trial ? trial.median : null)) },
		],
		read: (i) => `${name}=${values[i]}: ${like[i] ? `${show(like[i].median, quantity)} with the others as in the best; ` : ''}median of ${plural(spreads[i].count, 'setting')} ${show(spreads[i].median, quantity)}`,
	};
}

const shortened = (text, count) => {
	const room = Math.max(3, Math.floor(42 / count));
	return text.length > room ? `${text.slice(0, room - 1)}\u2026` : text;
};

function tuneDimensions(tuning) {
	const varied = tuning.varied.filter((one) => one.values.length > 1);
	if (varied.length === 0 || !tuning.trials.some((trial) => known(trial.median)))
		return [];
	return [make('div.beside', {}, varied.map((one) => figure(one.name, null, chart(() => dimensionSpec(tuning, one)).element)))];
}

// -- heat map ------------------------------------------------------------------

// Those that matter, the greatest gain first, then the others as they stand.
function byWeight(tuning) {
	const effects = new Map(list(tuning.result.effects).map(object).map((effect) => [settingText(effect.name), effect]));
	const weight = ({ name }) => {
		const effect = effects.get(name) || {};
		return (effect.matters === true ? 1e6 : 0) + (known(effect.gain) ? effect.gain : 0);
	};
	return tuning.varied.filter((one) => one.values.length > 1).sort((a, b) => weight(b) - weight(a));
}

// The best of the trials in each cell.
function heatCells(tuning, rows, columns) {
	const cells = new Map();
	for (const trial of tuning.trials) {
		const key = JSON.stringify([tuning.valueOf(trial, rows.name), tuning.valueOf(trial, columns.name)]);
		const cell = cells.get(key) || { count: 0, trial: null };
		if (!known(trial.median))
			continue;
		cell.count++;
		if (cell.trial === tuning.best && cell.trial)
			continue;
		if (!cell.trial || trial === tuning.best || (tuning.less ? trial.median < cell.trial.median : trial.median > cell.trial.median))
			cell.trial = trial;
		cells.set(key, cell);
	}
	return (row, column) => cells.get(JSON.stringify([row, column]));
}

// 6 is the best, 0 the worst.
function heatOf(tuning, value, [least, most]) {
	const log = least > 0 && most / least > 4 ? Math.log : (x) => x;
	const share = most > least ? (log(value) - log(least)) / (log(most) - log(least)) : 1;
	return Math.round(6 * (tuning.less && most > least ? 1 - share : share));
}

function heatTable(tuning, rows, columns) {
	const at = heatCells(tuning, rows, columns);
	const medians = rows.values.flatMap((row) => columns.values.map((column) => at(row, column))).filter(Boolean).map((cell) => cell.trial.median);
	const range = extent(medians);
	if (range === null)
		return make('p', {}, 'None of these was measured.');
	const format = forColumn(medians, tuning.quantity);
	const cellOf = (row, column) => {
		const cell = at(row, column);
		if (!cell)
			return make('td.unmeasured', { title: 'not measured' }, UNKNOWN);
		const best = cell.trial === tuning.best;
		const td = make('td', { title: `${nameOf(tuning, cell.trial)}: ${show(cell.trial.median, tuning.quantity)}, the best of ${fixed(cell.count, 0)}` },
		                `${best ? '\u2605 ' : ''}${format.show(cell.trial.median)}`);
		td.classList.add(`h-${heatOf(tuning, cell.trial.median, range)}`);
		td.classList.toggle('best', best);
		return td;
	};
	const unit = format.unit ? ` in ${format.unit}` : '';
	return [
		scrolling('Heat map', make('table.heat', {},
			make('caption', {}, `${tuning.goalName}${unit}: ${rows.name} down, ${columns.name} across`),
			make('thead', {}, make('tr', {}, make('td.unmeasured', {}, ''), columns.values.map((value) => make('th.number', { scope: 'col' }, value)))),
			make('tbody', {}, rows.values.map((row) => make('tr', {}, make('th', { scope: 'row' }, row), columns.values.map((column) => cellOf(row, column))))))),
		make('p.scale', {}, make('span', {}, `worst ${show(tuning.less ? range[1] : range[0], tuning.quantity)} `),
		     make('span', {}, [0, 1, 2, 3, 4, 5, 6].map((step) => make(`span.h-${step}`))),
		     make('span', {}, ` best ${show(tuning.less ? range[0] : range[1], tuning.quantity)}`)),
	];
}

function tuneHeat(tuning) {
	const varied = byWeight(tuning), place = make('div');
	if (varied.length < 2)
		return [];
	const chosen = [0, 1];
	const fill = () => place.replaceChildren(...(chosen[0] === chosen[1] ? [make('p', {}, 'Choose two different settings.')]
		: [heatTable(tuning, varied[chosen[0]], varied[chosen[1]])].flat()));
	const pick = (label, which) => choose(label, varied.map((one) => one.name), which, (index) => { chosen[which] = index; fill(); });
	fill();
	return [make('p', {}, `The two settings that matter most, and in each cell the best that was measured of all that have these two${tuning.best ? ' (\u2605 the best of all)' : ''}.`),
	        varied.length > 2 && make('div.choices', {}, pick('Down', 0), pick('across', 1)), place].filter(Boolean);
}

// -- percentiles ---------------------------------------------------------------

// At most as many as there are colours; those of the table are added and taken away.
function makeCurves(tuning) {
	const has = (trial) => trial && list(trial.percentiles).length > 1;
	const chosen = new Set([tuning.best, tuning.fallback, ...tuning.alike].filter(has).slice(0, 4));
	const curves = { chosen, any: tuning.trials.some(has), plot: null };
	if (chosen.size === 0 && curves.any)
		chosen.add(tuning.trials.find(has));
	curves.toggle = (trial, box) => {
		if (box.checked && chosen.size >= CURVE_COLOURS.length) {
			box.checked = false;
			return;
		}
		chosen[box.checked ? 'add' : 'delete'](trial);
		curves.plot.refresh();
	};
	if (curves.any)
		curves.plot = chart(() => percentileSpec('latency by percentile', 340, [...chosen].map((trial, i) => ({
			name: nameOf(tuning, trial) + (trial === tuning.best ? ' (best)' : trial === tuning.fallback ? ' (default)' : ''),
			colour: CURVE_COLOURS[i], dash: CURVE_DASHES[i], points: inNines(trial.percentiles),
		}))));
	return curves;
}

function tunePercentiles(curves) {
	return curves.any ? [figure(null, 'Latency of the best, the default and others that are chosen in the table, six at most.', curves.plot.element)] : [];
}

function tuneSettings(result) {
	return [['ini', 'INI', 'For weir.ini'], ['c', 'C', 'In C']].filter(([key]) => words(result[key]) !== '')
		.map(([key, name, title]) => [make('h3', {}, title), copyable(`the settings as ${name}`, result[key])]);
}

function showTune(result) {
	const tuning = makeTuning(result), { trials } = tuning;
	const numbered = trials.map((trial) => ({ ...trial, number: trial.index + 1 }));
	const curves = makeCurves(tuning);
	part('result', 'Result', () => [make('p.headline', {}, tuneHeadline(tuning)),
		known(result.signal) && result.signal > 0 && make('p.warning', {}, 'It was interrupted by a signal: this is what there was until then.'),
		tuneTiles(tuning), tuning.best && make('div', {}, make('h3', {}, 'Could not be told apart'), tuneAlike(tuning))]);
	part('settings', 'Settings', () => tuneSettings(result));
	part('varied', 'What was varied', () => tuneVaried(tuning));
	if (trials.length > 0) {
		part('table', 'All settings', () => tuneTable(tuning, curves));
		part('goal', 'By setting', () => goalBySetting(tuning));
		part('dimensions', 'One at a time', () => tuneDimensions(tuning));
		part('heat', 'Heat map', () => tuneHeat(tuning));
		part('percentiles', 'Percentiles', () => tunePercentiles(curves));
	}
	part('machine', 'Machine', () => machinePart(result, list(result.runs).length > 0
		? list(result.runs).map((run, i) => ({ ...object(run), number: i + 1 })) : numbered));
	part('repeat', 'Repeat it', () => repeatPart(result));
	return joined(tuning.goalName === 'goal' ? '' : tuning.goalName, known(tuning.goal.rate) && tuning.goal.rate > 0 ? `at ${fixed(tuning.goal.rate, 0)} events a second` : '');
}
