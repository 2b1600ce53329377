// SPDX-License-Identifier: MIT
// check.js BROWSER WEIR PAGE_WRITE [WORD] - the pages of `weir bench --report` and of a tuning, opened in a
// headless Chromium and clicked through (npm: puppeteer-core). WORD: only checks with it in their name.
'use strict';

const assert = require('assert');
const { execFileSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { LIGHT, DARK, launch, openPage, settle, isQuiet, inkOf, columnsOf, areaOf, looksWell, contrasts, texts, readData,
	ground } = require('./browser.js');

const [chromium, weir, pageWrite, word = ''] = process.argv.slice(2);
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-report-'));
const tune = JSON.parse(fs.readFileSync(path.join(__dirname, 'tune.json'), 'utf8'));
let page, count = 0;

async function check(name, body) {
	const begin = Date.now();
	if (!name.includes(word))
		return;
	count++;
	try {
		await body();
		console.log(`ok ${count} - ${name} # ${Date.now() - begin} ms`);
	} catch (error) {
		console.log(`not ok ${count} - ${name}`);
		console.log(String(error.stack).replace(/^/gm, '# '));
		process.exitCode = 1;
	}
}

async function withPage(file, options, body) {
	await openPage(page, file, options);
	await body(page);
}

const clone = (value) => JSON.parse(JSON.stringify(value));

function pageOf(name, result) {
	const file = path.join(dir, `${name}.html`);
	execFileSync(pageWrite, [file], { input: typeof result === 'string' ? result : JSON.stringify(result) });
	return file;
}

// A real run; the page and what --json printed beside it.
function bench(name, ...args) {
	const file = path.join(dir, `${name}.html`);
	const out = execFileSync(weir, ['bench', '--warmup', '5ms', '--json', '--report', file, ...args],
	                         { encoding: 'utf8', maxBuffer: 1 << 28 });
	return { file, result: JSON.parse(out) };
}

// As the page has them: 548 ns, 80.4 M.
function inUnits(value, units) {
	const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(value * 1.0005) / 3)));
	return `${(value / 1000 ** step).toPrecision(3)}\u00a0${units[step]}`;
}
const SPEEDS = ['/s', 'k/s', 'M/s', 'G/s'], TIMES = ['ns', 'µs', 'ms', 's'];

async function sortBy(page, section, title) {
	await page.evaluate((id, name) => {
		[...document.querySelectorAll(`#${id} th button`)].find((one) => one.textContent === name).click();
	}, section, title);
}

// The first table of a part; index: from 1.
const column = (page, section, index) => page.$eval(`#${section} table`, (table, i) =>
	[...table.tBodies[0].rows].map((row) => Number(row.cells[i - 1].textContent.replaceAll(',', ''))), index);

async function hover(page, index, share) {
	const chart = (await page.$$('.chart .u-over'))[index];
	await chart.evaluate((one) => one.scrollIntoView({ block: 'center' }));
	await settle(page);
	const box = await chart.boundingBox();
	await page.mouse.move(box.x + box.width * share, box.y + box.height / 2);
	return (await texts(page, '.readout'))[index];
}

// -- pages of real runs ------------------------------------------------------------

