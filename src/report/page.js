// SPDX-License-Identifier: MIT
// page.js - reads the data, shows them, and turns the colours.

const root = document.documentElement;
const prefersDark = matchMedia('(prefers-color-scheme: dark)');
const printing = matchMedia('print');
const themeButton = document.getElementById('theme');
let chosenTheme = null;

function setTheme() {
	const dark = chosenTheme === null ? prefersDark.matches : chosenTheme === 'dark';
	root.dataset.theme = dark && !isPrinting() ? 'dark' : 'light';
	themeButton.textContent = dark ? 'Light' : 'Dark';
	themeButton.setAttribute('aria-label', dark ? 'Light colours' : 'Dark colours');
	drawAll();
}

// On paper it is light, and as wide as that. Browsers tell of it in one way or the other.
let isBeforePrint = false;
function followPrint(told) {
	if (typeof told === 'boolean')
		isBeforePrint = told;
	const on = isBeforePrint || printing.matches;
	if (on === isPrinting())
		return;
	root.toggleAttribute('data-printing', on);
	setTheme();
}

function followParts() {
	const links = new Map([...parts.querySelectorAll('a')].map((link) => [link.hash.slice(1), link]));
	const inView = new Set();
	const observer = new IntersectionObserver((entries) => {
		for (const entry of entries)
			inView[entry.isIntersecting ? 'add' : 'delete'](entry.target.id);
		const first = [...links.keys()].find((id) => inView.has(id));
		links.forEach((link, id) => (id === first ? link.setAttribute('aria-current', 'true') : link.removeAttribute('aria-current')));
	}, { rootMargin: '-60px 0px -40% 0px' });
	main.querySelectorAll('section').forEach((section) => observer.observe(section));
}

function showResult() {
	const result = object(JSON.parse(document.getElementById('data').textContent));
	const tune = result.kind === 'tune', name = tune ? 'weir tune' : 'weir bench';
	root.dataset.theme = prefersDark.matches ? 'dark' : 'light';
	const about = tune ? showTune(result) : showBench(result);
	const title = about === '' ? name : `${name}: ${about}`, when = timeText(result.time);
	document.title = when === '' ? title : `${title}, ${when}`;
	document.getElementById('title').textContent = title;
	document.getElementById('when').textContent = joined(when, words(object(result.machine).processor),
		words(object(result.machine).kernel));
	document.getElementById('made').textContent = `Made by weir ${words(result.weir)}; charts by uPlot 1.6.32 (MIT licence, in this file).`;
}

themeButton.addEventListener('click', () => {
	chosenTheme = root.dataset.theme === 'dark' ? 'light' : 'dark';
	setTheme();
});
prefersDark.addEventListener('change', setTheme);
printing.addEventListener('change', followPrint);
addEventListener('beforeprint', () => followPrint(true));
addEventListener('afterprint', () => followPrint(false));
showResult();
setTheme();
followParts();
