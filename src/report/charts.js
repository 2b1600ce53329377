// SPDX-License-Identifier: MIT
// charts.js - what uPlot draws: lines, bands, dots and ranges, in the colours of the page.

const charts = [];      // each {build, place}; rebuilt when colours change
const PRINT_WIDTH = 640;

function colour(name) {
	return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function faded(name, share) {
	const value = parseInt(colour(name).slice(1), 16);
	return `rgba(${value >> 16}, ${(value >> 8) & 255}, ${value & 255}, ${share})`;
}

const isPrinting = () => document.documentElement.hasAttribute('data-printing');

/*
 * A place for a chart. spec: {label, height, x: {values, range, splits, text, label}, y: {quantity,
 * log, zero}, layers, read: index => text}. layers, drawn in this order:
 *   {kind: 'line', name, colour, y, dash, dots}       y beside x.values
 *   {kind: 'band', name, colour, low, high}           beside x.values, or two numbers
 *   {kind: 'level', name, colour, y, dash}
 *   {kind: 'ranges', name, colour, at: [[x, low, high], ...]}
 *   {kind: 'dots', name, colour, at: [[x, y], ...], size, open}
 */
function chart(getSpec) {
	const place = make('div.chart', { role: 'img', tabindex: 0 });
	const readout = make('div.readout', { 'aria-live': 'off' });
	const legend = make('ul.legend');
	const one = { place, getSpec, readout, legend, plot: null };
	charts.push(one);
	place.addEventListener('keydown', (event) => stepCursor(one, event));
	new ResizeObserver(() => resize(one)).observe(place);
	return { element: make('div', {}, place, readout, legend), refresh: () => draw(one) };
}

function stepCursor(one, event) {
	const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
	if (!step || !one.plot)
		return;
	event.preventDefault();
	const xs = one.plot.data[0], now = one.plot.cursor.idx;
	const idx = Math.max(0, Math.min(xs.length - 1, (now === null || now === undefined ? -1 : now) + step));
	one.plot.setCursor({ left: one.plot.valToPos(xs[idx], 'x'), top: 10 });
}

function widthOf(one) {
	return isPrinting() ? Math.min(PRINT_WIDTH, one.place.clientWidth || PRINT_WIDTH) : one.place.clientWidth;
}

function resize(one) {
	const width = widthOf(one);
	if (width > 0 && !one.plot)
		draw(one);
	else if (width > 0 && one.plot.width !== width)
		one.plot.setSize({ width, height: one.plot.height });
}

function draw(one) {
	const width = widthOf(one);
	if (one.plot)
		one.plot.destroy();
	one.plot = null;
	if (width <= 0)
		return;
	const spec = one.getSpec();
	one.place.setAttribute('aria-label', spec.label);
	one.legend.replaceChildren(...spec.layers.filter((layer) => layer.name).map(makeLegendItem));
	one.plot = new uPlot(makeOptions(one, spec, width), makeData(spec), one.place);
}

function drawAll() {
	charts.forEach(draw);
}

function makeLegendItem(layer) {
	const item = make('li', {}, layer.name);
	item.classList.add(`c-${layer.colour}`);
	if (layer.kind === 'dots')
		item.classList.add('dot');
	if (layer.kind === 'band')
		item.classList.add('area');
	if (layer.dash)
		item.classList.add('dashed');
	return item;
}

// -- for uPlot -----------------------------------------------------------------

const lines = (spec) => spec.layers.filter((layer) => layer.kind === 'line');

// Without a line there is one of nothing, for the cursor.
function makeData(spec) {
	const ys = lines(spec).map((layer) => layer.y.map((y) => drawable(y, spec)));
	return [spec.x.values, ...(ys.length > 0 ? ys : [spec.x.values.map(() => null)])];
}

// A logarithm knows no zero.
const drawable = (y, spec) => (known(y) && (!spec.y.log || y > 0) ? y : null);

function allValues(spec) {
	return spec.layers.flatMap((layer) => ({
		line: () => layer.y,
		band: () => [layer.low, layer.high].flat(),
		level: () => [layer.y],
		ranges: () => layer.at.flatMap(([, low, high]) => [low, high]),
		dots: () => layer.at.map(([, y]) => y),
	}[layer.kind]())).map((y) => drawable(y, spec));
}

function rangeOf(spec) {
	const [least, most] = extent(allValues(spec)) || [1, 10];
	if (spec.y.log) {
		const low = niceBelow(least * 0.95), high = niceAbove(most * 1.05);
		return low < high ? [low, high] : [low / 2, high * 2];
	}
	const room = (most - least) * 0.08 || Math.abs(most) * 0.05 || 1;
	if (spec.y.zero || least - room <= 0 && least >= 0)
		return [Math.min(0, least - (least < 0 ? room : 0)), Math.max(0, most + room)];
	return [least - room, most + room];
}

// 1, 2 or 5 of a power of ten.
function nice(value, choose) {
	const power = 10 ** Math.floor(Math.log10(value));
	return choose([1, 2, 5, 10].map((digit) => digit * power));
}
const niceBelow = (value) => nice(value, (all) => all.filter((one) => one <= value * 1.0001).pop());
const niceAbove = (value) => nice(value, (all) => all.find((one) => one >= value * 0.9999));

// So many ticks of 1, 2 and 5 as there is room for.
function logSplits(low, high, most) {
	const decades = Math.log10(high / low);
	const wanted = decades < most / 3 ? [1, 2, 5] : [1];
	const every = wanted.length > 1 ? 1 : Math.ceil(decades / most);
	const splits = [];
	for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high) + 1e-9; power++)
		for (const digit of wanted)
			if (power % every === 0)
				splits.push(digit * 10 ** power);
	return splits.filter((split) => split >= low * 0.9999 && split <= high * 1.0001);
}