async function checkThroughput() {
	const { file, result } = bench('throughput', '--scenario', '1p1c', '--duration', '40ms', '--repeat', '4');
	await check('throughput: it looks well', () => withPage(file, {}, looksWell));
	await check('throughput: it has what --json printed', () => withPage(file, {}, async (page) =>
		assert.deepStrictEqual(await readData(page), result)));
	await check('throughput: the headline is the median', () => withPage(file, {}, async (page) => {
		const [headline] = await texts(page, '.headline');
		const speed = inUnits(result.events_per_second.median, ['', 'k', 'M', 'G']);
		assert.ok(headline.startsWith(`${speed} events a second, the median of 4 runs`), `${headline} ${speed}`);
	}));
	await check('throughput: each run is a dot, and has its figure', () => withPage(file, {}, async (page) => {
		const all = await columnsOf(page, 0, 'total') + await columnsOf(page, 0, 'waiting');
		assert.ok(all >= 4, `${all} places with dots`);
		for (const [i, share] of [[0, 0.01], [3, 0.99]])
			assert.ok((await hover(page, 0, share)).startsWith(`Run ${i + 1}: ${inUnits(result.runs[i].events_per_second, SPEEDS)}`));
	}));
	await check('throughput: sorted by a click, and back', () => withPage(file, {}, async (page) => {
		const figures = result.runs.map((run) => run.events);
		await sortBy(page, 'table', 'events');
		assert.deepStrictEqual(await column(page, 'table', 2), figures.slice().sort((a, b) => a - b));
		assert.deepStrictEqual(await page.$$eval('#table th[aria-sort]', (all) => all.map((one) => one.ariaSort)), ['ascending']);
		await sortBy(page, 'table', 'events');
		assert.deepStrictEqual(await column(page, 'table', 2), figures.slice().sort((a, b) => b - a));
		isQuiet(page);
	}));
	await check('throughput: numbers stand at the right', () => withPage(file, {}, async (page) =>
		assert.deepStrictEqual(await page.$eval('#table tbody td', (one) => getComputedStyle(one).textAlign), 'right')));
	const steady = clone(result);
	steady.runs.forEach((run, i) => { run.event_ns = 10 + i; run.disturbed = i === 1; });
	const steadyFile = pageOf('steady', steady);
	await check('throughput: another figure, from zero', () => withPage(steadyFile, {}, async (page) => {
		await page.select('#throughput select', '1');
		await settle(page);
		assert.match(await page.$eval('#throughput .chart', (one) => one.getAttribute('aria-label')),
		             /^time for an event by run: median 11\.5\sns, quartiles 10\.8\sns and 12\.3\sns$/);
		assert.deepStrictEqual(await texts(page, '#throughput .legend li'), ['quartiles', 'median', 'a run', 'a run that was disturbed']);
		const before = await page.$eval('#throughput canvas', (one) => one.toDataURL());
		await page.click('#throughput input');
		await settle(page);
		assert.ok(await page.$eval('#throughput canvas', (one) => one.toDataURL()) !== before, 'nothing changed');
		await looksWell(page);
	}));
	await check('throughput: a run that was disturbed is marked', () => withPage(steadyFile, {}, async (page) => {
		assert.strictEqual(await columnsOf(page, 0, 'waiting'), 1);
		assert.ok(await areaOf(page, 0) > 20000, 'no quartiles');
		assert.deepStrictEqual(await page.$eval('#table table', (table) => [...table.tBodies[0].rows].map((row) => row.querySelectorAll('.mark').length)), [0, 1, 0, 0]);
		assert.match((await texts(page, '#machine p'))[0], /^Other processes or the hypervisor disturbed 1 of 4 runs/);
	}));
	await check('throughput: what is told of the machine', () => withPage(file, {}, async (page) => {
		const [machine] = await texts(page, '#machine');
		for (const word of [result.machine.kernel, result.machine.compiler, 'yardstick, before'])
			assert.ok(machine.includes(word) || result.runs[0].yardstick_ns[0] === null, word);
		assert.ok((await texts(page, '#repeat code'))[0].startsWith('weir bench --warmup 5ms'));
		assert.ok((await texts(page, '#latency')).join().includes('There is none'));
	}));
}

