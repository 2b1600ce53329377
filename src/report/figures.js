// SPDX-License-Identifier: MIT
// figures.js - numbers as people read them, and what many of them come to.
'use strict';

const UNKNOWN = '\u2013';

const known = (value) => typeof value === 'number' && Number.isFinite(value);
const list = (value) => (Array.isArray(value) ? value : []);
const object = (value) => (value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {});
const words = (value) => (typeof value === 'string' ? value : '');

// A quantity has steps of units; the first is for what is below the second.
const steps = (...units) => units.map((unit, i) => ({ unit, by: 1000 ** i }));
const TIME = { steps: steps('ns', 'µs', 'ms', 's') };
const COUNT = { steps: steps('', 'k', 'M', 'G') };
const RATE = { steps: steps('/s', 'k/s', 'M/s', 'G/s') };
const RATIO = { steps: [{ unit: '×', by: 1 }] };
const SHARE = { places: 1, steps: [{ unit: '%', by: 0.01 }] };
const PLAIN = { steps: [{ unit: '', by: 1 }] };
const WHOLE = { whole: true, steps: [{ unit: '', by: 1 }] };

const named = (unit) => ({ steps: [{ unit, by: 1 }] });
function quantityOf(unit) {
	const known_units = { ns: TIME, 'events/s': RATE, '1/s': RATE, '/s': RATE, '': PLAIN, '%': named('%') };
	return Object.hasOwn(known_units, unit) ? known_units[unit] : named(unit);
}

// 0.0123, 1.23, 12.3, 123, 1,234
function digits(value) {
	const size = Math.abs(value);
	if (size === 0)
		return '0';
	const places = size >= 99.95 ? 0 : Math.min(4, 2 - Math.floor(Math.log10(size * 1.0005)));
	return fixed(value, places);
}

function fixed(value, places) {
	const [whole, part] = Math.abs(value).toFixed(places).split('.');
	const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
	const text = part === undefined ? grouped : `${grouped}.${part}`;
	return value < 0 && /[1-9]/.test(text) ? `\u2212${text}` : text;
}

function stepFor(value, quantity) {
	const size = Math.abs(value);
	let found = quantity.steps[0];
	for (const step of quantity.steps)
		if (size >= step.by * 0.9995)
			found = step;
	return found;
}

// With its unit: "548 ns", "80.4 M/s".
function show(value, quantity) {
	if (!known(value))
		return UNKNOWN;
	if (quantity.whole)
		return fixed(value, 0);
	const step = stepFor(value, quantity);
	const number = digits(value / step.by);
	return step.unit === '' ? number : `${number}${step.unit.startsWith('/') ? '' : '\u00a0'}${step.unit}`;
}

// One unit and as many decimals for all of a column, where that leaves them readable.
function forColumn(values, quantity, each) {
	const sizes = values.filter(known).map(Math.abs).filter((size) => size > 0).sort((a, b) => a - b);
	if (quantity.whole || sizes.length === 0)
		return { unit: '', show: (value) => (known(value) ? fixed(value, 0) : UNKNOWN) };
	const least = sizes[0], most = sizes[sizes.length - 1];
	if (quantity.steps.length > 1 && (each || most / least > 2000))
		return { unit: '', show: (value) => show(value, quantity) };
	const step = stepFor(sizes[Math.floor(sizes.length / 2)], quantity);
	const places = Math.max(0, Math.min(quantity.places || 3, 2 - Math.floor(Math.log10(least / step.by * 1.0005))));
	return { unit: step.unit, show: (value) => (known(value) ? fixed(value / step.by, places) : UNKNOWN) };
}

// -- of many -------------------------------------------------------------------

const sorted = (values) => values.filter(known).sort((a, b) => a - b);

// Between two the nearer counts more, as in `weir bench` itself.
function quantile(ordered, share) {
	if (ordered.length === 0)
		return undefined;
	const at = share * (ordered.length - 1), low = Math.floor(at);
	const next = ordered[Math.min(low + 1, ordered.length - 1)];
	return ordered[low] + (next - ordered[low]) * (at - low);
}

function spreadOf(values) {
	const ordered = sorted(values);
	return { count: ordered.length, median: quantile(ordered, 0.5), low: quantile(ordered, 0.25),
	         high: quantile(ordered, 0.75), least: ordered[0], most: ordered[ordered.length - 1] };
}

function extent(values) {
	let least = Infinity, most = -Infinity;
	for (const value of values) {
		if (!known(value))
			continue;
		least = Math.min(least, value);
		most = Math.max(most, value);
	}
	return least <= most ? [least, most] : null;
}

function plural(count, word) {
	return `${fixed(count, 0)} ${word}${count === 1 ? '' : 's'}`;
}