// As short as can be: "2 ms", "0.5 µs".
function tickText(value, quantity) {
	if (quantity.whole)
		return fixed(value, 0);
	const step = stepFor(value, quantity);
	const number = String(Number((value / step.by).toPrecision(4)));
	return step.unit === '' ? number : `${number}${step.unit.startsWith('/') ? '' : ' '}${step.unit}`;
}

function makeAxes(spec) {
	const font = '12px system-ui, sans-serif';
	const line = { stroke: colour('faint'), font, grid: { stroke: colour('grid'), width: 1 },
	               ticks: { stroke: colour('grid'), width: 1 } };
	const x = { ...line, size: spec.x.label ? 34 : 30, label: spec.x.label, labelSize: 18, labelFont: font, labelGap: 0 };
	if (spec.x.splits)
		x.splits = () => spec.x.splits;
	else
		x.incrs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
	if (spec.x.text)
		x.values = (plot, splits) => splits.map(spec.x.text);
	const y = { ...line, size: 68, values: (plot, splits) => splits.map((one) => (one === null ? '' : tickText(one, spec.y.quantity))) };
	if (spec.y.log) {
		y.splits = (plot, axis, low, high) => logSplits(low, high, spec.height / 40);
		y.filter = (plot, splits) => splits;
	}
	return [x, y];
}

function makeOptions(one, spec, width) {
	const series = lines(spec).map((layer) => ({
		stroke: colour(layer.colour), width: 2, dash: layer.dash || undefined, spanGaps: true,
		points: { show: layer.dots === true, size: 6, fill: colour(layer.colour) },
	}));
	return {
		width, height: spec.height, padding: [10, 24, 0, 0], legend: { show: false },
		cursor: { drag: { x: false, y: false }, points: { show: lines(spec).length > 0 }, y: false },
		scales: {
			x: { time: false, range: () => spec.x.range || padded(extent(spec.x.values)) },
			y: { distr: spec.y.log ? 3 : 1, range: () => rangeOf(spec) },
		},
		axes: makeAxes(spec),
		series: [{}, ...(series.length > 0 ? series : [{ points: { show: false } }])],
		hooks: {
			drawClear: [(plot) => paint(plot, spec, ['band', 'level'])],
			draw: [(plot) => paint(plot, spec, ['ranges', 'dots'])],
			setCursor: [(plot) => tell(one, plot, spec)],
		},
	};
}

const padded = (range) => {
	const room = range ? Math.max(0.5, (range[1] - range[0]) * 0.025) : 0;
	return range ? [range[0] - room, range[1] + room] : [0, 1];
};

function tell(one, plot, spec) {
	const idx = plot.cursor.idx;
	one.readout.textContent = spec.read && idx !== null && idx !== undefined ? spec.read(idx) : '';
}

// -- painting ------------------------------------------------------------------

function paint(plot, spec, kinds) {
	const context = plot.ctx;
	context.save();
	context.beginPath();
	context.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
	context.clip();
	for (const layer of spec.layers)
		if (kinds.includes(layer.kind))
			painters[layer.kind](plot, layer, spec, context);
	context.restore();
}

const xOf = (plot, x) => plot.valToPos(x, 'x', true);
const yOf = (plot, y) => plot.valToPos(y, 'y', true);