async function checkLatency() {
	const { file, result } = bench('latency', '--rate', '50k', '--duration', '60ms', '--repeat', '3', '--no-yardstick',
	                               '--on', '>:cost=2us', '--on', 'bench.*.update');
	await check('latency: it looks well', () => withPage(file, {}, looksWell));
	await check('latency: in the dark, on a phone', () => withPage(file, { width: 375, features: DARK }, looksWell));
	await check('latency: three curves, each with its end', () => withPage(file, {}, async (page) => {
		assert.deepStrictEqual(await texts(page, '#latency figure:first-of-type .legend li'),
		                       ['total', 'waiting', 'handling']);
		const label = (share) => hover(page, 1, share);
		const last = await label(0.999), total = result.latency[0].total;
		assert.match(last, /% within: total [\d.]+\s(ns|µs|ms|s), waiting .*, handling /);
		assert.strictEqual(total.percentiles.at(-1)[1], total.max);
		assert.match(await label(0.001), /^Least: total /);
	}));
	await check('latency: percentiles that so few events do not have are absent', () => withPage(file, {}, async (page) => {
		const heads = await page.$eval('#table table', (table) => [...table.tHead.rows[0].cells].map((one) => one.textContent));
		assert.ok(heads.some((one) => one.startsWith('p99.9')) === (result.runs[0].latency[0].total.count >= 1000));
		assert.ok(!heads.some((one) => one.startsWith('p99.99')), heads.join());
	}));
	await check('latency: the other handler', () => withPage(file, {}, async (page) => {
		const labels = () => page.$$eval('#latency .chart', (all) => all.map((one) => one.getAttribute('aria-label')));
		assert.match((await labels())[0], />$/);
		await page.select('#latency select', '1');
		await settle(page);
		assert.match((await labels())[0], /bench\.\*\.update$/);
		await looksWell(page);
	}));
	await check('latency: the table has the percentiles of --json', () => withPage(file, {}, async (page) => {
		const cells = await texts(page, '#latency tbody tr:first-child td');
		const p50 = result.latency[0].total.p50;
		assert.strictEqual(cells[0], '>');
		assert.strictEqual(cells[4], inUnits(p50, TIMES));
	}));
}

// -- the page of a tuning ------------------------------------------------------------

