// SPDX-License-Identifier: MIT
// browser.js - a page in a headless Chromium, with all it says and asks for kept, and what can be
// seen of it.
'use strict';

const assert = require('assert');
const { pathToFileURL } = require('url');
const puppeteer = require('puppeteer-core');

const LIGHT = [{ name: 'prefers-color-scheme', value: 'light' }];
const DARK = [{ name: 'prefers-color-scheme', value: 'dark' }];

// In the page before its scripts: what is copied, by the clipboard or by the old way, and a look at
// a canvas that leaves it as it is.
function prepare() {
	window.copies = [];
	window.dotsOf = (canvas) => {
		const copy = document.createElement('canvas');
		Object.assign(copy, { width: canvas.width, height: canvas.height });
		const context = copy.getContext('2d', { willReadFrequently: true });
		context.drawImage(canvas, 0, 0);
		return context.getImageData(0, 0, copy.width, copy.height).data;
	};
	Object.defineProperty(navigator, 'clipboard', { value: {
		writeText: async (text) => {
			if (window.hasNoClipboard)
				throw new Error('not allowed');
			window.copies.push(text);
		},
	} });
	document.addEventListener('copy', () => window.copies.push(document.activeElement.value));
}

// The browser with one page, whatever is shown in it: a page of its own for each takes long.
async function launch(executablePath) {
	const browser = await puppeteer.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
	const page = await browser.newPage();
	page.said = [];
	page.on('console', (message) => page.said.push(`console: ${message.text()}`));
	page.on('pageerror', (error) => page.said.push(`error: ${error.message}`));
	page.on('dialog', (dialog) => { page.said.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
	page.on('request', (request) => {
		if (request.url() !== page.shown && !request.url().startsWith('data:'))
			page.said.push(`request: ${request.url()}`);
	});
	await page.evaluateOnNewDocument(prepare);
	return { browser, page };
}

async function openPage(page, file, { width = 1200, features = LIGHT } = {}) {
	page.shown = pathToFileURL(file).href;
	await page.setViewport({ width, height: 900 });
	await page.emulateMediaType('screen');
	await page.emulateMediaFeatures(features);
	// What the last one still says is not this one's.
	page.said.length = 0;
	await page.goto(page.shown);
	await settle(page);
}

// Observers and what they draw are through after two frames.
function settle(page) {
	return page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))));
}

// Said nothing, asked for nothing.
function isQuiet(page) {
	assert.deepStrictEqual(page.said, []);
}

// How many dots of each canvas have a colour of the data, and how many are as opaque as that.
function inkOf(page) {
	return page.evaluate(() => {
		const style = getComputedStyle(document.documentElement);
		const colours = ['total', 'waiting', 'handling', 'fourth', 'fifth', 'sixth', 'dots'].map((name) => {
			const value = parseInt(style.getPropertyValue(`--${name}`).trim().slice(1), 16);
			return [value >> 16, (value >> 8) & 255, value & 255];
		});
		return [...document.querySelectorAll('canvas')].map((canvas) => {
			const data = window.dotsOf(canvas);
			let count = 0;
			for (let i = 0; i < data.length; i += 4)
				if (data[i + 3] > 200 && colours.some((one) => one.every((part, k) => Math.abs(part - data[i + k]) < 12)))
					count++;
			return count;
		});
	});
}

// So many dots of one colour in one canvas, as columns: each is where something stands.
function columnsOf(page, index, name) {
	return page.evaluate((i, colour) => {
		const canvas = document.querySelectorAll('canvas')[i];
		const value = parseInt(getComputedStyle(document.documentElement).getPropertyValue(`--${colour}`).trim().slice(1), 16);
		const parts = [value >> 16, (value >> 8) & 255, value & 255];
		const data = window.dotsOf(canvas);
		const has = Array.from({ length: canvas.width }, (_, x) => {
			let count = 0;
			for (let y = 0; y < canvas.height; y++)
				if (parts.every((part, k) => Math.abs(part - data[4 * (y * canvas.width + x) + k]) < 12) && data[4 * (y * canvas.width + x) + 3] > 200)
					count++;
			return count > 4;
		});
		return has.filter((there, x) => there && !has[x - 1]).length;
	}, index, name);
}

// What is true of each page, whatever is in it.
async function looksWell(page) {
	isQuiet(page);
	const found = await page.evaluate(() => ({
		text: document.body.innerText,
		wide: document.documentElement.scrollWidth - innerWidth,
		ids: [...document.querySelectorAll('[id]')].map((one) => one.id),
		links: [...document.querySelectorAll('nav a')].map((one) => one.hash.slice(1)),
		sections: [...document.querySelectorAll('section')].map((one) => one.id),
		policy: document.querySelector('meta[http-equiv]').content,
		scripts: document.scripts.length,
		images: document.querySelectorAll('img, svg, iframe, object, embed').length,
		title: document.title,
		unnamed: [...document.querySelectorAll('button, input, select, .chart')].filter((one) =>
			!(one.getAttribute('aria-label') || one.textContent.trim() || one.closest('label'))).length,
	}));
	for (const bad of ['NaN', 'undefined', '[object', 'Infinity', 'cannot be shown'])
		assert.ok(!found.text.includes(bad), `it has '${bad}'`);
	assert.ok(found.wide <= 0, `the page is ${found.wide} wider than the window`);
	assert.strictEqual(new Set(found.ids).size, found.ids.length, 'an id is there twice');
	assert.deepStrictEqual(found.links, found.sections);
	assert.ok(found.sections.length > 0);
	assert.match(found.policy, /^default-src 'none';/);
	assert.ok(!/unsafe|https?:|\*/.test(found.policy), found.policy);
	assert.strictEqual(found.scripts, 3);
	assert.strictEqual(found.images, 0);
	assert.strictEqual(found.unnamed, 0, 'a control without a name');
	assert.match(found.title, /^weir /);
	(await inkOf(page)).forEach((count, i) => assert.ok(count > 15, `chart ${i + 1} is blank (${count})`));
}

// How many dots of a canvas are as transparent as an area is.
function areaOf(page, index) {
	return page.evaluate((i) => {
		const data = window.dotsOf(document.querySelectorAll('canvas')[i]);
		let count = 0;
		for (let at = 3; at < data.length; at += 4)
			count += data[at] > 40 && data[at] < 52;
		return count;
	}, index);
}

// Black on white is 21; small text is to have 4.5.
function contrasts(page, selector) {
	return page.evaluate((wanted) => {
		const parts = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);
		const light = (rgb) => rgb.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
			.reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
		const groundOf = (one) => {
			for (let up = one; up; up = up.parentElement) {
				const colour = getComputedStyle(up).backgroundColor;
				if (!/, 0\)$/.test(colour))
					return parts(colour);
			}
			return [255, 255, 255];
		};
		return [...document.querySelectorAll(wanted)].map((one) => {
			const pair = [light(parts(getComputedStyle(one).color)), light(groundOf(one))].sort((a, b) => b - a);
			return (pair[0] + 0.05) / (pair[1] + 0.05);
		});
	}, selector);
}

const texts = (page, selector) => page.$$eval(selector, (all) => all.map((one) => one.textContent.trim()));
const readData = (page) => page.evaluate(() => JSON.parse(document.getElementById('data').textContent));
const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

module.exports = { LIGHT, DARK, launch, openPage, settle, isQuiet, inkOf, columnsOf, areaOf, looksWell, contrasts, texts, readData, ground };