const painters = {
	band(plot, layer, spec, context) {
		const pairs = Array.isArray(layer.low)
			? spec.x.values.map((x, i) => [xOf(plot, x), layer.low[i], layer.high[i]])
			: [[plot.bbox.left, layer.low, layer.high],
			   [plot.bbox.left + plot.bbox.width, layer.low, layer.high]];
		const good = pairs.filter(([, low, high]) => drawable(low, spec) !== null && drawable(high, spec) !== null);
		context.fillStyle = faded(layer.colour, 0.18);
		context.beginPath();
		good.forEach(([x, , high]) => context.lineTo(x, yOf(plot, high)));
		good.reverse().forEach(([x, low]) => context.lineTo(x, yOf(plot, low)));
		context.fill();
	},
	level(plot, layer, spec, context) {
		if (drawable(layer.y, spec) === null)
			return;
		const y = yOf(plot, layer.y);
		context.strokeStyle = colour(layer.colour);
		context.lineWidth = 2 * uPlot.pxRatio;
		context.setLineDash((layer.dash || []).map((length) => length * uPlot.pxRatio));
		context.beginPath();
		context.moveTo(plot.bbox.left, y);
		context.lineTo(plot.bbox.left + plot.bbox.width, y);
		context.stroke();
		context.setLineDash([]);
	},
	ranges(plot, layer, spec, context) {
		context.strokeStyle = colour(layer.colour);
		context.lineWidth = (layer.at.length > 200 ? 1 : 2) * uPlot.pxRatio;
		context.setLineDash([]);        // of the line before
		context.beginPath();
		for (const [x, low, high] of layer.at) {
			if (drawable(low, spec) === null || drawable(high, spec) === null)
				continue;
			context.moveTo(xOf(plot, x), yOf(plot, low));
			context.lineTo(xOf(plot, x), yOf(plot, high));
		}
		context.stroke();
	},
	dots(plot, layer, spec, context) {
		const radius = (layer.size || 3) * uPlot.pxRatio;
		context.fillStyle = layer.faint ? faded(layer.colour, 0.45) : colour(layer.colour);
		for (const [x, y] of layer.at) {
			if (drawable(y, spec) === null)
				continue;
			context.beginPath();
			context.arc(xOf(plot, x), yOf(plot, y), radius, 0, 2 * Math.PI);
			context.fill();
		}
	},
};

// -- percentiles ---------------------------------------------------------------

// 90, 99, 99.9 as 1, 2, 3.
const nines = (percent) => -Math.log10(1 - percent / 100);

function percentText(nine) {
	const percent = 100 - 100 / 10 ** nine;
	return `${nine <= 1 ? Math.round(percent) : percent.toFixed(Math.max(0, Math.ceil(nine) - 2))}%`;
}

// [[percent, ns], ...] as [[nines, ns], ...]; the greatest of `count` stands where it alone is beyond.
function inNines(pairs, count) {
	return list(pairs).filter((pair) => Array.isArray(pair) && known(pair[0]) && known(pair[1]))
		.map(([percent, ns]) => [percent < 100 ? nines(percent) : count > 1 ? Math.log10(count) : NaN, ns])
		.filter(([x]) => known(x) && x >= 0 && x < 16)
		.sort((a, b) => a[0] - b[0]);
}

/*
 * curves: {name, colour, dash, points: [[nines, ns], ...], band: [[nines, low, high], ...]}, each
 * with points of its own: all are brought to the same x.
 */
function percentileSpec(label, height, curves) {
	const xs = [...new Set(curves.flatMap((curve) => [...curve.points, ...(curve.band || [])].map(([x]) => x)))]
		.sort((a, b) => a - b);
	const most = Math.max(1, xs[xs.length - 1] || 1);
	const layers = curves.flatMap((curve) => {
		const at = new Map(curve.points);
		const line = { kind: 'line', name: curve.name, colour: curve.colour, dash: curve.dash,
		               y: xs.map((x) => (at.has(x) ? at.get(x) : null)), dots: curve.points.length < 12 };
		if (!curve.band)
			return [line];
		return [{ kind: 'ranges', colour: curve.colour, at: curve.band }, line];
	});
	return {
		label, height, layers,
		x: { values: xs, range: [0, most * 1.02], text: percentText,
		     splits: [0, nines(50), ...Array.from({ length: Math.floor(most * 1.02) }, (_, i) => i + 1)], label: 'share of the events' },
		y: { quantity: TIME, log: true },
		read: (i) => `${xs[i] > 0 ? `${Number((100 - 100 / 10 ** xs[i]).toPrecision(6))}\u00a0% within: ` : 'Least: '}`
			+ curves.map((curve) => [curve, new Map(curve.points).get(xs[i])]).filter(([, ns]) => known(ns))
				.map(([curve, ns]) => `${curve.name} ${show(ns, TIME)}`).join(', '),
	};
}