async function checkTune() {
	const file = pageOf('tune', tune), best = tune.trials[tune.best];
	for (const [name, options] of Object.entries({ 'in the light': {}, 'in the dark': { features: DARK }, 'on a phone': { width: 375 },
	                                               'on a phone in the dark': { width: 375, features: DARK } }))
		await check(`tune: it looks well ${name}`, () => withPage(file, options, looksWell));
	await check('tune: the headline', () => withPage(file, {}, async (page) => {
		const [headline] = await texts(page, '.headline');
		assert.ok(headline.startsWith('wait=spin dispatchers=1 batch=1024 is the best for p99 at 100,000 events a second: '
			+ `${best.median}\u00a0ns. That is 24.8\u00a0% better than the default, 1.14\u00a0µs.`), headline);
		assert.strictEqual(await page.title(), 'weir tune: p99, at 100,000 events a second, 26 November 2026, 03:50 UTC');
	}));
	await check('tune: what could not be told apart', () => withPage(file, {}, async (page) => {
		assert.deepStrictEqual(await texts(page, '#result li'), ['wait=spin dispatchers=1 batch=64']);
		assert.deepStrictEqual(await texts(page, '#table tr.best .mark, #table tr.alike .mark'), ['best', 'as good']);
	}));
	await check('tune: the table begins with the best, and is sorted', () => withPage(file, {}, async (page) => {
		const medians = tune.trials.map((trial) => trial.median).sort((a, b) => a - b);
		const shown = async () => (await column(page, 'table', 6)).map((us) => Math.round(us * 1000));
		const first = [tune.best, ...tune.alike, tune.default].map((index) => tune.trials[index].median);
		assert.deepStrictEqual(await shown(), [...first, ...medians.filter((one) => !first.includes(one))]);
		await sortBy(page, 'table', 'p99, median');
		assert.deepStrictEqual(await shown(), medians);
		await sortBy(page, 'table', 'p99, median');
		assert.deepStrictEqual(await shown(), medians.slice().reverse());
		await sortBy(page, 'table', 'wait');
		const waits = await texts(page, '#table tbody tr td:nth-child(3)');
		assert.deepStrictEqual(waits, waits.slice().sort());
	}));
	await check('tune: the heat map', () => withPage(file, {}, async (page) => {
		const cells = await page.$$eval('.heat tbody td', (all) => all.map((one) => [one.textContent, one.className]));
		assert.strictEqual(cells.length, 6);
		assert.deepStrictEqual(cells.map(([text]) => text), ['1.141', '1.425', '★ 0.914', '1.154', '5.910', '–']);
		assert.deepStrictEqual(cells.map(([, name]) => name), ['h-5', 'h-5', 'h-6 best', 'h-5', 'h-0', 'unmeasured']);
		const shades = await page.$$eval('.heat td[class^="h-"]', (all) => all.map((one) => getComputedStyle(one).backgroundColor));
		assert.strictEqual(new Set(shades).size, 3);
		await page.select('#heat label:last-child select', '2');
		assert.deepStrictEqual(await texts(page, '.heat thead th'), ['64', '1024']);
		await page.select('#heat label:last-child select', '0');
		assert.strictEqual((await page.$$('.heat')).length, 0);
	}));
	for (const [name, features] of [['light', LIGHT], ['dark', DARK]])
		await check(`tune: it can be read in the ${name}`, () => withPage(file, { features }, async (page) => {
			const all = await page.evaluate(() => {
				const row = document.querySelector('.heat tbody tr');
				for (let step = 0; step < 7; step++) {
					const cell = row.insertCell();
					cell.className = `h-${step}`;
					cell.textContent = step;
				}
			}).then(() => contrasts(page, '.heat td, td, th, p, dt, dd, h1, h2, h3, li, button, nav a, .mark, figcaption'));
			assert.ok(all.length > 200);
			assert.ok(Math.min(...all) >= 4.5, `${Math.min(...all)}`);
		}));
	await check('tune: charts of each dimension, with their spread', () => withPage(file, {}, async (page) => {
		assert.deepStrictEqual(await texts(page, '#dimensions h3'), ['wait', 'dispatchers', 'batch']);
		const charts = await page.$$eval('.chart', (all) => all.map((one) => one.closest('section').id));
		assert.deepStrictEqual(charts, ['goal', 'dimensions', 'dimensions', 'dimensions', 'percentiles']);
		assert.strictEqual(await hover(page, 1, 0.5), 'wait=spin: 914\u00a0ns with the others as in the best; median of 4 settings 1.04\u00a0µs');
		assert.strictEqual(await hover(page, 0, 0.001), 'wait=spin dispatchers=1 batch=1024: '
			+ `914\u00a0ns, ${best.low}\u00a0ns to ${best.high}\u00a0ns`);
		for (const [colour, places] of [['total', 1], ['waiting', 1], ['sixth', 1]])
			assert.strictEqual(await columnsOf(page, 0, colour), places, colour);
		// The best, the default and the other that is as good are in colours of their own.
		assert.strictEqual(await columnsOf(page, 0, 'dots'), 7);
	}));
	await check('tune: a spread is drawn as wide as it is', async () => {
		const wide = clone(tune);
		for (const trial of wide.trials)
			Object.assign(trial, { low: trial.low / 3, high: trial.high * 3 });
		const inks = [];
		for (const result of [tune, wide])
			await withPage(pageOf('spread', result), {}, async () => inks.push(await inkOf(page)));
		inks[0].slice(0, 4).forEach((ink, i) => assert.ok(inks[1][i] !== ink && (i > 0 || inks[1][i] > ink + 80), `chart ${i + 1}: ${ink}, ${inks[1][i]}`));
	});
	await check('tune: percentiles stand at their nines', () => withPage(file, {}, async (page) => {
		for (const [nine, text] of [[0.301, '50'], [1, '90'], [2, '99'], [3, '99.9'], [4, '99.99']]) {
			const ns = best.percentiles.find(([percent]) => percent === Number(text))[1];
			assert.ok((await hover(page, 4, nine / 4.08)).startsWith(`${text}\u00a0% within: wait=spin dispatchers=1 batch=1024 (best) ${inUnits(ns, TIMES)},`), text);
		}
	}));
	await check('tune: other figures of the settings', () => withPage(file, {}, async (page) => {
		const names = await texts(page, '#goal option');
		assert.deepStrictEqual(names, ['p99', 'events a second', 'p50', 'p99', 'p99.9', 'processors']);
		for (let i = 0; i < names.length; i++) {
			await page.select('#goal select', String(i));
			await settle(page);
			assert.ok((await inkOf(page))[0] > 15, names[i]);
			assert.ok((await page.$eval('#goal .chart', (one) => one.getAttribute('aria-label'))).startsWith(names[i]));
		}
	}));
	await check('tune: curves are added and taken away', () => withPage(file, {}, async (page) => {
		const names = () => texts(page, '#percentiles .legend li');
		assert.deepStrictEqual(await names(), ['wait=spin dispatchers=1 batch=1024 (best)', 'wait=adaptive dispatchers=1 batch=1024 (default)', 'wait=spin dispatchers=1 batch=64']);
		const boxes = await page.$$('#table input');
		await boxes[boxes.length - 1].click();
		assert.strictEqual((await names())[3], 'wait=park dispatchers=1 batch=64');
		await boxes[boxes.length - 1].click();
		assert.strictEqual((await names()).length, 3);
		for (const box of boxes)
			if (!await box.evaluate((one) => one.checked))
				await box.click();
		assert.strictEqual((await names()).length, 6);
		assert.strictEqual((await page.$$('#table input:checked')).length, 6);
		await settle(page);
		isQuiet(page);
	}));
	await check('tune: what varied, and whether it matters', () => withPage(file, {}, async (page) => {
		assert.deepStrictEqual(await texts(page, '#varied tbody tr:first-child td'), ['wait', 'adaptive, spin, park', 'spin', '24.0', '< 0.001', 'yes']);
		assert.ok((await texts(page, '#varied tbody tr:last-child td')).includes('not seen'));
	}));
}

async function checkControls() {
	const file = pageOf('controls', tune);
	const copied = (page) => page.evaluate(() => window.copies);
	for (const hasNone of [false, true])
		await check(`copying${hasNone ? ', where there is no clipboard' : ''}`, () => withPage(file, {}, async (page) => {
			await page.evaluate((none) => { window.hasNoClipboard = none; }, hasNone);
			for (const button of await page.$$('.copy button, #repeat p button'))
				await button.click();
			await page.waitForFunction(() => window.copies.length === 4);
			const [ini, c, command, data] = await copied(page);
			assert.deepStrictEqual([ini, c, command], [tune.ini, tune.c, tune.command]);
			assert.deepStrictEqual(JSON.parse(data), tune);
			assert.deepStrictEqual(await texts(page, '.copy button'), ['Copied', 'Copied', 'Copied']);
			isQuiet(page);
		}));
	await check('colours: as the system has them, and the other way by a click', () => withPage(file, { features: DARK }, async (page) => {
		const dark = await ground(page), curve = await page.$eval('canvas', (one) => one.toDataURL());
		await page.click('#theme');
		assert.strictEqual(await ground(page), 'rgb(255, 255, 255)');
		assert.notStrictEqual(dark, 'rgb(255, 255, 255)');
		assert.notStrictEqual(await page.$eval('canvas', (one) => one.toDataURL()), curve);
		await looksWell(page);
		await page.click('#theme');
		assert.strictEqual(await ground(page), dark);
		await looksWell(page);
	}));
	await check('colours: the system changes', () => withPage(file, {}, async (page) => {
		await page.emulateMediaFeatures(DARK);
		await settle(page);
		assert.notStrictEqual(await ground(page), 'rgb(255, 255, 255)');
		await looksWell(page);
	}));
	await check('paper: light, without what is for a screen, and the screen as before', () => withPage(file, { width: 690, features: DARK }, async (page) => {
		const dark = await ground(page);
		await page.emulateMediaType('print');
		await settle(page);
		assert.strictEqual(await ground(page), 'rgb(255, 255, 255)');
		assert.deepStrictEqual(await page.$$eval('nav, #theme, .copy button, select, td input', (all) => all.filter((one) => one.checkVisibility()).length), 0);
		await looksWell(page);
		assert.ok((await page.pdf({ format: 'A4' })).length > 20000);
		// The media alone would take the features back.
		await page.emulateMediaType('screen');
		await page.emulateMediaFeatures(DARK);
		await settle(page);
		assert.strictEqual(await ground(page), dark);
		await looksWell(page);
	}));
	await check('the keyboard reaches all and does all', () => withPage(file, {}, async (page) => {
		await page.keyboard.press('Tab');
		assert.strictEqual(await page.evaluate(() => document.activeElement.className), 'skip');
		await page.keyboard.press('Tab');
		await page.keyboard.press('Enter');
		assert.notStrictEqual(await ground(page), 'rgb(255, 255, 255)');
		await page.focus('#table th:nth-child(3) button');
		await page.keyboard.press('Enter');
		assert.strictEqual(await page.$eval('#table th:nth-child(3)', (one) => one.ariaSort), 'ascending');
		await page.focus('#dimensions .chart');
		await page.keyboard.press('ArrowRight');
		assert.match((await texts(page, '.readout'))[1], /^wait=adaptive: /);
		await page.keyboard.press('ArrowRight');
		assert.match((await texts(page, '.readout'))[1], /^wait=spin: /);
		const passed = new Set();
		for (let i = 0; i < 120; i++) {
			await page.keyboard.press('Tab');
			passed.add(await page.evaluate(() => `${document.activeElement.tagName}.${document.activeElement.className}`));
		}
		for (const one of ['SELECT.', 'INPUT.', 'PRE.', 'PRE.wraps', 'DIV.scroll', 'DIV.chart', 'A.', 'BUTTON.'])
			assert.ok(passed.has(one), one);
	}));
	await check('narrower and wider again: charts fit', () => withPage(file, {}, async (page) => {
		for (const width of [375, 800, 1200]) {
			await page.setViewport({ width, height: 900 });
			await settle(page);
			await settle(page);
			await looksWell(page);
			assert.ok(await page.$$eval('.chart', (all) => all.every((one) => Math.abs(one.querySelector('.uplot').offsetWidth - one.clientWidth) < 2)), `${width}`);
		}
	}));
	await check('nothing can be loaded, and no other script runs', () => withPage(file, {}, async (page) => {
		await page.evaluate(async (address) => {
			const script = document.createElement('script');
			script.textContent = 'window.pwned = 1';
			document.body.append(script);
			const link = document.createElement('p');
			link.innerHTML = '<b onclick="window.pwned = 1">x</b>';
			document.body.append(link);
			link.firstChild.click();
			const image = new Image();
			image.src = address;
			await image.decode().then(() => { window.pwned = 1; }, () => {});
			await fetch(address).then(() => { window.pwned = 1; }, () => {});
		}, `file://${file}`);
		assert.strictEqual(await page.evaluate(() => window.pwned), undefined);
	}));
}

// -- what nobody meant -----------------------------------------------------------------

const NASTY = ['</script><script>window.pwned=1</script>', '<img src=x onerror=window.pwned=1>', '<!--<script>', ']]>\u2028\u2029',
	'__proto__', 'constructor', 'toString', '\u202egnp.exe', 'a'.repeat(3000), '"\'&amp;\\\n\t\u0007', '%s ${x} {{x}}', '\ud83d\udc1f é 水', ''];

// Every text in it is one of them.
function makeNasty(value, turn = { at: 0 }) {
	if (typeof value === 'string')
		return NASTY[turn.at++ % NASTY.length];
	if (Array.isArray(value))
		return value.map((one) => makeNasty(one, turn));
	return value !== null && typeof value === 'object'
		? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, key === 'kind' || key === 'loop' ? one : makeNasty(one, turn)])) : value;
}

function nastyTune() {
	const result = makeNasty(tune);
	// Names that its trials have, too.
	result.varied = [0, 4, 8].map((at, i) => ({ name: NASTY[at + i], values: [NASTY[at + 1], NASTY[at + 2], '', NASTY[at]] }));
	// __proto__ as a name needs its own way to be one.
	result.trials = JSON.parse(JSON.stringify(result.trials).replaceAll('"settings":{', '"settings":{"__proto__":"x",'));
	result.trials.forEach((trial, i) => result.varied.forEach(({ name, values }) =>
		Object.defineProperty(trial.settings, name, { value: values[i % 4], enumerable: true, configurable: true, writable: true })));
	result.goal.unit = '</p>';
	result.effects.forEach((effect, i) => { effect.name = result.varied[i].name; });
	return result;
}

// The same with one part of it gone, or something else.
function* damaged(result) {
	const others = [undefined, null, 'x', -1, 0, 1e300, [], {}, [null], true];
	let turn = 0;
	const places = [];
	const walk = (value, place) => {
		if (place.length > 0)
			places.push(place);
		if (value !== null && typeof value === 'object' && place.length < 5)
			Object.keys(value).slice(0, Array.isArray(value) ? 1 : 50).forEach((key) => walk(value[key], [...place, key]));
	};
	walk(result, []);
	for (const place of places) {
		const copy = clone(result), last = place[place.length - 1];
		const parent = place.slice(0, -1).reduce((value, key) => value[key], copy);
		if (last === 'kind' || turn++ % 3 !== 0)
			continue;
		const other = others[Math.floor(turn / 3) % others.length];
		if (other === undefined)
			delete parent[last];
		else
			parent[last] = other;
		yield [place.join('/'), copy];
	}
}

async function checkHostile(benchResult) {
	for (const [name, result] of [['a tuning', nastyTune()], ['a bench', makeNasty(benchResult)]])
		for (const width of [1200, 375])
			await check(`nasty names in ${name}, ${width} wide`, async () => {
				const file = pageOf('nasty', result);
				await withPage(file, { width }, async (page) => {
					isQuiet(page);
					assert.strictEqual(await page.evaluate(() => window.pwned), undefined);
					assert.strictEqual(JSON.stringify(await page.evaluate(() => document.getElementById('data').textContent)
						.then(JSON.parse)), JSON.stringify(result));
					assert.deepStrictEqual(await page.evaluate(() => [document.scripts.length, document.querySelectorAll('img').length,
						document.documentElement.scrollWidth - innerWidth <= 0, document.body.innerText.includes('cannot be shown')]),
					[3, 0, true, false]);
					assert.ok((await page.content()).includes('&lt;img src=x'));
				});
			});
	await check('nasty names: in the file there is no < of theirs, and nothing but ASCII', () => {
		const text = fs.readFileSync(pageOf('raw', nastyTune()), 'utf8').match(/id="data">(.*?)<\/script>/s)[1];
		assert.strictEqual(JSON.parse(text).kind, 'tune');
		assert.ok(!/[<\u0080-\uffff]/.test(text));
	});
	for (const [name, result] of Object.entries({
		'nothing': {}, 'a list': [], 'an empty tuning': { kind: 'tune' }, 'one empty trial': { kind: 'tune', trials: [{}] },
		'a trial that is null': { kind: 'tune', trials: [null], best: 0, default: 7, alike: [0, 3, 'x'] },
		'an empty bench': { kind: 'bench', runs: [], parameters: {} }, 'runs of nothing': { kind: 'bench', runs: [{}, null, 3] },
	}))
		await check(`without data: ${name}`, async () => withPage(pageOf('empty', result), { width: 375 }, async (page) => {
			isQuiet(page);
			assert.strictEqual((await page.$$('#repeat')).length, 1);
			assert.ok(!/NaN|undefined|\[object|Infinity|cannot be shown/.test(await page.evaluate(() => document.body.innerText)));
		}));
	await check('one trial alone', async () => withPage(pageOf('one', { ...tune, trials: tune.trials.slice(5, 6), best: 0, default: 0, alike: [] }), {}, async (page) => {
		await looksWell(page);
		assert.match((await texts(page, '.headline'))[0], /That is the default\.$/);
	}));
	await check('more is better', async () => {
		const result = clone(tune);
		result.goal = { name: 'throughput', unit: 'events/s', better: 'more' };
		result.trials.forEach((trial) => { trial.median = 1e12 / trial.median; trial.low = trial.median * 0.9; trial.high = trial.median * 1.1; delete trial.values; });
		await withPage(pageOf('more', result), {}, async (page) => {
			await looksWell(page);
			assert.match((await texts(page, '.headline'))[0], /^wait=spin dispatchers=1 batch=1024 is the best for throughput: 1\.09\sG\/s\. That is 24\.8\s% better/);
			assert.deepStrictEqual(await page.$$eval('.heat tbody td', (all) => all.map((one) => one.className)), ['h-5', 'h-5', 'h-6 best', 'h-5', 'h-0', 'unmeasured']);
			const medians = (await column(page, 'table', 6)).slice(3);
			assert.deepStrictEqual(medians, medians.slice().sort((a, b) => b - a));
		});
	});
	await check('two thousand trials', async () => {
		const trials = Array.from({ length: 2000 }, (_, i) => ({ settings: { wait: `w${i % 10}`, batch: String(i % 20), spin: String(Math.floor(i / 20)) },
		                                                          values: [900 + i, 910 + i, 905 + i], cpu: 1 }));
		const varied = ['wait', 'batch', 'spin'].map((name) => ({ name, values: [...new Set(trials.map((trial) => trial.settings[name]))] }));
		const file = pageOf('many', { ...tune, trials, varied, best: 0, default: 5, alike: [1, 2] });
		const begin = Date.now();
		await withPage(file, { width: 375 }, async (page) => {
			await looksWell(page);
			assert.ok(Date.now() - begin < 8000);
			assert.strictEqual((await page.$$('#table tbody tr')).length, 25);
			assert.strictEqual(await page.$eval('#table .more', (one) => one.textContent), 'Show all 2,000');
			await page.click('#table .more');
			assert.strictEqual((await page.$$('#table tbody tr')).length, 2000);
			assert.strictEqual((await page.$$('.heat tbody td')).length, 200);
			isQuiet(page);
		});
	});
	await check('parts that are gone or something else', async () => {
		await openPage(page, pageOf('damaged', tune), {});
		let many = 0;
		for (const [whole, base] of [['tune', tune], ['bench', benchResult]])
			for (const [place, result] of damaged({ ...base, trials: base.trials && base.trials.slice(3, 7), runs: base.runs && base.runs.slice(0, 2) })) {
				page.said.length = 0;
				fs.writeFileSync(path.join(dir, 'damaged.html'), template(result));
				await page.reload();
				assert.deepStrictEqual(page.said, [], `${whole}: ${place}`);
				assert.strictEqual((await page.$$('#repeat')).length, 1, `${whole}: ${place}`);
				many++;
			}
		assert.ok(many > 60, `${many}`);
		console.log(`# ${many} pages`);
	});
}

// As page_write makes it, without a process for each.
let before, after;
function template(result) {
	if (!before)
		[before, after] = fs.readFileSync(pageOf('template', '[]'), 'utf8').split('id="data">[]<');
	return `${before}id="data">${JSON.stringify(result).replaceAll('<', '\\u003c')}<${after}`;
}

async function main() {
	const opened = await launch(chromium);
	page = opened.page;
	try {
		await checkThroughput();
		await checkLatency();
		await checkTune();
		await checkControls();
		await checkHostile(bench('short', '--rate', '20k', '--duration', '30ms', '--repeat', '2', '--no-yardstick').result);
	} finally {
		await opened.browser.close();
		fs.rmSync(dir, { recursive: true });
	}
	console.log(`1..${count}`);
}

main();
